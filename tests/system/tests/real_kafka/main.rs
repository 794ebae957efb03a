//! All tests of the binary in one program: they share a broker, and while one waits another works.
#![allow(
    clippy::disallowed_methods,
    reason = "waiting with a limit needs a clock, and nothing here is part of the product"
)]
#![allow(clippy::print_stdout, reason = "a test that fails is understood from what it printed")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod companies;
mod end_to_end;
mod erasure;
mod forwarding;
mod identities;
mod killed;
mod large_records;
mod lists;
mod outages;
mod plan_change;
mod prometheus;
mod recreated;
mod retail;
mod rights;
