//! A source that is deleted and created again with more records than were read of it: by its offsets it could be the same one.

use std::time::Duration;

use leadstream_system::{Application, Input, assert_same};
use leadstream_test_support::{Broker, NewTopic, topics};

const LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Deletes the source and creates it again, as somebody does who wants it empty.
fn recreate(application: &Application, input: &Input) {
    let (bootstrap, source) = (Broker::shared().bootstrap(), application.source());
    topics::delete_topics(&bootstrap, &[&source]).expect("a topic can be deleted");
    let settings = [("retention.ms", "-1")];
    let topic = NewTopic { name: &source, partitions: input.setup.partitions, settings: &settings };
    topics::create_topics(&bootstrap, &[topic]).expect("a topic can be created");
}

#[test]
fn a_source_that_was_made_anew_while_nobody_read_is_told_by_its_id_and_read_from_its_start_where_accepted_l5() {
    for (id, keyed) in [("recreated-keyed", true), ("recreated", false)] {
        let (application, input, expected) = Application::for_orders(Broker::shared(), id, keyed);
        let (first, _) = input.records.split_at(input.records.len() / 3);
        application.write(first);
        let mut process = application.start();
        let address = application.address(&mut process);
        application.await_figures(&process, &address, |figures| figures.are_of_all(first.len()));
        assert!(process.terminate(STOP_LIMIT).unwrap().success());
        recreate(&application, &input);
        // All that was in the old one is in the new one as well, and more: what is read twice counts once.
        application.write(&input.all());
        let refused = application.run(&["run"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        let told = format!("{}-events[", application.id);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(&told) && said.contains("the topic was deleted and created again since"), "{said}");
        assert!(said.contains("engine.accept_lost_input: true"), "{said}");
        let process = application.begin(&["run", "--set", "engine.accept_lost_input=true"]);
        application.derived(expected.len(), LIMIT);
        assert!(process.terminate(STOP_LIMIT).unwrap().success());
        // It is the one that was read now.
        let mut process = application.start();
        application.await_restored(&mut process);
        assert!(process.terminate(STOP_LIMIT).unwrap().success());
        assert_same(&application.derived_now(), &expected);
        application.assert_scores_are_replayed();
    }
}

#[test]
fn a_source_that_is_made_anew_under_a_running_process_ends_it_and_the_next_start_tells_l5() {
    let (application, input, _) = Application::for_orders(Broker::shared(), "recreated-live", false);
    let (first, _) = input.records.split_at(input.records.len() / 3);
    application.write(first);
    let mut process = application.start();
    let address = application.address(&mut process);
    application.await_figures(&process, &address, |figures| figures.are_of_all(first.len()));
    recreate(&application, &input);
    application.write(&input.records);
    // Topics are looked at once a minute.
    let ended = process.wait(2 * LIMIT).unwrap();
    let said = std::fs::read_to_string(application.path("log-0")).unwrap();
    assert_eq!(ended.code(), Some(1), "{said}");
    println!("{}", said.lines().last().unwrap_or_default());
    let refused = application.run(&["run"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("the topic was deleted and created again since"), "{said}");
}
