//! The rules of the house, as tests: which crate may use which, what keeps out of the pure crates, and the shape of files.

use std::collections::BTreeSet;
use std::path::Path;

use leadstream_architecture::{everything_under, metadata, product_dependencies, root, rust_files};

/// An arrow means "may depend on"; what a crate may use through another one it may use directly.
const ARROWS: [(&str, &[&str]); 9] = [
    ("leadstream-core", &[]),
    ("leadstream-config", &[]),
    ("leadstream-plan", &["leadstream-core"]),
    ("leadstream-wire", &["leadstream-core"]),
    ("leadstream-store", &["leadstream-core"]),
    ("leadstream-runtime", &["leadstream-store", "leadstream-wire", "leadstream-plan"]),
    ("leadstream-kafka", &["leadstream-runtime", "leadstream-config"]),
    ("leadstream-http", &["leadstream-runtime"]),
    ("leadstream-cli", &["leadstream-http", "leadstream-kafka", "leadstream-config"]),
];

/// Crates without I/O, clocks, async and randomness.
const PURE: [&str; 3] = ["leadstream-core", "leadstream-plan", "leadstream-wire"];

fn allowed(name: &str) -> BTreeSet<&'static str> {
    let mut allowed = BTreeSet::new();
    let mut open = vec![name];
    while let Some(next) = open.pop() {
        let (_, uses) = ARROWS.iter().find(|(known, _)| *known == next).expect("every crate has its arrows");
        for used in *uses {
            if allowed.insert(*used) {
                open.push(used);
            }
        }
    }
    allowed
}

#[test]
fn crates_depend_one_way_only() {
    let dependencies = product_dependencies(&metadata());
    let known: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(dependencies.keys().map(String::as_str).collect::<BTreeSet<_>>(), known, "a crate without arrows");
    for (name, uses) in &dependencies {
        let allowed = allowed(name);
        let forbidden: Vec<&String> = uses.iter().filter(|used| !allowed.contains(used.as_str())).collect();
        assert!(forbidden.is_empty(), "{name} may not depend on {forbidden:?}; see ARCHITECTURE.md");
    }
}

#[test]
fn pure_crates_have_no_io_below_them() {
    let metadata = metadata();
    for name in PURE {
        let under = everything_under(&metadata, name);
        for banned in ["tokio", "rdkafka", "rdkafka-sys", "rocksdb", "librocksdb-sys", "async-std", "reqwest", "rand"] {
            // The Avro library draws the sync marker of container files that it writes; Leadstream writes none.
            let excused = (name, banned) == ("leadstream-wire", "rand");
            assert!(excused || !under.contains(banned), "{name} is pure, and is built with {banned}");
        }
    }
}

#[test]
fn only_one_crate_names_each_engine() {
    let metadata = metadata();
    for (engine, owner) in [("rdkafka", "leadstream-kafka"), ("rocksdb", "leadstream-store")] {
        for package in metadata.workspace_packages() {
            let in_product = package.manifest_path.starts_with(metadata.workspace_root.join("crates"));
            let names_it = package.dependencies.iter().any(|dependency| dependency.name == engine);
            assert!(!(in_product && names_it && package.name.as_str() != owner), "{} names {engine}", package.name);
        }
    }
}

/// Lines of code that read a clock or draw a random number. The lints forbid the common ones by type; this finds the rest by their words.
#[test]
fn pure_crates_read_no_clock_and_draw_no_number() {
    for name in PURE {
        for (path, text) in rust_files(&root().join("crates").join(name).join("src")) {
            for banned in ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now", "thread_rng", "getrandom"]
            {
                assert!(!text.contains(banned), "{} says {banned}", path.display());
            }
        }
    }
}

fn project_files() -> Vec<(std::path::PathBuf, String)> {
    ["crates", "tests", "benches"]
        .iter()
        .map(|folder| root().join(folder))
        .filter(|p| p.exists())
        .flat_map(|p| rust_files(&p))
        .collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn every_file_says_what_it_owns() {
    let silent: Vec<String> = project_files()
        .iter()
        .filter(|(_, text)| !text.starts_with("//!") && !text.starts_with("#!["))
        .map(|(path, _)| shown(path))
        .collect();
    assert!(silent.is_empty(), "files without a first line of documentation: {silent:?}");
}

#[test]
fn no_file_outgrows_a_reader() {
    let long: Vec<String> = project_files()
        .iter()
        .filter(|(_, text)| text.lines().count() > 600)
        .map(|(path, text)| format!("{} ({} lines)", shown(path), text.lines().count()))
        .collect();
    assert!(long.is_empty(), "split them where their meaning splits: {long:?}");
}

#[test]
fn no_program_has_the_path_of_the_checkout_in_it_that_it_was_built_in() {
    // In two halves, or this file would be found itself.
    let built_in = ["env!(\"CARGO_MANIFEST", "_DIR\")"].concat();
    for (path, text) in project_files() {
        assert!(!text.contains(&built_in), "{}: ask for the path when the program runs", shown(&path));
    }
}

#[test]
fn nothing_is_left_unfinished() {
    for (path, text) in project_files() {
        if path.ends_with("house.rs") {
            continue;
        }
        for word in ["todo!(", "unimplemented!(", "FIXME", "XXX", "#[ignore"] {
            assert!(!text.contains(word), "{} says {word}", shown(&path));
        }
    }
}

/// The tests that a text cites: words in backquotes that are four or more joined by underscores, each with the file that its line named last.
fn cited_tests(text: &str) -> Vec<(Option<&str>, &str)> {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let mut cited = Vec::new();
    for line in text.lines() {
        let mut file = None;
        for quoted in line.split('`').skip(1).step_by(2) {
            if quoted.ends_with(".rs") {
                file = quoted.rsplit('/').next();
            } else if quoted.split('_').count() >= 4 && quoted.split('_').all(is_word) {
                cited.push((file, quoted));
            }
        }
    }
    cited
}

#[test]
fn every_test_that_the_architecture_cites_is_where_it_says() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is readable");
    let cited = cited_tests(&text);
    assert!(cited.len() > 60, "only {} are found", cited.len());
    let files = project_files();
    let holds = |(file, test): &(Option<&str>, &str)| {
        let (is_test, named) = (format!("fn {test}("), |path: &Path| file.is_none_or(|file| path.ends_with(file)));
        files.iter().any(|(path, text)| named(path) && text.contains(&is_test))
    };
    let wrong: Vec<_> = cited.into_iter().filter(|cited| !holds(cited)).collect();
    assert!(wrong.is_empty(), "no such test there: {wrong:?}");
}

#[test]
fn cited_tests_are_told_from_other_words() {
    let text = "`own.rs`: `damaged_avro_is_refused_whole`, `accept_lost_input`; x `a/b.rs`: `is_in_b_s58`\n`commit_is_too_slow` `A_B_C_D`";
    let cited = [
        (Some("own.rs"), "damaged_avro_is_refused_whole"),
        (Some("b.rs"), "is_in_b_s58"),
        (None, "commit_is_too_slow"),
    ];
    assert_eq!(cited_tests(text), cited);
}
