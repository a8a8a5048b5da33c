//! Hashes as RFC 6962 makes them and C2SP writes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tlog_tiles::Hash;

/// Entries that a log may have. 2^48 fit in six levels of tiles, and shifts by a level never overflow.
pub const SIZE_MAX: u64 = 1 << 48;

/// Base64 with padding: how roots and proofs are written.
#[must_use]
pub fn to_text(hash: &Hash) -> String {
    STANDARD.encode(hash.0)
}

/// Reads what `to_text` writes, and nothing else: a hash has one spelling.
#[must_use]
pub fn from_text(text: &str) -> Option<Hash> {
    // 32 bytes are 44 characters; longer text is not decoded.
    let bytes = (text.len() == 44).then(|| STANDARD.decode(text).ok())??;
    bytes.try_into().ok().map(Hash)
}

/// SHA-256 in lower-case hex: how documents and blobs are named.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Exactly 32 bytes in 64 lower-case hex digits.
#[must_use]
pub fn bytes_of_hex(text: &str) -> Option<[u8; 32]> {
    let lower = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; 32];
    (lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_one_spelling() {
        let text = to_text(&Hash([7; 32]));
        assert_eq!(from_text(&text), Some(Hash([7; 32])));
        // The last digit before the padding carries two unused bits.
        let other = text.replace("Bwc=", "Bwd=");
        assert_ne!(text, other);
        assert_eq!(from_text(&other), None);
        assert_eq!(from_text(text.trim_end_matches('=')), None);
        assert_eq!(bytes_of_hex(&"ab".repeat(32)), Some([0xab; 32]));
        assert_eq!(bytes_of_hex(&"AB".repeat(32)), None);
        assert_eq!(bytes_of_hex("ab"), None);
    }
}
