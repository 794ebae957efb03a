//! Membership of a consumer group with deferred rebalance.
//!
//! A rebalance callback runs on the worker's thread inside `poll`. It takes the group metadata of the new generation and records what happened, nothing
//! more; an assignment is answered at once, a revocation when the worker has released the tasks. While the consumer closes, the callback answers by
//! itself: otherwise dropping it would wait for an answer for ever.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leadstream_runtime::log::{Failure, LogError, Membership, MembershipEvent, MembershipOptions};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use tracing::{debug, warn};

use crate::brokers::{Brokers, ClientEvents};
use crate::burial::Buried;
use crate::clock::Deadline;
use crate::error::creation_reason;
use crate::orphans::Orphans;
use crate::settings::{KafkaSettings, Role};

/// How long to wait for a consumer to close: it answers at once, as a rule, but may have to wait for the group.
const CLOSING_PATIENCE: Duration = Duration::from_secs(1);

/// The group metadata of one generation of the group: member, instance and generation.
#[derive(Clone)]
pub struct GroupToken(pub(crate) Arc<ConsumerGroupMetadata>);

impl fmt::Debug for GroupToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("GroupToken")
    }
}

/// A [`Membership`] in Kafka.
pub struct KafkaMembership {
    consumer: Buried<BaseConsumer<MemberContext>>,
    config: ClientConfig,
    topic: String,
    brokers: Arc<Brokers>,
    /// What the brokers' trouble count was at the last assignment.
    troubles: u64,
    /// The consumer is of no more use: join anew as soon as the tasks are released.
    rejoin: bool,
    owned: Vec<u32>,
    token: Option<GroupToken>,
    /// Events taken from the callback, not yet returned.
    events: VecDeque<Rebalance>,
    /// The revocation that waits for `release`.
    revoking: Option<Revoking>,
    orphans: Orphans,
}

struct Revoking {
    tasks: Vec<u32>,
    lost: bool,
}

/// A rebalance as the callback saw it.
enum Rebalance {
    Assign { partitions: TopicPartitionList, token: Option<GroupToken> },
    Revoke { tasks: Vec<u32>, lost: bool, token: Option<GroupToken> },
}

struct MemberContext {
    events: ClientEvents,
    recorded: Mutex<VecDeque<Rebalance>>,
    closing: AtomicBool,
    /// Runs out a while after librdkafka has said that the session had timed out.
    timed_out: Mutex<Option<Deadline>>,
}

/// What librdkafka calls the line that says so.
const SESSION_TIMED_OUT: &str = "SESSTMOUT";

/// A fence that comes so soon after the session had timed out is a consequence of it.
const TIMED_OUT_LATELY: Duration = Duration::from_secs(60);

impl MemberContext {
    fn new(brokers: &Arc<Brokers>) -> MemberContext {
        MemberContext {
            events: ClientEvents::new(Arc::clone(brokers)),
            recorded: Mutex::default(),
            closing: AtomicBool::new(false),
            timed_out: Mutex::default(),
        }
    }

    fn timed_out_lately(&self) -> bool {
        let timed_out = self.timed_out.lock().unwrap_or_else(PoisonError::into_inner);
        timed_out.is_some_and(|lately| !lately.passed())
    }

    fn recorded(&self) -> MutexGuard<'_, VecDeque<Rebalance>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        if facility == SESSION_TIMED_OUT {
            *self.timed_out.lock().unwrap_or_else(PoisonError::into_inner) = Some(Deadline::after(TIMED_OUT_LATELY));
        }
        self.events.on_log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.events.on_error(code, reason);
        }
    }
}

impl ConsumerContext for MemberContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let assigned = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Relaxed) {
            let answered = if assigned {
                consumer.incremental_assign(partitions)
            } else {
                consumer.incremental_unassign(partitions)
            };
            if let Err(error) = answered {
                debug!(%error, "rebalance while closing");
            }
            return;
        }
        let token = consumer.group_metadata().map(|metadata| GroupToken(Arc::new(metadata)));
        self.recorded().push_back(if assigned {
            Rebalance::Assign { partitions: partitions.clone(), token }
        } else {
            let lost = consumer.assignment_lost();
            Rebalance::Revoke { tasks: task_numbers(partitions), lost, token: token.filter(|_| !lost) }
        });
    }
}

fn task_numbers(partitions: &TopicPartitionList) -> Vec<u32> {
    let mut tasks: Vec<u32> =
        partitions.elements().iter().filter_map(|element| u32::try_from(element.partition()).ok()).collect();
    tasks.sort_unstable();
    tasks
}

