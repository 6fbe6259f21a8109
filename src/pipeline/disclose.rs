//! A delivered answer is passed on to another named recipient: decided by the gate `disclose`, sealed anew to the
//! recipient's certificate, sent the way of every answer, and kept on record.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::read::{self, Wanted};
use super::respond::{self, Envelope};
use super::{Context, PipelineError, emergency, examine, sealed, standing, step, wording};
use crate::audit::AuditEvent;
use crate::domain::{Account, AccountId, Ori, PackId, Personal, RequestId, plain_text};
use crate::mail::Deliverable;
use crate::messages::{Body, Message, Route, Step};
use crate::policy::Facts;
use crate::policy::facts::{self, Content, Disclosure};
use crate::registry::Registry;
use crate::store::{
    Change, MailingStatus, NewMailing, NewRecord, RecordKind, RecordRow, RequestRow, RequestUpdate,
};

/// To whom an answer is passed on, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisclosureOrder {
    /// The recipient's agency.
    pub recipient_ori: Ori,
    /// The recipient's address.
    pub recipient_email: Personal<String>,
    /// What the recipient will do with it.
    pub purpose: Personal<String>,
    /// What gives the recipient the right to it.
    pub right_to_know: Personal<String>,
    /// For which official duty the recipient needs it.
    pub need_to_know: Personal<String>,
}

impl DisclosureOrder {
    /// The same recipient and the same purpose, without regard to case and spacing.
    fn repeats(&self, other: &Self) -> bool {
        let same = |a: &Personal<String>, b: &Personal<String>| {
            let words = |text: &Personal<String>| text.expose().to_lowercase();
            words(a).split_whitespace().eq(words(b).split_whitespace())
        };
        self.recipient_ori == other.recipient_ori
            && same(&self.recipient_email, &other.recipient_email)
            && same(&self.purpose, &other.purpose)
    }
}

/// A dissemination, as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisseminationRecord {
    /// To whom and why.
    pub order: DisclosureOrder,
    /// SHA-256 of the document that left, hexadecimal.
    pub document_sha256: String,
    /// The mail.
    pub mailing: Uuid,
}

/// A dissemination, as the unit's people read it.
#[derive(Debug, Serialize)]
pub struct Dissemination {
    /// When.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: AccountId,
    /// To whom and why.
    #[serde(flatten)]
    pub order: DisclosureOrder,
    /// SHA-256 of the document that left, hexadecimal.
    pub document_sha256: String,
    /// Where its mail stands.
    pub status: MailingStatus,
}

fn letters(text: &Personal<String>) -> u32 {
    u32::try_from(plain_text::letters(text.expose())).unwrap_or(u32::MAX)
}

/// Passes a delivered answer on.
pub async fn disclose(
    ctx: &Context,
    person: &Account,
    request: RequestId,
    order: &DisclosureOrder,
) -> Result<Uuid, PipelineError> {
    let ctx = &ctx.with_one_policy_set().await?;
    let row = examine::row_for(ctx, person, request).await?;
    wording::refuse_claims(ctx, order).await?;
    let now = ctx.now();
    let registry = ctx.registry().await?;
    let (ori, email) = (&order.recipient_ori, order.recipient_email.expose().as_str());
    let (packs, facts) = question(ctx, &registry, (person, &row), &Passing::of(order, now)).await?;
    let decision = ctx.policies().await?.decide(&packs, &facts);
    examine::refuse_unless_accepted(ctx, person, &row, &decision).await?;
    not_repeated(ctx, &row, order, now).await?;
    let (release, _) = respond::release_of(ctx, &row).await?;
    let mailing = ctx.ids.id();
    let sealed = (&release, mailing, now);
    let mail = respond::seal(ctx, &registry, &row, (ori, email), sealed).await?;
    let event = examine::by_person(person, "answer.disclosed", now, &row)
        .agency(ori)
        .decision(&decision)
        .detail("mailing", &mailing.to_string());
    let record = DisseminationRecord {
        order: order.clone(),
        document_sha256: release.document_sha256,
        mailing,
    };
    let certificate = respond::recipient_usable(ctx, &registry, (ori, email), now).ok();
    let change = passed_on(ctx, &row, (person, event), &record, (&mail, certificate)).await?;
    step::apply_by_person(ctx, change).await?;
    Ok(mailing)
}

