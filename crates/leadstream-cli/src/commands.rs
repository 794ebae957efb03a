//! The commands, one file each: from arguments to work done and a result printed.

pub(crate) mod config;
pub(crate) mod generate;
pub(crate) mod plan;
pub(crate) mod replay;
