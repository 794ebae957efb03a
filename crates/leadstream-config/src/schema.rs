//! The JSON Schema of the configuration file, for editors.

use schemars::generate::SchemaSettings;

use crate::model::Config;

/// The schema as indented JSON with a line break at its end, as it is kept in `schemas/leadstream-config.schema.json`.
pub fn schema_text() -> String {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<Config>();
    schema.insert("title".to_owned(), "Leadstream configuration".into());
    format!("{:#}\n", schema.to_value())
}
