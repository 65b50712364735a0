//! From luma and chroma to red, green and blue: ITU-R BT.601, in 65536ths.

/// Layout of chroma beside luma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chroma {
    /// One sample per two by two pixels.
    Quarter,
    /// One sample per two pixels of a row.
    Half,
    /// One sample per pixel.
    Full,
    /// None: grey.
    None,
}

/// Planes of luma and chroma, as Y4M stores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Planes {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) chroma: Chroma,
    /// Luma 0 to 255; else 16 to 235.
    pub(super) full_range: bool,
}

impl Planes {
    /// Width and height of one chroma plane, where there is one.
    fn chroma_size(&self) -> (usize, usize) {
        let (w, h) = (self.width, self.height);
        match self.chroma {
            Chroma::Quarter => (w.div_ceil(2), h.div_ceil(2)),
            Chroma::Half => (w.div_ceil(2), h),
            Chroma::Full => (w, h),
            Chroma::None => (0, 0),
        }
    }

    /// Bytes of all planes. Sides are at most `Image::MAX_SIDE`.
    pub(super) fn bytes(&self) -> usize {
        let (w, h) = self.chroma_size();
        self.width * self.height + 2 * w * h
    }

    /// Grey levels where there is no chroma, else red, green, blue; rows
    /// without padding. `planes` has [`bytes`](Self::bytes) bytes. Chroma is
    /// taken from the nearest sample.
    pub(super) fn pixels(&self, planes: &[u8]) -> Vec<u8> {
        let (luma, chroma) = planes.split_at(self.width * self.height);
        if self.chroma == Chroma::None {
            let limited = |&y: &u8| scale_luma(y, self.full_range);
            return luma.iter().map(limited).collect();
        }
        let (cw, ch) = self.chroma_size();
        let (blue, red) = chroma.split_at(cw * ch);
        let along = usize::from(cw < self.width);
        let down = usize::from(ch < self.height);
        let mut pixels = Vec::with_capacity(self.width * self.height * 3);
        for v in 0..self.height {
            let row = &luma[v * self.width..][..self.width];
            let blue = &blue[(v >> down) * cw..][..cw];
            let red = &red[(v >> down) * cw..][..cw];
            for (u, &y) in row.iter().enumerate() {
                let pixel = rgb(y, blue[u >> along], red[u >> along], self.full_range);
                pixels.extend_from_slice(&pixel);
            }
        }
        pixels
    }
}

fn scale_luma(y: u8, full_range: bool) -> u8 {
    if full_range {
        return y;
    }
    clamp((76_309 * (i32::from(y) - 16) + (1 << 15)) >> 16)
}

/// One pixel. Limited range: 1.164 (y − 16) + 1.596 (cr − 128) and so on; full
/// range as in JPEG: y + 1.402 (cr − 128) and so on.
fn rgb(y: u8, blue: u8, red: u8, full_range: bool) -> [u8; 3] {
    let (cb, cr) = (i32::from(blue) - 128, i32::from(red) - 128);
    let (luma, factors) = if full_range {
        (i32::from(y) << 16, [91_881, 22_554, 46_802, 116_130])
    } else {
        (
            76_309 * (i32::from(y) - 16),
            [104_597, 25_675, 53_279, 132_201],
        )
    };
    let [red_cr, green_cb, green_cr, blue_cb] = factors;
    let half = 1 << 15;
    [
        clamp((luma + red_cr * cr + half) >> 16),
        clamp((luma - green_cb * cb - green_cr * cr + half) >> 16),
        clamp((luma + blue_cb * cb + half) >> 16),
    ]
}

fn clamp(level: i32) -> u8 {
    level.clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_bt_601() {
        // Colour bars at 100 %, computed with the standard's matrix.
        for (ycc, want) in [
            ([16, 128, 128], [0, 0, 0]),
            ([235, 128, 128], [255, 255, 255]),
            ([81, 90, 240], [255, 0, 0]),
            ([145, 54, 34], [0, 255, 0]),
            ([41, 240, 110], [0, 0, 255]),
        ] {
            let got = rgb(ycc[0], ycc[1], ycc[2], false);
            let off = got.iter().zip(want).map(|(g, w)| g.abs_diff(w)).max();
            assert!(off <= Some(1), "{ycc:?} gave {got:?}, not {want:?}");
        }
        assert_eq!(rgb(76, 85, 255, true), [254, 0, 0]);
        assert_eq!(rgb(255, 128, 128, true), [255; 3]);
    }

    #[test]
    fn chroma_is_taken_from_where_it_lies() {
        let mut planes = Planes {
            width: 3,
            height: 3,
            chroma: Chroma::Quarter,
            full_range: true,
        };
        assert_eq!(planes.bytes(), 9 + 2 * 4);
        let mut bytes = vec![100; 9];
        bytes.extend([128, 128, 128, 128, 128, 228, 128, 128]);
        let pixels = planes.pixels(&bytes);
        let reds: Vec<u8> = pixels.chunks(3).map(|pixel| pixel[0]).collect();
        assert_eq!(reds, [100, 100, 240, 100, 100, 240, 100, 100, 100]);
        planes.chroma = Chroma::Half;
        assert_eq!(planes.bytes(), 9 + 2 * 6);
        planes.chroma = Chroma::Full;
        assert_eq!(planes.bytes(), 27);
        planes.chroma = Chroma::None;
        assert_eq!(planes.pixels(&[7; 9]), [7; 9]);
        planes.full_range = false;
        assert_eq!(planes.pixels(&[235; 9]), [255; 9]);
    }
}
