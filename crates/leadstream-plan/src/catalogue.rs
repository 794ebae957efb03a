//! The event types that plans may speak of: presets, and those that the configuration declares.
//!
//! The set is open: another type is a warning, unless it is so close to a known one that it must be a misspelling, or spelled as no decoder
//! ever spells one.

use std::collections::BTreeSet;

use leadstream_core::published_type;

use crate::code::Code;
use crate::sink::Sink;
use crate::suggest;
use crate::yaml::Span;

/// The published events of web, mail, commerce, business, chat and mobile tracking, in snake_case.
const PRESETS: &[&str] = &[
    "account_created",
    "account_deleted",
    "application_installed",
    "application_opened",
    "call_completed",
    "cart_viewed",
    "checkout_started",
    "checkout_step_completed",
    "checkout_step_viewed",
    "comment_added",
    "comment_removed",
    "coupon_applied",
    "coupon_denied",
    "coupon_entered",
    "coupon_removed",
    "email_bounced",
    "email_clicked",
    "email_delivered",
    "email_marked_as_spam",
    "email_opened",
    "email_sent",
    "file_downloaded",
    "form_submitted",
    "invite_sent",
    "live_chat_conversation_ended",
    "live_chat_conversation_started",
    "live_chat_message_received",
    "live_chat_message_sent",
    "meeting_booked",
    "order_cancelled",
    "order_completed",
    "order_refunded",
    "order_updated",
    "page_viewed",
    "payment_info_entered",
    "product_added",
    "product_added_to_wishlist",
    "product_clicked",
    "product_list_filtered",
    "product_list_viewed",
    "product_removed",
    "product_removed_from_wishlist",
    "product_reviewed",
    "product_shared",
    "product_viewed",
    "products_searched",
    "promotion_clicked",
    "promotion_viewed",
    "push_notification_bounced",
    "push_notification_received",
    "push_notification_tapped",
    "screen_viewed",
    "session_started",
    "signed_in",
    "signed_out",
    "signed_up",
    "store_visited",
    "subscribed",
    "survey_completed",
    "trial_ended",
    "trial_started",
    "unsubscribed",
    "video_played",
    "webinar_attended",
    "wishlist_product_added_to_cart",
];

/// What people call an event, and what it is called here, beside the published names that decoders translate.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("add_to_cart", "product_added"),
    ("added_to_cart", "product_added"),
    ("download", "file_downloaded"),
    ("mail_clicked", "email_clicked"),
    ("mail_opened", "email_opened"),
    ("newsletter_clicked", "email_clicked"),
    ("newsletter_opened", "email_opened"),
    ("order_placed", "order_completed"),
    ("page_visited", "page_viewed"),
    ("purchase", "order_completed"),
    ("purchase_completed", "order_completed"),
    ("unsubscribe", "unsubscribed"),
    ("visit", "page_viewed"),
];

/// The event types that plans may speak of without a declaration.
pub fn preset_event_types() -> &'static [&'static str] {
    PRESETS
}

fn other_word(event_type: &str) -> Option<&'static str> {
    OTHER_WORDS.iter().find(|(word, _)| *word == event_type).map(|(_, preset)| *preset)
}

/// The most of bytes that an event type can have.
const TYPE_MAX_BYTES: usize = 128;

/// The event types that are known.
pub(crate) struct Catalogue {
    known: BTreeSet<String>,
    /// Those that came in events of the past, where there were any to look at.
    seen: Option<BTreeSet<String>>,
}

impl Catalogue {
    /// The presets, the declared types, and those that were seen.
    pub(crate) fn new(declared: &[String], seen: Option<&[String]>) -> Catalogue {
        let presets = PRESETS.iter().map(|preset| (*preset).to_owned());
        Catalogue {
            known: presets.chain(declared.iter().chain(seen.unwrap_or_default()).cloned()).collect(),
            seen: seen.map(|seen| seen.iter().cloned().collect()),
        }
    }

    /// Whether an event type is known.
    pub(crate) fn contains(&self, event_type: &str) -> bool {
        self.known.contains(event_type)
    }