/// So long the same order is a repetition: of a client that did not read the answer, or of two people who act for one call.
const REPEATED: TimeDelta = TimeDelta::hours(1);

/// Refuses what was done within the hour: to the same recipient for the same purpose. What the recipient's server refused may
/// be sent again at once.
async fn not_repeated(
    ctx: &Context,
    row: &RequestRow,
    order: &DisclosureOrder,
    now: DateTime<Utc>,
) -> Result<(), PipelineError> {
    let mailings = ctx.store.mailings_of(row.id).await?;
    for (record, kept) in kept(ctx, row).await? {
        let refused = mailings
            .iter()
            .any(|mailing| mailing.id == kept.mailing && mailing.status == MailingStatus::Refused);
        if !refused && now - record.written_at < REPEATED && kept.order.repeats(order) {
            let at = record.written_at.to_rfc3339();
            return Err(PipelineError::conflict(
                "repeated",
                format!(
                    "the answer was passed on to this recipient for this purpose at {at}; look at its mail in the list of disseminations, and send it again an hour later if it is wanted twice"
                ),
            ));
        }
    }
    Ok(())
}

/// What the gate is asked about an order, without its words.
pub(super) struct Passing<'a> {
    /// The recipient's agency.
    pub(super) ori: &'a Ori,
    /// The recipient's address.
    pub(super) email: &'a str,
    /// Letters of the purpose, the right to know, the need to know.
    pub(super) letters: [u32; 3],
    /// When.
    pub(super) at: DateTime<Utc>,
}

impl<'a> Passing<'a> {
    /// What `order` asks for.
    pub(super) fn of(order: &'a DisclosureOrder, at: DateTime<Utc>) -> Self {
        let letters = [&order.purpose, &order.right_to_know, &order.need_to_know].map(letters);
        Self { ori: &order.recipient_ori, email: order.recipient_email.expose(), letters, at }
    }
}

/// The packs that decide about passing an answer on, and what they are asked.
pub(super) async fn question(
    ctx: &Context,
    registry: &Registry,
    (person, row): (&Account, &RequestRow),
    passing: &Passing<'_>,
) -> Result<(Vec<PackId>, Facts), PipelineError> {
    let Passing { ori, email, letters: [purpose_letters, right_letters, need_letters], at } =
        *passing;
    // An agency that the registry does not have counts as suspended.
    let there = RequestRow { ori: ori.clone(), ..row.clone() };
    let agency = standing::agency(registry, &there);
    let asked = Disclosure {
        role: person.role,
        active: person.active,
        of_unit: person.unit == row.unit,
        positions: person.positions.clone(),
        answered: row.stage.is_answered(),
        registered: registry.recipient(ori, email).is_some(),
        has_key: respond::recipient_usable(ctx, registry, (ori, email), at).is_ok(),
        owns_email: agency.owns_address(email),
        purpose_letters,
        right_letters,
        need_letters,
        emergency: emergency::state_of(ctx, row, at).await?,
        unit_packs: standing::unit_packs(registry, row),
    };
    // Whose law binds the sender, the agency that asked, or the one that receives: the strictest counts.
    let mut packs = standing::packs(registry, row);
    packs.extend(
        agency.packs.iter().filter(|pack| !packs.contains(pack)).cloned().collect::<Vec<_>>(),
    );
    Ok((packs, facts::disclose(&asked, &agency, &row.unit, at)))
}

