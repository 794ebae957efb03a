//! The command line: what may be given, and the help that people read.

mod contacts;
mod offline;
mod plan;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use leadstream_config::{Retention, TimeSpan};
use leadstream_core::Timestamp;

pub(crate) use self::contacts::ContactsArguments;
pub(crate) use self::offline::{BacktestArguments, EventFiles, ReplayArguments, ReplayFormat};
pub(crate) use self::plan::{ActivateArguments, Asking, Counting, ExplainArguments, PlanCommand, SeenEvents};

/// Lead scoring on Kafka: every contact's score, why it is what it is, and who is ready for sales.
#[derive(Debug, Parser)]
#[command(
    name = "leadstream",
    version,
    max_term_width = 110,
    after_help = "Exit codes: 0 done; 1 it could not be done; 2 the command line, the configuration or a plan is wrong; 130 stopped by Ctrl-C before \
                  the end."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) configuration: ConfigurationArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ConfigurationArguments {
    /// Configuration file. Without it: leadstream.yaml, config/leadstream.yaml or /etc/leadstream/leadstream.yaml, whichever is there first
    #[arg(long, global = true, env = "LEADSTREAM_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Override a key of the configuration, as in --set engine.commit_interval=50ms; may be given again
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Score what arrives on Kafka, until SIGTERM or Ctrl-C
    Run,
    /// Fold files of events without a broker: derived events, scorecards, and a summary
    Replay(ReplayArguments),
    /// Make events of realistic journeys, in the Segment shape, to a file or to Kafka
    Generate(GenerateArguments),
    /// Create and check topics
    Topics {
        #[command(subcommand)]
        command: TopicsCommand,
    },
    /// Look at one contact, merge or part its ids, erase it, or take it up again
    Contact {
        #[command(subcommand)]
        command: ContactCommand,
    },
    /// Ask the running service for the contacts that fit a question, the greatest score first, or export them
    Contacts(Box<ContactsArguments>),
    /// Check and test scoring plans
    Plan {
        #[command(subcommand)]
        command: PlanCommand,
    },
    /// Check and show the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Take an application back to its beginning: positions, internal topics and local state go, after asking
    Reset(ResetArguments),
    /// Watch generated journeys being scored on a Kafka that is there
    Demo(DemoArguments),
}

/// `topics ...`
#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// Create topics that are missing, say what is made, then check all; a topic that is there is never changed
    Create {
        #[command(flatten)]
        sources: SourceTopicArguments,
    },
    /// Say how the topics differ from what they must be; ends with code 1 if they do
    Check,
}

/// What `topics create` does about the sources.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SourceTopicArguments {
    /// Create the topics of the sources too; without it they are yours, and only Leadstream's own are created
    #[arg(long)]
    pub(crate) sources: bool,
    /// How many partitions a source topic is given; without it topics.partitions, which a keyed source needs
    #[arg(long, value_name = "NUMBER", requires = "sources", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) source_partitions: Option<u32>,
    /// How long a source topic keeps its records, as in 30d, or unlimited. Without it for ever: a broker counts by the time of the event, and
    /// would delete events of the past before they are read
    #[arg(long, value_name = "SPAN", requires = "sources", value_parser = retention)]
    pub(crate) source_retention: Option<Retention>,
}

