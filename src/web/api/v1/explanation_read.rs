//! `GET /api/v1/search-requests/{id}/explanation`: every rule that is asked about a request, and what it says.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::IntoResponse as _;
use strum::VariantArray as _;

use super::{bad_query, id, query};
use crate::audit::Actor;
use crate::domain::Role;
use crate::pipeline::{examine, explain};
use crate::policy::Gate;
use crate::web::auth;
use crate::web::problem::{Answer, Problem};
use crate::web::state::Web;

/// What the rules say now about a request of the person's unit. Each reading is recorded (LACRIS-AUD-2).
pub(in crate::web) async fn handle(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
    uri: Uri,
) -> Answer {
    let roles = [Role::LocalAdministrator, Role::Auditor];
    let person = auth::person_as(&web, &headers, &roles).await?;
    let [asked] = query(&uri, ["gate"])?;
    let gate = asked.map(gate).transpose()?;
    let row = examine::row_for(web.ctx(), &person, id(&path)?).await?;
    let actor = Actor::Person { account: person.id };
    let explanation = explain::read(web.ctx(), actor, row, gate).await?;
    Ok(Json(explanation).into_response())
}

fn gate(name: &str) -> Result<Gate, Problem> {
    let known = Gate::VARIANTS.iter().copied().find(|gate| gate.as_str() == name);
    match known {
        Some(gate) if explain::has_facts(gate) => Ok(gate),
        Some(gate) => Err(bad_query(&explain::without_facts(gate))),
        None => Err(bad_query("`gate` is one of submit, use_probe, dispatch")),
    }
}
