//! `POST /api/v1/units/{unit}/roster/…`: the local administrator drafts, retracts, imports, publishes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use super::roster_read::of_unit;
use crate::domain::{Personal, RosterEntryId};
use crate::pipeline::{PipelineError, roster as duty};
use crate::roster::Rule;
use crate::web::problem::Answer;
use crate::web::state::Web;
use crate::web::{auth, body};

/// Most bytes of drafts or of a calendar.
const MOST: usize = 2 * 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Drafts {
    entries: Vec<Rule<String>>,
    #[serde(default)]
    reason: Option<Personal<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retracted {
    reason: Personal<String>,
    #[serde(default)]
    from: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Imported {
    calendar: Personal<String>,
    #[serde(default)]
    reason: Option<Personal<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    #[serde(default)]
    accept_gaps: Option<Personal<String>>,
}

fn drafted(ids: &[RosterEntryId]) -> Response {
    (StatusCode::CREATED, Json(json!({ "entries": ids }))).into_response()
}

/// A refusal for want of a right is recorded.
macro_rules! step {
    ($web:ident, $person:ident, |$ctx:ident| $step:expr) => {{
        let $ctx = $web.ctx().clone();
        $web.to_the_end(async move {
            let done: Result<_, PipelineError> = $step.await;
            match done {
                Ok(done) => Ok(done),
                Err(error) => Err(auth::refused(&$ctx, &$person, None, error).await),
            }
        })
        .await?
    }};
}

/// Drafts entries, all or none.
pub(in crate::web) async fn draft(
    State(web): State<Arc<Web>>,
    Path(unit): Path<String>,
    request: Request,
) -> Answer {
    let (person, unit) = of_unit(&web, request.headers(), &unit).await?;
    let given: Drafts = body::small(request, MOST).await?;
    let ids =
        step!(web, person, |ctx| duty::draft(&ctx, (&person, &unit), given.entries, given.reason));
    Ok(drafted(&ids))
}

/// Retracts an entry.
pub(in crate::web) async fn retract(
    State(web): State<Arc<Web>>,
    Path((unit, entry)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let (person, unit) = of_unit(&web, request.headers(), &unit).await?;
    let entry = super::id(&entry)?;
    let given: Retracted = body::small(request, MOST).await?;
    let which = (entry, given.from);
    let ids = step!(web, person, |ctx| duty::retract(&ctx, (&person, &unit), which, given.reason));
    Ok(drafted(&ids))
}

/// Drafts the shifts of a calendar, all or none.
pub(in crate::web) async fn import(
    State(web): State<Arc<Web>>,
    Path(unit): Path<String>,
    request: Request,
) -> Answer {
    let (person, unit) = of_unit(&web, request.headers(), &unit).await?;
    let given: Imported = body::small(request, MOST).await?;
    let ids = step!(web, person, |ctx| duty::import(
        &ctx,
        (&person, &unit),
        given.calendar.expose(),
        given.reason
    ));
    Ok(drafted(&ids))
}

/// Puts every draft in force.
pub(in crate::web) async fn publish(
    State(web): State<Arc<Web>>,
    Path(unit): Path<String>,
    request: Request,
) -> Answer {
    let (person, unit) = of_unit(&web, request.headers(), &unit).await?;
    let given: Published = body::small(request, MOST).await?;
    let done = step!(web, person, |ctx| duty::publish(&ctx, (&person, &unit), given.accept_gaps));
    let shown = json!({
        "entry": done.id, "number": done.number, "entries": done.entries, "gaps": done.gaps
    });
    Ok(Json(shown).into_response())
}
