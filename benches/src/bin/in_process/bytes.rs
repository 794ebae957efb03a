//! How large a contact is: in memory, as an image in the changelog, and as an entry of a redo record.

use std::error::Error;

use leadstream_benches::cpu;
use leadstream_benches::plans;
use leadstream_core::contact::Savepoint;
use leadstream_core::{Fold, HistoryLimits, Timeline};
use leadstream_wire::stored::Dictionary;
use leadstream_wire::stored::contact::{ImageWriter, put_change};

use crate::world::{World, for_each_block};
use crate::{Size, print_cost};

pub(crate) fn measure(size: Size) -> Result<(), Box<dyn Error>> {
    let mut fold = Fold::new(Timeline::new(plans::compile(plans::twenty_rules())?), HistoryLimits::default());
    let mut world = World::new(size.contacts);
    let (mut changes, mut change_bytes, mut change_time, mut seen) = (0u64, 0u64, std::time::Duration::ZERO, 0);
    let (mut buffer, mut words, mut images) = (Vec::new(), Dictionary::default(), ImageWriter::default());
    for_each_block(size, |events, numbers| {
        seen += events.len() as u64;
        let last_blocks = seen > size.events - size.events / 8;
        let mut touched = numbers.to_vec();
        touched.sort_unstable();
        touched.dedup();
        words.clear();
        let before: Vec<Savepoint> = match last_blocks {
            true => touched.iter().map(|number| world.contacts[*number].savepoint()).collect(),
            false => Vec::new(),
        };
        world.fold(&mut fold, events, numbers);
        let start = cpu::thread_time();
        for (number, since) in touched.iter().zip(&before) {
            buffer.clear();
            put_change(&world.contacts[*number], since, &mut words, &mut buffer);
            changes += 1;
            change_bytes += buffer.len() as u64;
        }
        change_time += cpu::thread_time() - start;
    })?;
    print_cost("write a redo entry", changes, change_time);
    println!("    {} bytes each", change_bytes / changes.max(1));
    let start = cpu::thread_time();
    let (mut image_bytes, mut largest) = (0, 0);
    for contact in &world.contacts {
        buffer.clear();
        images.write(contact, &mut buffer);
        image_bytes += buffer.len();
        largest = largest.max(buffer.len());
    }
    let contacts = world.contacts.len();
    print_cost("write an image", contacts as u64, cpu::thread_time() - start);
    let rows: usize = world.contacts.iter().map(|contact| contact.rows.len()).sum();
    let memory: usize = world.contacts.iter().map(leadstream_core::Contact::memory_bytes).sum();
    println!(
        "    {} bytes an image, {largest} the largest; {:.1} rows a contact",
        image_bytes / contacts,
        rows as f64 / contacts as f64
    );
    println!("    {} bytes a contact in memory", memory / contacts);
    println!(
        "    {:.0} bytes a row of image, {:.0} of memory",
        image_bytes as f64 / rows as f64,
        memory as f64 / rows as f64
    );
    Ok(())
}
