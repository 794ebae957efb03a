//! What tests of generated files share: writing them anew or comparing them, and the messages that broken plans of the tests get.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part")]

use std::fs;
use std::path::PathBuf;

use leadstream_plan::{Code, Options, Source, Style};

/// The folder of this package. Asked for when the test runs: a path that is built in would be that of the checkout that was built last.
pub fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

/// Compares a file of the repository with what it should be, or writes it.
#[track_caller]
pub fn check(path: &str, fresh: &str) {
    let path = package().join("../..").join(path);
    if std::env::var_os("LEADSTREAM_WRITE_GENERATED").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, fresh).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == fresh,
        "{} is not what the code says: write it anew with LEADSTREAM_WRITE_GENERATED=1",
        path.display()
    );
}

/// The shortest message with a code that a broken plan of the tests gets.
pub fn example_of(code: Code) -> Option<String> {
    let mut together: Vec<Vec<String>> = vec![
        ["together/cars.yaml", "together/bikes.yaml", "together/cars-again.yaml"].map(str::to_owned).to_vec(),
        vec!["unseen/unseen.yaml".to_owned()],
    ];
    for file in fs::read_dir(package().join("tests/broken")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".yaml") {
            together.push(vec![format!("broken/{name}")]);
        }
    }
    let mut found: Vec<String> = Vec::new();
    for names in together {
        let read = |name: &String| Source {
            name: name.rsplit('/').next().unwrap().to_owned(),
            text: fs::read_to_string(package().join("tests").join(name)).unwrap(),
        };
        let sources: Vec<Source> = names.iter().map(read).collect();
        // Types that never came are told only where events were looked at.
        let seen = names[0].starts_with("unseen").then(|| vec!["page_viewed".to_owned()]);
        let options = Options { seen_event_types: seen, ..Options::default() };
        for diagnostic in leadstream_plan::check(sources.clone(), &options).diagnostics {
            let source = sources.iter().find(|source| *source.name == *diagnostic.file);
            if let Some(source) = source.filter(|_| diagnostic.code == code) {
                found.push(diagnostic.render(&source.text, Style::Plain).trim_end().to_owned());
            }
        }
    }
    let is_wide = |text: &String| text.lines().any(|line| line.len() > 160);
    found.sort_by_key(|text| (is_wide(text), text.len(), text.clone()));
    found.into_iter().next()
}
