//! The time of an event: what a record says, checked against when it was received (S4).

use leadstream_core::{Span, Timestamp};

use crate::dead_letter::{DeadLetter, DeadLetterCode};
use crate::instant::{InstantReader, TimeTrouble};
use crate::record::InputRecord;
use crate::scalar::Scalar;
use crate::text::trimmed;

/// The rules of time of one source.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    pub(crate) reader: InstantReader,
    pub(crate) max_ahead: Span,
}

impl Clock {
    /// The instant of a field; an absent or empty field is none.
    pub(crate) fn read(&self, field: &str, value: &Scalar<'_>) -> Result<Option<Timestamp>, DeadLetter> {
        let read = match value {
            Scalar::Absent => return Ok(None),
            Scalar::Text(text) if trimmed(text).is_empty() => return Ok(None),
            Scalar::Text(text) => self.reader.text(text),
            other => match other.number() {
                Some(number) => self.reader.number(number),
                None => Err(TimeTrouble::Unreadable),
            },
        };
        read.map(Some).map_err(|trouble| refusal(field, trouble))
    }

    /// The time of an event and whether it was clamped: the record's own time, else its reception, else Kafka's timestamp.
    ///
    /// What lies further in the future of its reception than the source allows becomes the reception. Without any instant of reception,
    /// as in a file, nothing is clamped.
    pub(crate) fn settle(
        &self,
        time: Option<Timestamp>,
        received: Option<Timestamp>,
        record: &InputRecord<'_>,
    ) -> Result<(Timestamp, bool), DeadLetter> {
        let received = received.or(record.timestamp_ms.map(Timestamp::from_millis));
        let Some(time) = time.or(received) else {
            return Err(DeadLetter::new(DeadLetterCode::TimeMissing, "the record has no time of any kind"));
        };
        match received {
            Some(received) if received.is_plausible() && time > received + self.max_ahead => Ok((received, true)),
            _ if !time.is_plausible() => {
                let reason = "the time of the event lies before 1900 or after 2200";
                Err(DeadLetter::new(DeadLetterCode::TimeImplausible, reason))
            }
            _ => Ok((time, false)),
        }
    }
}

#[cold]
fn refusal(field: &str, trouble: TimeTrouble) -> DeadLetter {
    match trouble {
        TimeTrouble::Unreadable => DeadLetter::new(
            DeadLetterCode::TimeUnreadable,
            format!("`{field}` is not a time that this source's format reads"),
        ),
        TimeTrouble::NeedsZone => DeadLetter::new(
            DeadLetterCode::TimeZoneMissing,
            format!("`{field}` is a local time and the source has no `time_zone`"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::TimeFormat;
    use crate::limits::MAX_AHEAD_DEFAULT;

    fn clock() -> Clock {
        Clock { reader: InstantReader::new(TimeFormat::Automatic, None), max_ahead: MAX_AHEAD_DEFAULT }
    }

    #[test]
    fn a_time_ahead_of_its_reception_is_clamped_s4() {
        let received = Timestamp::from_millis(1_600_000_000_000);
        let at = |timestamp_ms| InputRecord { timestamp_ms, ..InputRecord::default() };
        let settle = |time, timestamp_ms, field| clock().settle(Some(time), field, &at(timestamp_ms)).unwrap();
        let ahead = |millis| received + MAX_AHEAD_DEFAULT + Span::from_millis(millis);
        assert_eq!(settle(ahead(0), Some(received.millis()), None), (ahead(0), false));
        assert_eq!(settle(ahead(1), Some(received.millis()), None), (received, true));
        // The field of the record is taken before Kafka's timestamp.
        assert_eq!(settle(ahead(1), Some(0), Some(received)), (received, true));
        // A file knows no reception.
        assert_eq!(settle(ahead(1), None, None), (ahead(1), false));
    }

    #[test]
    fn absurd_times_are_refused_or_clamped_but_never_kept() {
        let nowhere = InputRecord::default();
        let code = |time| clock().settle(time, None, &nowhere).unwrap_err().code;
        assert_eq!(code(Some(Timestamp::MAX)), DeadLetterCode::TimeImplausible);
        assert_eq!(code(Some(Timestamp::MIN)), DeadLetterCode::TimeImplausible);
        assert_eq!(code(None), DeadLetterCode::TimeMissing);
        let broker = InputRecord { timestamp_ms: Some(1_600_000_000_000), ..nowhere };
        let clamped = clock().settle(Some(Timestamp::MAX), None, &broker).unwrap();
        assert_eq!(clamped, (Timestamp::from_millis(1_600_000_000_000), true));
    }
}
