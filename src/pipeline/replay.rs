//! What another set of packs would have decided about the requests that are stored, before anybody puts it in force.
//!
//! Each request is decided again as it was when it came, under the set in force and under the candidate, with the registry
//! of that time. Nothing is changed; that it was done is an entry of the audit log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::standing::Moment;
use super::{Context, PipelineError, Refusal, sealed, standing};
use crate::audit::{Actor, AuditEvent};
use crate::domain::{Form, RequestId, Verdict};
use crate::policy::facts::{self, Standing};
use crate::policy::{PolicyDecision, PolicySet, SetInForce};
use crate::registry::Registry;
use crate::store::{Change, RequestRow};

/// Requests read at a time.
const BATCH: i64 = 200;
/// The two questions, as the stages ask them.
const CHECK: &str = "submit+use_probe";
const DISPATCH: &str = "dispatch";

/// What would have been decided differently. It holds ids and codes, no personal data.
#[derive(Debug, Serialize)]
pub struct Replay {
    /// The set in force.
    pub in_force: SetInForce,
    /// SHA-256 of the candidate.
    pub candidate: String,
    /// Requests that were decided again.
    pub decided: u64,
    /// Requests whose content was destroyed.
    pub destroyed: u64,
    /// Requests that were decided with the newest registry, because none from before them is stored.
    pub with_newest_registry: u64,
    /// Requests about which the two sets differ.
    pub changed: u64,
    /// Other verdicts.
    pub verdicts: Vec<VerdictChange>,
    /// Findings that one set has and the other has not.
    pub clauses: Vec<ClauseChange>,
}

/// Requests that would have got another verdict.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct VerdictChange {
    /// At which gates.
    pub gate: &'static str,
    /// By the set in force.
    pub from: Verdict,
    /// By the candidate.
    pub to: Verdict,
    /// How many.
    pub count: usize,
    /// Which.
    pub requests: Vec<RequestId>,
}

/// Requests with a finding of this clause by one of the sets only.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ClauseChange {
    /// The clause.
    pub clause: String,
    /// Its pack.
    pub pack: String,
    /// At which gates.
    pub gate: &'static str,
    /// What the finding says.
    pub verdict: Verdict,
    /// `found`: by the candidate only; `not_found`: by the set in force only.
    pub change: Difference,
    /// How many.
    pub count: usize,
    /// Which.
    pub requests: Vec<RequestId>,
}

/// Which of the two sets has a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Difference {
    /// The candidate only.
    Found,
    /// The set in force only.
    NotFound,
}

