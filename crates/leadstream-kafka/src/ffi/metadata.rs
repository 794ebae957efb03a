//! Two ways around mistakes of librdkafka in what it does with metadata while brokers start. The linker puts the functions below in the places of
//! librdkafka's own (`--wrap`), by arguments that this package's build script, and that of every package with a program, gives it.
//!
//! - Leaders that answers to fetches and produces name (KIP-951): where such an answer names none for a partition, librdkafka reads memory that nobody
//!   wrote, and so crashes now and then (its issue 5280, in 2.4 to 2.14 at least), and forgets the leader of that partition for good (issue 5430). Here they
//!   are a reason to ask for the metadata anew.
//! - A broker that has just started may answer that there are no brokers yet. librdkafka then forgets all it knew, and has nobody left to ask ever after
//!   (issue 5301, since 2.10). Here whoever finds nobody to ask begins with the configured brokers again.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use rdkafka_sys as sys;

/// `RD_KAFKA_OP_RES_HANDLED`.
const HANDLED: c_int = 1;
/// A longer list of brokers to begin with is not begun with again.
const BROKERS_BYTES_MAX: usize = 4096;

unsafe extern "C" {
    /// Asks a broker, any where none is given, for the metadata of all topics that the client knows; `force` also where that was asked already.
    fn rd_kafka_metadata_refresh_known_topics(
        client: *mut sys::rd_kafka_t,
        broker: *mut c_void,
        force: u8,
        reason: *const c_char,
    ) -> sys::rd_kafka_resp_err_t;

    /// Adds brokers that the client does not have. From any thread that holds none of the client's locks.
    fn rd_kafka_brokers_add0(client: *mut sys::rd_kafka_t, brokers: *const c_char, canonical: u8) -> c_int;

    fn rd_kafka_metadata_update_op(client: *mut sys::rd_kafka_t, named: *mut c_void) -> c_int;

    /// librdkafka's own: a broker that can be asked, or null where there is none within the time.
    fn __real_rd_kafka_broker_any_usable(
        client: *mut sys::rd_kafka_t,
        timeout_ms: c_int,
        do_lock: c_int,
        features: c_int,
        reason: *const c_char,
    ) -> *mut c_void;
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

/// Stands in for `rd_kafka_broker_any_usable`, which librdkafka calls where it wants to ask any broker something.
///
/// # Safety
/// `client` is the client that calls, and `reason` a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafka_broker_any_usable(
    client: *mut sys::rd_kafka_t,
    timeout_ms: c_int,
    do_lock: c_int,
    features: c_int,
    reason: *const c_char,
) -> *mut c_void {
    // SAFETY: what the caller gave is handed on. Where it wants the locks to be taken it holds none; the list is a C string in memory of ours, since
    // librdkafka writes a terminating zero into what it says it has written.
    unsafe {
        let found = __real_rd_kafka_broker_any_usable(client, timeout_ms, do_lock, features, reason);
        if found.is_null() && do_lock != 0 {
            let (mut brokers, mut size) = ([0_u8; BROKERS_BYTES_MAX], BROKERS_BYTES_MAX);
            let name = c"metadata.broker.list".as_ptr();
            let known =
                sys::rd_kafka_conf_get(sys::rd_kafka_conf(client), name, brokers.as_mut_ptr().cast(), &mut size);
            if known == sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK && (2..=BROKERS_BYTES_MAX).contains(&size) {
                rd_kafka_brokers_add0(client, brokers.as_ptr().cast(), 1);
            }
        }
        found
    }
}

/// Whether this program was linked so.
pub(crate) fn is_guarded() -> bool {
    type Update = unsafe extern "C" fn(*mut sys::rd_kafka_t, *mut c_void) -> c_int;
    let (called, ours): (Update, Update) = (rd_kafka_metadata_update_op, __wrap_rd_kafka_metadata_update_op);
    ptr::fn_addr_eq(called, ours)
}