/// The change that passes the sealed mail on: its bytes are stored before, its row, record and command together.
async fn passed_on(
    ctx: &Context,
    row: &RequestRow,
    (person, event): (&Account, AuditEvent),
    record: &DisseminationRecord,
    (mail, certificate): (&Deliverable, Option<String>),
) -> Result<Change, PipelineError> {
    let (now, mailing) = (event.at, record.mailing);
    let key = sealed::key_of(ctx, row)?;
    let object_key = sealed::put_image(ctx, row.id, &key, mail.bytes().to_vec()).await?;
    // The stage and its moment stay; the version moves, so that a destruction at the same moment and this exclude each other.
    let update = RequestUpdate::stage(
        row.id,
        row.version,
        row.stage.clone(),
        row.updated_at,
        row.deadline_at,
    );
    let mut change = Change::update(update, vec![event]);
    let envelope = Envelope { to: Personal::new(mail.to().expose().to_owned()), certificate };
    change.mailing = Some(NewMailing {
        id: mailing,
        request: row.id,
        message_id: mail.message_id().as_str().to_owned(),
        object_key,
        envelope: sealed::seal_record(ctx, mailing, &key, &envelope)?,
        at: now,
    });
    let id = ctx.ids.id();
    change.records.push(NewRecord {
        id,
        request: row.id,
        kind: RecordKind::Dissemination,
        author: person.id,
        at: now,
        sealed: sealed::seal_record(ctx, id, &key, record)?,
    });
    let body = Body::DeliverAnswer { request: row.id, mailing };
    let route = Route::Step { step: Step::Deliver };
    change.outgoing.push(Message::new(ctx.message_id(), now, route, body));
    Ok(change)
}

/// Who else was given the answer, and why. Reading it is recorded.
pub async fn disseminations(
    ctx: &Context,
    person: &Account,
    request: RequestId,
) -> Result<Vec<Dissemination>, PipelineError> {
    let wanted = Wanted { content: Content::Audit, action: "disseminations.read", which: "" };
    let row = read::allow(ctx, person, request, wanted).await?;
    let mailings = ctx.store.mailings_of(row.id).await?;
    let mut found = Vec::new();
    for (record, kept) in kept(ctx, &row).await? {
        let mailing = mailings
            .iter()
            .find(|mailing| mailing.id == kept.mailing)
            .ok_or(PipelineError::Inconsistent("a dissemination's mail"))?;
        found.push(Dissemination {
            at: record.written_at,
            by: record.author,
            order: kept.order,
            document_sha256: kept.document_sha256,
            status: mailing.status,
        });
    }
    Ok(found)
}

/// The disseminations of a request, as stored, oldest first.
async fn kept(
    ctx: &Context,
    row: &RequestRow,
) -> Result<Vec<(RecordRow, DisseminationRecord)>, PipelineError> {
    let key = sealed::key_of(ctx, row)?;
    let records = ctx.store.records(row.id).await?;
    let of_kind = records.into_iter().filter(|record| record.kind == RecordKind::Dissemination);
    of_kind
        .map(|record| {
            let kept = sealed::open_record(ctx, &key, &record)?;
            Ok((record, kept))
        })
        .collect()
}

/// Who passed the answer on by this mail, and what was ordered; `None`: it is the answer itself.
pub(super) async fn order_of(
    ctx: &Context,
    row: &RequestRow,
    mailing: Uuid,
) -> Result<Option<(AccountId, DisclosureOrder)>, PipelineError> {
    let mut kept = kept(ctx, row).await?.into_iter();
    let found = kept.find(|(_, kept)| kept.mailing == mailing);
    Ok(found.map(|(record, kept)| (record.author, kept.order)))
}

/// By which mail the answer went to which other agency; nobody where the record is destroyed.
pub(super) async fn recipients(
    ctx: &Context,
    row: &RequestRow,
) -> Result<Vec<(Uuid, Ori)>, PipelineError> {
    if row.data_key.is_none() {
        return Ok(Vec::new());
    }
    let kept = kept(ctx, row).await?;
    Ok(kept.into_iter().map(|(_, kept)| (kept.mailing, kept.order.recipient_ori)).collect())
}
