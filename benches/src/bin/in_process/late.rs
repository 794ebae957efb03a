//! What a long history costs: late events into five hundred rows, for which the rows behind them are folded anew, and an event that makes the oldest of two
//! thousand rows leave.

use std::error::Error;

use leadstream_benches::{cpu, plans};
use leadstream_core::contact::Savepoint;
use leadstream_core::{Contact, Event, Fold, HistoryLimits, Past, Span, Timeline, Uid};
use leadstream_wire::stored::contact::{put_change, put_image};
use leadstream_wire::stored::redo::RedoPacker;

use crate::world::for_each_block;
use crate::{Size, median, print_cost};

const ROWS: usize = 500;
const ROUNDS: usize = 100;

pub(crate) fn measure() -> Result<(), Box<dyn Error>> {
    late_events("500 rows, an event 1 row late", |_| 1)?;
    late_events("500 rows, an event 20 rows late", |_| 20)?;
    late_events("500 rows, an event late by any number", |round| 1 + round * 7919 % ROWS)?;
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

/// Late events, each after one that comes in order, as they do: each leaves the states behind from which the next is folded.
fn late_events(what: &str, rows_behind: impl Fn(usize) -> usize) -> Result<(), Box<dyn Error>> {
    let (events, mut fold, mut out) = (events(ROWS + ROUNDS)?, new_fold()?, Vec::new());
    let mut contact = Contact::new("c0000000");
    // As many rows as it is about on average: each round adds two.
    let (before, after) = events.split_at(ROWS - ROUNDS);
    for event in before {
        fold.apply(&mut contact, event, event.time, &mut out);
    }
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    let (mut savepoint, mut packer) = (Savepoint::default(), RedoPacker::new(1 << 20));
    for (round, event) in after.iter().take(ROUNDS).enumerate() {
        fold.apply(&mut contact, event, event.time, &mut out);
        let rows = contact.rows.as_slice();
        let mut late = before[round].clone();
        late.uid = Uid::of("late", &round.to_string());
        late.time = rows[rows.len() - rows_behind(round).min(rows.len())].time - Span::from_millis(1);
        out.clear();
        packer.clear();
        contact.save(&mut savepoint);
        let start = cpu::thread_time();
        let sight = fold.look(&contact, &late, late.time);
        if let Past::From(rows) = sight.past() {
            savepoint.reach_back(&contact, rows);
        }
        fold.take(&mut contact, &late, sight, event.time, &mut out);
        times.push(cpu::thread_time() - start);
        packer.push_change(&contact.id, |words, bytes| put_change(&contact, &savepoint, words, bytes));
        bytes.push(packer.size_bytes());
    }
    print_cost(what, 1, median(times));
    println!("{:<44} {:>16}", "  its redo entry, bytes", median(bytes));
    Ok(())
}
