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

/// How far a long command is, on standard error: one line that is rewritten on a terminal, every tenth of the way elsewhere.
pub struct Progress {
    what: &'static str,
    whole: usize,
    live: bool,
    /// Tenths that were told.
    told: usize,
}

impl Progress {
    /// `whole` of `what` are to be done.
    #[must_use]
    pub fn new(what: &'static str, whole: usize) -> Self {
        Self { what, whole, live: io::stderr().is_terminal(), told: 0 }
    }

    /// `done` of them are done.
    pub fn at(&mut self, done: usize) {
        let tenths = (done * 10).checked_div(self.whole).unwrap_or(10);
        if self.live {
            write!(io::stderr().lock(), "\r{done} of {} {}", self.whole, self.what).unwrap_or_default();
        } else if tenths > self.told {
            writeln!(io::stderr().lock(), "{done} of {} {}", self.whole, self.what).unwrap_or_default();
        }
        self.told = tenths;
    }

    /// Nothing more comes.
    pub fn done(self) {
        if self.live {
            writeln!(io::stderr().lock()).unwrap_or_default();
        }
    }
}
