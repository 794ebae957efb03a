//! Avro's object container files: header, blocks, and where each record in a block begins and ends.
//!
//! Owns the container only; a record's fields are the decoder's business. The format is that of the Avro 1.12 specification, "Object Container
//! Files".
//!
//! A block that is damaged costs what is in it and no other: reading goes on behind the next marker, and what was left out is told with its place.

use std::io::{BufReader, Cursor, Read};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_avro_fast::Schema;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};

use super::packing::{Codec, UNPACKED_MAX_BYTES};

/// What every container file begins with.
const MAGIC: &[u8; 4] = b"Obj\x01";
/// A packed block of more bytes is taken for damage.
const BLOCK_MAX_BYTES: u64 = UNPACKED_MAX_BYTES as u64;
/// Header entries of more bytes are taken for damage.
const HEADER_MAX_BYTES: u64 = 16 << 20;
/// More records in a block than this are believed only if they have bytes.
const EMPTY_RECORDS_MAX: u64 = 1_000_000;
/// Bytes read at once in search of a marker.
const SEARCH_BYTES: usize = 64 * 1024;

type Marker = [u8; 16];

/// A container file being read.
pub(super) struct Container {
    bytes: Source,
    schema_text: String,
    schema: Schema,
    codec: Codec,
    marker: Marker,
    packed: Vec<u8>,
}

/// What could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// How many records that are, as far as the file says; at least one.
    pub(super) records: u64,
    /// Where it is, and what is wrong.
    pub(super) reason: String,
}

/// A part of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Records, and behind them what is damaged of their block.
    Block(Option<Damage>),
    /// The end of the file.
    End,
}

impl Container {
    /// Reads the header.
    pub(super) fn open(bytes: Box<dyn Read + Send>) -> Result<Container, String> {
        let mut bytes = Source { pushed: Cursor::default(), bytes: BufReader::new(bytes), position: 0 };
        let mut magic = [0; 4];
        bytes.exact(&mut magic)?;
        if magic != *MAGIC {
            return Err(
                "it is no avro container file: it does not begin with Obj. Bare and framed records have no ends in a file"
                    .to_owned(),
            );
        }
        let (mut schema_text, mut codec) = (None, Codec::None);
        loop {
            let count = match long(&mut bytes)? {
                0 => break,
                // A negative count is followed by the size of its block.
                count if count < 0 => {
                    long(&mut bytes)?;
                    count.unsigned_abs()
                }
                count => count.unsigned_abs(),
            };
            for _ in 0..count {
                let name = sized(&mut bytes, HEADER_MAX_BYTES)?;
                let value = sized(&mut bytes, HEADER_MAX_BYTES)?;
                match name.as_slice() {
                    b"avro.schema" => {
                        schema_text = Some(String::from_utf8(value).map_err(|_| "its schema is not UTF-8".to_owned())?)
                    }
                    b"avro.codec" => codec = Codec::of(&value)?,
                    _ => {}
                }
            }
        }
        let mut marker = [0; 16];
        bytes.exact(&mut marker)?;
        let schema_text = schema_text.ok_or("it has no schema")?;
        let schema = schema_text.parse().map_err(|error| format!("its schema is none: {error}"))?;
        Ok(Container { bytes, schema_text, schema, codec, marker, packed: Vec::new() })
    }

    /// The schema that the records were written with.
    pub(super) fn schema_text(&self) -> &str {
        &self.schema_text
    }

