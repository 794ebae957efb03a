//! A person is erased by the binary alone, who does not come back over a kill and a restore from nothing, and is left only where the documents say (L6).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use leadstream_system::{Application, Figures, Input, Setup};
use leadstream_test_support::{Broker, NewRecord};

const LIMIT: Duration = Duration::from_secs(90);

/// Where logs keep what was written until their retention ends, and tables until the broker compacts them.
const LEFT: [&str; 8] =
    ["events", "interactions", "contacts", "qualifications", "stages", "activity", "scores", "contacts-changelog"];

/// Too long to stand anywhere by chance, as in the random name of a store.
const ID: &str = "erika-mustermann";

/// The input, in which one of those with most history is called by that id.
fn input() -> Vec<NewRecord> {
    let mut records = Input::generated(false, 2_000).all();
    let mut events: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for key in records.iter().filter_map(|record| record.key.clone()) {
        *events.entry(key).or_default() += 1;
    }
    let (somebody, count) = events.into_iter().max_by_key(|(_, events)| *events).unwrap();
    assert!(count > 2, "nobody has a history");
    let somebody = String::from_utf8(somebody).unwrap();
    for record in records.iter_mut().filter(|record| record.key.as_deref() == Some(somebody.as_bytes())) {
        let line = String::from_utf8(record.value.take().unwrap()).unwrap();
        record.value = Some(line.replace(&format!("\"{somebody}\""), &format!("\"{ID}\"")).into_bytes());
        record.key = Some(ID.into());
    }
    records
}

fn await_read(address: &str, records: usize) {
    let began = Instant::now();
    while !Figures::read(address).are_of_all(records) {
        assert!(began.elapsed() < LIMIT, "the input is not read");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until the id is left only where nobody but the operator can take it away.
fn await_gone(application: &Application, id: &str) {
    let began = Instant::now();
    loop {
        let output = application.run(&["contact", "erase", id, "--verify"]);
        let found = String::from_utf8_lossy(&output.stdout).into_owned();
        // The source has it, so it is found: otherwise nothing was looked at.
        assert_eq!(output.status.code(), Some(1), "{found}{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(found.contains(&format!("{}[", application.source())), "{found}{said}");
        let is_allowed = |place: &str| {
            let topic = place.split('[').next().unwrap_or_default();
            topic == application.source() || LEFT.iter().any(|name| topic == application.topic(name))
        };
        if found.lines().all(is_allowed) {
            return;
        }
        assert!(began.elapsed() < LIMIT, "{found}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn an_erased_person_does_not_come_back_and_is_left_only_where_it_is_said_l6() {
    let application = Application::new(Broker::shared(), "e2e-erase", false);
    let (input, id) = (input(), ID);
    let mut process = application.start();
    let address = application.address(&mut process);
    let url = format!("http://{address}");
    application.write(&input);
    await_read(&address, input.len());
    let shown = application.done(&["contact", "show", id, "--url", &url]);
    assert!(shown.contains(id), "{shown}");

    let refused = application.run(&["contact", "erase", id, "--url", &url]);
    assert_eq!(refused.status.code(), Some(2), "nobody was asked");
    assert_eq!(application.done(&["contact", "erase", id, "--yes", "--url", &url]), "erased\n");
    let gone = application.run(&["contact", "show", id, "--url", &url]);
    assert!(String::from_utf8_lossy(&gone.stderr).contains("the contact was erased"), "{gone:?}");
    await_gone(&application, id);
    for topic in ["scores", "contacts-changelog"] {
        let records = application.settled(topic);
        let last = records.iter().rfind(|record| record.key.as_deref() == Some(id.as_bytes()));
        assert!(last.is_none_or(|record| record.value.is_none()), "{topic}: {last:?}");
    }
    let told = application.settled("activity");
    let erased = told.iter().filter(|record| {
        record.headers.iter().any(|(name, value)| name == "ce_type" && value.as_deref() == Some(b"contact.erased"))
    });
    assert_eq!(erased.map(|record| record.key.clone()).collect::<Vec<_>>(), [Some(ID.into())]);

    process.kill().unwrap();
    std::fs::remove_dir_all(application.path("state")).unwrap();
    let old: Vec<_> = input.into_iter().filter(|record| record.key.as_deref() == Some(id.as_bytes())).collect();
    application.write(&old);
    let mut process = application.start();
    let address = application.address(&mut process);
    let url = format!("http://{address}");
    let began = Instant::now();
    while Figures::read(&address).deliveries("erased") < old.len() as u64 {
        assert!(began.elapsed() < LIMIT, "the events that came again were not refused");
        std::thread::sleep(Duration::from_millis(100));
    }
    let gone = application.run(&["contact", "show", id, "--url", &url]);
    assert!(String::from_utf8_lossy(&gone.stderr).contains("the contact was erased"), "{gone:?}");
    await_gone(&application, id);
    assert_eq!(application.settled("activity").len(), told.len(), "something was told of whoever was erased");

    let from = ["--from", "2030-01-01T00:00:00Z", "--yes", "--url", &url];
    assert_eq!(application.done(&[&["contact", "reinstate", id], &from[..]].concat()), "reinstated\n");
    let unknown = application.run(&["contact", "show", id, "--url", &url]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("nothing is known"), "{unknown:?}");
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}

/// Orders in Avro, in which the customer is a number of which the mapping makes the id.
const NUMBERED: &str = r#"
    format: avro
    avro: { schema: orders.avsc }
    keyed: false
    contact: '"crm-" + string(record.customer)'
    mapping: { type: "'order_completed'" }
"#;

#[test]
fn an_id_is_looked_for_in_avro_too_and_not_taken_for_gone_where_the_schema_is_missing() {
    let application =
        Application::of(Broker::shared(), "traces", &Setup { source: NUMBERED.to_owned(), ..Setup::segment(false) });
    // 4711 and 4712 as a long of Avro.
    let record = |value: &[u8]| NewRecord { value: Some(value.to_vec()), partition: Some(0), ..NewRecord::default() };
    application.write(&[record(&[0xd0, 0x49]), record(&[0xce, 0x49]), record(b"no avro")]);
    let verify = |id: &str| {
        let output = application.run(&["contact", "erase", id, "--verify"]);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), out.into_owned(), err.into_owned())
    };
    let (code, _, refused) = verify("crm-4711");
    assert!(code == Some(1) && refused.contains("orders.avsc"), "{code:?} {refused}");
    let schema = r#"{"type": "record", "name": "order", "fields": [{"name": "customer", "type": "long"}]}"#;
    std::fs::write(application.path("orders.avsc"), schema).unwrap();
    let (code, found, said) = verify("crm-4711");
    let place = format!("{}[0]: 1 records, offsets 1 to 1\n", application.source());
    assert_eq!((code, &found), (Some(1), &place), "{said}");
    assert!(said.contains("1 records cannot be decoded as its source is described"), "{said}");
    let (code, found, said) = verify("crm-4713");
    assert_eq!((code, found.as_str()), (Some(0), "the id is nowhere\n"), "{said}");
}
