//! The upper bound: a loop that only consumes and decodes, with the reader and the decoder that Leadstream uses.

use std::error::Error;
use std::time::Duration;

use leadstream_benches::cpu;
use leadstream_kafka::{KafkaLog, KafkaSettings};
use leadstream_runtime::log::{Isolation, Log, ReadStart, Reader, ReaderOptions, ReaderPartition, TopicIndex};
use leadstream_wire::{Decoder, EventBatch, InputRecord, Shape, SourceFormat};

use crate::{PARTITIONS, partitions};

/// Reads the topic to its end, once without and once with decoding, and prints what each cost behind a quarter.
pub(crate) fn measure(bootstrap: &str, topic: &str) -> Result<(), Box<dyn Error>> {
    run(bootstrap, topic, false)?;
    run(bootstrap, topic, true)
}

fn run(bootstrap: &str, topic: &str, decoding: bool) -> Result<(), Box<dyn Error>> {
    let log = KafkaLog::connect(KafkaSettings::new(bootstrap))?;
    let bounds = log.bounds(&partitions(topic))?;
    let total: u64 = bounds.iter().map(|bounds| bounds.end_offset - bounds.start_offset).sum();
    let mut reader = log.open_reader(&ReaderOptions {
        topics: vec![topic.to_owned()],
        isolation: Isolation::ReadCommitted,
        buffer_bytes: 64 << 20,
        name: "bench".to_owned(),
    })?;
    let place = |partition| ReaderPartition { topic: TopicIndex(0), partition };
    let starts: Vec<ReadStart> = (0..PARTITIONS)
        .zip(&bounds)
        .map(|(partition, bounds)| ReadStart { partition: place(partition), offset: bounds.start_offset })
        .collect();
    reader.start(&starts)?;
    let mut decoder = Decoder::compile(&SourceFormat::new("web", Shape::Segment)).map_err(|p| format!("{p:?}"))?;
    let (mut batch, mut refused) = (EventBatch::new(), 0u64);
    let (mut seen, mut warm) = (0u64, None);
    while seen < total {
        batch.clear();
        let summary = reader.read(5000, Duration::from_millis(100), &mut |record| {
            if !decoding {
                return;
            }
            let input = InputRecord {
                topic,
                partition: record.partition as i32,
                offset: record.offset as i64,
                timestamp_ms: record.timestamp.map(|timestamp| timestamp.ms),
                key: record.key,
                value: record.value,
                ..InputRecord::default()
            };
            refused += u64::from(decoder.decode(&input, &mut batch).is_err());
        })?;
        if let Some(problem) = summary.problems.first() {
            return Err(format!("partition {}: {}", problem.partition.partition, problem.reason).into());
        }
        seen += summary.records as u64;
        if warm.is_none() && seen * 4 >= total {
            warm = Some((seen, cpu::own_time()));
        }
    }
    let (before, since) = warm.ok_or("the topic is empty")?;
    let time = cpu::own_time() - since;
    let name = if decoding { "consume-and-decode" } else { "consume-only" };
    let events = seen - before;
    println!(
        "{name} events={events} cpu_ms={} per_cpu_second={:.0} refused={refused}",
        time.as_millis(),
        events as f64 / time.as_secs_f64()
    );
    Ok(())
}
