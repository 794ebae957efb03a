//! Events of people who do not exist and behave as if they did: for demos, for trying plans out, for figures.
//!
//! Owns the journeys, their words and their randomness. Never reads a clock and never writes anywhere: [`Generator::next`] fills a record.
//! Equal options give equal bytes, on every machine.

mod catalogue;
mod journey;
mod message;
mod people;
mod random;

use std::collections::{BTreeMap, VecDeque};

use leadstream_core::Timestamp;

use self::journey::Journeys;
pub(crate) use self::message::Record;
use self::random::Random;

/// Records that a duplicate may repeat.
const RECENT: usize = 64;
/// The longest that a late record is held back, in records.
const HELD_BACK_MAX: u64 = 100_000;
/// How long people take from one click to the next, in milliseconds, which decides how many are there at once.
const PAUSE_MS: u64 = 40_000;

/// What to make.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Decides everything that chance decides.
    pub(crate) seed: u64,
    /// How many people there are.
    pub(crate) people: u32,
    /// How many records; 0 is without end.
    pub(crate) records: u64,
    /// The time of the first event, and the time over which they spread.
    pub(crate) start: Timestamp,
    /// Milliseconds from the first event to the last.
    pub(crate) span_ms: u64,
    /// How unequal people are: the exponent of Zipf's law.
    pub(crate) skew: f64,
    /// Records in a hundred that come twice.
    pub(crate) duplicates: u8,
    /// Records in a hundred that come late.
    pub(crate) late: u8,
    /// People in a hundred that are machines.
    pub(crate) bots: u8,
}

/// Makes records.
pub(crate) struct Generator {
    options: Options,
    random: Random,
    journeys: Journeys,
    /// Records made, late ones that wait among them.
    made: u64,
    given: u64,
    now_us: u64,
    gap_us: u64,
    recent: VecDeque<Record>,
    /// Late records by when they are to come.
    held: BTreeMap<(u64, u64), Record>,
}

impl Generator {
    /// A generator at its first record.
    pub(crate) fn new(options: Options) -> Generator {
        let gap_us = (options.span_ms * 1000).checked_div(options.records).unwrap_or(1_000_000).max(1);
        let at_once = (PAUSE_MS * 1000 / gap_us).clamp(1, 65_536).min(u64::from(options.people).div_ceil(2)) as usize;
        let mut random = Random::new(options.seed);
        let journeys = Journeys::new(&options, at_once, &mut random);
        Generator {
            random,
            journeys,
            made: 0,
            given: 0,
            now_us: options.start.millis().max(0) as u64 * 1000,
            gap_us,
            recent: VecDeque::with_capacity(RECENT),
            held: BTreeMap::new(),
            options,
        }
    }

    /// Fills the next record; false when all have been given. With `now`, events happen then instead of at an instant of their own.
    pub(crate) fn next(&mut self, now: Option<Timestamp>, into: &mut Record) -> bool {
        if self.options.records > 0 && self.given == self.options.records {
            return false;
        }
        self.given += 1;
        let due = self.held.first_key_value().is_some_and(|((release, _), _)| *release <= self.given);
        let all_made = self.options.records > 0 && self.made == self.options.records;
        if (due || all_made)
            && let Some((_, record)) = self.held.pop_first()
        {
            *into = record;
            return true;
        }
        loop {
            self.made += 1;
            if self.random.percent(self.options.duplicates) && !self.recent.is_empty() {
                let place = self.random.below(self.recent.len() as u64) as usize;
                into.copy_from(&self.recent[place]);
                return true;
            }
            let time_ms = match now {
                Some(now) => now.millis().max(0) as u64,
                None => {
                    self.now_us += self.random.below(2 * self.gap_us);
                    self.now_us / 1000
                }
            };
            self.journeys.step(time_ms, &mut self.random, into);
            if !self.is_held_back(into) {
                break;
            }
        }
        self.remember(into);
        true
    }

    /// Keeps a record for later, now and then. Never the last ones: something must be given now.
    fn is_held_back(&mut self, record: &mut Record) -> bool {
        let last = self.options.records > 0 && self.made >= self.options.records;
        if last || !self.random.percent(self.options.late) {
            return false;
        }
        let longest =
            if self.options.records > 0 { (self.options.records / 10).clamp(10, HELD_BACK_MAX) } else { 10_000 };
        let release = self.given + 1 + self.random.below(longest);
        self.held.insert((release, self.made), std::mem::take(record));
        true
    }

