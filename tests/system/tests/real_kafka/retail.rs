//! Real orders from topic to topic by the binary alone: what it derives is what a replay of the same orders derives.

use std::time::Duration;

use leadstream_system::{Application, Figures, Setup, assert_same};
use leadstream_test_support::{Broker, NewRecord};

const LIMIT: Duration = Duration::from_secs(60);

/// Records that are no orders, each with its code: too few fields, a time that is none, bytes that are no text, nothing at all. Where
/// generated journeys stand in for the orders, messages that are none.
fn poison(setup: &Setup) -> [(NewRecord, &'static str); 4] {
    let record = |value: &[u8]| NewRecord {
        key: Some(b"somebody".to_vec()),
        value: Some(value.to_vec()),
        headers: vec![("trace".to_owned(), vec![0, 255, 7]), ("trace".to_owned(), b"again".to_vec())],
        ..NewRecord::default()
    };
    if !setup.source.contains("format: csv") {
        return [
            (record(b"{\"type\":\"page\",\"userId\":"), "malformed"),
            (record(b"{\"type\":\"page\",\"userId\":\"p\",\"timestamp\":\"the first of May\"}"), "time_unreadable"),
            (record(b"{\"type\":\"page\",\"messageId\":\"m\"}"), "contact_missing"),
            (record(b""), "malformed"),
        ];
    }
    [
        (record(b"536365,85123A,six hearts"), "wrong_columns"),
        (record(b"536365,85123A,HEARTS,6,the first of May,2.55,17850.0,United Kingdom"), "time_unreadable"),
        (record(b"536365,85123A,HEARTS,6,2010-12-01 08:26:00,2.55,,\xff\xfe"), "not_utf8"),
        (record(b""), "malformed"),
    ]
}

#[test]
fn what_run_derives_of_orders_is_what_replay_derives_and_poison_harms_nothing_l2_l5() {
    for (id, keyed) in [("retail-keyed", true), ("retail-rekeyed", false)] {
        let (application, input, expected) = Application::for_orders(Broker::shared(), id, keyed);
        assert!(expected.len() > 200, "too little happens: {}", expected.len());
        let mut records = input.all();
        let poison = poison(&input.setup);
        let places: Vec<usize> = (0..poison.len()).map(|number| (number + 1) * records.len() / 6).collect();
        for (place, (record, _)) in places.iter().zip(&poison).rev() {
            records.insert(*place, record.clone());
        }
        let mut process = application.start();
        application.write(&records);
        application.derived(expected.len(), LIMIT);
        let address = application.address(&mut process);
        let figures = Figures::read(&address);
        assert_adds_up(&figures, &application, records.len(), input.nameless, keyed);
        let ended = process.terminate(Duration::from_secs(5)).unwrap();
        assert_eq!(ended.code(), Some(0));
        // What was written until the very end counts: not one more.
        assert_same(&application.derived_now(), &expected);
        application.assert_scores_are_replayed();
        assert_dead(&application, &poison);
        assert_same(&application.replayed_topics(), &expected);
        application.assert_scores_are_replayed();
        // Poison is never re-keyed.
        let malformed = poison.iter().filter(|(_, code)| keyed && *code == "malformed").count();
        assert_eq!(application.replayed_count("dead (malformed)"), malformed as u64);
    }
}

/// Each delivery has exactly one outcome, and the outcomes are those of the replay, with the poison.
fn assert_adds_up(figures: &Figures, application: &Application, written: usize, nameless: usize, keyed: bool) {
    let (written, nameless) = (written as u64, nameless as u64);
    let outcomes = ["applied", "duplicate", "unmatched", "suppressed", "too_late", "dead"];
    let delivered: u64 = outcomes.iter().map(|outcome| figures.deliveries(outcome)).sum();
    assert_eq!(delivered, written - nameless, "{figures:?}");
    for outcome in &outcomes[..5] {
        let replayed = application.replayed_count(&outcome.replace('_', " "));
        assert_eq!(figures.deliveries(outcome), replayed, "{outcome}: {figures:?}");
    }
    assert!(figures.deliveries("duplicate") > 0, "the data has no repeats: {figures:?}");
    let (records, rekeyed) = (figures.sum("leadstream_input_records_total"), figures.deliveries("rekeyed"));
    let all: u64 = delivered + rekeyed + figures.deliveries("skipped");
    assert_eq!(records, all, "{figures:?}");
    // What the runtime writes for itself is none of them.
    assert_eq!(figures.deliveries("skipped"), nameless, "{figures:?}");
    assert_eq!(figures.sum("leadstream_watermark_records_total") > 0, !keyed, "{figures:?}");
    if keyed {
        assert_eq!((records, rekeyed), (written, 0), "{figures:?}");
    } else {
        assert_eq!(rekeyed, delivered - figures.deliveries("dead"), "{figures:?}");
    }
}

/// Every poisoned record is a dead letter with its bytes and headers, and says what is wrong with it.
fn assert_dead(application: &Application, poison: &[(NewRecord, &str)]) {
    let letters = application.dead_letters(poison.len());
    assert_eq!(letters.len(), poison.len(), "{letters:#?}");
    for (record, code) in poison {
        let letter = letters.iter().find(|letter| letter.value == record.value);
        let letter = letter.unwrap_or_else(|| panic!("{record:?} is not among {letters:#?}"));
        assert_eq!((&letter.key, letter.header("x-leadstream-code")), (&record.key, Some(*code)), "{letter:#?}");
        let (first, added) = letter.headers.split_at(record.headers.len());
        let first: Vec<_> =
            first.iter().map(|(name, value)| (name.clone(), value.clone().unwrap_or_default())).collect();
        assert_eq!(first, record.headers);
        assert!(added.iter().all(|(name, _)| name.starts_with("x-leadstream-")), "{letter:#?}");
        assert_eq!(letter.header("x-leadstream-topic"), Some(&*application.source()));
        assert!(letter.header("x-leadstream-reason").is_some_and(|reason| !reason.is_empty()), "{letter:#?}");
    }
}
