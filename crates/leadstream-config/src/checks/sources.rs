//! Checks of the sources: one entry a topic, and for each format the details it needs and no others.

use std::collections::BTreeMap;

use super::Check;
use crate::model::source::{Avro, ContactsFormat, Format, Framing, MappedKind, Source};
use crate::problem::Problem;

impl Check<'_> {
    pub(super) fn sources(&mut self) {
        let config = self.config;
        // A list given up over a mistake in it is not an empty one.
        if config.sources.is_empty() && self.origins.get("sources[0]").is_none() {
            self.warning("sources", "no sources: no interaction events will be read");
        }
        let mut seen: BTreeMap<&str, String> = BTreeMap::new();
        for (path, source) in self.items("sources", &config.sources) {
            if let Some(first) = seen.insert(source.topic.as_str(), path.clone()) {
                let message = format!("{} is already the topic of {first}", source.topic);
                self.error(&format!("{path}.topic"), message);
            }
            self.mapping(source, &path);
            self.avro(source, &path);
            self.csv(source, &path);
            self.ids(source, &path);
        }
        self.avro_details(config.contacts.avro.as_ref(), "contacts.avro");
        if config.contacts.avro.is_some() && config.contacts.format == ContactsFormat::LeadstreamJson {
            self.error("contacts.avro", "format leadstream-json is not Avro");
        }
    }

    fn ids(&mut self, source: &Source, path: &str) {
        for (name, prefix) in [("contact_prefix", &source.contact_prefix), ("company_prefix", &source.company_prefix)] {
            if prefix.as_ref().is_some_and(|prefix| prefix.contains(char::is_whitespace)) {
                self.error(&format!("{path}.{name}"), "white space in a contact id cannot be told apart by eye");
            }
        }
        if source.keyed && source.contact_prefix.is_some() {
            let message = "with a prefix the contact id is no longer the key that placed the record";
            let hint = "leave contact_prefix out, or set keyed to false";
            self.error_with_hint(&format!("{path}.keyed"), message, hint);
        }
        if source.keyed && source.company.is_some() {
            let message =
                "a company's events belong into another partition than those of its people, who placed the records";
            self.error_with_hint(&format!("{path}.keyed"), message, "set keyed to false, or leave company out");
        }
        if source.company_prefix.is_some() && source.company.is_none() && !self.is_set(&format!("{path}.company")) {
            let hint = "add company, as in company: record.context.groupId";
            self.error_with_hint(
                &format!("{path}.company_prefix"),
                "no company is named that it could stand before",
                hint,
            );
        }
    }

    fn mapping(&mut self, source: &Source, path: &str) {
        let format = source.format.as_str();
        if source.format.is_mapped() && source.contact.is_none() && !self.is_set(&format!("{path}.contact")) {
            let hint = "add contact, as in contact: record.customer_id, or contact: key where the key is the contact";
            self.error_with_hint(path, format!("format {format} does not say whose a record is"), hint);
        }
        let mapping = match (&source.mapping, source.format.is_mapped()) {
            (None, true) if self.is_set(&format!("{path}.mapping")) => return,
            (None, true) => {
                let hint = "add mapping with at least type";
                return self.error_with_hint(path, format!("format {format} needs a mapping"), hint);
            }
            (Some(_), false) => {
                return self.error(
                    &format!("{path}.mapping"),
                    format!("format {format} has its own shape and takes no mapping"),
                );
            }
            (None, false) => return,
            (Some(mapping), true) => mapping,
        };
        if mapping.kind == MappedKind::Interaction
            && mapping.r#type.is_none()
            && !self.is_set(&format!("{path}.mapping.type"))
        {
            let hint = "add type, as in type: \"'order_completed'\"";
            self.error_with_hint(&format!("{path}.mapping"), "interactions need an expression for their type", hint);
        }
        let knows_zone = source.time_zone.is_some() || self.is_set(&format!("{path}.time_zone"));
        if mapping.time.is_some() && mapping.time_format.is_naive() && !knows_zone {
            let message = format!("{} says no offset, so the source needs a time_zone", mapping.time_format);
            self.error_with_hint(
                &format!("{path}.mapping.time_format"),
                message,
                "add time_zone, as in time_zone: Europe/Warsaw",
            );
        }
        for name in mapping.properties.keys() {
            let legal = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !legal || name.starts_with(|first: char| first.is_ascii_digit()) {
                let message = "a property is named by letters, digits and _, so that plans can say event.<name>";
                self.error(&format!("{path}.mapping.properties.{name}"), message);
            }
        }
    }

    fn avro(&mut self, source: &Source, path: &str) {
        let format = source.format.as_str();
        let Some(avro) = &source.avro else {
            if source.format == Format::Avro {
                let hint = "add avro: { schema: FILE }, or avro: { framing: confluent, schemas: { 1: FILE } }";
                self.error_with_hint(path, "format avro needs the schema its records were written with", hint);
            }
            return;
        };
        let path = format!("{path}.avro");
        if !source.format.is_avro() {
            return self.error(&path, format!("format {format} is not Avro"));
        }
        if avro.framing == Framing::Plain && avro.schema.is_none() && source.format == Format::Avro {
            self.error(&path, "plain framing needs the schema file as schema");
        }
        self.avro_details(Some(avro), &path);
    }

    /// What holds for any Avro section, whoever's schema it names.
    fn avro_details(&mut self, avro: Option<&Avro>, path: &str) {
        let Some(avro) = avro else { return };
        match avro.framing {
            Framing::Plain if !avro.schemas.is_empty() => {
                self.error(&format!("{path}.schemas"), "plain records carry no schema id; name one file as schema");
            }
            Framing::Confluent if avro.schema.is_some() => {
                self.error(&format!("{path}.schema"), "with confluent framing each id has its file, under schemas");
            }
            Framing::Confluent if avro.schemas.is_empty() => {
                self.error(path, "confluent framing needs schemas: a file for each schema id");
            }
            Framing::Plain | Framing::Confluent => {}
        }
        for id in avro.schemas.keys().filter(|id| id.parse::<u32>().is_err()) {
            let message = format!("{id:?} is not a schema id; ids are whole numbers up to 4294967295");
            self.error(&format!("{path}.schemas.{id}"), message);
        }
    }

    fn csv(&mut self, source: &Source, path: &str) {
        let format = source.format.as_str();
        match (&source.csv, source.format == Format::Csv) {
            (Some(_), false) => self.error(&format!("{path}.csv"), format!("format {format} is not CSV")),
            (Some(csv), true) => {
                if csv.delimiter.len() != 1 {
                    let message = format!("{:?} is not one ASCII character", csv.delimiter);
                    self.error(&format!("{path}.csv.delimiter"), message);
                }
                if csv.columns.is_empty() {
                    self.no_columns(&format!("{path}.csv"));
                }
            }
            (None, true) => self.no_columns(path),
            (None, false) => {}
        }
    }

    fn no_columns(&mut self, path: &str) {
        let message = "no columns: a file whose first line names them can be replayed, but a topic has no such line and cannot be read";
        let hint = "name them in their order, as in csv: { columns: [receipt, card, at, amount] }";
        self.problems.push(Problem::warning(&self.origins.nearest(path), path, message).hint(hint));
    }
}
