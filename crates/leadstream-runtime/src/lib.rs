//! Tasks, commit protocol, timers, restore, and the log they stand on

pub mod log;
