//! What `leadstream.interactions` carries: normalised events, re-keyed to their contacts, and messages between tasks.
//!
//! A value is a version, a kind and that kind's fields. The contact of an event is the key of its record and is not repeated in the value.
//! Bytes of version 1 stay readable for ever (golden files in `tests/golden/v1`); another layout is another version, another message
//! another kind.
//!
//! ```text
//! value     := version:u8=1 kind:u8 body
//! event     := uid:16 time:i64le what:u8 verdict:u8 flags:u8 type:text source:text count:varint property*      (kind 1)
//! property  := name:text ( 0 | 1 | 2 | 3 f64le | 4 text )        null, false, true, number, text
//! watermark := source:text partition:varint instant:i64le                                                      (kind 2)
//! text      := length:varint bytes
//! ```

use leadstream_core::{Event, EventKind, Timestamp, Uid, Value, Verdict};

/// The version that is written.
const VERSION: u8 = 1;
const KIND_EVENT: u8 = 1;
const KIND_WATERMARK: u8 = 2;
const FLAG_CLAMPED: u8 = 1;

/// A message that is no event; an event is read into a buffer instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// An event was read.
    Event,
    /// How far a source has been re-keyed.
    Watermark(Watermark),
}

/// All records of one partition of a source up to an instant have been re-keyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// The name of the source.
    pub source: String,
    /// The partition of the source's topic.
    pub partition: i32,
    /// The instant.
    pub instant: Timestamp,
}

/// Why a value could not be read. None of these can come from a record that this version wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Written by a later version: upgrade before reading on.
    #[error("the envelope has version {0}; this program reads version {VERSION}")]
    NewerVersion(u8),
    /// A kind of message that this program does not know: upgrade before reading on.
    #[error("the envelope has the unknown kind {0}")]
    UnknownKind(u8),
    /// The record is damaged or not an envelope.
    #[error("the envelope is damaged: {0}")]
    Damaged(&'static str),
}

/// Writes an event; its contact goes into the record's key.
pub fn write_event(event: &Event, into: &mut Vec<u8>) {
    into.extend([VERSION, KIND_EVENT]);
    into.extend(event.uid.0);
    into.extend(event.time.millis().to_le_bytes());
    into.push(match event.kind {
        EventKind::Interaction => 0,
        EventKind::Attributes => 1,
        EventKind::Tags => 2,
        EventKind::Snapshot => 3,
        EventKind::Link => 4,
        EventKind::Adjust => 8,
        EventKind::Feedback => 9,
        EventKind::Verdict => 5,
        EventKind::Erase => 10,
        EventKind::Reinstate => 11,
        EventKind::Merge => 12,
        EventKind::Split => 13,
    });
    into.push(match event.verdict {
        Verdict::Human => 0,
        Verdict::Suspect => 1,
        Verdict::Machine => 2,
    });
    into.push(if event.clamped { FLAG_CLAMPED } else { 0 });
    write_text(event.event_type.as_str(), into);
    write_text(event.source.as_str(), into);
    write_varint(event.properties.len() as u64, into);
    for (_, name, value) in event.properties.iter() {
        write_text(name, into);
        match value {
            Value::Null => into.push(0),
            Value::Bool(false) => into.push(1),
            Value::Bool(true) => into.push(2),
            Value::Number(number) => {
                into.push(3);
                into.extend(number.to_le_bytes());
            }
            Value::Text(text) => {
                into.push(4);
                write_text(text, into);
            }
        }
    }
}

/// Writes a watermark.
pub fn write_watermark(watermark: &Watermark, into: &mut Vec<u8>) {
    into.extend([VERSION, KIND_WATERMARK]);
    write_text(&watermark.source, into);
    write_varint(u64::from(watermark.partition.cast_unsigned()), into);
    into.extend(watermark.instant.millis().to_le_bytes());
}

