//! The operator's program. `scorpius help` lists what it does.

use std::process::ExitCode;

use clap::Parser;
use scorpius::commands::{self, Command};

#[derive(Parser)]
#[command(
    name = "scorpius",
    version,
    about = "An open, self-hosted, serverless security platform for blockchains."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    commands::run(Arguments::parse().command)
}
