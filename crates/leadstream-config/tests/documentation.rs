//! What the guides tell people to write must load.

use std::path::PathBuf;

use leadstream_config::{Layers, YamlFile, load};

/// The folder of this package. Asked for when the test runs: a path that is built in would be that of the checkout that was built last.
fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

/// The YAML blocks of a page.
fn blocks(page: &str) -> Vec<String> {
    let path = package().join("../../docs").join(page);
    let text = std::fs::read_to_string(path).expect("the page is there");
    let mut parts = text.split("```yaml\n");
    parts.next();
    parts.map(|part| part.split("```").next().unwrap_or_default().to_owned()).collect()
}

fn assert_loads(text: &str) {
    let file = YamlFile { name: "page".into(), directory: PathBuf::new(), text: text.to_owned() };
    match load(&Layers { file: Some(file), ..Layers::default() }) {
        Ok(loaded) => assert_eq!(loaded.warnings, [], "{text}"),
        Err(error) => panic!("{text}\n{error}"),
    }
}

#[test]
fn the_sources_of_the_guide_to_ones_own_topic_load_without_a_warning() {
    let blocks = blocks("own-topic.md");
    assert_eq!(blocks.len(), 4);
    let (first, others) = blocks.split_first().expect("there are four");
    assert_eq!(first.lines().count(), 10, "the ten lines are ten");
    assert_loads(first);
    for block in others {
        assert_loads(&format!("sources:\n{block}"));
    }
}

#[test]
fn the_examples_in_the_comments_of_the_shipped_file_load_too() {
    let path = package().join("../../config/leadstream.yaml");
    let text = std::fs::read_to_string(path).expect("the file is there");
    let mut example = String::new();
    let mut inside = false;
    for line in text.lines() {
        // An example begins behind its announcement and ends with its comment.
        let uncommented = line.trim_start().strip_prefix("# ");
        match uncommented {
            Some(announcement)
                if announcement.starts_with("Example: TLS") || announcement.starts_with("Example: orders") =>
            {
                inside = true;
            }
            Some(code) if inside => {
                let indent = line.len() - line.trim_start().len();
                example.push_str(&format!("{:indent$}{code}\n", ""));
            }
            _ => {
                inside = false;
                // Sections go on around the example; what the example spells out replaces the empty one.
                if line != "  common: {}" {
                    example.push_str(&format!("{line}\n"));
                }
            }
        }
    }
    let example = example.replace("{ file: /run/secrets/kafka-password }", "{ env: PASSWORD }");
    assert!(example.contains("\n  - topic: shop-orders\n") && example.contains("\n    sasl.password: "), "{example}");
    let file = YamlFile { name: "example".into(), directory: PathBuf::new(), text: example };
    let environment = [("PASSWORD".to_owned(), "x".to_owned())].into();
    let loaded = load(&Layers { file: Some(file), environment, flags: Vec::new() }).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.sources.len(), 2);
    assert_eq!(loaded.config.kafka.common.iter().count(), 5);
}
