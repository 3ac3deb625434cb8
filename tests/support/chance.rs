//! Chance that falls the same way each time.

/// A generator of numbers from a seed.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`; 0 when there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() >> 11) as usize % bound }
    }

    pub fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// The bytes with one to six places changed; `words` are put in, and parts of `other`.
    pub fn bend(&mut self, bytes: &[u8], other: &[u8], words: &[&[u8]]) -> Vec<u8> {
        let mut bent = bytes.to_vec();
        for _ in 0..=self.below(6) {
            self.bend_once(&mut bent, other, words);
        }
        bent
    }

    fn bend_once(&mut self, bytes: &mut Vec<u8>, other: &[u8], words: &[&[u8]]) {
        const STRANGE: [u8; 10] = [0, 1, 0x0a, 0x1b, 0x20, 0x22, 0x5c, 0x7f, 0x80, 0xff];
        let at = self.below(bytes.len());
        let end = (at + 1 + self.below(40)).min(bytes.len());
        match self.below(9) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            1 if !bytes.is_empty() => bytes[at] = STRANGE[self.below(STRANGE.len())],
            2 if !bytes.is_empty() => _ = bytes.drain(at..end),
            3 if !bytes.is_empty() => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            4 if !bytes.is_empty() => bytes.truncate(at),
            5 => {
                let from = self.below(other.len());
                let to = (from + 1 + self.below(200)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            6 if !words.is_empty() => {
                let word = self.one(words);
                bytes.splice(at..at, word.iter().copied());
            }
            7 => bytes.insert(at, self.next() as u8),
            _ => {
                let number = [0, 1, 4, 65_535, 1 << 31, u64::MAX][self.below(6)].to_le_bytes();
                let to = (at + [1, 2, 4, 8][self.below(4)]).min(bytes.len());
                bytes.splice(at..to, number[..to - at].iter().copied());
            }
        }
    }
}
