//! `leadstream topics create|check`: Leadstream's own topics as they must be, and the source topics as they are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use leadstream_config::{Config, Retention, Source, TimeSpan};
use leadstream_http::Server;
use leadstream_kafka::KafkaLog;
use leadstream_runtime::log::{CleanupPolicy, Log, LogError, TopicDescription, TopicSpec};

use crate::arguments::{ConfigurationArguments, SourceTopicArguments, TopicsCommand};
use crate::connection::{connect, is_freely_kept, own_topics};
use crate::engine::sizes::size_differences;
use crate::engine::told::DescribedTopics;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::settings::configuration_to_connect;
use crate::terminal;

/// Between two questions to a cluster that is away, and between two looks for an interrupt.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// How long a command of a person asks a cluster that cannot tell.
const PATIENCE: Duration = Duration::from_secs(15);

/// Until a person is told what is waited for.
const QUIET: Duration = Duration::from_secs(1);

/// Runs it.
pub(crate) fn run(given: &ConfigurationArguments, command: &TopicsCommand) -> Result<(), Failure> {
    let config = configuration_to_connect(given)?.config;
    let log = connect(&config)?;
    if let TopicsCommand::Create { sources } = command {
        let mut wanted = own_topics(&config);
        if sources.sources {
            wanted.extend(source_topics(&config, sources)?);
        }
        let created = create(&log, wanted, |spec| terminal::print(&format!("creating {}\n", described(spec))))?;
        if created == 0 {
            terminal::print("all topics were there already\n")?;
        }
    }
    let differences = differences(&log, &config)?;
    if differences.is_empty() {
        return terminal::print("all topics are as they must be\n");
    }
    for difference in differences {
        terminal::print(&format!("{difference}\n"))?;
    }
    Err(Failure::Told)
}

/// Creates those topics that are missing, and changes none that is there. Each is announced before. Returns how many were created.
pub(crate) fn create(
    log: &KafkaLog,
    wanted: Vec<TopicSpec>,
    announce: impl Fn(&TopicSpec) -> Result<(), Failure>,
) -> Result<usize, Failure> {
    let names: Vec<&str> = wanted.iter().map(|spec| spec.name.as_str()).collect();
    let found = patiently(log, || log.describe(&names))?;
    let missing: Vec<TopicSpec> =
        wanted.iter().zip(found).filter(|(_, found)| found.is_none()).map(|(spec, _)| spec.clone()).collect();
    missing.iter().try_for_each(announce)?;
    patiently(log, || log.create(&missing))?;
    Ok(missing.len())
}

/// The topics of the sources as they are made where they are missing.
pub(crate) fn source_topics(config: &Config, wanted: &SourceTopicArguments) -> Result<Vec<TopicSpec>, Failure> {
    let partitions = wanted.source_partitions.unwrap_or(config.topics.partitions);
    let retention_ms = match wanted.source_retention {
        // Events carry their own time: with a limit, a broker deletes old ones before anybody has read them.
        None | Some(Retention::Unlimited) => None,
        Some(Retention::For(span)) => Some(span.as_ms()),
    };
    let keyed = config.sources.iter().find(|source| source.keyed && partitions != config.topics.partitions);
    if let Some(source) = keyed {
        return Err(Failure::input(format!(
            "{} is keyed, so it needs {} partitions as Leadstream's own topics: leave --source-partitions out, or set keyed: false",
            source.topic, config.topics.partitions
        )));
    }
    let topic = |source: &Source| TopicSpec {
        name: source.topic.to_string(),
        partitions,
        replication: u16::try_from(config.topics.replication_factor).ok(),
        cleanup_policy: CleanupPolicy::Delete,
        retention_ms,
        max_message_bytes: None,
        settings: BTreeMap::new(),
    };
    Ok(config.sources.iter().map(topic).collect())
}

/// What a topic will be, in a line.
fn described(spec: &TopicSpec) -> String {
    let counted = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let partitions = counted(spec.partitions.into(), "partition", "partitions");
    let copies = match spec.replication {
        Some(count) => counted(count.into(), "copy", "copies"),
        None => "as many copies as the cluster makes".to_owned(),
    };
    let kept = match (spec.cleanup_policy, spec.retention_ms) {
        (CleanupPolicy::Compact, _) => "the newest record of each key is kept".to_owned(),
        (_, None) => "records are kept for ever".to_owned(),
        (_, Some(ms)) => format!("records are kept for {}", TimeSpan::from_ms(ms)),
    };
    format!("{}: {partitions}, {copies}, {kept}", spec.name)
}

