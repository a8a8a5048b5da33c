//! Where a block is in a journal.

use std::fmt;

use ion_rs::Element;

use crate::depth;

/// Bytes of an address as Ion text: a strand has 22 letters and digits.
const BYTES_MAX: usize = 1_000;
/// Characters of a strand's id.
const STRAND_CHARS_MAX: usize = 100;

/// `blockAddress`, and the tip of a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The journal's strand.
    pub strand: String,
    /// The block's number.
    pub sequence_no: u64,
}

/// Not an address of QLDB's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address: `{{strandId: \"…\", sequenceNo: 0}}` as Ion")]
pub struct NotAnAddress;

impl Address {
    /// Reads an address as Ion.
    ///
    /// # Errors
    /// For anything else.
    pub fn of_ion(text: &str) -> Result<Self, NotAnAddress> {
        if text.len() > BYTES_MAX || !depth::is_shallow(text.as_bytes()) {
            return Err(NotAnAddress);
        }
        let value = Element::read_one(text).map_err(|_| NotAnAddress)?;
        let address = value.as_struct().ok_or(NotAnAddress)?;
        let strand = address.get("strandId").and_then(Element::as_text).ok_or(NotAnAddress)?;
        let number = address.get("sequenceNo").and_then(Element::as_i64).ok_or(NotAnAddress)?;
        if address.len() != 2 || strand.chars().count() > STRAND_CHARS_MAX {
            return Err(NotAnAddress);
        }
        let sequence_no = u64::try_from(number).map_err(|_| NotAnAddress)?;
        Ok(Self { strand: strand.to_owned(), sequence_no })
    }
}

/// As Ion text. Strands of ours and of QLDB's need no escape.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strand = Element::string(self.strand.as_str());
        write!(f, "{{strandId:{strand},sequenceNo:{}}}", self.sequence_no)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written_and_nothing_else_is() {
        let address = Address { strand: "JdxjkR9bSYB5jMHWcI464T".to_owned(), sequence_no: 7 };
        assert_eq!(address.to_string(), "{strandId:\"JdxjkR9bSYB5jMHWcI464T\",sequenceNo:7}");
        assert_eq!(Address::of_ion(&address.to_string()), Ok(address.clone()));
        assert_eq!(
            Address::of_ion(" { sequenceNo : 0x7, 'strandId': '''JdxjkR9bSYB5jMHWcI464T''' }"),
            Ok(address)
        );
        for bad in [
            "",
            "7",
            "{}",
            "{strandId:\"a\"}",
            "{strandId:\"a\",sequenceNo:-1}",
            "{strandId:\"a\",sequenceNo:1.5}",
            "{strandId:1,sequenceNo:1}",
            "{strandId:\"a\",sequenceNo:1,more:1}",
            "{strandId:\"a\",sequenceNo:99999999999999999999}",
            &"[".repeat(900),
            &format!("{{strandId:\"{}\",sequenceNo:1}}", "a".repeat(2_000)),
        ] {
            assert_eq!(Address::of_ion(bad), Err(NotAnAddress), "{bad}");
        }
    }
}
