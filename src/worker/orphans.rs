//! Sealed images that no request names: they were stored, then the program ended before the commit. They are found by
//! their key, which holds the request's id.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use crate::domain::RequestId;
use crate::pipeline::{Context, PipelineError, sealed};
use crate::store::Change;
use crate::vault::StoredObject;

/// Younger objects may belong to a form whose commit is still to come. Storing a form takes at most 50 images with a
/// deadline of 20 seconds each, less than 17 minutes; the rest is for clocks that differ.
const OLD: TimeDelta = TimeDelta::hours(1);

/// A crash leaves one form's images. More requests without a row than this, and more than there are with one, mean another
/// database than the image store's, not crashes.
const MANY: usize = 20;

/// What to do with the objects that no request names.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    /// By request, delete these.
    Delete(BTreeMap<RequestId, Vec<String>>),
    /// Leave them all: so many requests are unknown.
    Refuse(usize),
}

/// Pure: objects whose request is not among the `known` ones.
fn plan(old: BTreeMap<RequestId, Vec<String>>, known: &BTreeSet<RequestId>) -> Plan {
    let all = old.len();
    let orphans: BTreeMap<RequestId, Vec<String>> =
        old.into_iter().filter(|(request, _)| !known.contains(request)).collect();
    if orphans.len() > MANY && orphans.len() * 2 > all {
        return Plan::Refuse(orphans.len());
    }
    Plan::Delete(orphans)
}

/// Deletes orphans, each request's with an audit entry before. Returns how many objects went.
pub async fn once(ctx: &Context) -> Result<usize, PipelineError> {
    let before = ctx.now() - OLD;
    let mut old: BTreeMap<RequestId, Vec<String>> = BTreeMap::new();
    for StoredObject { key, modified_at } in ctx.vault.list().await? {
        if modified_at < before
            && let Some(request) = sealed::owner(&key)
        {
            old.entry(request).or_default().push(key);
        }
    }
    // Asked after the list was made: whatever was committed by then is known.
    let known = ctx.store.known_requests(old.keys().copied().collect()).await?;
    let orphans = match plan(old, &known) {
        Plan::Delete(orphans) => orphans,
        Plan::Refuse(requests) => {
            tracing::error!(
                requests,
                "most images belong to requests that this database does not know; nothing is deleted: is it the right one?"
            );
            return Ok(0);
        }
    };
    let mut deleted = 0;
    for (request, keys) in orphans {
        let event = ctx
            .event("sweep", "image.orphan_deleted", ctx.now())
            .request(request)
            .detail("objects", &keys.len().to_string());
        let _ = ctx.store.apply(Change::audited(vec![event])).await?;
        for key in keys {
            ctx.vault.delete(&key).await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: usize) -> RequestId {
        RequestId::new(Uuid::from_u128(u128::try_from(number).unwrap()))
    }

    fn objects(numbers: std::ops::Range<usize>) -> BTreeMap<RequestId, Vec<String>> {
        numbers.map(|number| (id(number), vec![format!("{number}")])).collect()
    }

    #[test]
    fn what_a_row_names_stays_and_a_strange_database_deletes_nothing() {
        let known: BTreeSet<RequestId> = (0..5).map(id).collect();
        assert_eq!(plan(objects(0..5), &known), Plan::Delete(BTreeMap::new()));
        assert_eq!(plan(objects(3..7), &known), Plan::Delete(objects(5..7)));
        assert_eq!(plan(objects(5..25), &known), Plan::Delete(objects(5..25)));
        assert_eq!(plan(objects(0..100), &known), Plan::Refuse(95));
        let most: BTreeSet<RequestId> = (0..100).map(id).collect();
        assert_eq!(plan(objects(0..130), &most), Plan::Delete(objects(100..130)));
    }
}
