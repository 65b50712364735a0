//! Y4M: a line that describes the stream, then frames, each after a line.

use concert_models::Image;

use super::piece::{Piece, RawFrame};
use super::yuv::{Chroma, Planes};

/// First bytes of the stream.
pub(super) const MAGIC: &[u8] = b"YUV4MPEG2";
const FRAME: &[u8] = b"FRAME";
/// Longest line; real ones have about 100 bytes.
const MAX_LINE: usize = 1024;

/// Splits a Y4M stream, given in pieces of any size, into frames.
#[derive(Debug)]
pub(super) struct Y4m {
    max_pixels: usize,
    planes: Option<Planes>,
    line: Vec<u8>,
    /// The frame being read, where its line is complete.
    frame: Option<Vec<u8>>,
}

impl Y4m {
    pub(super) fn new(max_pixels: usize) -> Self {
        Self {
            max_pixels,
            planes: None,
            line: Vec::new(),
            frame: None,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Where the stream is not Y4M or says what cannot be: it has no marks to
    /// find the next frame by, so it must start over.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        deliver: &mut dyn FnMut(Piece),
    ) -> Result<(), String> {
        while !bytes.is_empty() {
            bytes = match (self.planes, self.frame.take()) {
                (Some(planes), Some(frame)) => self.pixels(planes, frame, bytes, deliver),
                _ => self.line(bytes)?,
            };
        }
        Ok(())
    }

    /// Takes bytes of a frame; those that are left.
    fn pixels<'b>(
        &mut self,
        planes: Planes,
        mut frame: Vec<u8>,
        bytes: &'b [u8],
        deliver: &mut dyn FnMut(Piece),
    ) -> &'b [u8] {
        let missing = planes.bytes() - frame.len();
        let (now, left) = bytes.split_at(missing.min(bytes.len()));
        frame.extend_from_slice(now);
        if frame.len() == planes.bytes() {
            deliver(Piece::Frame(RawFrame::Planes(planes, frame)));
        } else {
            self.frame = Some(frame);
        }
        left
    }

    /// Takes bytes of a line; those that are left.
    fn line<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], String> {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        self.line
            .extend_from_slice(&bytes[..end.unwrap_or(bytes.len()).min(MAX_LINE)]);
        if self.line.len() >= MAX_LINE {
            return Err(format!(
                "y4m line has more than {MAX_LINE} bytes without an end"
            ));
        }
        let Some(end) = end else {
            return Ok(&[]);
        };
        let line = std::mem::take(&mut self.line);
        match self.planes {
            None => self.planes = Some(header(&line, self.max_pixels)?),
            Some(_) if line.split(|&byte| byte == b' ').next() == Some(FRAME) => {
                self.frame = Some(Vec::new());
            }
            Some(_) => {
                return Err(format!(
                    "y4m frame begins with \"{}\", but must begin with \"FRAME\"",
                    line[..line.len().min(16)].escape_ascii()
                ));
            }
        }
        Ok(&bytes[end + 1..])
    }
}

fn header(line: &[u8], max_pixels: usize) -> Result<Planes, String> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split(' ');
    if words.next().map(str::as_bytes) != Some(MAGIC) {
        return Err("y4m stream does not begin with \"YUV4MPEG2\"".into());
    }
    let (mut width, mut height) = (0, 0);
    let (mut chroma, mut said_so, mut full_range) = (None, None, None);
    for word in words.filter(|word| !word.is_empty()) {
        let (tag, value) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        match tag {
            "W" => width = side(word, value)?,
            "H" => height = side(word, value)?,
            "C" => chroma = Some(chroma_of(value)?),
            "X" => match value.split_once('=') {
                // What a writer of old says of chroma where it writes no `C`.
                Some(("YSCSS", space)) => said_so = Some(chroma_of(&space.to_lowercase())?),
                Some(("COLORRANGE", range)) => full_range = Some(range == "FULL"),
                _ => {}
            },
            _ => {}
        }
    }
    if width == 0 || height == 0 {
        return Err(format!(
            "y4m stream is {width}x{height}, but each side must be 1 to {} pixels",
            Image::MAX_SIDE
        ));
    }
    if width * height > max_pixels {
        return Err(format!(
            "y4m stream is {width}x{height}, but at most {max_pixels} pixels are taken"
        ));
    }
    let chroma = chroma.or(said_so).unwrap_or(Chroma::Quarter);
    Ok(Planes {
        width,
        height,
        chroma,
        // Grey is luma alone, 0 to 255, unless it says otherwise.
        full_range: full_range.unwrap_or(chroma == Chroma::None),
    })
}

