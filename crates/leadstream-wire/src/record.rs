//! What a decoder is given: one record of a source, borrowed from whoever read it.
//!
//! The record is never changed and never copied here; a dead letter copies it when it must.

/// One record of a Kafka topic, or one line of a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct InputRecord<'a> {
    /// The topic, or the name of the file.
    pub topic: &'a str,
    /// The partition; 0 for a file.
    pub partition: i32,
    /// The offset; for a file the number of the record, from 0.
    pub offset: i64,
    /// The line of the file on which the record begins, from 1; none for a topic.
    pub line: Option<u64>,
    /// The timestamp of the Kafka record in milliseconds since the epoch; none in a file.
    pub timestamp_ms: Option<i64>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers in their order; a name may come more than once.
    pub headers: &'a [(&'a str, &'a [u8])],
}
