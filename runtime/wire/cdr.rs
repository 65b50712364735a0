//! The bytes of a ROS 2 message: plain CDR, little-endian (XCDR version 1).
//!
//! Four bytes `00 01 00 00` stand first; every number is aligned to its own
//! size, counted from the byte after them; strings carry their length with a
//! closing NUL, sequences the number of their elements.

use super::pixels::Pixels;

/// The four bytes before every message: CDR, little-endian, no options.
pub const ENCAPSULATION: [u8; 4] = [0, 1, 0, 0];

/// Why bytes are not the message they are said to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CdrError {
    /// The first bytes are not those of little-endian CDR.
    #[error(
        "message begins with {got:02x?}, but little-endian CDR begins with 00 01 and two bytes of options"
    )]
    Encapsulation {
        /// The first bytes, at most four.
        got: Vec<u8>,
    },
    /// The message ends within a value.
    #[error("{what} at byte {at} needs {needed} bytes, but {left} are left")]
    Short {
        /// The field that was being read.
        what: &'static str,
        /// Bytes from the start of the message.
        at: usize,
        /// Bytes.
        needed: usize,
        /// Bytes.
        left: usize,
    },
    /// A sequence says to be longer than what is left could hold.
    #[error(
        "{what} says to have {count} elements of at least {element_bytes} bytes, but {left} bytes are left"
    )]
    Length {
        /// The field that was being read.
        what: &'static str,
        /// Elements.
        count: usize,
        /// Bytes.
        element_bytes: usize,
        /// Bytes.
        left: usize,
    },
    /// A string is not UTF-8 or does not close with NUL.
    #[error("{what} is {fault}")]
    Text {
        /// The field that was being read.
        what: &'static str,
        /// The fault.
        fault: &'static str,
    },
    /// The message's type is none that is known here.
    #[error("no message type {name:?} is known")]
    UnknownType {
        /// As in the encoding.
        name: String,
    },
}

/// Writes one message into a buffer that is used again and again.
#[derive(Debug)]
pub struct CdrWriter<'a> {
    to: &'a mut Vec<u8>,
}

macro_rules! put_number {
    ($($(#[$doc:meta])* $name:ident: $kind:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, value: $kind) {
            self.align(size_of::<$kind>());
            self.to.extend_from_slice(&value.to_le_bytes());
        }
    )*};
}

impl<'a> CdrWriter<'a> {
    /// Empties `to` and begins a message in it.
    pub fn begin(to: &'a mut Vec<u8>) -> Self {
        to.clear();
        to.extend_from_slice(&ENCAPSULATION);
        Self { to }
    }

    fn align(&mut self, bytes: usize) {
        let body = self.to.len() - ENCAPSULATION.len();
        let padding = body.next_multiple_of(bytes) - body;
        self.to.extend(std::iter::repeat_n(0, padding));
    }

    put_number! {
        /// One byte.
        u8: u8;
        /// A signed 32-bit number.
        i32: i32;
        /// An unsigned 32-bit number.
        u32: u32;
        /// A signed 64-bit number.
        i64: i64;
        /// An unsigned 64-bit number.
        u64: u64;
        /// A 32-bit floating-point number.
        f32: f32;
        /// A 64-bit floating-point number.
        f64: f64;
    }

    /// A truth value: one byte.
    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// The number of elements of a sequence. Counts above 2³² − 1 cannot be
    /// written; no message of ours comes near.
    pub fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// A string. A NUL within it would end it early for its reader, so only
    /// what stands before is written.
    pub fn string(&mut self, value: &str) {
        let value = value.split('\0').next().unwrap_or_default();
        self.count(value.len() + 1);
        self.to.extend_from_slice(value.as_bytes());
        self.to.push(0);
    }

    /// A sequence of bytes.
    pub fn bytes(&mut self, values: &[u8]) {
        self.count(values.len());
        self.to.extend_from_slice(values);
    }

    /// A sequence of 32-bit floating-point numbers.
    pub fn f32s(&mut self, values: &[f32]) {
        self.count(values.len());
        self.raw_f32s(values);
    }

