//! Messages in the Segment shape, written byte by byte: this is the hot part of generating.

/// One record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// The id of whose event it is.
    pub(crate) key: String,
    /// The message.
    pub(crate) value: Vec<u8>,
    /// When it happened, in milliseconds since 1970.
    pub(crate) time_ms: i64,
}

impl Record {
    /// Becomes a copy, keeping its buffers.
    pub(crate) fn copy_from(&mut self, other: &Record) {
        self.key.clear();
        self.key.push_str(&other.key);
        self.value.clear();
        self.value.extend_from_slice(&other.value);
        self.time_ms = other.time_ms;
    }
}

/// Writes one message: the head, members of `properties` or `traits`, and the end.
pub(super) struct Message<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

/// Everything of a message but its members.
pub(super) struct Head<'a> {
    /// `page`, `track`, `identify`.
    pub(super) kind: &'static str,
    /// The name of a track's event or of a page.
    pub(super) name: Option<&'a str>,
    /// The field of the person's id.
    pub(super) id_field: &'static str,
    /// A number that no other message of the seed has.
    pub(super) number: u64,
    /// The seed.
    pub(super) seed: u64,
}

impl<'a> Message<'a> {
    /// Begins a message over a record whose key is filled.
    pub(super) fn begin(head: &Head<'_>, record: &'a mut Record, day: &mut DayText) -> Message<'a> {
        let Record { key, value: out, time_ms } = record;
        out.clear();
        push(out, "{\"type\":\"");
        push(out, head.kind);
        if let Some(name) = head.name {
            push(out, if head.kind == "track" { "\",\"event\":\"" } else { "\",\"name\":\"" });
            push(out, name);
        }
        push(out, "\",\"messageId\":\"g");
        push_number(out, head.seed);
        push(out, "-");
        push_number(out, head.number);
        push(out, "\",\"");
        push(out, head.id_field);
        push(out, "\":\"");
        push(out, key);
        push(out, "\",\"timestamp\":\"");
        day.push(*time_ms, out);
        push(out, if head.kind == "identify" { "\",\"traits\":{" } else { "\",\"properties\":{" });
        Message { out, is_first: true }
    }

    fn name(&mut self, name: &str) {
        push(self.out, if self.is_first { "\"" } else { ",\"" });
        self.is_first = false;
        push(self.out, name);
        push(self.out, "\":");
    }

    /// Adds a text that needs no escaping.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        push(self.out, "\"");
        push(self.out, value);
        push(self.out, "\"");
    }

    /// Adds a text made of a text and a number.
    pub(super) fn numbered(&mut self, name: &str, value: &str, number: u64) {
        self.name(name);
        push(self.out, "\"");
        push(self.out, value);
        push_number(self.out, number);
        push(self.out, "\"");
    }

    /// Adds a whole number.
    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        push_number(self.out, value);
    }

    /// Adds an amount of money, given in cents.
    pub(super) fn money(&mut self, name: &str, cents: u64) {
        self.name(name);
        push_number(self.out, cents / 100);
        let rest = cents % 100;
        self.out.extend([b'.', b'0' + (rest / 10) as u8, b'0' + (rest % 10) as u8]);
    }

    /// Adds yes or no.
    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.name(name);
        push(self.out, if value { "true" } else { "false" });
    }

    /// Ends the message.
    pub(super) fn end(self, user_agent: &str) {
        push(
            self.out,
            "},\"context\":{\"library\":{\"name\":\"analytics.js\",\"version\":\"2.11.1\"},\"userAgent\":\"",
        );
        push(self.out, user_agent);
        push(self.out, "\"}}");
    }
}

/// The date of the day last written: it changes once in many messages.
#[derive(Default)]
pub(super) struct DayText {
    day: i64,
    text: String,
}

impl DayText {
    /// Writes an instant in RFC 3339 with milliseconds.
    fn push(&mut self, time_ms: i64, out: &mut Vec<u8>) {
        let day = time_ms.div_euclid(86_400_000);
        if self.text.is_empty() || self.day != day {
            let midnight = jiff::Timestamp::from_millisecond(day * 86_400_000).unwrap_or_default();
            self.text = midnight.strftime("%Y-%m-%dT").to_string();
            self.day = day;
        }
        push(out, &self.text);
        let milliseconds = time_ms.rem_euclid(86_400_000) as u64;
        let seconds = milliseconds / 1000;
        let two = |number: u64| [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        out.extend(two(seconds / 3600));
        out.push(b':');
        out.extend(two(seconds / 60 % 60));
        out.push(b':');
        out.extend(two(seconds % 60));
        out.extend([b'.', b'0' + (milliseconds / 100 % 10) as u8]);
        out.extend(two(milliseconds % 100));
        out.push(b'Z');
    }
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Writes a number in decimal digits.
pub(super) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_amounts_are_written_as_json_readers_expect() {
        let mut record = Record { key: "c1".to_owned(), time_ms: 1_767_225_600_007, ..Record::default() };
        let head = Head { kind: "track", name: Some("Order Completed"), id_field: "userId", number: 0, seed: 5 };
        let mut message = Message::begin(&head, &mut record, &mut DayText::default());
        message.money("value", 120_305);
        message.flag("gift", false);
        message.numbered("order_id", "o-", u64::MAX);
        message.end("Mozilla/5.0");
        let read: serde_json::Value = serde_json::from_slice(&record.value).unwrap();
        assert_eq!(read["timestamp"], "2026-01-01T00:00:00.007Z");
        assert_eq!(read["properties"]["value"], 1203.05);
        assert_eq!(read["properties"]["order_id"], "o-18446744073709551615");
        assert_eq!(read["messageId"], "g5-0");
    }
}
