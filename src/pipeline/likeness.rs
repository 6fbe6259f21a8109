//! Pictures of probes are compared with those of all other requests, after the check and beside the flow: nothing waits for
//! it, and nothing fails by it.
//!
//! The whole picture is hashed, never a face. The picture is decoded in the worker's child process only; its hashes are
//! sealed under the request's key, and found by keyed hashes of their bands.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{Context, PipelineError, Refusal, sealed};
use crate::audit::AuditEvent;
use crate::images::likeness::PictureViews;
use crate::report::{PictureError, hash_in_child};
use crate::store::{PictureState, PictureToCompare, ProbePlace, RequestRow, SealedHashes};
use crate::vault::Vault;

/// Pictures that are claimed at a time.
const BATCH: i64 = 8;
/// A claim that ran out is due again; each picture is tried a few times.
const CLAIM: TimeDelta = TimeDelta::minutes(5);
const MOST_ATTEMPTS: i64 = 3;
/// Candidates that are opened for one probe; those that share most bands come first.
const MOST_CANDIDATES: i64 = 500;

/// Compares what waits, a few pictures at a time. Returns how many were looked at.
pub async fn round(ctx: &Context) -> Result<usize, PipelineError> {
    let now = ctx.now();
    let claimed = ctx.store.claim_pictures(now, now + CLAIM, BATCH).await?;
    for probe in &claimed {
        if let Err(error) = compare(ctx, probe).await {
            tracing::warn!(request = %probe.place.request, error = %error, "compare a picture");
        }
    }
    Ok(claimed.len())
}

/// One probe: its hashes are kept first, so that of two that are compared at once one finds the other.
async fn compare(ctx: &Context, probe: &PictureToCompare) -> Result<(), PipelineError> {
    let place = probe.place;
    let Some(row) = ctx.store.request(place.request).await? else { return Ok(()) };
    let Some(views) = views_of(ctx, &row, probe).await? else { return Ok(()) };
    let key = sealed::key_of(ctx, &row)?;
    let bound_to = (probe.object_key.as_str(), "likeness");
    let hashes = ctx.vault.seal(ctx.ids.as_ref(), &key, bound_to, &views.to_bytes())?;
    let own = views.bands().into_iter().map(|band| blinded(&ctx.vault, band)).collect();
    if !ctx.store.keep_hashes(place, hashes, own).await? {
        return Ok(());
    }
    let mut wanted: Vec<i64> =
        views.wanted().into_iter().map(|band| blinded(&ctx.vault, band)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let candidates = ctx.store.sharing_bands(row.id, &wanted, MOST_CANDIDATES).await?;
    let alike = alike_apart(ctx, views, candidates).await?;
    let event = (!alike.is_empty()).then(|| found(ctx, &row, place, alike.len()));
    Ok(ctx.store.pictures_compared(place, PictureState::Compared, alike, event).await?)
}

/// The hashes of a probe's picture. None if there are none: it cannot be compared, or is gone, or is tried later.
async fn views_of(
    ctx: &Context,
    row: &RequestRow,
    probe: &PictureToCompare,
) -> Result<Option<PictureViews>, PipelineError> {
    let key = match sealed::key_of(ctx, row) {
        Ok(key) => key,
        Err(PipelineError::Refused(Refusal::Gone)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let last = probe.attempts >= MOST_ATTEMPTS;
    let failed = match sealed::image(ctx, &key, &probe.object_key).await {
        Ok(bytes) => match hash_in_child(&ctx.picture_worker, bytes).await {
            Ok(views) => return Ok(Some(views)),
            Err(error) if last || is_final(&error) => None,
            Err(error) => Some(error.to_string()),
        },
        Err(_) if last => None,
        Err(error) => return Err(error),
    };
    match failed {
        None => {
            let state = PictureState::Unreadable;
            ctx.store.pictures_compared(probe.place, state, Vec::new(), None).await?;
        }
        Some(error) => {
            tracing::warn!(request = %row.id, error, "compare a picture; it is tried again");
        }
    }
    Ok(None)
}

/// Pure: whether another attempt would end the same way.
fn is_final(error: &PictureError) -> bool {
    match error {
        PictureError::Format
        | PictureError::TooLarge
        | PictureError::Damaged
        | PictureError::Blank => true,
        PictureError::Encode
        | PictureError::Child(_)
        | PictureError::Deadline
        | PictureError::Worker => false,
    }
}

/// A band as it is stored: the first eight bytes of its keyed hash. Without the key nobody can tell what it stands for.
fn blinded(vault: &Vault, (place, band): (usize, u16)) -> i64 {
    let hash = vault.lookup_hash("picture-band", &format!("{place}:{band}"));
    let (first, _) = hash.as_chunks::<8>();
    first.first().copied().map_or(0, i64::from_be_bytes)
}

/// Opening and comparing hundreds of hashes is CPU work: it runs off the event loop.
async fn alike_apart(
    ctx: &Context,
    views: PictureViews,
    candidates: Vec<SealedHashes>,
) -> Result<Vec<ProbePlace>, PipelineError> {
    let vault = Arc::clone(&ctx.vault);
    tokio::task::spawn_blocking(move || alike(&vault, &views, &candidates))
        .await
        .map_err(|_| PipelineError::Inconsistent("the comparison of pictures"))
}

/// Candidates that look like the same picture. One that does not open is nobody's likeness; `doctor` finds it.
fn alike(vault: &Vault, views: &PictureViews, candidates: &[SealedHashes]) -> Vec<ProbePlace> {
    let opened = |candidate: &SealedHashes| {
        let key = vault.unwrap(&candidate.data_key, candidate.place.request).ok()?;
        let bound_to = (candidate.object_key.as_str(), "likeness");
        PictureViews::from_bytes(&vault.open(&key, bound_to, &candidate.sealed).ok()?)
    };
    candidates
        .iter()
        .filter(|candidate| opened(candidate).is_some_and(|other| views.looks_like(&other)))
        .map(|candidate| candidate.place)
        .collect()
}

/// What the log says: how many, not which, for some may be another unit's.
fn found(ctx: &Context, row: &RequestRow, place: ProbePlace, count: usize) -> AuditEvent {
    ctx.event("likeness", "probe.looks_alike", ctx.now())
        .request(row.id)
        .unit(&row.unit)
        .detail("probe", &place.ordinal.to_string())
        .detail("others", &count.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_cannot_be_read_is_not_tried_again() {
        for error in [PictureError::Format, PictureError::Damaged, PictureError::Blank] {
            assert!(is_final(&error));
        }
        assert!(!is_final(&PictureError::Deadline) && !is_final(&PictureError::Worker));
    }
}