    /// Warns of an event type that rules wait for and that never came, where events were looked at.
    pub(crate) fn check_seen(&self, event_type: &str, span: Span, sink: &mut Sink<'_>) {
        let Some(seen) = self.seen.as_ref().filter(|seen| !seen.contains(event_type)) else { return };
        // A published type is spelled right; near to others it may be.
        let is_preset = PRESETS.contains(&event_type);
        let closest = suggest::closest(event_type, seen.iter().map(String::as_str)).filter(|_| !is_preset);
        let report = sink.report(Code::UnseenEventType, span, format!("no event of the type `{event_type}` came"));
        report.help(match closest {
            Some(close) => format!("did you mean `{close}`, which came?"),
            None => {
                "look whether the site or the tool sends it under another name; if it begins later, nothing is wrong"
                    .to_owned()
            }
        });
    }

    /// Reports an event type that is not known, and tells whether it can be used all the same. `others` are further words that could stand in
    /// its place.
    pub(crate) fn check(&self, event_type: &str, others: &[String], span: Span, sink: &mut Sink<'_>) -> bool {
        if self.contains(event_type) {
            return true;
        }
        let snake = snake_case(event_type);
        if event_type.is_empty() || event_type.len() > TYPE_MAX_BYTES || snake != event_type {
            let report = sink.report(Code::UnknownEventType, span, format!("`{event_type}` cannot be an event type"));
            let known = self.nearest(&snake, others).unwrap_or(&snake);
            report.help(if snake.is_empty() {
                "types are written in snake_case: `page_viewed`".to_owned()
            } else {
                format!("types are written in snake_case: `{known}`")
            });
            return false;
        }
        if let Some(close) = self.nearest(event_type, others) {
            sink.report(Code::UnknownEventType, span, format!("unknown event type `{event_type}`"))
                .help(format!("did you mean `{close}`?"))
                .help(format!(
                    "if `{event_type}` is a type of its own, declare it under `event_types` in the configuration"
                ));
            return false;
        }
        let other = published_type(event_type).or_else(|| other_word(event_type));
        sink.report(Code::UndeclaredEventType, span, format!("the event type `{event_type}` is not known here"))
            .maybe_help(other.map(|preset| format!("did you mean `{preset}`?")))
            .help("if such events come, declare it under `event_types` in the configuration");
        true
    }

    fn nearest<'a>(&'a self, word: &str, others: &'a [String]) -> Option<&'a str> {
        suggest::closest_type(word, self.known.iter().chain(others).map(String::as_str))
    }
}

/// A name as decoders spell event types: words in lower case, joined by `_`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut before = ' ';
    for next in name.chars() {
        if next.is_alphanumeric() {
            let begins_word = next.is_uppercase() && (before.is_lowercase() || before.is_numeric());
            if !snake.is_empty() && !snake.ends_with('_') && (begins_word || !before.is_alphanumeric()) {
                snake.push('_');
            }
            snake.extend(next.to_lowercase());
        }
        before = next;
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadstream_core::PUBLISHED_NAMES;

    #[test]
    fn presets_are_sorted_distinct_and_spelled_as_decoders_spell_them() {
        assert!(PRESETS.is_sorted() && PRESETS.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(PRESETS.iter().all(|preset| snake_case(preset) == *preset));
        assert!(OTHER_WORDS.is_sorted_by_key(|(word, _)| *word));
        assert!(OTHER_WORDS.iter().all(|(word, _)| published_type(word).is_none()), "one table is enough");
        let mut others = OTHER_WORDS.iter().chain(PUBLISHED_NAMES);
        assert!(others.all(|(word, preset)| PRESETS.contains(preset) && !PRESETS.contains(word)));
    }

    #[test]
    fn any_spelling_becomes_snake_case() {
        for name in ["Order Completed", "orderCompleted", "order-completed", " order  completed ", "OrderCompleted"] {
            assert_eq!(snake_case(name), "order_completed", "{name}");
        }
        assert_eq!(snake_case("?!"), "");
    }

    #[test]
    fn no_preset_is_taken_for_a_misspelling_of_another() {
        let catalogue = Catalogue::new(&[], None);
        let mut diagnostics = Vec::new();
        let mut sink = Sink::new("p.yaml", "", &mut diagnostics);
        assert!(PRESETS.iter().all(|preset| catalogue.check(preset, &[], 0..0, &mut sink)));
        assert!(diagnostics.is_empty());
    }
}
