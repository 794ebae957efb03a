//! The commands, one file each: from arguments to work done and a result printed.

pub(crate) mod config;
pub(crate) mod contact;
pub(crate) mod contacts;
pub(crate) mod demo;
mod erasure;
pub(crate) mod generate;
pub(crate) mod plan;
pub(crate) mod replay;
pub(crate) mod reset;
pub(crate) mod run;
pub(crate) mod topics;
mod traces;
