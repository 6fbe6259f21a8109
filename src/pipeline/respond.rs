//! A released answer is signed, encrypted, stored, and only then handed to the recipient's mail server.
//!
//! There is no plaintext branch: without a usable key of the recipient the answer waits for the administrator.

pub mod deliver;
mod recheck;
pub mod stranded;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::emergency::suspension;
use super::release::ReleaseRecord;
use super::{
    Context, Disposition, PipelineError, emergency, hold, known_answers, sealed, standing, step,
};
use crate::audit::AuditEvent;
use crate::domain::{AccountId, Form, MessageId, Ori, PackId, RequestId, Role, Verdict};
use crate::lifecycle::{Event, Resume, Stage, deadline, next};
use crate::mail::render::AnswerMail;
use crate::mail::{Answer, Deliverable, MailAddress, SealerError};
use crate::messages::{Body, Message, Route, Step};
use crate::policy::{Facts, facts};
use crate::registry::Registry;
use crate::report::document::MARKING;
use crate::store::{Change, NewMailing, RecordKind, RequestRow, RequestUpdate};

/// Sender and recipient of a mailing, sealed with the case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Recipient's address.
    pub to: crate::domain::Personal<String>,
    /// Fingerprint of the certificate that it is encrypted to; none where an earlier version sealed it.
    #[serde(default)]
    pub certificate: Option<String>,
}

/// Handles the command to respond.
pub async fn handle(
    ctx: &Context,
    cause: MessageId,
    request: RequestId,
) -> Result<Disposition, PipelineError> {
    let ctx = &ctx.with_one_policy_set().await?;
    let Some(row) = ctx.store.request(request).await? else {
        return Ok(Disposition::DeadLetter { reason: "request_unknown".to_owned() });
    };
    let now = ctx.now();
    if !owes_an_answer(ctx, &row).await? {
        return step::acknowledge(ctx, cause, Step::Respond).await;
    }
    if let Some(case) = ctx.store.known_answer(row.id).await? {
        let change = known_answers::kept(ctx, &row, &case).await?;
        return step::apply_for(ctx, change, Some((cause, Step::Respond))).await;
    }
    let (release, officer) = release_of(ctx, &row).await?;
    let outcome = release.outcome;
    let registry = ctx.registry().await?;
    let form = sealed::form_of(ctx, &row)?;
    let email = form.requester.email.expose();
    let usable = recipient_usable(ctx, &registry, (&row.ori, email), now);
    let (packs, facts) = question(ctx, &registry, (&row, &form), now).await?;
    let decision = ctx.policies().await?.decide(&packs, &facts);
    let allowed_by = hold::allowed_by(ctx, &row, &decision).await?;
    if decision.verdict() != Verdict::Accept && allowed_by.is_none() {
        let resume = if row.stage == Stage::Delivering {
            Resume::Deliver
        } else {
            Resume::Respond { outcome, officer }
        };
        let event = ctx
            .event("respond", "answer.held", now)
            .decision(&decision)
            .detail("reason", usable.as_ref().err().map_or("policy", String::as_str));
        let change = held(ctx, &row, &decision, resume, event)?;
        return step::apply_for(ctx, change, Some((cause, Step::Respond))).await;
    }
    let mailing = ctx.ids.id();
    let mail = seal(ctx, &registry, &row, (&row.ori, email), (&release, mailing, now)).await?;
    let sealed = (mailing, mail, usable.ok());
    let change = answered(ctx, &row, sealed, (&decision, allowed_by), now).await?;
    step::apply_for(ctx, change, Some((cause, Step::Respond))).await
}

/// The packs that decide about a released answer that is to leave, and what they are asked.
pub(super) async fn question(
    ctx: &Context,
    registry: &Registry,
    (row, form): (&RequestRow, &Form),
    now: DateTime<Utc>,
) -> Result<(Vec<PackId>, Facts), PipelineError> {
    let email = form.requester.email.expose();
    let agency = standing::agency(registry, row);
    let usable = recipient_usable(ctx, registry, (&row.ori, email), now);
    let delivery = facts::Delivery {
        channel: facts::Channel::Mail { has_key: usable.is_ok(), encrypted: true },
        released: true,
        law_enforcement: true,
        owns_email: agency.owns_address(email),
        field_tool: form.is_from_the_field(),
        emergency: emergency::state_of(ctx, row, now).await?,
        requester_suspended: suspension::by_another(ctx, row, email).await?,
    };
    let facts = facts::deliver(&delivery, &agency, &row.unit, now);
    Ok((standing::packs(registry, row), facts))
}

/// Released, or delivering with every mailing given up: then a hold of the delivery was lifted, and the answer is
/// sealed anew, for the address and the key of today.
async fn owes_an_answer(ctx: &Context, row: &RequestRow) -> Result<bool, PipelineError> {
    if row.stage == Stage::Delivering {
        return Ok(ctx.store.mailings_of(row.id).await?.iter().all(given_up));
    }
    Ok(matches!(row.stage, Stage::Released { .. }))
}

/// Whether a mailing will not be tried again.
fn given_up(mailing: &crate::store::MailingRow) -> bool {
    mailing.status == crate::store::MailingStatus::Refused
}

pub(super) async fn release_of(
    ctx: &Context,
    row: &RequestRow,
) -> Result<(ReleaseRecord, AccountId), PipelineError> {
    let records = ctx.store.records(row.id).await?;
    let record = records
        .iter()
        .rfind(|record| record.kind == RecordKind::Release)
        .ok_or(PipelineError::Inconsistent("a release"))?;
    let release = sealed::open_record(ctx, &sealed::key_of(ctx, row)?, record)?;
    Ok((release, record.author))
}

