//! Visits: what somebody does next, given what they came for and what they did before.

use super::Options;
use super::catalogue::{CAR_PAGES, FILES, OFFER_PAGES, PRODUCTS, SEARCHES, SHOP_PAGES};
use super::message::{DayText, Head, Message, Record};
use super::people::{self, Interest, Person};
use super::random::Random;

/// Everybody, and who is there now.
pub(super) struct Journeys {
    people: Vec<Person>,
    visits: Vec<Visit>,
    skew: f64,
    bots: u8,
    seed: u64,
    made: u64,
    day: DayText,
}

/// A visit, or a mail and what comes of it.
#[derive(Clone, Copy)]
struct Visit {
    person: u32,
    interest: Interest,
    next: Step,
    /// Steps still to come.
    left: u8,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Describe,
    SessionStarted,
    Page,
    ProductList,
    Product,
    Search,
    AddToCart,
    Checkout,
    Order,
    Refund,
    Review,
    Download,
    Form,
    Subscribe,
    Unsubscribe,
    MailDelivered,
    MailOpened,
    MailClicked,
    StoreVisit,
    SignUp,
    Survey,
    Invite,
    Install,
    Webinar,
}

/// Visits in a hundred that are those of regular customers.
const REGULAR_PERCENT: u8 = 5;

/// What people do of their own accord on the pages, with how often. What cannot be (an order without a cart) becomes a page.
const CAR: &[(u64, Step)] = &[
    (700, Step::Page),
    (40, Step::Download),
    (30, Step::Form),
    (15, Step::Subscribe),
    (12, Step::StoreVisit),
    (3, Step::Order),
    (2, Step::Unsubscribe),
];
const SHOP: &[(u64, Step)] = &[
    (200, Step::Page),
    (120, Step::ProductList),
    (280, Step::Product),
    (60, Step::Search),
    (90, Step::AddToCart),
    (50, Step::Checkout),
    (40, Step::Order),
    (4, Step::Refund),
    (10, Step::Review),
    (15, Step::Subscribe),
    (4, Step::Unsubscribe),
    (8, Step::StoreVisit),
    (10, Step::SignUp),
    (5, Step::Survey),
    (5, Step::Invite),
    (4, Step::Install),
];
/// Regular customers know what they want, and what they have from the programme.
const REGULAR: &[(u64, Step)] = &[
    (80, Step::Page),
    (60, Step::ProductList),
    (200, Step::Product),
    (250, Step::AddToCart),
    (80, Step::Checkout),
    (160, Step::Order),
    (3, Step::Refund),
    (30, Step::Review),
    (20, Step::Subscribe),
    (20, Step::StoreVisit),
    (20, Step::SignUp),
    (10, Step::Survey),
    (15, Step::Invite),
    (10, Step::Install),
    (5, Step::Webinar),
];
const OFFER: &[(u64, Step)] = &[
    (760, Step::Page),
    (50, Step::Download),
    (25, Step::Form),
    (20, Step::Subscribe),
    (10, Step::Webinar),
    (5, Step::Survey),
    (3, Step::Order),
    (3, Step::Unsubscribe),
];

impl Journeys {
    pub(super) fn new(options: &Options, at_once: usize, random: &mut Random) -> Journeys {
        let mut journeys = Journeys {
            people: vec![Person::default(); options.people as usize],
            visits: Vec::with_capacity(at_once),
            skew: options.skew,
            bots: options.bots,
            seed: options.seed,
            made: 0,
            day: DayText::default(),
        };
        for _ in 0..at_once {
            let visit = journeys.arrive(random);
            journeys.visits.push(visit);
        }
        journeys
    }

    /// Somebody who is there does the next thing.
    pub(super) fn step(&mut self, time_ms: u64, random: &mut Random, into: &mut Record) {
        let place = random.below(self.visits.len() as u64) as usize;
        let visit = self.visits[place];
        self.made += 1;
        into.time_ms = time_ms as i64;
        self.happen(visit, random, into);
        self.visits[place] = match self.follow(visit, random) {
            Some(next) => Visit { next, left: visit.left - 1, ..visit },
            None => self.arrive(random),
        };
    }

