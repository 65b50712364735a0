//! Layout of a JPEG (ITU-T T.81, annex B): what its headers say, and
//! where it ends.

use image::metadata::Orientation;

/// Start of image: the first two bytes.
pub(super) const START_BYTES: usize = 2;
const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const TABLES: u8 = 0xc4;
const EXIF: &[u8] = b"Exif\0\0";
/// Most scans: a progressive file has about ten, and each is a walk through all
/// its pixels.
const MAX_SCANS: usize = 256;

/// What is known of a JPEG before any pixel of it is decoded.
#[derive(Debug)]
pub(super) struct Layout {
    /// Bytes up to and with the end-of-image marker; what follows (padding, a
    /// film, another picture) is not part of it.
    pub(super) bytes: usize,
    /// Width and height, px.
    pub(super) size: (usize, usize),
    /// How the picture is to be turned.
    pub(super) orientation: Orientation,
    /// Whether a scan reads a Huffman table that the file does not bring.
    pub(super) lacks_tables: bool,
    /// Whether all colours of the picture come in one scan (or it is
    /// progressive), the first of them at the finest grid, in powers of two.
    pub(super) is_usual: bool,
}

#[derive(Default)]
struct Walk {
    frame: Option<Frame>,
    orientation: Option<Orientation>,
    /// Tables that were brought: bit 0 to 3 of direct, 4 to 7 of alternating current.
    tables: u8,
    lacks_tables: bool,
    scans: usize,
    /// Bit per component that a scan had.
    scanned: u8,
    has_partial_scan: bool,
}

struct Frame {
    is_progressive: bool,
    size: (usize, usize),
    /// Identifier, horizontal and vertical sampling factor.
    components: Vec<(u8, u8, u8)>,
}

impl Layout {
    /// Follows the markers of a JPEG to its end.
    ///
    /// # Errors
    /// A file that ends early, and kinds of JPEG that are not read.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, String> {
        let mut walk = Walk::default();
        let mut at = START_BYTES;
        loop {
            let (marker, after) = next_marker(bytes, at).ok_or("it has no end-of-image marker")?;
            at = after;
            match marker {
                END => return walk.end(at),
                START => return Err("another one begins inside it".into()),
                0x01 | 0xd0..=0xd7 => continue,
                _ => {}
            }
            let body = segment(bytes, at).ok_or("it has no end-of-image marker")?;
            at += 2 + body.len();
            match marker {
                TABLES => walk.tables(body)?,
                0xc0..=0xcf if marker != 0xc8 && marker != 0xcc => walk.frame(marker, body)?,
                0xe1 => walk.exif(body),
                SCAN => {
                    walk.scan(body)?;
                    at = end_of_scan(bytes, at);
                }
                _ => {}
            }
        }
    }
}

/// The next marker at or after `at`, and where its segment begins. Bytes that
/// are none are passed over, as libjpeg does.
fn next_marker(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let mut rest = bytes.get(at..)?.iter().enumerate();
    while let Some((_, byte)) = rest.next() {
        if *byte == 0xff {
            let (place, marker) = rest.by_ref().find(|(_, byte)| **byte != 0xff)?;
            if *marker != 0 {
                return Some((*marker, at + place + 1));
            }
        }
    }
    None
}

/// What a segment holds after its length.
fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let &[high, low] = bytes.get(at..at + 2)? else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    bytes.get(at + 2..at + length.max(2))
}

/// Where the marker stands that ends the compressed pixels from `at` on.
fn end_of_scan(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let rest = &bytes[at..];
        let Some(place) = rest.iter().position(|byte| *byte == 0xff) else {
            return bytes.len();
        };
        match rest.get(place + 1) {
            // A stuffed ff, or a restart.
            Some(0x00 | 0xd0..=0xd7) => at += place + 2,
            Some(0xff) => at += place + 1,
            _ => return at + place,
        }
    }
}