/// A consumer that is about to join.
fn subscribed(
    config: &ClientConfig,
    brokers: &Arc<Brokers>,
    topic: &str,
) -> Result<Buried<BaseConsumer<MemberContext>>, LogError> {
    let refused = |error: KafkaError| LogError::Fatal(Failure::new("join group", creation_reason(&error)));
    let consumer: BaseConsumer<MemberContext> =
        config.create_with_context(MemberContext::new(brokers)).map_err(refused)?;
    consumer.subscribe(&[topic]).map_err(refused)?;
    Ok(Buried::new(consumer, CLOSING_PATIENCE))
}

impl KafkaMembership {
    pub(crate) fn join(
        settings: &KafkaSettings,
        brokers: Arc<Brokers>,
        options: &MembershipOptions,
    ) -> Result<Self, LogError> {
        let mut config = settings.client(Role::Member, &options.instance_id);
        config
            .set("group.id", &options.group)
            .set("group.instance.id", &options.instance_id)
            .set("group.protocol", "classic")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            // Nothing is read through this consumer: a position is only something that librdkafka wants to have.
            .set("auto.offset.reset", "latest")
            .set("queued.max.messages.kbytes", "64")
            .set("fetch.message.max.bytes", "1024");
        let consumer = subscribed(&config, &brokers, &options.topic)?;
        Ok(Self {
            consumer,
            orphans: Orphans::new(&config, &options.group, &options.topic, ClientEvents::new(Arc::clone(&brokers))),
            config,
            topic: options.topic.clone(),
            troubles: brokers.troubles(),
            brokers,
            rejoin: false,
            owned: Vec::new(),
            token: None,
            events: VecDeque::new(),
            revoking: None,
        })
    }

    /// Serves librdkafka once, for at most `timeout`.
    fn serve(&mut self, timeout: Duration) -> Result<(), LogError> {
        if self.rejoin && self.revoking.is_none() && self.events.is_empty() {
            self.join_anew()?;
        }
        // A record may slip through before its partition is paused: it is read by the reader, not here.
        if let Some(Err(error)) = self.consumer.poll(timeout) {
            self.judge(&error)?;
        }
        if self.rejoin {
            self.consumer.context().recorded().clear();
        }
        self.events.extend(self.consumer.context().recorded().drain(..));
        Ok(())
    }

    /// The group's coordinator does not know this consumer any more.
    ///
    /// A fence usually means that another process has our instance id. But after an outage that outlasts the session, librdkafka forgets its
    /// member id, and while the loss of the tasks is unanswered it sends heartbeats without one, which the coordinator takes for a fence. So after
    /// trouble with the brokers, or a session that timed out just now, the fence is doubted, once: join anew. If there is another process with our
    /// id, it is fenced in turn and stops.
    fn on_fatal_error(&mut self, code: RDKafkaErrorCode, reason: &str) -> Result<(), LogError> {
        let failure = Failure::new("serve group membership", format!("{reason} ({code:?})"));
        if !matches!(code, RDKafkaErrorCode::FencedInstanceId | RDKafkaErrorCode::UnreleasedInstanceId) {
            return Err(LogError::Fatal(failure));
        }
        if self.rejoin {
            return Ok(());
        }
        if self.troubles == self.brokers.troubles() && !self.consumer.context().timed_out_lately() {
            return Err(LogError::Fenced(failure));
        }
        warn!(reason, "the group has forgotten this member during an outage, joining anew");
        self.rejoin = true;
        self.troubles = self.brokers.troubles();
        self.token = None;
        self.events.extend(self.consumer.context().recorded().drain(..));
        // Whatever was said before the loss: all is lost now.
        self.events.clear();
        if let Some(revoking) = self.revoking.take() {
            self.owned.extend(revoking.tasks);
        }
        if !self.owned.is_empty() {
            self.owned.sort_unstable();
            self.owned.dedup();
            let tasks = self.owned.clone();
            self.events.push_back(Rebalance::Revoke { tasks, lost: true, token: None });
        }
        Ok(())
    }

    /// Replaces a consumer that can do nothing more.
    fn join_anew(&mut self) -> Result<(), LogError> {
        let consumer = subscribed(&self.config, &self.brokers, &self.topic)?;
        self.consumer.context().closing.store(true, Ordering::Relaxed);
        self.consumer = consumer;
        self.rejoin = false;
        Ok(())
    }

