//! `GET /api/v1/jobs`, `…/{id}`, `…/{id}/probes/{n}`: the worklist, the case file, the originals.
//!
//! INVARIANT: no content leaves before its reading is durable in the audit log (LACRIS-AUD-2).
//! INVARIANT: a second reviewer is shown nothing of the first examination.

use std::collections::BTreeMap;
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
use crate::domain::{Account, Finding, Form, Lane, Ori, RequestId, UnitId};
use crate::lifecycle::StageCode;
use crate::pipeline::examine::WorkQuery;
use crate::pipeline::read::{self, Wanted};
use crate::pipeline::repeats::{self, Comparison, Repeat};
use crate::pipeline::{Context, PipelineError, examine, sealed};
use crate::policy::facts::Content;
use crate::store::{RecordKind, RequestRow};
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
    /// When the answer is due to the agency, where the unit has a target for the lane.
    service_due_at: Option<DateTime<Utc>>,
}

impl Job {
    pub(super) fn of(row: &RequestRow, due: &BTreeMap<RequestId, DateTime<Utc>>) -> Self {
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
            service_due_at: due.get(&row.id).copied(),
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

/// A case file, as its reader gets it.
#[derive(Debug, Serialize)]
pub(super) struct CaseFile {
    #[serde(flatten)]
    job: Job,
    form: Form,
    findings: Vec<Finding>,
    probes: Vec<Probe>,
    lease: Option<OwnLease>,
    /// Earlier requests about the same image or case. A second reviewer reads them after concluding, for how they ended tells
    /// what others found.
    repeats: Vec<Repeat>,
    /// How far the comparison of its pictures is; as little for a second reviewer.
    pictures: Option<Comparison>,
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
    let due = due(web.ctx(), &page.rows).await?;
    let items: Vec<Job> = page.rows.iter().map(|row| Job::of(row, &due)).collect();
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

/// When the answers to these requests are due to their agencies.
pub(super) async fn due(
    ctx: &Context,
    rows: &[RequestRow],
) -> Result<BTreeMap<RequestId, DateTime<Utc>>, PipelineError> {
    let requests: Vec<RequestId> = rows.iter().map(|row| row.id).collect();
    Ok(ctx.store.service_due(&requests).await?)
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
    let place: i64 = id(&place)?;
    let which = place.to_string();
    let wanted = Wanted { content: Content::Probe, action: "probe.read", which: &which };
    let row = read::allow(ctx, &person, id(&path)?, wanted).await?;
    let probes = ctx.store.probes(row.id).await?;
    let probe =
        probes.iter().find(|probe| probe.ordinal == place).ok_or_else(Problem::not_found)?;
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

/// A request whose case file the person may read; the reading, or its refusal, is recorded.
pub(super) async fn readable(
    ctx: &Context,
    person: &Account,
    request: RequestId,
) -> Result<RequestRow, PipelineError> {
    let wanted = Wanted { content: Content::CaseFile, action: "case.read", which: "" };
    read::allow(ctx, person, request, wanted).await
}

/// Answers with the case file of a request that the person may read.
pub(super) async fn case_file(ctx: &Context, person: &Account, row: &RequestRow) -> Answer {
    Ok(Json(opened(ctx, person, row).await?).into_response())
}

/// The case file of a request that the person may read, once the reading is on record.
pub(super) async fn opened(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
) -> Result<CaseFile, PipelineError> {
    let probes = ctx.store.probes(row.id).await?;
    let blind = row.stage.code() == StageCode::SecondReview;
    let found = if blind { None } else { Some(repeats::of(ctx, row).await?) };
    Ok(CaseFile {
        job: Job::of(row, &due(ctx, std::slice::from_ref(row)).await?),
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
        pictures: found.as_ref().map(|found| found.pictures),
        repeats: found.map_or_else(Vec::new, |found| found.repeats),
        earlier: earlier(ctx, person, row).await?,
    })
}

/// What an adjudicator compares.
const EARLIER: [(RecordKind, &str); 2] =
    [(RecordKind::Examination, "first"), (RecordKind::SecondReview, "second")];

/// The two examinations that differ, for the adjudicator who holds the claim; that is a reading of its own.
async fn earlier(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
) -> Result<Vec<Earlier>, PipelineError> {
    let mut records = Vec::new();
    let holds = row.stage.lease().is_some_and(|lease| lease.reviewer == person.id);
    if !holds || row.stage.code() != StageCode::Adjudication {
        return Ok(records);
    }
    let wanted = Wanted { content: Content::Examination, action: "examination.read", which: "" };
    let _ = read::allow(ctx, person, row.id, wanted).await?;
    for (kind, which) in EARLIER {
        records.push(recorded(ctx, row, kind, which).await?);
    }
    Ok(records)
}

/// The newest examination of a kind, with its candidate's picture.
pub(super) async fn recorded(
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
