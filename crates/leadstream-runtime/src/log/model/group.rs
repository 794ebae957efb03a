//! Consumer groups of the model: static members, generations, and the cooperative dealing of tasks.
//!
//! A rebalance completes when every member has answered its last event, is there (its handle was not dropped), and rebalances are not held
//! back by a test. As in Kafka the generation then moves at once, and a member learns of it at its next poll.
//!
//! Invariants: a task is owned by at most one member, from the event that assigns it to the release that answers its revocation (or to the
//! member's end); every rebalance leaves each member with exactly one event.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::Cluster;
use crate::log::{CommittedOffset, MembershipEvent, TopicPartition};

/// Proof of ownership in the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelToken {
    pub(super) group: String,
    pub(super) instance_id: String,
    pub(super) member: u64,
    pub(super) generation: u64,
}

/// How a member stands in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the member it says.
    Current,
    /// Another member has taken the instance id.
    Replaced,
    /// It was removed, or its generation is over.
    Outdated,
}

#[derive(Debug)]
struct Member {
    id: u64,
    owned: BTreeSet<u32>,
    event: Option<MembershipEvent>,
    revoking: bool,
    gone_since_ms: Option<i64>,
    last_poll_ms: i64,
}

impl Member {
    fn new(id: u64, now_ms: i64) -> Self {
        Self { id, owned: BTreeSet::new(), event: None, revoking: false, gone_since_ms: None, last_poll_ms: now_ms }
    }

    fn is_ready(&self) -> bool {
        self.event.is_none() && !self.revoking && self.gone_since_ms.is_none()
    }
}

/// A consumer group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) offsets: BTreeMap<TopicPartition, CommittedOffset>,
    generation: u64,
    members: BTreeMap<String, Member>,
    /// To whom each task was dealt last, so that dealing moves as little as possible.
    dealt: BTreeMap<u32, String>,
    rebalance_wanted: bool,
    held: bool,
    tasks: u32,
}

impl Group {
    /// Adds a member. One that takes the instance id of a settled member gets its tasks without a rebalance.
    pub(super) fn join(&mut self, instance_id: &str, id: u64, tasks: u32, now_ms: i64) {
        self.tasks = tasks;
        let mut member = Member::new(id, now_ms);
        let old = self.members.remove(instance_id);
        match old.filter(|old| old.event.is_none() && !old.revoking && !self.rebalance_wanted) {
            Some(settled) => {
                let tasks = settled.owned.iter().copied().collect();
                member.owned = settled.owned;
                member.event = Some(MembershipEvent::Assigned { tasks });
            }
            None => self.rebalance_wanted = true,
        }
        self.members.insert(instance_id.to_owned(), member);
        self.complete_rebalance();
    }

    pub(super) fn standing(&self, instance_id: &str, id: u64) -> Standing {
        match self.members.get(instance_id) {
            Some(member) if member.id == id => Standing::Current,
            Some(_) => Standing::Replaced,
            None => Standing::Outdated,
        }
    }

    /// Whether a commit may show this token.
    pub(super) fn check(&self, token: &ModelToken) -> Standing {
        match self.standing(&token.instance_id, token.member) {
            Standing::Current if token.generation != self.generation => Standing::Outdated,
            standing => standing,
        }
    }

    /// The next event of a member that is current, and the generation it belongs to.
    pub(super) fn next_event(&mut self, instance_id: &str, now_ms: i64) -> Option<(MembershipEvent, u64)> {
        let member = self.members.get_mut(instance_id)?;
        member.last_poll_ms = now_ms;
        self.complete_rebalance();
        let member = self.members.get_mut(instance_id)?;
        let event = member.event.take()?;
        member.revoking = matches!(event, MembershipEvent::Revoked { .. });
        let generation = self.generation;
        // An answer may be the last that a rebalance waited for; its outcome is for the next poll.
        self.complete_rebalance();
        Some((event, generation))
    }

    /// A member answers its revocation.
    pub(super) fn release(&mut self, instance_id: &str, id: u64, tasks: &[u32]) {
        if let Some(member) = self.members.get_mut(instance_id).filter(|member| member.id == id) {
            member.owned.retain(|task| !tasks.contains(task));
            member.revoking = false;
            self.request_rebalance();
        }
    }

    pub(super) fn request_rebalance(&mut self) {
        self.rebalance_wanted = true;
        self.complete_rebalance();
    }

    pub(super) fn hold_rebalances(&mut self, held: bool) {
        self.held = held;
        self.complete_rebalance();
    }

    /// Removes a member. False where there is none.
    pub(super) fn expel(&mut self, instance_id: &str) -> bool {
        let found = self.members.remove(instance_id).is_some();
        if found {
            self.request_rebalance();
        }
        found
    }

    /// The handle was dropped: no farewell is sent, the session runs out.
    pub(super) fn leave_silently(&mut self, instance_id: &str, id: u64, now_ms: i64) {
        if let Some(member) = self.members.get_mut(instance_id).filter(|member| member.id == id) {
            member.gone_since_ms = Some(now_ms);
        }
    }

