//! `GET /api/v1/jobs`, `…/{id}`, `…/{id}/probes/{n}`: the worklist, the case file, the originals.
//!
//! INVARIANT: no content leaves before its reading is durable in the audit log (LACRIS-AUD-2).
//! INVARIANT: a second reviewer is shown nothing of the first examination.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use super::{bad_query, id, query, shown};
use crate::domain::examination::Examination;
use crate::domain::{Account, Finding, Form, Lane, Ori, RequestId, Role, UnitId};
use crate::lifecycle::{Stage, StageCode};
use crate::pipeline::examine::WorkQuery;
use crate::pipeline::repeats::{self, Repeat};
use crate::pipeline::{Context, PipelineError, examine, sealed};
use crate::store::{Change, RecordKind, RequestRow};
use crate::web::auth;
use crate::web::problem::{Answer, Problem};
use crate::web::state::Web;

/// Jobs of a page where the query does not say.
const DEFAULT_LIMIT: i64 = 50;
/// Most jobs of a page.
const MOST: i64 = 200;

/// A job of a worklist. It names nobody.
#[derive(Debug, Serialize)]
pub(super) struct Job {
    request: RequestId,
    unit: UnitId,
    agency: Ori,
    state: StageCode,
    lane: Lane,
    /// The unit's own number of the case (LACRIS-RPT-4a).
    case_number_of_unit: Option<i64>,
    received_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    deadline_at: Option<DateTime<Utc>>,
}

impl Job {
    pub(super) fn of(row: &RequestRow) -> Self {
        Self {
            request: row.id,
            unit: row.unit.clone(),
            agency: row.ori.clone(),
            state: shown(row.stage.code()),
            lane: row.lane,
            case_number_of_unit: row.case_number_of_unit,
            received_at: row.received_at,
            updated_at: row.updated_at,
            deadline_at: row.deadline_at,
        }
    }
}

#[derive(Debug, Serialize)]
struct Probe {
    /// Its place in the form, from 0, and in the path of its original.
    n: i64,
    media_type: String,
    bytes: i64,
}

#[derive(Debug, Serialize)]
struct OwnLease {
    token: i64,
    until: DateTime<Utc>,
}

/// An examination as an adjudicator reads it: which of the two, and no name of its author.
#[derive(Debug, Serialize)]
pub(super) struct Earlier {
    which: &'static str,
    examination: Examination,
}

#[derive(Debug, Serialize)]
struct CaseFile {
    #[serde(flatten)]
    job: Job,
    form: Form,
    findings: Vec<Finding>,
    probes: Vec<Probe>,
    lease: Option<OwnLease>,
    /// Earlier requests about the same image or case. A second reviewer reads them after concluding, for how they ended tells
    /// what others found.
    repeats: Vec<Repeat>,
    /// Both earlier examinations, for an adjudicator only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<Earlier>,
}

/// What the person may take or holds.
pub(in crate::web) async fn list(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let [lane, limit, cursor] = query(&uri, ["lane", "limit", "cursor"])?;
    let lane = lane
        .map(|lane| serde_json::from_value::<Lane>(lane.into()))
        .transpose()
        .map_err(|_| bad_query("`lane` is `threat`, `priority` or `routine`"))?;
    let limit: i64 = limit.map_or(Ok(DEFAULT_LIMIT), str::parse).unwrap_or(0);
    if !(1..=MOST).contains(&limit) {
        return Err(bad_query(&format!("`limit` is a number from 1 to {MOST}")));
    }
    let after = cursor
        .map(str::parse)
        .transpose()
        .map_err(|_| bad_query("`cursor` is the `next` of the page before"))?;
    let page = examine::worklist(web.ctx(), &person, WorkQuery { lane, after, limit }).await?;
    let items: Vec<Job> = page.rows.iter().map(Job::of).collect();
    Ok(unless_same(&headers, &json!({ "items": items, "next": page.next })))
}

/// The document with its `ETag`; `304` to who has it (RFC 9110, section 13.1.2).
fn unless_same(headers: &HeaderMap, document: &serde_json::Value) -> Response {
    let hash = openssl::sha::sha256(document.to_string().as_bytes());
    let tag = format!("\"{}\"", hex::encode(hash.get(..16).unwrap_or_default()));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let same = known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag));
    let etag = [(header::ETAG, tag)];
    if same {
        return (StatusCode::NOT_MODIFIED, etag).into_response();
    }
    (etag, Json(document)).into_response()
}

