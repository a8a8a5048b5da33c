//! `scorpius ledger fetch-qldb`: a journal that still answers, copied as an export that `import-qldb` takes.

use std::env;
use std::fs;
use std::path::PathBuf;

use clap::Args;
use scorpius_qldb_live::{Endpoint, client, copy};

use super::super::{Done, Verdict};
use crate::terminal::{Progress, Terminal};

/// Copy a journal block by block; each is held against a digest. Credentials are `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
#[derive(Args)]
pub(super) struct FetchQldb {
    /// The ledger's name.
    ledger: String,
    /// What answers: `https://HOST/v1/qldb` of a Scorpius, or whatever speaks as QLDB did.
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// What requests are signed for.
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// The first block.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    first: u64,
    /// A new or empty folder.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

impl FetchQldb {
    pub(super) async fn run(self) -> Done {
        let setting = |name: &str| env::var(name).map_err(|_| format!("`{name}` is not set"));
        let endpoint = Endpoint {
            url: self.endpoint.clone(),
            region: self.region.clone(),
            access_key_id: setting("AWS_ACCESS_KEY_ID")?,
            secret_access_key: setting("AWS_SECRET_ACCESS_KEY")?,
        };
        fs::create_dir_all(&self.to)?;
        if fs::read_dir(&self.to)?.next().is_some() {
            return Err(format!("{} is not empty", self.to.display()).into());
        }
        let mut progress = Progress::new("blocks");
        let mut seen = |done, of| progress.at(done, of);
        let copied = copy(&client(&endpoint), &self.ledger, self.first, &self.to, &mut seen).await;
        progress.end();
        let (terminal, copied) = (Terminal::default(), copied?);
        terminal.good(&format!(
            "strand {}: {} blocks up to {}, each proved to be covered by one digest",
            copied.strand, copied.blocks, copied.tip
        ));
        terminal.note(&format!("scorpius ledger import-qldb {}", self.to.display()));
        Ok(Verdict::Fine)
    }
}
