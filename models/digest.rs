//! SHA-256 as cards write it: 64 lowercase hexadecimal digits.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::give_way::give_way;

/// Bytes from one time that the thread may give way to the next.
const PIECE: usize = 128 << 10;

/// SHA-256 of `bytes`, as 64 lowercase hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut digest = Sha256::new();
    for piece in bytes.chunks(PIECE) {
        digest.update(piece);
        give_way();
    }
    hex(digest)
}

/// SHA-256 of all that `from` gives, without holding it in memory.
///
/// # Errors
/// What reading fails at.
pub fn sha256_of(mut from: impl Read) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(hex(digest)),
            length => digest.update(&piece[..length]),
        }
        give_way();
    }
}

fn hex(digest: Sha256) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in digest.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Tells whether `text` could have come from [`sha256_hex`].
pub fn is_sha256_hex(text: &str) -> bool {
    text.len() == 64 && (text.bytes()).all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_the_standard_vector_is_the_published_one() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), abc);
        assert_eq!(sha256_of(&b"abc"[..]).unwrap(), abc);
        assert!(is_sha256_hex(abc));
        assert!(!is_sha256_hex(&abc.to_uppercase()));
        assert!(!is_sha256_hex(&abc[1..]));
    }
}
