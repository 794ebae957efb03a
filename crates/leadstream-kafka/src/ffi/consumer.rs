//! An assign-only consumer that is read in batches.
//!
//! Never subscribed: the batch calls do not deliver rebalances and would unassign everything. Errors and log lines arrive on the client's main
//! queue, which [`NativeConsumer::serve`] empties; records arrive on the consumer queue.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

use leadstream_runtime::log::{Header, HeaderSource, Timestamp, TimestampKind};
use rdkafka::ClientConfig;
use rdkafka::TopicPartitionList;
use rdkafka::client::Client;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::{log_level, take_error, text};
use crate::brokers::ClientEvents;
use crate::error::creation_reason;

/// A consumer client and its queue.
pub(crate) struct NativeConsumer {
    queue: NonNull<sys::rd_kafka_queue_t>,
    /// Room for one batch; empty between the calls.
    batch: Vec<*mut sys::rd_kafka_message_t>,
    // Dropped last, after the queue was given back by `drop`.
    client: Client<ClientEvents>,
}

// SAFETY: librdkafka's handles may be used from any thread; the raw pointers in `batch` live only inside `consume`, which holds `&mut self`.
unsafe impl Send for NativeConsumer {}

impl NativeConsumer {
    /// Makes a client. The configuration names a group: librdkafka gives a consumer queue to no other consumer.
    pub(crate) fn new(config: &ClientConfig, events: ClientEvents) -> Result<Self, String> {
        let native = config.create_native_config().map_err(|error| creation_reason(&error))?;
        // SAFETY: the configuration is valid and not yet used; both callbacks have the types that librdkafka wants, and they find their context
        // in the opaque that `Client::new` sets to the `Arc` it keeps as long as the client lives.
        unsafe {
            sys::rd_kafka_conf_set_error_cb(native.ptr(), Some(on_error));
            sys::rd_kafka_conf_set_log_cb(native.ptr(), Some(on_log));
        }
        let client = Client::new(config, native, sys::rd_kafka_type_t::RD_KAFKA_CONSUMER, events)
            .map_err(|error| creation_reason(&error))?;
        // SAFETY: the client is valid. The queue is a reference of our own, given back in `drop`.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(client.native_ptr()) };
        let queue = NonNull::new(queue).ok_or_else(|| "the consumer has no queue".to_owned())?;
        Ok(Self { queue, batch: Vec::new(), client })
    }

    /// Hands errors and log lines to the client's events.
    pub(crate) fn serve(&self) {
        // SAFETY: the client is valid.
        unsafe { sys::rd_kafka_poll(self.client.native_ptr(), 0) };
    }

    /// The error after which the client can do nothing more.
    pub(crate) fn fatal_error(&self) -> Option<String> {
        self.client.fatal_error().map(|(code, reason)| format!("{reason} ({code:?})"))
    }

    /// How many partitions a topic has: 0 where it does not exist, `None` where the cluster does not say.
    pub(crate) fn partition_count(&self, topic: &str, timeout: Duration) -> Option<u32> {
        let metadata = self.client.fetch_metadata(Some(topic), timeout).ok()?;
        let topic = metadata.topics().iter().find(|described| described.name() == topic)?;
        match topic.error().map(RDKafkaErrorCode::from) {
            None => u32::try_from(topic.partitions().len()).ok(),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Some(0),
            Some(_) => None,
        }
    }

    /// Starts reading partitions that are not being read, from the offsets in the list.
    pub(crate) fn assign(&self, partitions: &TopicPartitionList) -> Result<(), String> {
        // SAFETY: client and list are valid for the call; librdkafka copies the list. The error object is ours.
        unsafe { take_error(sys::rd_kafka_incremental_assign(self.client.native_ptr(), partitions.ptr())) }
    }

    /// Stops reading partitions. What was fetched of them is outdated when this returns, and is not delivered any more.
    pub(crate) fn unassign(&self, partitions: &TopicPartitionList) -> Result<(), String> {
        // SAFETY: as in `assign`.
        unsafe { take_error(sys::rd_kafka_incremental_unassign(self.client.native_ptr(), partitions.ptr())) }
    }

    /// The end of a partition as of the last fetch, without asking the cluster.
    pub(crate) fn known_end(&self, topic: &CStr, partition: i32) -> Option<u64> {
        let (mut low, mut high) = (-1, -1);
        // SAFETY: client, name and the two places are valid for the call.
        let error = unsafe {
            sys::rd_kafka_get_watermark_offsets(
                self.client.native_ptr(),
                topic.as_ptr(),
                partition,
                &mut low,
                &mut high,
            )
        };
        if error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR { u64::try_from(high).ok() } else { None }
    }

    /// Visits at most `most` messages, waiting up to `timeout_ms` for that many. Returns how many were visited.
    pub(crate) fn consume(&mut self, most: usize, timeout_ms: i32, visit: &mut dyn FnMut(&Message<'_>)) -> usize {
        self.batch.clear();
        self.batch.reserve(most);
        // SAFETY: the queue is valid, and the buffer has room for `most` pointers, of which librdkafka fills as many as it returns.
        let count = unsafe {
            sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), timeout_ms, self.batch.as_mut_ptr(), most)
        };
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: the first `count` pointers were written by the call above.
        unsafe { self.batch.set_len(count) };
        let batch = Batch(&mut self.batch);
        for message in batch.0.iter() {
            // SAFETY: each pointer is a message that is ours until `Batch` destroys it, after the last visit.
            visit(&Message(unsafe { &**message }));
        }
        count
    }
}

