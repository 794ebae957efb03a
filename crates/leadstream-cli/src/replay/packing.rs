//! How the blocks of an Avro container file are packed, and unpacking them.
//!
//! The codecs are those of the Avro 1.12 specification but for bzip2 and xz, which are refused by name.

use std::io::Read;

use flate2::read::DeflateDecoder;

/// An unpacked block of more bytes is taken for damage.
pub(super) const UNPACKED_MAX_BYTES: usize = 1 << 30;
/// Three bytes of a block packed with snappy stand for at most 64.
const SNAPPY_MAX_RATIO: usize = 22;
/// Bytes of the checksum that follows a block packed with snappy.
const CHECKSUM_BYTES: usize = 4;

/// How blocks are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    None,
    Deflate,
    Snappy,
    Zstandard,
}

impl Codec {
    /// The codec of a name in a file's header.
    pub(super) fn of(name: &[u8]) -> Result<Codec, String> {
        match name {
            b"null" => Ok(Codec::None),
            b"deflate" => Ok(Codec::Deflate),
            b"snappy" => Ok(Codec::Snappy),
            b"zstandard" => Ok(Codec::Zstandard),
            other => Err(format!(
                "it is packed with {}: pack it with deflate, snappy or zstandard, or not at all",
                String::from_utf8_lossy(other)
            )),
        }
    }

    /// Unpacks a block in place of what `bytes` held; `packed` is left in any state.
    pub(super) fn unpack(self, packed: &mut Vec<u8>, bytes: &mut Vec<u8>) -> Result<(), String> {
        bytes.clear();
        match self {
            Codec::None => {
                std::mem::swap(bytes, packed);
                Ok(())
            }
            Codec::Deflate => read_all(DeflateDecoder::new(packed.as_slice()), bytes),
            Codec::Snappy => unpack_snappy(packed, bytes),
            Codec::Zstandard => match zstd::stream::read::Decoder::with_buffer(packed.as_slice()) {
                Ok(decoder) => read_all(decoder, bytes),
                Err(error) => Err(format!("it cannot be unpacked ({error})")),
            },
        }
    }
}

fn read_all(unpacked: impl Read, bytes: &mut Vec<u8>) -> Result<(), String> {
    let limit = UNPACKED_MAX_BYTES as u64;
    let read = unpacked.take(limit + 1).read_to_end(bytes);
    match read.map_err(|error| format!("it cannot be unpacked ({error})"))? {
        read if read <= UNPACKED_MAX_BYTES => Ok(()),
        _ => Err("it is unpacked to an absurd size".to_owned()),
    }
}

fn unpack_snappy(packed: &[u8], bytes: &mut Vec<u8>) -> Result<(), String> {
    let broken = |error: snap::Error| format!("it cannot be unpacked ({error})");
    let (body, checksum) = packed.split_last_chunk::<CHECKSUM_BYTES>().ok_or("it has no checksum")?;
    let length = snap::raw::decompress_len(body).map_err(broken)?;
    if length > UNPACKED_MAX_BYTES.min(body.len().saturating_mul(SNAPPY_MAX_RATIO)) {
        return Err("it is unpacked to an absurd size".to_owned());
    }
    bytes.resize(length, 0);
    let written = snap::raw::Decoder::new().decompress(body, bytes).map_err(broken)?;
    bytes.truncate(written);
    if crc32fast::hash(bytes) == u32::from_be_bytes(*checksum) {
        Ok(())
    } else {
        Err("its checksum does not match".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_that_are_not_read_are_refused_by_name() {
        assert!(Codec::of(b"bzip2").unwrap_err().starts_with("it is packed with bzip2: "));
        assert!(Codec::of(b"xz").unwrap_err().starts_with("it is packed with xz: "));
    }

    #[test]
    fn what_is_no_packed_block_is_refused_in_words() {
        let unpacked = |codec: Codec, packed: &[u8]| codec.unpack(&mut packed.to_vec(), &mut Vec::new()).unwrap_err();
        assert!(unpacked(Codec::Deflate, b"\xff\xff\xff").contains("cannot be unpacked"));
        assert!(unpacked(Codec::Zstandard, b"nothing").contains("cannot be unpacked"));
        assert_eq!(unpacked(Codec::Snappy, b"abc"), "it has no checksum");
        // Five bytes of length that say four gigabytes.
        assert_eq!(unpacked(Codec::Snappy, b"\xff\xff\xff\xff\x0f\0\0\0\0\0"), "it is unpacked to an absurd size");
        // A megabyte, in three bytes: a length that is believed is memory that is taken.
        assert_eq!(unpacked(Codec::Snappy, b"\x80\x80\x40\0\0\0\0"), "it is unpacked to an absurd size");
        let zeros = vec![0; 1 << 20];
        let mut packed = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
        packed.extend(crc32fast::hash(&zeros).to_be_bytes());
        let mut bytes = Vec::new();
        Codec::Snappy.unpack(&mut packed, &mut bytes).unwrap();
        assert!(bytes == zeros, "the most that snappy packs");
        let mut packed = snap::raw::Encoder::new().compress_vec(b"some text").unwrap();
        packed.extend(crc32fast::hash(b"other text").to_be_bytes());
        assert_eq!(unpacked(Codec::Snappy, &packed), "its checksum does not match");
    }
}
