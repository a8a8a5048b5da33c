//! Tokens to a detector: headers, queries and what they report.

use alloy_primitives::U256;

use super::detector::{Confident, DetectorAbout};
use super::error::{BadDetector, Fault};
use super::lexer::{At, Token, tokens};
use super::limits::{
    BINDINGS_MAX, HELP_CHARS_MAX, HOLES_MAX, ID_BYTES_MAX, LINK_CHARS_MAX, MESSAGE_CHARS_MAX, QUERIES_MAX,
    REFERENCES_MAX, SOURCE_BYTES_MAX, TITLE_CHARS_MAX,
};
use super::program::{Piece, Query, Report, Sure, Test, Value};
use super::schema::{Entity, Relation, Type};
use crate::engine::report::{Confidence, Severity};

/// Words that no variable is called.
const KEYWORDS: [&str; 16] = [
    "about",
    "and",
    "confidence",
    "count",
    "every",
    "exists",
    "fallback",
    "find",
    "from",
    "in",
    "message",
    "not",
    "or",
    "report",
    "severity",
    "where",
];
/// The largest number of a weakness.
const WEAKNESS_MAX: u64 = 9_999;

pub(super) struct Parser {
    tokens: Vec<(Token, At)>,
    next: usize,
    /// The variables in scope, outermost first.
    pub(super) scope: Vec<(String, Entity)>,
    pub(super) nesting: usize,
    pub(super) tests: usize,
}

/// What stands before the queries.
#[derive(Default)]
struct Headers {
    title: Option<String>,
    category: Option<String>,
    severity: Option<Severity>,
    confidence: Option<Sure>,
    swc: Option<u16>,
    cwe: Option<u16>,
    message: Option<(String, At)>,
    help: Option<String>,
    fix: Option<String>,
    references: Vec<String>,
}

/// The detector that `text` is; its id is as written.
pub(super) fn detector(text: &str) -> Result<(DetectorAbout, Vec<Query>), BadDetector> {
    if text.len() > SOURCE_BYTES_MAX {
        return Err(Fault::TooLong.at(At { line: 1, column: 1 }));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, scope: Vec::new(), nesting: 0, tests: 0 };
    let start = parser.at();
    parser.keyword("detector")?;
    let id = parser.id()?;
    parser.symbol("{")?;
    let headers = parser.headers()?;
    let mut queries = Vec::new();
    while !parser.is_symbol("}") {
        if queries.len() == QUERIES_MAX {
            return Err(Fault::TooManyQueries.at(parser.at()));
        }
        queries.push(parser.query(&headers)?);
    }
    if queries.is_empty() {
        return Err(parser.expected("`find`"));
    }
    parser.symbol("}")?;
    if parser.peek() != &Token::End {
        return Err(parser.expected("the end"));
    }
    let severity = queries.iter().map(|query| query.report.severity).max().unwrap_or(Severity::Info);
    let about = DetectorAbout {
        id,
        title: headers.title.ok_or(Fault::Missing("title").at(start))?,
        category: headers.category.unwrap_or_else(|| "other".to_owned()),
        swc: headers.swc,
        cwe: headers.cwe.ok_or(Fault::Missing("cwe").at(start))?,
        severity,
        confidence: Confident::of(queries.iter().map(|query| query.report.confidence)),
        help: headers.help,
        fix: headers.fix,
        references: headers.references,
    };
    Ok((about, queries))
}

fn once<T>(place: &mut Option<T>, value: T, name: &'static str, at: At) -> Result<(), BadDetector> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::Twice(name).at(at)),
    }
}

impl Parser {
    pub(super) fn peek(&self) -> &Token {
        // The last token is the end, and is never passed.
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    pub(super) fn at(&self) -> At {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(At { line: 1, column: 1 }, |(_, at)| *at)
    }

    pub(super) fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += usize::from(token != Token::End);
        token
    }

    /// Where the parser is, to come back to.
    pub(super) fn save(&self) -> usize {
        self.next
    }

