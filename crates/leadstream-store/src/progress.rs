//! How far a store is: the last thing in every batch.

/// Version of the encoding.
const VERSION: u8 = 1;
const BYTES: usize = 1 + 8 + 8 + 8 + 16;

/// How far a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The next offset of the changelog partition to read: everything before it is in the store.
    pub changelog_position: u64,
    /// The task's last epoch whose state records are in the store.
    pub epoch: u64,
    /// Wall clock of the last write, in milliseconds since the epoch: a store older than half of the changelog's `delete.retention.ms` may have
    /// missed a deletion and is rebuilt.
    pub written_at_ms: i64,
    /// The plans under which the index of due instants was computed; under others it has to be made anew.
    pub plans: [u8; 16],
}

impl Progress {
    pub(crate) fn encode(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[0] = VERSION;
        bytes[1..9].copy_from_slice(&self.changelog_position.to_be_bytes());
        bytes[9..17].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[17..25].copy_from_slice(&self.written_at_ms.to_be_bytes());
        bytes[25..41].copy_from_slice(&self.plans);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Progress> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let (version, rest) = bytes.split_first()?;
        let (position, rest) = rest.split_first_chunk::<8>()?;
        let (epoch, rest) = rest.split_first_chunk::<8>()?;
        let (written_at, plans) = rest.split_first_chunk::<8>()?;
        (*version == VERSION).then_some(Progress {
            changelog_position: u64::from_be_bytes(*position),
            epoch: u64::from_be_bytes(*epoch),
            written_at_ms: i64::from_be_bytes(*written_at),
            plans: plans.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_comes_back_and_other_bytes_do_not() {
        let progress = Progress { changelog_position: 42, epoch: 7, written_at_ms: -3, plans: [9; 16] };
        assert_eq!(Progress::decode(&progress.encode()), Some(progress));
        assert_eq!(Progress::decode(&progress.encode()[1..]), None);
        let mut newer = progress.encode();
        newer[0] = 2;
        assert_eq!(Progress::decode(&newer), None);
    }
}
