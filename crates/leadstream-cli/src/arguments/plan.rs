//! What authors ask of plans, and how plans come into force.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use leadstream_wire::stored::plans::Coming;

use super::{BacktestArguments, ReplayFormat};

/// `plan ...`
#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Say everything that is wrong with plan files, checked together as they would be in force together
    Check {
        /// Plan files or patterns, - for standard input; without any, those of the configuration
        files: Vec<PathBuf>,
        /// End with code 2 for warnings too
        #[arg(long)]
        deny_warnings: bool,
        #[command(flatten)]
        seen: SeenEvents,
    },
    /// Say in words what plans do, a sentence for each rule and level; or what they make of an event, or of a contact's history
    Explain(ExplainArguments),
    /// Say what a change of a plan changes, and what that means for contacts; ends with code 0 whether they differ or not
    Diff {
        /// The plan file as it was, - for standard input
        old: PathBuf,
        /// The plan file as it is to be
        new: PathBuf,
    },
    /// Say whom a change of plans would have qualified, and when, on events of the past: plans in force against new ones
    Backtest(BacktestArguments),
    /// Run the tests that stand in plan files, each plan alone in force; ends with code 1 where one fails
    Test {
        /// Plan files or patterns; without any, those of the configuration
        files: Vec<PathBuf>,
    },
    /// Keep plan versions in the topic of plans without putting them in force
    Publish {
        /// Plan files or patterns, - for standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Put plans in force, also in running instances: says what changes, and asks
    Activate(ActivateArguments),
    /// Put the plans of before in force again: says what changes, and asks
    Rollback {
        /// The number of the plan set; without it the one before the one in force
        #[arg(long, value_name = "NUMBER")]
        to: Option<u64>,
        #[command(flatten)]
        counting: Counting,
        #[command(flatten)]
        asking: Asking,
    },
    /// Show which plans are in force, which were, and which are published
    History,
}

/// `plan explain`
#[derive(Clone, Debug, Args)]
pub(crate) struct ExplainArguments {
    /// Plan files or patterns, - for standard input; without any, those of the configuration
    pub(crate) files: Vec<PathBuf>,
    /// An event in JSON, or a file of some: which rules it fires and for how much, which it does not and why, and what becomes of the scores
    #[arg(long, value_name = "JSON|FILE")]
    pub(crate) event: Option<String>,
    /// A file of events that came before, .gz too; without --event the contact is explained as it stands behind them; can be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Vec<PathBuf>,
    /// The contact of the history that is asked about; an event is taken as of this contact
    #[arg(long, value_name = "ID")]
    pub(crate) contact: Option<String>,
    /// The configured source in whose form event and history are, by name or topic; without it the first source
    #[arg(long, value_name = "NAME", conflicts_with = "format")]
    pub(crate) source: Option<String>,
    /// A format that needs no mapping, for events of no configured source
    #[arg(long)]
    pub(crate) format: Option<ReplayFormat>,
}

/// Events of the past that plans are held against.
#[derive(Clone, Debug, Args)]
pub(crate) struct SeenEvents {
    /// A file of events, .gz too: event types that plans ask for and that never come in it are warned of; can be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Vec<PathBuf>,
    /// The same with what the service reads: its topics from their beginning to their present end
    #[arg(long, conflicts_with_all = ["events", "source"])]
    pub(crate) topics: bool,
    /// The configured source whose records the files hold, by name or topic; without it the first source
    #[arg(long, value_name = "NAME", requires = "events")]
    pub(crate) source: Option<String>,
}

/// `plan activate`
#[derive(Clone, Debug, Args)]
pub(crate) struct ActivateArguments {
    /// Plan files, or versions that are published, as PLAN@VERSION; each takes the place of the plan with its id, or is added
    #[arg(required_unless_present = "retire", value_name = "FILE|PLAN@VERSION")]
    pub(crate) plans: Vec<String>,
    /// A plan that goes out of force
    #[arg(long, value_name = "PLAN")]
    pub(crate) retire: Vec<String>,
    #[command(flatten)]
    pub(crate) counting: Counting,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

/// What the past counts when plans change.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Counting {
    /// Count the past anew: everything inside the horizon scores under these plans, as if they had always been in force. With --dry-run the topics are
    /// read, and whom it would qualify is said
    #[arg(long)]
    pub(crate) recompute: bool,
    /// Whether derived events, marked recompute, tell of what that changes
    #[arg(long, value_name = "WHETHER", requires = "recompute")]
    pub(crate) announce: Option<Announce>,
}

/// Whether a recompute is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Announce {
    /// Nobody is told; what happens later is told as a change of where everybody stands then
    Silent,
    /// Everybody who stands otherwise is told of
    Events,
}

impl Counting {
    /// How the plans come into force. Of the past nobody is told unless that was asked for.
    pub(crate) fn coming(self) -> Coming {
        match self.recompute {
            true => Coming::Recompute { silent: self.announce != Some(Announce::Events) },
            false => Coming::Forward,
        }
    }
}

/// Whether to ask before plans change.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Asking {
    /// Say what would change, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
