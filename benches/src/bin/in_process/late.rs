//! A late event into a history of five hundred rows: the contact is folded anew.

use std::error::Error;

use leadstream_benches::{cpu, plans};
use leadstream_core::{Contact, Fold, HistoryLimits, Span, Timeline, Uid};

use crate::world::for_each_block;
use crate::{Size, median, print_cost};

const ROWS: usize = 500;
const ROUNDS: usize = 400;

pub(crate) fn measure() -> Result<(), Box<dyn Error>> {
    let mut events = Vec::new();
    for_each_block(Size { events: ROWS as u64, contacts: 1 }, |block, _| events.extend_from_slice(block))?;
    let mut fold = Fold::new(Timeline::new(plans::compile(plans::twenty_rules())?), HistoryLimits::default());
    let mut contact = Contact::new("c0000000");
    let mut out = Vec::new();
    let clock = events[ROWS - 1].time;
    for event in &events {
        fold.apply(&mut contact, event, clock, &mut out);
    }
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let mut late = events[round % ROWS].clone();
        late.uid = Uid::of("late", &round.to_string());
        late.time = late.time + Span::from_millis(1);
        let mut copy = contact.clone();
        out.clear();
        let start = cpu::thread_time();
        fold.apply(&mut copy, &late, clock, &mut out);
        times.push(cpu::thread_time() - start);
    }
    print_cost("a late event into 500 rows", 1, median(times));
    Ok(())
}