/// `contact ...`
#[derive(Debug, Subcommand)]
pub(crate) enum ContactCommand {
    /// Ask the running service for a contact: its scores, what they are made of, and what is missing to qualify
    Show {
        /// The contact's id
        id: String,
        /// At this instant instead of now
        #[arg(long, value_name = "INSTANT", value_parser = instant)]
        at: Option<Timestamp>,
        /// The answer as JSON
        #[arg(long)]
        json: bool,
        /// Where the service listens; without it http.listen of the configuration
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Erase a person: say what goes, ask, write the command into the topic of contacts and wait until the service has done it
    Erase {
        /// The contact's id
        id: String,
        /// Do not ask
        #[arg(long, conflicts_with = "verify")]
        yes: bool,
        /// Erase nothing: look for the id in all topics and in the local state of this machine, and say where it is left; ends with code 1 if it is
        #[arg(long)]
        verify: bool,
        /// Where the service listens; without it http.listen of the configuration
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Make the contact of one id part of the contact of another, as if they had always been one
    Merge {
        /// The id whose contact becomes part of the other
        id: String,
        /// The id whose contact it becomes part of
        into: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Where the service listens; without it http.listen of the configuration
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Part an id from the contact that it became part of
    Split {
        /// The id to be parted
        id: String,
        /// The record whose link is undone, as `contact show` names it; without it, the one that brought the id to its contact
        #[arg(long, value_name = "RECORD")]
        link: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Where the service listens; without it http.listen of the configuration
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Let an erased id count again, for what happens from an instant on
    Reinstate {
        /// The contact's id
        id: String,
        /// What happened before this instant is not taken
        #[arg(long, value_name = "INSTANT", value_parser = instant)]
        from: Timestamp,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Where the service listens; without it http.listen of the configuration
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
}

/// `reset`
#[derive(Clone, Debug, Args)]
pub(crate) struct ResetArguments {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// `demo`
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArguments {
    /// The Kafka to use; without it kafka.bootstrap of the configuration
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) bootstrap: Option<String>,
    /// Where local state lies; without it storage.directory of the configuration
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Events a second, from 1
    #[arg(long, default_value_t = 200)]
    pub(crate) rate: u64,
}

/// `config ...`
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say everything that is wrong with the configuration and with the files that it names
    Check,
    /// Print the configuration in force, and where each value came from; secrets are hidden
    Show,
}

/// `generate`
#[derive(Clone, Debug, Args)]
pub(crate) struct GenerateArguments {
    /// Where to: a file, - for standard output, or kafka for the topic of the first source in the Segment shape
    #[arg(long, value_name = "FILE|-|kafka", default_value = "-")]
    pub(crate) to: String,
    /// How many records; 0 goes on until Ctrl-C
    #[arg(long, default_value_t = 100_000)]
    pub(crate) events: u64,
    /// How many people there are, 1 to 100000000
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub(crate) contacts: u32,
    /// Records a second, by the clock on the wall; 0 is as fast as it goes
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: u64,
    /// The same seed and options give the same bytes, unless --live is given
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The time of the first event, between 1900 and 2200
    #[arg(long, value_name = "INSTANT", default_value = "2026-01-01T00:00:00Z", value_parser = instant)]
    pub(crate) start: Timestamp,
    /// Over how many days the events spread, 1 to 3650
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) days: u32,
    /// Events happen now, as they are written; --start and --days mean nothing then
    #[arg(long)]
    pub(crate) live: bool,
    /// How unequal people are, 0 to 3: 0 gives everyone as many visits, 1 is Zipf's law, 2 is extreme
    #[arg(long, default_value_t = 0.6, value_parser = skew)]
    pub(crate) skew: f64,
    /// Records in a hundred that are sent twice, 0 to 50
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=50))]
    pub(crate) duplicates: u8,
    /// Records in a hundred that arrive long after they happened, 0 to 50
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=50))]
    pub(crate) late: u8,
    /// People in a hundred that are machines, 0 to 100
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) bots: u8,
}

pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    let read: jiff::Timestamp = text
        .parse()
        .map_err(|_| "an instant has a date, a time and an offset, as in 2026-01-31T00:00:00Z".to_owned())?;
    let instant = Timestamp::from_millis(read.as_millisecond());
    if instant.is_plausible() { Ok(instant) } else { Err("it lies before 1900 or after 2200".to_owned()) }
}

fn retention(text: &str) -> Result<Retention, String> {
    match text {
        "unlimited" => Ok(Retention::Unlimited),
        _ => match text.parse::<TimeSpan>() {
            Ok(span) if span.as_ms() > 0 => Ok(Retention::For(span)),
            _ => Err("unlimited, or a whole number from 1 with ms, s, m, h or d, as in 30d".to_owned()),
        },
    }
}

fn skew(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(skew) if (0.0..=3.0).contains(&skew) => Ok(skew),
        _ => Err("a number from 0 to 3".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn instants_without_an_offset_and_absurd_ones_are_refused() {
        assert!(instant("2026-01-31T00:00:00Z").is_ok());
        for text in ["2026-01-31T00:00:00", "yesterday", "9999-01-01T00:00:00Z"] {
            assert!(instant(text).is_err(), "{text}");
        }
    }
}
