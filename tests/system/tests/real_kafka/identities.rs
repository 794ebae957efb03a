//! Ids become one contact by the binary alone, by what pipelines see and by command, over a kill, and are parted again (S48 to S52).

use std::time::{Duration, Instant};

use leadstream_system::{Application, Input};
use leadstream_test_support::{Broker, NewRecord, Process};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

/// Events of somebody's journey, under whatever ids.
fn page(id: &str, field: &str, number: usize) -> NewRecord {
    let time = format!("2026-03-01T10:{number:02}:00Z");
    let line = format!(
        r#"{{"type":"page","messageId":"{id}-{number}","{field}":"{id}","timestamp":"{time}","context":{{"page":{{"path":"/pricing"}}}}}}"#
    );
    NewRecord { key: Some(id.into()), value: Some(line.into_bytes()), ..NewRecord::default() }
}

fn seen(user: &str, visitor: &str, number: usize) -> NewRecord {
    let time = format!("2026-03-01T11:{number:02}:00Z");
    let line = format!(
        r#"{{"type":"identify","messageId":"i-{number}","userId":"{user}","anonymousId":"{visitor}","timestamp":"{time}","traits":{{"age":40}}}}"#
    );
    NewRecord { key: Some(user.into()), value: Some(line.into_bytes()), ..NewRecord::default() }
}

/// What is shown of a contact by any of its ids.
fn shown(application: &Application, url: &str, id: &str) -> Option<Value> {
    let output = application.run(&["contact", "show", id, "--json", "--url", url]);
    output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("an answer is JSON"))
}

/// Waits until an id is part of a contact that has so many events.
fn await_shown(application: &Application, process: &mut Process, id: &str, contact: &str, events: usize) -> Value {
    let url = format!("http://{}", application.address(process));
    let began = Instant::now();
    loop {
        let view = shown(application, &url, id);
        let is_it = |view: &Value| view["contact"] == contact && view["history"].as_array().unwrap().len() == events;
        match view {
            Some(view) if is_it(&view) => return view,
            view => assert!(began.elapsed() < LIMIT, "{id} is not part of {contact}: {view:?}\n{}", process.output()),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_visitor_who_says_who_she_is_brings_her_history_and_is_parted_and_erased_with_all_ids_s48_s51_s52() {
    let application = Application::of(Broker::shared(), "e2e-identities", &Input::generated(false, 10).setup);
    let process = application.start();
    // Everything that Erika does under two ids, her twin does under one.
    let twin = (0..7).map(|number| page("twin", "userId", number));
    let before = (0..4).map(|number| page("visitor-of-erika", "anonymousId", number));
    let after = (4..7).map(|number| page("erika-m", "userId", number));
    application.write(&twin.chain(before).chain(after).chain([seen("twin", "twin", 0)]).collect::<Vec<_>>());
    application.write(&[seen("erika-m", "visitor-of-erika", 1)]);
    process.kill().unwrap();
    let mut process = application.start();
    let twin = await_shown(&application, &mut process, "twin", "twin", 8);
    let erika = await_shown(&application, &mut process, "visitor-of-erika", "erika-m", 8);
    let scores = |view: &Value| {
        (
            view["global"].clone(),
            view["plans"].as_array().unwrap().iter().map(|plan| plan["score"].clone()).collect::<Vec<_>>(),
        )
    };
    assert_eq!(scores(&erika), scores(&twin));
    assert!(scores(&twin).0.as_f64() > Some(0.0));
    assert_eq!((&erika["ids"][0]["id"], &erika["ids"][0]["how"]), (&"visitor-of-erika".into(), &"seen".into()));
    // A device that somebody else uses as well stays hers.
    application.write(&[seen("somebody-else", "visitor-of-erika", 2)]);
    application.write(&[page("visitor-of-erika", "anonymousId", 9)]);
    await_shown(&application, &mut process, "somebody-else", "somebody-else", 1);
    await_shown(&application, &mut process, "visitor-of-erika", "erika-m", 9);

    let url = format!("http://{}", application.address(&mut process));
    let contact = |arguments: &[&str]| application.run(&[&["contact"], arguments, &["--url", &url]].concat());
    let split = contact(&["split", "visitor-of-erika", "--yes"]);
    assert_eq!(String::from_utf8_lossy(&split.stdout), "done\n", "{split:?}");
    await_shown(&application, &mut process, "visitor-of-erika", "visitor-of-erika", 5);
    await_shown(&application, &mut process, "erika-m", "erika-m", 4);
    let refused = contact(&["split", "erika-m", "--yes"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("has no other ids"), "{refused:?}");
    // Seen again is not enough any more; said it is.
    application.write(&[seen("erika-m", "visitor-of-erika", 3)]);
    await_shown(&application, &mut process, "erika-m", "erika-m", 5);
    await_shown(&application, &mut process, "visitor-of-erika", "visitor-of-erika", 5);
    let merged = contact(&["merge", "visitor-of-erika", "erika-m", "--yes"]);
    assert_eq!(String::from_utf8_lossy(&merged.stdout), "done\n", "{merged:?}");
    let text = application.done(&["contact", "show", "visitor-of-erika", "--url", &url]);
    assert!(
        text.starts_with("contact erika-m, as of ") && text.contains("\nalso visitor-of-erika, merged into it at "),
        "{text}"
    );

    assert_eq!(application.done(&["contact", "erase", "visitor-of-erika", "--yes", "--url", &url]), "erased\n");
    for id in ["erika-m", "visitor-of-erika"] {
        let gone = contact(&["show", id]);
        assert!(String::from_utf8_lossy(&gone.stderr).contains("the contact was erased"), "{gone:?}");
    }
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    let kinds = |id: &str| -> Vec<String> {
        let of = |record: &&leadstream_test_support::ForeignRecord| record.key.as_deref() == Some(id.as_bytes());
        let told = application.settled("activity");
        told.iter()
            .filter(of)
            .filter_map(|record| record.header("ce_type").map(ToOwned::to_owned))
            .filter(|kind| kind.starts_with("contact."))
            .collect()
    };
    let visitor = ["contact.merged", "contact.split", "contact.merged"];
    assert_eq!(kinds("visitor-of-erika"), visitor);
    assert_eq!(kinds("erika-m"), [&visitor[..], &["contact.erased"]].concat());
}
