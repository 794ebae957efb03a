//! Scripted faults of the cluster: each documented error, and what is true after the documented answer to it.

use std::time::Duration;

use leadstream_log_suite::Cluster;
use leadstream_log_suite::fixture::{
    Worker, class, commit_values, expect_values, input, producer, read_once, reader, record, snapshot, topic,
};
use leadstream_runtime::log::model::{Call, Fate, Fault, ModelProducer, Scripted};
use leadstream_runtime::log::{
    Isolation, Log, LogError, Membership, MembershipEvent, Producer, Reader, TopicPartition,
};

use crate::{Model, model};

/// A worker with one task, a producer, and an open transaction with the record "epoch".
struct Scene {
    cluster: Model,
    name: String,
    worker: Worker<Model>,
    producer: ModelProducer,
}

impl Scene {
    fn new() -> Self {
        let cluster = model();
        let name = topic(&cluster, "scene", 1);
        let worker = Worker::alone(&cluster, "group", &name);
        let mut producer = producer(&cluster, cluster.log(), "id", &[&name]);
        producer.begin().unwrap();
        producer.produce(&record(0, "epoch")).unwrap();
        Self { cluster, name, worker, producer }
    }

    fn fault(&self, call: Call, fault: Fault) {
        self.cluster.log.script(Scripted::next(call, fault));
    }

    fn commit(&mut self) -> &'static str {
        let token = self.worker.membership.token().unwrap();
        class(self.producer.commit(&token, &[input(&self.name, 5)]))
    }

    fn committed(&self) -> Result<Option<u64>, LogError> {
        let offsets = self.cluster.log.committed("group", &[TopicPartition::new(&self.name, 0)])?;
        Ok(offsets[0].as_ref().map(|offset| offset.next_offset))
    }

    fn visible(&self) -> usize {
        snapshot(&self.cluster, &self.name, Isolation::ReadCommitted).len()
    }

    /// The epoch shows whole (`true`) or not at all, and the producer goes on.
    fn expect_settled(&mut self, shown: bool) {
        assert_eq!(self.committed().unwrap(), shown.then_some(5));
        assert_eq!(self.visible(), usize::from(shown));
        commit_values(&self.cluster, &mut self.producer, &["next"]);
        assert_eq!(self.visible(), usize::from(shown) + 1);
        assert_eq!(self.cluster.log.scripted_left(), 0);
    }
}

#[test]
fn an_unknown_outcome_is_settled_by_reopening_whatever_it_was() {
    for (fate, shown) in [(Fate::Applied, true), (Fate::Lost, false), (Fate::Delayed, false)] {
        let mut scene = Scene::new();
        scene.fault(Call::Commit, Fault::Unknown(fate));
        assert_eq!(scene.commit(), "unknown outcome");
        // Before it is settled nobody can tell, and nothing but reopening is allowed.
        if !shown {
            assert!(matches!(scene.committed(), Err(LogError::Retry(_))), "{fate:?}");
        }
        assert_eq!(class(scene.producer.begin()), "fatal");
        assert_eq!(class(scene.producer.produce(&record(0, "x"))), "fatal");
        assert_eq!(class(scene.producer.abort()), "fatal");
        assert_eq!(scene.commit(), "fatal");
        scene.producer.reopen().unwrap();
        scene.expect_settled(shown);
    }
}

#[test]
fn a_delayed_commit_that_arrives_before_the_reopening_counts_and_after_it_is_refused() {
    let mut scene = Scene::new();
    scene.fault(Call::Commit, Fault::Unknown(Fate::Delayed));
    assert_eq!(scene.commit(), "unknown outcome");
    assert_eq!(scene.visible(), 0);
    assert_eq!(scene.cluster.log.deliver_delayed(), 1);
    assert_eq!(scene.visible(), 1);
    scene.producer.reopen().unwrap();
    scene.expect_settled(true);

    let mut scene = Scene::new();
    scene.fault(Call::Commit, Fault::Unknown(Fate::Delayed));
    assert_eq!(scene.commit(), "unknown outcome");
    scene.producer.reopen().unwrap();
    scene.producer.begin().unwrap();
    scene.producer.produce(&record(0, "the next transaction")).unwrap();
    assert_eq!(scene.cluster.log.deliver_delayed(), 0);
    assert_eq!(scene.visible(), 0, "an old request must not commit a new transaction");
    scene.producer.abort().unwrap();
    scene.expect_settled(false);
}