    /// Reads the next block and finds its records.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn next_part(&mut self, bytes: &mut Vec<u8>, spans: &mut Vec<(usize, usize)>) -> Result<Part, String> {
        bytes.clear();
        spans.clear();
        let begin = self.bytes.position;
        self.packed.clear();
        let (count, intact) = match self.read_block() {
            Ok(None) => return Ok(Part::End),
            Ok(Some(count)) => (count, Ok(())),
            Err(Broken::File(reason)) => return Err(reason),
            Err(Broken::Block(reason)) => {
                self.seek_marker()?;
                (1, Err(reason))
            }
        };
        let read = intact
            .and_then(|()| self.codec.unpack(&mut self.packed, bytes))
            .and_then(|()| self.find(bytes, count, spans));
        let damage = read.err().map(|reason| Damage {
            records: count.saturating_sub(spans.len() as u64).max(1),
            reason: format!("the block from byte {begin} to {} is damaged: {reason}", self.bytes.position),
        });
        Ok(Part::Block(damage))
    }

    /// Reads the next block as it is packed, and says how many records it should hold; `None` at the end of the file. Where it is broken, what was
    /// read behind its numbers is in `packed`.
    fn read_block(&mut self) -> Result<Option<u64>, Broken> {
        let absurd = |what: &str| Broken::Block(format!("it has an absurd {what}"));
        let Some(count) = long_or_end(&mut self.bytes).map_err(Broken::Block)? else { return Ok(None) };
        let count = u64::try_from(count).map_err(|_| absurd("number of records"))?;
        let size = long(&mut self.bytes).map_err(Broken::Block)?;
        let size = u64::try_from(size).ok().filter(|size| *size <= BLOCK_MAX_BYTES).ok_or_else(|| absurd("size"))?;
        let wanted = size + self.marker.len() as u64;
        let read = self.bytes.by_ref().take(wanted).read_to_end(&mut self.packed);
        let read = read.map_err(|error| Broken::File(error.to_string()))?;
        if (read as u64) < wanted {
            return Err(Broken::Block("the file ends inside it: it was cut off".to_owned()));
        }
        if self.packed.ends_with(&self.marker) {
            self.packed.truncate(self.packed.len() - self.marker.len());
            return Ok(Some(count));
        }
        Err(Broken::Block("it is not followed by the marker of the file".to_owned()))
    }

    /// Goes on behind the next marker, beginning with what `packed` holds; to the end of the file where there is none.
    fn seek_marker(&mut self) -> Result<(), String> {
        let finder = memchr::memmem::Finder::new(&self.marker);
        loop {
            if let Some(at) = finder.find(&self.packed) {
                self.bytes.give_back(self.packed.split_off(at + self.marker.len()));
                return Ok(());
            }
            // The beginning of a marker may stand at the end.
            let keep = self.packed.len().saturating_sub(self.marker.len() - 1);
            self.packed.drain(..keep);
            let read = self.bytes.by_ref().take(SEARCH_BYTES as u64).read_to_end(&mut self.packed);
            if read.map_err(|error| error.to_string())? == 0 {
                return Ok(());
            }
        }
    }

    /// Finds the records of a block, up to the first that does not follow the schema.
    fn find(&self, bytes: &[u8], count: u64, spans: &mut Vec<(usize, usize)>) -> Result<(), String> {
        let mut at = 0;
        for number in 0..count {
            let mut config = DeserializerConfig::new(&self.schema);
            config.max_seq_size = bytes.len().max(1);
            let mut state = DeserializerState::with_config(SliceRead::new(&bytes[at..]), config);
            IgnoredAny::deserialize(state.deserializer()).map_err(|_| {
                let of = if number == 0 { "its first record" } else { "one of its records" };
                format!("from {of} on it does not follow the schema")
            })?;
            let left = std::io::BufRead::fill_buf(&mut state.into_reader()).map_or(0, <[u8]>::len);
            let end = bytes.len() - left;
            if end == at && count > EMPTY_RECORDS_MAX {
                return Err("it has records without bytes".to_owned());
            }
            spans.push((at, end));
            at = end;
        }
        if at == bytes.len() { Ok(()) } else { Err("bytes follow its last record".to_owned()) }
    }
}

/// What is broken.
enum Broken {
    Block(String),
    File(String),
}

/// The bytes of the file, of which some may be given back.
struct Source {
    pushed: Cursor<Vec<u8>>,
    bytes: BufReader<Box<dyn Read + Send>>,
    /// Bytes read so far.
    position: u64,
}

impl Source {
    fn give_back(&mut self, bytes: Vec<u8>) {
        self.position -= bytes.len() as u64;
        let at = usize::try_from(self.pushed.position()).unwrap_or(usize::MAX);
        let unread = self.pushed.get_ref().get(at..).unwrap_or_default();
        self.pushed = Cursor::new([&bytes, unread].concat());
    }

