//! What librdkafka makes of leaders named in answers to fetches and produces (KIP-951): here, a reason to ask for the metadata anew.
//!
//! Its own way reads memory that nobody wrote where such an answer names no leader for a partition, as brokers do while they start, and so crashes now and
//! then (librdkafka's issue 5280, in 2.4 to 2.14 at least); and it forgets the leader of that partition for good (issue 5430). The linker puts the
//! function below in the place of that way, by an argument that this package's build script, and that of every package with a program, gives it.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use rdkafka_sys as sys;

/// `RD_KAFKA_OP_RES_HANDLED`.
const HANDLED: c_int = 1;

unsafe extern "C" {
    /// Asks a broker, any where none is given, for the metadata of all topics that the client knows; `force` also where that was asked already.
    fn rd_kafka_metadata_refresh_known_topics(
        client: *mut sys::rd_kafka_t,
        broker: *mut c_void,
        force: u8,
        reason: *const c_char,
    ) -> sys::rd_kafka_resp_err_t;

    fn rd_kafka_metadata_update_op(client: *mut sys::rd_kafka_t, named: *mut c_void) -> c_int;
}

/// Stands in for `rd_kafka_metadata_update_op`, which librdkafka calls on its main thread with the leaders that an answer named.
///
/// # Safety
/// `client` is the client that calls.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafka_metadata_update_op(client: *mut sys::rd_kafka_t, _named: *mut c_void) -> c_int {
    // SAFETY: the client is alive, and this is its main thread, as the function demands; the reason is a C string that lives for ever. What was named
    // belongs to the caller, who destroys it for what is returned.
    unsafe {
        rd_kafka_metadata_refresh_known_topics(client, ptr::null_mut(), 1, c"an answer named other leaders".as_ptr());
    }
    HANDLED
}

/// Whether this program was linked so.
pub(crate) fn is_guarded() -> bool {
    type Update = unsafe extern "C" fn(*mut sys::rd_kafka_t, *mut c_void) -> c_int;
    let (called, ours): (Update, Update) = (rd_kafka_metadata_update_op, __wrap_rd_kafka_metadata_update_op);
    ptr::fn_addr_eq(called, ours)
}
