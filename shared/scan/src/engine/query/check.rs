//! Conditions: parsed and checked in one go, so that an error has its place.

use alloy_primitives::U256;

use super::error::{BadDetector, Fault};
use super::lexer::{At, Token};
use super::limits::{MEMBERS_MAX, NESTING_MAX, PATH_MAX, TESTS_MAX};
use super::parse::{Parser, selector_from, selector_of};
use super::program::{Compare, How, Test, Value};
use super::schema::{Entity, ORIGINS, Relation, Side, Type, word_field, word_fields};
use crate::engine::taint::Taint;

/// Things that a count is compared with.
const COUNT_MAX: u64 = 10_000;

/// One side of a comparison, before it is known what the other one is.
enum Operand {
    /// A variable itself.
    Thing(usize, Entity),
    Value(Value, Type),
    Number(U256),
    Text(String),
    /// A name that is no variable.
    Word(String),
}

impl Operand {
    fn shown(&self) -> String {
        match self {
            Self::Thing(_, entity) => format!("variable over {}", entity.name()),
            Self::Value(_, of) => of.name().to_owned(),
            Self::Number(_) => "number".to_owned(),
            Self::Text(_) => "text".to_owned(),
            Self::Word(word) => format!("name `{}`", word.chars().take(40).collect::<String>()),
        }
    }
}

impl Parser {
    /// Tests joined by `or`, of tests joined by `and`.
    pub(super) fn condition(&mut self) -> Result<Test, BadDetector> {
        let first = self.conjunction()?;
        if !self.is_word("or") {
            return Ok(first);
        }
        let mut any = vec![first];
        while self.skip_word("or") {
            any.push(self.conjunction()?);
        }
        Ok(Test::Any(any))
    }

