//! Conditions and computed points in CEL, the Common Expression Language: text to a type-checked [`leadstream_core::expr::Expr`].
//!
//! The grammar is CEL's (github.com/google/cel-spec, langdef.md); parsing is our own because a plan's author needs each mistake underlined to
//! the character and explained in plain words, which generated parsers do not give. Tests hold it against the `cel` crate: the same texts
//! parse, and they mean the same. What CEL has and plans do not (maps, bytes, macros, clocks) is refused by name, never ignored.

mod ast;
mod check;
mod fields;
mod functions;
mod history;
mod lexer;
mod literal;
mod operators;
mod parser;
mod reference;
mod types;

pub(crate) use ast::{Kind, Node};
pub(crate) use check::{Checker, Place};
pub(crate) use history::Facts;
pub(crate) use parser::parse;
pub use reference::{Function, functions};
pub(crate) use types::Type;

#[cfg(test)]
mod conformance_tests;
