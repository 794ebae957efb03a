//! Sources as the configuration describes them, made into what the decoders take: schema files are read, the process's history settings added.

use std::collections::BTreeMap;
use std::path::Path;

use leadstream_config::{Avro, Config, ContactsFormat, Csv, Format, Framing, MappedKind, Mapping, Source, TimeFormat};
use leadstream_core::Span;
use leadstream_wire::{COMPANY_PREFIX, CsvFormat, Decoder, Encoding, FormatProblem, Shape, SourceFormat};

use crate::failure::Failure;

/// The schema of interactions that a source without one of its own is written with.
const INTERACTION_SCHEMA: &str = include_str!("../../../schemas/interaction.avsc");
/// The schema of commands about contacts.
const CONTACT_SCHEMA: &str = include_str!("../../../schemas/contact.avsc");

/// The description of one source.
///
/// # Errors
/// Schema files that cannot be read.
pub(crate) fn format_of(source: &Source, config: &Config) -> Result<SourceFormat, Failure> {
    let encoding = || avro_encoding(source.avro.as_ref(), INTERACTION_SCHEMA);
    let mapping = || Box::new(source.mapping.as_ref().map(mapping_of).unwrap_or_default());
    let shape = match source.format {
        Format::Segment => Shape::Segment,
        Format::LeadstreamJson => Shape::Interactions(Encoding::Json),
        Format::LeadstreamAvro => Shape::Interactions(encoding()?),
        Format::Json => Shape::Mapped(Encoding::Json, mapping()),
        Format::Csv => Shape::Mapped(Encoding::Csv(csv_of(source.csv.as_ref())), mapping()),
        Format::Avro => Shape::Mapped(encoding()?, mapping()),
    };
    Ok(SourceFormat {
        time_zone: source.time_zone.as_ref().map(ToString::to_string),
        contact: source.contact.clone(),
        contact_prefix: source.contact_prefix.clone().unwrap_or_default(),
        company: source.company.clone(),
        company_prefix: source.company_prefix.clone().unwrap_or_else(|| COMPANY_PREFIX.to_owned()),
        max_ahead: max_ahead(config),
        aliases: source.aliases.iter().map(|(name, stands_for)| (name.clone(), stands_for.clone())).collect(),
        ..SourceFormat::new(source.name(), shape)
    })
}

/// The description of the topic of commands about contacts. Its name is the topic's.
///
/// # Errors
/// Schema files that cannot be read.
pub(crate) fn contacts_format(config: &Config) -> Result<SourceFormat, Failure> {
    let encoding = match config.contacts.format {
        ContactsFormat::LeadstreamJson => Encoding::Json,
        ContactsFormat::LeadstreamAvro => avro_encoding(config.contacts.avro.as_ref(), CONTACT_SCHEMA)?,
    };
    let name = config.topic_names().contacts.to_string();
    Ok(SourceFormat { max_ahead: max_ahead(config), ..SourceFormat::new(&name, Shape::Contacts(encoding)) })
}

/// Refuses sources whose records cannot be read from a topic, although a file of them can.
///
/// # Errors
/// Every source in CSV whose columns nobody named.
pub(crate) fn check_for_topics(config: &Config) -> Result<(), Failure> {
    let is_nameless =
        |source: &&Source| source.format == Format::Csv && source.csv.as_ref().is_none_or(|csv| csv.columns.is_empty());
    let told = |source: &Source| {
        format!(
            "error: the source {} has no columns: each record of a topic is a line of values, so name them in their order, as in \
             csv: {{ columns: [receipt, card, at, amount] }}",
            source.name()
        )
    };
    let mistakes: Vec<String> = config.sources.iter().filter(is_nameless).map(told).collect();
    if mistakes.is_empty() { Ok(()) } else { Err(Failure::CorrectInput(mistakes.join("\n"))) }
}

/// Compiles one description.
///
/// # Errors
/// Every mistake in it; `place` says where the description stands.
pub(crate) fn decoder(place: &str, format: &SourceFormat) -> Result<Decoder, Failure> {
    Decoder::compile(format).map_err(|problems| {
        let lines: Vec<String> = describe(place, &problems).collect();
        Failure::CorrectInput(lines.join("\n"))
    })
}

fn describe<'a>(place: &'a str, problems: &'a [FormatProblem]) -> impl Iterator<Item = String> + 'a {
    problems.iter().map(move |problem| format!("{place}: error: {problem}"))
}

fn max_ahead(config: &Config) -> Span {
    Span::from_millis(i64::try_from(config.history.max_ahead.as_ms()).unwrap_or(i64::MAX))
}

fn csv_of(csv: Option<&Csv>) -> CsvFormat {
    let csv = csv.cloned().unwrap_or_default();
    // The configuration has checked that it is one ASCII character.
    let delimiter = csv.delimiter.bytes().next().unwrap_or(b',');
    CsvFormat { columns: csv.columns, delimiter }
}

fn avro_encoding(avro: Option<&Avro>, own_schema: &str) -> Result<Encoding, Failure> {
    let Some(avro) = avro else { return Ok(Encoding::Avro(own_schema.to_owned())) };
    let read =
        |path: &Path| std::fs::read_to_string(path).map_err(|error| Failure::file("read the schema", path, &error));
    match avro.framing {
        Framing::Plain => {
            let schema = avro.schema.as_ref().map_or_else(|| Ok(own_schema.to_owned()), |path| read(path.as_path()))?;
            Ok(Encoding::Avro(schema))
        }
        Framing::Confluent => {
            let mut schemas = BTreeMap::new();
            for (id, path) in &avro.schemas {
                // The configuration has checked that ids are numbers.
                let id = id.parse().map_err(|_| Failure::input(format!("the schema id {id:?} is not a number")))?;
                schemas.insert(id, read(path.as_path())?);
            }
            Ok(Encoding::ConfluentAvro(schemas))
        }
    }
}

fn mapping_of(mapping: &Mapping) -> leadstream_wire::Mapping {
    leadstream_wire::Mapping {
        kind: match mapping.kind {
            MappedKind::Interaction => leadstream_wire::MappedKind::Interaction,
            MappedKind::Attributes => leadstream_wire::MappedKind::Attributes,
            MappedKind::Snapshot => leadstream_wire::MappedKind::Snapshot,
            MappedKind::Tags => leadstream_wire::MappedKind::Tags,
        },
        event_type: mapping.r#type.clone(),
        id: mapping.id.clone(),
        time: mapping.time.clone(),
        time_format: match &mapping.time_format {
            TimeFormat::Automatic => leadstream_wire::TimeFormat::Automatic,
            TimeFormat::Rfc3339 => leadstream_wire::TimeFormat::Rfc3339,
            TimeFormat::UnixSeconds => leadstream_wire::TimeFormat::EpochSeconds,
            TimeFormat::UnixMilliseconds => leadstream_wire::TimeFormat::EpochMillis,
            TimeFormat::Pattern(pattern) => leadstream_wire::TimeFormat::Pattern(pattern.clone()),
        },
        received: mapping.received.clone(),
        verdict: mapping.verdict.clone(),
        skip_when: mapping.skip_when.clone(),
        all_properties: mapping.all_properties.clone(),
        properties: mapping.properties.clone(),
    }
}