/// What differs so far.
#[derive(Debug, Default)]
struct Differences {
    verdicts: BTreeMap<(&'static str, Verdict, Verdict), BTreeSet<RequestId>>,
    clauses: BTreeMap<(&'static str, String, String, Verdict, Difference), BTreeSet<RequestId>>,
    changed: BTreeSet<RequestId>,
}

impl Differences {
    /// Compares what the two sets say about one request at one question.
    fn note(
        &mut self,
        request: RequestId,
        gate: &'static str,
        (before, after): (&PolicyDecision, &PolicyDecision),
    ) {
        let (from, to) = (before.verdict(), after.verdict());
        if from != to {
            self.changed.insert(request);
            self.verdicts.entry((gate, from, to)).or_default().insert(request);
        }
        let of = |decision: &PolicyDecision| -> BTreeSet<(String, String, Verdict)> {
            let findings = decision.findings().iter();
            findings.map(|f| (f.clause.clone(), f.pack.clone(), f.verdict)).collect()
        };
        let (before, after) = (of(before), of(after));
        let found = after.difference(&before).map(|finding| (finding, Difference::Found));
        let not_found = before.difference(&after).map(|finding| (finding, Difference::NotFound));
        for ((clause, pack, verdict), difference) in found.chain(not_found) {
            self.changed.insert(request);
            let key = (gate, clause.clone(), pack.clone(), *verdict, difference);
            self.clauses.entry(key).or_default().insert(request);
        }
    }

    fn verdicts(&self) -> Vec<VerdictChange> {
        let mut all = Vec::new();
        for ((gate, from, to), requests) in &self.verdicts {
            let requests: Vec<RequestId> = requests.iter().copied().collect();
            let (from, to, count) = (*from, *to, requests.len());
            all.push(VerdictChange { gate, from, to, count, requests });
        }
        all
    }

    fn clauses(&self) -> Vec<ClauseChange> {
        let mut all: Vec<ClauseChange> = Vec::new();
        for ((gate, clause, pack, verdict, change), requests) in &self.clauses {
            let requests: Vec<RequestId> = requests.iter().copied().collect();
            all.push(ClauseChange {
                clause: clause.clone(),
                pack: pack.clone(),
                gate,
                verdict: *verdict,
                change: *change,
                count: requests.len(),
                requests,
            });
        }
        all.sort_by(|a, b| (&a.clause, &a.pack, a.gate).cmp(&(&b.clause, &b.pack, b.gate)));
        all
    }
}

/// The registries that were in force, opened once.
struct Registries {
    /// Versions and when each came, newest first.
    versions: Vec<(i64, DateTime<Utc>)>,
    opened: BTreeMap<i64, Arc<Registry>>,
}

impl Registries {
    /// The registry at an instant, and whether it is of that time.
    async fn at(
        &mut self,
        ctx: &Context,
        at: DateTime<Utc>,
    ) -> Result<(Arc<Registry>, bool), PipelineError> {
        let of_the_time = self.versions.iter().find(|(_, imported)| *imported <= at);
        let Some((version, _)) = of_the_time.copied() else {
            return Ok((ctx.registry().await?, false));
        };
        if let Some(registry) = self.opened.get(&version) {
            return Ok((Arc::clone(registry), true));
        }
        let sealed = ctx.store.registry_of(version).await?;
        let sealed = sealed.ok_or(PipelineError::Inconsistent("a version of the registry"))?;
        let registry: Arc<Registry> = Arc::new(ctx.vault.open_registry(&sealed)?);
        self.opened.insert(version, Arc::clone(&registry));
        Ok((registry, true))
    }
}

/// Decides every stored request again that was received at `since` or later. `progress` is told how many of how many are
/// done.
pub async fn replay(
    ctx: &Context,
    candidate: &PolicySet,
    since: DateTime<Utc>,
    progress: impl Fn(u64, u64),
) -> Result<Replay, PipelineError> {
    let in_force = ctx.policies().await?;
    let total = ctx.store.count_received(since).await?;
    recorded(ctx, candidate, since, total).await?;
    let mut registries =
        Registries { versions: ctx.store.registry_versions().await?, opened: BTreeMap::new() };
    let mut differences = Differences::default();
    let (mut decided, mut destroyed, mut with_newest) = (0, 0, 0);
    let mut after = None;
    loop {
        let rows = ctx.store.received(since, after, BATCH).await?;
        for row in &rows {
            let intake = match sealed::intake_of(ctx, row) {
                Ok(intake) => intake,
                Err(PipelineError::Refused(Refusal::Gone)) => {
                    destroyed += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let (registry, of_the_time) = registries.at(ctx, row.received_at).await?;
            with_newest += u64::from(!of_the_time);
            let (limits, at) = (ctx.rules.policy, row.received_at);
            let of = async |policies| {
                let moment = Moment { registry: &registry, policies, limits, at };
                let about = (&intake.form, intake.signature_verified);
                let standing = standing::of_stored(ctx, &moment, row, about).await?;
                Ok::<_, PipelineError>(decisions(&moment, row, (&intake.form, &standing)))
            };
            let (before, then) = (of(&in_force).await?, of(candidate).await?);
            differences.note(row.id, CHECK, (&before.0, &then.0));
            differences.note(row.id, DISPATCH, (&before.1, &then.1));
            decided += 1;
        }
        progress(decided + destroyed, total);
        after = rows.last().map(|row| row.id);
        if after.is_none() {
            break;
        }
    }
    Ok(Replay {
        in_force: in_force.set().clone(),
        candidate: candidate.set().sha256.clone(),
        decided,
        destroyed,
        with_newest_registry: with_newest,
        changed: differences.changed.len() as u64,
        verdicts: differences.verdicts(),
        clauses: differences.clauses(),
    })
}

/// Pure: what a set says about a request at that moment: to its form, and to its way into a queue.
fn decisions(
    moment: &Moment<'_>,
    row: &RequestRow,
    (form, standing): (&Form, &Standing),
) -> (PolicyDecision, PolicyDecision) {
    let packs = standing::packs(moment.registry, row);
    let dispatch = facts::dispatch(form, standing, moment.at);
    let form = facts::form(form, standing, moment.at);
    (moment.policies.decide_form(&packs, &form), moment.policies.decide(&packs, &dispatch))
}

/// Opening so many forms is recorded before the first one is read.
async fn recorded(
    ctx: &Context,
    candidate: &PolicySet,
    since: DateTime<Utc>,
    total: u64,
) -> Result<(), PipelineError> {
    let actor = Actor::Operator { command: "policy replay".to_owned() };
    let event = AuditEvent::new(ctx.now(), actor, "policy.replayed")
        .clause("LACRIS-AUD-2")
        .detail("candidate", &candidate.set().sha256)
        .detail("since", &since.date_naive().to_string())
        .detail("requests", &total.to_string());
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    Ok(())
}
