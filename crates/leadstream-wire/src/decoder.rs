//! The decoder of one source: compiled once from its description, then fed records.
//!
//! It never panics and never blocks; a record is taken, skipped or refused as a whole, and a refused record leaves the batch untouched.

use jiff::tz::TimeZone;
use leadstream_core::Term;

use crate::batch::{Decoded, EventBatch};
use crate::clock::Clock;
use crate::company::Companies;
use crate::contact_id::ContactIds;
use crate::dead_letter::DeadLetter;
use crate::encoding::RecordReader;
use crate::expression::{Expression, Purpose, check_expression};
use crate::format::{FormatProblem, Shape, SourceFormat};
use crate::instant::{InstantReader, TimeFormat, check_time_pattern};
use crate::limits::NAME_MAX_BYTES;
use crate::mapping::MappedDecoder;
use crate::own::{ContactDecoder, InteractionDecoder};
use crate::record::InputRecord;
use crate::segment::SegmentDecoder;

/// Decodes the records of one source.
pub struct Decoder {
    kind: Kind,
    companies: Option<Box<Companies>>,
}

enum Kind {
    Segment(Box<SegmentDecoder>),
    Interactions(Box<InteractionDecoder>),
    Contacts(Box<ContactDecoder>),
    Mapped(Box<MappedDecoder>),
}

impl Decoder {
    /// Checks a description and compiles it.
    ///
    /// # Errors
    /// Everything that is wrong with the description, not only the first of it.
    pub fn compile(format: &SourceFormat) -> Result<Decoder, Vec<FormatProblem>> {
        let mut problems = Vec::new();
        if format.source.is_empty() || format.source.len() > NAME_MAX_BYTES {
            let problem = format!("the name of a source has 1 to {NAME_MAX_BYTES} bytes");
            problems.push(FormatProblem::new("source", problem));
        }
        let zone = format.time_zone.as_deref().and_then(|name| {
            TimeZone::get(name)
                .map_err(|_| {
                    problems.push(FormatProblem::new("time_zone", format!("`{name}` is not an IANA time zone")))
                })
                .ok()
        });
        let time_format = match &format.shape {
            Shape::Mapped(_, mapping) => mapping.time_format.clone(),
            Shape::Segment => TimeFormat::Automatic,
            Shape::Interactions(_) | Shape::Contacts(_) => TimeFormat::IsoOrMillis,
        };
        if let TimeFormat::Pattern(pattern) = &time_format {
            problems.extend(check_time_pattern("mapping.time_format", pattern));
        }
        let clock = Clock { reader: InstantReader::new(time_format, zone), max_ahead: format.max_ahead };
        let expression = compile_expression("contact", format.contact.as_deref(), Purpose::Contact, &mut problems);
        let contacts = ContactIds::new(expression, format.contact_prefix.clone());
        let source = Term::new(&format.source);
        let kind = match &format.shape {
            Shape::Segment => {
                Some(Kind::Segment(Box::new(SegmentDecoder::new(source, clock, contacts, &format.aliases))))
            }
            Shape::Interactions(encoding) => RecordReader::compile(encoding, &mut problems).map(|reader| {
                Kind::Interactions(Box::new(InteractionDecoder::new(source, clock, contacts, reader, &format.aliases)))
            }),
            Shape::Contacts(encoding) => RecordReader::compile(encoding, &mut problems)
                .map(|reader| Kind::Contacts(Box::new(ContactDecoder::new(source, clock, contacts, reader)))),
            Shape::Mapped(encoding, mapping) => {
                let reader = RecordReader::compile(encoding, &mut problems);
                let mapped =
                    MappedDecoder::compile(source, clock, contacts, reader, mapping, &format.aliases, &mut problems);
                mapped.map(|mapped| Kind::Mapped(Box::new(mapped)))
            }
        };
        let companies = Companies::compile(format, &mut problems).map(Box::new);
        match kind {
            Some(kind) if problems.is_empty() => Ok(Decoder { kind, companies }),
            _ => Err(problems),
        }
    }

    /// Decodes one record and adds its events to the batch.
    ///
    /// # Errors
    /// A [`DeadLetter`] says why the record was refused; the batch is then as it was.
    pub fn decode(&mut self, record: &InputRecord<'_>, out: &mut EventBatch) -> Result<Decoded, DeadLetter> {
        let (events, dropped) = (out.len(), out.dropped);
        let decoded = match &mut self.kind {
            Kind::Segment(decoder) => decoder.decode(record, out),
            Kind::Interactions(decoder) => decoder.decode(record, out),
            Kind::Contacts(decoder) => decoder.decode(record, out),
            Kind::Mapped(decoder) => decoder.decode(record, out),
        };
        match (decoded, &mut self.companies) {
            (Ok(Decoded::Events(_)), Some(companies)) => {
                companies.join(record, events, out);
                Ok(Decoded::Events(out.len() - events))
            }
            (Err(letter), _) => {
                out.truncate(events);
                out.dropped = dropped;
                Err(letter)
            }
            (decoded, _) => decoded,
        }
    }
}

/// Compiles an expression that may be absent, noting what is wrong with it.
pub(crate) fn compile_expression(
    field: &str,
    text: Option<&str>,
    purpose: Purpose,
    problems: &mut Vec<FormatProblem>,
) -> Option<Expression> {
    let text = text?;
    let found = check_expression(field, text, purpose);
    if found.is_empty() {
        return Expression::compile(text).map_err(|problem| problems.push(FormatProblem::new(field, problem))).ok();
    }
    problems.extend(found);
    None
}
