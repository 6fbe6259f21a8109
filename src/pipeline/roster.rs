//! The duty roster's steps: drafting, retracting, publishing, importing; and what is asked of it.
//!
//! Only a unit's local administrator edits. Each step is one transaction with its audit entries.

mod ask;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

pub use ask::{Who, gaps, who};
use ask::{ahead, gaps_of};

use super::{Context, PipelineError, Refusal};
use crate::audit::{Actor, AuditEvent};
use crate::domain::plain_text::{is_a_reason, letters};
use crate::domain::{Account, AccountId, Personal, Role, RosterEntryId, ShapeError, UnitId};
use crate::registry::Registry;
use crate::roster::{self, Entry, Gap, Publication, Retraction, Rule};
use crate::store::NewRosterEntry;

/// A beginning this long ago is still "now": people type slowly, and their clocks differ.
const JUST_NOW: TimeDelta = TimeDelta::minutes(5);

/// Gaps are looked for this far ahead when a roster is published.
pub const AHEAD: TimeDelta = TimeDelta::days(14);

/// How often a step is decided again when others record at the same moment.
const ATTEMPTS: usize = 5;

/// A unit's record as it was read.
#[derive(Debug)]
pub struct Loaded {
    /// The unit's entries, in order.
    pub entries: Vec<Entry>,
    /// The registry that goes with it.
    pub registry: std::sync::Arc<Registry>,
}

/// Reads a unit's record.
pub async fn load(ctx: &Context, unit: &UnitId) -> Result<Loaded, PipelineError> {
    let mut entries = ctx.store.roster_entries().await?;
    entries.retain(|entry| entry.unit == *unit);
    Ok(Loaded { entries, registry: ctx.registry().await? })
}

/// Whoever reads a unit's roster is of the unit.
pub fn may_read(person: &Account, unit: &UnitId) -> Result<(), PipelineError> {
    if person.unit == *unit { Ok(()) } else { Err(PipelineError::not_found()) }
}

fn may_edit(person: &Account, unit: &UnitId) -> Result<(), PipelineError> {
    may_read(person, unit)?;
    if person.role == Role::LocalAdministrator {
        return Ok(());
    }
    Err(PipelineError::forbidden("role", "this is for the role `local_administrator`"))
}

fn shape(errors: Vec<ShapeError>) -> PipelineError {
    PipelineError::Refused(Refusal::Shape(errors))
}

fn enough(reason: Option<&Personal<String>>) -> Result<(), PipelineError> {
    if reason.is_none_or(|reason| is_a_reason(reason.expose())) {
        return Ok(());
    }
    Err(PipelineError::conflict("reason", "give the reason in a sentence, ten letters at least"))
}

/// Records drafts, all or none. People are named by login.
pub async fn draft(
    ctx: &Context,
    (person, unit): (&Account, &UnitId),
    rules: Vec<Rule<String>>,
    reason: Option<Personal<String>>,
) -> Result<Vec<RosterEntryId>, PipelineError> {
    may_edit(person, unit)?;
    let own = |rule: &Rule<String>| matches!(rule, Rule::Retraction(_) | Rule::Publication(_));
    if rules.is_empty() || rules.iter().any(own) {
        let text = "draft rotations, shifts, temporary schedules, overrides or holidays";
        return Err(shape(vec![ShapeError::new("kind", "/entries", text)]));
    }
    let registry = ctx.registry().await?;
    let account = |login: String| account(&registry, unit, &login).ok_or_else(unknown_person);
    let rules: Result<Vec<Rule>, ShapeError> =
        rules.into_iter().map(|rule| rule.named(account)).collect();
    record(ctx, (person, unit), &rules.map_err(|fault| shape(vec![fault]))?, reason.as_ref()).await
}

fn unknown_person() -> ShapeError {
    ShapeError::new("person_unknown", "", "name active people of this unit by login name")
}

/// An active person of a unit, by login name.
pub fn account(registry: &Registry, unit: &UnitId, login: &str) -> Option<AccountId> {
    let found = &registry.entry_by_login(login)?.account;
    (found.unit == *unit && found.active).then_some(found.id)
}

