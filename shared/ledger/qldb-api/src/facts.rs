//! What is told about digests.

use schemars::JsonSchema;
use scorpius_core::Fact;
use serde::{Deserialize, Serialize};

/// A digest covers entries that none covered before. Its own entry binds it, with the weaker proofs that it allows, into the
/// log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DigestMade {
    /// The journal's name.
    pub ledger: String,
    /// Its strand.
    pub strand_id: String,
    /// The last block that it covers.
    pub sequence_no: u64,
    /// Blocks that it covers.
    pub blocks: u64,
    /// In Base64, as `GetDigest` answers it.
    pub digest: String,
}

impl Fact for DigestMade {
    const TYPE: &'static str = "scorpius.audit.qldb_digest_made.v1";
    const MEANING: &'static str = "A digest in QLDB's form was made over entries of the ledger.";
}
