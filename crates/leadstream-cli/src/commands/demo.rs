//! `leadstream demo`: journeys and their scoring in one process on a Kafka that is there, told as they happen.
//!
//! What it tells it reads from the derived topics, as any consumer would, so that what is seen is what was committed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadstream_config::Config;
use leadstream_http::Engine;
use leadstream_kafka::{KafkaLog, KafkaReader};
use leadstream_runtime::log::{
    Isolation, Log, ReadStart, Reader, ReaderOptions, ReaderPartition, TopicIndex, TopicPartition,
};
use serde::Deserialize;

use crate::arguments::{ConfigurationArguments, DemoArguments, GenerateArguments, SourceTopicArguments};
use crate::commands::generate::{KafkaSink, feed, segment_topic, wall_clock};
use crate::commands::run::Service;
use crate::commands::topics::{create, patiently, refused, source_topics};
use crate::connection::{connect, own_topics};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::settings::configuration_to_connect;
use crate::{logging, terminal};

/// Lines in any one second.
const LINES_PER_SECOND: usize = 5;
/// Between two lines with rate and lag.
const FIGURES_EVERY: Duration = Duration::from_secs(5);
/// Bytes read ahead of what is told.
const READ_BYTES: usize = 4 << 20;
/// Events that lie in the past when the demo begins, and over how many days.
const PAST_EVENTS: u64 = 40_000;
const PAST_DAYS: u32 = 30;
const CONTACTS: u32 = 3_000;

/// Runs it.
pub(crate) fn run(given: &ConfigurationArguments, arguments: &DemoArguments) -> Result<(), Failure> {
    let config = demo_configuration(given, arguments)?;
    logging::begin(&config.log)?;
    let log = Arc::new(connect(&config)?);
    prepare(&log, &config)?;
    let mut teller = Teller::open(&log, &config)?;
    // Until here there is nothing to stop in order: Ctrl-C ends the wait for a broker at once.
    let interrupt = Interrupt::listen()?;
    let Some(mut service) = Service::start(&log, &config, &interrupt)? else { return Ok(()) };
    let address = service.server.address();
    terminal::print(&format!(
        "scoring {} on {}\nmetrics   http://{address}/metrics\nhealth    http://{address}/health/ready\n\
         contacts  http://{address}/v1/contacts/ID\nstop with Ctrl-C\n\n",
        config.sources.iter().map(|source| source.topic.as_str()).collect::<Vec<_>>().join(", "),
        config.kafka.bootstrap,
    ))?;
    let fed = std::thread::scope(|scope| {
        let feeding = scope.spawn(|| feed_events(&log, &config, arguments, &interrupt));
        let told = teller.tell(&mut service, &interrupt, address);
        if told.is_err() {
            interrupt.raise();
        }
        let fed = feeding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        told.and(fed)
    });
    let stopped = service.stop();
    fed.and(stopped)
}

fn demo_configuration(given: &ConfigurationArguments, arguments: &DemoArguments) -> Result<Config, Failure> {
    let mut given = given.clone();
    let mut preset = vec!["output.format=json".to_owned()];
    preset.extend(arguments.bootstrap.as_ref().map(|bootstrap| format!("kafka.bootstrap={bootstrap}")));
    if let Some(directory) = &arguments.data_dir {
        let directory = std::path::absolute(directory).map_err(|error| Failure::file("use", directory, &error))?;
        preset.push(format!("storage.directory={}", directory.display()));
    }
    // A person's terminal shows the story; the log has what went wrong.
    preset.push("log.level=warn".to_owned());
    preset.append(&mut given.set);
    given.set = preset;
    Ok(configuration_to_connect(&given)?.config)
}

/// Creates what is missing, source topics too: nobody else will in a demo.
fn prepare(log: &KafkaLog, config: &Config) -> Result<(), Failure> {
    let sources = source_topics(config, &SourceTopicArguments::default())?;
    create(log, own_topics(config).into_iter().chain(sources).collect(), |_| Ok(())).map(|_| ())
}

/// First a past, as fast as it goes, then the present at its own pace.
fn feed_events(
    log: &KafkaLog,
    config: &Config,
    arguments: &DemoArguments,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let now = wall_clock();
    let mut sink = KafkaSink::open(log, config, &segment_topic(config)?)?;
    // Events of another start must not be taken for those of this one.
    let past = GenerateArguments {
        to: String::new(),
        events: PAST_EVENTS,
        contacts: CONTACTS,
        rate: 0,
        seed: now.millis().unsigned_abs(),
        start: now - leadstream_core::Span::days(i64::from(PAST_DAYS)),
        days: PAST_DAYS,
        live: false,
        skew: 0.6,
        duplicates: 1,
        late: 1,
        bots: 2,
    };
    let present =
        GenerateArguments { events: 0, live: true, rate: arguments.rate.max(1), seed: past.seed + 1, ..past.clone() };
    for arguments in [&past, &present] {
        feed(arguments, &mut sink, interrupt, false)?;
    }
    Ok(())
}