/// The case file of a job that the person holds, releases, or decides a hold of.
pub(in crate::web) async fn one(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let row = readable(web.ctx(), &person, id(&path)?).await?;
    case_file(web.ctx(), &person, &row).await
}

/// A probe's original bytes, to keep and not to show.
pub(in crate::web) async fn probe(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path((path, place)): Path<(String, String)>,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let ctx = web.ctx();
    let row = readable(ctx, &person, id(&path)?).await?;
    let place: i64 = id(&place)?;
    let probes = ctx.store.probes(row.id).await?;
    let probe =
        probes.iter().find(|probe| probe.ordinal == place).ok_or_else(Problem::not_found)?;
    record(ctx, &person, &row, ("probe.read", &place.to_string())).await?;
    let bytes = sealed::probe_image(ctx, &row, probe).await?;
    Ok(attachment(bytes, &format!("probe-{place}.bin"), "application/octet-stream"))
}

/// Bytes that a browser must save and never render.
pub(super) fn attachment(bytes: Vec<u8>, name: &str, media_type: &'static str) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers =
        [(header::CONTENT_TYPE, media_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    (headers, bytes).into_response()
}

/// A request whose content the person may read at its stage. A refusal is recorded.
pub(super) async fn readable(
    ctx: &Context,
    person: &Account,
    request: RequestId,
) -> Result<RequestRow, Problem> {
    let row = examine::row_for(ctx, person, request).await?;
    if may_read(&row.stage, person) {
        return Ok(row);
    }
    let error = PipelineError::forbidden(
        "not_assigned",
        "a case is read by who holds its claim, releases it, or decides its hold; claim the job first",
    );
    Err(auth::refused(ctx, person, Some(request), error).await.into())
}

/// Pure: who needs the content for the step that is due, and nobody else.
fn may_read(stage: &Stage, person: &Account) -> bool {
    if let Some(lease) = stage.lease() {
        return lease.reviewer == person.id;
    }
    match stage {
        Stage::AwaitingRelease { reviewers, .. } => {
            person.role == Role::ReleaseAuthority && !reviewers.contains(&person.id)
        }
        Stage::Held { role, .. } => person.role == *role || person.role == Role::LocalAdministrator,
        Stage::Received
        | Stage::Rejected
        | Stage::Accepted
        | Stage::Queued
        | Stage::Offered { .. }
        | Stage::Leased { .. }
        | Stage::Examined { .. }
        | Stage::SecondReview { .. }
        | Stage::AdjudicationDue { .. }
        | Stage::Adjudication { .. }
        | Stage::Released { .. }
        | Stage::Delivering
        | Stage::Delivered
        | Stage::AwaitingPickup
        | Stage::Acknowledged
        | Stage::FeedbackDue
        | Stage::Closed
        | Stage::Withdrawn
        | Stage::Expired
        | Stage::Destroyed => false,
    }
}

/// Records that the person reads; without the record nothing is read.
pub(super) async fn record(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
    (action, what): (&str, &str),
) -> Result<(), PipelineError> {
    let event = examine::by_person(person, action, ctx.now(), row)
        .clause("LACRIS-AUD-2")
        .detail("what", what)
        .detail("stage", row.stage.code().as_str());
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    Ok(())
}

/// Answers with the case file of a request that the person may read.
pub(super) async fn case_file(ctx: &Context, person: &Account, row: &RequestRow) -> Answer {
    record(ctx, person, row, ("case.read", "case_file")).await?;
    let probes = ctx.store.probes(row.id).await?;
    let file = CaseFile {
        job: Job::of(row),
        form: sealed::form_of(ctx, row)?,
        findings: row.findings.clone(),
        probes: probes
            .into_iter()
            .map(|probe| Probe {
                n: probe.ordinal,
                media_type: probe.media_type,
                bytes: probe.byte_len,
            })
            .collect(),
        lease: row
            .stage
            .lease()
            .filter(|lease| lease.reviewer == person.id)
            .map(|lease| OwnLease { token: lease.token, until: lease.until }),
        repeats: if row.stage.code() == StageCode::SecondReview {
            Vec::new()
        } else {
            repeats::of(ctx, row).await?
        },
        earlier: earlier(ctx, person, row).await?,
    };
    Ok(Json(file).into_response())
}

/// Pure: the records that the person may see of a request at this stage.
fn shown_records(stage: &Stage, person: &Account) -> &'static [(RecordKind, &'static str)] {
    if let Stage::Adjudication { lease, .. } = stage
        && lease.reviewer == person.id
    {
        return &[(RecordKind::Examination, "first"), (RecordKind::SecondReview, "second")];
    }
    &[]
}

