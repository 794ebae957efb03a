//! In whose name a contact acts: the company to which a record's interactions go beside the contact (S2).
//!
//! Both take the event by its one identity, which each of them counts once. What describes the person (attributes, tags, links) is not the company's;
//! what describes the company comes with the message by which a person joins it.

use leadstream_core::{EventKind, Uid};

use crate::batch::EventBatch;
use crate::contact_id::ContactIds;
use crate::dead_letter::DeadLetterCode;
use crate::decoder::compile_expression;
use crate::encoding::RecordReader;
use crate::expression::{Inputs, Purpose};
use crate::format::{Encoding, FormatProblem, Shape, SourceFormat};
use crate::record::InputRecord;
use crate::tree::TreeSeed;

/// The type of the interaction by which somebody joins a company.
const JOINED: &str = "group_joined";
/// What stands before the names of the properties of that interaction which describe the company.
const TRAITS: &str = "group.";

/// Adds the company's events of one source.
pub(crate) struct Companies {
    ids: ContactIds,
    reader: RecordReader,
}

impl Companies {
    /// Nothing where the source names no company, or names it wrongly, which is noted.
    pub(crate) fn compile(format: &SourceFormat, problems: &mut Vec<FormatProblem>) -> Option<Companies> {
        let expression = compile_expression("company", format.company.as_deref(), Purpose::Contact, problems)?;
        let encoding = match &format.shape {
            Shape::Segment => &Encoding::Json,
            Shape::Interactions(encoding) | Shape::Contacts(encoding) | Shape::Mapped(encoding, _) => encoding,
        };
        // What is wrong with the encoding has been noted by the source's own reader.
        let reader = RecordReader::compile(encoding, &mut Vec::new())?;
        Some(Companies { ids: ContactIds::new(Some(expression), format.company_prefix.clone()), reader })
    }

    /// Adds to the events of a record, which begin at `from`, those of its company. An id that cannot be made is counted as dropped: the contact's own
    /// events are sound.
    pub(crate) fn join(&mut self, record: &InputRecord<'_>, from: usize, out: &mut EventBatch) {
        let Ok(tree) = self.reader.read(record, TreeSeed::default()) else { return };
        match self.ids.of_inputs(&Inputs { record: &tree, ..Inputs::of(record) }) {
            Ok(company) => add_events(&company, from, out),
            Err(letter) if letter.code == DeadLetterCode::ContactMissing => {}
            Err(_) => out.dropped.expressions += 1,
        }
    }
}

fn add_events(company: &str, from: usize, out: &mut EventBatch) {
    for at in from..out.len() {
        let event = &out.events()[at];
        if event.kind != EventKind::Interaction || event.contact == company {
            continue;
        }
        let has_joined = event.event_type.as_str() == JOINED;
        let event = out.add_copy(at);
        event.contact.clear();
        event.contact.push_str(company);
        if has_joined {
            add_attributes(at, company, out);
        }
    }
}

/// What is said of a company when somebody joins it becomes its attributes.
fn add_attributes(at: usize, company: &str, out: &mut EventBatch) {
    let joined = out.events()[at].properties.clone();
    if !joined.iter().any(|(_, name, _)| name.starts_with(TRAITS)) {
        return;
    }
    let event = out.add_copy(at);
    event.contact.clear();
    event.contact.push_str(company);
    event.kind = EventKind::Attributes;
    event.uid = Uid::of(event.source.as_str(), &format!("{}#company", event.uid));
    event.event_type.set("attributes");
    event.properties.clear();
    for (_, name, value) in joined.iter() {
        if let Some(name) = name.strip_prefix(TRAITS) {
            event.properties.set(name, value);
        }
    }
}
