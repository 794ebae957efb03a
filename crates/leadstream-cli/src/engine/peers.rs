//! The other instances of the application, as the consumer group knows them.
//!
//! Nothing is kept but the last answer of the group's coordinator, for a moment: it is asked when somebody asks for a contact of another
//! instance, and never otherwise.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use leadstream_config::Config;
use leadstream_http::Owner;
use leadstream_kafka::{GroupMember, KafkaLog};

/// How long the coordinator's last answer will do.
const FRESH: Duration = Duration::from_secs(5);
/// How long the coordinator may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Who owns what.
pub(super) struct Peers {
    log: Arc<KafkaLog>,
    group: String,
    /// The topic whose partitions are the tasks.
    topic: String,
    known: Mutex<Option<(Instant, Vec<GroupMember>)>>,
}

impl Peers {
    pub(super) fn new(log: Arc<KafkaLog>, config: &Config) -> Peers {
        let topic = config.topic_names().contacts.to_string();
        Peers { log, group: config.application.id.to_string(), topic, known: Mutex::default() }
    }

    /// The owner of a task.
    #[expect(clippy::disallowed_methods, reason = "an answer of the coordinator grows old")]
    pub(super) fn owner(&self, task: u32, anew: bool) -> Result<Option<Owner>, String> {
        // Whoever waits here for another's question gets its answer.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let fresh = known.as_ref().filter(|(asked, _)| !anew && now - *asked < FRESH);
        if fresh.is_none() {
            let members = self.log.members(&self.group, ANSWER_TIMEOUT).map_err(|error| error.to_string())?;
            *known = Some((now, members));
        }
        let members = known.as_ref().map(|(_, members)| &members[..]).unwrap_or_default();
        Ok(owner_among(members, &self.topic, task))
    }
}

fn owner_among(members: &[GroupMember], topic: &str, task: u32) -> Option<Owner> {
    let owns = |member: &&GroupMember| {
        member.assigned.iter().any(|partition| partition.topic == topic && partition.partition == task)
    };
    members.iter().find(owns).map(|member| Owner {
        name: format!("{} on {}", member.instance_id, member.host),
        address: member.advertised.clone(),
    })
}

#[cfg(test)]
mod tests {
    use leadstream_runtime::log::TopicPartition;

    use super::*;

    #[test]
    fn the_owner_is_whom_the_partition_of_the_quiet_topic_is_assigned_to() {
        let member = |name: &str, topic: &str, partition| GroupMember {
            instance_id: name.to_owned(),
            host: "10.0.0.7".to_owned(),
            advertised: Some(format!("{name}:80")),
            assigned: vec![TopicPartition::new(topic, partition)],
        };
        let members = [member("other", "else", 1), member("a-0", "contacts", 0), member("b-0", "contacts", 1)];
        let owner = owner_among(&members, "contacts", 1);
        assert_eq!(owner, Some(Owner { name: "b-0 on 10.0.0.7".to_owned(), address: Some("b-0:80".to_owned()) }));
        assert_eq!(owner_among(&members, "contacts", 2), None);
    }
}
