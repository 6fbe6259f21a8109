//! `POST /api/v1/jobs/{id}/conclude`, `…/second-review`, `…/adjudicate`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::IntoResponse as _;
use serde::Deserialize;
use serde_json::json;

use super::{id, shown};
use crate::domain::examination::Examination;
use crate::domain::{Account, RequestId};
use crate::lifecycle::{Stage, StageCode};
use crate::pipeline::{Context, PipelineError, examine, lease};
use crate::web::problem::{Answer, Problem};
use crate::web::state::Web;
use crate::web::{auth, body};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Conclusion {
    token: i64,
    examination: Examination,
}

/// Records the first examination.
pub(in crate::web) async fn conclude(
    state: State<Arc<Web>>,
    path: Path<String>,
    request: Request,
) -> Answer {
    examined(state, path, request, StageCode::Leased).await
}

/// Records the blind second review.
pub(in crate::web) async fn second_review(
    state: State<Arc<Web>>,
    path: Path<String>,
    request: Request,
) -> Answer {
    examined(state, path, request, StageCode::SecondReview).await
}

/// Records the adjudication.
pub(in crate::web) async fn adjudicate(
    state: State<Arc<Web>>,
    path: Path<String>,
    request: Request,
) -> Answer {
    examined(state, path, request, StageCode::Adjudication).await
}

async fn examined(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
    wanted: StageCode,
) -> Answer {
    let person = auth::person(&web, request.headers()).await?;
    let id: RequestId = id(&path)?;
    let given: Conclusion = body::step(request).await?;
    let ctx = web.ctx().clone();
    let stage =
        web.to_the_end(async move { submit(&ctx, &person, (id, wanted), given).await }).await?;
    Ok(Json(json!({ "request": id, "state": shown(stage.code()) })).into_response())
}

async fn submit(
    ctx: &Context,
    person: &Account,
    (request, wanted): (RequestId, StageCode),
    given: Conclusion,
) -> Result<Stage, Problem> {
    let row = examine::row_for(ctx, person, request).await?;
    // What came too late is kept, whatever the job is claimed for by now.
    let now = ctx.now();
    if lease::held_by(&row.stage, person.id, (given.token, now)).is_some() {
        fits(&row.stage, wanted)?;
    }
    match examine::conclude(ctx, person, request, given.token, given.examination).await {
        Ok(stage) => Ok(stage),
        Err(error) => Err(auth::refused(ctx, person, Some(request), error).await.into()),
    }
}

/// Pure: whether a claimed job is claimed for this step. One that nobody holds is the stage's to refuse.
fn fits(stage: &Stage, wanted: StageCode) -> Result<(), PipelineError> {
    if stage.lease().is_none() || stage.code() == wanted {
        return Ok(());
    }
    let path = if stage.code() == StageCode::SecondReview {
        "second-review"
    } else if stage.code() == StageCode::Adjudication {
        "adjudicate"
    } else {
        "conclude"
    };
    Err(PipelineError::conflict(
        "state",
        format!("this job is claimed for another step; send it to `{path}`"),
    ))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::domain::AccountId;
    use crate::lifecycle::Lease;

    #[test]
    fn a_step_goes_to_the_path_of_its_stage() {
        let reviewer = AccountId::new(Uuid::from_u128(1));
        let lease =
            Lease { reviewer, token: 1, until: DateTime::UNIX_EPOCH, since: DateTime::UNIX_EPOCH };
        let (first, second) = (reviewer, reviewer);
        let stages = [
            Stage::Leased { lease },
            Stage::SecondReview { first, lease },
            Stage::Adjudication { first, second, lease },
        ];
        for stage in &stages {
            for wanted in [StageCode::Leased, StageCode::SecondReview, StageCode::Adjudication] {
                assert_eq!(
                    fits(stage, wanted).is_ok(),
                    stage.code() == wanted,
                    "{stage:?} {wanted}"
                );
            }
        }
        assert!(fits(&Stage::Queued, StageCode::Leased).is_ok());
    }
}
