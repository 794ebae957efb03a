//! The configuration file: types, validation, schema