/// Reads a record; an event goes into `event`, which is cleared in any case.
///
/// # Errors
/// [`EnvelopeError`]; the event is then incomplete.
pub fn read(key: &[u8], value: &[u8], event: &mut Event) -> Result<Message, EnvelopeError> {
    event.clear();
    let mut reader = Reader(value);
    match reader.byte()? {
        VERSION => {}
        version => return Err(EnvelopeError::NewerVersion(version)),
    }
    let message = match reader.byte()? {
        KIND_EVENT => {
            event.contact.push_str(text_of(key)?);
            read_event(&mut reader, event)?;
            Message::Event
        }
        KIND_WATERMARK => Message::Watermark(read_watermark(&mut reader)?),
        kind => return Err(EnvelopeError::UnknownKind(kind)),
    };
    match reader.0 {
        [] => Ok(message),
        _ => Err(EnvelopeError::Damaged("bytes follow the message")),
    }
}

fn read_event(reader: &mut Reader<'_>, event: &mut Event) -> Result<(), EnvelopeError> {
    event.uid = Uid(reader.array()?);
    event.time = Timestamp::from_millis(i64::from_le_bytes(reader.array()?));
    event.kind = match reader.byte()? {
        0 => EventKind::Interaction,
        1 => EventKind::Attributes,
        2 => EventKind::Tags,
        3 => EventKind::Snapshot,
        4 => EventKind::Link,
        8 => EventKind::Adjust,
        9 => EventKind::Feedback,
        5 => EventKind::Verdict,
        10 => EventKind::Erase,
        11 => EventKind::Reinstate,
        12 => EventKind::Merge,
        13 => EventKind::Split,
        _ => return Err(EnvelopeError::Damaged("an event of an unknown kind")),
    };
    event.verdict = match reader.byte()? {
        0 => Verdict::Human,
        1 => Verdict::Suspect,
        2 => Verdict::Machine,
        _ => return Err(EnvelopeError::Damaged("an unknown verdict")),
    };
    event.clamped = match reader.byte()? {
        0 => false,
        FLAG_CLAMPED => true,
        _ => return Err(EnvelopeError::Damaged("unknown flags")),
    };
    event.event_type.set(reader.text()?);
    event.source.set(reader.text()?);
    for _ in 0..reader.varint()? {
        let name = reader.text()?;
        let value = match reader.byte()? {
            0 => Value::Null,
            1 => Value::Bool(false),
            2 => Value::Bool(true),
            3 => Value::Number(f64::from_le_bytes(reader.array()?)),
            4 => Value::Text(reader.text()?),
            _ => return Err(EnvelopeError::Damaged("a value of an unknown type")),
        };
        event.properties.set(name, value);
    }
    Ok(())
}

fn read_watermark(reader: &mut Reader<'_>) -> Result<Watermark, EnvelopeError> {
    let source = reader.text()?.to_owned();
    let partition = u32::try_from(reader.varint()?).map_err(|_| EnvelopeError::Damaged("no partition"))?.cast_signed();
    let instant = Timestamp::from_millis(i64::from_le_bytes(reader.array()?));
    Ok(Watermark { source, partition, instant })
}

fn write_text(text: &str, into: &mut Vec<u8>) {
    write_varint(text.len() as u64, into);
    into.extend(text.as_bytes());
}

/// LEB128: seven bits a byte, the lowest first.
fn write_varint(mut number: u64, into: &mut Vec<u8>) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

fn text_of(bytes: &[u8]) -> Result<&str, EnvelopeError> {
    std::str::from_utf8(bytes).map_err(|_| EnvelopeError::Damaged("a text is not utf-8"))
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], EnvelopeError> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(EnvelopeError::Damaged("it ends too early"))?;
        self.0 = rest;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, EnvelopeError> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], EnvelopeError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(EnvelopeError::Damaged("it ends too early"))?;
        self.0 = rest;
        Ok(*array)
    }

    fn varint(&mut self) -> Result<u64, EnvelopeError> {
        let mut number = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(EnvelopeError::Damaged("a number is too large"))
    }

    fn text(&mut self) -> Result<&'a str, EnvelopeError> {
        let length = usize::try_from(self.varint()?).map_err(|_| EnvelopeError::Damaged("a text is too long"))?;
        text_of(self.bytes(length)?)
    }
}
