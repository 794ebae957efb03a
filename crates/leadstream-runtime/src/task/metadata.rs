//! What is kept beside each committed offset, as text: which epoch of which start of a worker committed it, and how far in event time it is.
//!
//! It tells the outcome of a commit in doubt, and lets a clock that only events move go on after a restart where it stood. Offsets that expired take
//! it with them; whatever safety rests on is in the redo log as well.

use std::fmt;

use leadstream_core::Timestamp;

/// What is kept beside a committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommitMetadata {
    pub(crate) epoch: u64,
    /// The start of a worker.
    pub(crate) writer: u64,
    /// The greatest time of an event: read from this input where it is re-keyed, folded by the task where not. `MIN` before the first.
    pub(crate) stream: Timestamp,
}

impl CommitMetadata {
    /// Reads it; `None` where something else committed the offset.
    pub(crate) fn read(text: &str) -> Option<CommitMetadata> {
        let mut words = text.split(' ');
        let (version, epoch, writer) = (words.next()?, words.next()?, words.next()?);
        let stream = match words.next() {
            None => Timestamp::MIN,
            Some(stream) => Timestamp::from_millis(stream.parse().ok()?),
        };
        if version != "1" || words.next().is_some() {
            return None;
        }
        Some(CommitMetadata { epoch: epoch.parse().ok()?, writer: u64::from_str_radix(writer, 16).ok()?, stream })
    }
}

impl fmt::Display for CommitMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1 {} {:016x}", self.epoch, self.writer)?;
        if self.stream > Timestamp::MIN { write!(f, " {}", self.stream.millis()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_of_an_offset_names_epoch_writer_and_event_time() {
        let blank = CommitMetadata { epoch: 42, writer: 0xabc, stream: Timestamp::MIN };
        assert_eq!(blank.to_string(), "1 42 0000000000000abc");
        let full = CommitMetadata { writer: u64::MAX, stream: Timestamp::from_millis(-5), ..blank };
        assert_eq!(full.to_string(), "1 42 ffffffffffffffff -5");
        for metadata in [blank, full] {
            assert_eq!(CommitMetadata::read(&metadata.to_string()), Some(metadata));
        }
        for foreign in ["", "1 42", "2 42 00", "1 x 00", "1 42 00 more", "1 42 00 5 more"] {
            assert_eq!(CommitMetadata::read(foreign), None, "{foreign:?}");
        }
    }
}
