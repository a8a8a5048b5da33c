//! Who is believed: logs, witnesses, and how many of them must have signed. <https://c2sp.org/tlog-policy>

use std::collections::BTreeMap;

use crate::bundle::Witnesses;
use crate::cosignature::{Cosigned, WitnessKey, cosigned};
use crate::note::{Checkpoint, NoteError, VerifierKey};

/// Bytes of a policy.
const POLICY_BYTES_MAX: usize = 64_000;
/// Logs, witnesses and groups, of each at most.
const NAMES_MAX: usize = 64;

/// A log that is believed.
#[derive(Clone, Debug)]
pub struct TrustedLog {
    /// Its key.
    pub key: VerifierKey,
    /// Where it can be read.
    pub url: Option<String>,
}

/// A witness whose cosignatures count.
#[derive(Clone, Debug)]
pub struct TrustedWitness {
    /// What this policy calls it.
    pub name: String,
    /// Its key.
    pub key: WitnessKey,
    /// Where checkpoints are submitted: its submission prefix.
    pub url: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Member {
    Witness(usize),
    Group(usize),
}

#[derive(Clone, Debug)]
struct Group {
    threshold: usize,
    members: Vec<Member>,
}

/// A policy: what a checkpoint must bear to be believed.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    logs: Vec<TrustedLog>,
    witnesses: Vec<TrustedWitness>,
    groups: Vec<Group>,
    /// `None`: no cosignature is asked for.
    quorum: Option<Member>,
}

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the policy: {why}")]
pub struct NotAPolicy {
    line: usize,
    why: String,
}

/// A checkpoint that a trusted log signed, and who else saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Believed {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The witnesses of the policy that cosigned it.
    pub cosigned: Vec<Cosigned>,
    /// By how many of how many of the policy's witnesses.
    pub witnesses: Witnesses,
    /// Whether they are as many as the policy asks for.
    pub quorum: bool,
}

impl Policy {
    /// Believes these logs, and asks for no witness.
    #[must_use]
    pub fn of_logs(keys: &[VerifierKey]) -> Self {
        let logs = keys.iter().map(|key| TrustedLog { key: key.clone(), url: None }).collect();
        Self { logs, ..Self::default() }
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// `NotAPolicy`, with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAPolicy> {
        Reader::read(bytes)
    }

    /// Believes this log besides.
    #[must_use]
    pub fn believing(mut self, key: &VerifierKey) -> Self {
        if self.logs.iter().all(|log| log.key.to_string() != key.to_string()) {
            self.logs.push(TrustedLog { key: key.clone(), url: None });
        }
        self
    }

    /// The logs that are believed.
    #[must_use]
    pub fn logs(&self) -> &[TrustedLog] {
        &self.logs
    }

    /// The witnesses whose cosignatures count.
    #[must_use]
    pub fn witnesses(&self) -> &[TrustedWitness] {
        &self.witnesses
    }

    /// Whether any cosignature is asked for.
    #[must_use]
    pub fn asks_for_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// Whether the witnesses of these names (in their keys) are enough.
    #[must_use]
    pub fn is_quorum(&self, cosigned: &[Cosigned]) -> bool {
        let has = |at: usize| {
            let key = self.witnesses.get(at).map(|witness| witness.key.name());
            cosigned.iter().any(|seen| Some(seen.witness.as_str()) == key)
        };
        self.quorum.is_none_or(|member| self.witnessed(member, &has))
    }

    // Members are defined before the group, so that this ends.
    fn witnessed(&self, member: Member, has: &dyn Fn(usize) -> bool) -> bool {
        match member {
            Member::Witness(at) => has(at),
            Member::Group(at) => self.groups.get(at).is_some_and(|group| {
                let there = group.members.iter().filter(|member| self.witnessed(**member, has)).count();
                there >= group.threshold
            }),
        }
    }

    /// Reads a note: a trusted log must have signed it. Whether witnesses are enough is said, not judged.
    ///
    /// # Errors
    /// `NoteError`, also for a wrong line of a trusted witness.
    pub fn open(&self, note: &[u8]) -> Result<Believed, NoteError> {
        let keys: Vec<_> = self.logs.iter().map(|log| log.key.clone()).collect();
        let checkpoint = Checkpoint::open(note, &keys)?;
        let witnesses: Vec<_> = self.witnesses.iter().map(|witness| witness.key.clone()).collect();
        let cosigned = cosigned(note, &witnesses)?;
        let quorum = self.is_quorum(&cosigned);
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let witnesses = Witnesses { k: count(cosigned.len()), n: count(self.witnesses.len()) };
        Ok(Believed { checkpoint, cosigned, witnesses, quorum })
    }
}

