//! What is known of memory on one path: whole words at known places.
//!
//! A place is relative to a base, so that what is written beyond Solidity's free memory pointer is found
//! again. Two different bases are taken not to overlap, which holds for code that allocates and may not
//! for hand-written code; a missed overlap can hide a guard or invent one, never break the scan.

use super::expr::Id;

/// Relative to a base (`None` is address 0): how many bytes from it.
pub(crate) type Place = (Option<Id>, u64);

/// Words kept; further ones push out the oldest base's.
const WORDS_MAX: usize = 48;

/// Bytes of a selector.
const SELECTOR_BYTES: u64 = 4;

/// Heads kept: a call's input is made right before the call.
const HEADS_MAX: usize = 4;

/// Known words, by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    words: Vec<(Place, Id)>,
    /// Words of which only the first four bytes are left, since arguments begin behind them: how the selector of
    /// a call is written.
    heads: Vec<(Place, Id)>,
}

impl Memory {
    pub(crate) fn store(&mut self, place: Place, word: Id) {
        let from = place.1.saturating_sub(31);
        let head = place.1.checked_sub(SELECTOR_BYTES).map(|at| (place.0, at));
        let left = head.and_then(|head| Some((head, self.load(head).or_else(|| self.head(head))?)));
        self.clear((place.0, from), place.1 - from + 32);
        if self.words.len() >= WORDS_MAX {
            let oldest = self.words.iter().position(|((base, _), _)| base.is_some()).unwrap_or(0);
            self.words.remove(oldest);
        }
        let at = self.words.partition_point(|(other, _)| *other < place);
        self.words.insert(at, (place, word));
        if let Some(left) = left
            && self.heads.len() < HEADS_MAX
        {
            self.heads.push(left);
        }
    }

    /// The word at `place` of which at least the first four bytes are there.
    pub(crate) fn head(&self, place: Place) -> Option<Id> {
        let left = self.heads.iter().find(|(other, _)| *other == place).map(|(_, word)| *word);
        left.or_else(|| self.load(place))
    }

    pub(crate) fn load(&self, place: Place) -> Option<Id> {
        let at = self.words.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        self.words.get(at).map(|(_, word)| *word)
    }

    /// Forgets the words that start in the `length` bytes from `from`.
    pub(crate) fn clear(&mut self, from: Place, length: u64) {
        let until = from.1.saturating_add(length);
        self.words.retain(|((base, at), _)| *base != from.0 || *at < from.1 || *at >= until);
        self.heads.retain(|((base, at), _)| {
            *base != from.0 || *at >= until || at.saturating_add(SELECTOR_BYTES) <= from.1
        });
    }

    /// The known words that start in the `length` bytes from `from`.
    pub(crate) fn range(&self, from: Place, length: u64) -> impl Iterator<Item = (u64, Id)> {
        let until = from.1.saturating_add(length);
        self.words
            .iter()
            .filter(move |((base, at), _)| *base == from.0 && *at >= from.1 && *at < until)
            .map(move |((_, at), word)| (*at - from.1, *word))
    }

    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// Every known word.
    pub(crate) fn all(&self) -> impl Iterator<Item = Id> {
        self.words.iter().map(|(_, word)| *word)
    }

    /// Keeps what both paths know; `merge` makes one word of two, told apart by their order here.
    pub(crate) fn join(&mut self, other: &Self, mut merge: impl FnMut(u32, Id, Id) -> Id) {
        let mut slot = 0;
        self.heads.retain(|head| other.heads.contains(head));
        self.words.retain_mut(|(place, word)| {
            slot += 1;
            match other.load(*place) {
                Some(theirs) => {
                    *word = merge(slot, *word, theirs);
                    true
                }
                None => false,
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::expr::Arena;

    #[test]
    fn a_store_forgets_what_it_overlaps() {
        let mut arena = Arena::new();
        let (one, two) = (arena.number(1), arena.number(2));
        let mut memory = Memory::default();
        memory.store((None, 0), one);
        memory.store((None, 32), two);
        assert_eq!((memory.load((None, 0)), memory.load((None, 32))), (Some(one), Some(two)));
        memory.store((None, 28), two);
        assert_eq!((memory.load((None, 0)), memory.load((None, 32))), (None, None));
        memory.store((None, 60), one);
        assert_eq!(memory.load((None, 28)), Some(two));
    }

    #[test]
    fn a_selector_stays_when_arguments_are_written_behind_it() {
        let mut arena = Arena::new();
        let (one, two) = (arena.number(1), arena.number(2));
        let mut memory = Memory::default();
        memory.store((None, 128), one);
        memory.store((None, 132), two);
        memory.store((None, 164), two);
        assert_eq!((memory.load((None, 128)), memory.head((None, 128))), (None, Some(one)));
        memory.store((None, 120), two);
        assert_eq!(memory.head((None, 128)), None);
    }

    #[test]
    fn joining_keeps_only_what_both_know() {
        let mut arena = Arena::new();
        let (one, two) = (arena.number(1), arena.number(2));
        let (mut left, mut right) = (Memory::default(), Memory::default());
        left.store((None, 0), one);
        left.store((None, 32), one);
        left.store((None, 64), two);
        right.store((None, 0), one);
        right.store((None, 64), one);
        left.join(&right, |_, a, b| if a == b { a } else { two });
        assert_eq!(
            (left.load((None, 0)), left.load((None, 32)), left.load((None, 64))),
            (Some(one), None, Some(two))
        );
    }
}
