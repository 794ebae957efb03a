//! Asking the cluster what the safe binding cannot ask: the ids of topics, and whether anybody is there.

use std::ffi::c_char;
use std::ptr;
use std::slice;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::answer::{DescribeError, Queue};
use super::rights::{ask_for_rights, may_delete};
use super::{c_name, log_level, text};
use crate::brokers::ClientEvents;
use crate::clock::timeout_ms;

/// Asks whether any broker answers, about no topic in particular.
pub(crate) fn probe<C: ClientContext>(client: &Client<C>, timeout: Duration) -> Result<(), RDKafkaErrorCode> {
    let mut metadata = ptr::null();
    // SAFETY: client and place are valid for the call; a null topic and "not all" ask for the brokers and the topics that this client uses.
    let error =
        unsafe { sys::rd_kafka_metadata(client.native_ptr(), 0, ptr::null_mut(), &mut metadata, timeout_ms(timeout)) };
    if error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Err(error.into());
    }
    // SAFETY: the answer is ours, destroyed once.
    unsafe { sys::rd_kafka_metadata_destroy(metadata) };
    Ok(())
}

/// Hands waiting errors and log lines of a client to its events. For clients that nobody polls: what they say would pile up.
pub(crate) fn serve_events(client: &Client<ClientEvents>) {
    let Some(queue) = Queue::main(client) else { return };
    // SAFETY: queue and event are valid; each event is ours, and what is read from it is copied before it is destroyed.
    unsafe {
        while let Some(event) = queue.poll(Duration::ZERO) {
            let event = event.as_ptr();
            match sys::rd_kafka_event_type(event) {
                sys::RD_KAFKA_EVENT_LOG => {
                    let (mut facility, mut line, mut level) = (ptr::null(), ptr::null(), 0);
                    if sys::rd_kafka_event_log(event, &mut facility, &mut line, &mut level) == 0 {
                        client.context().on_log(log_level(level), &text(facility), &text(line));
                    }
                }
                sys::RD_KAFKA_EVENT_ERROR => {
                    let code = sys::rd_kafka_event_error(event).into();
                    client.context().on_error(code, &text(sys::rd_kafka_event_error_string(event)));
                }
                _ => {}
            }
        }
    }
}

/// What the cluster says about one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DescribedTopic {
    pub(crate) id: Option<u128>,
    pub(crate) partitions: u32,
    pub(crate) replication: u16,
    /// Whether this client may delete it.
    pub(crate) may_delete: bool,
}

/// Describes topics in their order; `None` where one does not exist.
pub(crate) fn describe_topics<C: ClientContext>(
    client: &Client<C>,
    names: &[&str],
    timeout: Duration,
) -> Result<Vec<Option<DescribedTopic>>, DescribeError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let names: Option<Vec<_>> = names.iter().map(|name| c_name(name)).collect();
    let names =
        names.ok_or_else(|| (RDKafkaErrorCode::InvalidArgument, "a topic name holds a zero byte".to_owned()))?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let queue = Queue::new(client)?;
    // SAFETY: client and queue are valid, the names live to the end of this function, and librdkafka copies collection and options before
    // it returns, so both are destroyed here, once.
    unsafe {
        let topics = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let options = sys::rd_kafka_AdminOptions_new(
            client.native_ptr(),
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        );
        sys::rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms(timeout), ptr::null_mut(), 0);
        ask_for_rights(options);
        sys::rd_kafka_DescribeTopics(client.native_ptr(), topics, options, queue.as_ptr());
        sys::rd_kafka_AdminOptions_destroy(options);
        sys::rd_kafka_TopicCollection_destroy(topics);
    }
    let event = queue.answer(timeout + Duration::from_secs(1))?;
    // SAFETY: the event lives to the end of this function, and everything read from it is copied.
    let answers: Vec<Answer> = unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event.as_ptr());
        if result.is_null() {
            return Err((RDKafkaErrorCode::Fail, "an answer to another request".to_owned()));
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        let topics = if topics.is_null() { &[][..] } else { slice::from_raw_parts(topics, count) };
        topics.iter().map(|topic| described(*topic)).collect()
    };
    // The answers come in an order of their own.
    names
        .iter()
        .map(|name| {
            let name = name.to_string_lossy();
            answers.iter().find(|(answered, _)| *answered == name).map_or_else(
                || Err((RDKafkaErrorCode::Fail, format!("no answer about topic {name}"))),
                |(_, topic)| topic.clone(),
            )
        })
        .collect()
}

type Answer = (String, Result<Option<DescribedTopic>, DescribeError>);

/// # Safety
/// `topic` is a description inside an event that lives until the call returns.
unsafe fn described(topic: *const sys::rd_kafka_TopicDescription_t) -> Answer {
    // SAFETY: by the caller's promise; all that is returned is copied.
    unsafe {
        let name = text(sys::rd_kafka_TopicDescription_name(topic));
        let error = sys::rd_kafka_TopicDescription_error(topic);
        let code: RDKafkaErrorCode = sys::rd_kafka_error_code(error).into();
        match code {
            RDKafkaErrorCode::NoError => {}
            RDKafkaErrorCode::UnknownTopicOrPartition => return (name, Ok(None)),
            code => return (name, Err((code, text(sys::rd_kafka_error_string(error))))),
        }
        let mut partitions = 0;
        let first = sys::rd_kafka_TopicDescription_partitions(topic, &mut partitions);
        let mut replicas = 0;
        if !first.is_null() && partitions > 0 {
            sys::rd_kafka_TopicPartitionInfo_replicas(*first, &mut replicas);
        }
        let mut rights = 0;
        let operations = sys::rd_kafka_TopicDescription_authorized_operations(topic, &mut rights);
        let described = DescribedTopic {
            may_delete: may_delete(operations, rights),
            id: topic_id(sys::rd_kafka_TopicDescription_topic_id(topic)),
            partitions: u32::try_from(partitions).unwrap_or(u32::MAX),
            replication: u16::try_from(replicas).unwrap_or(u16::MAX),
        };
        (name, Ok(Some(described)))
    }
}

/// `None` for the zero id that brokers without topic ids give.
///
/// # Safety
/// `id` is null or an id that lives until the call returns.
unsafe fn topic_id(id: *const sys::rd_kafka_Uuid_t) -> Option<u128> {
    if id.is_null() {
        return None;
    }
    // SAFETY: not null, and alive by the caller's promise.
    let (high, low) =
        unsafe { (sys::rd_kafka_Uuid_most_significant_bits(id), sys::rd_kafka_Uuid_least_significant_bits(id)) };
    let id = (u128::from(high.cast_unsigned()) << 64) | u128::from(low.cast_unsigned());
    (id != 0).then_some(id)
}