/// What is known while a policy is read.
#[derive(Default)]
struct Reader {
    policy: Policy,
    names: BTreeMap<String, Member>,
    /// Names that are in a group, or are the quorum.
    taken: Vec<String>,
    quorum_seen: bool,
}

impl Reader {
    fn read(bytes: &[u8]) -> Result<Policy, NotAPolicy> {
        let whole = |why: &str| NotAPolicy { line: 0, why: why.to_owned() };
        if bytes.len() > POLICY_BYTES_MAX {
            return Err(whole("too long"));
        }
        if bytes.last().is_some_and(|last| *last != b'\n') {
            return Err(whole("the last line has no newline"));
        }
        // Names are octets to the specification: as Latin-1 each octet is one character, and none is lost.
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let mut reader = Self::default();
        for (at, line) in text.split_terminator('\n').enumerate() {
            reader.line(line).map_err(|why| NotAPolicy { line: at + 1, why })?;
        }
        match reader.quorum_seen {
            true => Ok(reader.policy),
            false => Err(whole("there is no `quorum` line")),
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let fine = |c: char| c == '\t' || (' '..='~').contains(&c) || c >= '\u{80}';
        if !line.chars().all(fine) {
            return Err("a control character".to_owned());
        }
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match *words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key] => self.log(key, None),
            ["log", key, url] => self.log(key, Some(url)),
            ["witness", name, key] => self.witness(name, key, None),
            ["witness", name, key, url] => self.witness(name, key, Some(url)),
            ["group", name, threshold, ref members @ ..] => self.group(name, threshold, members),
            ["quorum", name] => self.quorum(name),
            [keyword, ..] => {
                Err(format!("`{}` is not read so", keyword.chars().take(20).collect::<String>()))
            }
        }
    }

    fn log(&mut self, key: &str, url: Option<&str>) -> Result<(), String> {
        let key: VerifierKey = key.parse().map_err(|error| format!("{error}"))?;
        let known = self.policy.logs.iter().any(|log| log.key.public_key() == key.public_key());
        if known || self.policy.logs.len() == NAMES_MAX {
            return Err("a log with this key was named before, or too many are".to_owned());
        }
        self.policy.logs.push(TrustedLog { key, url: url.map(str::to_owned) });
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str, url: Option<&str>) -> Result<(), String> {
        let key: WitnessKey = key.parse().map_err(|error| format!("{error}"))?;
        let witnesses = &mut self.policy.witnesses;
        let known = witnesses.iter().any(|witness| witness.key.public_key() == key.public_key());
        if known || witnesses.len() == NAMES_MAX {
            return Err("a witness with this key was named before, or too many are".to_owned());
        }
        let at = witnesses.len();
        witnesses.push(TrustedWitness { name: name.to_owned(), key, url: url.map(str::to_owned) });
        self.name(name, Member::Witness(at))
    }

    fn group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Result<(), String> {
        let threshold = match threshold {
            "any" => Some(1),
            "all" => Some(members.len()),
            digits => crate::tlog_proof::decimal(digits).and_then(|k| usize::try_from(k).ok()),
        };
        let threshold = threshold.filter(|k| (1..=members.len()).contains(k));
        let threshold = threshold.ok_or("a group's threshold is `any`, `all`, or from 1 to its members")?;
        if self.policy.groups.len() == NAMES_MAX {
            return Err("too many groups".to_owned());
        }
        let members = members.iter().map(|member| self.take(member)).collect::<Result<_, _>>()?;
        self.policy.groups.push(Group { threshold, members });
        self.name(name, Member::Group(self.policy.groups.len() - 1))
    }

    fn quorum(&mut self, name: &str) -> Result<(), String> {
        if std::mem::replace(&mut self.quorum_seen, true) {
            return Err("a second `quorum` line".to_owned());
        }
        self.policy.quorum = match name {
            "none" => None,
            name => Some(*self.names.get(name).ok_or_else(|| format!("`{name}` is not defined before"))?),
        };
        Ok(())
    }

    fn name(&mut self, name: &str, member: Member) -> Result<(), String> {
        if name == "none" || self.names.insert(name.to_owned(), member).is_some() {
            return Err(format!("the name `{name}` is taken"));
        }
        Ok(())
    }

    fn take(&mut self, name: &str) -> Result<Member, String> {
        let member = *self.names.get(name).ok_or_else(|| format!("`{name}` is not defined before"))?;
        if self.taken.iter().any(|taken| taken == name) {
            return Err(format!("`{name}` is in a group already"));
        }
        self.taken.push(name.to_owned());
        Ok(member)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use proptest::prelude::*;

    use super::*;

    const LOG: &str = "example.com/audit/acme+2090cdbe+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

    fn key(number: u8) -> WitnessKey {
        let signing = SigningKey::from_bytes(&[number; 32]);
        let name = format!("witness.example/w{number}").parse().expect("a name");
        WitnessKey::new(&name, signing.verifying_key().as_bytes()).expect("a key")
    }

    fn policy(end: &str) -> String {
        let witness = |name: &str, number: u8| format!("witness {name} {}\n", key(number));
        let (x, y) =
            ([1, 2, 3].map(|n| witness(&format!("X{n}"), n)), [4, 5].map(|n| witness(&format!("Y{n}"), n)));
        format!("# whom we believe\n\nlog {LOG} https://example.com/log\n{}{}{end}", x.concat(), y.concat())
    }

    fn seen(numbers: &[u8]) -> Vec<Cosigned> {
        numbers.iter().map(|n| Cosigned { witness: key(*n).name().to_owned(), time_s: 1 }).collect()
    }

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let error = Policy::parse(text.as_bytes()).expect_err("refused").to_string();
        assert!(error.contains(why), "{error}");
    }

    // The shape of the specification's own example.
    #[test]
    fn a_quorum_of_groups_is_met_by_enough_of_each() {
        let end = "group X 2 X1 X2 X3\n\tgroup  Y any Y4 Y5\ngroup both all X Y\nquorum both\n";
        let policy = Policy::parse(policy(end).as_bytes()).expect("a policy");
        assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 5));
        assert!(policy.is_quorum(&seen(&[1, 3, 5])));
        assert!(policy.is_quorum(&seen(&[1, 2, 3, 4, 5])));
        for too_few in [&[][..], &[1, 2, 3], &[1, 4, 5], &[9, 8, 7, 6]] {
            assert!(!policy.is_quorum(&seen(too_few)), "{too_few:?}");
        }
    }

    #[test]
    fn a_policy_may_ask_for_nobody_and_says_so() {
        let none = Policy::parse(policy("quorum none\n").as_bytes()).expect("a policy");
        assert!(none.is_quorum(&[]) && !none.asks_for_witnesses());
        let one = Policy::parse(policy("quorum X2\n").as_bytes()).expect("a policy");
        assert!(one.is_quorum(&seen(&[2])) && !one.is_quorum(&seen(&[1])) && one.asks_for_witnesses());
    }

    #[test]
    fn what_is_ambiguous_is_refused_with_its_line() {
        refused(&policy(""), "no `quorum` line");
        refused(&policy("quorum none"), "no newline");
        refused(&policy("quorum none\nquorum none\n"), "second");
        refused(&policy("quorum Z\n"), "`Z` is not defined");
        refused(&policy("group G 2 X1 X1\nquorum G\n"), "`X1` is in a group already");
        refused(&policy("group G any X1\ngroup H any X1\nquorum G\n"), "`X1` is in a group already");
        refused(&policy("group G 0 X1\nquorum G\n"), "threshold");
        refused(&policy("group G 2 X1\nquorum G\n"), "threshold");
        refused(&policy("group G 01 X1\nquorum G\n"), "threshold");
        refused(&policy("group G all\nquorum G\n"), "threshold");
        refused(&policy("group none any X1\nquorum none\n"), "`none` is taken");
        refused(&policy("group X1 any X2\nquorum X1\n"), "`X1` is taken");
        refused(&policy("group G any none\nquorum G\n"), "`none` is not defined");
        refused(&policy(&format!("log {LOG}\nquorum none\n")), "named before");
        refused(&policy(&format!("witness W {}\nquorum none\n", key(1))), "named before");
        refused(&policy(&format!("witness W {LOG}\nquorum none\n")), "not a witness's key");
        refused(&policy("quorum\r none\n"), "line 9 of the policy: a control character");
        refused(&policy("trust everyone\nquorum none\n"), "`trust` is not read so");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text in "((log|witness|group|quorum|#) ?[a-z0-9 +]{0,20}\n){0,5}") {
            prop_assert!(Policy::parse(&bytes).is_err() || bytes.windows(6).any(|word| word == b"quorum"));
            if let Ok(policy) = Policy::parse(text.as_bytes()) {
                prop_assert!(policy.logs().is_empty());
            }
        }
    }
}