    pub(super) fn restore(&mut self, saved: usize) {
        self.next = saved;
    }

    pub(super) fn expected(&self, wanted: impl Into<String>) -> BadDetector {
        Fault::Expected { wanted: wanted.into(), found: self.peek().shown() }.at(self.at())
    }

    pub(super) fn is_word(&self, wanted: &str) -> bool {
        matches!(self.peek(), Token::Word(word) if word == wanted)
    }

    pub(super) fn is_symbol(&self, wanted: &str) -> bool {
        matches!(self.peek(), Token::Symbol(symbol) if *symbol == wanted)
    }

    pub(super) fn skip_word(&mut self, wanted: &str) -> bool {
        let is_next = self.is_word(wanted);
        self.next += usize::from(is_next);
        is_next
    }

    pub(super) fn skip_symbol(&mut self, wanted: &str) -> bool {
        let is_next = self.is_symbol(wanted);
        self.next += usize::from(is_next);
        is_next
    }

    pub(super) fn keyword(&mut self, wanted: &str) -> Result<(), BadDetector> {
        if self.skip_word(wanted) { Ok(()) } else { Err(self.expected(format!("`{wanted}`"))) }
    }

    pub(super) fn symbol(&mut self, wanted: &str) -> Result<(), BadDetector> {
        if self.skip_symbol(wanted) { Ok(()) } else { Err(self.expected(format!("`{wanted}`"))) }
    }

    pub(super) fn word(&mut self, wanted: &str) -> Result<String, BadDetector> {
        match self.peek() {
            Token::Word(_) => match self.advance() {
                Token::Word(word) => Ok(word),
                _ => Err(self.expected(wanted)),
            },
            _ => Err(self.expected(wanted)),
        }
    }

    fn text(&mut self, what: &'static str, max: usize) -> Result<String, BadDetector> {
        let at = self.at();
        let Token::Text(text) = self.peek() else { return Err(self.expected("a text in double quotes")) };
        let text = text.trim().to_owned();
        self.advance();
        match text.is_empty() || text.chars().count() > max {
            true => Err(Fault::TextLength { what, max }.at(at)),
            false => Ok(text),
        }
    }

    fn weakness(&mut self, what: &'static str) -> Result<u16, BadDetector> {
        let at = self.at();
        let Token::Number(number) = self.peek() else { return Err(self.expected("a number")) };
        let number = u16::try_from(*number).ok().filter(|it| (1..=WEAKNESS_MAX).contains(&u64::from(*it)));
        self.advance();
        number.ok_or(Fault::OutOfRange { what, max: WEAKNESS_MAX }.at(at))
    }

    fn id(&mut self) -> Result<String, BadDetector> {
        let at = self.at();
        let id = self.text("detector", 10 * ID_BYTES_MAX)?;
        if is_id(&id) { Ok(id) } else { Err(Fault::BadId.at(at)) }
    }

