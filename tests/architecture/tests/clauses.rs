//! Every clause of the semantics that is built is held by a test that names it: a clause that nobody cites is a promise that nobody keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leadstream_architecture::{root, rust_files};

/// How a clause that is not built is marked in `docs/semantics.md`, at the beginning of its text.
const NOT_BUILT: &str = "**Not in this version.**";

/// The clauses of the page, and whether they are built.
fn clauses(page: &str) -> BTreeMap<u32, bool> {
    let mut found = BTreeMap::new();
    let mut open: Option<u32> = None;
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("### S") {
            open = heading.split_once('.').and_then(|(number, _)| number.parse().ok());
        } else if let Some(number) = open.filter(|_| !line.trim().is_empty()) {
            found.insert(number, !line.starts_with(NOT_BUILT));
            open = None;
        }
    }
    found
}

/// The clauses that a text cites: `S11` in words, `_s11` or `s11_` in the name of a function.
fn cited(text: &str) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let bytes = text.as_bytes();
    for (at, letter) in bytes.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        let begins = match letter {
            b'S' => before.is_none_or(|before| !before.is_ascii_alphanumeric() && before != b'_'),
            b's' => matches!(before, Some(b'_' | b' ')),
            _ => false,
        };
        let digits: String = text[at + 1..].chars().take_while(char::is_ascii_digit).collect();
        let ends = text[at + 1 + digits.len()..].chars().next();
        if begins && ends.is_none_or(|end| !end.is_ascii_alphabetic()) {
            found.extend(digits.parse::<u32>());
        }
    }
    found
}

/// What tests say of themselves: their names, and the comments above and inside of them.
fn said_by_tests(text: &str) -> String {
    let (mut said, mut above, mut inside) = (String::new(), String::new(), None);
    let mut is_test = false;
    for line in text.lines() {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        if bare.starts_with("//") {
            above.push_str(bare);
            above.push('\n');
            if inside.is_some() {
                said.push_str(bare);
                said.push('\n');
            }
        } else if bare.starts_with("#[test]") {
            is_test = true;
        } else if bare.starts_with("fn ") && is_test {
            said.push_str(&above);
            said.push_str(bare.split('(').next().unwrap_or_default());
            said.push('\n');
            (is_test, inside) = (false, Some(indent));
        } else if bare == "}" && inside == Some(indent) {
            inside = None;
        }
        if !bare.starts_with("//") && !bare.starts_with("#[") {
            above.clear();
        }
    }
    said
}

/// The clauses that tests cite, each with one of the files.
fn citations() -> BTreeMap<u32, String> {
    let mut found = BTreeMap::new();
    for folder in ["crates", "tests"] {
        for (path, text) in rust_files(&root().join(folder)) {
            for clause in cited(&said_by_tests(&text)) {
                found.entry(clause).or_insert_with(|| path.display().to_string());
            }
        }
    }
    found
}

fn page() -> String {
    std::fs::read_to_string(root().join(Path::new("docs/semantics.md"))).expect("the page is there")
}

#[test]
fn every_clause_that_is_built_is_cited_by_a_test() {
    let clauses = clauses(&page());
    assert_eq!(clauses.keys().copied().collect::<Vec<_>>(), (1..=60).collect::<Vec<_>>(), "clauses S1 to S60");
    let citations = citations();
    let is_held = |clause: &u32| citations.contains_key(clause);
    let bare: Vec<String> = clauses
        .iter()
        .filter(|(clause, built)| **built && !is_held(clause))
        .map(|(clause, _)| format!("S{clause}"))
        .collect();
    assert!(
        bare.is_empty(),
        "no test names {}: cite the clause in the name of its test, as in ..._s11",
        bare.join(", ")
    );
}

#[test]
fn tests_cite_no_clause_that_there_is_not() {
    let clauses = clauses(&page());
    for (clause, file) in citations() {
        assert!(clauses.contains_key(&clause), "{file} cites S{clause}, which is no clause");
    }
}

#[test]
fn names_and_comments_of_tests_cite_and_nothing_else_does() {
    let text = "/// About S1.\nfn helper_s2() {\n    // S3\n}\n\n/// S4, and not S3D or XS5.\n#[test]\nfn it_holds_s6_s7() {\n    \
                // As S8 says.\n    let text = \"S9\";\n}\n\n// S10\nstruct Other;\n";
    assert_eq!(cited(&said_by_tests(text)), BTreeSet::from([4, 6, 7, 8]));
}

#[test]
fn a_clause_is_built_unless_its_text_begins_with_the_mark() {
    let page =
        "### S1. One\n\nText. **Not in this version.** A part.\n\n### S2. Two\n\n**Not in this version.** All.\n";
    assert_eq!(clauses(page), BTreeMap::from([(1, true), (2, false)]));
}
