//! From librdkafka's errors to what the caller does about them.
//!
//! The table of the protocol: an abortable error is aborted, an outdated membership waits for the next assignment, a taken identity stops, and whatever is
//! not understood inside a transaction has an unknown outcome. librdkafka speaks the first version of the transaction protocol, in which a delayed
//! request can reach the next transaction; so after any timeout the producer is replaced and never reused.

use std::time::Duration;

use leadstream_runtime::log::{Failure, LogError, TopicPartition};
use rdkafka::error::{KafkaError, RDKafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaConfRes;

/// Where in a transaction an error came up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransactionAge {
    /// Time since begin.
    pub(crate) elapsed: Duration,
    /// When the coordinator aborts it by itself.
    pub(crate) limit: Duration,
}

/// What a code means, whatever the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    OutdatedMembership,
    FencedProducer,
    Timeout,
    Other,
}

fn meaning(code: RDKafkaErrorCode) -> Meaning {
    use RDKafkaErrorCode as Code;
    match code {
        // An instance that is taken may have been taken by ourselves, joining anew after a session that timed out. Whether it was, the membership
        // tells: a twin fences its heartbeats, too.
        Code::IllegalGeneration
        | Code::UnknownMemberId
        | Code::RebalanceInProgress
        | Code::StaleMemberEpoch
        | Code::FencedInstanceId => Meaning::OutdatedMembership,
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => Meaning::FencedProducer,
        Code::OperationTimedOut | Code::MessageTimedOut | Code::RequestTimedOut | Code::TimedOutQueue => {
            Meaning::Timeout
        }
        _ => Meaning::Other,
    }
}

/// The class of an error of a transactional call that is not to be repeated.
pub(crate) fn transaction_error(operation: &'static str, error: &RDKafkaError, age: TransactionAge) -> LogError {
    classify(operation, error.code(), &error.string(), error.txn_requires_abort(), age)
}

fn classify(
    operation: &'static str,
    code: RDKafkaErrorCode,
    text: &str,
    abortable: bool,
    age: TransactionAge,
) -> LogError {
    let failure = Failure::new(operation, format!("{text} ({code:?})"));
    match meaning(code) {
        // The coordinator bumps the epoch also when it aborts a transaction that took too long: then nobody has taken the id, and opening a new
        // producer is right. Our own time since begin is never shorter than the coordinator's, so below the limit it is a true fence.
        Meaning::FencedProducer if age.elapsed < age.limit => LogError::Fenced(failure),
        Meaning::FencedProducer | Meaning::Timeout => LogError::UnknownOutcome(failure),
        Meaning::OutdatedMembership if abortable => LogError::AbortAndAwaitAssignment(failure),
        Meaning::Other if abortable => LogError::AbortAndRewind(failure),
        Meaning::OutdatedMembership | Meaning::Other => LogError::UnknownOutcome(failure),
    }
}

/// Why a client could not be made. Names a setting that librdkafka refuses, never its value: librdkafka's own words would show it.
pub(crate) fn creation_reason(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, name, _) => {
            format!("librdkafka knows no setting {name}")
        }
        KafkaError::ClientConfig(_, _, name, _) => format!("librdkafka refuses the value of the setting {name}"),
        other => other.to_string(),
    }
}

/// The class of an error of a call that changes nothing, or nothing that a repetition would spoil.
pub(crate) fn query_error(operation: &'static str, error: &KafkaError) -> LogError {
    let failure = Failure::new(operation, error.to_string());
    match error.rdkafka_error_code() {
        Some(code) if is_transient(code) => LogError::Retry(failure),
        _ => LogError::Fatal(failure),
    }
}

