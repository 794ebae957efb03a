//! The page about reading a ledger: its plan and events are run, its commands asked of what came, and their outputs are those on the page.
//! `LEADSTREAM_WRITE_GENERATED=1 cargo test -p leadstream-scenarios` writes them anew.

use std::fmt::Write as _;
use std::process::Command;

use leadstream_scenarios::{Document, Scenario, engine, folder};
use leadstream_test_support::leadstream_binary;
use serde_json::Value;

/// A fence of the page: the lines of its content, from and to, and its language.
struct Fence<'a> {
    language: &'a str,
    first: usize,
    end: usize,
}

fn fences<'a>(lines: &[&'a str]) -> Vec<Fence<'a>> {
    let mut found = Vec::new();
    let mut open: Option<(usize, &str)> = None;
    for (at, line) in lines.iter().enumerate() {
        match (open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some((at + 1, language)),
            (Some((first, language)), Some(_)) => {
                found.push(Fence { language, first, end: at });
                open = None;
            }
            _ => {}
        }
    }
    found
}

/// The plan and the events of the page.
fn scenario(lines: &[&str], fences: &[Fence<'_>]) -> Scenario {
    let plan = fences.iter().find(|fence| fence.language == "yaml").expect("there is a plan");
    let table = lines.iter().skip_while(|line| !line.starts_with("| when")).take_while(|line| line.starts_with('|'));
    let table: Vec<&str> = table.copied().collect();
    let plan = lines[plan.first..plan.end].join("\n");
    let text = format!("## S21 The page\n\n```yaml\n{plan}\n```\n\n{}\n\nNothing is told.\n", table.join("\n"));
    let mut document = Document::read("../../docs/explain.md", &text).unwrap_or_else(|problem| panic!("{problem}"));
    let mut scenario = document.scenarios.remove(0);
    // The clock goes on to the last instant that the page asks for.
    scenario.told = None;
    let last = "## S21 The page\n\n```yaml\nplan: p\n```\n\n| when | who | what |\n|---|---|---|\n| d0 | a | page_viewed |\n\n\
                | at | who |\n|---|---|\n| d10 | anna |\n";
    let last = Document::read("end", last).unwrap_or_else(|problem| panic!("{problem}"));
    scenario.scores = last.scenarios[0].scores.clone();
    scenario
}

/// What a command of the page prints.
fn output(command: &str, live: &engine::Live) -> String {
    if let Some(arguments) = command.strip_prefix("leadstream ") {
        let place = tempfile::tempdir().expect("there is room for a folder");
        let mut run = Command::new(leadstream_binary());
        run.current_dir(place.path()).env_remove("LEADSTREAM_CONFIG").args(arguments.split(' '));
        let output = run.args(["--url", &live.url()]).output().expect("leadstream starts");
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        return String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    }
    if let Some(rest) = command.strip_prefix("curl -s 'http://127.0.0.1:8090") {
        let (path, filter) = rest.split_once("' | jq '").expect("a path and a filter");
        let (code, body) = live.get(path).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(code, 200, "{body}");
        return pretty(&chosen(&body, filter.trim_end_matches('\'')));
    }
    assert!(command.starts_with("kcat -C -t leadstream.qualifications "), "{command}: no way to run this");
    let qualifications = live.told.iter().filter(|event| event["subject"] == "qualify");
    qualifications.map(pretty).collect::<Vec<_>>().join("\n")
}

/// A filter such as `.ledgers[1].lines[2]`.
fn chosen(body: &Value, filter: &str) -> Value {
    let pointer = filter.replace(['.', '['], "/").replace(']', "");
    body.pointer(&pointer).unwrap_or_else(|| panic!("{filter} finds nothing in {body}")).clone()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON can be written")
}

#[test]
fn every_output_on_the_page_is_what_its_command_prints_l4() {
    let path = folder().join("../../docs/explain.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let lines: Vec<&str> = page.lines().collect();
    let fences = fences(&lines);
    let live = engine::run(&scenario(&lines, &fences), 1).unwrap_or_else(|problem| panic!("{problem}"));
    let (mut made, mut at, mut command, mut commands) = (String::new(), 0, None, 0);
    for fence in &fences {
        match fence.language {
            "sh" => command = Some(lines[fence.first..fence.end].join("\n")),
            "text" => {
                let command = command.take().expect("an output stands behind its command");
                for line in &lines[at..fence.first] {
                    let _ = writeln!(made, "{line}");
                }
                let _ = writeln!(made, "{}", output(&command, &live));
                (at, commands) = (fence.end, commands + 1);
            }
            _ => {}
        }
    }
    assert!(commands >= 5 && command.is_none(), "every command has its output");
    for line in &lines[at..] {
        let _ = writeln!(made, "{line}");
    }
    if std::env::var_os("LEADSTREAM_WRITE_GENERATED").is_some() {
        std::fs::write(&path, &made).expect("the page can be written");
        return;
    }
    let differs = made.lines().zip(page.lines()).find(|(made, kept)| made != kept);
    assert!(made == page, "docs/explain.md is not what the program prints; the first line that differs: {differs:#?}");
}

/// Numbers of points in the prose stand in an output too, so that they cannot grow old.
#[test]
fn points_that_the_prose_speaks_of_are_on_the_page() {
    let page = std::fs::read_to_string(folder().join("../../docs/explain.md")).expect("the page is there");
    let lines: Vec<&str> = page.lines().collect();
    let outputs: String = fences(&lines)
        .iter()
        .filter(|fence| fence.language == "text")
        .map(|fence| lines[fence.first..fence.end].join("\n"))
        .collect();
    let is_number = |word: &&str| word.contains('.') && word.trim_start_matches(['+', '-']).parse::<f64>().is_ok();
    let words: Vec<&str> = page.split('`').skip(1).step_by(2).filter(is_number).collect();
    for word in words {
        assert!(outputs.contains(word), "{word} is in no output");
    }
}
