//! What moves time where no events arrive. Where events arrive, they move it.

use crate::units::TimeSpan;

choice! {
    /// What fires due timers on a partition that has been read to its end.
    pub enum IdleClock {
        /// The wall clock, less the allowance: timers fire although nothing arrives.
        Wall = "wall",
        /// Nothing: time stands still until the next event. For replays of old topics.
        Events = "events",
    }
}

section! {
    /// What moves time where no events arrive.
    pub struct Clock {
        /// What fires timers on a partition that has been read to its end.
        pub idle: IdleClock = IdleClock::Wall,
        /// How far that clock stays behind the wall clock, so that an event on its way still comes before a timer.
        pub allowance: TimeSpan = TimeSpan::from_seconds(60),
        /// How long an input without records may hold back the task's other inputs, to take records in order of time.
        pub input_wait: TimeSpan = TimeSpan::from_ms(50),
    }
}
