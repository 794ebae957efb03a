//! A member of a group, as a worker holds it.
//!
//! Owns what this process knows: the tasks it has, the revocation it has not answered, its token. What the group knows is in
//! [`super::group`]; the two differ while an event waits to be polled and after the member was expelled.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Shared;
use super::faults::{Call, Fault};
use super::group::{ModelToken, Standing};
use crate::log::{Failure, LogError, Membership, MembershipEvent, MembershipOptions};

/// A member of a group. Dropping it says no farewell: its tasks stay with it until the session runs out.
#[derive(Debug)]
pub struct ModelMembership {
    shared: Shared,
    options: MembershipOptions,
    member: Option<u64>,
    owned: BTreeSet<u32>,
    unanswered: Option<(Vec<u32>, bool)>,
    token: Option<ModelToken>,
}

impl ModelMembership {
    pub(super) fn new(shared: Shared, options: MembershipOptions) -> Self {
        Self { shared, options, member: None, owned: BTreeSet::new(), unanswered: None, token: None }
    }

    /// Serves the group: whether this process is still the member it was, joining where it is none. `Some` is an event of loss.
    fn attend(&mut self) -> Result<Option<MembershipEvent>, LogError> {
        let mut cluster = self.shared.lock();
        let MembershipOptions { group, topic, instance_id } = &self.options;
        let tasks =
            cluster.topics.get(topic).map(|topic| topic.spec.partitions).ok_or_else(|| {
                LogError::Fatal(Failure::new("poll membership", format!("topic {topic} does not exist")))
            })?;
        if let Some(member) = self.member {
            match cluster.group_mut(group).standing(instance_id, member) {
                Standing::Current => return Ok(None),
                Standing::Replaced => {
                    let reason = format!("instance id {instance_id} was taken by another member");
                    return Err(LogError::Fenced(Failure::new("poll membership", reason)));
                }
                Standing::Outdated => {}
            }
            self.token = None;
            // A revocation that was being answered is repeated as a loss before the rest is lost.
            let lost = match self.unanswered.take() {
                Some((tasks, true)) => {
                    self.unanswered = Some((tasks, true));
                    return Ok(None);
                }
                Some((tasks, false)) => tasks,
                None => self.owned.iter().copied().collect(),
            };
            if !lost.is_empty() {
                self.unanswered = Some((lost.clone(), true));
                return Ok(Some(MembershipEvent::Revoked { tasks: lost, lost: true }));
            }
        }
        let id = cluster.next_member();
        let now_ms = cluster.now_ms;
        cluster.group_mut(group).join(instance_id, id, tasks, now_ms);
        self.member = Some(id);
        Ok(None)
    }
}

impl Membership for ModelMembership {
    type Token = ModelToken;

    fn poll(&mut self, _timeout: Duration) -> Result<Option<MembershipEvent>, LogError> {
        let MembershipOptions { group, instance_id, .. } = self.options.clone();
        let fault = self.shared.lock().faults.next(Call::Poll, &instance_id);
        match fault {
            Some(Fault::Unavailable) => return Ok(None),
            Some(Fault::Rebalance) => self.shared.lock().group_mut(&group).request_rebalance(),
            Some(Fault::Expelled) => {
                self.shared.lock().group_mut(&group).expel(&instance_id);
            }
            _ => {}
        }
        if let Some(loss) = self.attend()? {
            return Ok(Some(loss));
        }
        if self.unanswered.is_some() {
            return Ok(None);
        }
        let mut cluster = self.shared.lock();
        let now_ms = cluster.now_ms;
        let (Some(member), Some((event, generation))) =
            (self.member, cluster.group_mut(&group).next_event(&instance_id, now_ms))
        else {
            return Ok(None);
        };
        match &event {
            MembershipEvent::Assigned { tasks } => self.owned.extend(tasks),
            MembershipEvent::Revoked { tasks, lost } => self.unanswered = Some((tasks.clone(), *lost)),
        }
        self.token = Some(ModelToken { group, instance_id, member, generation });
        Ok(Some(event))
    }

    fn release(&mut self, tasks: &[u32]) -> Result<(), LogError> {
        let named: BTreeSet<u32> = tasks.iter().copied().collect();
        let being_revoked =
            self.unanswered.as_ref().is_some_and(|(revoked, _)| named == revoked.iter().copied().collect());
        if !being_revoked {
            let reason = format!("tasks {tasks:?} are not those being revoked");
            return Err(LogError::Fatal(Failure::new("release tasks", reason)));
        }
        self.unanswered = None;
        self.owned.retain(|task| !named.contains(task));
        if let Some(member) = self.member {
            let MembershipOptions { group, instance_id, .. } = &self.options;
            self.shared.lock().group_mut(group).release(instance_id, member, tasks);
        }
        Ok(())
    }

    fn token(&self) -> Option<ModelToken> {
        self.token.clone()
    }
}

impl Drop for ModelMembership {
    fn drop(&mut self) {
        if let Some(member) = self.member {
            let mut cluster = self.shared.lock();
            let now_ms = cluster.now_ms;
            cluster.group_mut(&self.options.group).leave_silently(&self.options.instance_id, member, now_ms);
        }
    }
}
