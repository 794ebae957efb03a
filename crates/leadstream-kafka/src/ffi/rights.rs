//! What the cluster says this client may do with a topic or a group, as an answer to a question that asks for it.

use rdkafka_sys as sys;

/// Operations that are allowed, as numbers of Kafka's protocol. A broker that checks no rights allows all of them.
const ALL: i32 = 2;
const DELETE: i32 = 6;

/// Asks for the rights along with the rest.
///
/// # Safety
/// `options` are options of a request that has not been made.
pub(super) unsafe fn ask_for_rights(options: *mut sys::rd_kafka_AdminOptions_t) {
    // SAFETY: by the caller's promise; the error is ours, destroyed once, and null where there is none. A request that cannot tell tells nothing.
    unsafe {
        let error = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
        if !error.is_null() {
            sys::rd_kafka_error_destroy(error);
        }
    }
}

/// Whether an answer allows to delete. An answer without rights, as of an old broker, forbids nothing: the request itself will tell.
///
/// # Safety
/// `operations` is null, or an array of `count` operations that lives until the call returns.
pub(super) unsafe fn may_delete(operations: *const sys::rd_kafka_AclOperation_t, count: usize) -> bool {
    if operations.is_null() {
        return true;
    }
    // SAFETY: by the caller's promise; an operation is an int of C, and is read as one, since a newer library may know more of them.
    let operations = unsafe { std::slice::from_raw_parts(operations.cast::<i32>(), count) };
    operations.iter().any(|operation| matches!(*operation, ALL | DELETE))
}
