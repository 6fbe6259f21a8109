//! Changes of who may do what: durable first, then whatever a suspended person has on the desk goes to others.
//!
//! INVARIANT: a suspension is in force before a claim is taken away; what a crash leaves is taken away by the sweeper.

use std::collections::BTreeMap;

use super::{Context, PipelineError, lease};
use crate::audit::{Actor, AuditEntry, AuditEvent};
use crate::domain::AccountId;
use crate::lifecycle::StageCode;
use crate::registry::Registry;
use crate::store::{Applied, NewRegistry};

/// How often a change is tried when somebody else changes the registry at the same moment.
const TRIES: usize = 5;

/// Puts a changed registry in force. `change` is asked again about the newest one if somebody else was first.
pub async fn change<T, E>(
    ctx: &Context,
    change: impl Fn(&Registry) -> Result<(Registry, AuditEvent, T), E>,
) -> Result<Result<T, E>, PipelineError> {
    for _ in 0..TRIES {
        let (version, registry) = newest(ctx).await?;
        let (changed, event, told) = match change(&registry) {
            Ok(changed) => changed,
            Err(error) => return Ok(Err(error)),
        };
        if put(ctx, (version, &registry), &changed, vec![event]).await?.is_some() {
            return Ok(Ok(told));
        }
    }
    Err(PipelineError::conflict(
        "moved_on",
        "somebody else changes the registry at the same moment; try again",
    ))
}

/// The newest registry with its version; 0 and an empty one while there is none.
pub async fn newest(ctx: &Context) -> Result<(i64, Registry), PipelineError> {
    Ok(match ctx.store.registry().await? {
        Some((version, sealed)) => (version, ctx.vault.open_registry(&sealed)?),
        None => (0, Registry::default()),
    })
}

/// Puts a registry in force after the one that was read, and ends the sessions of everybody whom it shuts out. The first entry
/// gets its digest. None: somebody else was first, and nothing changed.
pub async fn put(
    ctx: &Context,
    (seen, before): (i64, &Registry),
    registry: &Registry,
    mut events: Vec<AuditEvent>,
) -> Result<Option<i64>, PipelineError> {
    let bytes =
        serde_json::to_vec(registry).map_err(|error| PipelineError::Registry(error.to_string()))?;
    let digest = openssl::sha::sha256(&bytes);
    if let Some(first) = events.first_mut() {
        *first = first.clone().detail("digest", &hex::encode(digest));
    }
    let new = NewRegistry {
        seen,
        digest,
        sealed: ctx.vault.seal_registry(ctx.ids.as_ref(), registry)?,
        shut_out: shut_out(before, registry),
        at: ctx.now(),
        events,
    };
    let version = ctx.store.add_registry_after(new).await?;
    ctx.registry.forget();
    Ok(version)
}

/// Pure: who was active and is not any more, or is gone.
fn shut_out(before: &Registry, after: &Registry) -> Vec<AccountId> {
    let active = before.accounts.iter().map(|entry| &entry.account).filter(|was| was.active);
    let gone = active.filter(|was| after.account(was.id).is_none_or(|is| !is.active));
    gone.map(|was| was.id).collect()
}

/// Ends every offer and claim of a person. Returns how many ended.
pub async fn reclaim(
    ctx: &Context,
    person: AccountId,
    actor: &Actor,
) -> Result<usize, PipelineError> {
    let mut ended = 0;
    // A job that moves at this moment is looked at again; what is claimed anew meanwhile, too.
    for _ in 0..TRIES {
        let desk = ctx.store.on_desk(person).await?;
        if desk.is_empty() {
            break;
        }
        for row in &desk {
            let action = if row.stage.code() == StageCode::Offered {
                "offer.reclaimed"
            } else {
                "lease.reclaimed"
            };
            let mut event = AuditEvent::new(ctx.now(), actor.clone(), action)
                .request(row.id)
                .unit(&row.unit)
                .detail("reviewer", &person.to_string());
            if let Some(lease) = row.stage.lease() {
                event = event.detail("token", &lease.token.to_string());
            }
            let change = lease::ended(ctx, row, event)?;
            ended += usize::from(ctx.store.apply(change).await? == Applied::Now);
        }
    }
    Ok(ended)
}

/// Takes away what people who are suspended, or gone from the registry, still have on their desks.
pub async fn reclaim_from_the_suspended(ctx: &Context) -> Result<usize, PipelineError> {
    let holders = ctx.store.holders().await?;
    if holders.is_empty() {
        return Ok(0);
    }
    let registry = ctx.registry_now().await?;
    let actor = Actor::System { stage: "sweep".to_owned() };
    let mut ended = 0;
    for person in holders {
        if registry.account(person).is_none_or(|account| !account.active) {
            ended += reclaim(ctx, person, &actor).await?;
        }
    }
    Ok(ended)
}

/// The login names of the accounts that these entries name, as far as the registry still has them.
pub fn logins(registry: &Registry, entries: &[AuditEntry]) -> BTreeMap<AccountId, String> {
    let named = entries.iter().flat_map(|entry| entry.event.accounts());
    named.filter_map(|id| Some((id, registry.account(id)?.login.clone()))).collect()
}
