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
