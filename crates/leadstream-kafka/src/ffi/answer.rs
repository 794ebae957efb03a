//! Queues that answers come through, and the events that carry them.
//!
//! Invariant: queue and event are ours and destroyed once; a queue never outlives the borrow of its client in the function that made it.

use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::text;
use crate::clock::timeout_ms;

/// A request or an answer that failed.
pub(crate) type DescribeError = (RDKafkaErrorCode, String);

/// A queue for the answer to one request.
pub(super) struct Queue(NonNull<sys::rd_kafka_queue_t>);

impl Queue {
    pub(super) fn new<C: ClientContext>(client: &Client<C>) -> Result<Self, DescribeError> {
        // SAFETY: the client is valid; the queue is ours.
        NonNull::new(unsafe { sys::rd_kafka_queue_new(client.native_ptr()) })
            .map(Self)
            .ok_or_else(|| (RDKafkaErrorCode::Fail, "no queue for the answer".to_owned()))
    }

    /// The queue of errors and log lines of a client.
    pub(super) fn main<C: ClientContext>(client: &Client<C>) -> Option<Self> {
        // SAFETY: the client is valid; the queue is a reference of our own.
        NonNull::new(unsafe { sys::rd_kafka_queue_get_main(client.native_ptr()) }).map(Self)
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_queue_t {
        self.0.as_ptr()
    }

    /// The next event, waited for.
    pub(super) fn poll(&self, timeout: Duration) -> Option<Event> {
        // SAFETY: the queue is valid; the event is ours and destroyed by `Event`.
        NonNull::new(unsafe { sys::rd_kafka_queue_poll(self.0.as_ptr(), timeout_ms(timeout)) }).map(Event)
    }

    /// The event with the answer to the one request that was made with this queue.
    pub(super) fn answer(&self, timeout: Duration) -> Result<Event, DescribeError> {
        let event =
            self.poll(timeout).ok_or_else(|| (RDKafkaErrorCode::OperationTimedOut, "no answer in time".to_owned()))?;
        // SAFETY: the event is valid, and its error text is copied.
        unsafe {
            let error = sys::rd_kafka_event_error(event.as_ptr());
            if error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err((error.into(), text(sys::rd_kafka_event_error_string(event.as_ptr()))));
            }
        }
        Ok(event)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once, while the client is alive: the queue never outlives the function that borrowed it.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) };
    }
}

/// An event. What is read from it ends with it.
pub(super) struct Event(NonNull<sys::rd_kafka_event_t>);

impl Event {
    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_event_t {
        self.0.as_ptr()
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}
