//! Decoding alone.

use std::error::Error;
use std::time::Duration;

use leadstream_benches::cpu;
use leadstream_benches::messages::Messages;
use leadstream_wire::{EventBatch, InputRecord};

use crate::{Size, median, print_cost, world};

const BLOCK_MESSAGES: usize = 10_000;
const ROUNDS: usize = 15;

pub(crate) fn measure(size: Size) -> Result<(), Box<dyn Error>> {
    let mut decoder = world::decoder()?;
    let mut made = Messages::new(BLOCK_MESSAGES as u64, size.contacts);
    let mut texts = Vec::new();
    while let Some(message) = made.make() {
        texts.push((message.text.to_owned(), message.time_ms as i64));
    }
    let bytes: usize = texts.iter().map(|(text, _)| text.len()).sum();
    let mut batch = EventBatch::new();
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..ROUNDS {
        let start = cpu::thread_time();
        for (text, time_ms) in &texts {
            let record =
                InputRecord { timestamp_ms: Some(*time_ms), value: Some(text.as_bytes()), ..InputRecord::default() };
            if batch.len() >= 1000 {
                batch.clear();
            }
            decoder.decode(&record, &mut batch).map_err(|letter| letter.to_string())?;
        }
        times.push(cpu::thread_time() - start);
    }
    let what = format!("decode, {} bytes of JSON", bytes / texts.len());
    print_cost(&what, BLOCK_MESSAGES as u64, median(times));
    Ok(())
}
