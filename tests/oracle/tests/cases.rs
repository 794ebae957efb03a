//! The cases kept in `cases/`: each is run and its derived events compared with the file's.
//!
//! A file holds a case and, beside it, what it must lead to: one list of derived events per command, each in short.

#![allow(clippy::unwrap_used, reason = "what a test calls fails as the test does")]

use std::path::PathBuf;

use leadstream_oracle::case::Case;
use leadstream_oracle::{DerivedEvent, Effect};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    case: Case,
    /// For each command its derived events as `type plan subject old->new at TIME`.
    expect: Vec<Vec<String>>,
}

fn short(derived: &DerivedEvent) -> String {
    format!(
        "{} {} {} {}->{} at {}",
        json(&derived.derived_type),
        derived.plan.as_deref().unwrap_or("-"),
        derived.subject,
        json(&derived.old),
        json(&derived.new),
        derived.time
    )
}

/// The JSON of a value, without the quotes of a string.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap().trim_matches('"').to_owned()
}

/// The folder of this package. Asked for when the test runs: a path that is built in would be that of the checkout that was built last.
fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

#[test]
fn kept_cases_lead_to_what_their_files_say() {
    let folder = package().join("cases");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty());
    for path in files {
        let kept: Kept = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let (_, effects) = kept.case.run().unwrap();
        let derived = |effect: &Effect| effect.derived.iter().map(short).collect::<Vec<_>>();
        assert_eq!(effects.iter().map(derived).collect::<Vec<_>>(), kept.expect, "{}", path.display());
    }
}

#[test]
fn a_case_with_an_unknown_member_is_refused() {
    assert!(
        serde_json::from_str::<Case>("{\"contact\": \"c1\", \"plans\": [], \"commands\": [], \"comands\": []}")
            .is_err()
    );
}
