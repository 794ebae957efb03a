//! `leadstream reset`: takes an application back to its beginning, as Kafka Streams' reset tool does for one of its applications.
//!
//! Positions, internal topics and local state go; input and output topics stay. Invariant: what it says will go goes, and it says so only when nothing
//! is in its way any more: nobody has the local state, and nobody is in the group. It may be cut off at any moment: what is deleted first is what no
//! start goes on without, and what is left then is taken by running it again.

use std::path::Path;
use std::time::{Duration, Instant};

use leadstream_config::Config;
use leadstream_kafka::{GroupMember, KafkaLog};
use leadstream_store::FolderClaim;

use crate::arguments::{ConfigurationArguments, ResetArguments};
use crate::commands::topics::patiently;
use crate::connection::{connect, internal_topics};
use crate::engine::told::{claim_state, state_folder};
use crate::failure::Failure;
use crate::settings::configuration;
use crate::terminal;

/// Between two looks at the group.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the group's coordinator may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// What a coordinator may take to notice that a session is over.
const SESSION_SLACK: Duration = Duration::from_secs(3);

/// Runs it.
pub(crate) fn run(given: &ConfigurationArguments, arguments: &ResetArguments) -> Result<(), Failure> {
    let config = configuration(given)?.config;
    let log = connect(&config)?;
    let (group, state) = (config.application.id.to_string(), state_folder(&config));
    if !arguments.yes {
        terminal::require_somebody("reset").inspect_err(|_| announce(&config, &state))?;
    }
    let claim = claim_what_exists(&config, &state)?;
    await_nobody(&log, &group)?;
    check_rights(&log, &config, &group)?;
    announce(&config, &state);
    if !arguments.yes {
        confirm(&group)?;
    }
    // Whoever answered took time, in which somebody may have come.
    await_nobody(&log, &group)?;
    delete(&log, &config, &group)?;
    match std::fs::remove_dir_all(&state) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::file("delete", &state, &error));
        }
        _ => {}
    }
    drop(claim);
    terminal::print("reset; create the topics again with `leadstream topics create` before the next start\n")
}

/// Refuses where the cluster would refuse something on the way, when only a part could be had back.
fn check_rights(log: &KafkaLog, config: &Config, group: &str) -> Result<(), Failure> {
    let topics = internal_topics(config);
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let refused = patiently(log, || log.undeletable(&names, group))?;
    let topics = refused.topics.iter().map(|topic| ("topic", topic.as_str()));
    let refused: Vec<(&str, &str)> = topics.chain(refused.group.then_some(("group", group))).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let lines = refused.iter().map(|(kind, name)| {
        format!(
            "  {kind} {name}: the right to DELETE is missing (kafka-acls.sh --bootstrap-server {} --add --allow-principal User:NAME --operation Delete --{kind} {name})",
            config.kafka.bootstrap
        )
    });
    let lines: Vec<String> = lines.collect();
    Err(Failure::NotDone(format!(
        "the cluster does not let this client reset the application {group} (nothing was changed):\n{}",
        lines.join("\n")
    )))
}

/// Deletes what is on the cluster, one after the other. The changelog is first: without it, or with an empty one beside a redo topic that counts on
/// it, or with an empty redo topic beside offsets that know of epochs, no start goes on. The group is last, since it needs all of them.
fn delete(log: &KafkaLog, config: &Config, group: &str) -> Result<(), Failure> {
    let topics = internal_topics(config);
    let mut deleted: Vec<&str> = Vec::new();
    for topic in &topics {
        patiently(log, || log.delete_topics(&[topic])).map_err(|failure| interrupted(&failure, &deleted))?;
        deleted.push(topic);
    }
    patiently(log, || log.delete_group(group)).map_err(|failure| interrupted(&failure, &deleted))
}

/// What to do where a part is deleted and the next one is refused.
fn interrupted(failure: &Failure, deleted: &[&str]) -> Failure {
    if deleted.is_empty() {
        return Failure::NotDone(format!("{failure} (nothing was changed)"));
    }
    Failure::NotDone(format!(
        "{failure}\n  the reset is not complete: {} went already; mend the cause and run `leadstream reset` again, which deletes the rest. Until then no \
         instance may start",
        deleted.join(", ")
    ))
}

/// Says what goes and what stays.
fn announce(config: &Config, state: &Path) {
    let group = &config.application.id;
    terminal::note(format!("this resets the application {group} on {}:", config.kafka.bootstrap));
    terminal::note(format!("  positions of the consumer group {group} are deleted"));
    let topics = internal_topics(config);
    topics.iter().for_each(|topic| terminal::note(format!("  topic {topic} is deleted with everything in it")));
    terminal::note(format!("  local state in {} is deleted", state.display()));
    terminal::note(
        "input and output topics stay; at the next start all sources are read again from where they are configured to start",
    );
}

/// A machine that never ran the application has no state to claim, and no folder is made there only to be deleted.
fn claim_what_exists(config: &Config, state: &Path) -> Result<Option<FolderClaim>, Failure> {
    if state.exists() { claim_state(config).map(Some) } else { Ok(None) }
}

/// Waits until nobody is in the group: a member that has ended stays until its session has.
#[expect(clippy::disallowed_methods, reason = "a session lasts so long and no longer")]
fn await_nobody(log: &KafkaLog, group: &str) -> Result<(), Failure> {
    // A member that ended while the group was assigning anew is kept as long as those whom the group waits for, and then for a session of its own.
    let limit = 2 * log.session_timeout() + SESSION_SLACK;
    let members = || patiently(log, || log.members(group, ANSWER_TIMEOUT));
    let mut left = members()?;
    if left.is_empty() {
        return Ok(());
    }
    terminal::note(format!(
        "the group {group} has members: {}; waiting up to {} s for the sessions of those that have ended",
        names(&left),
        limit.as_secs()
    ));
    let bar = terminal::countdown(limit);
    let began = Instant::now();
    while !left.is_empty() {
        let waited = began.elapsed();
        if waited > limit {
            bar.finish_and_clear();
            return Err(Failure::NotDone(format!(
                "somebody is at work for {group}: {}; stop every instance first (nothing was changed)",
                names(&left)
            )));
        }
        bar.set_position(waited.as_secs());
        std::thread::sleep(PAUSE);
        left = members()?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Members as a person finds them: by their name, and by the machine they came from.
fn names(members: &[GroupMember]) -> String {
    let name = |member: &GroupMember| {
        let name = if member.instance_id.is_empty() { "a member without a name" } else { &member.instance_id };
        format!("{name} from {}", member.host)
    };
    members.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn confirm(application: &str) -> Result<(), Failure> {
    let typed = terminal::ask(&format!("type the name of the application, {application}, to go on:"))?;
    if typed.trim() == application {
        Ok(())
    } else {
        Err(Failure::NotDone("that was not the name; nothing was changed".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_told_by_name_and_machine() {
        let member = |name: &str| GroupMember {
            instance_id: name.to_owned(),
            host: "10.0.0.7".to_owned(),
            advertised: None,
            assigned: Vec::new(),
        };
        let told = names(&[member("shop-a-0"), member("")]);
        assert_eq!(told, "shop-a-0 from 10.0.0.7, a member without a name from 10.0.0.7");
    }
}