    fn remember(&mut self, record: &Record) {
        if self.options.duplicates == 0 {
            return;
        }
        let mut kept =
            if self.recent.len() == RECENT { self.recent.pop_front().unwrap_or_default() } else { Record::default() };
        kept.copy_from(record);
        self.recent.push_back(kept);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn options(records: u64) -> Options {
        Options {
            seed: 7,
            people: 500,
            records,
            start: Timestamp::from_millis(1_767_225_600_000),
            span_ms: 30 * 86_400_000,
            skew: 0.6,
            duplicates: 2,
            late: 2,
            bots: 2,
        }
    }

    fn all(options: Options) -> Vec<Record> {
        let mut generator = Generator::new(options);
        let mut record = Record::default();
        let mut records = Vec::new();
        while generator.next(None, &mut record) {
            records.push(record.clone());
        }
        records
    }

    fn message(record: &Record) -> serde_json::Value {
        serde_json::from_slice(&record.value).unwrap()
    }

    #[test]
    fn equal_options_give_equal_bytes_and_another_seed_other_ones() {
        let first = all(options(2_000));
        assert_eq!(first, all(options(2_000)));
        assert_ne!(first, all(Options { seed: 8, ..options(2_000) }));
    }

    #[test]
    fn exactly_so_many_records_come_however_many_are_late_or_twice() {
        for records in [1, 2, 10, 3_000] {
            let made = all(Options { duplicates: 50, late: 50, ..options(records) });
            assert_eq!(made.len() as u64, records);
        }
    }

    #[test]
    fn every_record_is_a_message_with_an_id_a_time_and_a_person() {
        let records = all(options(5_000));
        for record in &records {
            let message = message(record);
            let id = message.get("userId").or(message.get("anonymousId")).and_then(|id| id.as_str()).unwrap();
            assert_eq!(id, record.key);
            assert!(message["messageId"].is_string());
            let time: jiff::Timestamp = message["timestamp"].as_str().unwrap().parse().unwrap();
            assert_eq!(time.as_millisecond(), record.time_ms);
        }
    }

    #[test]
    fn some_come_twice_some_late_some_from_machines_and_people_differ() {
        let records = all(options(20_000));
        let ids: BTreeSet<String> = records.iter().map(|record| message(record)["messageId"].to_string()).collect();
        let twice = records.len() - ids.len();
        assert!((100..1_000).contains(&twice), "{twice} duplicates");
        let late = records.windows(2).filter(|pair| pair[1].time_ms < pair[0].time_ms - 60_000).count();
        assert!((100..2_000).contains(&late), "{late} late records");
        let machines = records.iter().filter(|record| record.value.windows(3).any(|bytes| bytes == b"bot")).count();
        assert!(machines > 50, "{machines} records of machines");
        let mut visits: BTreeMap<&str, u32> = BTreeMap::new();
        records.iter().for_each(|record| *visits.entry(&record.key).or_default() += 1);
        let most = visits.values().max().unwrap();
        assert!(u64::from(*most) > 4 * records.len() as u64 / visits.len() as u64, "nobody comes often");
    }

    #[test]
    fn the_events_that_plans_ask_for_all_happen() {
        let records = all(options(50_000));
        let names: BTreeSet<String> = records
            .iter()
            .map(message)
            .map(|message| message["event"].as_str().unwrap_or(message["type"].as_str().unwrap()).to_owned())
            .collect();
        for name in [
            "page",
            "identify",
            "Session Started",
            "Product List Viewed",
            "Product Viewed",
            "Products Searched",
            "Product Added",
            "Checkout Started",
            "Order Completed",
            "Order Refunded",
            "Product Reviewed",
            "File Downloaded",
            "Form Submitted",
            "Subscribed",
            "Unsubscribed",
            "Email Delivered",
            "Email Opened",
            "Email Link Clicked",
            "Store Visited",
            "Signed Up",
            "Survey Completed",
            "Invite Sent",
            "Application Installed",
            "Webinar Attended",
        ] {
            assert!(names.contains(name), "{name} never happens: {names:?}");
        }
    }
}
