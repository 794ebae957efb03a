//! Threads, commits and write-back.

use crate::units::{ByteSize, TimeSpan};
use crate::values::Workers;

section! {
    /// How far the state topic may stay behind what was committed. Whichever bound is met first makes contacts be written.
    pub struct WriteBack {
        /// Events folded since the oldest contact not yet written, in the process.
        pub events: u64 = 2_000_000,
        /// Bytes of redo not yet covered by state records, in the process.
        pub bytes: ByteSize = ByteSize::from_mib(256),
        /// How long a changed contact may wait. 0s writes every changed contact in its own commit.
        pub age: TimeSpan = TimeSpan::from_seconds(10),
    }
}

section! {
    /// Threads, commits and write-back.
    pub struct Engine {
        /// Scoring threads: auto is one for each core.
        pub workers: Workers = Workers::Auto,
        /// Time between two commits, which is most of what a derived event waits. Where a commit takes more than half of it, the next waits longer.
        pub commit_interval: TimeSpan = TimeSpan::from_ms(100),
        /// How far state records may stay behind.
        pub write_back: WriteBack = WriteBack::default(),
        /// A scoring thread whose step lasts longer than this hangs: /health/live says so, and the log does once.
        pub stalled_after: TimeSpan = TimeSpan::from_seconds(180),
        /// Go on where input records were deleted before they were scored. Their number is counted and logged; the default stops.
        pub accept_lost_input: bool = false,
    }
}
