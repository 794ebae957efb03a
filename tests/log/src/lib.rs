//! The contract of a log as tests, generic over the cluster they run against.
//!
//! Owns the tests of what [`leadstream_runtime::log`] promises, and their instantiation ([`contract_suite`]). Never names an implementation:
//! what only one of them can do is tested beside it.
//!
//! Invariant: a test says nothing about time that Kafka does not promise. What must come is waited for; what must not come is looked for
//! after something later has come.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "everything here is a test and fails by panicking")]

pub mod fencing;
pub mod fixture;
pub mod membership;
pub mod offsets;
pub mod reading;
pub mod scripts;
pub mod topics;
pub mod visibility;

pub use fixture::Cluster;

/// Makes a `#[test]` of each named test of a module, run on the cluster that the function `$fixture` returns.
#[macro_export]
macro_rules! instantiate {
    ($fixture:ident, $module:ident, [$($name:ident),* $(,)?]) => {
        mod $module {
            $(
                #[test]
                fn $name() {
                    $crate::$module::$name(&super::$fixture());
                }
            )*
        }
    };
}

/// Makes the whole suite, run on the cluster that the function `$fixture` returns.
#[macro_export]
macro_rules! contract_suite {
    ($fixture:ident) => {
        $crate::instantiate!(
            $fixture,
            visibility,
            [
                a_transaction_is_invisible_until_it_commits_and_then_whole,
                aborted_records_are_never_visible,
                an_open_transaction_holds_up_what_committed_behind_it,
                a_commit_names_the_last_offset_of_each_partition_written,
                keys_choose_the_partitions_that_kafka_clients_choose,
                records_come_back_as_they_were_written,
                empty_transactions_commit_and_abort,
            ]
        );
        $crate::instantiate!(
            $fixture,
            fencing,
            [
                opening_an_id_again_fences_the_older_producer_and_aborts_what_it_left_open,
                a_fenced_producer_can_do_nothing_with_its_open_transaction,
                a_crashed_producers_transaction_is_settled_by_its_successor,
                a_transaction_that_outlives_its_timeout_is_aborted_and_nobody_is_accused,
                reopening_settles_the_own_transaction_and_goes_on,
                calls_out_of_order_are_fatal_and_change_nothing,
                a_record_for_no_partition_aborts_the_transaction,
                a_record_for_no_topic_of_the_producer_is_fatal,
                a_record_beyond_the_topics_limit_never_shows,
                a_record_beyond_any_limit_is_fatal,
                a_topic_of_state_that_was_made_anew_takes_no_commit_and_any_other_topic_does,
            ]
        );
        $crate::instantiate!(
            $fixture,
            offsets,
            [
                offsets_and_metadata_commit_with_the_records,
                offsets_of_an_aborted_transaction_are_not_committed,
                a_group_that_committed_nothing_has_no_offsets,
                an_offset_inside_an_open_transaction_is_not_reported,
                a_commit_without_offsets_is_refused_where_a_token_is_shown,
                a_late_worker_gets_an_error_and_shows_nothing,
                metadata_beyond_the_limit_never_commits,
            ]
        );
        $crate::instantiate!(
            $fixture,
            membership,
            [
                the_first_member_gets_every_task,
                two_members_share_and_a_task_moves_only_after_its_release,
                a_static_member_that_restarts_keeps_its_tasks,
                a_member_that_does_not_come_back_loses_its_tasks_to_the_others,
                of_two_members_with_one_id_the_older_is_fenced,
                releasing_what_is_not_revoked_is_fatal,
                a_missing_topic_is_fatal,
            ]
        );
        $crate::instantiate!(
            $fixture,
            reading,
            [
                a_reader_delivers_from_where_it_was_started_in_order_and_once,
                a_reader_moves_where_it_is_told,
                a_stopped_partition_is_forgotten,
                a_paused_partition_keeps_its_position,
                a_paused_partition_stays_paused_when_it_is_moved,
                a_read_visits_no_more_than_it_was_asked_for,
                a_reader_knows_when_it_has_caught_up,
                a_position_outside_of_the_partition_stands_still_until_started_again,
                a_partition_that_does_not_exist_is_a_problem_of_its_own,
                what_a_reader_does_not_read_cannot_be_paused,
            ]
        );
        $crate::instantiate!(
            $fixture,
            topics,
            [
                bounds_reach_past_an_open_transaction,
                bounds_of_a_missing_partition_are_fatal,
                the_offset_for_a_time_misses_nothing_at_or_after_it,
                offsets_for_times_of_a_missing_partition_are_fatal,
                a_topic_named_twice_is_described_twice,
                deleting_moves_the_start_and_never_back,
                deleting_past_the_end_is_fatal,
                a_created_topic_is_as_it_was_asked_for,
                creating_again_leaves_a_topic_as_it_is,
                a_topic_that_cannot_be_is_fatal,
            ]
        );
    };
}
