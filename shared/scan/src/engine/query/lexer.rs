//! Text to tokens, each with its place.

use alloy_primitives::U256;

use super::error::{BadDetector, Fault};

/// A place in the text, both from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) line: usize,
    pub(super) column: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword, or a name.
    Word(String),
    Number(U256),
    /// Between quotes; a line break with the blanks around it is one blank.
    Text(String),
    Symbol(&'static str),
    End,
}

impl Token {
    /// For messages.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(word) => format!("`{}`", word.chars().take(40).collect::<String>()),
            Self::Number(number) => format!("`{number}`"),
            Self::Text(_) => "a text".to_owned(),
            Self::Symbol(symbol) => format!("`{symbol}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Longer ones first.
const SYMBOLS: [&str; 12] = ["==", "!=", "<=", ">=", "<", ">", "{", "}", "(", ")", ",", "."];

struct Lexer<'t> {
    rest: &'t str,
    at: At,
}

/// The tokens of `text`, and the end.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, At)>, BadDetector> {
    let mut lexer = Lexer { rest: text, at: At { line: 1, column: 1 } };
    let mut all = Vec::new();
    loop {
        lexer.skip_blanks();
        let at = lexer.at;
        let Some(first) = lexer.rest.chars().next() else {
            all.push((Token::End, at));
            return Ok(all);
        };
        let token = match first {
            '"' => lexer.text()?,
            '0'..='9' => lexer.number()?,
            'a'..='z' | 'A'..='Z' | '_' => Token::Word(lexer.taken(is_of_word)),
            _ => lexer.symbol()?,
        };
        all.push((token, at));
    }
}

fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<char> {
        let letter = self.rest.chars().next()?;
        self.rest = &self.rest[letter.len_utf8()..];
        match letter {
            '\n' => self.at = At { line: self.at.line + 1, column: 1 },
            _ => self.at.column += 1,
        }
        Some(letter)
    }

    fn taken(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(letter) = self.rest.chars().next().filter(|&letter| wanted(letter)) {
            taken.push(letter);
            self.next();
        }
        taken
    }

    fn skip_blanks(&mut self) {
        while let Some(letter) = self.rest.chars().next() {
            match letter {
                '#' => {
                    self.taken(|letter| letter != '\n');
                }
                ' ' | '\t' | '\r' | '\n' => {
                    self.next();
                }
                _ => return,
            }
        }
    }

    fn text(&mut self) -> Result<Token, BadDetector> {
        let start = self.at;
        self.next();
        let mut text = String::new();
        loop {
            let at = self.at;
            match self.next() {
                None => return Err(Fault::OpenText.at(start)),
                Some('"') => return Ok(Token::Text(text)),
                Some('\\') => match self.next() {
                    Some(letter @ ('"' | '\\')) => text.push(letter),
                    _ => return Err(Fault::BadEscape.at(at)),
                },
                Some('\n') => {
                    text.truncate(text.trim_end_matches([' ', '\t', '\r']).len());
                    self.taken(|letter| matches!(letter, ' ' | '\t' | '\r' | '\n'));
                    text.push(' ');
                }
                Some(letter) if letter.is_control() && letter != '\t' && letter != '\r' => {
                    return Err(Fault::ControlCharacter.at(at));
                }
                Some(letter) => text.push(letter),
            }
        }
    }

    fn number(&mut self) -> Result<Token, BadDetector> {
        let start = self.at;
        let written = self.taken(is_of_word);
        let digits = written.replace('_', "");
        let number = match digits.strip_prefix("0x") {
            Some("") => None,
            Some(hex) => U256::from_str_radix(hex, 16).ok(),
            None => U256::from_str_radix(&digits, 10).ok(),
        };
        let wrong = || Fault::NotANumber(written.chars().take(80).collect()).at(start);
        number.map(Token::Number).ok_or_else(wrong)
    }

    fn symbol(&mut self) -> Result<Token, BadDetector> {
        let start = self.at;
        match SYMBOLS.into_iter().find(|symbol| self.rest.starts_with(symbol)) {
            Some(symbol) => {
                symbol.chars().for_each(|_| {
                    self.next();
                });
                Ok(Token::Symbol(symbol))
            }
            None => Err(Fault::BadCharacter(self.rest.chars().next().unwrap_or_default()).at(start)),
        }
    }
}
