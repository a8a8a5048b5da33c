//! How long a sign-in takes at the real cost, on a disk. Printed, and held against no clock.

use std::time::{Duration, Instant};

use scorpius_account::Cost;

use super::{PASSWORD, joined, log_in};
use crate::desk::Desk;
use crate::say;

const SIGN_INS: usize = 21;

/// The median of `took`, and the longest.
fn shown(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let ms = |at: usize| took[at].as_secs_f64() * 1_000.0;
    format!("p50 {:.1} ms, longest {:.1} ms", ms(took.len() / 2), ms(took.len() - 1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_at_the_real_cost_are_answered_and_timed() {
    let desk = Desk::open_with(|settings| settings.password_cost = Cost::default()).await;
    joined(&desk, "ada@example.com", "viewer").await;
    let (mut right, mut unknown) = (Vec::new(), Vec::new());
    for n in 0..SIGN_INS {
        let begun = Instant::now();
        log_in(&desk, "ada@example.com", PASSWORD).await.expect(200);
        right.push(begun.elapsed());
        let begun = Instant::now();
        log_in(&desk, &format!("nobody-{n}@example.com"), PASSWORD).await.expect(401);
        unknown.push(begun.elapsed());
    }
    say(&format!("sign-in at 19 MiB and 2 passes: {}; nobody's address: {}", shown(right), shown(unknown)));
}