impl Drop for NativeConsumer {
    fn drop(&mut self) {
        // SAFETY: our own reference, given back once; the client is still alive, as fields are dropped after this.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}

/// Destroys the messages of a batch, also when a visitor panics.
struct Batch<'a>(&'a mut Vec<*mut sys::rd_kafka_message_t>);

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for message in self.0.drain(..) {
            // SAFETY: ours, destroyed once.
            unsafe { sys::rd_kafka_message_destroy(message) };
        }
    }
}

/// A record or an error about a partition, borrowed from a batch.
pub(crate) struct Message<'a>(&'a sys::rd_kafka_message_t);

impl Message<'_> {
    /// The error that stands in the place of a record, with its text.
    pub(crate) fn error(&self) -> Option<(RDKafkaErrorCode, String)> {
        if self.0.err == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        // SAFETY: the message is valid; the text lives as long as it does.
        Some((self.0.err.into(), unsafe { text(sys::rd_kafka_message_errstr(self.0)) }))
    }

    /// A number that is the same for messages of one topic as long as the topic is being read; 0 where there is none.
    pub(crate) fn topic_handle(&self) -> usize {
        self.0.rkt as usize
    }

    /// The name of the topic; empty where there is none.
    pub(crate) fn topic_name(&self) -> &str {
        if self.0.rkt.is_null() {
            return "";
        }
        // SAFETY: a message holds its topic handle, whose name lives as long as the handle.
        unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(self.0.rkt)) }.to_str().unwrap_or("")
    }

    pub(crate) fn partition(&self) -> Option<u32> {
        u32::try_from(self.0.partition).ok()
    }

    pub(crate) fn offset(&self) -> Option<u64> {
        u64::try_from(self.0.offset).ok()
    }

    pub(crate) fn timestamp(&self) -> Option<Timestamp> {
        use sys::rd_kafka_timestamp_type_t as Kind;
        let mut kind = Kind::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message and the place for the kind are valid.
        let ms = unsafe { sys::rd_kafka_message_timestamp(self.0, &mut kind) };
        let kind = match kind {
            Kind::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => return None,
            Kind::RD_KAFKA_TIMESTAMP_CREATE_TIME => TimestampKind::CreateTime,
            Kind::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => TimestampKind::LogAppendTime,
        };
        (ms >= 0).then_some(Timestamp { ms, kind })
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        // SAFETY: a message's key is null or `key_len` bytes that live as long as the message.
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        // SAFETY: a message's payload is null or `len` bytes that live as long as the message.
        unsafe { bytes(self.0.payload, self.0.len) }
    }
}

impl HeaderSource for Message<'_> {
    fn header(&self, index: usize) -> Option<Header<'_>> {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is valid; it keeps the headers it parses at the first call.
        let found = unsafe { sys::rd_kafka_message_headers(self.0, &mut headers) };
        if found != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the headers are valid, and so are the places for the answer.
        let found = unsafe { sys::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut size) };
        if found != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        // SAFETY: name and value live as long as the message; the name is a C string.
        unsafe { Some(Header { name: CStr::from_ptr(name).to_str().unwrap_or(""), value: bytes(value, size) }) }
    }
}

/// # Safety
/// `start` is null or points to `length` bytes that live as long as the result is used.
unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: by the caller's promise.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast(), length) })
}

unsafe extern "C" fn on_error(_: *mut sys::rd_kafka_t, code: c_int, reason: *const c_char, opaque: *mut c_void) {
    // SAFETY: the opaque is the context that the client keeps alive, and the reason is a C string for the time of the call.
    unsafe {
        if let Some(events) = opaque.cast::<ClientEvents>().as_ref() {
            events.on_error(error_code(code), &text(reason));
        }
    }
}

unsafe extern "C" fn on_log(
    client: *const sys::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    line: *const c_char,
) {
    if client.is_null() {
        return;
    }
    // SAFETY: as in `on_error`; the client that logs is alive.
    unsafe {
        if let Some(events) = sys::rd_kafka_opaque(client).cast::<ClientEvents>().as_ref() {
            events.on_log(log_level(level), &text(facility), &text(line));
        }
    }
}

/// The codes of the error callback that matter; the callback gives a plain number, which is not safe to take for an enum.
fn error_code(code: c_int) -> RDKafkaErrorCode {
    use RDKafkaErrorCode as Code;
    [Code::AllBrokersDown, Code::Authentication, Code::BrokerTransportFailure, Code::Resolve, Code::SSL]
        .into_iter()
        .find(|known| *known as c_int == code)
        .unwrap_or(RDKafkaErrorCode::Unknown)
}

/// A topic name as the native calls take it.
pub(crate) fn topic_name(name: &str) -> Option<CString> {
    super::c_name(name)
}
