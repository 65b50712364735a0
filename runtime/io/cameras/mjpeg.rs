//! MJPEG: JPEG files one after the other, with anything between them.

use super::piece::{Piece, RawFrame};

/// The marker that begins a JPEG.
pub(super) const START: [u8; 2] = [0xff, 0xd8];
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// Splits an MJPEG stream, given in pieces of any size, into JPEGs. Markers are
/// followed, so that a preview inside a JPEG does not end it. A length that lies
/// may swallow up to 64 KiB of what follows, no more.
#[derive(Debug)]
pub(super) struct Mjpeg {
    max_bytes: usize,
    bytes: Vec<u8>,
    /// Start in `bytes` of the JPEG that is being read, or of the bytes that
    /// belong to none yet. What lies before is let go after each piece.
    start: usize,
    /// Number of `bytes` that have been looked at.
    seen: usize,
    place: Place,
    /// Bytes since the last JPEG that belong to none.
    skipped: usize,
}

/// Place in a JPEG of the next byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before its start.
    Outside,
    /// At a place where a marker must stand.
    Marker,
    /// In compressed pixels.
    Scan,
}

impl Mjpeg {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            bytes: Vec::new(),
            start: 0,
            seen: 0,
            place: Place::Outside,
            skipped: 0,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Where more bytes than a JPEG may have belong to none: it is no MJPEG.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        deliver: &mut dyn FnMut(Piece),
    ) -> Result<(), String> {
        self.bytes.extend_from_slice(bytes);
        loop {
            while self.step(deliver) {}
            if self.bytes.len() - self.start <= self.max_bytes {
                break;
            }
            self.refuse(
                deliver,
                format!("jpeg has more than {} bytes", self.max_bytes),
            );
        }
        self.bytes.drain(..self.start);
        self.seen = self.seen.saturating_sub(self.start);
        self.start = 0;
        if self.skipped > self.max_bytes {
            return Err(format!(
                "{} bytes without a jpeg, but at most {} may lie between two",
                self.skipped, self.max_bytes
            ));
        }
        Ok(())
    }

    /// Goes on by one marker; whether it could.
    fn step(&mut self, deliver: &mut dyn FnMut(Piece)) -> bool {
        match self.place {
            Place::Outside => self.find_start(),
            Place::Marker => self.marker(deliver),
            Place::Scan => self.scan(deliver),
        }
    }

    fn find_start(&mut self) -> bool {
        let rest = &self.bytes[self.start..];
        let found = rest.windows(2).position(|pair| pair == START);
        // A last ff may be half a start.
        let half = usize::from(rest.last() == Some(&START[0]));
        let skip = found.unwrap_or(rest.len() - half);
        self.skipped += skip;
        self.start += skip;
        if found.is_some() {
            self.seen = self.start + START.len();
            self.place = Place::Marker;
        }
        found.is_some()
    }

    fn marker(&mut self, deliver: &mut dyn FnMut(Piece)) -> bool {
        let &[first, kind, ref rest @ ..] = &self.bytes[self.seen..] else {
            return false;
        };
        match (first, kind) {
            (0xff, END) => self.finish(deliver),
            (0xff, 0xff) => self.seen += 1,
            (0xff, kind) if kind == START[1] => {
                self.refuse(deliver, "jpeg breaks off where another begins".into());
            }
            (0xff, 0x01 | 0xd0..=0xd7) => self.seen += 2,
            (0xff, _) => {
                let &[high, low, ..] = rest else {
                    return false;
                };
                let length = usize::from(u16::from_be_bytes([high, low]));
                if self.bytes.len() < self.seen + 2 + length {
                    return false;
                }
                self.seen += 2 + length.max(2);
                if kind == SCAN {
                    self.place = Place::Scan;
                }
            }
            _ => self.refuse(
                deliver,
                format!("jpeg has byte {first:#04x} where a marker must stand"),
            ),
        }
        true
    }

    fn scan(&mut self, deliver: &mut dyn FnMut(Piece)) -> bool {
        loop {
            let rest = &self.bytes[self.seen..];
            let Some(at) = rest.iter().position(|&byte| byte == 0xff) else {
                self.seen = self.bytes.len();
                return false;
            };
            self.seen += at;
            match self.bytes.get(self.seen + 1) {
                None => return false,
                Some(0xff) => self.seen += 1,
                // A stuffed ff, or a restart.
                Some(0x00 | 0xd0..=0xd7) => self.seen += 2,
                Some(_) => {
                    self.place = Place::Marker;
                    return self.marker(deliver) || self.place != Place::Marker;
                }
            }
        }
    }

    fn finish(&mut self, deliver: &mut dyn FnMut(Piece)) {
        let end = self.seen + 2;
        let jpeg = self.bytes[self.start..end].to_vec();
        self.start = end;
        self.skipped = 0;
        self.place = Place::Outside;
        deliver(Piece::Frame(RawFrame::Jpeg(jpeg)));
    }

    /// Gives up the JPEG that is being read, and looks for the next one after
    /// what has been seen.
    fn refuse(&mut self, deliver: &mut dyn FnMut(Piece), reason: String) {
        let seen = self.seen.min(self.bytes.len());
        self.skipped += seen - self.start;
        self.start = seen;
        self.place = Place::Outside;
        deliver(Piece::Refused(reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A JPEG as far as its markers go, with `scan` as its pixels.
    fn jpeg(scan: &[u8]) -> Vec<u8> {
        let preview = [0xff, 0xd8, 0xff, 0xd9];
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe1, 0, 6];
        bytes.extend(preview);
        bytes.extend([0xff, 0xda, 0, 3, 7]);
        bytes.extend(scan);
        bytes.extend([0xff, 0xd9]);
        bytes
    }

    fn split(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, Vec<String>, Option<String>) {
        let mut mjpeg = Mjpeg::new(1000);
        let (mut frames, mut refused) = (Vec::new(), Vec::new());
        for bytes in stream.chunks(size) {
            let mut deliver = |piece| match piece {
                Piece::Frame(RawFrame::Jpeg(bytes)) => frames.push(bytes),
                Piece::Refused(reason) => refused.push(reason),
                other => panic!("unexpected {other:?}"),
            };
            if let Err(error) = mjpeg.push(bytes, &mut deliver) {
                return (frames, refused, Some(error));
            }
            assert!(mjpeg.bytes.len() <= 1000 + size, "memory is bounded");
        }
        (frames, refused, None)
    }

    #[test]
    fn a_preview_inside_a_jpeg_does_not_end_it() {
        let whole = [
            jpeg(&[1, 2, 0xff, 0x00, 3, 0xff, 0xd3, 4]),
            jpeg(&[5; 40]),
            jpeg(&[6, 0xff, 0xff, 0xda, 0, 2, 7]),
        ];
        let stream = [
            b"--frame\r\n".to_vec(),
            whole[0].clone(),
            b"\r\n\xff".to_vec(),
            whole[1].clone(),
            whole[2].clone(),
        ];
        let stream = stream.concat();
        for size in 1..=stream.len() {
            let (frames, refused, error) = split(&stream, size);
            assert_eq!(frames, whole, "in pieces of {size} bytes");
            assert!(
                refused.is_empty() && error.is_none(),
                "{refused:?} {error:?}"
            );
        }
    }

    #[test]
    fn a_truncated_jpeg_is_refused_and_the_next_one_is_fine() {
        let whole = jpeg(&[9; 30]);
        for cut in 15..whole.len() - 2 {
            let stream = [&whole[..cut], &whole, &whole].concat();
            let (frames, refused, error) = split(&stream, 16);
            assert!(
                frames.ends_with(std::slice::from_ref(&whole)),
                "cut at {cut}"
            );
            assert!(error.is_none() && frames.len() + refused.len() >= 2);
        }
    }

    #[test]
    fn endless_garbage_and_endless_jpegs_end_the_stream() {
        let (frames, _, error) = split(&[0x55; 5000], 100);
        assert!(frames.is_empty());
        let rule = "1100 bytes without a jpeg, but at most 1000 may lie between two";
        assert_eq!(error.as_deref(), Some(rule));
        let mut endless = jpeg(&[7; 5000]);
        endless.truncate(4000);
        let (frames, refused, error) = split(&endless, 100);
        assert!(frames.is_empty() && error.is_some());
        assert_eq!(refused, ["jpeg has more than 1000 bytes"]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_a_whole_jpeg_after_them_is_found(
            garbage in proptest::collection::vec(prop_oneof![Just(0xff), Just(0xd8), Just(0xda), any::<u8>()], 0..400),
            size in 1usize..50,
        ) {
            let whole = jpeg(&[1; 20]);
            // Segments may swallow what follows garbage, but not for ever.
            let stream = [garbage, whole.repeat(40)].concat();
            let (frames, _, error) = split(&stream, size);
            prop_assert!(error.is_some() || frames.last() == Some(&whole));
        }
    }
}
