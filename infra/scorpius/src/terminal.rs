//! What a person reads: standard output, line by line.

use std::io::{self, IsTerminal, Write};

/// Writes lines for a person; colours only where a terminal shows them.
pub struct Terminal {
    colours: bool,
}

impl Default for Terminal {
    fn default() -> Self {
        Self { colours: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }
}

impl Terminal {
    /// One line.
    pub fn line(&self, text: impl AsRef<str>) {
        // Whoever closed the pipe does not want the rest.
        writeln!(io::stdout().lock(), "{}", text.as_ref()).unwrap_or_default();
    }

    /// Text as it is.
    pub fn text(&self, text: &str) {
        write!(io::stdout().lock(), "{text}").unwrap_or_default();
    }

    /// Why a command could not be done, on standard error.
    pub fn failure(&self, text: &str) {
        writeln!(io::stderr().lock(), "scorpius: {text}").unwrap_or_default();
    }

    /// An empty line.
    pub fn gap(&self) {
        self.line("");
    }

    /// A heading.
    pub fn heading(&self, text: &str) {
        self.line(self.paint("1", text));
    }

    /// A result that is as it should be.
    pub fn good(&self, text: &str) {
        self.line(format!("  {} {text}", self.paint("32", "ok")));
    }

    /// A result that is not.
    pub fn bad(&self, text: &str) {
        self.line(format!("  {} {text}", self.paint("31", "NO")));
    }

    /// Something to know.
    pub fn note(&self, text: &str) {
        self.line(format!("     {text}"));
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.colours {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}

/// How far a long job is, on standard error, where that is a terminal; at most once for each hundredth.
pub struct Progress {
    what: &'static str,
    shown: bool,
    last: Option<u64>,
}

impl Progress {
    /// Of so many `what`.
    #[must_use]
    pub fn new(what: &'static str) -> Self {
        Self { what, shown: io::stderr().is_terminal(), last: None }
    }

    /// `done` of `of`.
    pub fn at(&mut self, done: u64, of: u64) {
        const WIDTH: u64 = 30;
        let hundredth = done.saturating_mul(100) / of.max(1);
        if !self.shown || self.last.replace(hundredth) == Some(hundredth) {
            return;
        }
        let full = usize::try_from(hundredth * WIDTH / 100).unwrap_or(0);
        let bar = format!("{}{}", "#".repeat(full), "-".repeat(30_usize.saturating_sub(full)));
        write!(io::stderr().lock(), "\r  [{bar}] {done} of {of} {}", self.what).unwrap_or_default();
    }

    /// Leaves an empty line for what follows.
    pub fn end(&mut self) {
        if self.shown && self.last.is_some() {
            write!(io::stderr().lock(), "\r\u{1b}[2K").unwrap_or_default();
        }
    }
}
