//! Avro's object container files: header, blocks, and where each record in a block begins and ends.
//!
//! Owns the container only; a record's fields are the decoder's business. The format is that of the Avro 1.12 specification, "Object Container
//! Files". Compression is none or deflate; another codec is refused by name.

use std::io::{BufReader, Read};

use flate2::read::DeflateDecoder;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_avro_fast::Schema;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};

/// A block of more bytes, packed or not, is taken for damage.
const BLOCK_MAX_BYTES: u64 = 1 << 30;
/// Header entries of more bytes are taken for damage.
const HEADER_MAX_BYTES: u64 = 16 << 20;

/// How blocks are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    None,
    Deflate,
}

/// A container file being read.
pub(super) struct Container {
    bytes: BufReader<Box<dyn Read + Send>>,
    schema_text: String,
    schema: Schema,
    codec: Codec,
    marker: [u8; 16],
    packed: Vec<u8>,
}

impl Container {
    /// Reads the header.
    pub(super) fn open(bytes: Box<dyn Read + Send>) -> Result<Container, String> {
        let mut bytes = BufReader::new(bytes);
        let mut magic = [0; 4];
        bytes.read_exact(&mut magic).map_err(|error| truncated(&error))?;
        if magic != *b"Obj\x01" {
            return Err("it is no avro container file: it does not begin with Obj".to_owned());
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
                    b"avro.codec" => codec = codec_of(&value)?,
                    _ => {}
                }
            }
        }
        let mut marker = [0; 16];
        bytes.read_exact(&mut marker).map_err(|error| truncated(&error))?;
        let schema_text = schema_text.ok_or("it has no schema")?;
        let schema = schema_text.parse().map_err(|error| format!("its schema is none: {error}"))?;
        Ok(Container { bytes, schema_text, schema, codec, marker, packed: Vec::new() })
    }

    /// The schema that the records were written with.
    pub(super) fn schema_text(&self) -> &str {
        &self.schema_text
    }

    /// Reads the next block and finds its records; false at the end of the file.
    pub(super) fn next_block(&mut self, bytes: &mut Vec<u8>, spans: &mut Vec<(usize, usize)>) -> Result<bool, String> {
        let Some(count) = long_or_end(&mut self.bytes)? else { return Ok(false) };
        let size = u64::try_from(long(&mut self.bytes)?)
            .ok()
            .filter(|size| *size <= BLOCK_MAX_BYTES)
            .ok_or("it is damaged: a block of an absurd size")?;
        self.packed.clear();
        let read = self.bytes.by_ref().take(size).read_to_end(&mut self.packed).map_err(|error| error.to_string())?;
        if (read as u64) < size {
            return Err("it ends inside a block: it was cut off".to_owned());
        }
        bytes.clear();
        match self.codec {
            Codec::None => std::mem::swap(bytes, &mut self.packed),
            Codec::Deflate => {
                let mut unpacked = DeflateDecoder::new(self.packed.as_slice()).take(BLOCK_MAX_BYTES);
                unpacked
                    .read_to_end(bytes)
                    .map_err(|error| format!("it is damaged: a block cannot be unpacked ({error})"))?;
            }
        }
        let mut marker = [0; 16];
        self.bytes.read_exact(&mut marker).map_err(|error| truncated(&error))?;
        if marker != self.marker {
            return Err("it is damaged: a block is not followed by the marker of the file".to_owned());
        }
        self.find(bytes, count, spans)?;
        Ok(true)
    }

    fn find(&self, bytes: &[u8], count: i64, spans: &mut Vec<(usize, usize)>) -> Result<(), String> {
        spans.clear();
        let mut at = 0;
        for number in 0..count {
            let mut config = DeserializerConfig::new(&self.schema);
            config.max_seq_size = bytes.len().max(1);
            let mut state = DeserializerState::with_config(SliceRead::new(&bytes[at..]), config);
            IgnoredAny::deserialize(state.deserializer()).map_err(|error| {
                format!("it is damaged: record {number} of a block does not follow the schema ({error})")
            })?;
            let left = std::io::BufRead::fill_buf(&mut state.into_reader()).map_or(0, <[u8]>::len);
            let end = bytes.len() - left;
            if end == at && count > 1_000_000 {
                return Err("it is damaged: records without bytes".to_owned());
            }
            spans.push((at, end));
            at = end;
        }
        if at == bytes.len() {
            Ok(())
        } else {
            Err("it is damaged: bytes follow the last record of a block".to_owned())
        }
    }
}

fn codec_of(name: &[u8]) -> Result<Codec, String> {
    match name {
        b"null" => Ok(Codec::None),
        b"deflate" => Ok(Codec::Deflate),
        other => {
            Err(format!("it is packed with {}: pack it with deflate, or not at all", String::from_utf8_lossy(other)))
        }
    }
}

fn truncated(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "it ends too early: it was cut off".to_owned(),
        _ => error.to_string(),
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

    #[test]
    fn what_is_no_container_is_refused_in_words() {
        let open = |bytes: &[u8]| Container::open(Box::new(std::io::Cursor::new(bytes.to_vec()))).err().unwrap();
        assert!(open(b"{}\n{}").contains("no avro container"));
        assert!(open(b"Obj\x01").contains("cut off"));
        assert!(open(b"Obj\x01\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01").contains("absurd"));
    }
}