#[test]
fn a_commit_without_offsets_and_an_abort_can_have_unknown_outcomes_too() {
    for (fate, shown) in [(Fate::Applied, 1), (Fate::Lost, 0)] {
        let mut scene = Scene::new();
        scene.fault(Call::CommitWithoutOffsets, Fault::Unknown(fate));
        assert_eq!(class(scene.producer.commit_without_offsets()), "unknown outcome");
        scene.producer.reopen().unwrap();
        assert_eq!(scene.visible(), shown);
    }
    for fate in [Fate::Applied, Fate::Lost, Fate::Delayed] {
        let mut scene = Scene::new();
        scene.fault(Call::Abort, Fault::Unknown(fate));
        assert_eq!(class(scene.producer.abort()), "unknown outcome");
        assert_eq!(class(scene.producer.begin()), "fatal");
        scene.producer.reopen().unwrap();
        scene.expect_settled(false);
    }
}

#[test]
fn a_refused_record_or_commit_is_aborted_and_the_tasks_stay() {
    let mut scene = Scene::new();
    scene.fault(Call::Commit, Fault::Refused);
    assert_eq!(scene.commit(), "abort and rewind");
    assert_eq!(class(scene.producer.begin()), "fatal");
    assert_eq!(scene.commit(), "abort and rewind");
    scene.producer.abort().unwrap();
    scene.expect_settled(false);

    let mut scene = Scene::new();
    scene.fault(Call::Produce, Fault::Refused);
    assert_eq!(class(scene.producer.produce(&record(0, "refused"))), "abort and rewind");
    assert_eq!(scene.commit(), "abort and rewind");
    scene.producer.abort().unwrap();
    scene.expect_settled(false);
}

#[test]
fn a_commit_that_meets_a_rebalance_is_outdated_and_the_next_event_brings_a_token() {
    let mut scene = Scene::new();
    scene.fault(Call::Commit, Fault::Outdated);
    assert_eq!(scene.commit(), "abort and await assignment");
    scene.producer.abort().unwrap();
    scene.producer.begin().unwrap();
    assert_eq!(scene.commit(), "abort and await assignment", "the old token stays outdated");
    scene.producer.abort().unwrap();
    scene.worker.serve(&scene.cluster);
    assert_eq!(scene.worker.events.last(), Some(&MembershipEvent::Assigned { tasks: vec![] }));
    scene.producer.begin().unwrap();
    assert_eq!(scene.commit(), "ok");
}

#[test]
fn a_commit_after_the_session_expired_is_outdated_and_the_tasks_are_lost() {
    let mut scene = Scene::new();
    scene.fault(Call::Commit, Fault::Expelled);
    assert_eq!(scene.commit(), "abort and await assignment");
    scene.producer.abort().unwrap();
    scene.worker.serve(&scene.cluster);
    assert_eq!(scene.worker.events.last(), Some(&MembershipEvent::Revoked { tasks: vec![0], lost: true }));
    assert!(scene.worker.membership.token().is_none());
    scene.worker.serve(&scene.cluster);
    assert_eq!(scene.worker.owned, [0]);
    scene.producer.begin().unwrap();
    assert_eq!(scene.commit(), "ok");
}

#[test]
fn late_markers_hide_a_commit_until_they_are_written() {
    let settle: [fn(&mut Scene); 4] = [
        |scene| scene.cluster.log.write_markers(),
        |scene| scene.cluster.log.advance(Duration::from_millis(1)),
        |scene| scene.producer.begin().and_then(|()| scene.producer.abort()).unwrap(),
        |scene| scene.producer.reopen().unwrap(),
    ];
    for settle in settle {
        let mut scene = Scene::new();
        scene.fault(Call::Commit, Fault::LateMarkers);
        assert_eq!(scene.commit(), "ok");
        assert_eq!(scene.visible(), 0);
        assert!(matches!(scene.committed(), Err(LogError::Retry(_))));
        settle(&mut scene);
        scene.expect_settled(true);
    }
}

