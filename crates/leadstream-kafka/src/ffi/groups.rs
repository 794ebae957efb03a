//! Asking the cluster who is in a consumer group, which the safe binding cannot do without asking every broker about every group.

use std::ffi::c_char;
use std::ptr;
use std::slice;
use std::time::Duration;

use leadstream_runtime::log::TopicPartition;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::answer::{DescribeError, Queue};
use super::rights::{ask_for_rights, may_delete};
use super::{c_name, text};
use crate::clock::timeout_ms;

/// A member of a group as its coordinator knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DescribedMember {
    pub(crate) client_id: String,
    pub(crate) instance_id: String,
    pub(crate) host: String,
    pub(crate) assigned: Vec<TopicPartition>,
}

/// A group as its coordinator knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DescribedGroup {
    pub(crate) members: Vec<DescribedMember>,
    /// Whether this client may delete it.
    pub(crate) may_delete: bool,
}

/// A group; one without members where there is none of this name.
pub(crate) fn describe_group<C: ClientContext>(
    client: &Client<C>,
    group: &str,
    timeout: Duration,
) -> Result<DescribedGroup, DescribeError> {
    let name =
        c_name(group).ok_or_else(|| (RDKafkaErrorCode::InvalidArgument, "the group holds a zero byte".to_owned()))?;
    let mut names: [*const c_char; 1] = [name.as_ptr()];
    let queue = Queue::new(client)?;
    // SAFETY: client and queue are valid, the name lives to the end of this function, and librdkafka copies name and options before it
    // returns, so the options are destroyed here, once.
    unsafe {
        let options = sys::rd_kafka_AdminOptions_new(
            client.native_ptr(),
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
        );
        sys::rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms(timeout), ptr::null_mut(), 0);
        ask_for_rights(options);
        sys::rd_kafka_DescribeConsumerGroups(client.native_ptr(), names.as_mut_ptr(), 1, options, queue.as_ptr());
        sys::rd_kafka_AdminOptions_destroy(options);
    }
    let event = queue.answer(timeout + Duration::from_secs(1))?;
    // SAFETY: the event lives to the end of this function, and everything read from it is copied.
    unsafe {
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(event.as_ptr());
        if result.is_null() {
            return Err((RDKafkaErrorCode::Fail, "an answer to another request".to_owned()));
        }
        let mut count = 0;
        let groups = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count);
        if groups.is_null() || count != 1 {
            return Err((RDKafkaErrorCode::Fail, format!("an answer about {count} groups")));
        }
        described_group(*groups)
    }
}

/// # Safety
/// `group` is a description inside an event that lives until the call returns.
unsafe fn described_group(
    group: *const sys::rd_kafka_ConsumerGroupDescription_t,
) -> Result<DescribedGroup, DescribeError> {
    // SAFETY: by the caller's promise; indexes are below the count, and all that is returned is copied.
    unsafe {
        let error = sys::rd_kafka_ConsumerGroupDescription_error(group);
        match sys::rd_kafka_error_code(error).into() {
            RDKafkaErrorCode::NoError => {}
            RDKafkaErrorCode::GroupIdNotFound => return Ok(DescribedGroup { members: Vec::new(), may_delete: true }),
            code => return Err((code, text(sys::rd_kafka_error_string(error)))),
        }
        let count = sys::rd_kafka_ConsumerGroupDescription_member_count(group);
        let member = |index| sys::rd_kafka_ConsumerGroupDescription_member(group, index);
        let members = (0..count).map(|index| described(member(index))).collect();
        let mut rights = 0;
        let operations = sys::rd_kafka_ConsumerGroupDescription_authorized_operations(group, &mut rights);
        Ok(DescribedGroup { members, may_delete: may_delete(operations, rights) })
    }
}

/// # Safety
/// `member` is a description inside an event that lives until the call returns.
unsafe fn described(member: *const sys::rd_kafka_MemberDescription_t) -> DescribedMember {
    // SAFETY: by the caller's promise; the list of partitions has as many elements as it says, and all that is returned is copied.
    unsafe {
        let assignment = sys::rd_kafka_MemberDescription_assignment(member);
        let list =
            if assignment.is_null() { ptr::null() } else { sys::rd_kafka_MemberAssignment_partitions(assignment) };
        let elements = match list.as_ref() {
            Some(list) if list.cnt > 0 => slice::from_raw_parts(list.elems, usize::try_from(list.cnt).unwrap_or(0)),
            _ => &[],
        };
        let partition = |element: &sys::rd_kafka_topic_partition_t| {
            let number = u32::try_from(element.partition).ok()?;
            Some(TopicPartition::new(text(element.topic), number))
        };
        DescribedMember {
            client_id: text(sys::rd_kafka_MemberDescription_client_id(member)),
            instance_id: text(sys::rd_kafka_MemberDescription_group_instance_id(member)),
            host: text(sys::rd_kafka_MemberDescription_host(member)),
            assigned: elements.iter().filter_map(partition).collect(),
        }
    }
}
