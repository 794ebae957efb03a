//! What is measured with a broker: feeding the events, a loop that only consumes and decodes, and any scorer from outside by its commits.
//!
//! `benches/run` calls it; every subcommand but `write` takes the broker's address first.
#![allow(clippy::disallowed_methods, reason = "measuring needs a clock")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that measures and prints")]

mod consume;
mod feed;
mod latency;
mod measure;
mod recover;

use std::error::Error;
use std::process::ExitCode;

use leadstream_benches::messages::Disorder;

const USAGE: &str = "usage: with-kafka feed BOOTSTRAP TOPIC EVENTS CONTACTS [LATE REPEATED]
       with-kafka write FILE EVENTS CONTACTS [LATE REPEATED]
       with-kafka create BOOTSTRAP TOPIC...
       with-kafka consume BOOTSTRAP TOPIC
       with-kafka recover BOOTSTRAP TOPIC GROUP LOG_FILE HTTP DATA CONTACTS COMMAND [ARGUMENT...]
       with-kafka latency BOOTSTRAP TOPIC APPLICATION RATE SECONDS CONTACTS LOG_FILE COMMAND [ARGUMENT...]
       with-kafka measure BOOTSTRAP TOPIC GROUP NAME LOG_FILE COMMAND [ARGUMENT...]
LATE and REPEATED: how many of a thousand events come late or again (default 0)";

/// Every topic has so many partitions.
const PARTITIONS: u32 = 4;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("with-kafka: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    match arguments {
        ["feed", bootstrap, topic, load @ ..] => feed::feed(bootstrap, topic, &load_of(load)?),
        ["write", file, load @ ..] => feed::write(file, &load_of(load)?),
        ["create", bootstrap, topics @ ..] => feed::create(bootstrap, topics),
        ["consume", bootstrap, topic] => consume::measure(bootstrap, topic),
        ["measure", bootstrap, topic, group, name, log_file, command, rest @ ..] => {
            measure::measure(&measure::Scorer { bootstrap, topic, group, name, log_file, command, arguments: rest })
        }
        ["latency", bootstrap, topic, application, rate, seconds, contacts, log_file, command, rest @ ..] => {
            let (name, group) = ("leadstream", application);
            let scorer = measure::Scorer { bootstrap, topic, group, name, log_file, command, arguments: rest };
            let (rate, seconds, contacts) = (rate.parse()?, seconds.parse()?, contacts.parse()?);
            latency::measure(&latency::Latency { scorer, application, rate, seconds, contacts })
        }
        ["recover", bootstrap, topic, group, log_file, http, data, contacts, command, rest @ ..] => {
            let name = "leadstream";
            let scorer = measure::Scorer { bootstrap, topic, group, name, log_file, command, arguments: rest };
            recover::measure(&recover::Recovery { scorer, http, data, contacts: contacts.parse()? })
        }
        _ => Err(USAGE.into()),
    }
}

/// EVENTS CONTACTS [LATE REPEATED]
fn load_of(arguments: &[&str]) -> Result<feed::Load, Box<dyn Error>> {
    let (events, contacts, late, repeated) = match arguments {
        [events, contacts] => (events, contacts, &"0", &"0"),
        [events, contacts, late, repeated] => (events, contacts, late, repeated),
        _ => return Err(USAGE.into()),
    };
    let disorder = Disorder { late_per_mille: late.parse()?, repeated_per_mille: repeated.parse()? };
    Ok(feed::Load { events: events.parse()?, contacts: contacts.parse()?, disorder })
}

/// The partitions of a topic.
fn partitions(topic: &str) -> Vec<leadstream_runtime::log::TopicPartition> {
    (0..PARTITIONS).map(|partition| leadstream_runtime::log::TopicPartition::new(topic, partition)).collect()
}