    /// A new visit, or a mail.
    fn arrive(&mut self, random: &mut Random) -> Visit {
        let count = self.people.len() as u32;
        let regulars = people::regulars(count);
        let number = if regulars > 0 && random.percent(REGULAR_PERCENT) {
            people::regular(random.below(u64::from(regulars)) as u32)
        } else {
            self.somebody(random)
        };
        let interest = people::interest(number, self.bots);
        let person = &mut self.people[number as usize];
        person.visits = person.visits.saturating_add(1);
        if random.percent(4) {
            person.is_quiet = true;
        }
        if person.visits == 1 && interest != Interest::Crawl {
            person.is_known = people::comes_known(number);
        }
        let (next, left) = match interest {
            Interest::Crawl => (Step::Page, 20 + random.below(60) as u8),
            _ if person.is_known && !person.is_described => (Step::Describe, 2 + random.below(10) as u8),
            _ if person.is_subscribed && random.percent(35) => (Step::MailDelivered, 3 + random.below(4) as u8),
            Interest::Shop => (Step::SessionStarted, 2 + random.below(12) as u8),
            Interest::Car | Interest::Offer => (Step::Page, 1 + random.below(10) as u8),
        };
        Visit { person: number, interest, next, left }
    }

    /// Anybody, but for those who have had enough: they rarely come.
    fn somebody(&mut self, random: &mut Random) -> u32 {
        let count = self.people.len() as u32;
        let mut number = random.skewed(count, self.skew);
        for _ in 0..8 {
            let person = &mut self.people[number as usize];
            if !person.is_quiet {
                break;
            }
            if random.percent(2) {
                person.is_quiet = false;
                break;
            }
            number = random.skewed(count, self.skew);
        }
        number
    }

    /// What comes after a step; `None` where the visit is over.
    fn follow(&mut self, visit: Visit, random: &mut Random) -> Option<Step> {
        if visit.left == 0 {
            return None;
        }
        match visit.next {
            Step::MailDelivered => return random.percent(55).then_some(Step::MailOpened),
            Step::MailOpened => return random.percent(45).then_some(Step::MailClicked),
            Step::Unsubscribe => return None,
            _ => {}
        }
        let person = &self.people[visit.person as usize];
        if person.is_known && !person.is_described && visit.interest != Interest::Crawl {
            return Some(Step::Describe);
        }
        let table = match visit.interest {
            Interest::Crawl => return Some(Step::Page),
            Interest::Car => CAR,
            Interest::Shop if people::is_regular(visit.person) => REGULAR,
            Interest::Shop => SHOP,
            Interest::Offer => OFFER,
        };
        let mut draw = random.below(table.iter().map(|(weight, _)| weight).sum());
        let drawn = table.iter().find(|(weight, _)| match draw.checked_sub(*weight) {
            Some(rest) => {
                draw = rest;
                false
            }
            None => true,
        });
        let step = drawn.map_or(Step::Page, |(_, step)| *step);
        let possible = match step {
            Step::Checkout => person.cart > 0,
            Step::Order => person.cart > 0 || (visit.interest != Interest::Shop && person.visits > 3),
            Step::Refund | Step::Review => person.ordered_cents > 0,
            Step::Subscribe => !person.is_subscribed,
            Step::Unsubscribe => person.is_subscribed && person.mails > 3,
            Step::SignUp => !person.is_signed_up,
            Step::Install | Step::Invite => person.is_signed_up,
            // Nobody leaves a telephone number on the first visit.
            Step::Form | Step::StoreVisit => person.visits > 1,
            _ => true,
        };
        Some(if possible { step } else { Step::Page })
    }

    /// Writes the step and lets the person remember it.
    fn happen(&mut self, visit: Visit, random: &mut Random, into: &mut Record) {
        let number = visit.person;
        let person = &mut self.people[number as usize];
        // Whoever leaves an address is known from then on.
        if matches!(visit.next, Step::Subscribe | Step::SignUp | Step::Form | Step::Order) {
            person.is_known = true;
        }
        let id_field = people::identify(number, person.is_known, &mut into.key);
        let (kind, name) = shape(visit.next);
        let page = (visit.next == Step::Page).then(|| page(visit.interest, random));
        let head =
            Head { kind, name: page.map(|(name, _)| name).or(name), id_field, number: self.made, seed: self.seed };
        let mut message = Message::begin(&head, into, &mut self.day);
        match (visit.next, page) {
            (Step::Describe, _) => describe(number, visit.interest, person, &mut message),
            (_, Some((name, path))) => {
                message.text("path", path);
                message.text("title", name);
            }
            (step, None) => members(step, number, person, random, &mut message),
        }
        message.end(people::user_agent(number, visit.interest));
    }
}

