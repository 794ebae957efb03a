//! Names in snake_case: event types, properties and attributes of every source read alike.
//!
//! `Order Completed`, `orderCompleted`, `order-completed` and ` ORDER COMPLETED ` are all `order_completed`. The conversion keeps letters
//! and digits of every script, so that no name becomes empty unless it has none.

use std::borrow::Cow;

/// A name of an event type: words joined by underscores.
pub(crate) fn snake_case(name: &str) -> Cow<'_, str> {
    if is_snake_case(name) { Cow::Borrowed(name) } else { Cow::Owned(convert(name, false)) }
}

/// A name of a property: like an event type, but its dots stay, since a dotted name is a path into a nested object.
#[inline]
pub(crate) fn property_name(name: &str) -> Cow<'_, str> {
    if is_snake_case(name) { Cow::Borrowed(name) } else { Cow::Owned(convert(name, true)) }
}

#[inline]
fn is_snake_case(name: &str) -> bool {
    let bytes = name.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut last_was_word = false;
    for &byte in bytes {
        if is_word(byte) {
            last_was_word = true;
        } else if byte == b'_' && last_was_word {
            last_was_word = false;
        } else {
            return false;
        }
    }
    last_was_word
}

#[cold]
fn convert(name: &str, keep_dots: bool) -> String {
    let mut converted = String::with_capacity(name.len() + 4);
    let mut characters = name.chars().peekable();
    let mut previous = Kind::Other;
    while let Some(character) = characters.next() {
        let kind = Kind::of(character);
        if kind == Kind::Other {
            if keep_dots && character == '.' {
                trim_underscore(&mut converted);
                if !converted.is_empty() && !converted.ends_with('.') {
                    converted.push('.');
                }
            } else if converted.ends_with(|last: char| last != '_' && last != '.') {
                converted.push('_');
            }
        } else {
            // A capital begins a word after a small letter or digit, and as the last capital of several before a small letter.
            let begins = kind == Kind::Upper
                && (previous == Kind::Lower
                    || (previous == Kind::Upper
                        && characters.peek().is_some_and(|next| Kind::of(*next) == Kind::Small)));
            let begins = begins || (kind == Kind::Upper && previous == Kind::Small);
            if begins {
                converted.push('_');
            }
            converted.extend(character.to_lowercase());
        }
        previous = kind;
    }
    trim_underscore(&mut converted);
    if converted.ends_with('.') {
        converted.pop();
    }
    converted
}

fn trim_underscore(text: &mut String) {
    if text.ends_with('_') {
        text.pop();
    }
}

/// What a character is to the conversion.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A small letter.
    Small,
    /// A digit or a letter without case.
    Lower,
    Upper,
    Other,
}

impl Kind {
    fn of(character: char) -> Kind {
        if character.is_lowercase() {
            Kind::Small
        } else if character.is_uppercase() {
            Kind::Upper
        } else if character.is_alphanumeric() {
            Kind::Lower
        } else {
            Kind::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_all_spellings_become_snake_case() {
        for (name, snake) in [
            ("Order Completed", "order_completed"),
            (" Order  Completed ", "order_completed"),
            ("PRODUCT ADDED", "product_added"),
            ("testEvent", "test_event"),
            ("HTTPServer Error", "http_server_error"),
            ("Product_purchased", "product_purchased"),
            ("Home: Viewed", "home_viewed"),
            ("users.messages.email.Open", "users_messages_email_open"),
            ("split.io test 1", "split_io_test_1"),
            ("Zażółć Gęślą", "zażółć_gęślą"),
            ("event1", "event1"),
            ("**", ""),
            ("", ""),
        ] {
            assert_eq!(snake_case(name), snake, "{name}");
        }
    }

    #[test]
    fn the_dots_of_a_property_stay() {
        for (name, snake) in [
            ("firstName", "first_name"),
            ("address.postalCode", "address.postal_code"),
            ("$current_url", "current_url"),
            ("..a..B.", "a.b"),
            ("a_.b", "a.b"),
            ("My-Prop", "my_prop"),
        ] {
            assert_eq!(property_name(name), snake, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_converted_name_converts_to_itself(name in "[a-zA-Z0-9_. :-]{0,24}") {
            let once = snake_case(&name).into_owned();
            prop_assert_eq!(&snake_case(&once), &once);
            let once = property_name(&name).into_owned();
            prop_assert_eq!(&property_name(&once), &once);
        }
    }
}
