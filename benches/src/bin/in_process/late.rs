//! What a long history costs: a late event into five hundred rows, for which the contact is folded anew, and an event that makes the oldest of two
//! thousand rows leave.

use std::error::Error;

use leadstream_benches::{cpu, plans};
use leadstream_core::contact::Savepoint;
use leadstream_core::{Contact, Event, Fold, HistoryLimits, Span, Timeline, Uid};
use leadstream_wire::stored::contact::{put_change, put_image};
use leadstream_wire::stored::redo::RedoPacker;

use crate::world::for_each_block;
use crate::{Size, median, print_cost};

const ROWS: usize = 500;
const ROUNDS: usize = 400;

pub(crate) fn measure() -> Result<(), Box<dyn Error>> {
    late_event()?;
    leaving_row()
}

/// The events of one contact.
fn events(count: usize) -> Result<Vec<Event>, Box<dyn Error>> {
    let mut events = Vec::new();
    for_each_block(Size { events: count as u64, contacts: 1 }, |block, _| events.extend_from_slice(block))?;
    Ok(events)
}

fn new_fold() -> Result<Fold, Box<dyn Error>> {
    Ok(Fold::new(Timeline::new(plans::compile(plans::twenty_rules())?), HistoryLimits::default()))
}

/// An event beyond the limit of rows, in an epoch of its own: a savepoint, the fold, the redo entry.
fn leaving_row() -> Result<(), Box<dyn Error>> {
    let rows = HistoryLimits::default().rows;
    let (events, mut fold, mut out) = (events(rows + ROUNDS)?, new_fold()?, Vec::new());
    let (mut contact, mut savepoint) = (Contact::new("c0000000"), Savepoint::default());
    let mut packer = RedoPacker::new(1 << 20);
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    for (number, event) in events.iter().enumerate() {
        packer.clear();
        out.clear();
        let start = cpu::thread_time();
        contact.save(&mut savepoint);
        fold.apply(&mut contact, event, event.time, &mut out);
        if savepoint.leads_to(&contact) {
            packer.push_change(&contact.id, |words, bytes| put_change(&contact, &savepoint, words, bytes));
        } else {
            packer.push_image(&contact.id, |words, bytes| put_image(&contact, words, bytes));
        }
        if number >= rows {
            times.push(cpu::thread_time() - start);
            bytes.push(packer.size_bytes());
        }
    }
    print_cost("an event that makes one of 2,000 rows leave", 1, median(times));
    println!("{:<44} {:>16}", "  its redo entry, bytes", bytes.iter().sum::<usize>() / bytes.len());
    Ok(())
}

fn late_event() -> Result<(), Box<dyn Error>> {
    let (events, mut fold, mut out) = (events(ROWS)?, new_fold()?, Vec::new());
    let mut contact = Contact::new("c0000000");
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
