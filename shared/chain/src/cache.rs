//! Code by address and block: what never changes, kept within bounds.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

/// Chain, address, block hash.
pub(crate) type CodeKey = (u64, [u8; 20], [u8; 32]);

/// Bytes that an entry costs beside its code.
const ENTRY_BYTES: usize = 200;

/// A map that forgets, when it is full, the oldest entry that was not used since it was last considered.
pub(crate) struct CodeCache {
    bytes_max: usize,
    bytes: usize,
    entries: HashMap<CodeKey, Entry>,
    order: VecDeque<CodeKey>,
}

struct Entry {
    code: Bytes,
    used: bool,
}

impl CodeCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, entries: HashMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn get(&mut self, key: &CodeKey) -> Option<Bytes> {
        let entry = self.entries.get_mut(key)?;
        entry.used = true;
        Some(entry.code.clone())
    }

    pub(crate) fn put(&mut self, key: CodeKey, code: Bytes) {
        let cost = code.len() + ENTRY_BYTES;
        if cost > self.bytes_max || self.entries.contains_key(&key) {
            return;
        }
        // INVARIANT: `order` holds each key of `entries` once; a pass clears every `used`, so this ends.
        while self.bytes + cost > self.bytes_max {
            let Some(oldest) = self.order.pop_front() else { break };
            match self.entries.get_mut(&oldest) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.order.push_back(oldest);
                }
                _ => self.forget(&oldest),
            }
        }
        self.bytes += cost;
        self.entries.insert(key, Entry { code, used: false });
        self.order.push_back(key);
    }

    fn forget(&mut self, key: &CodeKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.code.len() + ENTRY_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(n: u8) -> CodeKey {
        (1, [n; 20], [0; 32])
    }

    fn code(length: usize) -> Bytes {
        Bytes::from(vec![0; length])
    }

    #[test]
    fn what_was_used_outlives_what_was_not() {
        let mut cache = CodeCache::new(3 * (100 + ENTRY_BYTES));
        for n in 0..3 {
            cache.put(key(n), code(100));
        }
        assert_eq!(cache.get(&key(0)), Some(code(100)));
        cache.put(key(3), code(100));
        assert!(cache.get(&key(0)).is_some() && cache.get(&key(1)).is_none());
        cache.put(key(9), code(10_000));
        assert!(cache.get(&key(9)).is_none());
    }

    proptest! {
        #[test]
        fn the_bound_holds_whatever_comes(steps in proptest::collection::vec((any::<u8>(), 0_usize..600, any::<bool>()), 0..200)) {
            let mut cache = CodeCache::new(2_000);
            for (n, length, read) in steps {
                if read {
                    drop(cache.get(&key(n)));
                } else {
                    cache.put(key(n), code(length));
                }
                let held: usize = cache.entries.values().map(|entry| entry.code.len() + ENTRY_BYTES).sum();
                prop_assert_eq!(held, cache.bytes);
                prop_assert!(held <= 2_000 && cache.order.len() == cache.entries.len());
            }
        }
    }
}
