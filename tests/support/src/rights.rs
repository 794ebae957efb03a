//! Rights of clients on a broker that checks them.
//!
//! The safe binding cannot make rules of access, so the calls are made here; nothing else of this package is unsafe.
#![allow(unsafe_code)]

use std::ffi::{CString, NulError};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use crate::error::SupportError;
use crate::topics::config;

/// How long the broker may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A topic.
    Topic(&'a str),
    /// A consumer group.
    Group(&'a str),
}

/// Broker properties with which it checks rights: whoever no rule concerns may do everything, and clients that do not log in are all one.
#[must_use]
pub fn checking_rights() -> Vec<(String, String)> {
    let properties = [
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
        ("allow.everyone.if.no.acl.found", "true"),
    ];
    properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Lets everybody do everything with a resource but delete it.
///
/// # Errors
/// When the broker refuses the rule or does not answer.
pub fn forbid_deletion(bootstrap: &str, resource: Resource<'_>) -> Result<(), SupportError> {
    let client: BaseConsumer = config(bootstrap).create().map_err(SupportError::kafka("connecting to make rules"))?;
    let failed = |code| SupportError::kafka("making rules")(KafkaError::AdminOp(code));
    use sys::{rd_kafka_AclOperation_t as Operation, rd_kafka_AclPermissionType_t as Permission};
    let rules = [
        (Operation::RD_KAFKA_ACL_OPERATION_ALL, Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW),
        (Operation::RD_KAFKA_ACL_OPERATION_DELETE, Permission::RD_KAFKA_ACL_PERMISSION_TYPE_DENY),
    ];
    for (operation, permission) in rules {
        make(&client, resource, operation, permission).map_err(failed)?;
    }
    Ok(())
}

fn make(
    client: &BaseConsumer,
    resource: Resource<'_>,
    operation: sys::rd_kafka_AclOperation_t,
    permission: sys::rd_kafka_AclPermissionType_t,
) -> Result<(), RDKafkaErrorCode> {
    let (kind, name) = match resource {
        Resource::Topic(name) => (sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC, name),
        Resource::Group(name) => (sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_GROUP, name),
    };
    let text = |text: &str| CString::new(text).map_err(|_: NulError| RDKafkaErrorCode::InvalidArgument);
    let (name, principal, host) = (text(name)?, text("User:*")?, text("*")?);
    let pattern = sys::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_LITERAL;
    let native = client.client().native_ptr();
    // SAFETY: the client is valid while this runs; texts live to the end of the function and are copied; rule, queue and event are ours, and each is
    // destroyed once; what is read from the event is copied before.
    unsafe {
        let mut rule = sys::rd_kafka_AclBinding_new(
            kind,
            name.as_ptr(),
            pattern,
            principal.as_ptr(),
            host.as_ptr(),
            operation,
            permission,
            ptr::null_mut(),
            0,
        );
        if rule.is_null() {
            return Err(RDKafkaErrorCode::InvalidArgument);
        }
        let queue = sys::rd_kafka_queue_new(native);
        sys::rd_kafka_CreateAcls(native, &mut rule, 1, ptr::null(), queue);
        sys::rd_kafka_AclBinding_destroy(rule);
        let event = sys::rd_kafka_queue_poll(queue, i32::try_from(LIMIT.as_millis()).unwrap_or(i32::MAX));
        let code = answer(event);
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_queue_destroy(queue);
        code
    }
}

/// # Safety
/// `event` is null, or the answer to a request for one rule, and lives until the call returns.
unsafe fn answer(event: *mut sys::rd_kafka_event_t) -> Result<(), RDKafkaErrorCode> {
    if event.is_null() {
        return Err(RDKafkaErrorCode::OperationTimedOut);
    }
    // SAFETY: by the caller's promise; there are as many results as the count says.
    unsafe {
        match sys::rd_kafka_event_error(event).into() {
            RDKafkaErrorCode::NoError => {}
            code => return Err(code),
        }
        let mut count = 0;
        let results = sys::rd_kafka_CreateAcls_result_acls(sys::rd_kafka_event_CreateAcls_result(event), &mut count);
        for index in 0..count {
            let error = sys::rd_kafka_acl_result_error(*results.add(index));
            match sys::rd_kafka_error_code(error).into() {
                RDKafkaErrorCode::NoError => {}
                code => return Err(code),
            }
        }
    }
    Ok(())
}
