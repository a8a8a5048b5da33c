//! evmole's view of the control flow: a second opinion, and a hint where ours does not resolve a jump.
//!
//! evmole promises neither an end nor freedom from panics on arbitrary bytes, so it works on a thread of its
//! own that is waited for only so long.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use evmole::control_flow_graph::{BlockType, DynamicJump};
use evmole::{Contract, ContractInfoArgs, contract_info};

/// Threads at work, those included that nobody waits for any more.
const THREADS_MAX: usize = 8;
/// evmole recurses along paths of up to 256 blocks.
const THREAD_STACK_BYTES: usize = 16 << 20;

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// What evmole says.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// By selector: where the function starts.
    pub(crate) functions: BTreeMap<u32, usize>,
    /// Starts of blocks that it reaches.
    pub(crate) blocks: BTreeSet<usize>,
    /// By the jump's place: destinations of jumps that depend on the path.
    pub(crate) jumps: HashMap<usize, Vec<usize>>,
}

/// Why evmole says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRecovery {
    #[error("too many of its runs are unfinished")]
    Busy,
    #[error("it did not finish in time")]
    TimedOut,
    #[error("it failed on this code")]
    Failed,
    #[error("it was not asked, for it has no limit but time")]
    NotAsked,
}

/// A run that has started.
pub(crate) struct Recovery(Result<Receiver<Recovered>, NoRecovery>);

/// One thread, counted until it ends.
struct Slot;

impl Slot {
    fn take() -> Option<Self> {
        let taken = THREADS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |running| {
            (running < THREADS_MAX).then(|| running + 1)
        });
        // Not made where none was taken: its end would give one back.
        taken.is_ok().then(|| Self)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Recovery {
    /// Starts evmole on `code`.
    pub(crate) fn start(code: &[u8]) -> Self {
        let Some(slot) = Slot::take() else { return Self(Err(NoRecovery::Busy)) };
        let code = code.to_vec();
        let (give, take) = sync_channel(1);
        let work = move || {
            let _slot = slot;
            let recovered = catch_unwind(|| {
                read(contract_info(ContractInfoArgs::new(&code).with_selectors().with_control_flow_graph()))
            });
            // Without an answer the receiver sees a closed channel; without a receiver nobody wants one.
            if let Ok(recovered) = recovered {
                give.send(recovered).unwrap_or_default();
            }
        };
        let thread =
            std::thread::Builder::new().name("evmole".to_owned()).stack_size(THREAD_STACK_BYTES).spawn(work);
        Self(thread.map(|_| take).map_err(|_| NoRecovery::Busy))
    }

    /// Nothing is started.
    pub(crate) fn not_asked() -> Self {
        Self(Err(NoRecovery::NotAsked))
    }

    /// Waits for its answer, `wait` at most.
    pub(crate) fn finish(self, wait: Duration) -> Result<Recovered, NoRecovery> {
        match self.0?.recv_timeout(wait) {
            Ok(recovered) => Ok(recovered),
            Err(RecvTimeoutError::Timeout) => Err(NoRecovery::TimedOut),
            Err(RecvTimeoutError::Disconnected) => Err(NoRecovery::Failed),
        }
    }
}

fn read(contract: Contract) -> Recovered {
    let functions = contract.functions.unwrap_or_default();
    let mut recovered = Recovered {
        functions: functions
            .iter()
            .map(|function| (u32::from_be_bytes(function.selector), function.bytecode_offset))
            .collect(),
        ..Recovered::default()
    };
    for block in contract.control_flow_graph.into_iter().flat_map(|graph| graph.blocks.into_values()) {
        recovered.blocks.insert(block.start);
        let to: Vec<usize> = match block.btype {
            BlockType::DynamicJump { to } | BlockType::DynamicJumpi { true_to: to, .. } => destinations(&to),
            BlockType::Jump { to } | BlockType::Jumpi { true_to: to, .. } => vec![to],
            BlockType::Terminate { .. } => Vec::new(),
        };
        if !to.is_empty() {
            let known = recovered.jumps.entry(block.end).or_default();
            known.extend(to);
            known.sort_unstable();
            known.dedup();
        }
    }
    recovered
}

fn destinations(jumps: &[DynamicJump]) -> Vec<usize> {
    jumps.iter().filter_map(|jump| jump.to).collect()
}
