//! Companies by the binary alone: what people do counts for those in whose name they act, through the re-keyed topic as in a replay (S2).

use std::time::Duration;

use leadstream_system::{Application, Figures, Input, assert_same};
use leadstream_test_support::Broker;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn what_people_do_is_scored_for_their_company_too_and_told_once_s2() {
    let mut input = Input::orders(false);
    // Real orders name a country, generated messages something else that many of them share.
    let shared = if input.setup.source.contains("format: csv") { "record.country" } else { "record.type" };
    input.setup.source += &format!("    company: {shared}\n");
    // One partition: events of different people reach their company in the order of time.
    input.setup = input.setup.partitioned(1);
    let application = Application::of(Broker::shared(), "companies", &input.setup);
    let expected = application.expected(&input);
    let is_company = |event: &&Value| event["contact"].as_str().is_some_and(|contact| contact.starts_with("company:"));
    let (of_companies, of_all) = (expected.iter().filter(is_company).count(), expected.len());
    assert!(of_companies > 5 && of_all - of_companies > 100, "{of_companies} of {of_all}");

    let mut process = application.start();
    application.write(&input.all());
    application.derived(expected.len(), LIMIT);
    let address = application.address(&mut process);
    let ids = application.done(&["contacts", "--url", &format!("http://{address}"), "--json", "--limit", "1000"]);
    let listed: Value = serde_json::from_str(&ids).expect("a list is JSON");
    assert!(listed["contacts"].as_array().is_some_and(|cards| cards.iter().any(|card| is_company(&card))), "{listed}");
    let rekeyed = Figures::read(&address).deliveries("rekeyed") as usize;
    assert_eq!(rekeyed, 2 * (input.all().len() - input.nameless), "each record goes to a person and to a company");
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    assert_same(&application.derived_now(), &expected);
}
