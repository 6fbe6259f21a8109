//! What is asked of the roster: who, and where nobody is.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

use super::{AHEAD, Loaded, as_published, behind, load, may_read, shape};
use crate::domain::examination::WaiverReason;
use crate::domain::{Account, Differences, Lane, Role, RosterEntryId, ShapeError, UnitId};
use crate::pipeline::{Context, PipelineError};
use crate::policy::PolicySet;
use crate::registry::Registry;
use crate::roster::{self, Entry, Gap, OnDuty, Period, Roster, Skills, Wants};

/// The coming time that a publication answers for.
pub(super) fn ahead(now: DateTime<Utc>) -> Period {
    let from = now.trunc_subsecs(0) + TimeDelta::seconds(1);
    Period { from, until: from + AHEAD }
}

pub(super) fn gaps_of(
    entries: &[Entry],
    (registry, policies): (&Registry, &PolicySet),
    unit: &UnitId,
    within: Period,
) -> Vec<Gap> {
    let roster = Roster::new(entries, &registry.shifts);
    let wanted = (&skills(registry, unit), wants(registry, policies, unit));
    roster::gaps(&roster, unit, wanted, within)
}

/// Pure: a second reviewer, unless every pack of the unit lets the lack of one waive the second review; an adjudicator, unless
/// the unit leaves a difference at that.
fn wants(registry: &Registry, policies: &PolicySet, unit: &UnitId) -> Wants {
    let Some(unit) = registry.unit(unit) else { return Wants::default() };
    let lists = |id| {
        let pack = policies.pack(id);
        pack.is_some_and(|pack| pack.allows_waiver(WaiverReason::NoSecondReviewer))
    };
    let waived = !unit.packs.is_empty() && unit.packs.iter().all(lists);
    Wants { second_reviewer: !waived, adjudicator: unit.differences == Differences::Adjudicate }
}

/// Active people of the unit who examine, and their credentials.
fn skills(registry: &Registry, unit: &UnitId) -> Skills {
    let mut skills = Skills::default();
    let accounts = registry.accounts.iter().map(|entry| &entry.account);
    let examines = |one: &&Account| {
        one.unit == *unit && one.active && [Role::Reviewer, Role::Adjudicator].contains(&one.role)
    };
    let people: Vec<&Account> = accounts.filter(examines).collect();
    for (place, person) in people.iter().enumerate() {
        let human = people.iter().position(|other| other.is_same_person(person)).unwrap_or(place);
        skills.person(person.id, person.role, human);
        for credential in &person.credentials {
            let period = Period { from: credential.issued_at, until: credential.ends_at() };
            skills.add(person.id, period, &credential.capabilities);
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
    let policies = ctx.policies().await?;
    let within = within.unwrap_or_else(|| ahead(now));
    Ok(gaps_of(&entries, (&registry, &policies), unit, within))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::GapKind;

    const EXAMPLE: &str = include_str!("../../../config/registry.example.toml");

    fn found(text: &str) -> Vec<(GapKind, DateTime<Utc>)> {
        let registry: Registry = toml::from_str(text).unwrap();
        let from: DateTime<Utc> = "2026-06-01T00:00:00Z".parse().unwrap();
        let policies = crate::policy::builtin::load(from).unwrap();
        let unit = "lacris".parse().unwrap();
        let within = Period { from, until: from + AHEAD };
        let gaps = gaps_of(&[], (&registry, &policies), &unit, within);
        let routine = gaps.into_iter().filter(|gap| gap.lane == Lane::Routine);
        routine.map(|gap| (gap.gap, gap.period.from)).collect()
    }

    #[test]
    fn a_refresher_that_falls_due_is_a_gap_from_that_day_on() {
        assert_eq!(found(EXAMPLE), []);
        let due: DateTime<Utc> = "2026-06-08T00:00:00Z".parse().unwrap();
        let lapse = |places: &[usize]| {
            let mut parts = EXAMPLE.split("expires_at = ").map(str::to_owned).collect::<Vec<_>>();
            for place in places {
                parts[*place] += "refresher_due = \"2026-06-08T00:00:00Z\"\n";
            }
            parts.join("expires_at = ")
        };
        // Of the two reviewers and the adjudicator, in this order.
        assert_eq!(found(&lapse(&[0])), [(GapKind::NoSecondReviewer, due)]);
        assert_eq!(found(&lapse(&[0, 1])), [(GapKind::NoCredential, due)]);
        assert_eq!(found(&lapse(&[2])), [(GapKind::NoAdjudicator, due)]);
    }

    #[test]
    fn who_is_wanted_is_the_units_own_say() {
        let alone = EXAMPLE.replace("role = \"adjudicator\"", "role = \"auditor\"").replacen(
            "account = \"p-00000000000000000000000000000002\"",
            "account = \"p-00000000000000000000000000000003\"",
            1,
        );
        let kinds = |text: &str| -> Vec<GapKind> { found(text).iter().map(|gap| gap.0).collect() };
        assert_eq!(kinds(&alone), [GapKind::NoSecondReviewer, GapKind::NoAdjudicator]);
        let divided = alone.replacen("contact = ", "differences = \"inconclusive\"\ncontact = ", 1);
        assert_eq!(kinds(&divided), [GapKind::NoSecondReviewer]);
        let waived = divided.replace("packs = [\"lacris\"]", "packs = [\"oxnard\"]");
        assert_eq!(kinds(&waived), [], "every pack of the unit lets it do without");
    }
}
