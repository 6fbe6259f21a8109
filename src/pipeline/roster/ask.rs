//! What is asked of the roster: who, and where nobody is.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

use super::{AHEAD, Loaded, as_published, behind, load, may_read, shape};
use crate::domain::{Account, Lane, Role, RosterEntryId, ShapeError, UnitId};
use crate::pipeline::{Context, PipelineError};
use crate::registry::Registry;
use crate::roster::{self, Entry, Gap, OnDuty, Period, Roster, Skills};

/// The coming time that a publication answers for.
pub(super) fn ahead(now: DateTime<Utc>) -> Period {
    let from = now.trunc_subsecs(0) + TimeDelta::seconds(1);
    Period { from, until: from + AHEAD }
}

pub(super) fn gaps_of(
    entries: &[Entry],
    registry: &Registry,
    unit: &UnitId,
    within: Period,
) -> Vec<Gap> {
    let roster = Roster::new(entries, &registry.shifts);
    roster::gaps(&roster, unit, &skills(registry, unit), within)
}

/// Active reviewers of the unit and their credentials.
fn skills(registry: &Registry, unit: &UnitId) -> Skills {
    let mut skills = Skills::default();
    let accounts = registry.accounts.iter().map(|entry| &entry.account);
    for person in accounts.filter(|one| one.unit == *unit && one.active) {
        if person.role == Role::Reviewer {
            for credential in &person.credentials {
                let period = Period { from: credential.issued_at, until: credential.expires_at };
                skills.add(person.id, period, &credential.capabilities);
            }
        }
    }
    skills
}

/// The unit's gaps within a time, as they would be with every open draft published now.
pub async fn gaps(
    ctx: &Context,
    (person, unit): (&Account, &UnitId),
    within: Option<Period>,
) -> Result<Vec<Gap>, PipelineError> {
    may_read(person, unit)?;
    let Loaded { mut entries, registry } = load(ctx, unit).await?;
    let now = behind(ctx.now(), &entries);
    let id = RosterEntryId::new(ctx.ids.id());
    entries.extend(as_published((person, unit), (id, now), &entries, 0));
    Ok(gaps_of(&entries, &registry, unit, within.unwrap_or_else(|| ahead(now))))
}

/// Who was on duty, and who was thought to be.
#[derive(Debug)]
pub struct Who {
    /// By what was known at the asked time of knowledge, else by everything known now.
    pub duty: OnDuty,
    /// By what was known at the instant itself; none for the future.
    pub thought: Option<OnDuty>,
}

/// Who is on duty in a lane at `at`, by what was known at `known_at` (by everything, if absent).
pub async fn who(
    ctx: &Context,
    (unit, lane): (&UnitId, Lane),
    at: DateTime<Utc>,
    known_at: Option<DateTime<Utc>>,
) -> Result<Who, PipelineError> {
    let now = ctx.now();
    if known_at.is_some_and(|known| known > now) {
        let text = "ask what was known at a time that is over";
        return Err(shape(vec![ShapeError::new("known_at", "", text)]));
    }
    let loaded = load(ctx, unit).await?;
    let duty = if let Some(known) = known_at {
        as_known(ctx, &loaded.entries, (unit, lane), (at, known)).await?
    } else {
        let roster = Roster::new(&loaded.entries, &loaded.registry.shifts);
        roster::resolve(&roster, unit, lane, at)
    };
    let thought = if at <= now {
        Some(as_known(ctx, &loaded.entries, (unit, lane), (at, at)).await?)
    } else {
        None
    };
    Ok(Who { duty, thought })
}

/// The registry has a history of its own: the version that was in force then.
async fn as_known(
    ctx: &Context,
    entries: &[Entry],
    (unit, lane): (&UnitId, Lane),
    (at, known): (DateTime<Utc>, DateTime<Utc>),
) -> Result<OnDuty, PipelineError> {
    let registry: Registry = match ctx.store.registry_at(known).await? {
        Some(sealed) => ctx.vault.open_registry(&sealed)?,
        None => Registry::default(),
    };
    let roster = Roster::new(entries, &registry.shifts);
    Ok(roster::resolve_as_known(&roster, (unit, lane), at, known))
}
