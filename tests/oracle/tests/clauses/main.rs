//! The clauses of the semantics, each with examples worked by hand. Tests name the clause they are about.

#![allow(clippy::unwrap_used, reason = "what a test calls fails as the test does")]

mod bands;
mod commands;
mod common;
mod compound;
mod decay;
mod decayed;
mod derived;
mod identity;
mod late;
mod levels;
mod points;
mod scores;
mod stages;
mod timers;
mod verdicts;
mod versions;
mod windows;
