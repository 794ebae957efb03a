//! Who this process is. The id must not change once state exists: topics, group and transactional ids carry it.

use crate::values::TopicName;

/// The id of an application nobody named.
const DEFAULT_ID: &str = "leadstream";
/// The name of an instance nobody named.
const DEFAULT_INSTANCE: &str = "instance-1";

section! {
    /// Who this process is.
    pub struct Application {
        /// Application id: prefix of Leadstream's topics, consumer group and prefix of transactional ids. Two applications with
        /// one id are one application.
        pub id: TopicName = TopicName::known(DEFAULT_ID),
        /// Name of this instance, stable over restarts and different on every instance of the application.
        pub instance: TopicName = TopicName::known(DEFAULT_INSTANCE),
    }
}
