//! Bytes that are nearly right: what parsers of foreign bytes are tried on. The
//! same seed makes the same bytes; each crate's tests include this file.

/// Makes variants of good inputs.
pub(crate) struct Mutations<'a> {
    seeds: Vec<&'a [u8]>,
    state: u64,
}

/// Numbers at which sizes and counts go wrong.
const NUMBERS: [&[u8]; 12] = [
    b"0",
    b"-1",
    b"1e999",
    b"nan",
    b"inf",
    b"4294967296",
    b"18446744073709551615",
    b"1000000000",
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
];

impl<'a> Mutations<'a> {
    /// Variants of these inputs; of none, random bytes.
    pub(crate) fn of(seeds: &[&'a [u8]]) -> Self {
        Self {
            seeds: seeds.to_vec(),
            state: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// Calls `parse` with so many variants.
    pub(crate) fn each(mut self, count: usize, mut parse: impl FnMut(&[u8])) {
        let mut bytes = Vec::new();
        for _ in 0..count {
            bytes.clear();
            let seed = self.seed();
            bytes.extend_from_slice(seed);
            for _ in 0..=self.below(4) {
                self.mutate(&mut bytes);
            }
            parse(&bytes);
        }
    }

    fn seed(&mut self) -> &'a [u8] {
        let which = self.below(self.seeds.len());
        self.seeds.get(which).copied().unwrap_or_default()
    }

    /// The next number of a plain congruential sequence, below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005);
        self.state = self.state.wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % limit.max(1)
    }

    /// A place, and how many bytes from there on: mostly few.
    fn span(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length);
        let most = if self.below(4) == 0 { length } else { 8 };
        let end = start + self.below(most.min(length - start) + 1);
        start..end
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        if length == 0 {
            let count = self.below(64);
            return bytes.extend((0..count).map(|_| self.below(256) as u8));
        }
        match self.below(9) {
            0 => {
                let at = self.below(length);
                bytes[at] ^= 1 << self.below(8);
            }
            1 => {
                let at = self.below(length);
                bytes[at] = self.below(256) as u8;
            }
            2 => {
                let (at, number) = (self.below(length), self.below(NUMBERS.len()));
                let number = NUMBERS[number];
                let end = (at + number.len()).min(length);
                bytes.splice(at..end, number.iter().copied());
            }
            3 => drop(bytes.drain(self.span(length))),
            4 => bytes.truncate(self.below(length)),
            5 => {
                let part = bytes[self.span(length)].to_vec();
                let (at, times) = (self.below(length), 1 + self.below(3));
                bytes.splice(at..at, part.repeat(times));
            }
            6 => {
                let other = self.seed();
                let part = match other.is_empty() {
                    true => &[],
                    false => &other[self.span(other.len())],
                };
                let at = self.below(length);
                bytes.splice(at..at, part.iter().copied());
            }
            7 => {
                let (a, b) = (self.below(length), self.below(length));
                bytes.swap(a, b);
            }
            _ => {
                // A whole number as it stands in text becomes another.
                let digits = |at: &usize| bytes[*at].is_ascii_digit();
                let start = self.below(length);
                if let Some(at) = (start..length).find(digits) {
                    let end = (at..length).find(|at| !digits(at)).unwrap_or(length);
                    let number = NUMBERS[self.below(NUMBERS.len())];
                    bytes.splice(at..end, number.iter().copied());
                }
            }
        }
    }
}
