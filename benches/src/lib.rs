//! What the measuring programs share: the events they feed, the plans they score with, and CPU time.
//!
//! Nothing here is part of the product. Every figure is CPU time (user and system) of one thread or process, because wall time on a shared
//! machine says little.
#![allow(clippy::disallowed_methods, reason = "programs that measure time read clocks")]

pub mod cpu;
pub mod messages;
pub mod plans;

/// The allocator of the shipped binary, so that what is measured is what runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
