//! A stream of video of whatever format, split into frames.

use super::mjpeg::{self, Mjpeg};
use super::piece::Piece;
use super::y4m::{self, Y4m};

/// Bytes that may lie before the first JPEG (a web server's greeting).
const MAX_GREETING: usize = 4096;

/// Splits a stream into frames; its first bytes tell its format.
#[derive(Debug)]
pub(super) struct Splitter {
    max_pixels: usize,
    max_jpeg_bytes: usize,
    format: Format,
}

#[derive(Debug)]
enum Format {
    /// Too few bytes yet.
    Unknown(Vec<u8>),
    Y4m(Y4m),
    Mjpeg(Mjpeg),
}

impl Splitter {
    pub(super) fn new(max_pixels: usize, max_jpeg_bytes: usize) -> Self {
        Self {
            max_pixels,
            max_jpeg_bytes,
            format: Format::Unknown(Vec::new()),
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Where nothing that follows can be used.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        deliver: &mut dyn FnMut(Piece),
    ) -> Result<(), String> {
        match &mut self.format {
            Format::Y4m(y4m) => y4m.push(bytes, deliver),
            Format::Mjpeg(mjpeg) => mjpeg.push(bytes, deliver),
            Format::Unknown(first) => {
                first.extend_from_slice(bytes);
                let first = std::mem::take(first);
                self.begin(first, deliver)
            }
        }
    }

    fn begin(&mut self, first: Vec<u8>, deliver: &mut dyn FnMut(Piece)) -> Result<(), String> {
        let greeting = &first[..first.len().min(MAX_GREETING)];
        if first.starts_with(y4m::MAGIC) {
            self.format = Format::Y4m(Y4m::new(self.max_pixels));
        } else if greeting.windows(2).any(|pair| pair == mjpeg::START) {
            self.format = Format::Mjpeg(Mjpeg::new(self.max_jpeg_bytes));
        } else if first.len() >= MAX_GREETING {
            return Err(format!(
                "stream begins with \"{}\" and has no jpeg in its first {MAX_GREETING} bytes, but must be y4m or mjpeg",
                first[..16].escape_ascii()
            ));
        } else {
            self.format = Format::Unknown(first);
            return Ok(());
        }
        self.push(&first, deliver)
    }
}

#[cfg(test)]
mod tests {
    use super::super::piece::RawFrame;
    use super::*;

    fn first_fault(stream: &[u8], size: usize) -> Option<String> {
        let mut splitter = Splitter::new(1 << 20, 1 << 20);
        let mut push = |bytes| splitter.push(bytes, &mut |_| {}).err();
        stream.chunks(size).find_map(&mut push)
    }

    #[test]
    fn a_stream_of_neither_format_is_refused_early() {
        for size in [1, 100, 1 << 16] {
            let error = first_fault(&[b'y'; 1 << 16], size).unwrap();
            assert!(error.contains("must be y4m or mjpeg"), "{error}");
        }
    }

    #[test]
    fn formats_are_told_apart_by_their_first_bytes() {
        let mut found = Vec::new();
        let jpeg = [0xff, 0xd8, 0xff, 0xd9];
        for stream in [&b"YUV4MPEG2 W1 H1 Cmono\nFRAME\nx"[..], &jpeg] {
            for size in [1, stream.len()] {
                let mut splitter = Splitter::new(1 << 20, 1 << 20);
                for bytes in stream.chunks(size) {
                    let mut deliver = |piece| found.push(piece);
                    splitter.push(bytes, &mut deliver).unwrap();
                }
            }
        }
        let [
            Piece::Frame(a),
            Piece::Frame(b),
            Piece::Frame(c),
            Piece::Frame(d),
        ] = &found[..]
        else {
            panic!("{found:?}");
        };
        assert!(matches!(
            (a, b),
            (RawFrame::Planes(..), RawFrame::Planes(..))
        ));
        assert!(matches!((c, d), (RawFrame::Jpeg(_), RawFrame::Jpeg(_))));
    }
}
