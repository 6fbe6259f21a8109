//! The one table of operations. The router is built from it and so is the `OpenAPI` document: neither can know a path
//! that the other does not.

mod agencies;
mod governance;
mod machines;
mod pages;
mod people;
mod roster;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::routing::{self, MethodRouter};

use super::state::Web;

/// Method of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Verb {
    Get,
    Post,
}

/// Whose token it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Nobody,
    Agency,
    Person,
}

/// What an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Empty,
    /// JSON of a component of [`mod@super::openapi`].
    Json(&'static str),
    /// Anything else, by its media types.
    Media(&'static [&'static str]),
}

type Handler = fn() -> MethodRouter<Arc<Web>>;

/// One method of one path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    /// Stable name, for generated clients.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) who: Who,
    /// Name and component of each parameter of the query.
    pub(super) query: &'static [(&'static str, &'static str)],
    /// Component of the body.
    pub(super) body: Option<&'static str>,
    pub(super) answers: &'static [(u16, Content)],
    /// Status and code of what only this operation refuses.
    own: &'static [(u16, &'static str)],
    pub(super) handler: Handler,
}

/// The form's component: its body may be multipart, and its refusals carry a receipt.
pub(super) const FORM: &str = "SearchRequest";

impl Operation {
    const fn new(
        verb: Verb,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: Handler,
    ) -> Self {
        let (query, own) = (&[], &[]);
        let (body, answers) = (None, &[]);
        Self { verb, path, id, summary, who: Who::Nobody, query, body, answers, own, handler }
    }

    const fn who(mut self, who: Who) -> Self {
        self.who = who;
        self
    }

    const fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    const fn body(mut self, component: &'static str) -> Self {
        self.body = Some(component);
        self
    }

    const fn answers(mut self, answers: &'static [(u16, Content)]) -> Self {
        self.answers = answers;
        self
    }

    const fn refuses(mut self, own: &'static [(u16, &'static str)]) -> Self {
        self.own = own;
        self
    }

    /// The parameters of the path.
    pub(super) fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Status and codes of everything that it refuses.
    pub(super) fn refusals(&self) -> BTreeMap<u16, BTreeSet<&'static str>> {
        let mut all = self.own.to_vec();
        all.push((500, "internal"));
        match self.who {
            Who::Nobody => {}
            Who::Agency => all.extend([(401, "unauthorized"), (403, "agency_suspended")]),
            Who::Person => all.push((401, "unauthorized")),
        }
        if self.who != Who::Nobody || self.body.is_some() {
            all.push((503, "unavailable"));
        }
        if self.path_parameters().next().is_some() {
            all.extend([(400, "bad_request"), (404, "not_found")]);
        }
        if !self.query.is_empty() {
            all.push((400, "query"));
        }
        if let Some(body) = self.body {
            all.extend([
                (400, "body_unreadable"),
                (408, "body_timeout"),
                (413, "too_large"),
                (415, "media_type"),
                (422, "shape"),
            ]);
            if body != FORM {
                all.push((400, "json"));
            }
        }
        let mut by_status: BTreeMap<u16, BTreeSet<&'static str>> = BTreeMap::new();
        for (status, code) in all {
            by_status.entry(status).or_default().insert(code);
        }
        by_status
    }
}

const fn get(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    handler: Handler,
) -> Operation {
    Operation::new(Verb::Get, path, id, summary, handler)
}

const fn post(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    handler: Handler,
) -> Operation {
    Operation::new(Verb::Post, path, id, summary, handler)
}

macro_rules! handler {
    ($verb:ident $($path:ident)::+) => { || routing::$verb(super::super::$($path)::+) };
}
use handler;

/// Every operation, with the name of its group.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static Operation)> {
    let groups = [
        ("agencies", agencies::OPERATIONS),
        ("people", people::OPERATIONS),
        ("people", governance::OPERATIONS),
        ("people", pages::OPERATIONS),
        ("people", roster::OPERATIONS),
        ("machines", machines::OPERATIONS),
    ];
    groups
        .into_iter()
        .flat_map(|(group, operations)| operations.iter().map(move |operation| (group, operation)))
}
