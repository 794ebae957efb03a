//! The binary as people and scripts meet it, without a broker: what it prints, what it writes, and the codes it ends with.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic, and measures how long it waits")]

mod backtest;
mod configuration;
mod generate;
mod place;
mod plans;
mod replay;
mod topics;
