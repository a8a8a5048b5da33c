//! The AWS side against emulators, which the tests install and start themselves.

mod bus;
mod lost_answers;
mod mail;
pub(crate) mod tools;
mod topics;

use std::sync::Arc;

use scorpius_aws::Aws;
use scorpius_core::SystemClock;

/// An emulated AWS of a test's own.
pub(crate) struct Emulated {
    pub(crate) aws: Aws,
    /// Where it listens.
    pub(crate) url: String,
    /// Ends the emulator with the test.
    _emulator: tools::Emulator,
}

/// `None`, having said so, where ministack cannot be had.
pub(crate) async fn emulated() -> Option<Emulated> {
    let emulator = tokio::task::block_in_place(tools::ministack)?;
    let (aws, url) = (Aws::emulated(&emulator.url, Arc::new(SystemClock)), emulator.url.clone());
    Some(Emulated { aws, url, _emulator: emulator })
}
