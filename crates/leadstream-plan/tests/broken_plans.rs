//! Broken plans and the messages their authors get, in full: `tests/broken/*.yaml` beside the snapshots of what is shown.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use leadstream_plan::{Code, Options, Report, Source, Style, check, compile};

/// The folder of this package. Asked for when the test runs: a path that is built in would be that of the checkout that was built last.
fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

fn report(paths: &[&str]) -> Report {
    report_with(paths, &Options::default())
}

fn report_with(paths: &[&str], options: &Options) -> Report {
    let read = |path: &&str| Source {
        name: (*path).to_owned(),
        text: fs::read_to_string(package().join("tests").join(path)).unwrap(),
    };
    check(paths.iter().map(read).collect(), options)
}

/// A plan that waits for what never came, held against events that came.
fn unseen() -> Report {
    let seen = ["page_viewed", "product_viewed", "demo_askd", "test_drives_taken"].map(str::to_owned).to_vec();
    let options = Options {
        event_types: vec!["test_drive_taken".to_owned()],
        seen_event_types: Some(seen),
        ..Options::default()
    };
    report_with(&["unseen/unseen.yaml"], &options)
}

/// A message without advice leaves its reader alone.
#[track_caller]
fn assert_says_what_to_do(report: &Report) {
    for diagnostic in &report.diagnostics {
        assert!(!diagnostic.help.is_empty(), "nothing says what to do: {}", diagnostic.short());
    }
}

fn broken_files() -> Vec<String> {
    let folder = fs::read_dir(package().join("tests/broken")).unwrap();
    let names = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".yaml")).collect();
    names.sort();
    names
}

#[test]
fn every_message_is_shown_as_its_author_reads_it() {
    for name in broken_files() {
        let report = report(&[&format!("broken/{name}")]);
        assert!(!report.diagnostics.is_empty(), "{name} has problems");
        assert_eq!(report.has_errors(), report.plans.is_empty(), "{name}: a plan exactly where there is no error");
        assert_says_what_to_do(&report);
        insta::with_settings!({ snapshot_path => "broken", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name.trim_end_matches(".yaml"), report.render(Style::Plain));
        });
    }
}

#[test]
fn plans_that_do_not_fit_together_are_told_so() {
    let report = report(&["together/cars.yaml", "together/bikes.yaml", "together/cars-again.yaml"]);
    assert_says_what_to_do(&report);
    insta::with_settings!({ snapshot_path => "together", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("together", report.render(Style::Plain));
    });
}

#[test]
fn types_that_never_came_are_told_where_events_were_looked_at() {
    assert_says_what_to_do(&unseen());
    insta::with_settings!({ snapshot_path => "unseen", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("unseen", unseen().render(Style::Plain));
    });
}

#[test]
fn every_code_is_shown_at_least_once() {
    let mut seen: BTreeSet<Code> = BTreeSet::new();
    for name in broken_files() {
        seen.extend(report(&[&format!("broken/{name}")]).diagnostics.iter().map(|diagnostic| diagnostic.code));
    }
    let together = report(&["together/cars.yaml", "together/bikes.yaml", "together/cars-again.yaml"]);
    seen.extend(together.diagnostics.iter().map(|diagnostic| diagnostic.code));
    seen.extend(unseen().diagnostics.iter().map(|diagnostic| diagnostic.code));
    let unseen: Vec<&str> = Code::all().filter(|code| !seen.contains(code)).map(Code::name).collect();
    assert_eq!(unseen, [""; 0]);
}

#[test]
fn spans_lie_in_the_text_and_lines_and_columns_agree_with_them() {
    for name in broken_files() {
        let text = fs::read_to_string(package().join("tests/broken").join(&name)).unwrap();
        for diagnostic in compile(&name, &text, &Options::default()).diagnostics {
            assert!(text.get(diagnostic.span.clone()).is_some(), "{}", diagnostic.short());
            let line = text.lines().nth(diagnostic.line - 1).unwrap_or_default();
            let rest: String = line.chars().skip(diagnostic.column - 1).collect();
            let shown = text[diagnostic.span.start..].lines().next().unwrap_or_default();
            assert_eq!(rest, shown, "{}", diagnostic.short());
        }
    }
}
