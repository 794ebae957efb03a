//! Contacts by the binary alone: what is listed and exported is what a replay of the same events scores, and what a CRM writes of them is obeyed or
//! told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use leadstream_system::{Application, Figures, Input};
use leadstream_test_support::{Broker, NewRecord, topics};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

/// What a scorecard says beside when it was made.
fn facts(card: &Value) -> (String, Value) {
    let mut card = card.clone();
    card.as_object_mut().expect("a scorecard is an object").remove("time");
    (card["contact"].as_str().expect("a contact has an id").to_owned(), card)
}

#[test]
fn contacts_are_listed_and_exported_as_a_replay_scores_them_s29() {
    let application = Application::new(Broker::shared(), "e2e-list", true);
    let input = Input::generated(true, 3_000);
    application.replayed(&input.lines());
    application.done(&["replay", "events", "--scorecards", "cards.jsonl"]);
    let cards = std::fs::read_to_string(application.path("cards.jsonl")).unwrap();
    let expected: BTreeMap<String, Value> =
        cards.lines().map(|line| facts(&serde_json::from_str(line).expect("a scorecard is JSON"))).collect();
    let mut process = application.start();
    let url = format!("http://{}", application.address(&mut process));
    application.await_shared(&mut process);
    application.write(&input.all());
    let began = Instant::now();
    let listed = |arguments: &[&str]| -> Value {
        let arguments = [&["contacts", "--json", "--url", &url], arguments].concat();
        serde_json::from_str(&application.done(&arguments)).expect("a list is JSON")
    };
    while listed(&["--limit", "1"])["matched"].as_u64() != Some(expected.len() as u64)
        || !Figures::read(url.trim_start_matches("http://")).are_of_all(input.all().len())
    {
        assert!(began.elapsed() < LIMIT, "{}", listed(&["--limit", "1"]));
        std::thread::sleep(Duration::from_millis(100));
    }
    application.done(&["contacts", "--url", &url, "--output", "list.jsonl"]);
    let list = std::fs::read_to_string(application.path("list.jsonl")).unwrap();
    let cards: Vec<Value> = list.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let scores: Vec<(i64, &str)> = cards
        .iter()
        .map(|card| ((card["global"].as_f64().unwrap() * -1000.0).round() as i64, card["contact"].as_str().unwrap()))
        .collect();
    assert!(scores.is_sorted(), "scores go down, ids go up");
    assert_eq!(cards.iter().map(facts).collect::<BTreeMap<_, _>>(), expected);

    // Pages end where the next one begins.
    let (mut after, mut paged) = (Value::Null, Vec::new());
    loop {
        let mut arguments = vec!["--limit", "97"];
        arguments.extend(after.as_str().into_iter().flat_map(|after| ["--after", after]));
        let page = listed(&arguments);
        paged.extend(page["contacts"].as_array().unwrap().iter().map(|card| facts(card).0));
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(paged, scores.iter().map(|(_, contact)| (*contact).to_owned()).collect::<Vec<_>>());

    let plan = cards[0]["plans"][0]["plan"].as_str().unwrap();
    let qualified = cards.iter().filter(|card| card["plans"][0]["qualified"] == true).count();
    assert!(qualified > 0 && qualified < cards.len());
    assert_eq!(listed(&["--plan", plan, "--qualified"])["matched"], qualified);
    application.done(&["contacts", "--url", &url, "--plan", plan, "--qualified", "--output", "list.csv"]);
    let csv = std::fs::read_to_string(application.path("list.csv")).unwrap();
    assert!(csv.starts_with("contact,time,seq,global,tags,plan,version,member,score,"), "{csv}");
    let plans = cards[0]["plans"].as_array().unwrap().len();
    assert_eq!(csv.lines().count(), 1 + qualified * plans);
    let shown = application.done(&["contacts", "--url", &url, "--sort", &format!("plan:{plan}"), "--limit", "3"]);
    assert!(shown.starts_with("contact") && shown.contains("3 of ") && shown.contains("more: --after '"), "{shown}");
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}

/// The commands that the documentation shows.
fn documented_commands() -> Vec<String> {
    let guide = include_str!("../../../../docs/consumers.md");
    let section = guide.split("## What a CRM writes").nth(1).expect("the guide has the section");
    let block = section.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("it has examples");
    block.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn commands_are_obeyed_as_documented_and_one_in_a_wrong_partition_is_a_dead_letter_l5() {
    let application = Application::new(Broker::shared(), "e2e-commands", true);
    let bootstrap = Broker::shared().bootstrap();
    let contacts = application.topic("contacts");
    let mut process = application.start();
    application.await_restored(&mut process);
    let commands = documented_commands();
    assert!(commands.len() >= 8);
    // The kind of partitioner that other libraries use by default may put a key anywhere.
    let misplaced: Vec<NewRecord> = (0..4)
        .map(|partition| NewRecord {
            partition: Some(partition),
            ..NewRecord::keyed("c7", commands[0].replace("c1", "c7"))
        })
        .collect();
    topics::produce(&bootstrap, &contacts, &misplaced).expect("the broker takes them");
    let commands: Vec<NewRecord> = commands.iter().map(|command| NewRecord::keyed("c1", command.clone())).collect();
    topics::produce(&bootstrap, &contacts, &commands).expect("the broker takes them");
    let letters = application.dead_letters(3);
    let codes: Vec<Option<&str>> = letters.iter().map(|letter| letter.header("x-leadstream-code")).collect();
    assert_eq!(codes, [Some("wrong_partition"); 3], "{letters:#?}");
    let address = application.address(&mut process);
    let began = Instant::now();
    while !Figures::read(&address).are_of_all(commands.len()) {
        assert!(began.elapsed() < LIMIT, "{}", process.output());
        std::thread::sleep(Duration::from_millis(100));
    }
    let shown = application.done(&["contact", "show", "c7", "--json", "--url", &format!("http://{address}")]);
    let shown: Value = serde_json::from_str(&shown).expect("an answer is JSON");
    assert!(shown["attributes"].to_string().contains("Warszawa"), "the one in its place is obeyed: {shown}");
    assert_eq!(application.dead_letters(3).len(), 3, "nothing else is refused");
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}
