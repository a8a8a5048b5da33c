//! How far a scan is, for whoever waits at a terminal.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use scorpius_scan::engine::{Run, Seen, Stage};

use crate::terminal::Progress;

/// How often the bar is looked after.
const EVERY: Duration = Duration::from_millis(100);

/// The bar, where somebody sees it: on a terminal, and not in a job of continuous integration.
pub(super) fn bar(wanted: bool) -> Option<Progress> {
    let is_job = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    (wanted && !is_job && std::io::stderr().is_terminal()).then(|| Progress::new("steps"))
}

/// What `engine` answers, with `bar` showing how far it is. `files` is how many files it reads before it looks at contracts;
/// none are read for bytecode.
pub(super) fn watched<T>(
    bar: Option<Progress>,
    files: Option<usize>,
    engine: impl FnOnce(&Arc<Run>) -> T,
) -> T {
    let run = Arc::new(Run::default());
    let Some(mut bar) = bar else { return engine(&run) };
    std::thread::scope(|scope| {
        let (over, ended) = sync_channel::<()>(0);
        let watched = Arc::clone(&run);
        scope.spawn(move || {
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let (done, of, what) = steps(watched.seen(), files);
                if of > 0 {
                    bar.working((done, of, what), &watched.at_work());
                }
            }
            bar.end();
        });
        let answer = engine(&run);
        // Nobody sends: that there is no sender any more is what the other side waits for.
        drop(over);
        answer
    })
}

/// Done, known so far, and what is counted.
fn steps(seen: Seen, files: Option<usize>) -> (u64, u64, &'static str) {
    let (done, known) = (u64::from(seen.done), u64::from(seen.known));
    match (seen.stage, files) {
        (Stage::Replay, _) => (done, known, "findings tried"),
        (Stage::Queued | Stage::Fetching | Stage::Storing, _) => (0, 0, "steps"),
        (Stage::Engine, None) => (done, known, "states"),
        (Stage::Engine, Some(files)) => {
            let files = files as u64;
            match known.checked_sub(files) {
                Some(contracts) if contracts > 0 => (done.saturating_sub(files), contracts, "contracts"),
                _ => (done, known, "files"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// What a terminal was sent.
    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Screen {
        fn text(&self) -> String {
            String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
        }
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Waits until the screen has it: the engine of these tests goes on as soon as it was seen.
    fn until(screen: &Screen, text: &str) {
        while !screen.text().contains(text) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn files_then_contracts_are_shown_with_what_is_at_work_and_the_line_is_left_empty() {
        let screen = Screen::default();
        let bar = Some(Progress::on("steps", screen.clone()));
        let answer = watched(bar, Some(4), |run| {
            run.tell(Stage::Engine, 1, 4);
            run.works_at("src/Vault.sol\u{1b}[2J");
            until(&screen, "1 of 4 files: src/Vault.sol[2J\u{1b}[K");
            run.tell(Stage::Engine, 7, 10);
            run.works_at("Vault");
            until(&screen, "[###############---------------] 3 of 6 contracts: Vault\u{1b}[K");
            7
        });
        assert_eq!(answer, 7);
        assert!(screen.text().ends_with("\r\u{1b}[2K"), "{:?}", screen.text());
    }

    #[test]
    fn bytecode_counts_states_and_then_findings() {
        let seen = |stage, done, known| Seen { stage, done, known };
        assert_eq!(steps(seen(Stage::Engine, 3, 9), None), (3, 9, "states"));
        assert_eq!(steps(seen(Stage::Replay, 1, 2), None), (1, 2, "findings tried"));
        assert_eq!(steps(seen(Stage::Queued, 0, 0), None).1, 0);
        // No file is read yet, and one that holds no contract.
        assert_eq!(steps(seen(Stage::Engine, 0, 0), Some(2)), (0, 0, "files"));
        assert_eq!(steps(seen(Stage::Engine, 2, 2), Some(2)), (2, 2, "files"));
    }

    #[test]
    fn without_a_terminal_nothing_is_shown() {
        assert!(!watched(None, None, |run| run.is_stopped()));
        assert!(bar(false).is_none());
    }
}
