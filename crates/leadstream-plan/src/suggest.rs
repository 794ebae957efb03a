//! "Did you mean ..?": the nearest of the words that would have been right.

/// Fields of events that are misspelt often enough to ask: the published properties of commerce, mail and page events.
pub(crate) const EVENT_FIELDS: &[&str] = &[
    "type",
    "name",
    "url",
    "path",
    "value",
    "title",
    "referrer",
    "search",
    "category",
    "email_id",
    "email_subject",
    "campaign_id",
    "campaign_name",
    "link_id",
    "link_url",
    "list_id",
    "list_name",
    "order_id",
    "total",
    "subtotal",
    "revenue",
    "shipping",
    "discount",
    "coupon",
    "currency",
    "product_id",
    "brand",
    "price",
    "quantity",
    "phone",
];

/// Fields of contacts that are misspelt often enough to ask.
pub(crate) const CONTACT_FIELDS: &[&str] = &[
    "id",
    "tags",
    "consent",
    "email",
    "first_name",
    "last_name",
    "phone",
    "age",
    "birthday",
    "gender",
    "title",
    "country",
    "region",
    "company",
    "industry",
    "position",
];

/// The nearest of the words, if one is near enough to be meant.
pub(crate) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = match word.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    within(word, known, allowed)
}

/// The nearest event type, if this one must be a misspelling of it: types of one family differ by a word, which is more than two letters.
pub(crate) fn closest_type<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    within(word, known, if word.chars().count() < 6 { 1 } else { 2 })
}

/// The known field that this one must be a misspelling of: two letters swapped, or one wrong, missing or too many; a plural is its own word.
pub(crate) fn misspelt(field: &str, known: &[&'static str]) -> Option<&'static str> {
    if known.contains(&field) || field.len() < 4 {
        return None;
    }
    let close = within(field, known.iter().copied().filter(|name| name.len() >= 4), 1)?;
    let is_plural = field.strip_suffix('s') == Some(close) || close.strip_suffix('s') == Some(field);
    // Fields such as `phone2` are named on purpose.
    let is_numbered = field.ends_with(|last: char| last.is_ascii_digit());
    (!is_plural && !is_numbered).then_some(close)
}

/// The nearest word at a distance of at most `allowed`; the first of equals.
fn within<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, allowed: usize) -> Option<&'a str> {
    let folded = word.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&folded, &name.to_lowercase());
    let ranked = known.into_iter().map(|name| (distance(name), name));
    ranked.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        assert_eq!(closest("evnt", ["event", "contact"]), Some("event"));
        assert_eq!(closest("startswith", ["startsWith"]), Some("startsWith"));
        assert_eq!(closest("pth", ["id"]), None);
        assert_eq!(closest("x", ["y"]), None);
    }

    #[test]
    fn only_what_must_be_a_misspelling_is_called_one() {
        assert_eq!(misspelt("paht", EVENT_FIELDS), Some("path"));
        assert_eq!(misspelt("emial_id", EVENT_FIELDS), Some("email_id"));
        for field in ["path", "paths", "phone2", "colour", "valu2", "uri"] {
            assert_eq!(misspelt(field, EVENT_FIELDS), None, "{field}");
        }
    }
}