    /// Numbers as bytes, without count or alignment: the inside of a byte
    /// sequence whose count stands already.
    pub fn raw_f32s(&mut self, values: &[f32]) {
        let channels = 1;
        Pixels::Planes { values, channels }.append(self.to);
    }

    /// Bytes without count: the inside of a byte sequence whose count stands
    /// already.
    pub fn raw_bytes(&mut self, values: &[u8]) {
        self.to.extend_from_slice(values);
    }

    /// An array of fixed length.
    pub fn f64_array<const N: usize>(&mut self, values: &[f64; N]) {
        for value in values {
            self.f64(*value);
        }
    }
}

/// Reads one message; never past its end, and never reserves more memory than
/// a small multiple of the message's own size.
#[derive(Debug, Clone)]
pub struct CdrReader<'a> {
    body: &'a [u8],
    at: usize,
}

macro_rules! get_number {
    ($($(#[$doc:meta])* $name:ident: $kind:ty;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// [`CdrError::Short`]; `what` names the value in it.
        pub fn $name(&mut self, what: &'static str) -> Result<$kind, CdrError> {
            self.align(size_of::<$kind>());
            let taken = self.take(what, size_of::<$kind>())?;
            let mut bytes = [0; size_of::<$kind>()];
            bytes.copy_from_slice(taken);
            Ok(<$kind>::from_le_bytes(bytes))
        }
    )*};
}

impl<'a> CdrReader<'a> {
    /// Begins to read a message.
    ///
    /// # Errors
    /// Bytes that do not begin as little-endian CDR.
    pub fn begin(message: &'a [u8]) -> Result<Self, CdrError> {
        match message {
            [0, 1, _, _, body @ ..] => Ok(Self { body, at: 0 }),
            other => Err(CdrError::Encapsulation {
                got: other.iter().take(4).copied().collect(),
            }),
        }
    }

    fn align(&mut self, bytes: usize) {
        self.at = self.at.next_multiple_of(bytes);
    }

    fn left(&self) -> usize {
        self.body.len().saturating_sub(self.at)
    }

    fn take(&mut self, what: &'static str, needed: usize) -> Result<&'a [u8], CdrError> {
        let taken = self
            .at
            .checked_add(needed)
            .and_then(|end| self.body.get(self.at..end));
        let taken = taken.ok_or(CdrError::Short {
            what,
            at: self.at + ENCAPSULATION.len(),
            needed,
            left: self.left(),
        })?;
        self.at += needed;
        Ok(taken)
    }

    get_number! {
        /// One byte.
        u8: u8;
        /// A signed 32-bit number.
        i32: i32;
        /// An unsigned 32-bit number.
        u32: u32;
        /// A signed 64-bit number.
        i64: i64;
        /// An unsigned 64-bit number.
        u64: u64;
        /// A 32-bit floating-point number.
        f32: f32;
        /// A 64-bit floating-point number.
        f64: f64;
    }

    /// A truth value; any byte but 0 is true.
    ///
    /// # Errors
    /// [`CdrError::Short`].
    pub fn bool(&mut self, what: &'static str) -> Result<bool, CdrError> {
        Ok(self.u8(what)? != 0)
    }

    /// The number of elements of a sequence, each at least `element_bytes`
    /// long (at least 1).
    ///
    /// # Errors
    /// A count that what is left cannot hold.
    pub fn count(&mut self, what: &'static str, element_bytes: usize) -> Result<usize, CdrError> {
        let count = self.u32(what)? as usize;
        let left = self.left();
        if count > left / element_bytes.max(1) {
            return Err(CdrError::Length {
                what,
                count,
                element_bytes,
                left,
            });
        }
        Ok(count)
    }

    /// A sequence, element by element.
    ///
    /// # Errors
    /// As [`count`](Self::count), and those of `read`.
    pub fn sequence<T>(
        &mut self,
        what: &'static str,
        element_bytes: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, CdrError>,
    ) -> Result<Vec<T>, CdrError> {
        let count = self.count(what, element_bytes)?;
        (0..count).map(|_| read(self)).collect()
    }

    /// A string; a length of 0 is read as the empty string, though the
    /// standard asks for a closing NUL there too.
    ///
    /// # Errors
    /// [`CdrError::Length`] and [`CdrError::Text`].
    pub fn string(&mut self, what: &'static str) -> Result<&'a str, CdrError> {
        let length = self.count(what, 1)?;
        let text = match self.take(what, length)? {
            [] => return Ok(""),
            [text @ .., 0] => text,
            _ => {
                return Err(CdrError::Text {
                    what,
                    fault: "not closed with NUL",
                });
            }
        };
        std::str::from_utf8(text).map_err(|_| CdrError::Text {
            what,
            fault: "not UTF-8",
        })
    }

    /// A sequence of bytes, in place.
    ///
    /// # Errors
    /// [`CdrError::Length`].
    pub fn bytes(&mut self, what: &'static str) -> Result<&'a [u8], CdrError> {
        let length = self.count(what, 1)?;
        self.take(what, length)
    }

    /// A sequence of 64-bit floating-point numbers.
    ///
    /// # Errors
    /// [`CdrError::Length`].
    pub fn f64s(&mut self, what: &'static str) -> Result<Vec<f64>, CdrError> {
        self.sequence(what, 8, |reader| reader.f64(what))
    }

    /// A sequence of 32-bit floating-point numbers.
    ///
    /// # Errors
    /// [`CdrError::Length`].
    pub fn f32s(&mut self, what: &'static str) -> Result<Vec<f32>, CdrError> {
        let count = self.count(what, 4)?;
        let bytes = self.take(what, count * 4)?;
        let (numbers, _) = bytes.as_chunks::<4>();
        Ok(numbers.iter().copied().map(f32::from_le_bytes).collect())
    }

    /// An array of fixed length.
    ///
    /// # Errors
    /// [`CdrError::Short`].
    pub fn f64_array<const N: usize>(&mut self, what: &'static str) -> Result<[f64; N], CdrError> {
        let mut values = [0.0; N];
        for value in &mut values {
            *value = self.f64(what)?;
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_on_multiples_of_their_size() {
        let mut bytes = vec![9; 100];
        let mut writer = CdrWriter::begin(&mut bytes);
        writer.u8(1);
        writer.u32(2);
        writer.u8(3);
        writer.f64(1.0);
        writer.string("ab");
        writer.f32(1.0);
        #[rustfmt::skip]
        let expected = [
            0, 1, 0, 0,
            1, 0, 0, 0,  2, 0, 0, 0,
            3, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0xf0, 0x3f,
            3, 0, 0, 0, b'a', b'b', 0,  0,
            0, 0, 0x80, 0x3f,
        ];
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_count_larger_than_the_message_is_refused_before_memory_is_taken() {
        let lying = [0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 2];
        let mut reader = CdrReader::begin(&lying).expect("encapsulation");
        let error = reader.f64s("d").expect_err("must be refused");
        assert_eq!(
            error.to_string(),
            "d says to have 4294967295 elements of at least 8 bytes, but 2 bytes are left"
        );
    }

    #[test]
    fn big_endian_and_empty_messages_are_refused() {
        for bytes in [&[][..], &[0, 1, 0], &[0, 0, 0, 0, 1]] {
            assert!(matches!(
                CdrReader::begin(bytes),
                Err(CdrError::Encapsulation { .. })
            ));
        }
    }

    #[test]
    fn strings_that_do_not_close_or_are_not_utf8_are_refused() {
        for text in [&[1, 0, 0, 0, b'a'][..], &[2, 0, 0, 0, 0xff, 0]] {
            let message = [&ENCAPSULATION[..], text].concat();
            let mut reader = CdrReader::begin(&message).expect("encapsulation");
            assert!(matches!(reader.string("x"), Err(CdrError::Text { .. })));
        }
    }

    #[test]
    fn a_message_cut_short_says_what_was_missing() {
        let message = [0, 1, 0, 0, 1, 0, 0];
        let mut reader = CdrReader::begin(&message).expect("encapsulation");
        let error = reader.u32("height").expect_err("must be refused");
        assert_eq!(
            error.to_string(),
            "height at byte 4 needs 4 bytes, but 3 are left"
        );
    }
}
