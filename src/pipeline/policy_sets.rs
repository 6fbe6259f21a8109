//! A new set of packs comes into force by two people: one local administrator proposes it, and another person who has
//! read it confirms exactly it.

use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::policy_source::RefusedSet;
use super::{Context, PipelineError, Refusal, standing};
use crate::audit::{Actor, AuditEvent};
use crate::domain::{Account, AccountId, PackId, Role, ShapeError};
use crate::policy::{Archive, ArchivedFile, Pack, PolicySet, SetInForce, SetOrigin};
use crate::registry::Registry;
use crate::store::{Applied, NewPolicySet, PolicySetConfirmation, PolicySetRow};

/// Who proposes.
pub const PROPOSES: &[Role] = &[Role::LocalAdministrator];
/// Who confirms: another administrator, or the officer who answers for what leaves. The auditor looks at it afterwards.
pub const CONFIRMS: &[Role] = &[Role::LocalAdministrator, Role::ReleaseAuthority];
/// Who reads sets.
pub const READS: &[Role] = &[Role::LocalAdministrator, Role::ReleaseAuthority, Role::Auditor];
/// How long before its day a review is told.
const REVIEW_SOON: TimeDelta = TimeDelta::days(30);

/// A proposal as it comes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// One more than the newest version that its proposer saw.
    pub version: i64,
    /// Every file of the set.
    pub files: Vec<ArchivedFile>,
}

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum PolicySetState {
    /// It waits for another person.
    Proposed,
    /// A newer proposal took its place before anybody confirmed it.
    Superseded,
    /// It decides.
    InForce,
    /// It decided until a newer one came.
    Replaced,
}

/// A version as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct PolicySetView {
    version: i64,
    sha256: String,
    state: PolicySetState,
    proposed_by: AccountId,
    proposed_at: DateTime<Utc>,
    confirmed_by: Option<AccountId>,
    confirmed_at: Option<DateTime<Utc>>,
}

/// A pack whose review is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewDue {
    /// The pack.
    pub pack: PackId,
    /// The day.
    pub review_due: NaiveDate,
    /// The day has passed.
    pub overdue: bool,
}

impl fmt::Display for ReviewDue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = if self.overdue { "was due" } else { "is due" };
        write!(f, "the review of `{}` {when} on {}", self.pack, self.review_due)
    }
}

/// A proposal or a confirmation, as it was recorded.
#[derive(Debug, Clone, Serialize)]
pub struct Recorded {
    /// The version.
    pub version: i64,
    /// SHA-256 of the set's archive, hexadecimal.
    pub sha256: String,
    /// Where it stands.
    pub state: PolicySetState,
    /// Packs whose review is due within 30 days, or overdue.
    pub reviews: Vec<ReviewDue>,
}

/// Every version, and which set decides.
#[derive(Debug, Clone, Serialize)]
pub struct PolicySets {
    /// What decides.
    pub in_force: SetInForce,
    /// What was to decide and cannot.
    pub refused: Option<RefusedSet>,
    /// Every version, newest first.
    pub items: Vec<PolicySetView>,
}

/// One version with its files, for whoever is to confirm it.
#[derive(Debug, Clone, Serialize)]
pub struct WholePolicySet {
    /// The version.
    #[serde(flatten)]
    pub view: PolicySetView,
    /// Its files.
    pub files: Vec<ArchivedFile>,
}

/// Pure: where a version stands among all of them.
fn state(row: &PolicySetRow, all: &[PolicySetRow]) -> PolicySetState {
    let newer = |other: &&PolicySetRow| other.version > row.version;
    match (row.confirmed_at.is_some(), all.iter().find(newer)) {
        (false, None) => PolicySetState::Proposed,
        (false, Some(_)) => PolicySetState::Superseded,
        (true, _) if all.iter().filter(newer).any(|other| other.confirmed_at.is_some()) => {
            PolicySetState::Replaced
        }
        (true, _) => PolicySetState::InForce,
    }
}

fn view(row: &PolicySetRow, all: &[PolicySetRow]) -> PolicySetView {
    PolicySetView {
        version: row.version,
        sha256: hex::encode(&row.digest),
        state: state(row, all),
        proposed_by: row.proposed_by,
        proposed_at: row.proposed_at,
        confirmed_by: row.confirmed_by,
        confirmed_at: row.confirmed_at,
    }
}

/// Every version.
pub async fn list(ctx: &Context) -> Result<PolicySets, PipelineError> {
    let in_force = ctx.policies().await?.set().clone();
    let all = ctx.store.policy_sets().await?;
    let items = all.iter().map(|row| view(row, &all)).collect();
    Ok(PolicySets { in_force, refused: ctx.policies.refused(), items })
}

