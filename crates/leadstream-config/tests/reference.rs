//! The table of all keys in docs/configuration.md is made from the types, so that it cannot go stale.

use std::fmt::Write;
use std::path::PathBuf;

use serde_json::Value;

const BEGIN: &str =
    "<!-- keys: made from the types; LEADSTREAM_WRITE_GENERATED=1 cargo test -p leadstream-config -->\n";
const END: &str = "<!-- end of keys -->";

/// The folder of this package. Asked for when the test runs: a path that is built in would be that of the checkout that was built last.
fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

/// The definition a schema refers to, directly or as one of several.
fn target<'s>(schema: &'s Value, root: &'s Value) -> &'s Value {
    let reference = std::iter::once(schema)
        .chain(schema["allOf"].as_array().into_iter().flatten())
        .chain(schema["anyOf"].as_array().into_iter().flatten())
        .find_map(|candidate| candidate["$ref"].as_str());
    match reference {
        Some(reference) => &root["definitions"][reference.trim_start_matches("#/definitions/")],
        None => schema,
    }
}

fn rows(schema: &Value, root: &Value, path: &str, out: &mut String) {
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let inner = target(property, root);
        let item = target(&inner["items"], root);
        let description = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        if inner["properties"].is_object() {
            rows(inner, root, &path, out);
        } else if item["properties"].is_object() {
            rows(item, root, &format!("{path}[]"), out);
        } else {
            let required = schema["required"].as_array().is_some_and(|keys| keys.iter().any(|name| name == key));
            let default = match &property["default"] {
                _ if required => "required".to_owned(),
                Value::Null => String::new(),
                Value::String(text) => format!("`{text}`"),
                value => format!("`{value}`"),
            };
            let words: Vec<_> = [&inner["enum"], &inner["oneOf"]]
                .into_iter()
                .filter_map(Value::as_array)
                .flatten()
                .filter_map(|word| {
                    word.as_str().or_else(|| word["const"].as_str()).or_else(|| word["enum"][0].as_str())
                })
                .collect();
            let words = if words.is_empty() { String::new() } else { format!(" One of {}.", words.join(", ")) };
            writeln!(out, "| `{path}` | {default} | {description}{words} |").expect("a string takes everything");
        }
    }
}

#[test]
fn the_table_of_keys_in_the_documentation_is_the_one_the_types_make() {
    let root: Value = serde_json::from_str(&leadstream_config::schema_text()).unwrap();
    let mut table = "\n| key | default | |\n|---|---|---|\n".to_owned();
    rows(&root, &root, "", &mut table);
    assert!(table.contains("| `engine.commit_interval` | `100ms` |"), "{table}");
    assert!(table.contains("| `sources[].topic` | required |"), "{table}");
    assert!(table.contains("One of segment, leadstream-json, leadstream-avro, json, csv, avro."), "{table}");
    table.push('\n');

    let path = package().join("../../docs/configuration.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the beginning of the table");
    let (kept, after) = rest.split_once(END).expect("the page has the end of the table");
    if std::env::var_os("LEADSTREAM_WRITE_GENERATED").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert!(kept == table, "stale table of keys; run this test with LEADSTREAM_WRITE_GENERATED=1");
    }
}
