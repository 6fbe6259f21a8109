//! Sealed images that nothing names: they were stored, then the program ended before the commit, or the request had moved on.
//! They are found by their key, which holds the request's id.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::RequestId;
use crate::pipeline::{Context, PipelineError, destroy, sealed};
use crate::store::Change;
use crate::vault::StoredObject;

/// Younger objects may belong to a form whose commit is still to come. Storing a form takes at most 50 images with a
/// deadline of 20 seconds each, less than 17 minutes; the rest is for clocks that differ.
const OLD: TimeDelta = TimeDelta::hours(1);

/// A crash leaves one form's images. More requests without a row than this, and more than there are with one, mean another
/// database than the image store's, not crashes.
const MANY: usize = 20;

/// What to do with the objects that nothing names.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    /// By request, delete these.
    Delete(BTreeMap<RequestId, Vec<String>>),
    /// Leave them all: so many requests are unknown, or name not what there is.
    Refuse(usize),
}

/// So long an object of a request that is there is compared with what the request names. Its step ended within the first
/// hour, so every one is compared, even if the program was away for days; the whole store is not opened every hour.
const RECENT: TimeDelta = TimeDelta::days(7);

/// Pure: of objects by request, those to delete.
fn plan(all: usize, orphans: BTreeMap<RequestId, Vec<String>>) -> Plan {
    if orphans.len() > MANY && orphans.len() * 2 > all {
        return Plan::Refuse(orphans.len());
    }
    Plan::Delete(orphans)
}

/// Deletes orphans, each request's with an audit entry before. Returns how many objects went.
pub async fn once(ctx: &Context) -> Result<usize, PipelineError> {
    let now = ctx.now();
    let mut old: BTreeMap<RequestId, Vec<StoredObject>> = BTreeMap::new();
    for object in ctx.vault.list().await? {
        if object.modified_at < now - OLD
            && let Some(request) = sealed::owner(&object.key)
        {
            old.entry(request).or_default().push(object);
        }
    }
    // Asked after the list was made: whatever was committed by then is known.
    let known = ctx.store.known_requests(old.keys().copied().collect()).await?;
    let all = old.len();
    let mut orphans = BTreeMap::new();
    for (request, objects) in old {
        let keys = if known.contains(&request) {
            unnamed(ctx, request, objects, now).await
        } else {
            objects.into_iter().map(|object| object.key).collect()
        };
        if !keys.is_empty() {
            orphans.insert(request, keys);
        }
    }
    let orphans = match plan(all, orphans) {
        Plan::Delete(orphans) => orphans,
        Plan::Refuse(requests) => {
            tracing::error!(
                requests,
                "most images belong to requests that this database does not know, or does not name them; nothing is deleted: is it the right one?"
            );
            return Ok(0);
        }
    };
    let mut deleted = 0;
    for (request, keys) in orphans {
        let event = ctx
            .event("sweep", "image.orphan_deleted", now)
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

/// Objects of a request that it does not name. None while that cannot be told: nothing is deleted on a guess.
async fn unnamed(
    ctx: &Context,
    request: RequestId,
    objects: Vec<StoredObject>,
    now: DateTime<Utc>,
) -> Vec<String> {
    if objects.iter().all(|object| object.modified_at < now - RECENT) {
        return Vec::new();
    }
    let named = match destroy::named_files(ctx, request).await {
        Ok(named) => named,
        Err(error) => {
            tracing::warn!(request = %request, error = %error, "read which images a request names");
            return Vec::new();
        }
    };
    objects.into_iter().map(|object| object.key).filter(|key| !named.contains(key)).collect()
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
    fn a_strange_database_deletes_nothing() {
        assert_eq!(plan(5, objects(0..0)), Plan::Delete(BTreeMap::new()));
        assert_eq!(plan(4, objects(5..7)), Plan::Delete(objects(5..7)));
        assert_eq!(plan(20, objects(5..25)), Plan::Delete(objects(5..25)));
        assert_eq!(plan(100, objects(5..100)), Plan::Refuse(95));
        assert_eq!(plan(130, objects(100..130)), Plan::Delete(objects(100..130)));
    }
}
