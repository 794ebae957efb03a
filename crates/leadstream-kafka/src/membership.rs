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
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tracing::{debug, warn};

use crate::brokers::{Brokers, ClientEvents};
use crate::settings::{KafkaSettings, Role};

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
    consumer: BaseConsumer<MemberContext>,
    topic: String,
    brokers: Arc<Brokers>,
    token: Option<GroupToken>,
    /// Events taken from the callback, not yet returned.
    events: VecDeque<Rebalance>,
    /// The revocation that waits for `release`.
    revoking: Option<Revoking>,
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
}

impl MemberContext {
    fn recorded(&self) -> MutexGuard<'_, VecDeque<Rebalance>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
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

impl KafkaMembership {
    pub(crate) fn join(
        settings: &KafkaSettings,
        brokers: Arc<Brokers>,
        options: &MembershipOptions,
    ) -> Result<Self, LogError> {
        let refused = |error: KafkaError| LogError::Fatal(Failure::new("join group", error.to_string()));
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
        let context = MemberContext {
            events: ClientEvents::new(Arc::clone(&brokers)),
            recorded: Mutex::default(),
            closing: AtomicBool::new(false),
        };
        let consumer: BaseConsumer<MemberContext> = config.create_with_context(context).map_err(refused)?;
        consumer.subscribe(&[&options.topic]).map_err(refused)?;
        Ok(Self {
            consumer,
            topic: options.topic.clone(),
            brokers,
            token: None,
            events: VecDeque::new(),
            revoking: None,
        })
    }

    /// Serves librdkafka once, for at most `timeout`.
    fn serve(&mut self, timeout: Duration) -> Result<(), LogError> {
        // A record may slip through before its partition is paused: it is read by the reader, not here.
        if let Some(Err(error)) = self.consumer.poll(timeout) {
            self.judge(&error)?;
        }
        self.events.extend(self.consumer.context().recorded().drain(..));
        Ok(())
    }

    fn judge(&self, error: &KafkaError) -> Result<(), LogError> {
        use RDKafkaErrorCode as Code;
        if let Some((code, reason)) = self.consumer.client().fatal_error() {
            let failure = Failure::new("serve group membership", format!("{reason} ({code:?})"));
            let fenced = matches!(code, Code::FencedInstanceId | Code::UnreleasedInstanceId);
            return Err(if fenced { LogError::Fenced(failure) } else { LogError::Fatal(failure) });
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
            if revoking.lost || !self.consumer.assignment_lost() {
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
                self.token = token;
                Ok(Some(MembershipEvent::Assigned { tasks: task_numbers(&partitions) }))
            }
            Some(Rebalance::Revoke { tasks, lost, token }) => {
                self.token = token;
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

impl Membership for KafkaMembership {
    type Token = GroupToken;

    fn poll(&mut self, timeout: Duration) -> Result<Option<MembershipEvent>, LogError> {
        self.brokers.look();
        let at_once = !self.events.is_empty();
        self.serve(if at_once { Duration::ZERO } else { timeout })?;
        self.next_event()
    }

    fn release(&mut self, tasks: &[u32]) -> Result<(), LogError> {
        let mut released = tasks.to_vec();
        released.sort_unstable();
        let revoking = self.revoking.take_if(|revoking| revoking.tasks == released).ok_or_else(|| {
            LogError::Fatal(Failure::new("release tasks", format!("tasks {tasks:?} are not those being revoked")))
        })?;
        let mut partitions = TopicPartitionList::with_capacity(released.len());
        for task in released {
            let partition = i32::try_from(task)
                .map_err(|_| LogError::Fatal(Failure::new("release tasks", format!("there is no task {task}"))))?;
            partitions.add_partition(&self.topic, partition);
        }
        if let Err(error) = self.consumer.incremental_unassign(&partitions) {
            debug!(%error, revoking.lost, "release tasks");
        }
        Ok(())
    }

    fn token(&self) -> Option<Self::Token> {
        // Between the loss of an assignment and the event that says so, the last metadata proves nothing any more.
        if self.consumer.assignment_lost() { None } else { self.token.clone() }
    }
}

impl Drop for KafkaMembership {
    fn drop(&mut self) {
        self.consumer.context().closing.store(true, Ordering::Relaxed);
        // What the callback recorded and nobody has answered would be waited for.
        self.events.extend(self.consumer.context().recorded().drain(..));
        for event in self.events.drain(..) {
            if let Rebalance::Assign { partitions, .. } = event {
                let _ = self.consumer.incremental_assign(&partitions);
            }
        }
        let assignment = self.consumer.assignment().unwrap_or_default();
        if let Err(error) = self.consumer.incremental_unassign(&assignment) {
            debug!(%error, "leave group");
        }
    }
}
