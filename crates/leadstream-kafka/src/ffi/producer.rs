//! Producing to a topic handle, and flushing.

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::time::Duration;

use leadstream_runtime::log::Header;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::c_name;
use crate::clock::timeout_ms;

/// `RD_KAFKA_PARTITION_UA`: the partitioner decides.
const ANY_PARTITION: i32 = -1;

/// A topic of one producer. Must be dropped before the producer's client.
pub(crate) struct TopicHandle(NonNull<sys::rd_kafka_topic_t>);

// SAFETY: librdkafka's topic handles may be used from any thread.
unsafe impl Send for TopicHandle {}

impl TopicHandle {
    pub(crate) fn new<C: ClientContext>(client: &Client<C>, name: &str) -> Result<Self, String> {
        let c_name = c_name(name).ok_or_else(|| format!("the topic name {name:?} holds a zero byte"))?;
        // SAFETY: client and name are valid for the call; a null configuration means the default one.
        let handle = unsafe { sys::rd_kafka_topic_new(client.native_ptr(), c_name.as_ptr(), ptr::null_mut()) };
        NonNull::new(handle).map(Self).ok_or_else(|| format!("the topic name {name:?} is refused"))
    }
}

impl Drop for TopicHandle {
    fn drop(&mut self) {
        // SAFETY: our own reference, given back once, while the client is alive by the contract of the type.
        unsafe { sys::rd_kafka_topic_destroy(self.0.as_ptr()) };
    }
}

/// A record for [`produce`].
pub(crate) struct NativeRecord<'a> {
    pub(crate) partition: Option<i32>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [Header<'a>],
    pub(crate) timestamp_ms: Option<i64>,
    /// Comes back with the delivery report.
    pub(crate) tag: usize,
}

/// Copies a record into the producer's queue.
pub(crate) fn produce<C: ClientContext>(
    client: &Client<C>,
    topic: &TopicHandle,
    record: &NativeRecord<'_>,
) -> Result<(), RDKafkaErrorCode> {
    use sys::rd_kafka_vtype_t as Argument;
    let headers = native_headers(record.headers)?;
    let (key, key_length) = parts(record.key);
    let (value, value_length) = parts(record.value);
    // SAFETY: each tag is followed by arguments of the types that librdkafka documents for it, and the list ends with the end tag. Key and value
    // are copied (`F_COPY`) before the call returns; null means no key or no value. The headers become the record's if the call succeeds.
    let error = unsafe {
        sys::rd_kafka_producev(
            client.native_ptr(),
            Argument::RD_KAFKA_VTYPE_RKT,
            topic.0.as_ptr(),
            Argument::RD_KAFKA_VTYPE_PARTITION,
            record.partition.unwrap_or(ANY_PARTITION),
            Argument::RD_KAFKA_VTYPE_MSGFLAGS,
            sys::RD_KAFKA_MSG_F_COPY,
            Argument::RD_KAFKA_VTYPE_VALUE,
            value,
            value_length,
            Argument::RD_KAFKA_VTYPE_KEY,
            key,
            key_length,
            Argument::RD_KAFKA_VTYPE_OPAQUE,
            record.tag as *mut c_void,
            Argument::RD_KAFKA_VTYPE_TIMESTAMP,
            record.timestamp_ms.unwrap_or(0),
            Argument::RD_KAFKA_VTYPE_HEADERS,
            headers,
            Argument::RD_KAFKA_VTYPE_END,
        )
    };
    if error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Ok(());
    }
    if !headers.is_null() {
        // SAFETY: the call failed, so the headers are still ours.
        unsafe { sys::rd_kafka_headers_destroy(headers) };
    }
    Err(error.into())
}

fn parts(bytes: Option<&[u8]>) -> (*mut c_void, usize) {
    bytes.map_or((ptr::null_mut(), 0), |bytes| (bytes.as_ptr().cast_mut().cast(), bytes.len()))
}

/// Null where there are no headers.
fn native_headers(headers: &[Header<'_>]) -> Result<*mut sys::rd_kafka_headers_t, RDKafkaErrorCode> {
    if headers.is_empty() {
        return Ok(ptr::null_mut());
    }
    // SAFETY: makes an object that is ours until it is given to a record or destroyed.
    let native = unsafe { sys::rd_kafka_headers_new(headers.len()) };
    for header in headers {
        let (value, length) = parts(header.value);
        // SAFETY: name and value are copied by the call; both lengths are given, so neither needs a terminating zero.
        let error = unsafe {
            sys::rd_kafka_header_add(
                native,
                header.name.as_ptr().cast(),
                header.name.len().cast_signed(),
                value,
                length.cast_signed(),
            )
        };
        if error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            // SAFETY: ours, and not used again.
            unsafe { sys::rd_kafka_headers_destroy(native) };
            return Err(error.into());
        }
    }
    Ok(native)
}

/// Waits until every record is acknowledged or has failed and its delivery report was served; the producer's own thread serves them. Suspends
/// lingering while it waits. False where the time did not suffice.
pub(crate) fn flush<C: ClientContext>(client: &Client<C>, timeout: Duration) -> bool {
    // SAFETY: the client is valid.
    let error = unsafe { sys::rd_kafka_flush(client.native_ptr(), timeout_ms(timeout)) };
    error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}