    fn headers(&mut self) -> Result<Headers, BadDetector> {
        let mut all = Headers::default();
        while !self.is_word("find") {
            let at = self.at();
            let name = self.word("a header such as `title`, or `find`")?;
            match name.as_str() {
                "title" => once(&mut all.title, self.text("title", TITLE_CHARS_MAX)?, "title", at)?,
                "category" => {
                    let category = self.word("a name such as `access_control`")?;
                    once(
                        &mut all.category,
                        category.chars().take(TITLE_CHARS_MAX).collect(),
                        "category",
                        at,
                    )?;
                }
                "severity" => once(&mut all.severity, self.severity()?, "severity", at)?,
                "confidence" => once(&mut all.confidence, self.confidence()?, "confidence", at)?,
                "swc" => once(&mut all.swc, self.weakness("swc")?, "swc", at)?,
                "cwe" => once(&mut all.cwe, self.weakness("cwe")?, "cwe", at)?,
                "message" => {
                    let text = (self.text("message", MESSAGE_CHARS_MAX)?, at);
                    once(&mut all.message, text, "message", at)?;
                }
                "help" => once(&mut all.help, self.text("help", HELP_CHARS_MAX)?, "help", at)?,
                "fix" => once(&mut all.fix, self.text("fix", HELP_CHARS_MAX)?, "fix", at)?,
                "reference" => {
                    let link = self.text("reference", LINK_CHARS_MAX)?;
                    if !is_link(&link) {
                        return Err(Fault::NotALink.at(at));
                    }
                    if all.references.len() == REFERENCES_MAX {
                        return Err(Fault::TooManyReferences.at(at));
                    }
                    all.references.push(link);
                }
                _ => {
                    let known = "one of `title`, `category`, `severity`, `confidence`, `swc`, `cwe`, `message`, `help`, \
                                 `fix`, `reference` and `find`";
                    return Err(Fault::Expected {
                        wanted: known.to_owned(),
                        found: Token::Word(name).shown(),
                    }
                    .at(at));
                }
            }
        }
        Ok(all)
    }

