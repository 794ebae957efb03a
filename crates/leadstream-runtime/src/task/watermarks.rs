//! When a task says how far its sources are, for the clocks behind the re-keying stage.
//!
//! Often while something comes. Where nothing does the pauses grow: each watermark is a record in every partition, which every task reads and commits,
//! and of an idle source all it says is that time passes. It is never silent for good: a task that begins anew has to hear of every source.

use leadstream_core::Timestamp;

use super::inputs::InputQueue;

/// When watermarks were written last, and when they are due again.
#[derive(Debug)]
pub(super) struct WatermarkPace {
    written_at_ms: i64,
    pause_ms: i64,
    /// How far each source was, and whether it had been read to its end.
    told: Vec<(Timestamp, bool)>,
}

impl Default for WatermarkPace {
    fn default() -> WatermarkPace {
        WatermarkPace { written_at_ms: i64::MIN, pause_ms: 0, told: Vec::new() }
    }
}

impl WatermarkPace {
    /// Whether it is time, given the shortest pause and the longest.
    pub(super) fn is_due(
        &self,
        sources: impl Iterator<Item = (Timestamp, bool)>,
        now_ms: i64,
        interval_ms: i64,
    ) -> bool {
        let pause_ms = if self.told.iter().copied().eq(sources) { self.pause_ms.max(interval_ms) } else { interval_ms };
        self.written_at_ms.saturating_add(pause_ms) <= now_ms
    }

    /// They are written now.
    pub(super) fn wrote(
        &mut self,
        sources: impl Iterator<Item = (Timestamp, bool)>,
        now_ms: i64,
        (interval_ms, idle_interval_ms): (i64, i64),
    ) {
        let told: Vec<(Timestamp, bool)> = sources.collect();
        let is_news = told != self.told;
        self.pause_ms = if is_news { interval_ms } else { (self.pause_ms * 2).min(idle_interval_ms) };
        (self.written_at_ms, self.told) = (now_ms, told);
    }
}

/// What the pace goes by: the sources that are re-keyed, in their order.
pub(super) fn sources(inputs: &[InputQueue]) -> impl Iterator<Item = (Timestamp, bool)> {
    let rekeyed = inputs.iter().filter(|queue| queue.is_rekeyed());
    rekeyed.map(|queue| (queue.stream, queue.caught_up && queue.items.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When watermarks are written in so many milliseconds, of a source that is so far at each.
    fn written(until_ms: i64, stream: impl Fn(i64) -> i64) -> Vec<i64> {
        let (mut pace, mut written) = (WatermarkPace::default(), Vec::new());
        for now_ms in 0..until_ms {
            let source = || std::iter::once((Timestamp::from_millis(stream(now_ms)), true));
            if pace.is_due(source(), now_ms, 1_000) {
                pace.wrote(source(), now_ms, (1_000, 10_000));
                written.push(now_ms);
            }
        }
        written
    }

    #[test]
    fn an_idle_source_is_told_of_ever_more_rarely_and_never_not_at_all() {
        assert_eq!(written(50_000, |_| 7), [0, 1_000, 3_000, 7_000, 15_000, 25_000, 35_000, 45_000]);
    }

    #[test]
    fn a_source_that_brings_something_is_told_of_at_once_and_often() {
        assert_eq!(written(5_000, |now_ms| now_ms), [0, 1_000, 2_000, 3_000, 4_000]);
        let wakes = |now_ms: i64| now_ms.clamp(30_000, 32_000);
        let times = written(45_000, wakes);
        assert_eq!(times[5..], [25_000, 30_001, 31_001, 32_001, 33_001, 35_001, 39_001], "{times:?}");
    }
}
