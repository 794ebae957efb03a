//! One input topic: where it is, how its records are written, and whose they are.
//!
//! Expressions are CEL and stay text here: the wire formats compile them and report their mistakes.

use std::collections::BTreeMap;

use crate::times::{Start, TimeFormat, TimeZoneName};
use crate::values::{FilePath, TopicName};

choice! {
    /// How the records of a source are written.
    pub enum Format {
        /// The Segment shape in JSON: Segment, RudderStack, Jitsu.
        Segment = "segment",
        /// Leadstream's own interaction events as JSON objects with the fields of `schemas/interaction.avsc`.
        LeadstreamJson = "leadstream-json",
        /// Leadstream's own interaction events in Avro, `schemas/interaction.avsc`.
        LeadstreamAvro = "leadstream-avro",
        /// JSON objects of any shape, by a mapping.
        Json = "json",
        /// Lines of separated values, by a mapping.
        Csv = "csv",
        /// Avro records of any schema, by a mapping.
        Avro = "avro",
    }
}

impl Format {
    /// Whether records of this format need a mapping to become events.
    pub fn is_mapped(self) -> bool {
        matches!(self, Self::Json | Self::Csv | Self::Avro)
    }

    /// Whether records of this format are Avro.
    pub fn is_avro(self) -> bool {
        matches!(self, Self::LeadstreamAvro | Self::Avro)
    }
}

choice! {
    /// What the records of a mapped source are.
    pub enum MappedKind {
        /// Interaction events, to be scored.
        Interaction = "interaction",
        /// Updates of the attributes that the properties name.
        Attributes = "attributes",
        /// Full snapshots of attributes: those that the properties do not name are unset.
        Snapshot = "snapshot",
        /// Tags: a property that is true adds the tag of its name, false removes it.
        Tags = "tags",
    }
}

choice! {
    /// How the records of the contacts topic are written.
    pub enum ContactsFormat {
        /// JSON objects with the fields of `schemas/contact.avsc`.
        LeadstreamJson = "leadstream-json",
        /// Avro, `schemas/contact.avsc`.
        LeadstreamAvro = "leadstream-avro",
    }
}

choice! {
    /// What stands in front of an Avro record's body.
    pub enum Framing {
        /// Nothing: the body alone.
        Plain = "plain",
        /// Confluent's wire format: a zero byte and a schema id in four bytes.
        Confluent = "confluent",
    }
}

section! {
    /// Avro details of a source.
    pub struct Avro {
        /// What stands in front of the body.
        pub framing: Framing = Framing::Plain,
        /// Schema file the records were written with, for `framing: plain`.
        pub schema: Option<FilePath> = None,
        /// Schema file for each schema id, for `framing: confluent`.
        pub schemas: BTreeMap<String, FilePath> = BTreeMap::new(),
    }
}

section! {
    /// CSV details of a source.
    pub struct Csv {
        /// What separates the values: one ASCII character.
        pub delimiter: String = ",".to_owned(),
        /// Names of the columns in order. A topic needs them: each of its records is a line of values. A replayed file may name them in its first line.
        pub columns: Vec<String> = Vec::new(),
    }
}

section! {
    /// How a record of any shape becomes an event: CEL expressions over `record`, `key`, `topic` and, in files, `line`.
    pub struct Mapping {
        /// What the records are.
        pub kind: MappedKind = MappedKind::Interaction,
        /// The event's type, as in `'order_completed'` or `record.kind`. Interactions need it.
        pub r#type: Option<String> = None,
        /// The event's id within the source. Without it the id is a hash of the record's content.
        pub id: Option<String> = None,
        /// When it happened. Without it the Kafka timestamp counts; in a file, a record without a time is a dead letter.
        pub time: Option<String> = None,
        /// How `time` and `received` are written.
        pub time_format: TimeFormat = TimeFormat::Automatic,
        /// When it was received; without it, the Kafka timestamp.
        pub received: Option<String> = None,
        /// Who did it: a text human, suspect or machine, or true for a machine.
        pub verdict: Option<String> = None,
        /// Records for which this is true are left out, and counted.
        pub skip_when: Option<String> = None,
        /// `record` or a field of it: an object whose members all become properties.
        pub all_properties: Option<String> = None,
        /// Properties by name, one expression each; they win over those of `all_properties`.
        pub properties: BTreeMap<String, String> = BTreeMap::new(),
    }
}

section! {
    /// One input topic.
    pub struct Source {
        required {
            /// The topic.
            pub topic: TopicName,
            /// How its records are written.
            pub format: Format,
        }
        optional {
            /// Name of the source, part of the identity of its events: with another name every event is another one. Default: the topic.
            pub name: Option<String>,
            /// The records' keys are the contact ids and placed by Kafka's default partitioner, so they are scored without passing
            /// through the interactions topic. It is checked as records come.
            pub keyed: bool,
            /// CEL for the contact id, over `record`, `key` and `topic`. Segment: the user id, else the anonymous id. Mapped formats
            /// need it; `key` where the record's key is the contact.
            pub contact: Option<String>,
            /// Text put in front of every contact id of this source, so that ids of two systems cannot meet.
            pub contact_prefix: Option<String>,
            /// CEL for the company in whose name the contact acts, over `record`, `key` and `topic`: its interactions are scored for the company
            /// too, as those of a contact of its own. A record that names none is the person's alone.
            pub company: Option<String>,
            /// Text put in front of every company's id, so that companies and people cannot meet. Default: `company:`.
            pub company_prefix: Option<String>,
            /// IANA zone of times written without an offset.
            pub time_zone: Option<TimeZoneName>,
            /// Where to begin in a partition without a position: earliest, latest, or an instant.
            pub start: Start,
            /// Event names of the source and the types they stand for, beside the published ones.
            pub aliases: BTreeMap<String, String>,
            /// How records of a free format become events.
            pub mapping: Option<Mapping>,
            /// Avro details.
            pub avro: Option<Avro>,
            /// CSV details.
            pub csv: Option<Csv>,
        }
    }
}

section! {
    /// The topic of commands about contacts: attributes, consent, tags.
    pub struct Contacts {
        /// How its records are written.
        pub format: ContactsFormat = ContactsFormat::LeadstreamJson,
        /// Avro details.
        pub avro: Option<Avro> = None,
    }
}

impl Source {
    /// The name that is part of its events' identity: the given one, else the topic.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.topic.as_str())
    }
}
