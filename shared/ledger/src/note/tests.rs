use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;

use super::*;

// The example of c2sp.org/signed-note.
const C2SP_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const C2SP_NOTE: &str = "This is an example message.\n\n\
    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
// A log of 600 entries, signed with the seed 0707…07; read by Go's `sumdb/note` as well.
const KEY: &str = "example.com/audit/acme+2090cdbe+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
const BODY: &str = "example.com/audit/acme\n600\n6nELmYhcIzZScdG8PTtk0coA1J6rYor7U4TaSpvddD4=\n";
const LINE: &str = "— example.com/audit/acme IJDNvjAGYSNzZq4MmK2C1S64motKjkYnsYj3Gwkwg6InEb7Gu6coCo+VRrqKQS/AyGhc15I+O4Jnyw9gAHOz2ppOhQE=\n";
const WITNESS_LINE: &str = "— witness.example/w1 JLXZ/gAAAABrAU8OsduPcpO8nk/cyZpXQq34rE0C1U9CGrBwmQhbYpvdLuQD+XjJnzS1V/DRisRCu2/+2omhkVWoOmKK6aptj8MKBA==\n";

fn key() -> VerifierKey {
    KEY.parse().expect("a key")
}

fn note() -> String {
    format!("{BODY}\n{LINE}")
}

#[track_caller]
fn refused(note: &str, error: NoteError) {
    assert_eq!(Checkpoint::open(note.as_bytes(), &[key()]), Err(error), "{note}");
}

#[test]
fn a_note_that_others_made_is_read_and_made_again() {
    let checkpoint = Checkpoint::open(note().as_bytes(), &[key()]).expect("a checkpoint");
    assert_eq!(checkpoint.size, 600);
    assert_eq!(checkpoint.body(), BODY);
    let signing = SigningKey::from_bytes(&[7; 32]);
    let ours = VerifierKey::new(&checkpoint.origin, signing.verifying_key().as_bytes()).expect("a key");
    assert_eq!(ours.to_string(), KEY);
    let signature = signing.sign(BODY.as_bytes()).to_bytes();
    assert_eq!(checkpoint.signed(&ours, &signature).as_deref(), Ok(note().as_str()));
}

#[test]
fn a_signature_that_would_not_verify_makes_no_note() {
    let checkpoint = Checkpoint::open(note().as_bytes(), &[key()]).expect("a checkpoint");
    assert_eq!(checkpoint.signed(&key(), &[0; 64]), Err(NoteError::WrongSignature));
    let other: VerifierKey = C2SP_KEY.parse().expect("a key");
    assert_eq!(checkpoint.signed(&other, &[0; 64]), Err(NoteError::Unsigned));
}

#[test]
fn the_specification_s_note_is_signed_and_no_checkpoint() {
    let key: VerifierKey = C2SP_KEY.parse().expect("a key");
    let note = Note::from_bytes(C2SP_NOTE.as_bytes()).expect("a note");
    assert!(note.verify(&VerifierList::new(vec![Box::new(key.verifier.clone())])).is_ok());
    assert_eq!(Checkpoint::open(C2SP_NOTE.as_bytes(), &[key]), Err(NoteError::NotACheckpoint));
}

#[test]
fn notes_that_must_fail_fail() {
    refused(&note().replace("\n600\n", "\n601\n"), NoteError::WrongSignature);
    refused(&note().replace("\n600\n", "\n0600\n"), NoteError::NotACheckpoint);
    refused(&note().replace("\n600\n", "\n+600\n"), NoteError::NotACheckpoint);
    refused(&note().replace("\n\n", "\n"), NoteError::NotANote);
    refused(&note().replace('—', "-"), NoteError::NotANote);
    refused(note().trim_end(), NoteError::NotANote);
    refused(&format!("{}\n", note()), NoteError::NotANote);
    refused(&note().replace('\n', "\r\n"), NoteError::NotANote);
    refused(&note().replace("600", "281474976710657"), NoteError::NotACheckpoint);
    refused(&note().replace("dD4=", "dD5="), NoteError::NotACheckpoint);
    refused(BODY, NoteError::NotANote);
    refused(&format!("{BODY}\n{WITNESS_LINE}"), NoteError::Unsigned);
    refused("", NoteError::NotANote);
    refused(&"a".repeat(NOTE_BYTES_MAX + 1), NoteError::NotANote);
    assert_eq!(Checkpoint::open(note().as_bytes(), &[]), Err(NoteError::Unsigned));
    assert_eq!(Checkpoint::open(&[0xff, 10], &[key()]), Err(NoteError::NotANote));
}

#[test]
fn signatures_of_strangers_are_passed_over() {
    let cosigned = format!("{}{WITNESS_LINE}", note());
    assert!(Checkpoint::open(cosigned.as_bytes(), &[key()]).is_ok());
    let before = format!("{BODY}\n{WITNESS_LINE}{LINE}");
    assert!(Checkpoint::open(before.as_bytes(), &[key(), key(), C2SP_KEY.parse().expect("a key")]).is_ok());
}

#[test]
fn a_key_speaks_only_for_the_log_of_its_name() {
    // The same bytes, under another name: another key id, and another log.
    let signing = SigningKey::from_bytes(&[7; 32]);
    let other: Origin = "example.com/other".parse().expect("an origin");
    let other = VerifierKey::new(&other, signing.verifying_key().as_bytes()).expect("a key");
    assert_eq!(Checkpoint::open(note().as_bytes(), std::slice::from_ref(&other)), Err(NoteError::Unsigned));
    // A trusted witness, say: its signature on a checkpoint does not make it that log's.
    let line = Signature::new(
        other.name().to_owned(),
        other.verifier.key_id(),
        signing.sign(BODY.as_bytes()).to_vec(),
    );
    let line = line.expect("a name").to_bytes();
    let cosigned = [BODY.as_bytes(), b"\n", &line].concat();
    assert_eq!(Checkpoint::open(&cosigned, &[other, key()]), Err(NoteError::Unsigned));
}

#[test]
fn what_is_no_key_or_origin_is_refused() {
    for bad in [
        "",
        "example.com",
        "example.com+00000000+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        &KEY.replace("2090cdbe", "2090CDBE"),
        &KEY.replace("AepK", "BepK"),
        &KEY.replace("RtIs", "RtI"),
        &format!("{KEY}\n"),
        &"a".repeat(401),
    ] {
        assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
    }
    for bad in ["", "a b", "a+b", "a\nb", "ä", &"a".repeat(201)] {
        assert!(bad.parse::<Origin>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_flipped_bit_of_a_note_survives(at in 0_usize..1000, bit in 0_u8..8) {
        let mut bytes = note().into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(Checkpoint::open(&bytes, &[key()]).is_err());
    }

    #[test]
    fn arbitrary_notes_and_keys_never_panic(bytes: Vec<u8>, text in "\\PC{0,200}", lines in "([a-z0-9+/=— ]{0,60}\n){0,8}") {
        for note in [bytes.as_slice(), text.as_bytes(), lines.as_bytes(), format!("{BODY}\n{lines}").as_bytes()] {
            prop_assert!(Checkpoint::open(note, &[key()]).is_err());
        }
        prop_assert!(text.parse::<VerifierKey>().is_err());
        prop_assert!(lines.parse::<VerifierKey>().is_err());
    }
}
