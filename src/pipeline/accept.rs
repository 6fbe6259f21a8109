//! A form comes in: its shape is checked, the request is stored, the receipt is given.
//!
//! Nothing is answered before it is durable. A misshapen form leaves only an audit entry.

mod inject;
mod rate;
mod receipt;
mod repeat;
mod signature;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

pub use inject::{KnownCase, inject};
pub use rate::FormRate;
pub use receipt::{Receipt, ReceiptState, receipt_of};

use receipt::wait_for_check;
use repeat::{Asked, repeat_hash, stored_key};

use super::context::Rules;
use super::sealed::{self, Intake};
use super::{Context, PipelineError, Refusal, service};
use crate::audit::{Actor, AuditEvent};
use crate::domain::form::{
    Context as FormContext, ParseFailure, PurposeKind, body_digest, parse_form,
};
use crate::domain::{Agency, AgencyStanding, Form, Lane, RequestId, ShapeError, UnitId};
use crate::images::{ImageFacts, inspect};
use crate::lifecycle::{Stage, deadline};
use crate::messages::{Message, Step};
use crate::store::{Applied, Change, Guard, NewIdempotencyKey, NewProbe, NewRequest};
use crate::vault::DataKey;

/// What arrived, from whichever way in.
#[derive(Debug)]
pub struct Submission {
    /// The agency that the sender proved to be.
    pub agency: Agency,
    /// The form's bytes.
    pub body: Arc<Vec<u8>>,
    /// Files by the name of their multipart part.
    pub parts: BTreeMap<String, Vec<u8>>,
    /// Idempotency key.
    pub key: Option<String>,
}

/// How a submission ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// Stored, now.
    New(Receipt),
    /// Stored before: the same key and body, or the same image and case within a day, no less urgent.
    Before(Receipt),
    /// Not JSON of any kind; nothing was stored.
    Malformed(Receipt),
    /// Not the form's shape; nothing was stored.
    Misshapen(Receipt),
}

impl Submitted {
    /// Its receipt.
    pub fn receipt(&self) -> &Receipt {
        match self {
            Self::New(receipt)
            | Self::Before(receipt)
            | Self::Malformed(receipt)
            | Self::Misshapen(receipt) => receipt,
        }
    }
}

/// The clause by which an agency asks in its own name only.
const OWN_NAME: &str = "CORE-AGENCY";

/// Takes a submission in and waits a little for its check.
pub async fn accept(ctx: &Context, submission: Submission) -> Result<Submitted, PipelineError> {
    let now = ctx.now();
    if submission.agency.standing == AgencyStanding::Suspended {
        refuse_sender(ctx, &submission.agency, ("agency_suspended", "CORE-STANDING"), now).await?;
        return Err(PipelineError::forbidden(
            "agency_suspended",
            "the agency's account is suspended; its administrator can say why and until when",
        ));
    }
    let (prepared, submission) = prepare_apart(ctx, submission).await?;
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => return misshapen(ctx, &submission.agency, failure, now).await,
    };
    if prepared.form.requesting_agency != submission.agency.ori {
        refuse_sender(ctx, &submission.agency, ("foreign_ori", OWN_NAME), now).await?;
        return Err(PipelineError::forbidden(
            "foreign_ori",
            "`requesting_agency` is not the agency of this token; submit with that agency's own token",
        ));
    }
    let asked = Asked::new(ctx, &submission, &prepared);
    if let Some(before) = asked.before(ctx, now).await? {
        return Ok(before);
    }
    if let Some(stored) = store(ctx, submission, prepared, now).await? {
        return Ok(stored);
    }
    // The same was stored at the same moment. If it is over already, nothing is there to answer with.
    asked.before(ctx, now).await?.ok_or_else(|| {
        PipelineError::conflict(
            "idempotency_race",
            "the same form arrived twice at once; send it again to read its receipt",
        )
    })
}

/// A form whose shape is right, with its images measured.
struct Prepared {
    form: Form,
    digest: [u8; 32],
    images: Vec<(ImageFacts, Vec<u8>)>,
}

/// Parsing and measuring is CPU work on bytes of a stranger: it runs off the event loop.
async fn prepare_apart(
    ctx: &Context,
    submission: Submission,
) -> Result<(Result<Prepared, ParseFailure>, Submission), PipelineError> {
    let rules = Arc::clone(&ctx.rules);
    tokio::task::spawn_blocking(move || (prepare(&rules, &submission), submission))
        .await
        .map_err(|_| PipelineError::Inconsistent("a form"))
}

