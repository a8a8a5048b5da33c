//! `scorpius doctor`: looks at this machine, a data folder, what a deployment needs, or a platform, and says
//! what is wrong and what to do about it.

mod deploy;
mod folder;
mod platform;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{Done, Verdict, runtime};
use crate::terminal::Terminal;

/// What was looked at, or what to mend.
type Finding = Result<String, String>;

/// Look at this machine and a data folder, and say what is wrong. Exit code 1: something is to be mended.
#[derive(Args)]
pub struct Doctor {
    /// The folder with all state; no host may be using it.
    #[arg(long, default_value = ".scorpius", value_name = "DIR")]
    data: PathBuf,
    /// Where the host would listen.
    #[arg(long, default_value = "127.0.0.1:8480", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Look instead for what building zips and deploying them to AWS needs.
    #[arg(long, conflicts_with = "url")]
    deploy: bool,
    /// The architecture that is deployed: arm64 or x86_64.
    #[arg(long, default_value = "arm64", value_parser = ["arm64", "x86_64"], requires = "deploy")]
    architecture: String,
    /// Look instead at the platform that answers here, such as https://api.example.com.
    #[arg(long)]
    url: Option<String>,
}

impl Doctor {
    pub(crate) fn run(self) -> Done {
        let found = match (&self.url, self.deploy) {
            (Some(url), _) => runtime()?.block_on(platform::look(url))?,
            (None, true) => deploy::look(&self.architecture),
            (None, false) => runtime()?.block_on(folder::look(&self.data, self.listen)),
        };
        let terminal = Terminal::default();
        for finding in &found {
            match finding {
                Ok(text) => terminal.good(text),
                Err(text) => terminal.bad(text),
            }
        }
        Ok(if found.iter().all(Result::is_ok) { Verdict::Fine } else { Verdict::NotFine })
    }
}
