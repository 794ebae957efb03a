//! Records of any shape, by a declared mapping: an expression for each field of the event.
//!
//! A field that the record lacks is an absent field of the event; an expression that fails refuses the record where the event cannot do
//! without it, and loses only the property otherwise, which is counted.

use leadstream_core::{Event, EventKind, Properties, Term, Timestamp, Uid, Value, Verdict};
use serde_json::Value as Tree;

use crate::batch::{Decoded, Dropped, EventBatch, SkipReason};
use crate::canonical;
use crate::clock::Clock;
use crate::contact_id::ContactIds;
use crate::dead_letter::{DeadLetter, DeadLetterCode};
use crate::decoder::compile_expression;
use crate::encoding::RecordReader;
use crate::event_types::EventTypes;
use crate::expression::{Expression, Inputs, Outcome, Purpose};
use crate::fields;
use crate::format::{FormatProblem, MappedKind, Mapping};
use crate::limits::{MEMBERS_MAX, keep_within_limit};
use crate::names::property_name;
use crate::record::InputRecord;
use crate::scalar::{Empty, PropertiesSeed, Scalar, TOO_MANY_PROPERTIES, set_property};
use crate::text::{malformed, rejected};
use crate::tree::TreeSeed;

/// Decodes one mapped source.
pub(crate) struct MappedDecoder {
    source: Term,
    clock: Clock,
    contacts: ContactIds,
    reader: RecordReader,
    types: EventTypes,
    kind: MappedKind,
    event_type: Option<Expression>,
    id: Option<Expression>,
    time: Option<Expression>,
    received: Option<Expression>,
    verdict: Option<Expression>,
    skip_when: Option<Expression>,
    all_properties: Option<Expression>,
    properties: Vec<(String, Expression)>,
    prefix: String,
}

impl MappedDecoder {
    /// Compiles a mapping, noting all that is wrong with it.
    pub(crate) fn compile(
        source: Term,
        clock: Clock,
        contacts: ContactIds,
        reader: Option<RecordReader>,
        mapping: &Mapping,
        aliases: &[(String, String)],
        problems: &mut Vec<FormatProblem>,
    ) -> Option<MappedDecoder> {
        if !contacts.has_expression() && !problems.iter().any(|problem| problem.field == "contact") {
            problems.push(FormatProblem::new("contact", "a mapped source needs an expression for the contact's id"));
        }
        if mapping.kind == MappedKind::Interaction && mapping.event_type.is_none() {
            problems.push(FormatProblem::new("mapping.type", "interactions need an expression for their type"));
        }
        let mut compile = |field: &str, text: &Option<String>, purpose: Purpose| {
            compile_expression(&format!("mapping.{field}"), text.as_deref(), purpose, problems)
        };
        let event_type = compile("type", &mapping.event_type, Purpose::Type);
        let id = compile("id", &mapping.id, Purpose::Id);
        let time = compile("time", &mapping.time, Purpose::Time);
        let received = compile("received", &mapping.received, Purpose::Time);
        let verdict = compile("verdict", &mapping.verdict, Purpose::Verdict);
        let skip_when = compile("skip_when", &mapping.skip_when, Purpose::SkipWhen);
        let all_properties = compile("all_properties", &mapping.all_properties, Purpose::AllProperties);
        let purpose = if mapping.kind == MappedKind::Tags { Purpose::Tag } else { Purpose::Property };
        let properties = mapping
            .properties
            .iter()
            .filter_map(|(name, text)| {
                let expression =
                    compile_expression(&format!("mapping.properties.{name}"), Some(text), purpose, problems)?;
                // Tags are words of the customer's own and stay as they are.
                let name =
                    if mapping.kind == MappedKind::Tags { name.clone() } else { property_name(name).into_owned() };
                Some((name, expression))
            })
            .collect();
        Some(MappedDecoder {
            source,
            clock,
            contacts,
            reader: reader?,
            types: EventTypes::new(aliases),
            kind: mapping.kind,
            event_type,
            id,
            time,
            received,
            verdict,
            skip_when,
            all_properties,
            properties,
            prefix: String::new(),
        })
    }

    pub(crate) fn decode(&mut self, record: &InputRecord<'_>, out: &mut EventBatch) -> Result<Decoded, DeadLetter> {
        let tree = self.reader.read(record, TreeSeed::default())?;
        let inputs = Inputs { record: &tree, ..Inputs::of(record) };
        if let Some(skip_when) = &self.skip_when
            && matches!(field("skip_when", skip_when, &inputs)?, Scalar::Bool(true))
        {
            return Ok(Decoded::Skipped(SkipReason::SkipWhen));
        }
        let contact = self.contacts.of_inputs(&inputs)?;
        let (time, clamped) = self.time(&inputs, record)?;
        let uid = Uid::of(self.source.as_str(), &self.identity(&inputs)?);
        let verdict = self.verdict(&inputs)?;
        let name = match &self.event_type {
            Some(expression) => field("type", expression, &inputs)?.text().map(str::to_owned),
            None => None,
        };
        let mut dropped = Dropped::default();
        let event = out.add();
        event.contact.push_str(&contact);
        (event.uid, event.time, event.clamped, event.verdict) = (uid, time, clamped, verdict);
        event.source.set(self.source.as_str());
        self.properties(&tree, &inputs, &mut event.properties, &mut dropped)?;
        self.shape(event, name.as_deref(), &mut dropped)?;
        let is_empty = event.properties.is_empty() && matches!(self.kind, MappedKind::Attributes | MappedKind::Tags);
        out.dropped.add(dropped);
        if is_empty {
            out.truncate(out.len() - 1);
            return Ok(Decoded::Skipped(SkipReason::Empty));
        }
        Ok(Decoded::Events(1))
    }

