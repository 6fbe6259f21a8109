//! What was submitted before: a repeat is answered with the receipt of the first.

use chrono::{DateTime, Utc};

use super::{Prepared, Submission, Submitted, lane, receipt_of};
use crate::domain::{Lane, Ori};
use crate::pipeline::{Context, PipelineError};
use crate::vault::Vault;

/// What a submission is known by.
pub(super) struct Asked {
    ori: Ori,
    key: Option<String>,
    digest: [u8; 32],
    hash: [u8; 32],
    lane: Lane,
}

impl Asked {
    pub(super) fn new(ctx: &Context, submission: &Submission, prepared: &Prepared) -> Self {
        Self {
            ori: submission.agency.ori.clone(),
            key: submission.key.as_deref().map(|key| stored_key(ctx, key)),
            digest: prepared.digest,
            hash: repeat_hash(&ctx.vault, prepared),
            lane: lane(&prepared.form),
        }
    }

    /// The request that this submission repeats, if any. What is more urgent than all that came before repeats nothing: an
    /// imminent threat must not end in the queue of a routine request.
    pub(super) async fn before(
        &self,
        ctx: &Context,
        now: DateTime<Utc>,
    ) -> Result<Option<Submitted>, PipelineError> {
        if let Some(key) = &self.key
            && let Some((request, digest)) = ctx.store.idempotent(&self.ori, key).await?
        {
            if digest != self.digest {
                return Err(PipelineError::conflict(
                    "idempotency_conflict",
                    "this idempotency key belongs to another form; a new form needs a new key",
                ));
            }
            return Ok(Some(Submitted::Before(receipt_of(ctx, request, None).await?)));
        }
        let since = now - ctx.rules.repeat;
        if let Some(request) = ctx.store.repeat_of(self.hash, self.lane, since).await? {
            return Ok(Some(Submitted::Before(receipt_of(ctx, request, Some(request)).await?)));
        }
        Ok(None)
    }
}

/// An agency may take its case number for a key, so only a keyed hash of it is stored.
pub(super) fn stored_key(ctx: &Context, key: &str) -> String {
    hex::encode(ctx.vault.lookup_hash("idempotency", key))
}

/// The same for the same agency, unit, case and images.
pub(super) fn repeat_hash(vault: &Vault, prepared: &Prepared) -> [u8; 32] {
    let mut images: Vec<String> =
        prepared.images.iter().map(|(facts, _)| hex::encode(facts.sha256)).collect();
    images.sort();
    let form = &prepared.form;
    let text = format!(
        "{}\n{}\n{}\n{}",
        form.requesting_agency,
        form.provider_unit,
        form.case_number.expose().trim(),
        images.join("\n")
    );
    vault.lookup_hash("repeat", &text)
}
