//! A case: plans and commands in a small JSON form that a person can read, write and keep.
//!
//! Owns the form and how a case is run. Never judges the result.

use serde::{Deserialize, Serialize};

use crate::effect::{Announce, Effect, ForwardError};
use crate::event::{OracleEvent, is_default};
use crate::limits::Limits;
use crate::loading::PlanError;
use crate::oracle::Oracle;

/// Plans and the commands of one contact in the order of their arrival.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What the case is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The contact's id.
    pub contact: String,
    /// The limits of the contact.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// The YAML texts of the plans in force from the beginning, each as its lines.
    pub plans: Vec<Vec<String>>,
    /// The commands.
    pub commands: Vec<Command>,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// An event arrives.
    Event(OracleEvent),
    /// The task clock reaches an instant, milliseconds UTC.
    Clock(i64),
    /// Plans are in force from an instant on.
    Forward {
        /// The instant, milliseconds UTC.
        from: i64,
        /// The YAML texts of the plans, each as its lines.
        plans: Vec<Vec<String>>,
    },
    /// Everything inside the horizon is folded under plans, which take a step at an instant.
    Recompute {
        /// The instant, milliseconds UTC.
        from: i64,
        /// The YAML texts of the plans, each as its lines.
        plans: Vec<Vec<String>>,
        /// Whether what changes is told.
        #[serde(default, skip_serializing_if = "is_default")]
        announce: Announce,
    },
}

/// The JSON form, so that a failing case can be kept as it is printed.
impl std::fmt::Debug for Case {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let json = serde_json::to_string_pretty(self).map_err(|_| std::fmt::Error)?;
        formatter.write_str(&json)
    }
}

/// Why a case cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A plan cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A change of plans is refused.
    #[error(transparent)]
    Forward(#[from] ForwardError),
}

/// The text of a plan from its lines.
pub fn plan_text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

impl Case {
    /// An oracle with the case's plans, before the first command.
    pub fn oracle(&self) -> Result<Oracle, CaseError> {
        let texts: Vec<String> = self.plans.iter().map(|lines| plan_text(lines)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        Ok(Oracle::with_limits(&self.contact, &texts, self.limits.clone())?)
    }

    /// Runs every command; the oracle afterwards and the effect of each command.
    pub fn run(&self) -> Result<(Oracle, Vec<Effect>), CaseError> {
        let mut oracle = self.oracle()?;
        let effects = self.commands.iter().map(|command| oracle.command_of(command)).collect::<Result<_, _>>()?;
        Ok((oracle, effects))
    }
}

impl Oracle {
    /// Carries out one command of a case.
    pub fn command_of(&mut self, command: &Command) -> Result<Effect, CaseError> {
        Ok(match command {
            Command::Event(event) => self.event(event),
            Command::Clock(instant) => self.clock(*instant),
            Command::Forward { from, plans } => {
                let texts: Vec<String> = plans.iter().map(|lines| plan_text(lines)).collect();
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                self.forward(*from, &texts)?
            }
            Command::Recompute { from, plans, announce } => {
                let texts: Vec<String> = plans.iter().map(|lines| plan_text(lines)).collect();
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                self.recompute(*from, &texts, *announce)?
            }
        })
    }
}
