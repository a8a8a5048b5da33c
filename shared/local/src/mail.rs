//! `FolderMail`: letters as files that mail programs open.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scorpius_core::id::is_id;
use scorpius_core::{Clock, Letter, Mail, MailError, PortError, UnixMillis};

use crate::durable;

/// Characters of a line of Base64 (RFC 2045, section 6.8).
const LINE: usize = 76;

/// Writes each letter to `mail/<id>.eml`, once. Nobody delivers them: they are for whoever holds the folder.
#[derive(Clone)]
pub struct FolderMail {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl FolderMail {
    /// Letters go below `dir`.
    #[must_use]
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Self {
        Self { folder: dir.join("mail"), clock }
    }

    /// Where the letters are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[async_trait]
impl Mail for FolderMail {
    async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        if !is_id("let", &letter.id) || [&letter.to, &letter.subject].into_iter().any(|line| breaks(line)) {
            return Err(MailError::Refused("an id, an address or a subject that is none".to_owned()));
        }
        let (folder, name) = (self.folder.clone(), format!("{}.eml", letter.id));
        let bytes = message(letter, self.clock.now()).into_bytes();
        let written = tokio::task::spawn_blocking(move || {
            durable::create(&folder.join("staging"), &folder.join(name), &bytes)
        });
        let written = written.await.map_err(|error| PortError::new("mail", error))?;
        written.map_err(|error| PortError::new("mail", error))?;
        tracing::info!(letter = letter.id, folder = %self.folder.display(), "a letter was written");
        Ok(())
    }
}

fn breaks(line: &str) -> bool {
    line.is_empty() || line.chars().any(char::is_control)
}

/// RFC 5322, with the text in Base64 so that no line of it is changed on the way.
fn message(letter: &Letter, now: UnixMillis) -> String {
    let subject = match letter.subject.is_ascii() {
        true => letter.subject.clone(),
        // RFC 2047, section 2. Short subjects need no folding.
        false => format!("=?utf-8?B?{}?=", STANDARD.encode(&letter.subject)),
    };
    let mut text = format!(
        "Date: {}\r\nFrom: Scorpius <scorpius@localhost>\r\nTo: {}\r\nSubject: {subject}\r\nMessage-ID: <{}@localhost>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        date(now),
        letter.to,
        letter.id,
    );
    let body = STANDARD.encode(letter.text.replace('\n', "\r\n"));
    for line in body.as_bytes().chunks(LINE) {
        writeln!(text, "{}\r", String::from_utf8_lossy(line)).expect("text takes text");
    }
    text
}

/// RFC 5322, section 3.3, without the day of the week: `21 Nov 2026 09:40:40 +0000`.
fn date(now: UnixMillis) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = now.to_string();
    let month = text[5..7].parse::<usize>().ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    format!("{} {} {} {} +0000", &text[8..10], month.unwrap_or(&MONTHS[0]), &text[..4], &text[11..19])
}

#[cfg(test)]
mod tests {
    use scorpius_core::{ManualClock, new_id};

    use super::*;

    #[tokio::test]
    async fn a_letter_is_one_file_that_mail_programs_open_and_is_written_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
        let mail = FolderMail::open(dir.path(), clock.clone());
        let letter = Letter {
            id: new_id("let", &*clock),
            to: "ada@example.com".to_owned(),
            subject: "Grüße".to_owned(),
            text: "one\ntwo, and more than fits on a line of Base64, which has seventy-six characters\n"
                .to_owned(),
        };
        mail.send(&letter).await.expect("written");
        let file = mail.folder().join(format!("{}.eml", letter.id));
        let first = std::fs::read_to_string(&file).expect("a file");
        clock.advance_ms(5_000);
        mail.send(&letter).await.expect("fine again");
        assert_eq!(std::fs::read_to_string(&file).expect("a file"), first);
        let (head, body) = first.split_once("\r\n\r\n").expect("head and body");
        assert!(head.starts_with("Date: 21 Nov 2026 09:40:40 +0000\r\n"), "{head}");
        assert!(head.contains("\r\nTo: ada@example.com\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\r\n"), "{head}");
        assert!(body.lines().all(|line| line.len() <= LINE) && body.lines().count() == 2);
        let body = STANDARD.decode(body.replace("\r\n", "")).expect("Base64");
        assert_eq!(String::from_utf8(body).expect("text"), letter.text.replace('\n', "\r\n"));
    }

    #[tokio::test]
    async fn what_would_add_a_header_or_leave_the_folder_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
        let mail = FolderMail::open(dir.path(), clock.clone());
        let fine = Letter {
            id: new_id("let", &*clock),
            to: "a@example.com".to_owned(),
            subject: "a".to_owned(),
            text: String::new(),
        };
        for bad in [
            Letter { id: "../a".to_owned(), ..fine.clone() },
            Letter { to: "a@example.com\r\nBcc: b@example.com".to_owned(), ..fine.clone() },
            Letter { subject: "a\nb".to_owned(), ..fine.clone() },
            Letter { to: String::new(), ..fine.clone() },
        ] {
            assert!(matches!(mail.send(&bad).await, Err(MailError::Refused(_))));
        }
        mail.send(&fine).await.expect("written");
    }
}