    fn severity(&mut self) -> Result<Severity, BadDetector> {
        let all = [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
        let wanted = "one of `info`, `low`, `medium`, `high` and `critical`";
        let found = all.into_iter().find(|severity| self.is_word(severity.name()));
        let severity = found.ok_or_else(|| self.expected(wanted))?;
        self.advance();
        Ok(severity)
    }

    fn confidence(&mut self) -> Result<Sure, BadDetector> {
        let found = match self.peek() {
            Token::Word(word) => match word.as_str() {
                "possible" => Sure::Always(Confidence::Possible),
                "likely" => Sure::Always(Confidence::Likely),
                "by_path" => Sure::ByPath,
                _ => return Err(self.expected("one of `possible`, `likely` and `by_path`")),
            },
            _ => return Err(self.expected("one of `possible`, `likely` and `by_path`")),
        };
        self.advance();
        Ok(found)
    }

    /// `x in calls, y in writes`, put into scope.
    pub(super) fn bindings(&mut self) -> Result<Vec<Entity>, BadDetector> {
        let mut entities = Vec::new();
        loop {
            let at = self.at();
            if entities.len() == BINDINGS_MAX {
                return Err(Fault::TooManyVariables.at(at));
            }
            let name = self.word("a name for a variable")?;
            let is_taken = KEYWORDS.contains(&name.as_str())
                || Entity::ALL.iter().any(|entity| entity.name() == name)
                || Relation::ALL.iter().any(|relation| relation.name() == name)
                || self.scope.iter().any(|(known, _)| *known == name);
            if is_taken {
                return Err(Fault::Taken(name.chars().take(40).collect()).at(at));
            }
            self.keyword("in")?;
            let at = self.at();
            let entity = self.word("an entity such as `calls`")?;
            let found = Entity::ALL.into_iter().find(|it| it.name() == entity).ok_or_else(|| {
                let known = Entity::ALL.map(Entity::name).join(", ");
                Fault::UnknownEntity { name: entity.chars().take(40).collect(), known }.at(at)
            })?;
            self.scope.push((name, found));
            entities.push(found);
            if !self.skip_symbol(",") {
                return Ok(entities);
            }
        }
    }

    fn query(&mut self, headers: &Headers) -> Result<Query, BadDetector> {
        self.scope.clear();
        self.keyword("find")?;
        let bindings = self.bindings()?;
        let test = if self.skip_word("where") { Some(self.condition()?) } else { None };
        let report = self.report(headers)?;
        let mut tests: Vec<Vec<Test>> = bindings.iter().map(|_| Vec::new()).collect();
        let all = match test {
            Some(Test::All(all)) => all,
            other => other.into_iter().collect(),
        };
        // Each is asked as soon as what it is about is bound.
        for test in all {
            let bound = test.needs(bindings.len()).max(1);
            if let Some(tests) = tests.get_mut(bound - 1) {
                tests.push(test);
            }
        }
        Ok(Query { bindings, tests, report })
    }

    fn report(&mut self, headers: &Headers) -> Result<Report, BadDetector> {
        let start = self.at();
        if !self.skip_word("report") {
            return Err(self.expected("`and`, `or` or `report`"));
        }
        let (variable, entity) = self.variable()?;
        let (mut about, mut severity, mut confidence, mut message) = (None, None, None, None);
        loop {
            let at = self.at();
            if self.skip_word("about") {
                let (value, of) = self.field()?;
                if of != Type::Word {
                    return Err(Fault::WrongType {
                        what: "about",
                        wanted: "word",
                        found: of.name().to_owned(),
                    }
                    .at(at));
                }
                once(&mut about, value, "about", at)?;
            } else if self.skip_word("severity") {
                let said = self.severity()?;
                once(&mut severity, said, "severity", at)?;
            } else if self.skip_word("confidence") {
                let said = self.confidence()?;
                once(&mut confidence, said, "confidence", at)?;
            } else if self.skip_word("message") {
                let said = (self.text("message", MESSAGE_CHARS_MAX)?, at);
                once(&mut message, said, "message", at)?;
            } else {
                break;
            }
        }
        if about.is_none() && !entity.has_subject() {
            return Err(Fault::NothingToName(entity.name()).at(start));
        }
        let (text, at) =
            message.or_else(|| headers.message.clone()).ok_or(Fault::Missing("message").at(start))?;
        Ok(Report {
            variable,
            about,
            severity: severity.or(headers.severity).ok_or(Fault::Missing("severity").at(start))?,
            confidence: confidence.or(headers.confidence).unwrap_or(Sure::Always(Confidence::Possible)),
            message: self.message(&text, at)?,
        })
    }

    fn message(&self, text: &str, at: At) -> Result<Vec<Piece>, BadDetector> {
        let bad = || Fault::BadMessage.at(at);
        let (mut pieces, mut plain) = (Vec::new(), String::new());
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '{' | '}' if letters.next_if_eq(&letter).is_some() => plain.push(letter),
                '}' => return Err(bad()),
                '{' => {
                    let mut hole = String::new();
                    loop {
                        match letters.next() {
                            Some('}') => break,
                            Some(letter) => hole.push(letter),
                            None => return Err(bad()),
                        }
                    }
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(Piece::Value(self.hole(&hole, at)?));
                    if pieces.len() > 2 * HOLES_MAX {
                        return Err(bad());
                    }
                }
                _ => plain.push(letter),
            }
        }
        pieces.push(Piece::Text(plain));
        Ok(pieces)
    }

    /// A value in a message: a field.
    fn hole(&self, text: &str, at: At) -> Result<Value, BadDetector> {
        let tokens = tokens(text).map_err(|_| Fault::BadMessage.at(at))?;
        let scope = self.scope.clone();
        let mut inner = Self { tokens, next: 0, scope, nesting: 0, tests: 0 };
        let (value, _) = inner.field().map_err(|bad| bad.fault.at(at))?;
        if inner.peek() == &Token::End { Ok(value) } else { Err(Fault::BadMessage.at(at)) }
    }
}

/// Whether the text may be a detector's id.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (3..=ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && text.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
}

fn is_link(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'`');
    text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty()) && text.bytes().all(is_plain)
}

/// The selector of `name(types)`.
pub(super) fn selector_of(signature: &str) -> Option<u32> {
    let (name, types) = signature.strip_suffix(')')?.split_once('(')?;
    let is_named = name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_' || it == '$')
        && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_' || it == '$');
    let are_types = types.chars().all(|it| it.is_ascii_alphanumeric() || "[](),".contains(it));
    if !is_named || !are_types {
        return None;
    }
    let hash = alloy_primitives::keccak256(signature);
    Some(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]))
}

/// A number as a selector.
pub(super) fn selector_from(number: U256) -> Option<u32> {
    u32::try_from(number).ok()
}
