//! Laws: no text breaks the parser, and no program breaks the scan or takes more steps than it may.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::schema::{Entity, ORIGINS, Relation, Side, Type, word_fields};
use super::{Detector, Facts, Halt, run};
use crate::engine::code::Code;
use crate::engine::contract::Contract;
use crate::engine::explore::explore;
use crate::engine::{Budget, Deadline};

/// Asks `detector` about `code` with so many steps; gives what was used, and whether they were too few.
fn asked(detector: &Detector, code: &[u8], fuel: u64) -> (u64, bool, usize) {
    let deadline = Deadline::after(Duration::from_secs(600));
    let code = Code::new(code);
    let explored = explore(&code, None, Budget::Quick.limits(), &deadline);
    let contract = Contract::new(&explored, false, &deadline);
    let given = 10 * fuel;
    let facts = Facts::new(&contract, given);
    let ran = run(detector, &facts, fuel, 20);
    (given - facts.left_of_set(), ran.halted == Some(Halt::Fuel), ran.candidates.len())
}

/// A value of a variable, and what it is: by the tables, so that most programs are well typed.
fn field(scope: &[(String, Entity)]) -> impl Strategy<Value = (String, Type)> + use<> {
    let fields: Vec<(String, Type)> = scope
        .iter()
        .flat_map(|(name, entity)| {
            entity.fields().map(move |field| (format!("{name}.{}", field.name), field.of))
        })
        .collect();
    let words: Vec<(&'static str, Type)> = word_fields().iter().map(|field| (field.name, field.of)).collect();
    (select(fields), proptest::collection::vec(select(words), 0..4)).prop_map(|((text, of), path)| {
        path.into_iter().fold((text, of), |(text, of), field| match of {
            Type::Word => (format!("{text}.{}", field.0), field.1),
            _ => (text, of),
        })
    })
}

fn test(scope: Vec<(String, Entity)>, depth: u32) -> BoxedStrategy<String> {
    let plain = field(&scope).prop_flat_map(|(text, of)| match of {
        Type::Flag => Just(text).boxed(),
        Type::Number => (select(vec!["==", "!=", "<", "<=", ">", ">="]), any::<u8>())
            .prop_map(move |(by, number)| format!("{text} {by} {number}"))
            .boxed(),
        Type::Word => prop_oneof![
            select(ORIGINS.to_vec()).prop_map({
                let text = text.clone();
                move |(origin, ..)| format!("{text} from {origin}")
            }),
            any::<u8>().prop_map({
                let text = text.clone();
                move |number| format!("{text} < {number}")
            }),
            Just(format!("{text} contains {text}")),
            Just(format!("{text} reads 0")),
            Just(format!("{text} same_variable_as {text}")),
        ]
        .boxed(),
        Type::Function => Just(format!("{text} in {{fallback, 0x41c0e1b5, \"kill()\"}}")).boxed(),
        Type::Name(names) => select(names.to_vec()).prop_map(move |name| format!("{text} != {name}")).boxed(),
    });
    let names: Vec<(String, Entity)> = scope.clone();
    let related = (select(names.clone()), select(names), select(Relation::ALL.to_vec())).prop_filter_map(
        "only of variables",
        |((left, _), (right, _), relation)| {
            (relation.sides() == (Side::Thing, Side::Thing))
                .then(|| format!("{left} {} {right}", relation.name()))
        },
    );
    if depth == 0 {
        return prop_oneof![4 => plain, 1 => related].boxed();
    }
    let inner = test(scope.clone(), depth - 1);
    let nested = select(Entity::ALL.to_vec()).prop_flat_map(move |entity| {
        let name = format!("v{}", scope.len());
        let mut inside = scope.clone();
        inside.push((name.clone(), entity));
        let how = select(vec![("exists", ""), ("every", ""), ("count", " >= 2"), ("count", " == 0")]);
        (how, test(inside, depth - 1)).prop_map(move |((how, tail), inner)| {
            format!("{how} {name} in {} ({inner}){tail}", entity.name())
        })
    });
    prop_oneof![
        2 => plain,
        1 => related,
        3 => nested,
        1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
        1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or not {b})")),
    ]
    .boxed()
}

