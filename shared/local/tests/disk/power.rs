//! A disk that forgets what was not synced when power goes.
//!
//! The real files hold what is durable. What was written since the last sync is in memory: every
//! connection sees it, and a loss of power keeps a part of it, in pieces of a sector.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

const SECTOR_BYTES: usize = 512;
/// The file into which the log of commits is folded.
const DATABASE: &str = "scorpius.db";

/// The power of one disk.
#[derive(Default)]
pub(crate) struct Power {
    state: Mutex<State>,
    /// How long the disk takes to sync.
    sync_takes: Duration,
    /// How long a write to the counters' log takes.
    counting_takes: Duration,
}

#[derive(Default)]
struct State {
    files: BTreeMap<PathBuf, File>,
    counts: Counts,
    gone: bool,
    plan: Option<Plan>,
}

/// When power goes.
struct Plan {
    /// Writes and syncs until then.
    left: u64,
    /// Whether only those of the database itself count, which are made while the log is folded in.
    folding: bool,
    /// What chooses the pieces that are kept.
    seed: u64,
}

/// What the disk was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Syncs of the log in which commits are.
    pub(crate) log_syncs: u64,
    /// Writes that were not on the disk when power went.
    pub(crate) unsynced: u64,
    /// Those of them to the database itself, by a fold of the log that was under way.
    pub(crate) unfolded: u64,
}

#[derive(Default)]
struct File {
    seen: Vec<u8>,
    unsynced: Vec<Change>,
}

enum Change {
    Write(usize, Vec<u8>),
    Resize(usize),
}

impl Power {
    pub(crate) fn with_slow_syncs(sync_takes: Duration) -> Self {
        Self { sync_takes, ..Self::default() }
    }

    pub(crate) fn with_slow_counters(counting_takes: Duration) -> Self {
        Self { counting_takes, ..Self::default() }
    }

    /// Power goes at the `operations`-th write or sync from here.
    pub(crate) fn goes_after(&self, operations: u64, seed: u64) {
        self.lock().plan = Some(Plan { left: operations, folding: false, seed });
    }

    /// Power goes at the `operations`-th write or sync that folds the log into the database.
    pub(crate) fn goes_in_a_fold_after(&self, operations: u64, seed: u64) {
        self.lock().plan = Some(Plan { left: operations, folding: true, seed });
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// The file as it is on the disk, unless it is known.
    pub(crate) fn open(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        if !state.files.contains_key(path) {
            let file = File { seen: std::fs::read(path)?, unsynced: Vec::new() };
            state.files.insert(path.to_owned(), file);
        }
        Ok(())
    }

    pub(crate) fn forget(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.powered()?;
        state.files.remove(path);
        Ok(())
    }

    /// The size of the file, when it is one of ours.
    pub(crate) fn size(&self, path: &Path) -> Option<usize> {
        self.lock().files.get(path).map(|file| file.seen.len())
    }

    /// Fills `into` from `at`; what is behind the end is zero. Answers how many bytes there were.
    pub(crate) fn read(&self, path: &Path, at: usize, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.lock();
        state.powered()?;
        let seen = &state.file(path)?.seen;
        let there = seen.get(at..).unwrap_or_default();
        let count = there.len().min(into.len());
        into[..count].copy_from_slice(&there[..count]);
        into[count..].fill(0);
        Ok(count)
    }

    pub(crate) fn write(&self, path: &Path, at: usize, bytes: &[u8]) -> io::Result<()> {
        if !self.counting_takes.is_zero() && path.ends_with("counters.db-wal") {
            std::thread::sleep(self.counting_takes);
        }
        let mut state = self.lock();
        state.file(path)?.change(Change::Write(at, bytes.to_vec()));
        state.count_down(path)
    }

    pub(crate) fn resize(&self, path: &Path, size: usize) -> io::Result<()> {
        let mut state = self.lock();
        state.file(path)?.change(Change::Resize(size));
        state.count_down(path)
    }

    pub(crate) fn sync(&self, path: &Path) -> io::Result<()> {
        std::thread::sleep(self.sync_takes);
        let mut state = self.lock();
        state.count_down(path)?;
        for change in std::mem::take(&mut state.file(path)?.unsynced) {
            change.apply(path)?;
        }
        if path.to_string_lossy().ends_with("-wal") {
            state.counts.log_syncs += 1;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the disk")
    }
}

impl State {
    fn file(&mut self, path: &Path) -> io::Result<&mut File> {
        self.files.get_mut(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn powered(&self) -> io::Result<()> {
        if self.gone { Err(io::Error::other("there is no power")) } else { Ok(()) }
    }

    fn count_down(&mut self, path: &Path) -> io::Result<()> {
        self.powered()?;
        match &mut self.plan {
            Some(plan) if plan.folding && !path.ends_with(DATABASE) => Ok(()),
            Some(Plan { left: 0, seed, .. }) => {
                let seed = *seed;
                self.lose(seed)?;
                self.powered()
            }
            Some(plan) => {
                plan.left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Keeps of what was not synced: nothing, every other sector, or nearly all.
    fn lose(&mut self, seed: u64) -> io::Result<()> {
        self.gone = true;
        let mut random = Random(seed);
        let keep_of_ten = [0, 5, 9][random.below(3)];
        for (path, file) in &mut self.files {
            self.counts.unsynced += file.unsynced.len() as u64;
            if path.ends_with(DATABASE) {
                self.counts.unfolded += file.unsynced.len() as u64;
            }
            for change in file.unsynced.drain(..) {
                match change {
                    Change::Resize(_) if random.below(10) < keep_of_ten => change.apply(path)?,
                    Change::Resize(_) => {}
                    Change::Write(at, bytes) => {
                        for (sector, piece) in bytes.chunks(SECTOR_BYTES).enumerate() {
                            if random.below(10) < keep_of_ten {
                                Change::Write(at + sector * SECTOR_BYTES, piece.to_vec()).apply(path)?;
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl File {
    fn change(&mut self, change: Change) {
        match &change {
            Change::Resize(size) => self.seen.resize(*size, 0),
            Change::Write(at, bytes) => {
                let end = at + bytes.len();
                self.seen.resize(self.seen.len().max(end), 0);
                self.seen[*at..end].copy_from_slice(bytes);
            }
        }
        self.unsynced.push(change);
    }
}

impl Change {
    fn apply(&self, path: &Path) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        match self {
            Self::Resize(size) => file.set_len(*size as u64),
            Self::Write(at, bytes) => file.write_all_at(bytes, *at as u64),
        }
    }
}

/// SplitMix64: the same seed, the same choices.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}
