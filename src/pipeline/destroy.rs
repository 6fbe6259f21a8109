//! The end of a record: its data key is destroyed, and with it everything that is sealed under it, wherever a copy lies; only a
//! backup of the database from before still has the key. What stays are ids, codes and the audit entries, the certificate of
//! destruction among them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::examine::ExaminationRecord;
use super::release::ReleaseRecord;
use super::{Context, PipelineError, dispatch, examine, sealed, standing, step, wording};
use crate::domain::plain_text::is_a_reason;
use crate::domain::{Account, PackId, Personal, RequestId};
use crate::lifecycle::{Event, next};
use crate::messages::EventData;
use crate::policy::Facts;
use crate::policy::facts::{self, Destruction};
use crate::store::{Change, NewRecord, RecordKind, RecordRow, RequestRow, RequestUpdate};
use crate::vault::DataKey;

/// Why a record ends, as the administrator states it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestructionOrder {
    /// Why, in the person's words.
    pub reason: Personal<String>,
    /// The clause it rests on.
    pub clause: String,
}

/// What proves that a record was destroyed. The same stands in the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Which request.
    pub request: RequestId,
    /// When.
    pub at: DateTime<Utc>,
    /// Under which clause.
    pub clause: String,
    /// Sealed records that can no longer be read.
    pub records: usize,
    /// Probes whose files are deleted.
    pub probes: usize,
    /// Other sealed files that are deleted: documents, candidates' images, mails.
    pub files: usize,
    /// SHA-256 of the wrapped data key that was destroyed, hexadecimal.
    pub key_sha256: String,
    /// SHA-256 of the sealed form that was deleted, hexadecimal; none where it was gone before.
    pub form_sha256: Option<String>,
}

/// Destroys the record of a request that has ended.
pub async fn destroy(
    ctx: &Context,
    person: &Account,
    request: RequestId,
    order: &DestructionOrder,
) -> Result<Certificate, PipelineError> {
    let row = examine::row_for(ctx, person, request).await?;
    // What was destroyed is gone, and no rule is asked again.
    let key = sealed::key_of(ctx, &row)?;
    reasoned(&order.reason)?;
    let now = ctx.now();
    let policies = ctx.policies().await?;
    let known = policies.clause(&order.clause).is_some();
    let (packs, facts) = question(ctx, person, &row, known).await?;
    let decision = policies.decide(&packs, &facts);
    examine::refuse_unless_accepted(ctx, person, &row, &decision).await?;
    let stage = next(&row.stage, Event::Destroyed)?;
    let records = ctx.store.records(row.id).await?;
    let mailings = ctx.store.mailings_of(row.id).await?;
    let mut update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, None);
    update.drop_probes = true;
    update.destroy_key = true;
    update.discard = files(ctx, &key, &records)?;
    update.discard.extend(mailings.into_iter().map(|mailing| mailing.object_key));
    let probes = ctx.store.probes(row.id).await?.len();
    let certificate = certificate(&row, (probes, records.len(), update.discard.len()), order, now);
    let mut event = examine::by_person(person, "record.destroyed", now, &row)
        .agency(&row.ori)
        .decision(&decision)
        .clause(&order.clause)
        .detail("clause", &order.clause)
        .detail("from", row.stage.code().as_str())
        .detail("records", &certificate.records.to_string())
        .detail("probes", &certificate.probes.to_string())
        .detail("files", &certificate.files.to_string())
        .detail("key_sha256", &certificate.key_sha256)
        .detail("form_sha256", certificate.form_sha256.as_deref().unwrap_or("none"))
        .detail("reason", &hex::encode(ctx.vault.lookup_hash("reason", order.reason.expose())));
    event.clauses.sort();
    event.clauses.dedup();
    let mut change = Change::update(update, vec![event]);
    let data = EventData {
        request: row.id,
        state: stage.code(),
        findings: Vec::new(),
        outcome: row.outcome,
        waiting: None,
    };
    change.outgoing.push(dispatch::told_with(ctx, &row, &stage, now, data));
    step::apply_by_person(ctx, change).await?;
    Ok(certificate)
}

/// The packs that decide about the end of a record, and what they are asked. The last change of the row is the request's
/// end: a legal hold leaves that moment as it is.
pub(super) async fn question(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
    clause_known: bool,
) -> Result<(Vec<PackId>, Facts), PipelineError> {
    let asked = Destruction {
        role: person.role,
        active: person.active,
        of_unit: person.unit == row.unit,
        ended: !row.stage.is_open(),
        days_since_end: (ctx.now() - row.updated_at).num_days(),
        retention_days: ctx.rules.retention_days,
        legal_hold: ctx.store.legal_hold(row.id).await?.is_some(),
        clause_known,
    };
    Ok((standing::packs(&*ctx.registry().await?, row), facts::destroy(&asked)))
}