/// Drafts the shifts of an iCalendar file, all or none.
pub async fn import(
    ctx: &Context,
    (person, unit): (&Account, &UnitId),
    text: &str,
    reason: Option<Personal<String>>,
) -> Result<Vec<RosterEntryId>, PipelineError> {
    may_edit(person, unit)?;
    let registry = ctx.registry().await?;
    let account = |login: &str| account(&registry, unit, login);
    let shifts = roster::calendar::import(text, &account).map_err(shape)?;
    if shifts.is_empty() {
        let text = "send a calendar with events that are not cancelled";
        return Err(shape(vec![ShapeError::new("calendar", "/calendar", text)]));
    }
    let rules: Vec<Rule> = shifts.into_iter().map(Rule::Shift).collect();
    record(ctx, (person, unit), &rules, reason.as_ref()).await
}

/// Retracts an entry from an instant on, by default from now on. A draft is withdrawn at once; what is in force goes with
/// the next publication.
pub async fn retract(
    ctx: &Context,
    (person, unit): (&Account, &UnitId),
    (entry, from): (RosterEntryId, Option<DateTime<Utc>>),
    reason: Personal<String>,
) -> Result<Vec<RosterEntryId>, PipelineError> {
    may_edit(person, unit)?;
    let from = from.unwrap_or_else(|| ctx.now().trunc_subsecs(0));
    let rule = Rule::Retraction(Retraction { entry, from });
    record(ctx, (person, unit), &[rule], Some(&reason)).await
}

/// Decides and records drafts, again if others record at the same moment.
async fn record(
    ctx: &Context,
    (person, unit): (&Account, &UnitId),
    rules: &[Rule],
    reason: Option<&Personal<String>>,
) -> Result<Vec<RosterEntryId>, PipelineError> {
    enough(reason)?;
    for _ in 0..ATTEMPTS {
        let entries = load(ctx, unit).await?.entries;
        let now = next_moment(ctx.now(), &entries)?;
        let mut all = entries.clone();
        for rule in rules {
            let correction = correction(rule, reason.is_some(), now)?;
            let faults = roster::check(rule, &all);
            if !faults.is_empty() {
                return Err(shape(faults));
            }
            let id = RosterEntryId::new(ctx.ids.id());
            all.push(entry((person, unit), (id, now), &all, (rule.clone(), correction)));
        }
        let drafted = all.split_off(entries.len());
        let ids = drafted.iter().map(|entry| entry.id).collect();
        if store(ctx, drafted, reason).await? {
            return Ok(ids);
        }
    }
    Err(busy())
}

fn busy() -> PipelineError {
    PipelineError::conflict("moved_on", "others edit this roster at the same moment; try again")
}

/// Clocks of two machines may differ by so much.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);

/// Pure: when the next entry is recorded. Where the last one lies far ahead of the clock, one of the two is wrong: an entry
/// behind it would take effect only when the clock gets there, so nothing is recorded.
fn next_moment(now: DateTime<Utc>, entries: &[Entry]) -> Result<DateTime<Utc>, PipelineError> {
    match entries.last().map(|entry| entry.recorded_at) {
        Some(last) if last > now + CLOCKS_DIFFER => {
            let (last, now) = (last.to_rfc3339(), now.to_rfc3339());
            Err(PipelineError::conflict(
                "clock",
                format!(
                    "the last entry of this roster was recorded at {last} and this machine's clock says {now}; have the operator correct the clock, or wait until then"
                ),
            ))
        }
        Some(_) | None => Ok(behind(now, entries)),
    }
}

/// Pure: later than every entry, whatever the clock does, so that what was known when has one answer.
fn behind(now: DateTime<Utc>, entries: &[Entry]) -> DateTime<Utc> {
    let now = now.trunc_subsecs(6);
    entries.last().map_or(now, |last| now.max(last.recorded_at + TimeDelta::microseconds(1)))
}