/// The kind of message and the name of the event.
fn shape(step: Step) -> (&'static str, Option<&'static str>) {
    let name = match step {
        Step::Describe => return ("identify", None),
        Step::Page => return ("page", None),
        Step::SessionStarted => "Session Started",
        Step::ProductList => "Product List Viewed",
        Step::Product => "Product Viewed",
        Step::Search => "Products Searched",
        Step::AddToCart => "Product Added",
        Step::Checkout => "Checkout Started",
        Step::Order => "Order Completed",
        Step::Refund => "Order Refunded",
        Step::Review => "Product Reviewed",
        Step::Download => "File Downloaded",
        Step::Form => "Form Submitted",
        Step::Subscribe => "Subscribed",
        Step::Unsubscribe => "Unsubscribed",
        Step::MailDelivered => "Email Delivered",
        Step::MailOpened => "Email Opened",
        Step::MailClicked => "Email Link Clicked",
        Step::StoreVisit => "Store Visited",
        Step::SignUp => "Signed Up",
        Step::Survey => "Survey Completed",
        Step::Invite => "Invite Sent",
        Step::Install => "Application Installed",
        Step::Webinar => "Webinar Attended",
    };
    ("track", Some(name))
}

fn page(interest: Interest, random: &mut Random) -> (&'static str, &'static str) {
    *random.one_of(match interest {
        Interest::Car => CAR_PAGES,
        Interest::Shop | Interest::Crawl => SHOP_PAGES,
        Interest::Offer => OFFER_PAGES,
    })
}

fn describe(number: u32, interest: Interest, person: &mut Person, message: &mut Message<'_>) {
    person.is_described = true;
    let (city, country) = people::city(number);
    message.number("age", people::age(number));
    message.text("city", city);
    message.text("country", country);
    message.text("profession", people::profession(number));
    message.flag("consent", people::consents(number));
    if people::belongs(number, 9, 4) {
        message.text("customer_group", "fleet");
    }
    if people::has_card(number, interest) {
        message.numbered("loyalty_card", "L-", 100_000 + u64::from(number));
    }
    if people::belongs(number, 10, 15) {
        message.numbered("vat_id", "PL", 1_000_000_000 + people::trait_of(number, 11) % 9_000_000_000);
    }
}

/// The properties of a tracked event, and what is remembered of it.
fn members(step: Step, number: u32, person: &mut Person, random: &mut Random, message: &mut Message<'_>) {
    match step {
        Step::ProductList => message.text("category", random.one_of(PRODUCTS).1),
        Step::Search => message.text("query", random.one_of::<&str>(SEARCHES)),
        Step::Product | Step::AddToCart | Step::Review => {
            let (product, category, cents) = *random.one_of(PRODUCTS);
            message.text("product_id", product);
            message.text("category", category);
            message.money("price", cents);
            if step == Step::AddToCart {
                person.cart = person.cart.saturating_add(1);
                person.cart_cents = person.cart_cents.saturating_add(cents as u32);
            }
        }
        Step::Checkout => message.money("value", u64::from(person.cart_cents)),
        Step::Order => {
            // Whoever buys without a cart buys a car or a licence, and pays in advance.
            let cents = if person.cart_cents > 0 { person.cart_cents } else { 50_000 + random.below(200_000) as u32 };
            message.numbered("order_id", "o-", random.below(u64::MAX));
            message.money("total", u64::from(cents));
            message.text("currency", "PLN");
            message.number("products_count", u64::from(person.cart.max(1)));
            person.cart = 0;
            person.cart_cents = 0;
            person.ordered_cents = cents;
        }
        Step::Refund => {
            message.money("total", u64::from(person.ordered_cents));
            person.ordered_cents = 0;
        }
        Step::Download => message.text("path", random.one_of::<&str>(FILES)),
        Step::Form => {
            let form = ["test-drive", "callback", "contact"][random.below(3) as usize];
            message.text("form_id", form);
            if random.percent(70) {
                message.numbered("phone", "+48 ", 500_000_000 + people::trait_of(number, 12) % 300_000_000);
            }
        }
        Step::Subscribe => person.is_subscribed = true,
        Step::Unsubscribe => person.is_subscribed = false,
        Step::SignUp => person.is_signed_up = true,
        Step::MailDelivered | Step::MailOpened | Step::MailClicked => {
            if step == Step::MailDelivered {
                person.mails = person.mails.saturating_add(1);
            }
            message.numbered("email_id", "newsletter-", u64::from(person.mails));
            message.text("campaign", "newsletter");
        }
        Step::StoreVisit => message.text("store", people::city(number).0),
        Step::Survey => message.numbered("survey_id", "survey-", random.below(12)),
        Step::Webinar => message.numbered("webinar_id", "webinar-", random.below(24)),
        Step::Install => message.text("platform", if people::belongs(number, 13, 50) { "ios" } else { "android" }),
        Step::SessionStarted | Step::Invite | Step::Describe | Step::Page => {}
    }
}
