//! The primitives of stored forms: variable-length numbers, texts and byte strings, written and read back.
//!
//! Reading never panics and never allocates by a length that the bytes do not hold.

use super::StoredError;

/// Appends a number, seven bits a byte, least first (LEB128).
pub(crate) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Appends a signed number so that small ones of either sign are short.
pub(crate) fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put_number(bytes, ((number << 1) ^ (number >> 63)) as u64);
}

/// Appends bytes with their length in front.
pub(crate) fn put_bytes(bytes: &mut Vec<u8>, value: &[u8]) {
    put_number(bytes, value.len() as u64);
    bytes.extend_from_slice(value);
}

/// Reads what the functions above wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByteReader<'a> {
    rest: &'a [u8],
}

impl<'a> ByteReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> ByteReader<'a> {
        ByteReader { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn byte(&mut self) -> Result<u8, StoredError> {
        let (first, rest) = self.rest.split_first().ok_or(StoredError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn number(&mut self) -> Result<u64, StoredError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(StoredError::Malformed("a number beyond 64 bits"));
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(StoredError::Malformed("a number beyond 64 bits"))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, StoredError> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub(crate) fn number_u32(&mut self) -> Result<u32, StoredError> {
        u32::try_from(self.number()?).map_err(|_| StoredError::Malformed("a number beyond 32 bits"))
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], StoredError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(StoredError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], StoredError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(StoredError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], StoredError> {
        let length = usize::try_from(self.number()?).map_err(|_| StoredError::Truncated)?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, StoredError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| StoredError::Malformed("a text that is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_size_come_back() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            put_signed(&mut bytes, number as i64);
            put_signed(&mut bytes, -(number as i64 >> 1));
            let mut reader = ByteReader::new(&bytes);
            assert_eq!(reader.number(), Ok(number));
            assert_eq!(reader.signed(), Ok(number as i64));
            assert_eq!(reader.signed(), Ok(-(number as i64 >> 1)));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn lengths_that_lie_are_told() {
        let mut bytes = Vec::new();
        put_number(&mut bytes, u64::MAX);
        assert_eq!(ByteReader::new(&bytes).bytes(), Err(StoredError::Truncated));
        assert_eq!(ByteReader::new(&[0xff; 11]).number(), Err(StoredError::Malformed("a number beyond 64 bits")));
        assert_eq!(ByteReader::new(&[1, 0xff]).text(), Err(StoredError::Malformed("a text that is not UTF-8")));
    }
}
