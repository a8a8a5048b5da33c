//! What a door offers: the one description from which routing, authorization and OpenAPI are made.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::authorize::Kind;
use crate::principal::{Assurance, Demand};
use crate::problem::{ProblemType, STEP_UP_REQUIRED};

/// How a type is described.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The schema of `T`, by reference.
pub fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone.
    Public,
    /// Whoever may do this action: `<capability>:<verb>`.
    Action(&'static str),
}

/// A query parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it does, its form and its default.
    pub meaning: &'static str,
    /// Whether the request fails without it.
    pub required: bool,
}

/// `limit` and `cursor`, for every list.
pub const PAGING: [Parameter; 2] = [
    Parameter { name: "limit", meaning: "Items of a page, 1 to 200; 50 by default.", required: false },
    Parameter { name: "cursor", meaning: "`next_cursor` of the page before.", required: false },
];

/// An answer other than a problem.
#[derive(Clone, Copy)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// When, in one sentence.
    pub meaning: &'static str,
    /// Usually `application/json`; empty when there is no body.
    pub content_type: &'static str,
    /// Its schema; `None` for what has no JSON body.
    pub schema: Option<SchemaOf>,
}

impl Answer {
    /// JSON of type `T`.
    #[must_use]
    pub fn json<T: JsonSchema>(status: u16, meaning: &'static str) -> Self {
        Self { status, meaning, content_type: "application/json", schema: Some(schema_of::<T>) }
    }

    /// No body.
    #[must_use]
    pub fn empty(status: u16, meaning: &'static str) -> Self {
        Self { status, meaning, content_type: "", schema: None }
    }

    /// Another content type, without schema.
    #[must_use]
    pub fn other(status: u16, meaning: &'static str, content_type: &'static str) -> Self {
        Self { status, meaning, content_type, schema: None }
    }
}

/// One operation of the HTTP API.
#[derive(Clone)]
pub struct Operation {
    /// As API Gateway writes it: `POST /v1/risk/address`.
    pub route: &'static str,
    /// `scoreAddress`: what the door matches on, and OpenAPI's `operationId`.
    pub id: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Who may ask.
    pub access: Access,
    /// What a person must have proved besides, and how lately.
    pub demand: Option<Demand>,
    /// The kind of the one thing that the door loads and then asks about, with its attributes.
    pub about: Option<Kind>,
    /// Whether requests are counted against the caller's limits.
    pub limited: bool,
    /// Query parameters.
    pub query: Vec<Parameter>,
    /// The JSON body's schema.
    pub body: Option<SchemaOf>,
    /// An example of the body, as JSON.
    pub example: Option<&'static str>,
    /// What it answers.
    pub answers: Vec<Answer>,
    /// The problems that are its own; those of `problem::GENERAL` go without saying.
    pub problems: Vec<&'static ProblemType>,
}

impl Operation {
    /// An operation with neither body nor query.
    #[must_use]
    pub fn new(route: &'static str, id: &'static str, summary: &'static str, access: Access) -> Self {
        Self {
            route,
            id,
            summary,
            access,
            demand: None,
            about: None,
            limited: true,
            query: Vec::new(),
            body: None,
            example: None,
            answers: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Takes a JSON body of type `T`, such as `example`.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self, example: &'static str) -> Self {
        self.body = Some(schema_of::<T>);
        self.example = Some(example);
        self
    }

    /// Demands of a person that `acr` was proved at most `max_age_s` ago.
    #[must_use]
    pub fn demands(mut self, acr: Assurance, max_age_s: u64) -> Self {
        self.demand = Some(Demand { acr, max_age_s });
        self.fails(&STEP_UP_REQUIRED)
    }

    /// Is about one thing, whose attributes policies may look at: the door loads it and calls `Request::judge`
    /// before it does or shows anything.
    #[must_use]
    pub fn about(mut self, kind: Kind) -> Self {
        self.about = Some(kind);
        self
    }

    /// Is open however often it is asked: for probes, which must not depend on a store that counts.
    #[must_use]
    pub fn unlimited(mut self) -> Self {
        self.limited = false;
        self
    }

    /// Takes query parameters.
    #[must_use]
    pub fn asks(mut self, query: &[Parameter]) -> Self {
        self.query.extend_from_slice(query);
        self
    }

    /// Answers so.
    #[must_use]
    pub fn answers(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    /// May answer with this problem.
    #[must_use]
    pub fn fails(mut self, problem: &'static ProblemType) -> Self {
        self.problems.push(problem);
        self
    }

    /// `POST`.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.route.split_once(' ').map_or("", |(method, _)| method)
    }

    /// `/v1/risk/address`.
    #[must_use]
    pub fn path(&self) -> &'static str {
        self.route.split_once(' ').map_or("", |(_, path)| path)
    }
}
