//! The commands, one file each; this one only chooses.

mod doctor;
mod documents;
mod eval;
mod invoke;
mod key;
mod ledger;
mod prints;
mod queues;
mod scan;
mod screen;
mod smoke;
mod token_key;
mod train;
mod up;
mod verdicts;
mod verify;
mod witness;

use std::error::Error;
use std::process::ExitCode;

use clap::Subcommand;

use crate::terminal::Terminal;

/// What the program can be asked to do.
#[derive(Subcommand)]
pub enum Command {
    /// Run the whole platform on this machine.
    Up(up::Up),
    /// Scan a contract's runtime bytecode, without a server.
    Scan(scan::Scan),
    /// Measure on labelled sets, offline.
    Eval(eval::Eval),
    /// Learn from labelled sets, offline.
    Train(train::Train),
    /// Score an address, without a server.
    Screen(screen::Screen),
    /// Print what a contract's code is known by in lists.
    Prints(prints::Prints),
    /// Check evidence or a whole log offline.
    Verify(verify::Verify),
    /// Take verdicts out with all that they were made from, and make them again.
    Verdicts(verdicts::Verdicts),
    /// Write the log as files that others' programs read.
    Ledger(ledger::Ledger),
    /// Cosign checkpoints of logs that only ever grew.
    Witness(witness::RunWitness),
    /// Show queues, and put dead letters back to work.
    Queues(queues::Queues),
    /// Hand one event file to one function, in a data folder that no host uses.
    Invoke(invoke::Invoke),
    /// Look at this machine, a data folder, what a deployment needs or a platform, and say what is wrong.
    Doctor(doctor::Doctor),
    /// Make one more administrator's key, in a data folder that no host uses.
    Key(key::NewKey),
    /// Rotate the key that signs access tokens, step by step.
    TokenKey(token_key::TokenKey),
    /// Check a deployed platform from outside, step by step.
    Smoke(smoke::Smoke),
    /// Print the API's description (OpenAPI 3.1).
    Openapi,
    /// Print the events' description (AsyncAPI 3.0).
    Asyncapi,
    /// Print what policies can name (a Cedar schema).
    PolicySchema,
    /// Print the manifest as a template of AWS SAM.
    Template,
}

/// What a command says to the shell.
pub(crate) enum Verdict {
    /// 0.
    Fine,
    /// 1: it worked, and what was checked is not as it should be.
    NotFine,
}

pub(crate) type Done = Result<Verdict, Box<dyn Error>>;

/// Does it. Exit codes: 0 fine, 1 what was checked is not fine, 2 it could not be done.
#[must_use]
pub fn run(command: Command) -> ExitCode {
    let done = match command {
        Command::Up(up) => up.run(),
        Command::Scan(scan) => scan.run(),
        Command::Eval(eval) => eval.run(),
        Command::Train(train) => train.run(),
        Command::Screen(screen) => screen.run(),
        Command::Prints(prints) => prints.run(),
        Command::Verify(verify) => verify.run(),
        Command::Verdicts(verdicts) => verdicts.run(),
        Command::Ledger(ledger) => ledger.run(),
        Command::Witness(witness) => witness.run(),
        Command::Queues(queues) => queues.run(),
        Command::Invoke(invoke) => invoke.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Key(key) => key.run(),
        Command::TokenKey(step) => step.run(),
        Command::Smoke(smoke) => smoke.run(),
        Command::Openapi => documents::openapi(),
        Command::Asyncapi => documents::asyncapi(),
        Command::PolicySchema => documents::policy_schema(),
        Command::Template => documents::template(),
    };
    match done {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::NotFine) => ExitCode::from(1),
        Err(error) => {
            Terminal::default().failure(&scorpius_core::error::chain(&*error));
            ExitCode::from(2)
        }
    }
}

/// A runtime for commands that talk to ports.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, std::io::Error> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