    fn exact(&mut self, buffer: &mut [u8]) -> Result<(), String> {
        self.read_exact(buffer).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "it ends too early: it was cut off".to_owned(),
            _ => error.to_string(),
        })
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut read = self.pushed.read(buffer)?;
        if read == 0 {
            read = self.bytes.read(buffer)?;
        }
        self.position += read as u64;
        Ok(read)
    }
}

fn sized(bytes: &mut impl Read, limit: u64) -> Result<Vec<u8>, String> {
    let size = u64::try_from(long(bytes)?)
        .ok()
        .filter(|size| *size <= limit)
        .ok_or("it is damaged: a header of an absurd size")?;
    let mut value = Vec::new();
    let read = bytes.take(size).read_to_end(&mut value).map_err(|error| error.to_string())?;
    if (read as u64) < size { Err("it ends inside its header: it was cut off".to_owned()) } else { Ok(value) }
}

fn long(bytes: &mut impl Read) -> Result<i64, String> {
    long_or_end(bytes)?.ok_or_else(|| "it ends too early: it was cut off".to_owned())
}

/// A number in Avro's variable-length zig-zag code; `None` where the file ends in front of it.
fn long_or_end(bytes: &mut impl Read) -> Result<Option<i64>, String> {
    let mut number = 0u64;
    for place in 0..10 {
        let mut byte = [0];
        if bytes.read(&mut byte).map_err(|error| error.to_string())? == 0 {
            return if place == 0 { Ok(None) } else { Err("it ends inside a number: it was cut off".to_owned()) };
        }
        number |= u64::from(byte[0] & 0x7f) << (7 * place);
        if byte[0] < 0x80 {
            return Ok(Some((number >> 1) as i64 ^ -((number & 1) as i64)));
        }
    }
    Err("it is damaged: a number is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_specification_writes_them() {
        for (bytes, expected) in [(&[0u8][..], 0), (&[1], -1), (&[2], 1), (&[0x7f], -64), (&[0x80, 0x01], 64)] {
            assert_eq!(long_or_end(&mut &bytes[..]), Ok(Some(expected)));
        }
        assert_eq!(long_or_end(&mut &[][..]), Ok(None));
        assert!(long_or_end(&mut &[0x80][..]).is_err());
        assert!(long_or_end(&mut &[0xff; 11][..]).is_err());
    }

    fn open(bytes: &[u8]) -> Result<Container, String> {
        Container::open(Box::new(Cursor::new(bytes.to_vec())))
    }

    #[test]
    fn what_is_no_container_is_refused_in_words() {
        let refused = |bytes: &[u8]| open(bytes).err().unwrap();
        assert!(refused(b"{}\n{}").contains("no avro container"));
        assert!(refused(b"Obj\x01").contains("cut off"));
        assert!(refused(b"Obj\x01\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01").contains("absurd"));
    }

    const MARK: &[u8; 16] = b"0123456789abcdef";

    /// A file of texts without packing, each inner list one block.
    fn file(blocks: &[&[&str]]) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        // One entry: the schema, a string of eight bytes.
        file.extend(b"\x02\x16avro.schema\x10\"string\"\x00");
        file.extend(MARK);
        blocks.iter().for_each(|block| file.extend(packed(block)));
        file
    }

    fn packed(texts: &[&str]) -> Vec<u8> {
        let bytes: Vec<u8> =
            texts.iter().flat_map(|text| [vec![text.len() as u8 * 2], text.as_bytes().to_vec()].concat()).collect();
        [vec![texts.len() as u8 * 2, bytes.len() as u8 * 2], bytes, MARK.to_vec()].concat()
    }

    /// All texts that are read, and all damage.
    fn read(file: &[u8]) -> (Vec<String>, Vec<Damage>) {
        let mut container = open(file).unwrap();
        let (mut bytes, mut spans, mut texts, mut damaged) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        loop {
            let part = container.next_part(&mut bytes, &mut spans).unwrap();
            texts.extend(spans.iter().map(|(from, to)| String::from_utf8(bytes[*from + 1..*to].to_vec()).unwrap()));
            match part {
                Part::Block(damage) => damaged.extend(damage),
                Part::End => return (texts, damaged),
            }
        }
    }

    #[test]
    fn a_damaged_block_is_told_with_its_place_and_the_others_are_read() {
        let whole = file(&[&["a", "b"], &["c", "d", "e"], &["f"]]);
        assert_eq!(read(&whole), (["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec(), Vec::new()));
        let begin = file(&[&["a", "b"]]).len();
        let end = file(&[&["a", "b"], &["c", "d", "e"]]).len();
        // The number of records, the size of the block, the length of its second text, its marker.
        for (at, byte, kept, records, reason) in [
            (0, 0x01, "abf", 1, "it has an absurd number of records"),
            (0, 0x04, "abcdf", 1, "bytes follow its last record"),
            (0, 0x08, "abcdef", 1, "from one of its records on it does not follow the schema"),
            (1, 0x03, "abf", 1, "it has an absurd size"),
            (1, 0x0a, "abf", 1, "it is not followed by the marker of the file"),
            (1, 0x70, "abf", 1, "the file ends inside it: it was cut off"),
            (4, 0x70, "abcf", 2, "from one of its records on it does not follow the schema"),
            (8, 0x00, "ab", 1, "it is not followed by the marker of the file"),
        ] {
            let mut broken = whole.clone();
            broken[begin + at] = byte;
            let (texts, damaged) = read(&broken);
            assert_eq!(texts.concat(), kept, "{at} {byte}");
            // Without its own marker a block reaches to the next one.
            let end = if at == 8 { whole.len() } else { end };
            let reason = format!("the block from byte {begin} to {end} is damaged: {reason}");
            assert_eq!(damaged, [Damage { records, reason }], "{at} {byte}");
        }
    }

    #[test]
    fn whatever_byte_is_changed_what_lies_before_it_is_read_and_reading_ends() {
        let blocks: [&[&str]; 4] = [&["a", "b"], &["c", "d", "e"], &["f"], &["g", "h"]];
        let whole = file(&blocks);
        let ends: Vec<usize> = (0..=blocks.len()).map(|count| file(&blocks[..count]).len()).collect();
        for at in ends[0]..whole.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut broken = whole.clone();
                broken[at] ^= change;
                let mut container = open(&broken).unwrap();
                let (mut bytes, mut spans, mut parts) = (Vec::new(), Vec::new(), 0);
                while container.next_part(&mut bytes, &mut spans).unwrap() != Part::End {
                    let is_before = ends[parts + 1] <= at;
                    assert!(!is_before || spans.len() == blocks[parts].len(), "{at} {change} {parts}");
                    parts += 1;
                }
                assert!(parts <= blocks.len(), "{at} {change}");
            }
        }
    }

    #[test]
    fn a_file_that_was_cut_off_keeps_what_is_whole() {
        let whole = file(&[&["a", "b"], &["c"]]);
        let first = file(&[&["a", "b"]]).len();
        for length in first + 1..whole.len() {
            let (texts, damaged) = read(&whole[..length]);
            assert_eq!((texts.concat().as_str(), damaged.len()), ("ab", 1), "{length}");
            assert!(damaged[0].reason.contains("cut off"), "{length}: {}", damaged[0].reason);
        }
    }

    #[test]
    fn a_marker_is_found_wherever_it_lies_in_what_is_searched() {
        for noise in [SEARCH_BYTES - 20, SEARCH_BYTES - 8, SEARCH_BYTES, 3 * SEARCH_BYTES + 7] {
            let mut broken = file(&[]);
            // A size that nothing has, then noise.
            broken.extend(b"\x02\x03");
            broken.extend(std::iter::repeat_n(b'0', noise));
            broken.extend(MARK);
            broken.extend(packed(&["kept"]));
            let (texts, damaged) = read(&broken);
            assert_eq!((texts.concat().as_str(), damaged.len()), ("kept", 1), "{noise}");
        }
    }
}
