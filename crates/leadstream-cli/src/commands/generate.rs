//! `leadstream generate`: events of people who do not exist, to a file or to Kafka.

use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use leadstream_config::{Config, Format};
use leadstream_core::Timestamp;
use leadstream_kafka::{KafkaLog, KafkaProducer};
use leadstream_runtime::log::{Destination, Log, OutputRecord, Producer, ProducerOptions, TopicIndex};

use crate::arguments::{ConfigurationArguments, GenerateArguments};
use crate::commands::topics::{patiently, refused};
use crate::connection::connect;
use crate::failure::Failure;
use crate::files::Output;
use crate::generate::{Generator, Options, Record};
use crate::interrupt::Interrupt;
use crate::settings::configuration_to_connect;
use crate::terminal;

/// Records between two looks at the clock and at signals.
const BATCH: u64 = 1_000;

/// Records of a transaction, and how long it lasts: readers see nothing of it before its end.
const TRANSACTION_RECORDS: usize = 50_000;
const TRANSACTION_TIME: Duration = Duration::from_millis(100);
/// Records that wait for their acknowledgement.
const QUEUE_RECORDS: usize = 200_000;

/// Where records go.
pub(crate) trait Sink {
    /// Takes a record.
    fn take(&mut self, record: &Record) -> Result<(), Failure>;
    /// Makes what was taken visible, now and then.
    fn settle(&mut self) -> Result<(), Failure>;
    /// Makes everything visible.
    fn finish(&mut self) -> Result<(), Failure>;
}

/// Runs it.
pub(crate) fn run(given: &ConfigurationArguments, arguments: &GenerateArguments) -> Result<(), Failure> {
    if arguments.to == "kafka" {
        let config = configuration_to_connect(given)?.config;
        let log = connect(&config)?;
        let mut sink = KafkaSink::open(&log, &config, &segment_topic(&config)?)?;
        // Until here nothing was written: Ctrl-C ends the wait for a broker at once.
        let interrupt = Interrupt::listen()?;
        let made = feed(arguments, &mut sink, &interrupt, true)?;
        return conclude(arguments, made, &interrupt);
    }
    let interrupt = Interrupt::listen()?;
    let mut output = Output::create(Path::new(&arguments.to))?;
    let made = feed(arguments, &mut Lines(&mut output), &interrupt, true)?;
    output.finish()?;
    conclude(arguments, made, &interrupt)
}

/// Whether all was made that was asked for.
fn conclude(arguments: &GenerateArguments, made: u64, interrupt: &Interrupt) -> Result<(), Failure> {
    // Without a number to reach, Ctrl-C is how it is meant to end.
    if interrupt.is_raised() && arguments.events > 0 && made < arguments.events {
        let (made, events) = (terminal::grouped(made), terminal::grouped(arguments.events));
        return Err(Failure::Interrupted(format!("{made} of {events} records were written")));
    }
    Ok(())
}

/// The generator that arguments describe.
pub(crate) fn generator(arguments: &GenerateArguments) -> Generator {
    Generator::new(Options {
        seed: arguments.seed,
        people: arguments.contacts,
        records: arguments.events,
        start: arguments.start,
        span_ms: u64::from(arguments.days) * 86_400_000,
        skew: arguments.skew,
        duplicates: arguments.duplicates,
        late: arguments.late,
        bots: arguments.bots,
    })
}

/// Makes records until there are enough or somebody says stop. Returns how many were made.
#[expect(clippy::disallowed_methods, reason = "a rate is kept by the clock on the wall")]
pub(crate) fn feed(
    arguments: &GenerateArguments,
    sink: &mut impl Sink,
    interrupt: &Interrupt,
    shows_progress: bool,
) -> Result<u64, Failure> {
    let bar = if shows_progress {
        terminal::progress((arguments.events > 0).then_some(arguments.events), "records", false)
    } else {
        ProgressBar::hidden()
    };
    let mut generator = generator(arguments);
    let mut record = Record::default();
    let began = Instant::now();
    let mut made = 0;
    // Slow rates are spread over the second instead of coming in bursts.
    let batch = if arguments.rate == 0 { BATCH } else { (arguments.rate / 50).clamp(1, BATCH) };
    while !interrupt.is_raised() {
        let now = arguments.live.then(wall_clock);
        let mut in_batch = 0;
        while in_batch < batch && generator.next(now, &mut record) {
            sink.take(&record)?;
            in_batch += 1;
        }
        made += in_batch;
        bar.set_position(made);
        if in_batch < batch {
            break;
        }
        sink.settle()?;
        if arguments.rate > 0 {
            wait_until(began, Duration::from_secs_f64(made as f64 / arguments.rate as f64), interrupt);
        }
    }
    sink.finish()?;
    bar.finish_and_clear();
    Ok(made)
}

