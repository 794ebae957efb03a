//! Topics are made as they must be, and differences are found.

use leadstream_runtime::log::{CleanupPolicy, Log, LogError, Membership, Producer, TopicSpec};

use crate::help::*;

#[test]
fn topics_are_created_as_specified_and_found_without_a_difference() {
    let world = World::shared();
    let kept = TopicSpec { max_message_bytes: Some(2_000_000), ..world.spec("kept", 3) };
    let mut changelog = TopicSpec { cleanup_policy: CleanupPolicy::Compact, ..world.spec("changelog", 3) };
    changelog.settings.insert("delete.retention.ms".to_owned(), "604800000".to_owned());
    let specs = [kept, changelog];
    world.log.create(&specs).unwrap();
    let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let described = world.log.describe(&names).unwrap();
    for (spec, described) in specs.iter().zip(described) {
        let described = described.unwrap();
        assert_eq!(spec.differences(&described), Vec::<String>::new());
        assert_eq!(described.name, spec.name);
        assert_eq!(described.replication, 1);
        assert!(described.id.is_some());
    }
}

#[test]
fn a_topic_that_exists_is_left_as_it_is_and_its_differences_are_named() {
    let world = World::shared();
    let first = TopicSpec { retention_ms: Some(1000), ..world.spec("topic", 2) };
    world.log.create(std::slice::from_ref(&first)).unwrap();
    let wanted = world.spec("topic", 4);
    world.log.create(std::slice::from_ref(&wanted)).unwrap();
    let described = world.log.describe(&[&wanted.name, &world.name("nowhere")]).unwrap();
    assert_eq!(described[1], None);
    assert_eq!(
        wanted.differences(described[0].as_ref().unwrap()),
        [
            "has 2 partitions, needs 4",
            "has retention.ms=1000, needs -1: records carry event time and old ones would be deleted",
        ]
    );
}

#[test]
fn a_setting_that_the_broker_does_not_know_is_an_error_with_the_topic() {
    let world = World::shared();
    let mut spec = world.spec("odd", 1);
    spec.settings.insert("no.such.setting".to_owned(), "1".to_owned());
    let error = world.log.create(&[spec]).unwrap_err();
    assert!(matches!(error, LogError::Fatal(_)), "{error}");
    assert!(error.to_string().contains(&world.name("odd")), "{error}");
}

#[test]
fn a_topic_made_again_under_its_old_name_has_another_id() {
    let world = World::shared();
    let topic = world.topic("again", 1);
    let id = |world: &World| world.log.describe(&[&topic]).unwrap()[0].as_ref().map(|topic| topic.id.unwrap());
    let before = id(&world).unwrap();
    world.log.delete_topics(&[&topic]).unwrap();
    world.log.delete_topics(&[&topic]).unwrap();
    assert_eq!(id(&world), None, "a topic is gone when its deletion returns");
    world.topic("again", 1);
    assert_ne!(id(&world).unwrap(), before);
}

#[test]
fn a_group_is_deleted_with_its_offsets_once_its_members_are_gone() {
    let world = World::shared();
    let topic = world.topic("in", 1);
    let mut member = world.member(&topic, "a");
    event(&mut member);
    let mut producer = world.producer("a", &[&topic]);
    producer.begin().unwrap();
    producer.commit(&member.token().unwrap(), &[offset(&topic, 0, 3)]).unwrap();
    let error = world.log.delete_group(&world.name("group")).unwrap_err();
    assert!(matches!(error, LogError::Retry(_)), "{error}");
    assert!(error.to_string().contains("has members"), "{error}");
    drop(member);
    retried(|| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        world.log.delete_group(&world.name("group"))
    });
    assert_eq!(world.committed_offset(&topic, 0), None);
    world.log.delete_group(&world.name("group")).unwrap();
}
