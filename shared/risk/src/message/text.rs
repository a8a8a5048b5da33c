//! Text that is signed: EIP-191's `personal_sign`, and Sign-In with Ethereum (EIP-4361) in it.

use alloy_primitives::keccak256;
use serde_json::json;

use super::{Note, Reading, Signed};
use crate::address::ChainId;
use crate::engine::rules::SignalId;

const ASKS: &str = " wants you to sign in with your Ethereum account:";

pub(super) fn read(bytes: &[u8], chain: ChainId, origin: Option<&str>) -> Reading {
    let mut signed = format!("\x19Ethereum Signed Message:\n{}", bytes.len()).into_bytes();
    signed.extend_from_slice(bytes);
    let mut notes = Vec::new();
    match std::str::from_utf8(bytes) {
        Ok(text) if !looks_like_hash(bytes, text) => look_at_text(text, chain, origin, &mut notes),
        _ => {
            let evidence = json!({"bytes": bytes.len(), "what": "bytes that are no text"});
            notes.push(Note { id: SignalId::OpaqueMessage, evidence });
        }
    }
    let signed = Signed { scheme: "eip191", primary_type: None, hash: keccak256(&signed).0 };
    Reading { notes, signed: Some(signed), ..Reading::default() }
}

/// 32 bytes, or 32 bytes written out: what is signed is then something that the text does not show.
fn looks_like_hash(bytes: &[u8], text: &str) -> bool {
    let digits = text.trim().strip_prefix("0x").unwrap_or(text.trim());
    bytes.len() == 32 || digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

fn look_at_text(text: &str, chain: ChainId, origin: Option<&str>, notes: &mut Vec<Note>) {
    let hidden = text.chars().filter(|c| is_hidden(*c)).count();
    if hidden > 0 {
        notes.push(Note { id: SignalId::HiddenText, evidence: json!({"characters": hidden}) });
    }
    if let Some(domain) = sign_in(text) {
        if let Some(origin) = origin
            && !origin.eq_ignore_ascii_case(host(domain))
        {
            let evidence = json!({"signs_in_to": shown(domain), "asked_by": shown(origin)});
            notes.push(Note { id: SignalId::SignInMismatch, evidence });
        }
        let other = line(text, "Chain ID: ").filter(|id| *id != chain.number().to_string());
        if let Some(other) = other {
            let evidence = json!({"signed_for": shown(other), "asked_on": chain.number().to_string()});
            notes.push(Note { id: SignalId::ChainMismatch, evidence });
        }
        let evidence = json!({"signs_in_to": shown(domain), "uri": line(text, "URI: ").map(shown)});
        return notes.push(Note { id: SignalId::DecodedMessage, evidence });
    }
    let evidence = json!({"text": text.chars().take(200).collect::<String>()});
    notes.push(Note { id: SignalId::DecodedMessage, evidence });
}

/// Control characters, and those that turn or hide what follows (Unicode TR 36, section 2.6).
fn is_hidden(c: char) -> bool {
    let is_layout = matches!(c, '\n' | '\r' | '\t');
    c.is_control() && !is_layout
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The domain of a sign-in message.
fn sign_in(text: &str) -> Option<&str> {
    let first = text.lines().next()?;
    let domain = first.strip_suffix(ASKS)?;
    // A scheme may stand before the domain.
    Some(domain.split_once("://").map_or(domain, |(_, domain)| domain))
}

/// Without a port.
fn host(domain: &str) -> &str {
    domain.split_once(':').map_or(domain, |(host, _)| host)
}

fn line<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
