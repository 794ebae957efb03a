//! Calls that may never return.
//!
//! librdkafka 2.12.1 (and newer) can lose a request to the coordinator of a group: where no broker changes its state any more, nothing reminds it of a
//! request that failed while the coordinator was being looked for, and `rd_kafka_send_offsets_to_transaction` waits without a limit. A worker that waited
//! with it would hold its stores for ever. So a thread of its own makes the call, and whoever asked can go.

use std::cell::Cell;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

/// A thread that answers questions, one after the other.
pub(crate) struct Attendant<Q, A> {
    questions: Sender<Q>,
    answers: Receiver<A>,
    /// It never answered a question: what came now could be the answer to that one.
    is_lost: Cell<bool>,
}

impl<Q: Send + 'static, A: Send + 'static> Attendant<Q, A> {
    /// Starts a thread of that name. It ends, with all that `answer` holds, when the attendant is dropped and the last question is answered.
    pub(crate) fn new(name: &str, mut answer: impl FnMut(Q) -> A + Send + 'static) -> io::Result<Self> {
        let (questions, asked) = mpsc::channel();
        let (given, answers) = mpsc::channel();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            for question in asked {
                // Nobody may be waiting any more.
                let _ = given.send(answer(question));
            }
        })?;
        Ok(Self { questions, answers, is_lost: Cell::new(false) })
    }

    /// The answer to a question; `None` where there was none in time, and for every question after that.
    pub(crate) fn ask(&self, question: Q, patience: Duration) -> Option<A> {
        if self.is_lost.get() || self.questions.send(question).is_err() {
            return None;
        }
        let answer = self.answers.recv_timeout(patience).ok();
        self.is_lost.set(answer.is_none());
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn questions_are_answered_until_one_is_not_answered_in_time() {
        let (release, wait) = mpsc::channel::<()>();
        let attendant = Attendant::new("test", move |question: u32| {
            if question == 3 {
                let _ = wait.recv();
            }
            question * 2
        });
        let attendant = attendant.unwrap();
        assert_eq!([1, 2].map(|question| attendant.ask(question, LONG)), [Some(2), Some(4)]);
        assert_eq!(attendant.ask(3, Duration::from_millis(1)), None);
        release.send(()).unwrap();
        assert_eq!(attendant.ask(4, LONG), None, "it could be the answer to another question");
    }
}