fn program() -> impl Strategy<Value = String> {
    proptest::collection::vec(select(Entity::ALL[..8].to_vec()), 1..4).prop_flat_map(|entities| {
        let scope: Vec<_> =
            entities.iter().enumerate().map(|(number, entity)| (format!("v{number}"), *entity)).collect();
        let bound: Vec<String> = scope.iter().map(|(name, of)| format!("{name} in {}", of.name())).collect();
        test(scope, 2).prop_map(move |test| {
            format!(
                "detector \"abc\" {{ title \"t\" severity low cwe 1 message \"{{v0.pc}}\" find {} where {test} report v0 }}",
                bound.join(", ")
            )
        })
    })
}

/// Pieces of which code is made that does something.
fn code() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        &[0x5f, 0x54, 0x33, 0x14, 0x60, 0x00, 0x57],
        &[0x5f, 0x5f, 0x5f, 0x5f, 0x34, 0x33, 0x5a, 0xf1, 0x50],
        &[0x5b],
        &[0x60, 0x04, 0x35, 0x5f, 0x55],
        &[0x5f, 0x5f, 0xa0],
        &[0x33, 0xff],
        &[0x5f, 0x35, 0x60, 0x07, 0x57],
        &[0x5f, 0x35, 0x60, 0xe0, 0x1c, 0x63, 0x41, 0xc0, 0xe1, 0xb5, 0x14, 0x60, 0x10, 0x57],
        &[0x33, 0x5f, 0x52, 0x34, 0x60, 0x40, 0x5f, 0x20, 0x55],
        &[0x5f, 0x5f, 0x34, 0xf0, 0x50],
    ];
    let random = proptest::collection::vec(any::<u8>(), 0..12);
    let piece = prop_oneof![4 => select(pieces).prop_map(<[u8]>::to_vec), 1 => random];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn a_thing_is_told_once_however_many_go_with_it() {
    // CALLDATALOAD(0) JUMPI next; CALLER SELFDESTRUCT; next: JUMPDEST
    let ends = |number: u8| [0x5f, 0x35, 0x60, 9 * number + 7, 0x57, 0x33, 0xff, 0x5b, 0x5b];
    let code: Vec<u8> = (0..12).flat_map(ends).collect();
    let text = |message: &str| {
        let four = "a in selfdestructs, b in selfdestructs, c in selfdestructs, d in selfdestructs";
        let head = "detector \"abc\" { title \"t\" severity low cwe 1 message";
        Detector::parse(&format!("{head} \"{message}\" find {four} report a }}")).expect("a detector")
    };
    let (short, starved, found) = asked(&text("m"), &code, 1_000_000);
    assert_eq!((starved, found), (false, 12));
    // What is told costs by its length.
    let (long, ..) = asked(&text(&"m".repeat(401)), &code, 1_000_000);
    assert_eq!(long - short, 12 * 400);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_the_parser(text in ".{0,400}") {
        let read = Detector::parse(&text);
        prop_assert!(read.is_err() || !text.is_empty());
    }

    #[test]
    fn no_order_of_the_languages_own_words_breaks_the_parser(words in proptest::collection::vec(select(vec![
        "detector", "\"abc\"", "{", "}", "title", "\"t\"", "severity", "low", "cwe", "1", "message", "\"{x.pc}\"", "find", "x",
        "in", "calls", ",", "y", "writes", "where", "report", "x.open", "x.target", ".", "slot", "and", "or", "not", "(", ")",
        "exists", "every", "count", "==", "<", "from", "calldata", "after", "reads", "about", "0x7", "#", "\n", "fallback",
    ]), 0..80)) {
        let tail = words.join(" ");
        let head = "detector \"abc\" { title \"t\" severity low cwe 1 message \"m\" find x in calls where ";
        for text in [tail.clone(), format!("{head}{tail}")] {
            if let Err(bad) = Detector::parse(&text) {
                prop_assert!(bad.line >= 1 && bad.column >= 1 && bad.line <= text.matches('\n').count() + 1);
            }
        }
    }

    #[test]
    fn no_program_breaks_the_scan_or_passes_its_fuel(text in program(), code in code(), fuel in 0_u64..40_000) {
        let detector = Detector::parse(&text).map_err(|bad| TestCaseError::fail(format!("{bad}: {text}")))?;
        let (used, starved, _) = asked(&detector, &code, fuel);
        prop_assert!(used <= fuel, "{used} of {fuel}");
        // The same with plenty: it finds the same again, and whoever had enough before has enough now.
        let (first, hungry, found) = asked(&detector, &code, 50_000_000);
        prop_assert!(!hungry);
        prop_assert_eq!((first, hungry, found), asked(&detector, &code, 50_000_000));
        prop_assert!(starved || first == used);
    }
}
