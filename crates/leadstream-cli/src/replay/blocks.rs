//! Reading files in blocks of whole records, on one thread.
//!
//! A block never ends inside a record, so whoever decodes it needs no other. Slots go round: with none free, reading waits.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crossbeam_channel::{Receiver, Sender};
use leadstream_wire::{Encoding, EventBatch, Shape, SourceFormat};

use super::Input;
use super::avro::{Container, Damage, Part};
use crate::failure::Failure;
use crate::files;
use crate::interrupt::Interrupt;
use crate::sources;

/// Bytes that a block aims at.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;
/// Without a line end in so many bytes, a file is no text.
const LINE_MAX_BYTES: usize = 64 << 20;

/// A file, or a partition of a topic, as decoders need to know it.
pub(super) struct InputFile {
    /// The place among the inputs.
    pub(super) place: usize,
    /// How messages name it.
    pub(super) name: String,
    /// How records name it: the file, or the topic.
    pub(super) topic: String,
    /// Which decoder reads it: those of one number look alike.
    pub(super) decoder: usize,
    /// How its records look.
    pub(super) content: Content,
    /// How records follow each other.
    pub(super) layout: Layout,
}

/// How records look.
#[derive(Clone)]
pub(super) enum Content {
    /// As a source writes them; for CSV with the columns of the first line, where that names them.
    Source(Box<SourceFormat>),
    /// As Leadstream writes them, keyed anew.
    Envelopes,
}

impl InputFile {
    /// A file whose description has been compiled once, so that no decoder can fail at it: a block that went missing would stop all folders.
    fn new(place: usize, name: String, format: SourceFormat, layout: Layout) -> Result<Arc<InputFile>, Failure> {
        sources::decoder(&name, &format)?;
        let (topic, decoder, content) = (name.clone(), place, Content::Source(Box::new(format)));
        Ok(Arc::new(InputFile { place, name, topic, decoder, content, layout }))
    }

    /// Whether its records may link ids.
    pub(super) fn may_link(&self) -> bool {
        match &self.content {
            Content::Source(format) => matches!(format.shape, Shape::Segment | Shape::Contacts(_)),
            Content::Envelopes => true,
        }
    }

    /// Whether this is a file of commands. Records of topics come in the order in which a service takes them, whatever they are.
    pub(super) fn holds_commands(&self) -> bool {
        let is_commands = |format: &SourceFormat| matches!(format.shape, Shape::Contacts(_));
        self.layout != Layout::Records && matches!(&self.content, Content::Source(format) if is_commands(format))
    }
}

/// How records follow each other in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// One a line.
    Lines,
    /// One a line, but for line breaks inside quotes.
    Csv,
    /// Where the slot's spans say.
    Spans,
    /// Where the slot's heads say.
    Records,
}

/// A record of a topic; its key and value are start and end in the slot's bytes.
pub(super) struct Head {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp_ms: Option<i64>,
    pub(super) key: Option<(usize, usize)>,
    pub(super) value: Option<(usize, usize)>,
}

/// A block on its way: its bytes, then the events decoded from them.
pub(super) struct Slot {
    /// The how-manieth block.
    pub(super) number: u64,
    /// Where it is from.
    pub(super) file: Option<Arc<InputFile>>,
    /// The line on which it begins, from 1; for spans the number of the first record, from 0.
    pub(super) first: u64,
    /// Whole records.
    pub(super) bytes: Vec<u8>,
    /// Start and end of each record, for files whose records no line break ends.
    pub(super) spans: Vec<(usize, usize)>,
    /// The records of a topic.
    pub(super) heads: Vec<Head>,
    /// What could not be read behind these records.
    pub(super) damage: Option<Damage>,
    /// The events.
    pub(super) events: EventBatch,
    /// For each folder its events, in order: the hash of the contact, and the place in the batch.
    pub(super) shares: Vec<Vec<(u64, usize)>>,
}

impl Slot {
    pub(super) fn new(shares: usize) -> Slot {
        Slot {
            number: 0,
            file: None,
            first: 0,
            bytes: Vec::new(),
            spans: Vec::new(),
            heads: Vec::new(),
            damage: None,
            events: EventBatch::new(),
            shares: vec![Vec::new(); shares],
        }
    }
}