    /// What the kind of the mapping asks of the event.
    fn shape(&mut self, event: &mut Event, name: Option<&str>, dropped: &mut Dropped) -> Result<(), DeadLetter> {
        event.kind = match self.kind {
            MappedKind::Interaction => EventKind::Interaction,
            MappedKind::Attributes => EventKind::Attributes,
            MappedKind::Snapshot => EventKind::Snapshot,
            MappedKind::Tags => EventKind::Tags,
        };
        match name {
            Some(name) => event.event_type.set(self.types.of(name)?),
            None if self.kind == MappedKind::Interaction => {
                return Err(DeadLetter::new(DeadLetterCode::EventMissing, "the mapping's `type` gives no name"));
            }
            None => event.event_type.set(match self.kind {
                MappedKind::Tags => "tags",
                MappedKind::Snapshot => "snapshot",
                _ => "attributes",
            }),
        }
        if self.kind == MappedKind::Interaction {
            fields::complete_path(&mut event.properties);
            fields::complete_value(&mut event.properties);
            keep_within_limit(event, dropped);
        }
        Ok(())
    }

    fn time(&self, inputs: &Inputs<'_>, record: &InputRecord<'_>) -> Result<(Timestamp, bool), DeadLetter> {
        let read = |name: &str, expression: &Option<Expression>| match expression {
            Some(expression) => self.clock.read(name, &field(name, expression, inputs)?),
            None => Ok(None),
        };
        self.clock.settle(read("time", &self.time)?, read("received", &self.received)?, record)
    }

    /// The mapped id; without one a hash of the record and, in a file, its line: two equal lines of a file are two events, while a record
    /// that a broker delivers twice is one.
    fn identity(&self, inputs: &Inputs<'_>) -> Result<String, DeadLetter> {
        if let Some(expression) = &self.id
            && let Some(id) = field("id", expression, inputs)?.identifier()
        {
            return Ok(id.into_owned());
        }
        let hash = canonical::identity(inputs.record);
        Ok(match inputs.line {
            Some(line) => format!("{hash}:{line}"),
            None => hash,
        })
    }

    fn verdict(&self, inputs: &Inputs<'_>) -> Result<Verdict, DeadLetter> {
        let Some(expression) = &self.verdict else { return Ok(Verdict::Human) };
        match field("verdict", expression, inputs)? {
            Scalar::Absent | Scalar::Bool(false) => Ok(Verdict::Human),
            Scalar::Bool(true) => Ok(Verdict::Machine),
            Scalar::Text(text) if text.is_empty() => Ok(Verdict::Human),
            Scalar::Text(text) => crate::own::verdict_of(&text),
            _ => Err(DeadLetter::new(DeadLetterCode::WrongType, "`verdict` is neither a text nor a truth value")),
        }
    }

    fn properties(
        &mut self,
        tree: &Tree,
        inputs: &Inputs<'_>,
        into: &mut Properties,
        dropped: &mut Dropped,
    ) -> Result<(), DeadLetter> {
        let empty = match self.kind {
            MappedKind::Interaction | MappedKind::Tags => Empty::Drop,
            MappedKind::Attributes | MappedKind::Snapshot => Empty::Unset,
        };
        if let Some(members) = self.all_properties.as_ref().and_then(|expression| expression.tree(tree)) {
            let mut seed = PropertiesSeed::new(into, &mut self.prefix, empty, dropped);
            seed.convert_names = self.kind != MappedKind::Tags;
            serde::de::DeserializeSeed::deserialize(seed, members).map_err(|error| {
                rejected(&error.to_string()).unwrap_or_else(|| malformed("an object", "see the mapping"))
            })?;
        }
        for (name, expression) in &self.properties {
            match expression.evaluate(inputs) {
                Outcome::Value(value) => match value.as_value() {
                    Some(value) => set_property(into, name, value, empty, dropped),
                    None => dropped.shapes += 1,
                },
                Outcome::Missing => {}
                Outcome::Failed(_) => dropped.expressions += 1,
            }
        }
        if into.len() > MEMBERS_MAX {
            return rejected(TOO_MANY_PROPERTIES).map_or(Ok(()), Err);
        }
        if self.kind == MappedKind::Tags {
            return only_truth_values(into);
        }
        Ok(())
    }
}

/// Tags are added by true and removed by false; anything else is a mistake in the mapping.
fn only_truth_values(properties: &Properties) -> Result<(), DeadLetter> {
    match properties.iter().find(|(.., value)| !matches!(value, Value::Bool(_))) {
        Some((_, name, _)) => {
            let reason = format!("the tag `{name}` is neither true nor false");
            Err(DeadLetter::new(DeadLetterCode::WrongType, reason))
        }
        None => Ok(()),
    }
}

/// A field that the event needs: absent where the record lacks it, a refusal where the expression fails.
fn field<'a>(name: &str, expression: &'a Expression, inputs: &Inputs<'a>) -> Result<Scalar<'a>, DeadLetter> {
    match expression.evaluate(inputs) {
        Outcome::Value(value) => Ok(value),
        Outcome::Missing => Ok(Scalar::Absent),
        Outcome::Failed(reason) => {
            Err(DeadLetter::new(DeadLetterCode::MappingFailed, format!("`{name}` failed: {reason}")))
        }
    }
}
