//! `GET /api/v1/emergencies`, `…/{id}`, `POST …/{id}/call-back`, and the agency's
//! `POST /api/v1/search-requests/{id}/emergency-confirmation`: what an imminent threat owes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use super::{id, shown};
use crate::domain::emergency::{Duty, DutyKind, DutyOutcome, EmergencyState, state};
use crate::domain::{Ori, Personal, RequestId};
use crate::lifecycle::StageCode;
use crate::pipeline::emergency::{self, Attempt, CALLERS, CallBack, Confirmation};
use crate::web::problem::Answer;
use crate::web::state::Web;
use crate::web::{auth, body};

/// Most bytes of a call-back or a confirmation.
const MOST: usize = 16 * 1024;

/// A duty, as its people see it.
#[derive(Debug, Serialize)]
struct ShownDuty {
    duty: DutyKind,
    due_at: DateTime<Utc>,
    overdue: bool,
    outcome: Option<DutyOutcome>,
    done_at: Option<DateTime<Utc>>,
}

impl ShownDuty {
    fn of(duty: &Duty, now: DateTime<Utc>) -> Self {
        Self {
            duty: duty.kind,
            due_at: duty.due_at,
            overdue: duty.is_overdue(now),
            outcome: duty.outcome,
            done_at: duty.done_at,
        }
    }
}

/// An open duty on the list.
#[derive(Debug, Serialize)]
struct OpenDuty {
    request: RequestId,
    #[serde(flatten)]
    duty: ShownDuty,
}

/// What somebody needs in order to call.
#[derive(Debug, Serialize)]
struct Sheet {
    request: RequestId,
    state: StageCode,
    agency: Ori,
    agency_name: String,
    /// The registry's number; `null` if it has none.
    call_back: Option<String>,
    requester: Personal<String>,
    case_number: Personal<String>,
    received_at: DateTime<Utc>,
    duties: Vec<ShownDuty>,
    attempts: Vec<Attempt>,
}

#[derive(Debug, Serialize)]
struct Owed {
    request: RequestId,
    emergency: EmergencyState,
    duties: Vec<ShownDuty>,
}

impl Owed {
    fn of(request: RequestId, duties: &[Duty], now: DateTime<Utc>) -> Self {
        let shown = duties.iter().map(|duty| ShownDuty::of(duty, now)).collect();
        Self { request, emergency: state(duties, now), duties: shown }
    }
}

/// Open duties of the unit, what is due first first.
pub(in crate::web) async fn list(State(web): State<Arc<Web>>, headers: HeaderMap) -> Answer {
    let person = auth::person_as(&web, &headers, &CALLERS).await?;
    let now = web.ctx().now();
    let open = emergency::open(web.ctx(), &person).await?;
    let items: Vec<OpenDuty> = open
        .iter()
        .map(|row| OpenDuty { request: row.request, duty: ShownDuty::of(&row.duty, now) })
        .collect();
    Ok(Json(json!({ "items": items })).into_response())
}

/// Whom to call about what.
pub(in crate::web) async fn one(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person_as(&web, &headers, &CALLERS).await?;
    let ctx = web.ctx();
    let sheet = emergency::call_sheet(ctx, &person, id(&path)?).await?;
    let now = ctx.now();
    Ok(Json(Sheet {
        request: sheet.row.id,
        state: shown(sheet.row.stage.code()),
        agency: sheet.row.ori,
        agency_name: sheet.agency_name,
        call_back: sheet.call_back,
        requester: sheet.form.requester.name,
        case_number: sheet.form.case_number,
        received_at: sheet.row.received_at,
        duties: sheet.duties.iter().map(|duty| ShownDuty::of(duty, now)).collect(),
        attempts: sheet.attempts,
    })
    .into_response())
}

/// Records an attempt to call the agency back.
pub(in crate::web) async fn call_back(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let person = auth::person_as(&web, request.headers(), &CALLERS).await?;
    let id: RequestId = id(&path)?;
    let call: CallBack = body::small(request, MOST).await?;
    let ctx = web.ctx().clone();
    let duties = web
        .to_the_end(async move {
            match emergency::call_back(&ctx, &person, id, call).await {
                Ok(duties) => Ok(duties),
                Err(error) => Err(auth::refused(&ctx, &person, Some(id), error).await),
            }
        })
        .await?;
    Ok(Json(Owed::of(id, &duties, web.ctx().now())).into_response())
}

/// A supervisor of the agency confirms the emergency.
pub(in crate::web) async fn confirm(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let agency = auth::agency(&web, request.headers()).await?;
    let id: RequestId = id(&path)?;
    let confirmation: Confirmation = body::small(request, MOST).await?;
    let ctx = web.ctx().clone();
    let duties = web
        .to_the_end(async move { emergency::confirm(&ctx, &agency, id, confirmation).await })
        .await?;
    let own: Vec<Duty> =
        duties.into_iter().filter(|duty| duty.kind == DutyKind::Confirmation).collect();
    Ok(Json(Owed::of(id, &own, web.ctx().now())).into_response())
}
