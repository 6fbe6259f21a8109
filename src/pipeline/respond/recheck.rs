//! Before every attempt the policies are asked again, and the certificate is looked at again. A mail is tried for two days;
//! what lapses meanwhile stops it where it is.

use super::{Envelope, deliver, held, question, recipient_usable};
use crate::audit::AuditEvent;
use crate::domain::{AccountId, Verdict};
use crate::lifecycle::Resume;
use crate::messages::{Message, Step};
use crate::pipeline::disclose::{self, DisclosureOrder, Passing};
use crate::pipeline::{Context, PipelineError, Refusal, hold, sealed};
use crate::policy::PolicyDecision;
use crate::registry::Registry;
use crate::store::{Change, MailingRow, MailingStatus, MailingUpdate, RequestRow};

/// Code of a mail that a policy stopped.
const POLICY: &str = "policy";

/// Code of a mail that is encrypted to a certificate which the registry has no more.
const REPLACED: &str = "certificate_replaced";

/// The clause of a copy whose sender has no account any more.
const SENDER: &str = "CORE-DISCLOSE-ACCOUNT";

/// Why a mail may leave now.
#[derive(Debug)]
pub(super) struct Leave {
    /// What the policies say.
    pub(super) decision: PolicyDecision,
    /// Who decided about what they hold.
    pub(super) allowed_by: Option<AccountId>,
}

/// What was answered about a mail that is due.
#[derive(Debug)]
pub(super) enum Answered {
    /// It may leave.
    Leave(Box<Leave>),
    /// It never leaves; this is written instead.
    Stop(Box<Change>),
}

/// Asks about a mail: the answer itself, or a copy that somebody ordered.
pub(super) async fn ask(
    ctx: &Context,
    row: &RequestRow,
    mail: &MailingRow,
    copy: Option<&(AccountId, DisclosureOrder)>,
) -> Result<Answered, PipelineError> {
    let registry = ctx.registry().await?;
    match copy {
        None => answer(ctx, &registry, row, mail).await,
        Some((author, order)) => passed_on(ctx, &registry, (row, mail), (*author, order)).await,
    }
}

async fn answer(
    ctx: &Context,
    registry: &Registry,
    row: &RequestRow,
    mail: &MailingRow,
) -> Result<Answered, PipelineError> {
    let now = ctx.now();
    let form = sealed::form_of(ctx, row)?;
    let (packs, facts) = question(ctx, registry, (row, &form), now).await?;
    let decision = ctx.policies().await?.decide(&packs, &facts);
    let allowed_by = hold::allowed_by(ctx, row, &decision).await?;
    let certificate =
        recipient_usable(ctx, registry, (&row.ori, form.requester.email.expose()), now);
    let (mut change, code) = if decision.verdict() != Verdict::Accept && allowed_by.is_none() {
        let event = ctx
            .event("deliver", "answer.held", now)
            .decision(&decision)
            .detail("reason", certificate.as_ref().err().map_or(POLICY, String::as_str))
            .detail("mailing", &mail.id.to_string())
            .detail("mail", mail.status.into());
        (held(ctx, row, &decision, Resume::Deliver, event)?, POLICY)
    } else if is_for_another(ctx, row, mail, certificate.as_ref())? {
        let event = deliver::audit(ctx, row, mail, "delivery.replaced", now)
            .detail("code", REPLACED)
            .detail("mail", mail.status.into());
        let mut change = Change::update(deliver::same(row, now), vec![event]);
        change.outgoing.push(Message::command(ctx.message_id(), now, Step::Respond, row.id));
        (change, REPLACED)
    } else {
        return Ok(Answered::Leave(Box::new(Leave { decision, allowed_by })));
    };
    change.mailed = Some(given_up(ctx, mail, code));
    Ok(Answered::Stop(Box::new(change)))
}

/// A copy holds nothing up: it is refused, and may be passed on anew.
async fn passed_on(
    ctx: &Context,
    registry: &Registry,
    (row, mail): (&RequestRow, &MailingRow),
    (author, order): (AccountId, &DisclosureOrder),
) -> Result<Answered, PipelineError> {
    let now = ctx.now();
    let refused = |event: AuditEvent, code| {
        let event = event.request(row.id).unit(&row.unit).agency(&order.recipient_ori);
        let event = event
            .detail("mailing", &mail.id.to_string())
            .detail("mail", mail.status.into())
            .detail("code", code);
        let mut change = Change::update(deliver::same(row, now), vec![event]);
        change.mailed = Some(given_up(ctx, mail, code));
        Ok(Answered::Stop(Box::new(change)))
    };
    let event = ctx.event("deliver", "answer.disclosure_refused", now);
    let Some(person) = registry.account(author) else {
        return refused(event.clause(SENDER), POLICY);
    };
    let passing = Passing::of(order, now);
    let (packs, facts) = disclose::question(ctx, registry, (person, row), &passing).await?;
    let decision = ctx.policies().await?.decide(&packs, &facts);
    if decision.verdict() != Verdict::Accept {
        return refused(event.decision(&decision), POLICY);
    }
    let recipient = (&order.recipient_ori, order.recipient_email.expose().as_str());
    let certificate = recipient_usable(ctx, registry, recipient, now);
    if is_for_another(ctx, row, mail, certificate.as_ref())? {
        return refused(event.clause(deliver::CLEAR), REPLACED);
    }
    Ok(Answered::Leave(Box::new(Leave { decision, allowed_by: None })))
}

/// Whether a mail is encrypted to another certificate than today's.
fn is_for_another(
    ctx: &Context,
    row: &RequestRow,
    mail: &MailingRow,
    today: Result<&String, &String>,
) -> Result<bool, PipelineError> {
    let sealed_for = envelope_of(ctx, row, mail)?.certificate;
    Ok(sealed_for.is_some_and(|sealed_for| today != Ok(&sealed_for)))
}

fn envelope_of(
    ctx: &Context,
    row: &RequestRow,
    mail: &MailingRow,
) -> Result<Envelope, PipelineError> {
    let sealed = mail.envelope.as_deref().ok_or(PipelineError::Refused(Refusal::Gone))?;
    let key = sealed::key_of(ctx, row)?;
    Ok(ctx.vault.open_json(&key, (&mail.id.to_string(), "record"), sealed)?)
}

fn given_up(ctx: &Context, mail: &MailingRow, code: &str) -> MailingUpdate {
    MailingUpdate {
        id: mail.id,
        status: MailingStatus::Refused,
        phase: mail.last_phase.clone(),
        code: Some(code.to_owned()),
        begins: false,
        at: ctx.now(),
    }
}