fn wait_until(began: Instant, due: Duration, interrupt: &Interrupt) {
    while let Some(left) = due.checked_sub(began.elapsed()).filter(|left| !left.is_zero())
        && !interrupt.is_raised()
    {
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
}

#[expect(clippy::disallowed_methods, reason = "live events happen now")]
pub(crate) fn wall_clock() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

/// One message a line.
struct Lines<'a>(&'a mut Output);

impl Sink for Lines<'_> {
    fn take(&mut self, record: &Record) -> Result<(), Failure> {
        self.0.write(&record.value)?;
        self.0.write(b"\n")
    }

    /// Whoever reads along sees records as they are made, not when a buffer is full.
    fn settle(&mut self) -> Result<(), Failure> {
        self.0.flush()
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.0.flush()
    }
}

/// The topic that generated events go to: that of the first source in the Segment shape.
pub(crate) fn segment_topic(config: &Config) -> Result<String, Failure> {
    let source = config.sources.iter().find(|source| source.format == Format::Segment);
    source.map(|source| source.topic.to_string()).ok_or_else(|| {
        Failure::input("the configuration has no source in the segment format for generated events to go to")
    })
}

/// Records in transactions, some a second, keyed by whose events they are.
pub(crate) struct KafkaSink {
    producer: KafkaProducer,
    began: Instant,
    records: usize,
}

impl KafkaSink {
    /// Opens a producer for a topic.
    #[expect(clippy::disallowed_methods, reason = "transactions last for a part of a second")]
    pub(crate) fn open(log: &KafkaLog, config: &Config, topic: &str) -> Result<KafkaSink, Failure> {
        let known = patiently(log, || log.describe(&[topic]))?;
        if known.iter().all(Option::is_none) {
            return Err(Failure::NotDone(format!(
                "topic {topic} does not exist: create it with `leadstream topics create --sources`"
            )));
        }
        let options = ProducerOptions {
            transactional_id: format!("{}-{}-generate", config.application.id, config.application.instance),
            topics: vec![topic.to_owned()],
            state_topics: 0,
            transaction_timeout: config.kafka.transaction_timeout.as_duration(),
            queue_records: QUEUE_RECORDS,
        };
        let producer = patiently(log, || log.open_producer(&options))?;
        Ok(KafkaSink { producer, began: Instant::now(), records: 0 })
    }

    fn commit(&mut self) -> Result<(), Failure> {
        if self.records > 0 {
            self.producer.commit_without_offsets().map_err(refused)?;
            self.records = 0;
        }
        Ok(())
    }
}

impl Sink for KafkaSink {
    #[expect(clippy::disallowed_methods, reason = "transactions last for a part of a second")]
    fn take(&mut self, record: &Record) -> Result<(), Failure> {
        if self.records == 0 {
            self.producer.begin().map_err(refused)?;
            self.began = Instant::now();
        }
        self.records += 1;
        let output = OutputRecord {
            topic: TopicIndex(0),
            destination: Destination::ByKey,
            key: Some(record.key.as_bytes()),
            value: Some(&record.value),
            headers: &[],
            timestamp_ms: Some(record.time_ms),
        };
        self.producer.produce(&output).map_err(refused)
    }

    fn settle(&mut self) -> Result<(), Failure> {
        if self.records >= TRANSACTION_RECORDS || self.began.elapsed() >= TRANSACTION_TIME {
            self.commit()
        } else {
            Ok(())
        }
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.commit()
    }
}