/// The fingerprint of a recipient's certificate that can be used now; the code of the reason if it cannot.
pub(super) fn recipient_usable(
    ctx: &Context,
    registry: &Registry,
    (ori, email): (&Ori, &str),
    now: DateTime<Utc>,
) -> Result<String, String> {
    let unreadable = || "certificate_unreadable".to_owned();
    let recipient = registry.recipient(ori, email).ok_or("certificate_missing")?;
    let address: MailAddress = email.parse().map_err(|_| "address_unusable".to_owned())?;
    let certificate =
        ctx.sealer.check(recipient.certificate.as_bytes(), &address, now).map_err(|refused| {
            refused.0.first().map_or_else(unreadable, |problem| problem.code().to_owned())
        })?;
    certificate.fingerprint().map_err(|_| unreadable())
}

/// The change that holds a released answer because of a policy's decision. One whose emergency is not proved is called back.
fn held(
    ctx: &Context,
    row: &RequestRow,
    decision: &crate::policy::PolicyDecision,
    resume: Resume,
    event: AuditEvent,
) -> Result<Change, PipelineError> {
    let unproved = decision.findings().iter().any(|finding| finding.clause == emergency::CLAUSE);
    let resume = if unproved { Resume::Recall } else { resume };
    hold::begin(ctx, row, Role::LocalAdministrator, resume, (decision.findings().to_vec(), event))
}

/// The released document, signed and encrypted to a recipient of this agency.
///
/// INVARIANT: nothing of a known-answer job is sealed for anybody outside the unit.
pub(super) async fn seal(
    ctx: &Context,
    registry: &Registry,
    row: &RequestRow,
    (ori, email): (&Ori, &str),
    (release, mailing, now): (&ReleaseRecord, Uuid, DateTime<Utc>),
) -> Result<Deliverable, PipelineError> {
    if ctx.store.known_answer(row.id).await?.is_some() {
        return Err(PipelineError::conflict(
            "kept_in_unit",
            "this answer stays in the unit; ask the unit's local administrator",
        ));
    }
    let unit = registry.unit(&row.unit).ok_or(PipelineError::Inconsistent("the unit's entry"))?;
    let policies = ctx.policies().await?;
    let statement =
        |name: &str| standing::statement(&policies, &unit.packs, name).map(|words| words.text);
    let words = AnswerMail {
        unit_name: unit.name.clone(),
        contact: unit.contact.clone(),
        request: row.id,
        // The document bears this marking whether or not the unit's policy mandates it.
        banner: statement("banner").unwrap_or_else(|| MARKING.to_owned()),
        seal: statement("seal").unwrap_or_default(),
    };
    let recipient = registry
        .recipient(ori, email)
        .ok_or(PipelineError::Inconsistent("the recipient's entry"))?
        .clone();
    let to: MailAddress =
        email.parse().map_err(|_| PipelineError::Inconsistent("the recipient's address"))?;
    let document = sealed::image(ctx, &sealed::key_of(ctx, row)?, &release.object_key).await?;
    let sealer = std::sync::Arc::clone(&ctx.sealer);
    let mailing = mailing.to_string();
    let sealing = move || {
        sealer.seal(
            &Answer {
                mailing: &mailing,
                to: &to,
                certificate: recipient.certificate.as_bytes(),
                reads_gcm: recipient.reads_gcm,
                words: &words,
                document: &document,
            },
            now,
        )
    };
    let mail: Result<Deliverable, SealerError> = tokio::task::spawn_blocking(sealing)
        .await
        .map_err(|_| PipelineError::Mail("the sealing stopped".to_owned()))?;
    mail.map_err(|error| PipelineError::Mail(error.to_string()))
}

/// The finished bytes and the Message-ID are stored before the first attempt, so that every retry is the same mail.
async fn answered(
    ctx: &Context,
    row: &RequestRow,
    (mailing, mail, certificate): (Uuid, Deliverable, Option<String>),
    (decision, allowed_by): (&crate::policy::PolicyDecision, Option<AccountId>),
    now: DateTime<Utc>,
) -> Result<Change, PipelineError> {
    let key = sealed::key_of(ctx, row)?;
    let to = crate::domain::Personal::new(mail.to().expose().to_owned());
    let envelope = Envelope { to, certificate };
    let object_key = sealed::put_image(ctx, row.id, &key, mail.bytes().to_vec()).await?;
    crate::crash_point!("respond.after_mail_stored");
    let stage = if row.stage == Stage::Delivering {
        Stage::Delivering
    } else {
        next(&row.stage, Event::AnswerSealed)?
    };
    let until = deadline(&stage, now, &ctx.rules.terms);
    let mut event = ctx
        .event("respond", "answer.sealed", now)
        .request(row.id)
        .unit(&row.unit)
        .agency(&row.ori)
        .decision(decision)
        .detail("mailing", &mailing.to_string());
    if let Some(person) = allowed_by {
        event = event.detail("allowed_by", &person.to_string());
    }
    let update = RequestUpdate::stage(row.id, row.version, stage, now, until);
    let mut change = Change::update(update, vec![event]);
    change.mailing = Some(NewMailing {
        id: mailing,
        request: row.id,
        message_id: mail.message_id().as_str().to_owned(),
        object_key,
        envelope: sealed::seal_record(ctx, mailing, &key, &envelope)?,
        at: now,
    });
    let body = Body::DeliverAnswer { request: row.id, mailing };
    change.outgoing.push(Message::new(
        ctx.message_id(),
        now,
        Route::Step { step: Step::Deliver },
        body,
    ));
    Ok(change)
}
