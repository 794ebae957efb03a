//! Tasks that nobody owns, found and given out again.
//!
//! A static member that starts again is given its last assignment back without a rebalance. Where it was killed while it was asked to give tasks
//! back, that assignment lacks them, nobody else was given them yet, and the rebalance that would do so was to be asked for by the process that is
//! dead: the tasks would stand still until something else changes in the group. So whoever has joined looks for tasks that are assigned to nobody, and
//! that nobody claimed when the group was formed: those of a living member that is only slow to give them back are claimed by it. If there are any,
//! it lets a member without an instance id join and leave again, which makes the group assign anew. That member subscribes to another topic than the
//! tasks', so it is never given one.
//!
//! Never decides about tasks: the group does. Looks only after a join, until it has seen every task owned.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use tracing::{debug, info, warn};

use crate::brokers::ClientEvents;
use crate::burial::Buried;
use crate::clock::Deadline;

/// Between two looks. A rebalance in two steps is over in less, as a rule; in the second look the same tasks must be without an owner.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A look is given up after this and tried again later.
const LOOK_TIMEOUT: Duration = Duration::from_millis(500);
/// After so long the visitor leaves, whether it was let in or not.
const VISIT: Duration = Duration::from_secs(5);

/// Looks after the tasks of a group.
pub(crate) struct Orphans {
    config: ClientConfig,
    group: String,
    topic: String,
    next_look: Option<Deadline>,
    /// What had no owner in the last look.
    seen: BTreeSet<i32>,
    visitor: Option<(Buried<BaseConsumer<ClientEvents>>, Deadline)>,
    /// What the visitor tells of itself goes where other clients tell it.
    events: ClientEvents,
}

impl Orphans {
    /// For a member with this configuration, whose tasks are the partitions of a topic.
    pub(crate) fn new(member: &ClientConfig, group: &str, topic: &str, events: ClientEvents) -> Self {
        let mut config = member.clone();
        config.remove("group.instance.id");
        let (group, topic) = (group.to_owned(), topic.to_owned());
        Self { config, group, topic, next_look: None, seen: BTreeSet::new(), visitor: None, events }
    }

    /// The member has joined: look in a while.
    pub(crate) fn joined(&mut self) {
        self.seen.clear();
        self.next_look = Some(Deadline::after(LOOK_EVERY));
    }

    /// Goes on; called in each round of the member's loop. Takes nothing while there is nothing to do.
    pub(crate) fn serve<C: ClientContext>(&mut self, client: &Client<C>) {
        if let Some((visitor, until)) = &self.visitor {
            // Its rebalances are served in here; there is nothing to read.
            let _ = visitor.poll(Duration::ZERO);
            let let_in = visitor.assignment().is_ok_and(|assignment| assignment.count() > 0);
            if let_in || until.passed() {
                self.visitor = None;
                self.joined();
            }
            return;
        }
        if self.next_look.is_none_or(|look| !look.passed()) {
            return;
        }
        self.next_look = Some(Deadline::after(LOOK_EVERY));
        match self.ownerless(client) {
            Err(reason) => debug!(reason, "the group cannot be looked at"),
            Ok(None) => self.seen.clear(),
            Ok(Some(tasks)) if tasks.is_empty() => {
                self.seen.clear();
                self.next_look = None;
            }
            Ok(Some(tasks)) if tasks != self.seen => self.seen = tasks,
            Ok(Some(tasks)) => {
                warn!(
                    ?tasks,
                    group = self.group,
                    "tasks have no owner since a member was killed, having them assigned anew"
                );
                self.visit(client);
            }
        }
    }

    /// The tasks without an owner; `None` while the group is between two assignments.
    fn ownerless<C: ClientContext>(&self, client: &Client<C>) -> Result<Option<BTreeSet<i32>>, String> {
        let answered = |error: rdkafka::error::KafkaError| error.to_string();
        let metadata = client.fetch_metadata(Some(&self.topic), LOOK_TIMEOUT).map_err(answered)?;
        let groups = client.fetch_group_list(Some(&self.group), LOOK_TIMEOUT).map_err(answered)?;
        let Some(group) = groups.groups().iter().find(|group| group.name() == self.group) else { return Ok(None) };
        if group.state() != "Stable" {
            return Ok(None);
        }
        let topics = metadata.topics().iter().filter(|topic| topic.name() == self.topic);
        let mut tasks: BTreeSet<i32> =
            topics.flat_map(|topic| topic.partitions().iter().map(|partition| partition.id())).collect();
        if tasks.is_empty() {
            return Ok(None);
        }
        for member in group.members() {
            let owned = assigned(member.assignment().unwrap_or_default(), &self.topic);
            let claims = claimed(member.metadata().unwrap_or_default(), &self.topic);
            let (owned, claims) = owned.zip(claims).ok_or("what a member said cannot be read")?;
            tasks.retain(|task| !owned.contains(task) && !claims.contains(task));
        }
        Ok(Some(tasks))
    }

    fn visit<C: ClientContext>(&mut self, client: &Client<C>) {
        let visitor = match self.another_topic(client) {
            Err(reason) => Err(reason),
            Ok(topic) => self.visitor().and_then(|visitor| {
                visitor.subscribe(&[&topic]).map_err(|error| error.to_string())?;
                Ok(visitor)
            }),
        };
        match visitor {
            // Nobody waits for its leaving.
            Ok(visitor) => self.visitor = Some((Buried::new(visitor, Duration::ZERO), Deadline::after(VISIT))),
            Err(reason) => info!(reason, "the group cannot be asked to assign anew yet"),
        }
    }