    fn expire_members(&mut self, now_ms: i64, session_timeout_ms: i64, max_poll_interval_ms: i64) {
        let is_expired = |member: &Member| match member.gone_since_ms {
            Some(since_ms) => now_ms - since_ms >= session_timeout_ms,
            None => now_ms - member.last_poll_ms >= max_poll_interval_ms,
        };
        let before = self.members.len();
        self.members.retain(|_, member| !is_expired(member));
        if self.members.len() < before {
            self.request_rebalance();
        }
    }

    fn complete_rebalance(&mut self) {
        let ready = !self.members.is_empty() && self.members.values().all(Member::is_ready);
        if !self.rebalance_wanted || self.held || !ready {
            return;
        }
        self.rebalance_wanted = false;
        self.generation += 1;
        self.dealt = deal(self.tasks, &self.members, &self.dealt);
        let owned: BTreeSet<u32> = self.members.values().flat_map(|member| member.owned.iter().copied()).collect();
        for (instance_id, member) in &mut self.members {
            let target: BTreeSet<u32> =
                self.dealt.iter().filter(|(_, to)| *to == instance_id).map(|(task, _)| *task).collect();
            let revoked: Vec<u32> = member.owned.difference(&target).copied().collect();
            // Who gives tasks up gets new ones in the rebalance that its answer starts.
            member.event = Some(if revoked.is_empty() {
                let tasks: Vec<u32> = target.difference(&owned).copied().collect();
                member.owned.extend(&tasks);
                MembershipEvent::Assigned { tasks }
            } else {
                MembershipEvent::Revoked { tasks: revoked, lost: false }
            });
        }
    }
}

/// Deals tasks evenly, each to whom it was dealt before as far as that is fair.
fn deal(tasks: u32, members: &BTreeMap<String, Member>, before: &BTreeMap<u32, String>) -> BTreeMap<u32, String> {
    let count = members.len();
    let all = usize::try_from(tasks).unwrap_or(usize::MAX);
    let mut hands: Vec<(&String, Vec<u32>)> = members.keys().map(|instance_id| (instance_id, Vec::new())).collect();
    for (task, instance_id) in before.iter().filter(|(task, _)| **task < tasks) {
        if let Some((_, hand)) = hands.iter_mut().find(|(of, _)| *of == instance_id) {
            hand.push(*task);
        }
    }
    // The sort is stable: among equal hands the order of the names decides.
    hands.sort_by_key(|(_, hand)| std::cmp::Reverse(hand.len()));
    let capacity = |place: usize| all / count + usize::from(place < all % count);
    for (place, (_, hand)) in hands.iter_mut().enumerate() {
        hand.truncate(capacity(place));
    }
    let kept: BTreeSet<u32> = hands.iter().flat_map(|(_, hand)| hand.iter().copied()).collect();
    let mut free = (0..tasks).filter(|task| !kept.contains(task));
    for (place, (_, hand)) in hands.iter_mut().enumerate() {
        let room = capacity(place) - hand.len();
        hand.extend(free.by_ref().take(room));
    }
    hands.into_iter().flat_map(|(to, hand)| hand.into_iter().map(move |task| (task, to.clone()))).collect()
}

impl Cluster {
    pub(super) fn expire_members(&mut self) {
        let (now_ms, options) = (self.now_ms, &self.options);
        for group in self.groups.values_mut() {
            group.expire_members(now_ms, options.session_timeout_ms, options.max_poll_interval_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(names: &[&str]) -> BTreeMap<String, Member> {
        names.iter().map(|name| ((*name).to_owned(), Member::new(1, 0))).collect()
    }

    #[test]
    fn dealing_is_even_and_moves_no_more_than_it_must() {
        let alone = deal(5, &members(&["a"]), &BTreeMap::new());
        assert!(alone.values().all(|name| name == "a") && alone.len() == 5);
        let two = deal(5, &members(&["a", "b"]), &alone);
        let moved: Vec<u32> = two.iter().filter(|(_, name)| *name == "b").map(|(task, _)| *task).collect();
        assert_eq!(moved, [3, 4]);
        let three = deal(5, &members(&["a", "b", "c"]), &two);
        assert_eq!(three.iter().filter(|(task, name)| two[task] != **name).count(), 1);
        let b_is_gone = deal(5, &members(&["a", "c"]), &three);
        assert!(three.iter().filter(|(_, name)| *name != "b").all(|(task, name)| b_is_gone[task] == *name));
    }

    #[test]
    fn more_members_than_tasks_leave_some_with_none() {
        let dealt = deal(1, &members(&["a", "b", "c"]), &BTreeMap::new());
        assert_eq!(dealt.len(), 1);
        assert_eq!(deal(0, &members(&["a"]), &dealt).len(), 0);
    }
}
