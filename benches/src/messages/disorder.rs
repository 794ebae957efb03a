//! Makes some events late and sends some again, in shares that are asked for. Draws from numbers of its own: what the events hold stays the same.

/// How many of a thousand events come out of order or again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disorder {
    /// Events that happened up to three days before those around them.
    pub late_per_mille: u32,
    /// Events that were sent before, byte for byte, among the last thousand; each takes the place of a new one.
    pub repeated_per_mille: u32,
}

/// So many events may be sent again.
const REMEMBERED: usize = 1000;

/// How late an event may be.
const LATEST_MS: u64 = 3 * 86_400_000;

/// Decides which events are late or sent again.
#[derive(Debug)]
pub(super) struct Disturbance {
    disorder: Disorder,
    random: fastrand::Rng,
    sent: Vec<(String, String, u64)>,
    oldest: usize,
}

impl Disturbance {
    pub(super) fn new(disorder: Disorder) -> Disturbance {
        Disturbance { disorder, random: fastrand::Rng::with_seed(21), sent: Vec::with_capacity(REMEMBERED), oldest: 0 }
    }

    /// Puts an event that was sent before into key and text, now and then, and returns its instant.
    pub(super) fn repeat(&mut self, key: &mut String, text: &mut String) -> Option<u64> {
        if self.sent.is_empty() || self.random.u32(..1000) >= self.disorder.repeated_per_mille {
            return None;
        }
        let (known_key, known_text, time_ms) = &self.sent[self.random.usize(..self.sent.len())];
        key.clone_from(known_key);
        text.clone_from(known_text);
        Some(*time_ms)
    }

    /// When the event happened that would have happened at this time since the start; none happens before it.
    pub(super) fn delay(&mut self, since_ms: u64) -> u64 {
        if self.random.u32(..1000) >= self.disorder.late_per_mille {
            return since_ms;
        }
        since_ms.checked_sub(self.random.u64(1..=LATEST_MS)).unwrap_or(since_ms)
    }

    /// Keeps an event that has been sent.
    pub(super) fn remember(&mut self, key: &str, text: &str, time_ms: u64) {
        if self.disorder.repeated_per_mille == 0 {
            return;
        }
        let sent = (key.to_owned(), text.to_owned(), time_ms);
        if self.sent.len() < REMEMBERED {
            self.sent.push(sent);
        } else {
            self.sent[self.oldest] = sent;
            self.oldest = (self.oldest + 1) % REMEMBERED;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::Messages;
    use super::*;

    #[test]
    fn as_many_are_late_or_sent_again_as_asked_for() {
        let disorder = Disorder { late_per_mille: 50, repeated_per_mille: 100 };
        let mut messages = Messages::disturbed(20_000, 50, disorder);
        let (mut newest, mut seen) = (HashMap::new(), HashMap::new());
        let (mut late, mut repeated) = (0, 0);
        while let Some(message) = messages.make() {
            if let Some(time_ms) = seen.insert(message.text.to_owned(), message.time_ms) {
                assert_eq!(time_ms, message.time_ms);
                repeated += 1;
                continue;
            }
            let newest = newest.entry(message.key.to_owned()).or_insert(0);
            late += u32::from(message.time_ms < *newest);
            *newest = message.time_ms.max(*newest);
        }
        assert!((1800..2200).contains(&repeated), "{repeated} of 2000");
        assert!((700..900).contains(&late), "{late} of 900, some of which have nothing behind them");
    }

    #[test]
    fn no_disorder_changes_no_byte() {
        let (mut one, mut other) = (Messages::new(1000, 10), Messages::disturbed(1000, 10, Disorder::default()));
        while let Some(message) = one.make() {
            assert_eq!(Some(message.text), other.make().map(|message| message.text));
        }
    }
}