/// One version with its files.
pub async fn one(ctx: &Context, version: i64) -> Result<WholePolicySet, PipelineError> {
    let (all, row) = version_of(ctx, version).await?;
    let (_, archive) = stored(ctx, &row).await?;
    Ok(WholePolicySet { view: view(&row, &all), files: archive.listed() })
}

/// Proposes a set. It is examined as at a start, and against the registry: every pack that is in force must be in it.
pub async fn propose(
    ctx: &Context,
    person: &Account,
    proposal: Proposal,
) -> Result<Recorded, PipelineError> {
    may(person, PROPOSES)?;
    let Proposal { version, files } = proposal;
    let archive = Archive::of(files).map_err(|error| refused("policy_files", &[error]))?;
    let (archive, set) = sound(ctx, archive, version).await?;
    let event = event(ctx, person, "policy_set.proposed", (version, &set));
    let new = NewPolicySet {
        version,
        digest: archive.digest(),
        files: archive.bytes().to_vec(),
        by: person.id,
    };
    match ctx.store.propose_policy_set(new, event).await? {
        Applied::Now => Ok(recorded(ctx, &set, (version, PolicySetState::Proposed))),
        Applied::AlreadyApplied | Applied::Stale => Err(PipelineError::conflict(
            "policy_set_version",
            format!(
                "version {version} is not the next one; read the versions and propose the newest one's successor"
            ),
        )),
    }
}

/// Confirms a proposal, which is in force from then on.
pub async fn confirm(
    ctx: &Context,
    person: &Account,
    (version, sha256): (i64, &str),
) -> Result<Recorded, PipelineError> {
    may(person, CONFIRMS)?;
    let (all, row) = version_of(ctx, version).await?;
    let registry = ctx.registry().await?;
    confirmable(&all, &row, sha256)?;
    two_people(&registry, &row, person)?;
    let (digest, archive) = stored(ctx, &row).await?;
    // What was sound when it was proposed may not be today: the registry names another pack, the program is a new one.
    let (_, set) = sound(ctx, archive, version).await?;
    let event = event(ctx, person, "policy_set.confirmed", (version, &set))
        .detail("proposed_by", &row.proposed_by.to_string());
    let confirmation = PolicySetConfirmation { version, digest, by: person.id };
    match ctx.store.confirm_policy_set(confirmation, event).await? {
        Applied::Now => {}
        Applied::AlreadyApplied | Applied::Stale => {
            return Err(PipelineError::conflict(
                "moved_on",
                "somebody else proposed or confirmed at the same moment; read the versions and decide again",
            ));
        }
    }
    ctx.policies.forget();
    let _ = ctx.policies().await?;
    Ok(recorded(ctx, &set, (version, PolicySetState::InForce)))
}

fn may(person: &Account, roles: &[Role]) -> Result<(), PipelineError> {
    if roles.contains(&person.role) {
        return Ok(());
    }
    let names: Vec<&'static str> = roles.iter().map(<&'static str>::from).collect();
    Err(PipelineError::forbidden(
        "role",
        format!("this is for the role `{}`", names.join("` or `")),
    ))
}

async fn version_of(
    ctx: &Context,
    version: i64,
) -> Result<(Vec<PolicySetRow>, PolicySetRow), PipelineError> {
    let all = ctx.store.policy_sets().await?;
    let row = all.iter().find(|row| row.version == version).cloned();
    Ok((all, row.ok_or_else(PipelineError::not_found)?))
}

/// Pure: whether this version, with this digest, waits for a confirmation.
fn confirmable(
    all: &[PolicySetRow],
    row: &PolicySetRow,
    sha256: &str,
) -> Result<(), PipelineError> {
    let version = row.version;
    match state(row, all) {
        PolicySetState::Proposed => {}
        PolicySetState::Superseded => {
            return Err(PipelineError::conflict(
                "policy_set_superseded",
                format!("a newer proposal took the place of version {version}; read that one"),
            ));
        }
        PolicySetState::InForce | PolicySetState::Replaced => {
            return Err(PipelineError::conflict(
                "policy_set_confirmed",
                format!("version {version} was confirmed before; nothing is left to do"),
            ));
        }
    }
    if hex::encode(&row.digest) == sha256.to_ascii_lowercase() {
        return Ok(());
    }
    Err(PipelineError::conflict(
        "policy_set_changed",
        format!(
            "version {version} is not the set with this SHA-256; read it and confirm what you read"
        ),
    ))
}

