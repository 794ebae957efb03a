//! A reader of the model.
//!
//! Owns its positions. A read takes from partition after partition, starting each time behind the one it started with before, so that no
//! partition starves another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::faults::{Call, Fault};
use super::partition::StoredRecord;
use crate::log::{
    Failure, LogError, Progress, ReadStart, ReadSummary, Reader, ReaderOptions, ReaderPartition, ReaderProblem, Record,
    RecordProblem, TopicIndex, TopicPartition,
};

#[derive(Debug)]
struct Place {
    progress: Progress,
    paused: bool,
    /// Met a problem; stands still until started again.
    stands_still: bool,
}

/// A reader.
#[derive(Debug)]
pub struct ModelReader {
    shared: Shared,
    options: ReaderOptions,
    places: BTreeMap<ReaderPartition, Place>,
    turn: usize,
}

type Found = Vec<(ReaderPartition, u64, Arc<StoredRecord>)>;

impl ModelReader {
    pub(super) fn new(shared: Shared, options: ReaderOptions) -> Self {
        Self { shared, options, places: BTreeMap::new(), turn: 0 }
    }

    fn topic(&self, index: TopicIndex) -> Option<&String> {
        self.options.topics.get(usize::from(index.0))
    }

    fn set_paused(
        &mut self,
        operation: &'static str,
        partitions: &[ReaderPartition],
        paused: bool,
    ) -> Result<(), LogError> {
        if let Some(unknown) = partitions.iter().find(|partition| !self.places.contains_key(partition)) {
            return Err(LogError::Fatal(Failure::new(operation, format!("{unknown:?} is not being read"))));
        }
        for partition in partitions {
            if let Some(place) = self.places.get_mut(partition) {
                place.paused = paused;
            }
        }
        Ok(())
    }

    /// Takes what can be read, moving the positions.
    fn take(&mut self, max_records: usize) -> (Found, Vec<ReaderProblem>) {
        let (mut found, mut problems) = (Found::new(), Vec::new());
        let cluster = self.shared.lock();
        let mut order: Vec<ReaderPartition> = self.places.keys().copied().collect();
        if !order.is_empty() {
            self.turn %= order.len();
            order.rotate_left(self.turn);
            self.turn += 1;
        }
        for partition in order {
            let Some(place) = self.places.get_mut(&partition).filter(|place| !place.paused && !place.stands_still)
            else {
                continue;
            };
            let topic = self.options.topics.get(usize::from(partition.topic.0)).cloned().unwrap_or_default();
            let name = TopicPartition::new(topic, partition.partition);
            let position = place.progress.position;
            let (log, problem) = match cluster.partition(&name) {
                None => (None, Some((RecordProblem::Missing, format!("{name} does not exist")))),
                Some(log) if !log.contains(position) => {
                    let reason = format!("offset {position} of {name} is outside of {:?}", log.bounds());
                    (None, Some((RecordProblem::OutOfRange, reason)))
                }
                Some(log) => (Some(log), None),
            };
            if let Some((problem, reason)) = problem {
                place.stands_still = true;
                problems.push(ReaderProblem { partition, position, problem, reason });
            }
            if let Some(log) = log {
                let slice = log.look(position, self.options.isolation, max_records - found.len());
                place.progress = Progress {
                    position: slice.next_position,
                    end_offset: Some(log.bounds().end_offset),
                    caught_up: slice.caught_up || (place.progress.caught_up && slice.next_position == position),
                };
                found.extend(slice.records.into_iter().map(|(offset, record)| (partition, offset, record)));
            }
        }
        (found, problems)
    }
}

impl Reader for ModelReader {
    fn start(&mut self, starts: &[ReadStart]) -> Result<(), LogError> {
        if let Some(start) = starts.iter().find(|start| self.topic(start.partition.topic).is_none()) {
            let reason = format!("{:?} is not among the reader's topics", start.partition.topic);
            return Err(LogError::Fatal(Failure::new("start reading", reason)));
        }
        for start in starts {
            let paused = self.places.get(&start.partition).is_some_and(|place| place.paused);
            let progress = Progress { position: start.offset, end_offset: None, caught_up: false };
            self.places.insert(start.partition, Place { progress, paused, stands_still: false });
        }
        Ok(())
    }

    fn stop(&mut self, partitions: &[ReaderPartition]) -> Result<(), LogError> {
        self.places.retain(|partition, _| !partitions.contains(partition));
        Ok(())
    }

    fn pause(&mut self, partitions: &[ReaderPartition]) -> Result<(), LogError> {
        self.set_paused("pause reading", partitions, true)
    }

    fn resume(&mut self, partitions: &[ReaderPartition]) -> Result<(), LogError> {
        self.set_paused("resume reading", partitions, false)
    }

    fn read(
        &mut self,
        max_records: usize,
        _timeout: Duration,
        visit: &mut dyn FnMut(&Record<'_>),
    ) -> Result<ReadSummary, LogError> {
        if self.shared.lock().faults.next(Call::Read, &self.options.name) == Some(Fault::Unavailable) {
            return Ok(ReadSummary::default());
        }
        // The lock is free while records are visited: a visitor may ask the log.
        let (found, problems) = self.take(max_records);
        for (partition, offset, record) in &found {
            visit(&Record {
                topic: partition.topic,
                partition: partition.partition,
                offset: *offset,
                timestamp: Some(record.timestamp),
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: &record.headers,
            });
        }
        Ok(ReadSummary { records: found.len(), problems })
    }

    fn progress(&self, partition: ReaderPartition) -> Option<Progress> {
        self.places.get(&partition).map(|place| place.progress)
    }
}