/// The class of an error of a question about a partition. `is_missing` says whether the cluster has no such partition, as far as it can be asked: a client
/// that knows no leader, as while brokers start, takes partitions for unknown that are there.
pub(crate) fn partition_error(
    operation: &'static str,
    error: &KafkaError,
    partition: &TopicPartition,
    is_missing: impl FnOnce() -> Option<bool>,
) -> LogError {
    use RDKafkaErrorCode::{UnknownPartition, UnknownTopic};
    let is_unknown = matches!(error.rdkafka_error_code(), Some(UnknownPartition | UnknownTopic));
    match query_error(operation, error) {
        LogError::Fatal(failure) if is_unknown && is_missing() != Some(true) => LogError::Retry(failure),
        LogError::Retry(failure) => LogError::Retry(failure),
        other => LogError::Fatal(Failure::new(operation, format!("{partition}: {}", other.failure().reason))),
    }
}

/// Whether a later repetition may well succeed.
pub(crate) fn is_transient(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::RequestTimedOut
            | Code::WaitingForCoordinator
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::NotCoordinator
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::NetworkException
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::ConcurrentTransactions
            | Code::UnstableOffsetCommit
            | Code::NotController
            | Code::KafkaStorageError
            | Code::Retry
            | Code::RebalanceInProgress
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const YOUNG: TransactionAge = TransactionAge { elapsed: Duration::from_secs(1), limit: Duration::from_secs(10) };
    const OLD: TransactionAge = TransactionAge { elapsed: Duration::from_secs(11), limit: Duration::from_secs(10) };

    fn class(code: RDKafkaErrorCode, abortable: bool, age: TransactionAge) -> LogError {
        classify("commit transaction", code, "text", abortable, age)
    }

    #[test]
    fn an_outdated_generation_aborts_and_waits_for_the_next_assignment() {
        use RDKafkaErrorCode::{FencedInstanceId, IllegalGeneration, UnknownMemberId};
        for code in [IllegalGeneration, UnknownMemberId, FencedInstanceId] {
            assert!(matches!(class(code, true, YOUNG), LogError::AbortAndAwaitAssignment(_)), "{code:?}");
        }
    }

    #[test]
    fn a_fenced_producer_is_taken_only_if_its_transaction_cannot_have_timed_out() {
        assert!(matches!(class(RDKafkaErrorCode::Fenced, false, YOUNG), LogError::Fenced(_)));
        assert!(matches!(class(RDKafkaErrorCode::Fenced, false, OLD), LogError::UnknownOutcome(_)));
    }

    #[test]
    fn a_timeout_never_leads_to_the_reuse_of_the_producer() {
        for abortable in [true, false] {
            assert!(matches!(class(RDKafkaErrorCode::MessageTimedOut, abortable, YOUNG), LogError::UnknownOutcome(_)));
        }
    }

    #[test]
    fn a_partition_that_the_client_does_not_know_is_asked_for_again_unless_the_cluster_does_not_know_it_either() {
        let partition = TopicPartition::new("events", 3);
        let class = |code, missing| partition_error("ask", &KafkaError::MetadataFetch(code), &partition, || missing);
        for missing in [Some(false), None] {
            assert!(matches!(class(RDKafkaErrorCode::UnknownPartition, missing), LogError::Retry(_)), "{missing:?}");
        }
        for code in [RDKafkaErrorCode::UnknownPartition, RDKafkaErrorCode::UnknownTopicOrPartition] {
            let LogError::Fatal(failure) = class(code, Some(true)) else { panic!("it is there") };
            assert!(failure.reason.starts_with("events[3]: "), "{}", failure.reason);
        }
        assert!(matches!(class(RDKafkaErrorCode::NotLeaderForPartition, Some(true)), LogError::Retry(_)));
    }

    #[test]
    fn what_is_not_understood_is_aborted_if_that_is_possible_and_unknown_otherwise() {
        assert!(matches!(class(RDKafkaErrorCode::PolicyViolation, true, YOUNG), LogError::AbortAndRewind(_)));
        assert!(matches!(class(RDKafkaErrorCode::PolicyViolation, false, YOUNG), LogError::UnknownOutcome(_)));
    }
}