/// Whether a rule is a correction: it has a reason, and speaks of the past. Without a reason the past stays as it is: a
/// rotation that began long ago counts from its publication on, anything else is refused.
fn correction(rule: &Rule, reason: bool, now: DateTime<Utc>) -> Result<bool, PipelineError> {
    let past = rule.begins().is_some_and(|begins| begins < now - JUST_NOW);
    let goes_on = matches!(rule, Rule::Rotation(_));
    if past && !reason && !goes_on {
        return Err(PipelineError::conflict(
            "reason",
            "it begins in the past: give a reason for the correction, or let it begin now or later",
        ));
    }
    Ok(past && reason)
}

fn entry(
    (person, unit): (&Account, &UnitId),
    (id, now): (RosterEntryId, DateTime<Utc>),
    before: &[Entry],
    (rule, correction): (Rule, bool),
) -> Entry {
    let ordinal = before.last().map_or(1, |last| last.ordinal.saturating_add(1));
    let (unit, recorded_by) = (unit.clone(), person.id);
    Entry { id, unit, ordinal, recorded_at: now, recorded_by, correction, rule }
}

async fn store(
    ctx: &Context,
    entries: Vec<Entry>,
    reason: Option<&Personal<String>>,
) -> Result<bool, PipelineError> {
    let mut new = Vec::with_capacity(entries.len());
    for entry in entries {
        let sealed = match reason {
            None => None,
            Some(reason) => {
                Some(ctx.vault.seal_reason(ctx.ids.as_ref(), entry.id, reason.expose())?)
            }
        };
        let event = event(&entry, reason.map_or(0, |reason| letters(reason.expose())));
        new.push(NewRosterEntry { entry, reason: sealed, event });
    }
    let done = ctx.store.add_roster_entries(new).await?;
    ctx.registry.forget();
    Ok(done)
}

fn event(entry: &Entry, letters: usize) -> AuditEvent {
    let actor = Actor::Person { account: entry.recorded_by };
    let action = match entry.rule {
        Rule::Publication(_) => "roster.published",
        Rule::Retraction(_) => "roster.retraction_drafted",
        Rule::Rotation(_)
        | Rule::Shift(_)
        | Rule::Temporary(_)
        | Rule::Override(_)
        | Rule::Holiday(_) => "roster.drafted",
    };
    let event = AuditEvent::new(entry.recorded_at, actor, action)
        .unit(&entry.unit)
        .detail("entry", &entry.id.to_string())
        .detail("kind", entry.rule.kind())
        .detail("correction", if entry.correction { "yes" } else { "no" })
        .detail("reason_letters", &letters.to_string());
    match &entry.rule {
        Rule::Publication(publication) => event
            .detail("number", &publication.number.to_string())
            .detail("entries", &publication.entries.len().to_string())
            .detail("gaps_accepted", &publication.gaps_accepted.to_string()),
        Rule::Retraction(retraction) => event.detail("retracts", &retraction.entry.to_string()),
        Rule::Rotation(_)
        | Rule::Shift(_)
        | Rule::Temporary(_)
        | Rule::Override(_)
        | Rule::Holiday(_) => event,
    }
}

/// The unit's record as if every open draft were published at `now`; none without drafts.
fn as_published(
    (person, unit): (&Account, &UnitId),
    (id, now): (RosterEntryId, DateTime<Utc>),
    entries: &[Entry],
    gaps_accepted: u32,
) -> Option<Entry> {
    let drafts: Vec<RosterEntryId> =
        roster::drafts(entries).into_iter().map(|entry| entry.id).collect();
    if drafts.is_empty() {
        return None;
    }
    let number = entries.iter().filter(|entry| matches!(entry.rule, Rule::Publication(_))).count();
    let number = i64::try_from(number).unwrap_or(i64::MAX).saturating_add(1);
    let publication = Publication { number, entries: drafts, gaps_accepted };
    Some(entry((person, unit), (id, now), entries, (Rule::Publication(publication), false)))
}

/// A publication that took place.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its entry.
    pub id: RosterEntryId,
    /// Its number in the unit.
    pub number: i64,
    /// What it put in force.
    pub entries: Vec<RosterEntryId>,
    /// Gaps of the coming two weeks that it leaves.
    pub gaps: Vec<Gap>,
}