/// A derived event, as far as it is told.
#[derive(Deserialize)]
struct Told {
    r#type: String,
    contact: String,
    plan: Option<String>,
    old: Option<String>,
    new: Option<String>,
    score: Option<f64>,
    threshold: Option<f64>,
    reason: String,
    #[serde(default)]
    contributions: Vec<ToldContribution>,
}

#[derive(Deserialize)]
struct ToldContribution {
    rule: String,
    value: f64,
}

/// What was printed within the last second, so that it is never more than a person reads.
#[derive(Default)]
struct Pace(VecDeque<Instant>);

impl Pace {
    /// Whether so many lines can be printed now.
    fn has_room(&mut self, now: Instant, lines: usize) -> bool {
        while self.0.front().is_some_and(|first| now.duration_since(*first) >= Duration::from_secs(1)) {
            self.0.pop_front();
        }
        self.0.len() + lines <= LINES_PER_SECOND
    }

    fn print(&mut self, now: Instant, line: &str) -> Result<(), Failure> {
        self.0.push_back(now);
        terminal::print(line)
    }
}

/// How this program was called, so that a line which names it can be copied.
fn own_name() -> String {
    std::env::args().next().unwrap_or_else(|| "leadstream".to_owned())
}

/// Reads the derived topics and tells some of it.
struct Teller {
    reader: KafkaReader,
    untold: u64,
}

impl Teller {
    /// Begins behind what is there already.
    fn open(log: &KafkaLog, config: &Config) -> Result<Teller, Failure> {
        let names = config.topic_names();
        let topics = vec![names.qualifications.to_string(), names.stages.to_string()];
        let mut reader = log
            .open_reader(&ReaderOptions {
                topics: topics.clone(),
                isolation: Isolation::ReadCommitted,
                buffer_bytes: READ_BYTES,
                name: "demo".to_owned(),
            })
            .map_err(refused)?;
        let mut starts = Vec::new();
        for (place, topic) in (0u16..).zip(&topics) {
            let partitions = patiently(log, || log.describe(&[topic]))?
                .into_iter()
                .flatten()
                .next()
                .map_or(0, |topic| topic.partitions);
            let asked: Vec<TopicPartition> =
                (0..partitions).map(|partition| TopicPartition::new(topic, partition)).collect();
            for (partition, bounds) in (0..).zip(patiently(log, || log.bounds(&asked))?) {
                let partition = ReaderPartition { topic: TopicIndex(place), partition };
                starts.push(ReadStart { partition, offset: bounds.end_offset });
            }
        }
        reader.start(&starts).map_err(refused)?;
        Ok(Teller { reader, untold: 0 })
    }

    #[expect(clippy::disallowed_methods, reason = "a person reads so many lines a second")]
    fn tell(
        &mut self,
        service: &mut Service,
        interrupt: &Interrupt,
        address: std::net::SocketAddr,
    ) -> Result<(), Failure> {
        let directory = service.directory();
        let (began, mut pace) = (Instant::now(), Pace::default());
        let (mut figures_at, mut has_shown_how) = (began, false);
        let mut events_before = service.scored_events();
        while !interrupt.is_raised() {
            service.look()?;
            let (mut told, mut qualified) = (Vec::new(), None);
            self.reader
                .read(1_000, Duration::from_millis(50), &mut |record| {
                    if let Some(event) = record.value.and_then(|value| serde_json::from_slice::<Told>(value).ok()) {
                        told.push(event);
                    }
                })
                .map_err(refused)?;
            // Who is ready for sales comes first where there is more to tell than anybody reads.
            told.sort_by_key(|event: &Told| !event.r#type.starts_with("lead."));
            let now = Instant::now();
            for event in told {
                // Room is left for a line that is not a story's.
                if pace.has_room(now, 2) {
                    pace.print(now, &format!("{}\n", sentence(&event)))?;
                    if event.r#type == "lead.qualified" {
                        qualified = Some(event.contact);
                    }
                } else {
                    self.untold += 1;
                }
            }
            if let Some(contact) = qualified
                && !has_shown_how
                && now - began > Duration::from_secs(2)
                && pace.has_room(now, 1)
            {
                let line = format!("    why? {} contact show {contact} --url http://{address}\n", own_name());
                pace.print(now, &line)?;
                has_shown_how = true;
            }
            if now - figures_at >= FIGURES_EVERY && pace.has_room(now, 1) {
                let events = service.scored_events();
                let lag: u64 = directory.status().iter().flat_map(|worker| &worker.tasks).map(|task| task.lag).sum();
                let rate = (events - events_before) as f64 / (now - figures_at).as_secs_f64();
                (events_before, figures_at) = (events, now);
                let untold = std::mem::take(&mut self.untold);
                let line = format!(
                    "    {} events a second, {} behind, {} more changes untold\n",
                    terminal::grouped(rate as u64),
                    terminal::grouped(lag),
                    terminal::grouped(untold)
                );
                pace.print(now, &line)?;
            }
        }
        Ok(())
    }
}

