//! The unsafe part: the calls of librdkafka that the safe binding lacks or makes slow.
//!
//! Nine things are needed and cannot be had safely: consuming in batches (less than half the price per record), producing to a topic handle
//! without allocating its name per record, flushing without the 100 ms floor of the binding's own flush, a topic's id, the members of
//! a group, what this client may do with either, a question that every broker answers, what librdkafka knows about its settings, and a way around a
//! crash of it. Each is wrapped here in a safe type whose comments say why the calls are sound; no other module of this crate contains `unsafe`.
//!
//! Invariants: no pointer leaves this module; everything borrowed from a message ends with the visit of its batch; queues and topic handles are
//! destroyed before their client.
#![allow(unsafe_code)]

mod answer;
mod consumer;
mod groups;
mod metadata;
mod producer;
mod rights;
mod settings;
mod topics;

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr::NonNull;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka_sys as sys;

pub(crate) use consumer::{Message, NativeConsumer, topic_name};
pub(crate) use groups::{DescribedGroup, DescribedMember, describe_group};
pub(crate) use metadata::is_guarded;
pub(crate) use producer::{NativeRecord, TopicHandle, flush, produce};
pub(crate) use settings::{Verdict, judge, table};
pub(crate) use topics::{DescribedTopic, describe_topics, probe, serve_events};

/// A name as C takes it. Topic names never hold a zero byte; one that does is refused by whoever gets the `None`.
fn c_name(name: &str) -> Option<CString> {
    CString::new(name).ok()
}

/// # Safety
/// `text` is null or points to a C string that lives until the call returns.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and a C string by the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Takes an error object that librdkafka returned: `Ok` for null, else its text, and the object is destroyed.
///
/// # Safety
/// `error` is null or an error object that nobody else destroys.
unsafe fn take_error(error: *mut sys::rd_kafka_error_t) -> Result<(), String> {
    let Some(error) = NonNull::new(error) else { return Ok(()) };
    // SAFETY: a valid error object by the caller's promise; its text lives as long as it does.
    unsafe {
        let reason = text(sys::rd_kafka_error_string(error.as_ptr()));
        sys::rd_kafka_error_destroy(error.as_ptr());
        Err(reason)
    }
}

/// Levels as syslog numbers them.
fn log_level(level: c_int) -> RDKafkaLogLevel {
    match level {
        ..=2 => RDKafkaLogLevel::Critical,
        3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 => RDKafkaLogLevel::Notice,
        6 => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    }
}