/// Puts every open draft in force. Gaps of the coming two weeks need `accept_gaps`, a supervisor's reason.
pub async fn publish(
    ctx: &Context,
    (person, unit): (&Account, &UnitId),
    accept_gaps: Option<Personal<String>>,
) -> Result<Published, PipelineError> {
    may_edit(person, unit)?;
    enough(accept_gaps.as_ref())?;
    for _ in 0..ATTEMPTS {
        let Loaded { mut entries, registry } = load(ctx, unit).await?;
        let now = next_moment(ctx.now(), &entries)?;
        let faults = stale_drafts(&entries);
        if !faults.is_empty() {
            return Err(shape(faults));
        }
        let id = RosterEntryId::new(ctx.ids.id());
        let Some(mut publication) = as_published((person, unit), (id, now), &entries, 0) else {
            return Err(PipelineError::conflict("nothing_drafted", "draft something first"));
        };
        entries.push(publication.clone());
        let policies = ctx.policies().await?;
        let gaps = gaps_of(&entries, (&registry, &policies), unit, ahead(now));
        if !gaps.is_empty() && accept_gaps.is_none() {
            return Err(refused_gaps(&gaps));
        }
        let Rule::Publication(content) = &mut publication.rule else {
            return Err(PipelineError::Inconsistent("a publication"));
        };
        content.gaps_accepted = u32::try_from(gaps.len()).unwrap_or(u32::MAX);
        let (number, published) = (content.number, content.entries.clone());
        if store(ctx, vec![publication], accept_gaps.as_ref()).await? {
            return Ok(Published { id, number, entries: published, gaps });
        }
    }
    Err(busy())
}

fn refused_gaps(gaps: &[Gap]) -> PipelineError {
    let first = gaps.first().map(|gap| {
        let (lane, kind): (&'static str, &'static str) = (gap.lane.into(), gap.gap.into());
        format!(", the first from {} in the lane `{lane}` ({kind})", gap.period.from.to_rfc3339())
    });
    PipelineError::conflict(
        "roster_gaps",
        format!(
            "there are {} gaps in the coming two weeks{}; fill them, or accept them with a reason",
            gaps.len(),
            first.unwrap_or_default()
        ),
    )
}

/// Drafts that no longer fit what was recorded since.
fn stale_drafts(entries: &[Entry]) -> Vec<ShapeError> {
    let mut faults = Vec::new();
    for draft in roster::drafts(entries) {
        let others: Vec<Entry> =
            entries.iter().filter(|entry| entry.id != draft.id).cloned().collect();
        for fault in roster::check(&draft.rule, &others) {
            let pointer = format!("/drafts/{}{}", draft.id, fault.pointer);
            faults.push(ShapeError::new(&fault.code, pointer, fault.message));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn nothing_is_recorded_behind_an_entry_from_a_clock_that_ran_ahead() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let recorded = |ahead| Entry {
            id: RosterEntryId::new(Uuid::from_u128(1)),
            unit: "lacris".parse().unwrap(),
            ordinal: 1,
            recorded_at: now + ahead,
            recorded_by: AccountId::new(Uuid::from_u128(5)),
            correction: false,
            rule: Rule::Retraction(Retraction {
                entry: RosterEntryId::new(Uuid::from_u128(9)),
                from: now,
            }),
        };
        let moment = |ahead| next_moment(now, &[recorded(ahead)]);
        assert_eq!(next_moment(now, &[]).unwrap(), now);
        assert_eq!(moment(TimeDelta::minutes(-1)).unwrap(), now);
        assert_eq!(
            moment(CLOCKS_DIFFER).unwrap(),
            now + CLOCKS_DIFFER + TimeDelta::microseconds(1)
        );
        let refused = moment(CLOCKS_DIFFER + TimeDelta::microseconds(1)).unwrap_err();
        let PipelineError::Refused(Refusal::Conflict { code, message }) = refused else {
            panic!("{refused}")
        };
        assert_eq!(code, "clock");
        assert!(message.contains("the operator"), "{message}");
    }
}