/// Every way in which topics are not as they must be, a line each. A source topic must exist; a keyed one with as many partitions as tasks.
pub(crate) fn differences(log: &KafkaLog, config: &Config) -> Result<Vec<String>, Failure> {
    patiently(log, || compare(log, config))
}

fn compare(log: &KafkaLog, config: &Config) -> Result<Vec<String>, LogError> {
    let specs = own_topics(config);
    let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let mut lines = Vec::new();
    for (spec, found) in specs.iter().zip(log.describe(&names)?) {
        let Some(found) = found else {
            lines.push(format!("{}: does not exist: create it with `leadstream topics create`", spec.name));
            continue;
        };
        lines.extend(
            size_differences(config, &found).into_iter().map(|difference| format!("{}: {difference}", spec.name)),
        );
        let mut spec = spec.clone();
        if is_freely_kept(config, &spec.name) {
            spec.retention_ms = Some(0);
            spec.cleanup_policy = found.cleanup_policy.unwrap_or(spec.cleanup_policy);
        }
        lines.extend(spec.differences(&found).into_iter().map(|difference| format!("{}: {difference}", spec.name)));
    }
    let sources: Vec<&str> = config.sources.iter().map(|source| source.topic.as_str()).collect();
    for (source, found) in config.sources.iter().zip(log.describe(&sources)?) {
        match found {
            None => {
                lines.push(format!(
                    "{}: does not exist: it is a source; create it with `leadstream topics create --sources`, or correct its name",
                    source.topic
                ));
            }
            Some(found) if source.keyed && found.partitions != config.topics.partitions => lines.push(format!(
                "{}: has {} partitions, a keyed source needs {} as the others: give it so many, or set keyed: false",
                source.topic, found.partitions, config.topics.partitions
            )),
            Some(_) => {}
        }
    }
    Ok(lines)
}

/// The descriptions of the topics that workers are told of, once all topics are as they must be. Waits for a cluster that does not answer;
/// `None` where it was interrupted meanwhile.
pub(crate) fn await_topics(
    log: &Arc<KafkaLog>,
    config: &Config,
    interrupt: &Interrupt,
    server: &Server,
) -> Result<Option<DescribedTopics>, Failure> {
    loop {
        let Some(looked) = ask(log, config, interrupt) else { return Ok(None) };
        match looked {
            Err(LogError::Retry(failure)) => {
                // The clients have said already that the brokers are away, once.
                tracing::debug!(reason = %failure, "the topics cannot be looked at yet");
                let trouble = log.last_trouble().map_or_else(|| failure.to_string(), |trouble| in_brief(&trouble));
                server.wait_for(format!("Kafka at {}, which does not answer: {trouble}", log.bootstrap()));
                std::thread::sleep(RETRY_PAUSE);
            }
            Err(error) => return Err(refused(error)),
            Ok((differences, _)) if !differences.is_empty() => {
                return Err(Failure::NotDone(format!(
                    "the topics are not as they must be\n{}",
                    differences.join("\n")
                )));
            }
            Ok((_, mut described)) => {
                // Every one of them exists, or there would be a difference.
                let missing = || Failure::NotDone("a topic was deleted in this moment".to_owned());
                let dead_letters = described.pop().ok_or_else(missing)?;
                let changelog = described.pop().ok_or_else(missing)?;
                let identities = described.pop().ok_or_else(missing)?;
                let interactions = described.pop().ok_or_else(missing)?;
                let contacts = described.pop().ok_or_else(missing)?;
                warn_of_retention(config, &described);
                let sources = described;
                return Ok(Some(DescribedTopics {
                    sources,
                    contacts,
                    interactions,
                    identities,
                    changelog,
                    dead_letters,
                }));
            }
        }
    }
}

type Looked = Result<(Vec<String>, Vec<TopicDescription>), LogError>;

