//! A world of workers over the in-memory log, moved by a seed.
//!
//! Owns the schedule of what happens and the checks of what must hold. Nothing here is random but by the seed, and nothing depends on the machine's
//! clocks.

mod codec;
mod crash;
mod plans;
mod random;
mod reference;
mod world;

pub use codec::{TinyDecoder, TinyEncoder, event_line};
pub use crash::{CrashLog, CrashPlan, Moment};
pub use plans::{Plans, later_set, plans};
pub use random::Random;
pub use reference::{Expected, expected, expected_under};
pub use world::{Settings, Told, World};