    fn visitor(&self) -> Result<BaseConsumer<ClientEvents>, String> {
        self.config.create_with_context(self.events.clone()).map_err(|error| error.to_string())
    }

    /// Any topic but the tasks': the application's own rather than others, the one with the fewest partitions.
    fn another_topic<C: ClientContext>(&self, client: &Client<C>) -> Result<String, String> {
        let metadata = client.fetch_metadata(None, LOOK_TIMEOUT).map_err(|error| error.to_string())?;
        let others = metadata.topics().iter().filter(|topic| {
            topic.name() != self.topic && !topic.name().starts_with("__") && !topic.partitions().is_empty()
        });
        let rank = |name: &str, partitions: usize| (!name.starts_with(&format!("{}.", self.group)), partitions);
        let best = others.min_by_key(|topic| rank(topic.name(), topic.partitions().len()));
        best.map(|topic| topic.name().to_owned()).ok_or_else(|| "there is no other topic".to_owned())
    }
}

/// The partitions of a topic in an assignment as consumers send it to the group's coordinator: a version, then topics, each with its partitions, then
/// data of the assignor's (Kafka's `ConsumerProtocolAssignment`). `None` where it is cut off.
fn assigned(assignment: &[u8], topic: &str) -> Option<BTreeSet<i32>> {
    match assignment {
        [] => Some(BTreeSet::new()),
        _ => partitions(&mut assignment.get(2..)?, topic),
    }
}

/// The partitions of a topic that a member said it owned when it joined: a version, the topics subscribed to, data of the assignor's, and from version
/// 1 on the topics owned, each with its partitions (Kafka's `ConsumerProtocolSubscription`). `None` where it is cut off.
fn claimed(subscription: &[u8], topic: &str) -> Option<BTreeSet<i32>> {
    if subscription.is_empty() {
        return Some(BTreeSet::new());
    }
    let (version, mut rest) = subscription.split_first_chunk::<2>()?;
    for _ in 0..number(&mut rest)? {
        name(&mut rest)?;
    }
    // Absent data have the length -1.
    let data = usize::try_from(number(&mut rest)?).unwrap_or(0);
    rest = rest.get(data..)?;
    if u16::from_be_bytes(*version) == 0 { Some(BTreeSet::new()) } else { partitions(&mut rest, topic) }
}

/// A list of topics with their partitions: those of one of them.
fn partitions(rest: &mut &[u8], topic: &str) -> Option<BTreeSet<i32>> {
    let mut found = BTreeSet::new();
    for _ in 0..number(rest)? {
        let of_topic = name(rest)? == topic.as_bytes();
        for _ in 0..number(rest)? {
            let partition = number(rest)?;
            if of_topic {
                found.insert(partition);
            }
        }
    }
    Some(found)
}

fn name<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk::<2>()?;
    let (name, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    *rest = behind;
    Some(name)
}

fn number(rest: &mut &[u8]) -> Option<i32> {
    let (bytes, behind) = rest.split_first_chunk::<4>()?;
    *rest = behind;
    Some(i32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two topics with partitions.
    fn list() -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 2];
        for (name, partitions) in [("other", &[7][..]), ("tasks", &[0, 2][..])] {
            bytes.extend([0, name.len() as u8]);
            bytes.extend(name.as_bytes());
            bytes.extend((partitions.len() as i32).to_be_bytes());
            partitions.iter().for_each(|partition: &i32| bytes.extend(partition.to_be_bytes()));
        }
        bytes
    }

    fn assignment() -> Vec<u8> {
        [&[0, 1], &list()[..], &[255; 4]].concat()
    }

    /// Subscribed to one topic, with three bytes of data.
    fn subscription(version: u8) -> Vec<u8> {
        let topics = [&[0, version, 0, 0, 0, 1, 0, 5], &b"tasks"[..], &[0, 0, 0, 3, 9, 9, 9]].concat();
        if version == 0 { topics } else { [topics, list()].concat() }
    }

    #[test]
    fn the_partitions_of_the_topic_are_found_in_what_members_say() {
        let found = Some(BTreeSet::from([0, 2]));
        assert_eq!(assigned(&assignment(), "tasks"), found);
        assert_eq!(claimed(&subscription(1), "tasks"), found);
        let behind = [subscription(3), vec![0, 0, 0, 8, 255, 255]].concat();
        assert_eq!(claimed(&behind, "tasks"), found, "what later versions add lies behind");
        let without_data = [&[0, 1, 0, 0, 0, 0, 255, 255, 255, 255], &list()[..]].concat();
        assert_eq!(claimed(&without_data, "tasks"), found);
    }

    #[test]
    fn who_owns_or_claims_nothing_says_so_by_nothing() {
        let nothing = Some(BTreeSet::new());
        assert_eq!(assigned(&assignment(), "nothing"), nothing);
        assert_eq!(assigned(&[], "tasks"), nothing);
        assert_eq!(claimed(&[], "tasks"), nothing);
        assert_eq!(claimed(&subscription(0), "tasks"), nothing);
    }

    #[test]
    fn what_is_cut_off_says_nothing() {
        let (assignment, subscription) = (assignment(), subscription(1));
        for length in 1..assignment.len() - 4 {
            assert_eq!(assigned(&assignment[..length], "tasks"), None, "{length}");
        }
        for length in 1..subscription.len() {
            assert_eq!(claimed(&subscription[..length], "tasks"), None, "{length}");
        }
    }
}