impl Walk {
    fn frame(&mut self, marker: u8, body: &[u8]) -> Result<(), String> {
        let is_progressive = match marker {
            0xc0 | 0xc1 => false,
            0xc2 => true,
            0xc9..=0xcb | 0xcd..=0xcf => return Err("it is arithmetic coded".into()),
            0xc3 => return Err("it is a lossless one".into()),
            _ => return Err("it is a hierarchical one".into()),
        };
        if self.frame.is_some() {
            return Err("it has two frame headers".into());
        }
        let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = body else {
            return Err("its frame header is cut short".into());
        };
        if precision != 8 {
            return Err(format!(
                "it has {precision} bits per sample, but 8 are read"
            ));
        }
        if !matches!(count, 1 | 3 | 4) || rest.len() != 3 * usize::from(count) {
            return Err(format!(
                "it has {count} colour components in {} bytes, but 1, 3 or 4 of 3 bytes are read",
                rest.len()
            ));
        }
        let component = |of: &[u8]| (of[0], of[1] >> 4, of[1] & 15);
        let components: Vec<_> = rest.chunks_exact(3).map(component).collect();
        let samples = |(_, h, v): &(u8, u8, u8)| (1..=4).contains(h) && (1..=4).contains(v);
        if !components.iter().all(samples) {
            return Err("its sampling factors are not 1 to 4".into());
        }
        self.frame = Some(Frame {
            is_progressive,
            size: (
                usize::from(u16::from_be_bytes([w1, w0])),
                usize::from(u16::from_be_bytes([h1, h0])),
            ),
            components,
        });
        Ok(())
    }

    fn tables(&mut self, mut body: &[u8]) -> Result<(), String> {
        while let Some((kind, rest)) = body.split_first() {
            let counts = rest.get(..16).ok_or("a Huffman table is cut short")?;
            let values: usize = counts.iter().map(|count| usize::from(*count)).sum();
            body = rest
                .get(16 + values..)
                .ok_or("a Huffman table is cut short")?;
            self.tables |= bit(kind >> 4, kind & 15);
        }
        Ok(())
    }

    fn scan(&mut self, body: &[u8]) -> Result<(), String> {
        let frame = self.frame.as_ref().ok_or("a scan has no frame header")?;
        let count = usize::from(body.first().copied().unwrap_or(0));
        if !(1..=4).contains(&count) || body.len() != 4 + 2 * count {
            return Err("a scan header is damaged".into());
        }
        let mut scanned = 0;
        for pair in body[1..=2 * count].chunks_exact(2) {
            let place = (frame.components.iter()).position(|(id, ..)| *id == pair[0]);
            let place = place.ok_or("a scan names a component that is none")?;
            scanned |= 1u8 << place;
            let needed = bit(0, pair[1] >> 4) | bit(1, pair[1] & 15);
            self.lacks_tables |= !frame.is_progressive && self.tables & needed != needed;
        }
        self.scanned |= scanned;
        self.has_partial_scan |= count != frame.components.len();
        self.scans += 1;
        match self.scans > MAX_SCANS {
            true => Err(format!("it has more than {MAX_SCANS} scans")),
            false => Ok(()),
        }
    }

    fn exif(&mut self, body: &[u8]) {
        let found = body.strip_prefix(EXIF);
        let found = found.and_then(Orientation::from_exif_chunk);
        self.orientation = self.orientation.or(found);
    }

    fn end(self, bytes: usize) -> Result<Layout, String> {
        let frame = self.frame.ok_or("it has no frame header")?;
        let (width, height) = frame.size;
        if width == 0 || height == 0 {
            return Err(format!("its frame header says {width}x{height}"));
        }
        if usize::from(self.scanned.count_ones() as u8) != frame.components.len() {
            return Err("not every colour of it has a scan".into());
        }
        let (_, h, v) = frame.components[0];
        let finest = |(_, a, b): &(u8, u8, u8)| {
            (*a <= h && *b <= v) && a.is_power_of_two() && b.is_power_of_two()
        };
        let is_usual = (frame.is_progressive || !self.has_partial_scan && self.scans == 1)
            && frame.components.iter().all(finest)
            && (frame.components.len() > 1 || (h, v) == (1, 1));
        Ok(Layout {
            bytes,
            size: frame.size,
            orientation: self.orientation.unwrap_or(Orientation::NoTransforms),
            lacks_tables: self.lacks_tables,
            is_usual,
        })
    }
}

/// The bit of a Huffman table: `class` 0 for direct, 1 for alternating current.
fn bit(class: u8, number: u8) -> u8 {
    1 << (4 * (class & 1) + (number & 3))
}