async fn earlier(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
) -> Result<Vec<Earlier>, PipelineError> {
    let mut records = Vec::new();
    for (kind, which) in shown_records(&row.stage, person) {
        records.push(read(ctx, row, *kind, which).await?);
    }
    Ok(records)
}

/// The newest examination of a kind, with its candidate's picture.
pub(super) async fn read(
    ctx: &Context,
    row: &RequestRow,
    kind: RecordKind,
    which: &'static str,
) -> Result<Earlier, PipelineError> {
    let key = sealed::key_of(ctx, row)?;
    let record = examine::examination(ctx, row, &key, kind).await?;
    let mut examination = record.examination;
    if let (Some(candidate), Some(object)) = (&mut examination.candidate, &record.candidate_image) {
        candidate.image = Some(STANDARD.encode(sealed::image(ctx, &key, object).await?));
    }
    Ok(Earlier { which, examination })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{AccountId, Outcome};
    use crate::lifecycle::{Lease, Resume};

    fn person(number: u128, role: Role) -> Account {
        Account {
            person: None,
            id: AccountId::new(Uuid::from_u128(number)),
            login: "sample".to_owned(),
            name: "R. Sample".to_owned(),
            unit: "lacris".parse().unwrap(),
            role,
            active: true,
            credentials: Vec::new(),
            positions: Vec::new(),
            relatives: Vec::new(),
        }
    }

    fn lease(of: &Account) -> Lease {
        Lease {
            reviewer: of.id,
            token: 1,
            until: DateTime::UNIX_EPOCH,
            since: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_case_is_read_by_whom_its_stage_waits_for() {
        let (one, two) = (person(1, Role::Reviewer), person(2, Role::Reviewer));
        let officer = person(3, Role::ReleaseAuthority);
        let keeper = person(4, Role::LocalAdministrator);
        let all = [&one, &two, &officer, &keeper, &person(5, Role::Auditor)];
        let readers = |stage: &Stage| -> Vec<u128> {
            let may = all.iter().filter(|person| may_read(stage, person));
            may.map(|person| person.id.uuid().as_u128()).collect()
        };
        assert_eq!(readers(&Stage::Queued), []);
        assert_eq!(readers(&Stage::Offered { reviewer: one.id }), []);
        assert_eq!(readers(&Stage::Leased { lease: lease(&one) }), [1]);
        assert_eq!(readers(&Stage::Examined { first: one.id }), []);
        assert_eq!(readers(&Stage::SecondReview { first: one.id, lease: lease(&two) }), [2]);
        let reviewers = vec![one.id, two.id];
        let waiting = Stage::AwaitingRelease { outcome: Outcome::NoMatch, reviewers };
        assert_eq!(readers(&waiting), [3]);
        let own = Stage::AwaitingRelease { outcome: Outcome::NoMatch, reviewers: vec![officer.id] };
        assert_eq!(readers(&own), []);
        let held = Stage::Held { role: Role::LocalAdministrator, resume: Resume::Check };
        assert_eq!(readers(&held), [4]);
        assert_eq!(readers(&Stage::Delivered), []);
    }

    #[test]
    fn only_the_adjudicator_sees_earlier_examinations() {
        let (one, two) = (person(1, Role::Reviewer), person(2, Role::Reviewer));
        let judge = person(3, Role::Adjudicator);
        let second = Stage::SecondReview { first: one.id, lease: lease(&two) };
        assert!(shown_records(&second, &two).is_empty());
        let lease = lease(&judge);
        let stage = Stage::Adjudication { first: one.id, second: two.id, lease };
        assert_eq!(shown_records(&stage, &judge).len(), 2);
        assert!(shown_records(&stage, &two).is_empty());
    }
}