/// Reads all files in their order.
pub(super) fn read(
    inputs: &[Input],
    free: &Receiver<Slot>,
    out: &Sender<Slot>,
    read_bytes: &Arc<AtomicU64>,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let mut reader = BlockWriter::new(free, out, interrupt);
    for (place, input) in inputs.iter().enumerate() {
        let name = input.path.display().to_string();
        let failed = |error: std::io::Error| Failure::file("read", &input.path, &error);
        let bytes = files::open(&input.path, read_bytes)?;
        let format = input.format.as_ref().clone();
        match &format.shape {
            // A file of records in frames is one of bare records, and both have ends in a container only.
            Shape::Interactions(Encoding::Avro(_) | Encoding::ConfluentAvro(_))
            | Shape::Contacts(Encoding::Avro(_) | Encoding::ConfluentAvro(_))
            | Shape::Mapped(Encoding::Avro(_) | Encoding::ConfluentAvro(_), _) => {
                reader.container(bytes, place, name, format)?;
            }
            Shape::Mapped(Encoding::Csv(_), _) => {
                let (format, header, bytes) = with_columns(bytes, format).map_err(failed)?;
                // An empty file names no columns and needs none.
                if matches!(&format.shape, Shape::Mapped(Encoding::Csv(csv), _) if csv.columns.is_empty()) {
                    continue;
                }
                let file = InputFile::new(place, name, format, Layout::Csv)?;
                reader.lines(bytes, file, header).map_err(|error| error.named(&input.path))?;
            }
            _ => {
                let file = InputFile::new(place, name, format, Layout::Lines)?;
                reader.lines(bytes, file, 0).map_err(|error| error.named(&input.path))?;
            }
        }
    }
    Ok(())
}

/// Takes the names of columns from the first line: where the format has none, and where the line has just those of the format, in any order.
/// Returns how many lines that took, and the bytes that are left to read.
fn with_columns<R: Read>(mut bytes: R, mut format: SourceFormat) -> std::io::Result<(SourceFormat, u64, impl Read)> {
    let mut line = Vec::new();
    let mut lines = 0;
    if let Shape::Mapped(Encoding::Csv(csv), _) = &mut format.shape {
        let mut byte = [0];
        while line.len() < 64 * 1024 && !line.ends_with(b"\n") && bytes.read(&mut byte)? == 1 {
            line.push(byte[0]);
        }
        let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line);
        let mut reader = csv::ReaderBuilder::new().delimiter(csv.delimiter).has_headers(false).from_reader(text);
        let names = match reader.records().next() {
            Some(Ok(record)) => record.iter().map(|column| column.trim().to_owned()).collect(),
            Some(Err(error)) if csv.columns.is_empty() => {
                return Err(std::io::Error::other(format!("its first line names no columns: {error}")));
            }
            None if csv.columns.is_empty() && !text.is_empty() => {
                return Err(std::io::Error::other("its first line names no columns"));
            }
            _ => Vec::new(),
        };
        if csv.columns.is_empty() || is_same_names(&names, &csv.columns) {
            csv.columns = names;
            lines = 1;
            line.clear();
        }
    }
    Ok((format, lines, std::io::Cursor::new(line).chain(bytes)))
}

/// Whether two lists have the same names, in whatever order.
fn is_same_names(left: &[String], right: &[String]) -> bool {
    left.len() == right.len()
        && left.iter().all(|name| right.contains(name))
        && right.iter().all(|name| left.contains(name))
}

/// What can go wrong with lines.
enum LinesError {
    Read(std::io::Error),
    NoLines,
    Stopped(Failure),
}

impl LinesError {
    fn named(self, path: &std::path::Path) -> Failure {
        match self {
            LinesError::Read(error) => Failure::file("read", path, &error),
            LinesError::NoLines => {
                let limit = LINE_MAX_BYTES >> 20;
                Failure::NotDone(format!(
                    "cannot read {}: {limit} MiB without a line end are no lines of text",
                    path.display()
                ))
            }
            LinesError::Stopped(failure) => failure,
        }
    }
}

/// Takes free slots and sends them on, filled and numbered.
pub(super) struct BlockWriter<'a> {
    free: &'a Receiver<Slot>,
    out: &'a Sender<Slot>,
    interrupt: &'a Interrupt,
    next: u64,
}

