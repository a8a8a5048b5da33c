//! `scorpius key`: a new administrator's key, for whoever holds the data folder and lost the first one.

use std::path::PathBuf;

use clap::Args;

use super::{Done, Verdict, runtime};
use crate::host::{Host, Settings};
use crate::terminal::Terminal;

/// Make one more administrator's key for the first tenant, in a data folder that no host uses.
#[derive(Args)]
pub struct NewKey {
    /// The folder with all state.
    #[arg(long, default_value = ".scorpius", value_name = "DIR")]
    data: PathBuf,
}

impl NewKey {
    pub(crate) fn run(self) -> Done {
        runtime()?.block_on(async {
            let (host, first) = Host::open(Settings::in_folder(self.data.clone())).await?;
            let made = match first {
                Some(first) => first,
                None => host.functions.new_key().await?,
            };
            let terminal = Terminal::default();
            terminal.line(format!("tenant:  {}", made.tenant));
            terminal.line(format!("API key: {}", made.api_key));
            Ok(Verdict::Fine)
        })
    }
}
