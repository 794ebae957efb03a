//! The task clock: what fires timers where no event does (L7). It never goes back.

use std::collections::BTreeMap;

use leadstream_core::Timestamp;

use crate::codec::Watermark;
use crate::options::ClockMode;

/// The clock of one task.
#[derive(Clone, Debug)]
pub(crate) struct TaskClock {
    now: Timestamp,
    /// The greatest time of an event folded.
    stream: Timestamp,
    /// How far each partition in front of a re-keying stage is; `None` before it has said so. The clock never passes the least.
    upstream: BTreeMap<(String, u32), Option<Timestamp>>,
}

impl TaskClock {
    pub(crate) fn new(upstream: impl IntoIterator<Item = (String, u32)>) -> TaskClock {
        let upstream = upstream.into_iter().map(|partition| (partition, None)).collect();
        TaskClock { now: Timestamp::MIN, stream: Timestamp::MIN, upstream }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// The greatest time of an event folded that the wall clock has reached.
    pub(crate) fn seen(&self, mode: ClockMode, wall: Timestamp) -> Timestamp {
        match mode {
            ClockMode::Wall { .. } => self.stream.min(wall),
            ClockMode::Events => self.stream,
        }
    }

    /// The greatest time of an event folded, also by earlier owners as far as is known.
    pub(crate) fn stream(&self) -> Timestamp {
        self.stream
    }

    /// Goes on from where an earlier owner was.
    pub(crate) fn restore(&mut self, clock: Timestamp, stream: Timestamp) {
        self.now = self.now.max(clock);
        self.stream = self.stream.max(stream);
    }

    /// An event was folded.
    pub(crate) fn saw_event(&mut self, time: Timestamp) {
        self.stream = self.stream.max(time);
    }

    /// A partition in front of a re-keying stage said how far it is.
    pub(crate) fn saw_watermark(&mut self, watermark: &Watermark) {
        if let Some(known) = self.upstream.get_mut(&(watermark.topic.clone(), watermark.partition)) {
            *known = (*known).max(Some(watermark.time));
        }
    }

    /// Moves the clock, given whether everything there was has been read.
    pub(crate) fn tick(&mut self, mode: ClockMode, wall: Timestamp, caught_up: bool) {
        let mut to = match mode {
            ClockMode::Wall { slack } if caught_up => self.stream.min(wall).max(wall - slack),
            ClockMode::Wall { .. } => self.stream.min(wall),
            ClockMode::Events => self.stream,
        };
        if let Some(least) = self.upstream.values().min() {
            to = to.min(least.unwrap_or(Timestamp::MIN));
        }
        self.now = self.now.max(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadstream_core::Span;

    const WALL: ClockMode = ClockMode::Wall { slack: Span::from_millis(10) };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn watermark(partition: u32, millis: i64) -> Watermark {
        Watermark { topic: "s".to_owned(), partition, time: at(millis) }
    }

    #[test]
    fn a_lagging_task_follows_its_events_and_a_caught_up_one_the_wall_clock_less_a_slack() {
        let mut clock = TaskClock::new([]);
        clock.tick(WALL, at(1_000), false);
        assert_eq!(clock.now(), Timestamp::MIN);
        clock.saw_event(at(300));
        clock.saw_event(at(200));
        clock.tick(WALL, at(1_000), false);
        assert_eq!(clock.now(), at(300));
        clock.tick(WALL, at(1_000), true);
        assert_eq!(clock.now(), at(990));
    }

    #[test]
    fn the_clock_never_goes_back_and_an_event_of_the_future_does_not_move_it_past_the_wall_clock() {
        let mut clock = TaskClock::new([]);
        clock.tick(WALL, at(1_000), true);
        clock.tick(WALL, at(500), true);
        assert_eq!(clock.now(), at(990));
        clock.saw_event(at(5_000));
        clock.tick(WALL, at(1_000), false);
        assert_eq!(clock.now(), at(1_000));
        clock.restore(at(7), at(6));
        assert_eq!(clock.now(), at(1_000));
    }

    #[test]
    fn a_restored_clock_follows_the_events_that_were_folded_before() {
        let mut clock = TaskClock::new([]);
        clock.restore(at(7), at(9));
        assert_eq!((clock.now(), clock.stream()), (at(7), at(9)));
        clock.tick(ClockMode::Events, at(1_000), false);
        assert_eq!(clock.now(), at(9));
    }

    #[test]
    fn without_a_wall_clock_an_idle_task_stands_still() {
        let mut clock = TaskClock::new([]);
        clock.saw_event(at(5));
        clock.tick(ClockMode::Events, at(1_000), true);
        assert_eq!(clock.now(), at(5));
    }

    #[test]
    fn the_clock_behind_a_re_keying_stage_never_passes_the_least_watermark() {
        let mut clock = TaskClock::new([("s".to_owned(), 0), ("s".to_owned(), 1)]);
        clock.saw_event(at(800));
        clock.saw_watermark(&watermark(0, 700));
        clock.tick(WALL, at(1_000), true);
        assert_eq!(clock.now(), Timestamp::MIN);
        clock.saw_watermark(&watermark(1, 400));
        clock.saw_watermark(&watermark(1, 300));
        clock.saw_watermark(&watermark(9, 1));
        clock.tick(WALL, at(1_000), true);
        assert_eq!(clock.now(), at(400));
        clock.saw_watermark(&watermark(1, 900));
        clock.tick(WALL, at(1_000), true);
        assert_eq!(clock.now(), at(700));
    }
}
