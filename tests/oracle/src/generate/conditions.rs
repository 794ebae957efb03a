//! Conditions over the vocabulary of the histories. Placeholders stand for what only the set of plans knows:
//! `QUALIFIED`, `STAGE` and `OTHER` become levels, or false where a plan has none; `SELF` becomes the plan's id.

use proptest::prelude::*;
use proptest::sample::select;

/// A condition that a rule on events may have.
pub(crate) fn of_rule() -> BoxedStrategy<String> {
    combined(select(&[
        "event.path.startsWith(\"/shoes/\")",
        "event.value > 100",
        "event.value / 3 > 33.3 && event.value < 250",
        "has(event.phone)",
        "!has(event.phone)",
        "event.email_id == \"m1\"",
        "event.email_id in [\"m2\", \"m3\"]",
        "event.missing > 1 || event.value == 100",
        "event.type == \"page_viewed\"",
        "event.path.contains(\"red\") ? event.value > 1 : true",
        "contact.age >= 30 && contact.age < 50",
        "contact.city in [\"Brno\", \"Praha\"]",
        "contact.consent",
        "contact.id == \"c1\" && size(contact.tags) > 0",
        "\"vip\" in contact.tags",
        "count(\"page_viewed\", \"2d\") >= 2",
        "count(\"page_viewed\", \"/shoes/\", \"1d\") == 1",
        "count(\"seen\", \"7d\") > 2",
        "ever(\"big\")",
        "!ever(\"page_viewed\", \"/jackets/\")",
        "ever(\"order_completed\")",
        "score(\"plan:SELF\") < 30",
        "score(\"global\") >= 20",
        "score(\"tag:vip\") > 0",
        "STAGE",
        "QUALIFIED",
        "OTHER",
        "level(\"\", \"tag:vip\")",
    ]))
}

/// A condition of a level or of fit: no event, no score.
pub(crate) fn of_level() -> BoxedStrategy<String> {
    combined(select(&[
        "contact.consent",
        "!has(contact.city)",
        "contact.age >= 30",
        "\"vip\" in contact.tags",
        "count(\"page_viewed\", \"2d\") >= 2",
        "ever(\"big\")",
        "QUALIFIED",
        "STAGE",
        "OTHER",
    ]))
}

/// A condition of members: the contact only.
pub(crate) fn of_members() -> BoxedStrategy<String> {
    combined(select(&[
        "\"member\" in contact.tags",
        "contact.consent",
        "!has(contact.city)",
        "contact.age < 50",
        "!(\"vip\" in contact.tags)",
    ]))
}

fn combined(simple: impl Strategy<Value = &'static str> + Clone + 'static) -> BoxedStrategy<String> {
    prop_oneof![
        6 => simple.clone().prop_map(str::to_owned),
        1 => simple.clone().prop_map(|one| format!("!({one})")),
        1 => (simple.clone(), simple.clone()).prop_map(|(one, other)| format!("({one}) && ({other})")),
        1 => (simple.clone(), simple).prop_map(|(one, other)| format!("({one}) || ({other})")),
    ]
    .boxed()
}
