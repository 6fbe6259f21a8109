//! `GET /api/v1/jobs/{id}/examinations`: who recorded an examination reads the others, once nothing can be given away.
//! `POST …/waive-second-review`: the second review is waived.
//!
//! INVARIANT: before the second review is recorded, or waived, no record is read here, so that neither answer, time nor size
//! tells anything of the first one (CORE-BLIND).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use serde_json::json;

use super::job_read::{Earlier, recorded};
use super::{id, shown};
use crate::domain::examination::Waiver;
use crate::domain::{Account, RequestId};
use crate::lifecycle::Stage;
use crate::pipeline::read::{self, Wanted};
use crate::pipeline::{Context, PipelineError, examine, repeats};
use crate::policy::facts::{Content, Purpose};
use crate::store::{RecordKind, RequestRow};
use crate::web::problem::{Answer, Problem};
use crate::web::state::Web;
use crate::web::{auth, body};

/// Most bytes of a waiver.
const MOST: usize = 16 * 1024;

/// Examinations, in their order.
const KINDS: [(RecordKind, &str); 3] = [
    (RecordKind::Examination, "first"),
    (RecordKind::SecondReview, "second"),
    (RecordKind::Adjudication, "adjudication"),
];

/// Every examination of a request.
pub(in crate::web) async fn examinations(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let ctx = web.ctx();
    let row = examine::row_for(ctx, &person, id(&path)?).await?;
    let Some(kinds) = revealed(ctx, &person, &row).await? else {
        let error = PipelineError::forbidden(
            "not_revealed",
            "the examinations of a request are shown to those who recorded one, once the second review is recorded",
        );
        return Err(auth::refused(ctx, &person, Some(row.id), error).await.into());
    };
    let wanted =
        Wanted { content: Content::Examination, action: "examinations.read", which: "all" };
    read::allow_for(ctx, &person, &row, wanted, Purpose::Compare).await?;
    let mut shown: Vec<Earlier> = Vec::new();
    for (kind, which) in kinds {
        shown.push(recorded(ctx, &row, kind, which).await?);
    }
    let found = repeats::of(ctx, &row).await?;
    let answer = json!({
        "request": row.id, "examinations": shown,
        "repeats": found.repeats, "pictures": found.pictures,
    });
    Ok(Json(answer).into_response())
}

/// The records to show, if the person recorded one of them and the second review is over.
async fn revealed(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
) -> Result<Option<Vec<(RecordKind, &'static str)>>, Problem> {
    if is_blind(&row.stage) {
        return Ok(None);
    }
    let records = ctx.store.records(row.id).await?;
    let has = |kind: RecordKind| records.iter().any(|record| record.kind == kind);
    let over = has(RecordKind::SecondReview) || has(RecordKind::Waiver);
    let kinds: Vec<_> = KINDS.into_iter().filter(|(kind, _)| has(*kind)).collect();
    let own = records.iter().any(|record| {
        record.author == person.id && kinds.iter().any(|(kind, _)| *kind == record.kind)
    });
    Ok((over && own).then_some(kinds))
}

/// Pure: whether a second review is still to come.
fn is_blind(stage: &Stage) -> bool {
    match stage {
        Stage::Received
        | Stage::Rejected
        | Stage::Accepted
        | Stage::Queued
        | Stage::Offered { .. }
        | Stage::Leased { .. }
        | Stage::Examined { .. }
        | Stage::SecondReview { .. }
        | Stage::Withdrawn
        | Stage::Expired
        | Stage::Destroyed => true,
        Stage::Held { .. }
        | Stage::AdjudicationDue { .. }
        | Stage::Adjudication { .. }
        | Stage::AwaitingRelease { .. }
        | Stage::Released { .. }
        | Stage::Delivering
        | Stage::Delivered
        | Stage::AwaitingPickup
        | Stage::Acknowledged
        | Stage::FeedbackDue
        | Stage::Closed => false,
    }
}

/// Waives the second review.
pub(in crate::web) async fn waive(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let person = auth::person(&web, request.headers()).await?;
    let id: RequestId = id(&path)?;
    let waiver: Waiver = body::small(request, MOST).await?;
    let ctx = web.ctx().clone();
    let stage = web
        .to_the_end(async move {
            match examine::waive(&ctx, &person, id, waiver).await {
                Ok(stage) => Ok(stage),
                Err(error) => Err(auth::refused(&ctx, &person, Some(id), error).await),
            }
        })
        .await?;
    Ok(Json(json!({ "request": id, "state": shown(stage.code()) })).into_response())
}
