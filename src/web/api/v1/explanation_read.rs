//! `GET /api/v1/search-requests/{id}/explanation`: every rule that is asked about a request, or about what somebody would
//! do with it, and what it says.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::IntoResponse as _;
use strum::VariantArray as _;

use super::{bad_query, id, query};
use crate::audit::Actor;
use crate::domain::{Account, Ori, Role};
use crate::pipeline::examine;
use crate::pipeline::explain::act::Wish;
use crate::pipeline::explain::{self, Question};
use crate::policy::Gate;
use crate::registry::Registry;
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
    let [gate, who, what, to, clause] = query(&uri, ["gate", "as", "what", "to", "clause"])?;
    let wish = Wish { who, what, to, clause };
    let row = examine::row_for(web.ctx(), &person, id(&path)?).await?;
    let registry = web.ctx().registry().await?;
    let question = question(&registry, &person, gate, &wish)?;
    let actor = Actor::Person { account: person.id };
    let explanation = explain::read(web.ctx(), actor, row, question).await?;
    Ok(Json(explanation).into_response())
}

fn question(
    registry: &Registry,
    person: &Account,
    named: Option<&str>,
    wish: &Wish<'_>,
) -> Result<Question, Problem> {
    let gate = named.map(gate).transpose()?;
    if wish.to.is_some_and(|to| to.parse::<Ori>().is_err()) {
        // An address is personal data, and paths stand in the logs of what is between.
        return Err(bad_query("`to` is the ORI of the agency that receives"));
    }
    let act = explain::act::act(registry, gate.unwrap_or(Gate::Submit), wish, Some(person));
    let act = act.map_err(|error| bad_query(&error.to_string()))?;
    Ok(act.map_or(Question::Form(gate), |act| Question::Act(Box::new(act))))
}

fn gate(name: &str) -> Result<Gate, Problem> {
    let known = Gate::VARIANTS.iter().copied().find(|gate| gate.as_str() == name);
    let known = known
        .ok_or_else(|| bad_query(&format!("`gate` is one of {}", explain::gates().join(", "))))?;
    explain::explainable(known).map_err(|message| bad_query(&message))
}
