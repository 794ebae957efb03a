//! The Kafka side of the log