#[test]
fn an_unavailable_cluster_is_retried_or_silent_and_never_a_wrong_answer() {
    let mut scene = Scene::new();
    let (log, partition) = (scene.cluster.log.clone(), TopicPartition::new(&scene.name, 0));
    let mut reader = reader(&scene.cluster, &[&scene.name], Isolation::ReadUncommitted);
    reader.start(&[leadstream_log_suite::fixture::from(0, 0)]).unwrap();
    log.unavailable_for(9);
    assert_eq!(class(log.committed("group", std::slice::from_ref(&partition))), "retry");
    assert_eq!(class(log.bounds(std::slice::from_ref(&partition))), "retry");
    assert_eq!(class(log.describe(&[&scene.name])), "retry");
    assert_eq!(class(log.create(&[])), "retry");
    assert_eq!(class(log.delete_before(&[(partition, 0)])), "retry");
    assert_eq!(scene.worker.membership.poll(Duration::ZERO).unwrap(), None);
    assert_eq!(read_once(&scene.cluster, &mut reader, 10), []);
    scene.producer.produce(&record(0, "waits")).unwrap();
    assert_eq!(scene.commit(), "unknown outcome");
    // The cluster is back.
    scene.producer.reopen().unwrap();
    scene.expect_settled(false);

    log.unavailable_for(2);
    assert_eq!(class(scene.producer.reopen()), "retry");
    assert_eq!(class(scene.producer.reopen()), "retry");
    scene.producer.reopen().unwrap();
    scene.fault(Call::Begin, Fault::Unavailable);
    assert_eq!(class(scene.producer.begin()), "retry");
    scene.producer.begin().unwrap();
    scene.fault(Call::Abort, Fault::Unavailable);
    assert_eq!(class(scene.producer.abort()), "unknown outcome");
}

#[test]
fn records_that_waited_for_the_cluster_keep_their_order() {
    let mut scene = Scene::new();
    scene.fault(Call::Produce, Fault::Unavailable);
    scene.producer.produce(&record(0, "waits")).unwrap();
    assert_eq!(snapshot(&scene.cluster, &scene.name, Isolation::ReadUncommitted).len(), 1);
    scene.producer.produce(&record(0, "follows")).unwrap();
    assert_eq!(scene.commit(), "ok");
    expect_values(&scene.cluster, &scene.name, &["epoch", "waits", "follows"]);
}

#[test]
fn a_timeout_is_exact_and_each_call_after_it_leads_to_reopening() {
    type Late = fn(&mut Scene) -> &'static str;
    let calls: [(Late, &str); 3] = [
        (Scene::commit, "unknown outcome"),
        (|scene| class(scene.producer.abort()), "unknown outcome"),
        (|scene| class(scene.producer.produce(&record(0, "late"))), "abort and rewind"),
    ];
    for (call, expected) in calls {
        let mut scene = Scene::new();
        scene.cluster.log.advance(Duration::from_millis(29_999));
        scene.producer.produce(&record(0, "in time")).unwrap();
        scene.cluster.log.advance(Duration::from_millis(1));
        assert_eq!(call(&mut scene), expected);
        if expected == "abort and rewind" {
            assert_eq!(class(scene.producer.abort()), "unknown outcome");
        }
        scene.producer.reopen().unwrap();
        scene.expect_settled(false);
    }
    // Whoever has been replaced since is fenced all the same.
    let mut scene = Scene::new();
    scene.cluster.log.advance(Duration::from_secs(30));
    let _newer = producer(&scene.cluster, scene.cluster.log(), "id", &[&scene.name]);
    assert_eq!(scene.commit(), "fenced");
}

#[test]
#[should_panic(expected = "does not happen at")]
fn a_fault_that_does_not_fit_its_call_cannot_be_scripted() {
    model().log.script(Scripted::next(Call::Read, Fault::Outdated));
}