impl<'a> BlockWriter<'a> {
    pub(super) fn new(free: &'a Receiver<Slot>, out: &'a Sender<Slot>, interrupt: &'a Interrupt) -> BlockWriter<'a> {
        BlockWriter { free, out, interrupt, next: 0 }
    }

    /// An empty slot.
    pub(super) fn slot(&self) -> Result<Slot, Failure> {
        self.stop_if_asked()?;
        let mut slot = self.free.recv().map_err(|_| stopped())?;
        slot.bytes.clear();
        slot.spans.clear();
        slot.heads.clear();
        slot.damage = None;
        Ok(slot)
    }

    /// Fails once somebody has asked for the end.
    pub(super) fn stop_if_asked(&self) -> Result<(), Failure> {
        if self.interrupt.is_raised() { Err(stopped()) } else { Ok(()) }
    }

    /// Sends a block on.
    pub(super) fn send(&mut self, mut slot: Slot, file: &Arc<InputFile>, first: u64) {
        slot.number = self.next;
        slot.file = Some(Arc::clone(file));
        slot.first = first;
        self.next += 1;
        // Decoders that are gone have said why.
        let _ = self.out.send(slot);
    }

    /// Reads lines; `before` lines of the file were read already.
    fn lines(&mut self, mut bytes: impl Read, file: Arc<InputFile>, before: u64) -> Result<(), LinesError> {
        let mut carried: Vec<u8> = Vec::new();
        let mut line = 1 + before;
        loop {
            let mut slot = self.slot().map_err(LinesError::Stopped)?;
            slot.bytes.append(&mut carried);
            let (cut, at_end) = fill(&mut bytes, &mut slot.bytes, file.layout)?;
            carried.extend_from_slice(&slot.bytes[cut..]);
            slot.bytes.truncate(cut);
            let lines = memchr::memchr_iter(b'\n', &slot.bytes).count() as u64;
            self.send(slot, &file, line);
            line += lines;
            if at_end {
                return Ok(());
            }
        }
    }

    /// Reads an Avro container file, whose records carry the schema of the file whatever the format says.
    fn container(
        &mut self,
        bytes: Box<dyn Read + Send>,
        place: usize,
        name: String,
        mut format: SourceFormat,
    ) -> Result<(), Failure> {
        let failed = |error: String| Failure::NotDone(format!("cannot read {name}: {error}"));
        let mut container = Container::open(bytes).map_err(failed)?;
        match &mut format.shape {
            Shape::Interactions(encoding) | Shape::Contacts(encoding) | Shape::Mapped(encoding, _) => {
                *encoding = Encoding::Avro(container.schema_text().to_owned());
            }
            Shape::Segment => {}
        }
        let file = InputFile::new(place, name.clone(), format, Layout::Spans)?;
        let mut record = 0;
        loop {
            let mut slot = self.slot()?;
            match container.next_part(&mut slot.bytes, &mut slot.spans).map_err(failed)? {
                Part::Block(damage) => slot.damage = damage,
                Part::End => return Ok(()),
            }
            let damaged = slot.damage.as_ref().map_or(0, |damage| damage.records);
            let records = slot.spans.len() as u64 + damaged;
            self.send(slot, &file, record);
            record += records;
        }
    }
}

fn stopped() -> Failure {
    Failure::Interrupted("nothing was written".to_owned())
}

/// Reads until there is a block of whole records. Returns where the last whole record ends, and whether the file does.
fn fill(bytes: &mut impl Read, block: &mut Vec<u8>, layout: Layout) -> Result<(usize, bool), LinesError> {
    let mut wanted = BLOCK_BYTES;
    loop {
        let missing = wanted.saturating_sub(block.len()) as u64;
        let read = bytes.by_ref().take(missing).read_to_end(block).map_err(LinesError::Read)?;
        if (read as u64) < missing {
            return Ok((block.len(), true));
        }
        if let Some(end) = last_record_end(block, layout) {
            return Ok((end, false));
        }
        if block.len() >= LINE_MAX_BYTES {
            return Err(LinesError::NoLines);
        }
        wanted = block.len() * 2;
    }
}

/// Behind the last line break that ends a record.
fn last_record_end(block: &[u8], layout: Layout) -> Option<usize> {
    if layout != Layout::Csv {
        return memchr::memrchr(b'\n', block).map(|at| at + 1);
    }
    let mut end = None;
    let mut is_quoted = false;
    for (at, byte) in block.iter().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => end = Some(at + 1),
            _ => {}
        }
    }
    end
}

/// The records of a block of lines: start and end without the line break, and how many line breaks lie before its end.
pub(super) fn records(bytes: &[u8], layout: Layout, mut visit: impl FnMut(&[u8], u64)) {
    let (mut start, mut breaks, mut breaks_before, mut is_quoted) = (0, 0, 0, false);
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' if layout == Layout::Csv => is_quoted = !is_quoted,
            b'\n' => {
                breaks += 1;
                if !is_quoted {
                    visit(&bytes[start..at], breaks_before);
                    start = at + 1;
                    breaks_before = breaks;
                }
            }
            _ if layout == Layout::Lines => {
                // Everything up to the next line break is of no interest; a library finds it many bytes at a time.
                at += memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    if start < bytes.len() {
        visit(&bytes[start..], breaks_before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, layout: Layout) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        records(text.as_bytes(), layout, |record, line| {
            found.push((String::from_utf8(record.to_vec()).unwrap(), line))
        });
        found
    }

    #[test]
    fn records_are_found_with_the_line_on_which_they_begin() {
        let found = split("a\n\"b\n\nc", Layout::Lines);
        assert_eq!(found, [("a".into(), 0), ("\"b".into(), 1), (String::new(), 2), ("c".into(), 3)]);
        let found = split("a,\"x\ny\"\nb,z\n", Layout::Csv);
        assert_eq!(found, [("a,\"x\ny\"".into(), 0), ("b,z".into(), 2)]);
    }

    #[test]
    fn a_block_of_csv_never_ends_inside_quotes() {
        assert_eq!(last_record_end(b"a\nb,\"c\nd", Layout::Csv), Some(2));
        assert_eq!(last_record_end(b"a\nb,\"c\nd", Layout::Lines), Some(7));
        assert_eq!(last_record_end(b"abc", Layout::Lines), None);
    }
}
