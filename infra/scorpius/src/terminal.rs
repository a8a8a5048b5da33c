//! What a person reads: standard output, line by line.

use std::io::{self, IsTerminal, Write};

/// Characters of a name beside a bar: the line is to stay one on most terminals.
const NAME_CHARS_MAX: usize = 60;

/// Whether a letter moves what a terminal shows, or turns its line round.
#[must_use]
pub fn is_unruly(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Somebody's text as a part of a line.
#[must_use]
pub fn tame(text: &str) -> String {
    text.chars().filter(|letter| !is_unruly(*letter)).collect()
}

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
    /// None where nothing is shown.
    out: Option<Box<dyn Write + Send>>,
    last: Option<(u64, String)>,
}

impl Progress {
    /// Of so many `what`.
    #[must_use]
    pub fn new(what: &'static str) -> Self {
        let shown = io::stderr().is_terminal();
        Self { what, out: shown.then(|| Box::new(io::stderr()) as Box<dyn Write + Send>), last: None }
    }

    /// The same, on `out`.
    #[must_use]
    pub fn on(what: &'static str, out: impl Write + Send + 'static) -> Self {
        Self { what, out: Some(Box::new(out)), last: None }
    }

    /// `done` of `of`.
    pub fn at(&mut self, done: u64, of: u64) {
        self.draw((done, of), String::new());
    }

    /// `done` of `of` `what`, with what is at work; also where only that has changed.
    pub fn working(&mut self, (done, of, what): (u64, u64, &'static str), at_work: &str) {
        self.what = what;
        // Names are of files, and may be anything: one line of them at most.
        self.draw((done, of), tame(at_work).chars().take(NAME_CHARS_MAX).collect());
    }

    fn draw(&mut self, (done, of): (u64, u64), name: String) {
        const WIDTH: u64 = 30;
        let Some(out) = &mut self.out else { return };
        let hundredth = done.saturating_mul(100) / of.max(1);
        if self.last.as_ref().is_some_and(|last| (last.0, &last.1) == (hundredth, &name)) {
            return;
        }
        let full = usize::try_from(hundredth * WIDTH / 100).unwrap_or(0);
        let bar = format!("{}{}", "#".repeat(full), "-".repeat(30_usize.saturating_sub(full)));
        let at_work = if name.is_empty() { String::new() } else { format!(": {name}") };
        // The rest of a longer line before goes.
        write!(out, "\r  [{bar}] {done} of {of} {}{at_work}\u{1b}[K", self.what).unwrap_or_default();
        out.flush().unwrap_or_default();
        self.last = Some((hundredth, name));
    }

    /// Leaves an empty line for what follows.
    pub fn end(&mut self) {
        if let (Some(out), Some(_)) = (&mut self.out, &self.last) {
            write!(out, "\r\u{1b}[2K").unwrap_or_default();
            out.flush().unwrap_or_default();
        }
    }
}