/// Looks at the topics on another thread: a question to a cluster that is away takes longer than a stop may. `None`: interrupted.
fn ask(log: &Arc<KafkaLog>, config: &Config, interrupt: &Interrupt) -> Option<Looked> {
    let (sender, answer) = channel();
    let (log, config) = (Arc::clone(log), config.clone());
    std::thread::spawn(move || {
        let own = config.topic_names();
        let mut names: Vec<&str> = config.sources.iter().map(|source| source.topic.as_str()).collect();
        names.extend(
            [&own.contacts, &own.interactions, &own.identities, &own.contacts_changelog, &own.dead_letters]
                .map(|name| name.as_str()),
        );
        let looked = compare(&log, &config).and_then(|differences| Ok((differences, log.describe(&names)?)));
        // Who asked may have been told to stop.
        let _ = sender
            .send(looked.map(|(differences, described)| (differences, described.into_iter().flatten().collect())));
    });
    loop {
        if interrupt.is_raised() {
            return None;
        }
        match answer.recv_timeout(RETRY_PAUSE) {
            Ok(looked) => return Some(looked),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let failure = leadstream_runtime::log::Failure::new("describe topics", "the question was not answered");
                return Some(Err(LogError::Fatal(failure)));
            }
        }
    }
}

/// Old events are deleted by their own time, before anybody has read them.
fn warn_of_retention(config: &Config, described: &[TopicDescription]) {
    for (source, topic) in config.sources.iter().zip(described) {
        let by_event_time = topic.settings.get("message.timestamp.type").is_none_or(|kind| kind == "CreateTime");
        if let Some(retention_ms) = topic.retention_ms.filter(|_| by_event_time) {
            let days = retention_ms / 86_400_000;
            tracing::warn!(topic = %source.topic, days, "events older than the topic's retention are deleted before they are read; set retention.ms=-1 to replay old ones");
        }
    }
}

/// Asks again while the cluster cannot tell yet, as for moments after a topic was created, and gives up after some seconds. Whoever waits at
/// the terminal is told for what, and in the end what to look at.
#[expect(clippy::disallowed_methods, reason = "patience ends")]
pub(crate) fn patiently<T>(log: &KafkaLog, mut question: impl FnMut() -> Result<T, LogError>) -> Result<T, Failure> {
    std::thread::scope(|scope| {
        let (answered, waiting) = channel::<()>();
        scope.spawn(move || {
            if waiting.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
                terminal::note(format!("waiting for Kafka at {} ...", log.bootstrap()));
            }
        });
        let began = Instant::now();
        let answer = loop {
            match question() {
                Err(LogError::Retry(_)) if began.elapsed() < PATIENCE => std::thread::sleep(RETRY_PAUSE),
                answer => break answer,
            }
        };
        drop(answered);
        answer.map_err(|error| match (error, log.last_trouble()) {
            (LogError::Retry(_), Some(trouble)) => unreachable_cluster(log.bootstrap(), began.elapsed(), &trouble),
            (error, _) => refused(error),
        })
    })
}

/// What there is under the name of one of Leadstream's own topics.
///
/// # Errors
/// A topic that is not there, and a cluster that does not answer.
pub(crate) fn existing(log: &KafkaLog, topic: &str) -> Result<TopicDescription, Failure> {
    let found = patiently(log, || log.describe(&[topic]))?;
    found
        .into_iter()
        .next()
        .flatten()
        .ok_or_else(|| Failure::NotDone(format!("there is no topic {topic}: `leadstream topics create` makes it")))
}

/// What happened to a connection: librdkafka puts its name in front and its state behind.
fn in_brief(trouble: &str) -> String {
    let trouble = trouble.split_once("/bootstrap: ").map_or(trouble, |(_, trouble)| trouble);
    trouble.split(" (after ").next().unwrap_or(trouble).replace("ipv4#", "").replace("ipv6#", "")
}

/// Words for a cluster that could not be reached.
fn unreachable_cluster(bootstrap: &str, waited: Duration, trouble: &str) -> Failure {
    let seconds = waited.as_secs();
    let trouble = in_brief(trouble);
    Failure::NotDone(format!(
        "Kafka at {bootstrap} did not answer for {seconds} seconds\n  the last attempt: {trouble}\n  is a broker running there? another \
         address is given by kafka.bootstrap of the configuration, LEADSTREAM_KAFKA__BOOTSTRAP or --set kafka.bootstrap=HOST:PORT; \
         encryption and login by kafka.common"
    ))
}

/// Words for a cluster that refuses or does not answer.
pub(crate) fn refused(error: LogError) -> Failure {
    Failure::NotDone(error.to_string())
}
