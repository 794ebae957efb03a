//! A world of workers over the in-memory log, moved by a seed.
//!
//! Owns the schedule of what happens and the checks of what must hold. Nothing here is random but by the seed, and nothing depends on the machine's
//! clocks.

mod checks;
mod codec;
mod crash;
mod plans;
mod random;
mod reference;
mod schedule;
mod setup;
mod world;

pub use checks::{await_purged, check_contacts, check_told_once, contents, files_with, images, store_of};
pub use codec::{TinyDecoder, TinyEncoder, event_line};
pub use crash::{CrashLog, CrashPlan, Moment};
pub use plans::{Plans, later_set, plans};
pub use random::Random;
pub use reference::{Expected, expected, expected_under};
pub use schedule::{Schedule, come_to_rest, go_quiet};
pub use setup::{Codec, Formats, Settings};
pub use world::{Told, World};
