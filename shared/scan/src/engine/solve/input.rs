//! What a call is made with, while it is still being chosen.

use alloy_primitives::U256;

/// Words of arguments. Functions with more are not called.
const WORDS: usize = 20;
/// Words that stand for arguments; the others are where arrays may be.
pub(super) const ARGUMENTS: usize = 6;
/// Elements of arrays that nothing decides are numbers from here on: as addresses, nobody's.
const ELEMENTS_FROM: usize = 0x1000;
/// Bytes of calldata.
const BYTES: usize = 4 + 32 * WORDS;

/// Calldata and ether of a call.
#[derive(Clone)]
pub(super) struct Input {
    bytes: Vec<u8>,
    /// Bytes that a goal, or the selector, has decided.
    pinned: Vec<bool>,
    /// Bytes that anything has decided.
    decided: Vec<bool>,
    size: usize,
    value: U256,
    value_pinned: bool,
    value_decided: bool,
    /// Nothing more is decided.
    pub(super) frozen: bool,
}

impl Input {
    /// A call of the function, or with no data at all; arguments that nothing decides are `fill`.
    pub(super) fn new(selector: Option<u32>, fill: U256) -> Self {
        let mut input = Self {
            bytes: vec![0; BYTES],
            pinned: vec![false; BYTES],
            decided: vec![false; BYTES],
            size: 0,
            value: U256::ZERO,
            value_pinned: false,
            value_decided: false,
            frozen: false,
        };
        if let Some(selector) = selector {
            input.size = BYTES;
            input.put(0, &selector.to_be_bytes());
            for argument in 0..ARGUMENTS {
                input.put(4 + 32 * argument, &fill.to_be_bytes::<32>());
            }
            // Behind the place where an array's length is, elements that differ.
            for word in ARGUMENTS + 1..WORDS {
                input.put(4 + 32 * word, &U256::from(ELEMENTS_FROM + word).to_be_bytes::<32>());
            }
            input.pinned.iter_mut().take(4).for_each(|it| *it = true);
        }
        input
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    }

    /// What goes along.
    pub(super) fn value(&self) -> U256 {
        self.value
    }

    /// Bytes of calldata.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The calldata, without the zeros at its end that no argument needs.
    pub(super) fn data(&self) -> Vec<u8> {
        self.bytes.iter().copied().take(self.size).collect()
    }

    /// The word at `at`; zeros follow the end, as in the EVM.
    pub(super) fn word(&self, at: U256) -> U256 {
        let mut word = [0; 32];
        if let Ok(at) = usize::try_from(at) {
            for (index, to) in word.iter_mut().enumerate() {
                let place = at.saturating_add(index);
                if place < self.size {
                    *to = self.bytes.get(place).copied().unwrap_or_default();
                }
            }
        }
        U256::from_be_bytes(word)
    }

    /// Whether the word at `at` is `word` from now on.
    pub(super) fn set_word(&mut self, at: U256, word: U256) -> bool {
        let Some(at) = usize::try_from(at).ok().filter(|at| at.saturating_add(32) <= self.size) else {
            return self.word(at) == word;
        };
        let wanted = word.to_be_bytes::<32>();
        let fits = (at..).zip(&wanted).all(|(place, byte)| {
            !(self.frozen || self.pinned.get(place).copied().unwrap_or(true))
                || self.bytes.get(place) == Some(byte)
        });
        if fits {
            self.put(at, &wanted);
            self.decided.iter_mut().skip(at).take(32).for_each(|it| *it = true);
        }
        fits
    }

    /// Whether this much ether goes along from now on.
    pub(super) fn set_value(&mut self, value: U256) -> bool {
        if value == self.value {
            self.value_decided = true;
            return true;
        }
        // More than anybody has.
        if self.frozen || self.value_pinned || value.bit_len() > 80 {
            return false;
        }
        (self.value, self.value_decided) = (value, true);
        true
    }

    /// Whether the calldata is so long from now on.
    pub(super) fn set_size(&mut self, size: U256) -> bool {
        let fits = usize::try_from(size).ok().filter(|&size| size <= BYTES && !self.frozen);
        if let Some(size) = fits {
            self.size = size;
        }
        fits.is_some()
    }

    /// What is decided by now stays.
    pub(super) fn pin(&mut self) {
        for (pinned, decided) in self.pinned.iter_mut().zip(&self.decided) {
            *pinned |= *decided;
        }
        self.value_pinned |= self.value_decided;
    }
}
