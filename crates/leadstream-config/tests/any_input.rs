//! Whatever stands in the layers, loading answers: no panic, no endless loop, and a refusal always says why.

use std::path::PathBuf;

use leadstream_config::{Layers, LoadError, Severity, YamlFile, examine, load};
use proptest::prelude::*;

/// The folder of this package. Asked for when the test runs: a path that is built in would be that of the checkout that was built last.
fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

fn shipped() -> String {
    let path = package().join("../../config/leadstream.yaml");
    std::fs::read_to_string(path).expect("the shipped file is there")
}

fn answers(text: String, environment: Vec<(String, String)>, flags: Vec<String>) -> Result<(), TestCaseError> {
    let file = YamlFile { name: "c.yaml".into(), directory: PathBuf::new(), text };
    let layers = Layers { file: Some(file), environment: environment.into_iter().collect(), flags };
    let examined = examine(&layers);
    prop_assert_eq!(examined.render(false).is_empty(), examined.problems.is_empty());
    prop_assert_eq!(examined.shown_text().len(), layers.file.as_ref().map_or(0, |file| file.text.len()));
    match load(&layers) {
        Ok(loaded) => {
            let parts = loaded.config.memory.parts();
            prop_assert!(parts.contacts_bytes <= loaded.config.memory.budget.as_bytes());
            prop_assert!(loaded.render_effective().contains("application:"));
        }
        Err(LoadError::CorrectConfiguration(problems)) => {
            prop_assert!(problems.0.iter().any(|problem| problem.severity == Severity::Error));
            prop_assert!(!problems.to_string().is_empty());
        }
        Err(error) => prop_assert!(false, "{error}"),
    }
    Ok(())
}

/// Scraps that mean something to YAML or to us.
fn scrap() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(": "),
        Just("\n- "),
        Just("&a "),
        Just("*a"),
        Just("!!x "),
        Just("|\n"),
        Just("'"),
        Just("\""),
        Just("---\n"),
        Just("\t"),
        Just("? "),
        Just("18446744073709551615"),
        Just("-1"),
        Just("99999999999999999999d"),
        Just("16777216TiB"),
        Just("%"),
        Just("\u{0}"),
    ]
    .prop_map(str::to_owned)
    .boxed()
    .prop_union("\\PC{0,12}".boxed())
}

proptest! {
    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,200}", scraps in prop::collection::vec(scrap(), 0..30)) {
        answers(text, Vec::new(), Vec::new())?;
        answers(scraps.concat(), Vec::new(), Vec::new())?;
    }

    #[test]
    fn the_shipped_file_with_any_damage_gets_an_answer(damage in prop::collection::vec((0.0..1.0f64, 0usize..9, scrap()), 1..4)) {
        let mut text: Vec<char> = shipped().chars().collect();
        for (place, removed, scrap) in damage {
            let at = ((text.len() as f64) * place) as usize;
            let end = (at + removed).min(text.len());
            text.splice(at..end, scrap.chars());
        }
        answers(text.into_iter().collect(), Vec::new(), Vec::new())?;
    }

    #[test]
    fn any_variable_and_any_flag_get_an_answer(
        path in "(KAFKA|SOURCES|TOPICS|MEMORY|ENGINE|PLANS|X)(__([A-Z_]{0,8}|[0-9]{1,3}|COMMON|BUDGET)){0,3}",
        key in "(kafka|sources|topics|memory|engine|plans|x)([.\\[][a-z0-9_\\]]{0,8}){0,3}",
        value in scrap(),
    ) {
        let environment = vec![(format!("LEADSTREAM_{path}"), value.clone())];
        answers(shipped(), environment, vec![format!("{key}={value}"), value])?;
    }
}