    fn judge(&mut self, error: &KafkaError) -> Result<(), LogError> {
        use RDKafkaErrorCode as Code;
        if let Some((code, reason)) = self.consumer.client().fatal_error() {
            return self.on_fatal_error(code, &reason);
        }
        let failure = || Failure::new("serve group membership", format!("{error}, topic {}", self.topic));
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Err(LogError::Fatal(failure())),
            Some(Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed) => Err(LogError::Fatal(failure())),
            Some(Code::PollExceeded) => {
                warn!(%error, "the worker was too busy to serve its membership and was expelled from the group");
                Ok(())
            }
            _ => {
                debug!(%error, "group membership");
                Ok(())
            }
        }
    }

    fn next_event(&mut self) -> Result<Option<MembershipEvent>, LogError> {
        if let Some(revoking) = self.revoking.as_mut() {
            // The group may expel us while we are still committing what it asked us to give back.
            if revoking.lost || !(self.rejoin || self.consumer.assignment_lost()) {
                return Ok(None);
            }
            revoking.lost = true;
            self.token = None;
            return Ok(Some(MembershipEvent::Revoked { tasks: revoking.tasks.clone(), lost: true }));
        }
        match self.events.pop_front() {
            None => Ok(None),
            Some(Rebalance::Assign { partitions, token }) => {
                self.accept(&partitions)?;
                if self.token.is_none() {
                    self.orphans.joined();
                }
                self.token = token;
                self.troubles = self.brokers.troubles();
                let tasks = task_numbers(&partitions);
                self.owned.extend(&tasks);
                Ok(Some(MembershipEvent::Assigned { tasks }))
            }
            Some(Rebalance::Revoke { tasks, lost, token }) => {
                self.token = token;
                self.owned.retain(|task| !tasks.contains(task));
                self.revoking = Some(Revoking { tasks: tasks.clone(), lost });
                Ok(Some(MembershipEvent::Revoked { tasks, lost }))
            }
        }
    }

    /// Takes partitions, and keeps them from being fetched.
    fn accept(&self, partitions: &TopicPartitionList) -> Result<(), LogError> {
        let mut quiet = TopicPartitionList::with_capacity(partitions.count());
        for element in partitions.elements() {
            quiet
                .add_partition_offset(element.topic(), element.partition(), Offset::End)
                .map_err(|error| LogError::Fatal(Failure::new("accept tasks", error.to_string())))?;
        }
        let answered = self.consumer.incremental_assign(&quiet);
        let paused = if partitions.count() == 0 { Ok(()) } else { self.consumer.pause(&quiet) };
        // Both fail only if the group has moved on meanwhile, and then another event is on its way.
        if let Err(error) = answered.and(paused) {
            debug!(%error, "accept tasks");
        }
        Ok(())
    }
}

impl KafkaMembership {
    /// Answers a revocation.
    fn give_back(&self, tasks: &[u32]) {
        let mut partitions = TopicPartitionList::with_capacity(tasks.len());
        // Task numbers came from partition numbers, so none is too large.
        for partition in tasks.iter().filter_map(|task| i32::try_from(*task).ok()) {
            partitions.add_partition(&self.topic, partition);
        }
        // It fails only if the group has moved on meanwhile, and then another event is on its way.
        if let Err(error) = self.consumer.incremental_unassign(&partitions) {
            debug!(%error, "give back tasks");
        }
    }
}

impl Membership for KafkaMembership {
    type Token = GroupToken;

    fn poll(&mut self, timeout: Duration) -> Result<Option<MembershipEvent>, LogError> {
        self.brokers.look();
        let at_once = !self.events.is_empty();
        self.serve(if at_once { Duration::ZERO } else { timeout })?;
        if !self.brokers.away() {
            self.orphans.serve(self.consumer.client());
        }
        self.next_event()
    }

    fn release(&mut self, tasks: &[u32]) -> Result<(), LogError> {
        let mut released = tasks.to_vec();
        released.sort_unstable();
        let revoking = self.revoking.take_if(|revoking| revoking.tasks == released).ok_or_else(|| {
            LogError::Fatal(Failure::new("release tasks", format!("tasks {tasks:?} are not those being revoked")))
        })?;
        debug!(tasks = ?revoking.tasks, revoking.lost, "releasing tasks");
        self.give_back(&revoking.tasks);
        Ok(())
    }

    fn token(&self) -> Option<Self::Token> {
        // Between the loss of an assignment and the event that says so, the last metadata proves nothing any more.
        if self.rejoin || self.consumer.assignment_lost() { None } else { self.token.clone() }
    }
}

impl Drop for KafkaMembership {
    fn drop(&mut self) {
        self.consumer.context().closing.store(true, Ordering::Relaxed);
        // Closing waits for the answer to every event; those that the callback has only recorded are answered here, in their order, and those still to
        // come by the callback itself.
        if let Some(revoking) = self.revoking.take() {
            self.give_back(&revoking.tasks);
        }
        self.events.extend(self.consumer.context().recorded().drain(..));
        while let Some(event) = self.events.pop_front() {
            match event {
                Rebalance::Assign { partitions, .. } => {
                    if let Err(error) = self.accept(&partitions) {
                        debug!(%error, "close membership");
                    }
                }
                Rebalance::Revoke { tasks, .. } => self.give_back(&tasks),
            }
        }
    }
}
