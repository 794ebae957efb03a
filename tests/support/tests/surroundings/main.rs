//! The surroundings of the tests are tested themselves: a test that leans on a broken helper proves nothing.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::disallowed_methods, reason = "waiting with a limit needs a clock")]

mod broker;
mod foreign;
mod process;
