//! The records that an epoch will produce, kept in memory until its commit: an epoch that fails has produced nothing.

use crate::log::{Destination, Header, LogError, OutputRecord, Producer, TopicIndex};

/// Which of the encoder's topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutputTopic(pub u16);

/// Records to produce, in one buffer.
#[derive(Debug, Default)]
pub struct OutputBuffer {
    records: Vec<Buffered>,
    headers: Vec<BufferedHeader>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Buffered {
    topic: u16,
    destination: Destination,
    key: Piece,
    value: Piece,
    headers_from: usize,
    headers_to: usize,
    timestamp_ms: Option<i64>,
}

/// A range of the buffer's bytes; `None` is null.
type Piece = Option<(usize, usize)>;

#[derive(Debug)]
struct BufferedHeader {
    name: (usize, usize),
    value: Piece,
}

impl OutputBuffer {
    /// An empty buffer.
    pub fn new() -> OutputBuffer {
        OutputBuffer::default()
    }

    /// Adds a record to one of the encoder's topics, to the partition of its key.
    pub fn push(
        &mut self,
        topic: OutputTopic,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
        timestamp_ms: Option<i64>,
    ) {
        self.push_to(topic, Destination::ByKey, key, value, headers, timestamp_ms);
    }

    pub(crate) fn push_to(
        &mut self,
        topic: OutputTopic,
        destination: Destination,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
        timestamp_ms: Option<i64>,
    ) {
        let (key, value) = (self.keep(key), self.keep(value));
        let headers_from = self.headers.len();
        for header in headers {
            let name = self.keep_bytes(header.name.as_bytes());
            let value = self.keep(header.value);
            self.headers.push(BufferedHeader { name, value });
        }
        let headers_to = self.headers.len();
        self.records.push(Buffered { topic: topic.0, destination, key, value, headers_from, headers_to, timestamp_ms });
    }

    fn keep(&mut self, bytes: Option<&[u8]>) -> Piece {
        bytes.map(|bytes| self.keep_bytes(bytes))
    }

    fn keep_bytes(&mut self, bytes: &[u8]) -> (usize, usize) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        (from, self.bytes.len())
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many bytes they hold.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.headers.clear();
        self.bytes.clear();
    }

    fn slice(&self, piece: Piece) -> Option<&[u8]> {
        piece.map(|(from, to)| &self.bytes[from..to])
    }

    /// Produces every record in order. Topics of the encoder begin behind the `internal_topics` of the runtime.
    pub(crate) fn produce<P: Producer>(&self, producer: &mut P, internal_topics: u16) -> Result<(), LogError> {
        let mut headers = Vec::new();
        for record in &self.records {
            headers.clear();
            for header in &self.headers[record.headers_from..record.headers_to] {
                // Names came in as text, so they are text.
                let name = std::str::from_utf8(&self.bytes[header.name.0..header.name.1]).unwrap_or_default();
                headers.push(Header { name, value: self.slice(header.value) });
            }
            let topic = TopicIndex(internal_topics + record.topic);
            producer.produce(&OutputRecord {
                topic,
                destination: record.destination,
                key: self.slice(record.key),
                value: self.slice(record.value),
                headers: &headers,
                timestamp_ms: record.timestamp_ms,
            })?;
        }
        Ok(())
    }
}