    fn conjunction(&mut self) -> Result<Test, BadDetector> {
        let first = self.test()?;
        if !self.is_word("and") {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.skip_word("and") {
            all.push(self.test()?);
        }
        Ok(Test::All(all))
    }

    fn test(&mut self) -> Result<Test, BadDetector> {
        let at = self.at();
        self.nesting += 1;
        self.tests += 1;
        if self.nesting > NESTING_MAX {
            return Err(Fault::TooDeep.at(at));
        }
        if self.tests > TESTS_MAX {
            return Err(Fault::TooManyTests.at(at));
        }
        let test = if self.skip_word("not") {
            Test::Not(Box::new(self.test()?))
        } else if self.skip_symbol("(") {
            let inner = self.condition()?;
            self.symbol(")")?;
            inner
        } else if self.is_word("exists") || self.is_word("every") || self.is_word("count") {
            self.related()?
        } else {
            self.comparison()?
        };
        self.nesting -= 1;
        Ok(test)
    }

    /// `exists x in calls (...)`, `every ...`, `count ... >= 2`.
    fn related(&mut self) -> Result<Test, BadDetector> {
        let word = self.word("`exists`")?;
        let outer = self.scope.len();
        let entities = self.bindings()?;
        let test = match self.skip_symbol("(") {
            true => {
                let inner = self.condition()?;
                self.symbol(")")?;
                Some(Box::new(inner))
            }
            false if word == "every" => return Err(self.expected("`(` and what holds of every one")),
            false => None,
        };
        self.scope.truncate(outer);
        let how = match word.as_str() {
            "exists" => How::Exists,
            "every" => How::Every,
            _ => self.count()?,
        };
        Ok(Test::Related { how, entities, test })
    }

    fn count(&mut self) -> Result<How, BadDetector> {
        let compare =
            self.compare().ok_or_else(|| self.expected("a comparison such as `>=` after `count`"))?;
        let at = self.at();
        let Token::Number(number) = self.peek() else { return Err(self.expected("a number")) };
        let number = u64::try_from(*number).ok().filter(|number| *number <= COUNT_MAX);
        self.advance();
        let number = number.ok_or(Fault::OutOfRange { what: "count", max: COUNT_MAX }.at(at))?;
        Ok(How::Count(compare, number))
    }

    fn compare(&mut self) -> Option<Compare> {
        let found = Compare::ALL.into_iter().find(|compare| self.is_symbol(compare.name()))?;
        self.advance();
        Some(found)
    }

    fn comparison(&mut self) -> Result<Test, BadDetector> {
        let at = self.at();
        let left = self.operand()?;
        if let Operand::Number(_) | Operand::Text(_) | Operand::Word(_) = left {
            return Err(match left {
                Operand::Word(word) => Fault::UnknownVariable(word.chars().take(40).collect()).at(at),
                other => {
                    let wanted = "a variable's field on the left side".to_owned();
                    Fault::Expected { wanted, found: format!("a {}", other.shown()) }.at(at)
                }
            });
        }
        if let Some(relation) = Relation::ALL.into_iter().find(|relation| self.is_word(relation.name())) {
            self.advance();
            let right_at = self.at();
            let right = self.operand()?;
            return relate(relation, (left, at), (right, right_at));
        }
        let (value, of) = match left {
            Operand::Value(value, of) => (value, of),
            other => {
                let wanted = "field or relation of the variable";
                return Err(Fault::WrongType { what: "where", wanted, found: other.shown() }.at(at));
            }
        };
        if let Some(compare) = self.compare() {
            let right_at = self.at();
            let right = self.operand()?;
            let right = compared(of, compare.name(), right, right_at)?;
            if compare.is_order() && !matches!(of, Type::Number | Type::Word) {
                let name = of.name().to_owned();
                return Err(
                    Fault::Incomparable { left: name.clone(), right: name, by: compare.name() }.at(at)
                );
            }
            return Ok(Test::Compare(value, compare, right));
        }
        if self.skip_word("in") {
            return self.members(value, of);
        }
        if self.skip_word("from") {
            if of != Type::Word {
                return Err(
                    Fault::WrongType { what: "from", wanted: "word", found: of.name().to_owned() }.at(at)
                );
            }
            return Ok(Test::From(value, self.origins()?));
        }
        match of {
            Type::Flag => Ok(Test::Flag(value)),
            _ => Err(self.expected(format!("a comparison: a {} alone is neither true nor false", of.name()))),
        }
    }

    /// `{a, b}` after `in`.
    fn members(&mut self, value: Value, of: Type) -> Result<Test, BadDetector> {
        self.symbol("{")?;
        let mut members = Vec::new();
        loop {
            let at = self.at();
            if members.len() == MEMBERS_MAX {
                return Err(Fault::OutOfRange { what: "in", max: MEMBERS_MAX as u64 }.at(at));
            }
            let member = self.operand()?;
            members.push(compared(of, "in", member, at)?);
            if !self.skip_symbol(",") {
                break;
            }
        }
        self.symbol("}")?;
        Ok(Test::Among(value, members))
    }

    /// `calldata`, or `{caller, calldata}`, after `from`.
    fn origins(&mut self) -> Result<Taint, BadDetector> {
        let braced = self.skip_symbol("{");
        let mut all = Taint::NONE;
        loop {
            let at = self.at();
            let name = self.word("where it comes from, such as `calldata`")?;
            let found = ORIGINS.iter().find(|(known, ..)| *known == name).ok_or_else(|| {
                let known = ORIGINS.map(|(known, ..)| known).join(", ");
                Fault::UnknownName { name: name.chars().take(40).collect(), known }.at(at)
            })?;
            all |= found.1;
            if !braced || !self.skip_symbol(",") {
                break;
            }
        }
        if braced {
            self.symbol("}")?;
        }
        Ok(all)
    }

    fn operand(&mut self) -> Result<Operand, BadDetector> {
        match self.peek() {
            Token::Number(number) => {
                let number = *number;
                self.advance();
                Ok(Operand::Number(number))
            }
            Token::Text(text) => {
                let text = text.clone();
                self.advance();
                Ok(Operand::Text(text))
            }
            Token::Word(word) => {
                if !self.scope.iter().any(|(known, _)| known == word) {
                    return Ok(Operand::Word(self.word("a name")?));
                }
                let start = self.save();
                let (variable, entity) = self.variable()?;
                if !self.is_symbol(".") {
                    return Ok(Operand::Thing(variable, entity));
                }
                self.restore(start);
                let (value, of) = self.field()?;
                Ok(Operand::Value(value, of))
            }
            Token::Symbol(_) | Token::End => Err(self.expected("a value")),
        }
    }

    /// A variable in scope.
    pub(super) fn variable(&mut self) -> Result<(usize, Entity), BadDetector> {
        let at = self.at();
        let name = self.word("a variable")?;
        let found = self.scope.iter().position(|(known, _)| *known == name);
        let unknown = || Fault::UnknownVariable(name.chars().take(40).collect()).at(at);
        let variable = found.ok_or_else(unknown)?;
        let entity = self.scope.get(variable).map(|(_, entity)| *entity).ok_or_else(unknown)?;
        Ok((variable, entity))
    }

    /// A variable's field, and fields of the words that it leads to.
    pub(super) fn field(&mut self) -> Result<(Value, Type), BadDetector> {
        let (variable, entity) = self.variable()?;
        self.symbol(".")?;
        let at = self.at();
        let name = self.word("a field")?;
        let field = entity.field(&name).ok_or_else(|| {
            let known = entity.fields().map(|field| field.name).collect::<Vec<_>>().join(", ");
            Fault::UnknownField { of: entity.name().to_owned(), name: name.chars().take(40).collect(), known }
                .at(at)
        })?;
        let (mut path, mut of) = (Vec::new(), field.of);
        while self.skip_symbol(".") {
            let at = self.at();
            if of != Type::Word {
                return Err(Fault::NoFields(of.name().to_owned()).at(at));
            }
            if path.len() == PATH_MAX {
                return Err(Fault::PathTooLong.at(at));
            }
            let name = self.word("a field")?;
            let next = word_field(&name).ok_or_else(|| {
                let known = word_fields().iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
                Fault::UnknownField { of: "words".to_owned(), name: name.chars().take(40).collect(), known }
                    .at(at)
            })?;
            of = next.of;
            path.push(next);
        }
        Ok((Value::Field { variable, field, path }, of))
    }
}

/// The right side, if it is what a left side of type `of` is compared with.
fn compared(of: Type, by: &'static str, right: Operand, at: At) -> Result<Value, BadDetector> {
    let shown = right.shown();
    let incomparable = || Fault::Incomparable { left: of.name().to_owned(), right: shown, by }.at(at);
    match (of, right) {
        (Type::Number | Type::Word, Operand::Value(value, Type::Number | Type::Word)) => Ok(value),
        (_, Operand::Value(value, right)) if right == of => Ok(value),
        (Type::Number | Type::Word, Operand::Number(number)) => Ok(Value::Number(number)),
        (Type::Function, Operand::Number(number)) => {
            selector_from(number).map(|it| Value::Function(Some(it))).ok_or(Fault::NotAFunction.at(at))
        }
        (Type::Function, Operand::Text(text)) => {
            selector_of(&text).map(|it| Value::Function(Some(it))).ok_or(Fault::NotAFunction.at(at))
        }
        (Type::Function, Operand::Word(word)) => match word.as_str() {
            "fallback" => Ok(Value::Function(None)),
            _ => Err(Fault::NotAFunction.at(at)),
        },
        (Type::Name(names), Operand::Word(word)) => {
            let known = names.iter().copied().find(|name| *name == word);
            known.map(Value::Name).ok_or_else(|| {
                Fault::UnknownName { name: word.chars().take(40).collect(), known: names.join(", ") }.at(at)
            })
        }
        _ => Err(incomparable()),
    }
}

fn relate(relation: Relation, left: (Operand, At), right: (Operand, At)) -> Result<Test, BadDetector> {
    let (wanted_left, wanted_right) = relation.sides();
    let wrong = |side: Side, operand: &Operand, at: At| {
        Fault::WrongType { what: relation.name(), wanted: side.name(), found: operand.shown() }.at(at)
    };
    let thing = |side: Side, (operand, at): &(Operand, At)| match (side, operand) {
        (Side::Thing, Operand::Thing(variable, _))
        | (Side::Guard, Operand::Thing(variable, Entity::Guards)) => Ok(*variable),
        _ => Err(wrong(side, operand, *at)),
    };
    let word = |side: Side, (operand, at): (Operand, At)| match operand {
        Operand::Value(value, Type::Word) => Ok(value),
        Operand::Number(number) => Ok(Value::Number(number)),
        other => Err(wrong(side, &other, at)),
    };
    Ok(match (wanted_left, wanted_right) {
        (Side::Word, _) => Test::Parts(relation, word(wanted_left, left)?, word(wanted_right, right)?),
        (_, Side::Word) => Test::Place(relation, thing(wanted_left, &left)?, word(wanted_right, right)?),
        _ => Test::Order(relation, thing(wanted_left, &left)?, thing(wanted_right, &right)?),
    })
}
