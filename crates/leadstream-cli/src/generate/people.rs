//! The people: what each is like, from their number alone, and the little that they remember.

use super::catalogue::{BROWSERS, CITIES, MACHINES, PROFESSIONS};
use super::message::push_number;

/// What somebody comes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// A car.
    Car,
    /// Clothes and jewellery.
    Shop,
    /// An offer for a firm.
    Offer,
    /// Everything, to copy it.
    Crawl,
}

/// What is remembered of somebody.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Person {
    /// The site knows the person by an id of its own, not by a cookie.
    pub(super) is_known: bool,
    /// The traits were sent.
    pub(super) is_described: bool,
    /// Gets mails.
    pub(super) is_subscribed: bool,
    /// Was told about the programme of the shop.
    pub(super) is_signed_up: bool,
    /// Has had enough for now.
    pub(super) is_quiet: bool,
    /// Visits so far.
    pub(super) visits: u16,
    /// Mails so far.
    pub(super) mails: u16,
    /// Things in the cart.
    pub(super) cart: u8,
    /// What they cost, in cents.
    pub(super) cart_cents: u32,
    /// The last order, in cents; 0 before the first and after a refund.
    pub(super) ordered_cents: u32,
}

/// A number that is fixed for a person and a question: the finaliser of SplitMix64 over both.
pub(super) fn trait_of(person: u32, question: u64) -> u64 {
    let mut mixed = (u64::from(person) << 8 | question).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// One in so many comes again and again, and buys.
const REGULAR_EVERY: u32 = 1000;
/// The first of them.
const FIRST_REGULAR: u32 = 7;

/// Whether somebody is one of the few who come again and again, and buy.
pub(super) fn is_regular(person: u32) -> bool {
    person % REGULAR_EVERY == FIRST_REGULAR
}

/// How many of those there are among so many people.
pub(super) fn regulars(people: u32) -> u32 {
    people.saturating_sub(FIRST_REGULAR).div_ceil(REGULAR_EVERY)
}

/// One of them, by a number from 0.
pub(super) fn regular(number: u32) -> u32 {
    FIRST_REGULAR + number * REGULAR_EVERY
}

/// Whether somebody has a card of the shop's programme.
pub(super) fn has_card(person: u32, interest: Interest) -> bool {
    is_regular(person) || (interest == Interest::Shop && belongs(person, 14, 20))
}

/// What somebody comes for.
pub(super) fn interest(person: u32, bots: u8) -> Interest {
    if is_regular(person) && bots < 100 {
        return Interest::Shop;
    }
    if trait_of(person, 0) % 100 < u64::from(bots) {
        return Interest::Crawl;
    }
    match trait_of(person, 1) % 10 {
        0..=2 => Interest::Car,
        3..=6 => Interest::Shop,
        _ => Interest::Offer,
    }
}

/// Whether the site knows somebody from the first visit on.
pub(super) fn comes_known(person: u32) -> bool {
    is_regular(person) || trait_of(person, 2) % 10 < 7
}

/// Age in years.
pub(super) fn age(person: u32) -> u64 {
    18 + trait_of(person, 3) % 60
}

/// City and country; near ones are more frequent.
pub(super) fn city(person: u32) -> (&'static str, &'static str) {
    let (one, other) = (trait_of(person, 4) as usize % CITIES.len(), trait_of(person, 5) as usize % CITIES.len());
    CITIES[one.min(other)]
}

/// Profession.
pub(super) fn profession(person: u32) -> &'static str {
    PROFESSIONS[trait_of(person, 6) as usize % PROFESSIONS.len()]
}

/// Whether the person may be called.
pub(super) fn consents(person: u32) -> bool {
    trait_of(person, 7) % 10 < 8
}

/// One of so many in a hundred, by a question of one's own.
pub(super) fn belongs(person: u32, question: u64, percent: u64) -> bool {
    trait_of(person, question) % 100 < percent
}

/// The browser, or the machine.
pub(super) fn user_agent(person: u32, interest: Interest) -> &'static str {
    let choices = if interest == Interest::Crawl { MACHINES } else { BROWSERS };
    choices[trait_of(person, 8) as usize % choices.len()]
}

/// The id that messages carry, and the field that carries it.
pub(super) fn identify(person: u32, is_known: bool, into: &mut String) -> &'static str {
    let mut bytes = std::mem::take(into).into_bytes();
    bytes.clear();
    bytes.extend_from_slice(if is_known { b"c" } else { b"visitor-" });
    push_number(&mut bytes, u64::from(person) + 1);
    *into = String::from_utf8(bytes).unwrap_or_default();
    if is_known { "userId" } else { "anonymousId" }
}
