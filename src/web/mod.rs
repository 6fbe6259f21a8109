//! The HTTP API: agencies submit and follow requests, people of the units do their steps, machines look at health.
//!
//! | part | what it does |
//! | --- | --- |
//! | [`server`](serve) | own accept loop with limits and a graceful end |
//! | [`router()`], `routes` | which path leads to which action: one table, of which [`openapi()`] is the description |
//! | `auth` | who asks: an agency by its token, a person by a token or a session |
//! | `problem` | every refusal in one form (RFC 9457) |
//! | `headers` | what every answer carries |
//! | `rate` | how many forms an agency may send |
//! | `body` | reading bodies within limits |
//! | `health` | live, ready, metrics |
//! | `api/v1` | one file an action, named `noun_verb` |
//!
//! Handlers read, or call a stage of the [`pipeline`](crate::pipeline); none changes a request itself.

mod api;
mod auth;
mod body;
mod headers;
mod health;
mod login;
mod measure;
mod openapi;
mod problem;
mod rate;
mod router;
mod routes;
mod server;
mod state;
mod step_up;

pub use openapi::openapi;
pub use problem::Problem;
pub use router::router;
pub use server::serve;
pub use state::{AppState, HttpLimits};

#[cfg(test)]
mod tests;
