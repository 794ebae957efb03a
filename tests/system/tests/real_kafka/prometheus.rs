//! Every query of the alert rules and of the dashboard, on a real Prometheus that scrapes a running Leadstream.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use leadstream_system::Application;
use leadstream_test_support::{Broker, Process, repository_root};
use serde_json::Value;

/// There while a task is being restored, and a test cannot wait for that: its queries must run, and may be empty.
const ONLY_WHILE_RESTORING: &str = "leadstream_restore_remaining_records";

const LIMIT: Duration = Duration::from_secs(60);

fn repository(path: &str) -> PathBuf {
    repository_root().join(path)
}

/// The queries of the dashboard, with an interval in place of Grafana's variable.
fn dashboard_queries() -> Vec<String> {
    let text =
        std::fs::read_to_string(repository("deploy/grafana/leadstream.json")).expect("the dashboard can be read");
    let dashboard: Value = serde_json::from_str(&text).expect("the dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("it has panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("panels have queries"));
    targets.map(|target| target["expr"].as_str().expect("a query").replace("$__rate_interval", "10s")).collect()
}

/// The names of figures that a text speaks of.
fn figures(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    words.filter(|word| word.starts_with("leadstream_")).map(str::to_owned).collect()
}

/// Each figure that a process serves is in the reference, with its type and its words.
fn assert_served_as_documented(served: &str) {
    let page = std::fs::read_to_string(repository("docs/metrics.md")).expect("the reference can be read");
    let said = |what: &str| -> Vec<(String, String)> {
        let lines = served.lines().filter_map(|line| line.strip_prefix(what)?.trim().split_once(' '));
        lines.map(|(name, said)| (name.to_owned(), said.to_owned())).collect()
    };
    let (kinds, helps) = (said("# TYPE"), said("# HELP"));
    assert!(kinds.len() > 20 && kinds.len() == helps.len(), "{served}");
    for ((name, kind), (_, help)) in kinds.iter().zip(&helps) {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/metrics.md does not have {name}"));
        assert!(row.contains(&format!("| {kind} |")) && row.contains(help), "{row} is not {kind} {help}");
    }
}

/// A Prometheus with a folder of its own.
struct Prometheus {
    process: Process,
    folder: tempfile::TempDir,
    port: u16,
}

impl Prometheus {
    fn start(scraped: &str) -> Prometheus {
        let folder = tempfile::TempDir::new().expect("a folder can be made");
        let rules = repository("deploy/prometheus/alerts.yaml");
        let configuration = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [ '{}' ]\nscrape_configs:\n  - job_name: leadstream\n    static_configs: [ {{ targets: [ '{scraped}' ] }} ]\n",
            rules.canonicalize().expect("the rules are there").display()
        );
        std::fs::write(folder.path().join("prometheus.yml"), configuration).expect("the configuration can be written");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = free.local_addr().expect("it has an address").port();
        drop(free);
        let mut command = Command::new("prometheus");
        command.arg("--config.file=prometheus.yml").arg("--storage.tsdb.path=data").current_dir(folder.path());
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let process = Process::spawn(&mut command, &folder.path().join("log"))
            .expect("prometheus can be started (Debian has it in the package prometheus)");
        Prometheus { process, folder, port }
    }

    /// Asks for a query; an answer that is no success is told with the query.
    fn ask(&self, query: &str) -> Option<Vec<Value>> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let address = format!("http://127.0.0.1:{}/api/v1/query", self.port);
        // It may not listen yet.
        let mut answer = agent.get(address).query("query", query).call().ok()?;
        let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()?;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().cloned()
    }

    fn await_data(&self, query: &str) {
        let began = Instant::now();
        let enough = |data: Vec<Value>| !data.is_empty() || query.contains(ONLY_WHILE_RESTORING);
        while !self.ask(query).is_some_and(enough) {
            assert!(began.elapsed() < LIMIT, "no data for {query}\n{}", self.process.output());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

#[test]
fn every_query_of_rules_and_dashboard_runs_and_every_figure_exists() {
    let checked =
        Command::new("promtool").arg("check").arg("rules").arg(repository("deploy/prometheus/alerts.yaml")).output();
    let checked = checked.expect("promtool can be started (Debian has it in the package prometheus)");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let application = Application::new(Broker::shared(), "figures", false);
    let mut process = application.start();
    let address = application.address(&mut process);
    application.done(&["generate", "--events", "3000", "--contacts", "200", "--to", "made.jsonl"]);
    let lines = std::fs::read_to_string(application.path("made.jsonl")).expect("the events can be read");
    let prometheus = Prometheus::start(&address);
    prometheus.await_data("up{job=\"leadstream\"} == 1");
    // Events and a dead letter while it scrapes, so that rates have something to count.
    for (number, part) in lines.lines().collect::<Vec<_>>().chunks(500).enumerate() {
        application.produce(&part.join("\n"));
        application.produce(&format!("{{ poison {number}"));
        // An order that does not say what it is worth: a rule computes points of that.
        application.produce(&format!(
            r#"{{"type":"track","event":"Order Completed","messageId":"bare-{number}","userId":"bare","timestamp":"2026-01-02T00:00:00Z"}}"#
        ));
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_served_as_documented(&application.ask(&address, "/metrics").1);
    let rules = std::fs::read_to_string(repository("deploy/prometheus/alerts.yaml")).expect("the rules can be read");
    let queries = dashboard_queries();
    for figure in figures(&rules).into_iter().chain(queries.iter().flat_map(|query| figures(query))) {
        prometheus.await_data(&figure);
    }
    for query in &queries {
        prometheus.await_data(query);
    }
    let firing = prometheus.ask("ALERTS{alertname=\"LeadstreamDeadLetters\"}").expect("an answer");
    assert_eq!(firing.len(), 1, "the dead letters are not told: {firing:?}");
    let down = prometheus.ask("ALERTS{alertname=\"LeadstreamDown\"}").expect("an answer");
    assert!(down.is_empty(), "{down:?}");
    assert!(process.terminate(Duration::from_secs(5)).expect("it ends").success());
    drop(prometheus.folder);
}
