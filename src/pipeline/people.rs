//! Changes of who may do what: durable first, then whatever a suspended person has on the desk goes to others.
//!
//! INVARIANT: a suspension is in force before a claim is taken away; what a crash leaves is taken away by the sweeper.

use std::collections::BTreeMap;

use super::{Context, PipelineError, lease};
use crate::audit::{Actor, AuditEntry, AuditEvent};
use crate::domain::AccountId;
use crate::lifecycle::StageCode;
use crate::registry::Registry;
use crate::store::Applied;

/// How often a change is tried when somebody else changes the registry at the same moment.
const TRIES: usize = 5;

/// Puts a changed registry in force. `change` is asked again about the newest one if somebody else was first.
pub async fn change<T, E>(
    ctx: &Context,
    change: impl Fn(&Registry) -> Result<(Registry, AuditEvent, T), E>,
) -> Result<Result<T, E>, PipelineError> {
    for _ in 0..TRIES {
        let (version, registry) = match ctx.store.registry().await? {
            Some((version, sealed)) => (version, ctx.vault.open_registry(&sealed)?),
            None => (0, Registry::default()),
        };
        let (changed, event, told) = match change(&registry) {
            Ok(changed) => changed,
            Err(error) => return Ok(Err(error)),
        };
        let bytes = serde_json::to_vec(&changed)
            .map_err(|error| PipelineError::Registry(error.to_string()))?;
        let digest = openssl::sha::sha256(&bytes);
        let sealed = ctx.vault.seal_registry(ctx.ids.as_ref(), &changed)?;
        let event = event.detail("digest", &hex::encode(digest));
        if ctx.store.add_registry_after(version, (digest, sealed), event).await?.is_some() {
            ctx.registry.forget();
            return Ok(Ok(told));
        }
    }
    Err(PipelineError::conflict(
        "moved_on",
        "somebody else changes the registry at the same moment; try again",
    ))
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