/// Pure: whoever confirms is somebody else than who proposed, and that person still may.
fn two_people(
    registry: &Registry,
    row: &PolicySetRow,
    person: &Account,
) -> Result<(), PipelineError> {
    let proposer = registry.account(row.proposed_by);
    if standing::is_one_of(registry, person, &[row.proposed_by]) {
        return Err(PipelineError::forbidden(
            "separation_of_duties",
            "you proposed this set; another person must read and confirm it (CORE-SEPARATION)",
        ));
    }
    let still = |account: &Account| account.active && PROPOSES.contains(&account.role);
    if proposer.is_some_and(still) {
        return Ok(());
    }
    Err(PipelineError::conflict(
        "policy_set_proposer",
        "whoever proposed this set may not propose any longer; somebody who may must propose it anew",
    ))
}

async fn stored(ctx: &Context, row: &PolicySetRow) -> Result<([u8; 32], Archive), PipelineError> {
    let unreadable = || PipelineError::Inconsistent("a policy set");
    let (_, files) = ctx.store.policy_set_files(row.version).await?.ok_or_else(unreadable)?;
    let archive = Archive::read(&files).map_err(|_| unreadable())?;
    let digest = archive.digest();
    if digest.as_slice() == row.digest { Ok((digest, archive)) } else { Err(unreadable()) }
}

/// The set, if it could be put in force now.
async fn sound(
    ctx: &Context,
    archive: Archive,
    version: i64,
) -> Result<(Archive, PolicySet), PipelineError> {
    let registry = ctx.registry().await?;
    let now = ctx.now();
    let read = move || {
        let set = archive.load(SetOrigin::Activated(version), now);
        (archive, set)
    };
    let (archive, set) = tokio::task::spawn_blocking(read)
        .await
        .map_err(|_| PipelineError::Inconsistent("a policy set: its reader stopped"))?;
    let set = set.map_err(|errors| refused("policy_pack", &errors))?;
    let missing = unmet(&registry, &set);
    if missing.is_empty() { Ok((archive, set)) } else { Err(refused("policy_pack", &missing)) }
}

fn refused<E: ToString>(code: &str, errors: &[E]) -> PipelineError {
    let errors = errors.iter().map(|error| ShapeError::new(code, "/files", error.to_string()));
    PipelineError::Refused(Refusal::Shape(errors.collect()))
}

/// Pure: what the registry asks of a set that this one does not have.
pub fn unmet(registry: &Registry, set: &PolicySet) -> Vec<String> {
    let of_units = registry.units.iter().map(|unit| (unit.id.to_string(), &unit.packs));
    let of_agencies =
        registry.agencies.iter().map(|entry| (entry.agency.ori.to_string(), &entry.agency.packs));
    let named = of_units
        .chain(of_agencies)
        .flat_map(|(who, packs)| packs.iter().map(move |pack| (who.clone(), pack)));
    let packs = named.filter(|(_, pack)| set.pack(pack).is_none()).map(|(who, pack)| {
        format!("`{who}` has the pack `{pack}` in force, and the set has none of this name; add it, or import a registry without it first")
    });
    let words = registry.units.iter().flat_map(|unit| {
        let absent = set.words().absent(&unit.words).into_iter();
        absent.map(move |error| format!("`{}`: {error}", unit.id))
    });
    packs.chain(words).collect()
}

/// Pure: packs whose review is overdue or comes within 30 days.
pub fn reviews(set: &PolicySet, today: NaiveDate) -> Vec<ReviewDue> {
    let due = set.packs().filter_map(|pack| Some((pack, pack.review_due()?)));
    let soon = due.filter(|(_, due)| *due <= today + REVIEW_SOON);
    soon.map(|(pack, review_due)| ReviewDue {
        pack: pack.in_force().pack.clone(),
        review_due,
        overdue: pack.review_overdue(today),
    })
    .collect()
}

fn recorded(ctx: &Context, set: &PolicySet, (version, state): (i64, PolicySetState)) -> Recorded {
    let reviews = reviews(set, ctx.now().date_naive());
    Recorded { version, sha256: set.set().sha256.clone(), state, reviews }
}

fn event(
    ctx: &Context,
    person: &Account,
    action: &str,
    (version, set): (i64, &PolicySet),
) -> AuditEvent {
    let actor = Actor::Person { account: person.id };
    let mut event = AuditEvent::new(ctx.now(), actor, action)
        .unit(&person.unit)
        .detail("version", &version.to_string())
        .detail("digest", &set.set().sha256);
    event.packs = set
        .packs()
        .map(Pack::in_force)
        .map(|pack| format!("{}@{}", pack.pack, pack.sha256.get(..16).unwrap_or_default()))
        .collect();
    event
}
