//! `GET /api/v1/holds`, `…/{id}`, `POST …/{id}/decide`: a named human decides what a policy held.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use serde::Serialize;
use serde_json::json;

use super::job_read::{CaseFile, Job, due, opened, readable};
use super::{id, shown};
use crate::domain::{Finding, RequestId, Role};
use crate::lifecycle::{Stage, StageCode};
use crate::pipeline::examine;
use crate::pipeline::hold::{self, EarlierDecision, HoldDecision};
use crate::store::RequestRow;
use crate::web::problem::{Answer, Problem};
use crate::web::state::Web;
use crate::web::{auth, body};

/// Most bytes of a decision.
const MOST: usize = 16 * 1024;

/// A held request on the desk. `deadline_at` is its due time.
#[derive(Debug, Serialize)]
struct Hold {
    #[serde(flatten)]
    job: Job,
    /// Who decides.
    role: Role,
    /// It is late, or a role before let it be.
    overdue: bool,
    clauses: BTreeSet<String>,
    findings: Vec<Finding>,
}

/// A finding beside the words of its clause.
#[derive(Debug, Serialize)]
struct Reason {
    /// What the clause says, from the pack's table; empty if no pack in force has it any more.
    clause_text: String,
    #[serde(flatten)]
    finding: Finding,
}

/// Everything that a decision rests on.
#[derive(Debug, Serialize)]
struct HoldFile {
    #[serde(flatten)]
    file: CaseFile,
    role: Role,
    /// The roles that let its time run out.
    missed: Vec<Role>,
    overdue: bool,
    reasons: Vec<Reason>,
    if_allowed: &'static str,
    if_refused: &'static str,
    decided_before: Vec<EarlierDecision>,
}

/// Requests that wait for the person's role; late ones first.
pub(in crate::web) async fn list(State(web): State<Arc<Web>>, headers: HeaderMap) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let rows = hold::list(web.ctx(), &person).await?;
    let now = web.ctx().now();
    let due = due(web.ctx(), &rows).await?;
    let hold = |row: RequestRow| {
        let Stage::Held { role, .. } = row.stage else { return None };
        Some(Hold {
            job: Job::of(&row, &due),
            role,
            overdue: hold::is_late(&row.stage, row.deadline_at, now),
            clauses: row.findings.iter().map(|finding| finding.clause.clone()).collect(),
            findings: row.findings,
        })
    };
    let items: Vec<Hold> = rows.into_iter().filter_map(hold).collect();
    Ok(Json(json!({ "items": items })).into_response())
}

/// The case file of a held request.
pub(in crate::web) async fn one(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let ctx = web.ctx();
    let request: RequestId = id(&path)?;
    let held = examine::row_for(ctx, &person, request).await?;
    if held.stage.code() != StageCode::Held {
        return Err(Problem::not_found());
    }
    let row = readable(ctx, &person, request).await?;
    let Stage::Held { role, resume, missed } = &row.stage else {
        return Err(Problem::not_found());
    };
    let policies = ctx.policies().await?;
    let text = |clause: &str| policies.clause(clause).map(|clause| clause.text.clone());
    let reason = |finding: &Finding| Reason {
        clause_text: text(&finding.clause).unwrap_or_default(),
        finding: finding.clone(),
    };
    let file = HoldFile {
        file: opened(ctx, &person, &row).await?,
        role: *role,
        missed: missed.clone(),
        overdue: hold::is_late(&row.stage, row.deadline_at, ctx.now()),
        reasons: row.findings.iter().map(reason).collect(),
        if_allowed: resume.if_allowed(),
        if_refused: resume.if_refused(),
        decided_before: hold::decisions(ctx, &row).await?,
    };
    Ok(Json(file).into_response())
}

/// Decides a hold.
pub(in crate::web) async fn decide(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let person = auth::person(&web, request.headers()).await?;
    let id: RequestId = id(&path)?;
    let decision: HoldDecision = body::small(request, MOST).await?;
    let ctx = web.ctx().clone();
    let stage = web
        .to_the_end(async move {
            match hold::decide(&ctx, &person, id, decision).await {
                Ok(stage) => Ok(stage),
                Err(error) => Err(auth::refused(&ctx, &person, Some(id), error).await),
            }
        })
        .await?;
    Ok(Json(json!({ "request": id, "state": shown(stage.code()) })).into_response())
}
