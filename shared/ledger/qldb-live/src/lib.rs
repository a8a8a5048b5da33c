//! A journal that still answers, copied block by block through the SDK that QLDB had, into a folder as an export is.
//!
//! AWS's own endpoints are gone since July 2025: what answers today is `POST /v1/qldb/ledgers/{name}/…` of another Scorpius, or
//! whatever else speaks the same. Each block is held against one digest, by its proof, before it is written.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use aws_sdk_qldb;
use aws_sdk_qldb::Client;
use aws_sdk_qldb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_qldb::error::{DisplayErrorContext, SdkError};
use aws_sdk_qldb::operation::get_block::GetBlockError;
use aws_sdk_qldb::types::ValueHolder;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use scorpius_qldb::{Address, StoredBlock, hash};

/// Blocks of one data object.
const OBJECT_BLOCKS: u64 = 1_000;

/// Where a journal answers.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `https://api.example.com/v1/qldb`.
    pub url: String,
    /// What requests are signed for.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
}

/// Why a journal was not copied.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// It did not answer as it should.
    #[error("{call}: {why}")]
    Call {
        /// Which call.
        call: &'static str,
        /// What the SDK says.
        why: String,
    },
    /// An answer that is not what it should be.
    #[error("block {block}: {why}")]
    Answer {
        /// Which.
        block: u64,
        /// What is wrong.
        why: String,
    },
    /// The digest's answer cannot be read.
    #[error("the digest: {0}")]
    Digest(String),
    /// A file cannot be written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The journal's strand.
    pub strand: String,
    /// Blocks.
    pub blocks: u64,
    /// The digest that covers all of them.
    pub digest: Vec<u8>,
    /// The last block that it covers.
    pub tip: u64,
}

/// The SDK's client, over TLS with ring as all of Scorpius.
#[must_use]
pub fn client(endpoint: &Endpoint) -> Client {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let (id, secret) = (&endpoint.access_key_id, &endpoint.secret_access_key);
    let config = aws_sdk_qldb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(endpoint.region.clone()))
        .endpoint_url(&endpoint.url)
        .credentials_provider(Credentials::new(id, secret, None, None, "scorpius"))
        .build();
    Client::from_conf(config)
}

/// Copies the blocks of `ledger` from `first` on to the tip of a digest into `folder`, as an export: data objects and a
/// manifest. Numbers that the journal does not have are left out, as those of other tenants are. `seen` is told each number.
///
/// # Errors
/// `LiveError`; the manifest is written last, so that a folder without one is not whole.
pub async fn copy(
    client: &Client,
    ledger: &str,
    first: u64,
    folder: &Path,
    seen: &mut dyn FnMut(u64, u64),
) -> Result<Copied, LiveError> {
    let digest = client.get_digest().name(ledger).send().await.map_err(|error| call("GetDigest", &error))?;
    let tip_address = digest.digest_tip_address().cloned();
    let tip_address = tip_address.ok_or_else(|| LiveError::Digest("it has no tip".to_owned()))?;
    let tip = Address::of_ion(tip_address.ion_text().unwrap_or_default())
        .map_err(|error| LiveError::Digest(error.to_string()))?;
    let digest = digest.digest().as_ref().to_vec();
    let (mut names, mut blocks, mut object) = (Vec::new(), 0, Object::default());
    for number in first..=tip.sequence_no {
        let address = Address { strand: tip.strand.clone(), sequence_no: number };
        if let Some(text) = block(client, ledger, &address, &tip_address, &digest).await? {
            object.add(number, &text);
            blocks += 1;
        }
        seen(number - first + 1, tip.sequence_no - first + 1);
        if object.blocks >= OBJECT_BLOCKS {
            names.extend(std::mem::take(&mut object).write(folder, &tip.strand)?);
        }
    }
    names.extend(object.write(folder, &tip.strand)?);
    let keys: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    put(
        folder,
        &format!("live.{}.completed.manifest", tip.strand),
        &format!("{{keys:[{}]}}", keys.join(",")),
    )?;
    Ok(Copied { strand: tip.strand, blocks, digest, tip: tip.sequence_no })
}

/// One block, proved; `None` when the journal has none of this number.
async fn block(
    client: &Client,
    ledger: &str,
    address: &Address,
    tip: &ValueHolder,
    digest: &[u8],
) -> Result<Option<String>, LiveError> {
    let wrong = |why: String| LiveError::Answer { block: address.sequence_no, why };
    let holder = ValueHolder::builder().ion_text(address.to_string()).build();
    let asked = client.get_block().name(ledger).block_address(holder).digest_tip_address(tip.clone());
    let answer = match asked.send().await {
        Ok(answer) => answer,
        Err(SdkError::ServiceError(error))
            if matches!(error.err(), GetBlockError::ResourceNotFoundException(_)) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(call("GetBlock", &error)),
    };
    let text = |holder: Option<&ValueHolder>| holder.and_then(ValueHolder::ion_text).map(str::to_owned);
    let block = text(answer.block()).ok_or_else(|| wrong("it is empty".to_owned()))?;
    let proof = text(answer.proof()).ok_or_else(|| wrong("it has no proof".to_owned()))?;
    let read = StoredBlock::of_text(&block).map_err(|error| wrong(error.to_string()))?;
    let proof = hash::proof_of_ion(proof.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    if read.block.strand != address.strand || read.block.sequence_no != address.sequence_no {
        return Err(wrong("it is another block".to_owned()));
    }
    match hash::fold(&read.block.block_hash, &proof) == digest {
        true => Ok(Some(block)),
        false => Err(wrong("its proof does not lead to the digest".to_owned())),
    }
}

fn call<E, R>(call: &'static str, error: &SdkError<E, R>) -> LiveError
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug,
{
    LiveError::Call { call, why: DisplayErrorContext(error).to_string().chars().take(500).collect() }
}

/// A data object on its way.
#[derive(Default)]
struct Object {
    range: Option<(u64, u64)>,
    blocks: u64,
    text: String,
}

impl Object {
    fn add(&mut self, number: u64, block: &str) {
        self.range = Some((self.range.map_or(number, |(first, _)| first), number));
        self.blocks += 1;
        // Writing to a string cannot fail.
        writeln!(self.text, "{block}").unwrap_or_default();
    }

    fn write(self, folder: &Path, strand: &str) -> Result<Option<String>, LiveError> {
        let Some((first, last)) = self.range else { return Ok(None) };
        let name = format!("{strand}.{first}-{last}.ion");
        put(folder, &name, &self.text)?;
        Ok(Some(name))
    }
}

fn put(folder: &Path, name: &str, text: &str) -> Result<(), LiveError> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(|source| LiveError::File { path, source })
}
