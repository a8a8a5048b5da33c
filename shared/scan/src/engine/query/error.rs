//! What is wrong with a detector's text.

use std::fmt;

use super::lexer::At;
use super::limits::{
    BINDINGS_MAX, ID_BYTES_MAX, NESTING_MAX, PATH_MAX, QUERIES_MAX, REFERENCES_MAX, SOURCE_BYTES_MAX,
    TESTS_MAX,
};

/// Text that is no detector: where it stops being one, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadDetector {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub fault: Fault,
}

impl fmt::Display for BadDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.fault)
    }
}

impl std::error::Error for BadDetector {}

/// What is wrong at one place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Too long.
    #[error("a detector has at most {SOURCE_BYTES_MAX} bytes")]
    TooLong,
    /// A character that begins nothing.
    #[error("`{0}` begins nothing; a text stands between double quotes, a comment after `#`")]
    BadCharacter(char),
    /// A text that never ends.
    #[error("this text has no closing quote")]
    OpenText,
    /// Neither `\"` nor `\\`.
    #[error("only `\\\"` and `\\\\` follow a backslash")]
    BadEscape,
    /// In a text.
    #[error("a text has no control characters")]
    ControlCharacter,
    /// Not a number of 256 bits.
    #[error("not a decimal or `0x` number of at most 256 bits: `{0}`")]
    NotANumber(String),
    /// Something else should stand here.
    #[error("expected {wanted}, found {found}")]
    Expected {
        /// What.
        wanted: String,
        /// What stands here.
        found: String,
    },
    /// Not the name of an entity.
    #[error("no entity is called `{name}`; there are {known}")]
    UnknownEntity {
        /// As written.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// Not bound by a `find`, `exists`, `every` or `count` around it.
    #[error("no variable is called `{0}` here")]
    UnknownVariable(String),
    /// The name means something already.
    #[error("`{0}` is taken: by a variable or by the language")]
    Taken(String),
    /// The entity or word has no such field.
    #[error("{of} have no field `{name}`; they have {known}")]
    UnknownField {
        /// Whose.
        of: String,
        /// As written.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A number, a name or the like has no fields.
    #[error("a {0} has no fields")]
    NoFields(String),
    /// Not one of the names that the field may have.
    #[error("`{name}` is not one of {known}")]
    UnknownName {
        /// As written.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// Both sides are known, and never the same kind of thing.
    #[error("a {left} is not compared with a {right} by `{by}`")]
    Incomparable {
        /// The left side.
        left: String,
        /// The right side.
        right: String,
        /// The comparison.
        by: &'static str,
    },
    /// A value where another kind is needed.
    #[error("`{what}` takes a {wanted}, not a {found}")]
    WrongType {
        /// Of which part of the language.
        what: &'static str,
        /// What it takes.
        wanted: &'static str,
        /// What was given.
        found: String,
    },
    /// Neither a signature nor a selector.
    #[error(
        "not a function: write `\"transfer(address,uint256)\"`, a selector such as 0xa9059cbb, or `fallback`"
    )]
    NotAFunction,
    /// Not a name for a detector.
    #[error(
        "an id has 3 to {ID_BYTES_MAX} characters: small letters, digits and single hyphens, a letter first"
    )]
    BadId,
    /// A header that is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A header that is there already.
    #[error("`{0}` is said twice")]
    Twice(&'static str),
    /// A text that is empty or too long.
    #[error("`{what}` is a text of 1 to {max} characters")]
    TextLength {
        /// Which.
        what: &'static str,
        /// At most.
        max: usize,
    },
    /// A number outside of its range.
    #[error("`{what}` is a number from 1 to {max}")]
    OutOfRange {
        /// Which.
        what: &'static str,
        /// At most.
        max: u64,
    },
    /// A reference that is no link.
    #[error("a reference is an `https://` link")]
    NotALink,
    /// Braces in a message.
    #[error("in a message `{{` begins a value and `}}` ends it; write `{{{{` and `}}}}` for the characters")]
    BadMessage,
    /// What is reported has no word to name.
    #[error("{0} have nothing that a finding is about: say it with `about`")]
    NothingToName(&'static str),
    /// Conditions in conditions.
    #[error("conditions are nested at most {NESTING_MAX} deep")]
    TooDeep,
    /// Too many parts.
    #[error("a detector has at most {TESTS_MAX} tests")]
    TooManyTests,
    /// Too many queries.
    #[error("a detector has at most {QUERIES_MAX} queries")]
    TooManyQueries,
    /// Too many variables.
    #[error("at most {BINDINGS_MAX} variables are bound at one place")]
    TooManyVariables,
    /// Too many links.
    #[error("a detector has at most {REFERENCES_MAX} references")]
    TooManyReferences,
    /// Fields of fields.
    #[error("at most {PATH_MAX} fields follow one another")]
    PathTooLong,
}

impl Fault {
    pub(super) fn at(self, at: At) -> BadDetector {
        BadDetector { line: at.line, column: at.column, fault: self }
    }
}