/// Pure: every fault of the shape at once.
fn prepare(rules: &Rules, submission: &Submission) -> Result<Prepared, ParseFailure> {
    let received = submission.body.len() + submission.parts.values().map(Vec::len).sum::<usize>();
    if let Some(error) = rules.form.check_body(received as u64) {
        return Err(ParseFailure::Shape(vec![error]));
    }
    let mut form = parse_form(&submission.body)?;
    let mut errors = rules.form.check(&form, received as u64);
    let mut images = Vec::with_capacity(form.images.len());
    for (place, image) in form.images.iter_mut().enumerate() {
        let pointer = format!("/images/{place}");
        let bytes = match file_of(image, &submission.parts, &pointer) {
            Ok(bytes) => bytes,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        match inspect(&bytes, image.media_type, &rules.image) {
            Ok(facts) => {
                if !facts.matches_declared_hash(&image.sha256) {
                    errors.push(ShapeError::new(
                        "image_hash",
                        format!("{pointer}/sha256"),
                        "the SHA-256 of the file that arrived is another; compute it over the file's bytes and send both again",
                    ));
                }
                images.push((facts, bytes));
            }
            Err(faults) => {
                errors.extend(
                    faults.into_iter().map(|fault| fault.into_shape_error(pointer.clone())),
                );
            }
        }
    }
    let used = form.images.iter().filter(|image| image.part.is_some()).count();
    if used != submission.parts.len() {
        errors.push(ShapeError::new(
            "part_unknown",
            "/images",
            "every file part must be named by exactly one image; name it in `part` or leave it out",
        ));
    }
    if !errors.is_empty() {
        return Err(ParseFailure::Shape(errors));
    }
    let digest = body_digest(&submission.body).map_err(|error| ParseFailure::Shape(vec![error]))?;
    Ok(Prepared { form, digest, images })
}

/// The bytes of an image; its inline content leaves the form, the sealed file has its own place.
fn file_of(
    image: &mut crate::domain::form::FormImage,
    parts: &BTreeMap<String, Vec<u8>>,
    pointer: &str,
) -> Result<Vec<u8>, ShapeError> {
    if let Some(content) = image.content.take() {
        return STANDARD.decode(content.expose()).map_err(|_| {
            ShapeError::new(
                "image_base64",
                format!("{pointer}/content"),
                "expected base64 (RFC 4648 section 4, with padding, without line breaks)",
            )
        });
    }
    let name = image.part.as_deref().unwrap_or_default();
    parts.get(name).cloned().ok_or_else(|| {
        ShapeError::new(
            "part_missing",
            format!("{pointer}/part"),
            "no file part of this name arrived; send it beside the part `form`",
        )
    })
}

async fn refuse_sender(
    ctx: &Context,
    agency: &Agency,
    (code, clause): (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), PipelineError> {
    let event =
        by_agency(agency, "search_request.sender_refused", now).detail("code", code).clause(clause);
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    Ok(())
}

/// What came from this agency could not be read as a submission, so that nothing of it is left but the entry. `code` is what it
/// was answered.
pub async fn unreadable(ctx: &Context, agency: &Agency, code: &str) -> Result<(), PipelineError> {
    let failure = ParseFailure::Shape(vec![ShapeError::new(code, "", "")]);
    misshapen(ctx, agency, failure, ctx.now()).await.map(|_| ())
}

/// A form came from somebody who is no agency of the registry. Who it was, the broker or the log of the front door may say.
pub async fn refuse_stranger(ctx: &Context, code: &str) -> Result<(), PipelineError> {
    let event = ctx
        .event("accept", "search_request.sender_refused", ctx.now())
        .detail("code", code)
        .clause(OWN_NAME);
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    Ok(())
}

async fn misshapen(
    ctx: &Context,
    agency: &Agency,
    failure: ParseFailure,
    now: DateTime<Utc>,
) -> Result<Submitted, PipelineError> {
    let first = failure.errors().first().map_or("unknown", |error| error.code.as_str());
    let event = by_agency(agency, "search_request.misshapen", now)
        .detail("code", first)
        .detail("errors", &failure.errors().len().to_string());
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    metrics::counter!(crate::telemetry::name::SUBMISSIONS, "verdict" => "misshapen").increment(1);
    let receipt = |errors| Receipt {
        request: None,
        state: ReceiptState::Rejected,
        findings: Vec::new(),
        errors,
        duplicate_of: None,
    };
    Ok(match failure {
        ParseFailure::Malformed(error) => Submitted::Malformed(receipt(vec![error])),
        ParseFailure::Shape(errors) => Submitted::Misshapen(receipt(errors)),
    })
}

fn by_agency(agency: &Agency, action: &str, now: DateTime<Utc>) -> AuditEvent {
    AuditEvent::new(now, Actor::Agency { ori: agency.ori.clone() }, action).agency(&agency.ori)
}

async fn store(
    ctx: &Context,
    submission: Submission,
    prepared: Prepared,
    now: DateTime<Utc>,
) -> Result<Option<Submitted>, PipelineError> {
    let agency = submission.agency.clone();
    let request = new_request(ctx, submission, prepared, now).await?;
    let received = by_agency(&agency, "search_request.received", now);
    let received = received.request(request.id).unit(&request.unit);
    let mut change = Change::audited(vec![received]);
    change.guard = Guard::Insert(Box::new(request));
    insert(ctx, change, now).await
}

/// The request as it is stored; its files are sealed and on disk when this returns.
async fn new_request(
    ctx: &Context,
    submission: Submission,
    prepared: Prepared,
    now: DateTime<Utc>,
) -> Result<NewRequest, PipelineError> {
    let id = RequestId::new(ctx.ids.id());
    let unit: UnitId = prepared.form.provider_unit.parse().map_err(|_| {
        PipelineError::Refused(Refusal::Shape(vec![ShapeError::new(
            "unit_unknown",
            "/provider_unit",
            "there is no such unit; `GET /api/v1/units` lists them",
        )]))
    })?;
    let repeat_hash = repeat_hash(&ctx.vault, &prepared);
    let key = ctx.vault.new_request_key(ctx.ids.as_ref(), id)?;
    let probes = store_images(ctx, id, &key, prepared.images).await?;
    crate::crash_point!("accept.after_images");
    let digest = prepared.digest;
    let registry = ctx.registry().await?;
    let intake = Intake {
        signature_verified: signature::verified(&registry, &prepared.form, &submission.body, now),
        form: prepared.form,
        body_sha256: hex::encode(digest),
    };
    let stage = Stage::Received;
    let clock = service::begun(&registry, &unit, lane(&intake.form), now);
    Ok(NewRequest {
        id,
        unit,
        ori: submission.agency.ori,
        lane: lane(&intake.form),
        received_at: now,
        deadline_at: deadline(&stage, now, &ctx.rules.terms),
        stage,
        case_hash: ctx.vault.lookup_hash("case", intake.form.case_number.expose().trim()),
        repeat_hash,
        alone_since: Some(now - ctx.rules.repeat),
        supersedes: intake.form.supersedes.as_deref().and_then(|id| id.parse().ok()),
        data_key: ctx.vault.wrap(ctx.ids.as_ref(), &key, id)?,
        form: sealed::seal_intake(ctx, id, &key, &intake)?,
        probes,
        idempotency: submission
            .key
            .map(|key| NewIdempotencyKey { key: stored_key(ctx, &key), body_digest: digest }),
        clock,
    })
}

/// The files are sealed and on disk before the row that names them.
async fn store_images(
    ctx: &Context,
    id: RequestId,
    key: &DataKey,
    images: Vec<(ImageFacts, Vec<u8>)>,
) -> Result<Vec<NewProbe>, PipelineError> {
    let mut probes = Vec::with_capacity(images.len());
    for (ordinal, (facts, bytes)) in images.into_iter().enumerate() {
        let object_key = sealed::put_image(ctx, id, key, bytes).await?;
        probes.push(NewProbe {
            ordinal: i64::try_from(ordinal).unwrap_or(i64::MAX),
            object_key,
            image_hash: ctx.vault.lookup_hash("image", &hex::encode(facts.sha256)),
            media_type: facts.media_type.as_str().to_owned(),
            byte_len: i64::try_from(facts.byte_len).unwrap_or(i64::MAX),
        });
    }
    Ok(probes)
}

/// Stores a request, with whatever belongs to it, and waits for its check. `None`: the same was stored at the same moment.
async fn insert(
    ctx: &Context,
    mut change: Change,
    now: DateTime<Utc>,
) -> Result<Option<Submitted>, PipelineError> {
    let Guard::Insert(request) = &change.guard else {
        return Err(PipelineError::Inconsistent("a new request"));
    };
    let id = request.id;
    change.outgoing.push(Message::command(ctx.message_id(), now, Step::Check, id));
    let checked = ctx.progress.expect(id);
    match ctx.store.apply(change).await? {
        Applied::Now => {
            crate::crash_point!("accept.after_commit");
            Ok(Some(Submitted::New(wait_for_check(ctx, id, checked).await?)))
        }
        Applied::AlreadyApplied | Applied::Stale => {
            ctx.progress.forget(id);
            Ok(None)
        }
    }
}

/// Pure: how urgently it is served.
fn lane(form: &Form) -> Lane {
    match (form.purpose.kind(), form.context) {
        (PurposeKind::ImminentThreat, _) => Lane::Threat,
        (PurposeKind::Deceased | PurposeKind::UnableToIdentify, _)
        | (PurposeKind::ActiveInvestigation, FormContext::ActiveIncident) => Lane::Priority,
        (PurposeKind::ActiveInvestigation, FormContext::Investigation) => Lane::Routine,
    }
}