fn side(word: &str, value: &str) -> Result<usize, String> {
    let side = value.parse().ok().filter(|side| *side <= Image::MAX_SIDE);
    side.ok_or_else(|| {
        let most = Image::MAX_SIDE;
        format!("y4m stream has {word:?}, but each side must be 1 to {most} pixels")
    })
}

fn chroma_of(value: &str) -> Result<Chroma, String> {
    match value {
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Ok(Chroma::Quarter),
        "422" => Ok(Chroma::Half),
        "444" => Ok(Chroma::Full),
        "mono" => Ok(Chroma::None),
        other => Err(format!(
            "y4m stream has colour space {other:?}, but must have 420, 420jpeg, 420mpeg2, 420paldv, 422, 444 or mono, 8 bits each"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes `stream` in pieces of `size` bytes: the frames' planes, and the
    /// error that ended it.
    fn split(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, Option<String>) {
        let mut y4m = Y4m::new(1 << 20);
        let mut frames = Vec::new();
        for bytes in stream.chunks(size) {
            let mut deliver = |piece| match piece {
                Piece::Frame(RawFrame::Planes(_, bytes)) => frames.push(bytes),
                other => panic!("unexpected {other:?}"),
            };
            if let Err(error) = y4m.push(bytes, &mut deliver) {
                return (frames, Some(error));
            }
        }
        (frames, None)
    }

    #[test]
    fn frames_are_found_however_the_bytes_arrive() {
        let stream = b"YUV4MPEG2 W2 H2 F30:1 Ip A1:1 C420jpeg XYSCSS=420JPEG\nFRAME\nabcdefFRAME Ip\nghijklFRAME\nmn";
        for size in 1..stream.len() {
            let (frames, error) = split(stream, size);
            assert_eq!(frames, [b"abcdef", b"ghijkl"], "in pieces of {size} bytes");
            assert_eq!(error, None);
        }
    }

    #[test]
    fn grey_is_of_full_range_and_old_writers_say_chroma_their_own_way() {
        let planes = |rest: &str| {
            let line = format!("YUV4MPEG2 W4 H2 {rest}");
            let planes = header(line.as_bytes(), 1 << 20).unwrap();
            (planes.chroma, planes.full_range)
        };
        assert_eq!(planes("Cmono"), (Chroma::None, true));
        assert_eq!(planes("Cmono XCOLORRANGE=LIMITED"), (Chroma::None, false));
        assert_eq!(planes("C420jpeg"), (Chroma::Quarter, false));
        assert_eq!(planes("C420jpeg XCOLORRANGE=FULL"), (Chroma::Quarter, true));
        assert_eq!(planes("XYSCSS=444"), (Chroma::Full, false));
        assert_eq!(planes("XYSCSS=420JPEG"), (Chroma::Quarter, false));
        assert_eq!(planes("XYSCSS=422 C444"), (Chroma::Full, false));
        assert_eq!(planes("F30:1"), (Chroma::Quarter, false));
        assert!(header(b"YUV4MPEG2 W4 H2 XYSCSS=420P10", 1 << 20).is_err());
        assert!(header(b"YUV4MPEG2 W4 H2 XYSCSS=411", 1 << 20).is_err());
    }

    #[test]
    fn headers_that_lie_are_refused_before_anything_is_allocated() {
        for (header, rule) in [
            (
                "YUV4MPEG2 W65535 H65535",
                "\"W65535\", but each side must be",
            ),
            (
                "YUV4MPEG2 W16384 H16384",
                "at most 1048576 pixels are taken",
            ),
            ("YUV4MPEG2 W2 C420", "is 2x0, but each side"),
            ("YUV4MPEG2 W-2 H2", "\"W-2\""),
            ("YUV4MPEG2 W2 H2 C420p10", "colour space \"420p10\""),
            ("YUV5MPEG W2 H2", "does not begin with"),
            ("YUV4MPEG2 W2 H2 Cmono\nGARBAGE", "\"GARBAGE\", but must"),
        ] {
            let (frames, error) = split(format!("{header}\n").as_bytes(), 7);
            assert!(frames.is_empty());
            let error = error.unwrap_or_else(|| panic!("{header} is taken"));
            assert!(error.contains(rule), "{error}");
        }
        let (_, error) = split(&[b'Y'; 5000], 5000);
        assert!(error.unwrap().contains("1024 bytes without an end"));
    }
}
