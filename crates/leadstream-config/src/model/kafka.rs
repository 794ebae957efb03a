//! The Kafka cluster and the settings handed to its client.

use crate::settings::Settings;
use crate::units::TimeSpan;

section! {
    /// The Kafka cluster.
    pub struct Kafka {
        /// Brokers to begin with, as `host:port`, separated by commas.
        pub bootstrap: String = "127.0.0.1:9092".to_owned(),
        /// Name of this process in the brokers' logs and metrics; each client adds its purpose.
        pub client_id: String = "leadstream".to_owned(),
        /// After how long without its owner an open transaction is aborted by the broker; readers wait behind it until then.
        pub transaction_timeout: TimeSpan = TimeSpan::from_seconds(15),
        /// librdkafka settings for every client: TLS, SASL.
        pub common: Settings = Settings::default(),
        /// librdkafka settings for consumers only.
        pub consumer: Settings = Settings::default(),
        /// librdkafka settings for producers only.
        pub producer: Settings = Settings::default(),
    }
}
