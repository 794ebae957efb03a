//! The commands that fold files: `replay` and `plan backtest`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use leadstream_core::Timestamp;

use super::instant;

/// Which events to fold.
#[derive(Clone, Debug, Args)]
pub(crate) struct EventFiles {
    /// Files of events, .gz too; - is standard input
    #[arg(required_unless_present = "topics", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Instead of files what the service reads: its topics from their beginning to their present end
    #[arg(long, conflicts_with_all = ["files", "source", "format", "contacts"])]
    pub(crate) topics: bool,
    /// The configured source whose records the files hold, by name or topic; without it the first source
    #[arg(long, value_name = "NAME", conflicts_with = "format")]
    pub(crate) source: Option<String>,
    /// A format that needs no mapping, for files of no configured source
    #[arg(long)]
    pub(crate) format: Option<ReplayFormat>,
    /// Files of commands about contacts, as the contacts topic carries them; each is taken at its time, before the contact's first event that is not before it
    #[arg(long, value_name = "FILE")]
    pub(crate) contacts: Vec<PathBuf>,
    /// The final instant, behind the newest event: timers due until then fire. Without it, or before that event, the time of the newest event; no
    /// event is left out
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) until: Option<Timestamp>,
    /// Threads, 1 to 256; without it one for each core
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
}

/// `replay`
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "All contacts are held in memory: reckon with 1 to 10 KB each, by the length of their histories. The result does not \
                        depend on the order of the records, but corrections among the derived events do: records in the order of their times \
                        give none. Derived events are written in the order of contact and seq."
)]
pub(crate) struct ReplayArguments {
    #[command(flatten)]
    pub(crate) events: EventFiles,
    /// Plan files or patterns instead of those of the configuration
    #[arg(long = "plan", value_name = "FILE")]
    pub(crate) plans: Vec<PathBuf>,
    /// Where derived events go, one JSON object a line; - is standard output
    #[arg(long, value_name = "FILE|-")]
    pub(crate) derived: Option<PathBuf>,
    /// Where the final scorecards go: JSON lines, or CSV for a name that ends in .csv; - is standard output
    #[arg(long, value_name = "FILE|-")]
    pub(crate) scorecards: Option<PathBuf>,
    /// Where records that could not be read go, one JSON object a line; - is standard output
    #[arg(long, value_name = "FILE|-")]
    pub(crate) dead_letters: Option<PathBuf>,
}

/// `plan backtest`
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "The events are read and folded twice, under the old plans and under the new ones; the contacts of one of the two are held in \
                  memory, 1 to 10 KB each. Labels say what became of leads: a CSV file with the columns contact, outcome (won or lost) and, where it is \
                  known, at, the instant of the outcome: what a lead scored is then judged as it was just before."
)]
pub(crate) struct BacktestArguments {
    #[command(flatten)]
    pub(crate) events: EventFiles,
    /// A plan file as it is to be, or a pattern: each plan takes the place of the one with its id, or is added
    #[arg(long = "new", value_name = "FILE", required = true)]
    pub(crate) new: Vec<PathBuf>,
    /// Plan files or patterns as they are now, instead of those of the configuration
    #[arg(long = "old", value_name = "FILE")]
    pub(crate) old: Vec<PathBuf>,
    /// What became of leads: a CSV file with the columns contact, outcome (won or lost) and optionally at
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// Where to write what the change does to each contact: JSON lines, or CSV for a name that ends in .csv; - is standard output
    #[arg(long, value_name = "FILE|-")]
    pub(crate) changes: Option<PathBuf>,
}

/// Formats without a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReplayFormat {
    /// Segment's messages, one JSON object a line
    Segment,
    /// Leadstream's own interactions, one JSON object a line
    LeadstreamJson,
    /// Leadstream's own interactions in an Avro container file
    LeadstreamAvro,
}
