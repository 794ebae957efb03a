//! What the tests of the shipped binary share: an application under test, what it is fed with, and how results are compared.
//!
//! Knows Leadstream by its command line, its topics and its HTTP only, so that whatever is proven is proven of the binary. Never reads a
//! result through the code under test.

#![allow(
    clippy::disallowed_methods,
    reason = "waiting with a limit needs a clock, and nothing here is part of the product"
)]
#![allow(clippy::print_stdout, reason = "a test that fails is understood from what it printed")]

mod application;
mod chance;
mod comparing;
mod figures;
mod input;
mod scorecards;

pub use application::{Application, PARTITIONS, restored};
pub use chance::Chance;
pub use comparing::assert_same;
pub use figures::Figures;
pub use input::{Input, Setup};