/// What happened, and why, in one line.
fn sentence(event: &Told) -> String {
    let plan = event.plan.as_deref().unwrap_or_default();
    let points = |points: Option<f64>| points.map_or_else(|| "?".to_owned(), |points| points.to_string());
    let score = points(event.score);
    let level = |level: &Option<String>| level.clone().unwrap_or_else(|| "nowhere".to_owned());
    let what = match event.r#type.as_str() {
        // A correction tells the score of now: where points were lost again, the level is held although they are fewer than it takes to get there.
        "lead.qualified" if event.score < event.threshold => {
            format!("qualified for {plan}, held with {score} points now")
        }
        "lead.qualified" => format!("qualified for {plan}: {score} points, over {}", points(event.threshold)),
        "lead.disqualified" => format!("no longer qualified for {plan} ({})", event.reason),
        "stage.advanced" => format!("advanced in {plan}: {} to {}", level(&event.old), level(&event.new)),
        "stage.regressed" => {
            format!("went back in {plan}: {} to {} ({})", level(&event.old), level(&event.new), event.reason)
        }
        other => format!("{other} in {plan}"),
    };
    let mut rules: Vec<(&str, usize, f64)> = Vec::new();
    for contribution in &event.contributions {
        match rules.iter_mut().find(|(rule, ..)| *rule == contribution.rule) {
            Some((_, count, sum)) => {
                *count += 1;
                // Points have three decimals, sums of binary fractions more.
                *sum = ((*sum + contribution.value) * 1000.0).round() / 1000.0;
            }
            None => rules.push((&contribution.rule, 1, contribution.value)),
        }
    }
    let parts: Vec<String> = rules
        .into_iter()
        .map(
            |(rule, count, sum)| {
                if count > 1 { format!("{count} x {rule} {sum:+}") } else { format!("{rule} {sum:+}") }
            },
        )
        .collect();
    let why = if parts.is_empty() { String::new() } else { format!(": {}, ...", parts.join(", ")) };
    format!("{} {what}{why}", event.contact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "only its distance to other instants matters")]
    fn no_second_wherever_it_begins_has_more_than_five_lines() {
        let (begin, mut pace, mut printed) = (Instant::now(), Pace::default(), Vec::new());
        for milliseconds in (0..10_000u64).step_by(70) {
            let now = begin + Duration::from_millis(milliseconds);
            while pace.has_room(now, 1) {
                pace.0.push_back(now);
                printed.push(milliseconds);
            }
        }
        assert!(printed.len() > 40, "{printed:?}");
        assert!(printed.windows(LINES_PER_SECOND + 1).all(|lines| lines[LINES_PER_SECOND] - lines[0] >= 1_000));
    }

    #[test]
    fn a_qualification_is_told_with_its_reasons() {
        let held = serde_json::from_str::<Told>(
            r#"{"type":"lead.qualified","contact":"c7","plan":"p","old":null,"new":"on","score":124.28,"threshold":150.0,"reason":"score",
                "contributions":[]}"#,
        );
        assert_eq!(sentence(&held.unwrap()), "c7 qualified for p, held with 124.28 points now");
        let told = serde_json::from_str::<Told>(
            r#"{"type":"lead.qualified","contact":"c1042","plan":"spring-offer","old":null,"new":"on","score":104.0,"threshold":100.0,
                "reason":"score","contributions":[{"rule":"pricing","value":0.1},{"rule":"download","value":30},{"rule":"pricing","value":0.2}]}"#,
        );
        assert_eq!(
            sentence(&told.unwrap()),
            "c1042 qualified for spring-offer: 104 points, over 100: 2 x pricing +0.3, download +30, ..."
        );
    }
}