fn reasoned(reason: &Personal<String>) -> Result<(), PipelineError> {
    if !is_a_reason(reason.expose()) {
        return Err(PipelineError::conflict("reason", "give the reason in a sentence"));
    }
    Ok(())
}

/// Every sealed file that is part of a request's record.
pub async fn named_files(
    ctx: &Context,
    request: RequestId,
) -> Result<BTreeSet<String>, PipelineError> {
    let row = ctx.store.request(request).await?.ok_or_else(PipelineError::not_found)?;
    let records = ctx.store.records(request).await?;
    let mut named: BTreeSet<String> =
        files(ctx, &sealed::key_of(ctx, &row)?, &records)?.into_iter().collect();
    named.extend(ctx.store.probes(request).await?.into_iter().map(|probe| probe.object_key));
    named.extend(ctx.store.mailings_of(request).await?.into_iter().map(|mail| mail.object_key));
    Ok(named)
}

/// The files that sealed records name.
fn files(
    ctx: &Context,
    key: &DataKey,
    records: &[RecordRow],
) -> Result<Vec<String>, PipelineError> {
    let mut files = Vec::new();
    for record in records {
        match record.kind {
            RecordKind::Examination | RecordKind::SecondReview | RecordKind::Adjudication => {
                let examination: ExaminationRecord = sealed::open_record(ctx, key, record)?;
                files.extend(examination.candidate_image);
            }
            RecordKind::Release => {
                let release: ReleaseRecord = sealed::open_record(ctx, key, record)?;
                files.push(release.object_key);
            }
            RecordKind::Waiver
            | RecordKind::Draft
            | RecordKind::GiveBack
            | RecordKind::HoldDecision
            | RecordKind::Withdrawal
            | RecordKind::CallBack
            | RecordKind::Confirmation
            | RecordKind::SuspensionLift
            | RecordKind::LegalHold
            | RecordKind::Dissemination => {}
        }
    }
    Ok(files)
}

fn certificate(
    row: &RequestRow,
    (probes, records, files): (usize, usize, usize),
    order: &DestructionOrder,
    at: DateTime<Utc>,
) -> Certificate {
    let sha256 = |bytes: &[u8]| hex::encode(openssl::sha::sha256(bytes));
    Certificate {
        request: row.id,
        at,
        clause: order.clause.clone(),
        records,
        probes,
        files,
        key_sha256: sha256(row.data_key.as_deref().unwrap_or_default()),
        form_sha256: row.form.as_deref().map(sha256),
    }
}

/// A legal hold is set or lifted, as the administrator states it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalHold {
    /// It stands from now on.
    pub held: bool,
    /// Who ordered it and why, in the person's words.
    pub reason: Personal<String>,
}

/// Sets or lifts a legal hold: while it stands, nothing destroys the record.
pub async fn legal_hold(
    ctx: &Context,
    person: &Account,
    request: RequestId,
    hold: &LegalHold,
) -> Result<(), PipelineError> {
    let row = examine::row_for(ctx, person, request).await?;
    reasoned(&hold.reason)?;
    wording::refuse_claims(ctx, hold).await?;
    let standing = ctx.store.legal_hold(row.id).await?.is_some();
    if standing == hold.held {
        let message = if standing {
            "a legal hold stands already; lift it first"
        } else {
            "no legal hold stands"
        };
        return Err(PipelineError::conflict("state", message));
    }
    let now = ctx.now();
    let key = sealed::key_of(ctx, &row)?;
    // The row's own moment stays: the retention period runs from the request's end.
    let mut update = RequestUpdate::stage(
        row.id,
        row.version,
        row.stage.clone(),
        row.updated_at,
        row.deadline_at,
    );
    update.legal_hold = Some(hold.held.then_some(now));
    let action = if hold.held { "legal_hold.set" } else { "legal_hold.lifted" };
    let event = examine::by_person(person, action, now, &row)
        .clause("CORE-LEGAL-HOLD")
        .detail("stage", row.stage.code().as_str());
    let mut change = Change::update(update, vec![event]);
    let id = ctx.ids.id();
    change.records.push(NewRecord {
        id,
        request: row.id,
        kind: RecordKind::LegalHold,
        author: person.id,
        at: now,
        sealed: sealed::seal_record(ctx, id, &key, hold)?,
    });
    step::apply_by_person(ctx, change).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_sentence() {
        assert!(reasoned(&Personal::new("12345 67890 --- ...".to_owned())).is_err());
        assert!(reasoned(&Personal::new("The court has sealed the case.".to_owned())).is_ok());
    }
}
