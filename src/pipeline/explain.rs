//! Every rule that is asked about a form, and what it says, without a decision being made.

use std::cmp::Reverse;

use serde::Serialize;

use super::standing::Moment;
use super::{Context, PipelineError, sealed, standing};
use crate::audit::{Actor, AuditEvent};
use crate::domain::{Finding, Form, PackId, Verdict};
use crate::policy::{Explained, Facts, Gate, PackInForce, facts};
use crate::store::{Change, RequestRow};

/// What is explained: a stored request, or a form as though it came now.
#[derive(Debug)]
pub struct Asked {
    /// The request.
    pub row: RequestRow,
    /// Its form.
    pub form: Form,
    /// Whether its signature was verified.
    pub signature_verified: bool,
    /// Packs to ask instead of those that the registry has in force; `core` is asked in any case.
    pub packs: Option<Vec<PackId>>,
}

/// The answer. It holds no words of the form.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The strictest verdict.
    pub verdict: Verdict,
    /// The packs that were asked.
    pub packs: Vec<PackInForce>,
    /// The rules, the strictest first.
    pub rules: Vec<Explained>,
    /// Refusals of the engine's own, which no rule states: a pack that is not loaded, a question without an answer.
    pub engine: Vec<Finding>,
}

/// Whether a form and the registry are all that the gate looks at.
pub fn has_facts(gate: Gate) -> bool {
    match gate {
        Gate::Submit | Gate::UseProbe | Gate::Dispatch => true,
        Gate::Lease
        | Gate::Conclude
        | Gate::SecondReview
        | Gate::Release
        | Gate::Deliver
        | Gate::Read
        | Gate::Disclose
        | Gate::Destroy => false,
    }
}

/// What to say about a gate without facts.
pub fn without_facts(gate: Gate) -> String {
    format!(
        "the facts of `{}` exist only while somebody acts; `leadbroker audit show REQUEST` tells what was decided there, \
         and submit, use_probe and dispatch are explained",
        gate.as_str()
    )
}

/// Opens a stored request.
pub fn of_request(ctx: &Context, row: RequestRow) -> Result<Asked, PipelineError> {
    let intake = sealed::intake_of(ctx, &row)?;
    let sealed::Intake { form, signature_verified, .. } = intake;
    Ok(Asked { form, signature_verified, row, packs: None })
}

/// Explains a stored request. Its sealed form is read, and that is an entry of the audit log before anything is told.
pub async fn read(
    ctx: &Context,
    actor: Actor,
    row: RequestRow,
    gate: Option<Gate>,
) -> Result<Explanation, PipelineError> {
    let event = AuditEvent::new(ctx.now(), actor, "search_request.explained")
        .request(row.id)
        .unit(&row.unit)
        .agency(&row.ori)
        .clause("LACRIS-AUD-2");
    let asked = of_request(ctx, row)?;
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    explanation(ctx, &asked, gate).await
}

/// Asks as the stages do: at the check, the form is as fresh as when it came; at dispatch, today counts.
pub async fn explanation(
    ctx: &Context,
    asked: &Asked,
    gate: Option<Gate>,
) -> Result<Explanation, PipelineError> {
    let Asked { row, form, signature_verified, packs } = asked;
    let (registry, policies) = (ctx.registry().await?, ctx.policies().await?);
    let moment = Moment::now(ctx, &registry, &policies);
    let mut standing = standing::of_stored(ctx, &moment, row, (form, *signature_verified)).await?;
    if let Some(packs) = packs {
        // As though they bound the unit, whose own rules would ask nothing otherwise.
        standing.service.packs.clone_from(packs);
    }
    let packs = packs.clone().unwrap_or_else(|| standing::packs(&registry, row));
    let questions: Vec<Facts> = if gate == Some(Gate::Dispatch) {
        vec![facts::dispatch(form, &standing, ctx.now())]
    } else {
        let whole = facts::form(form, &standing, row.received_at);
        let all = std::iter::once(whole.submit).chain(whole.probes);
        all.filter(|facts| gate.is_none_or(|gate| facts.gate() == gate)).collect()
    };
    let decision = policies.decide_each(&packs, &questions);
    let mut rules: Vec<Explained> =
        questions.iter().flat_map(|facts| policies.explain(&packs, facts)).collect();
    rules.sort_by(|a, b| (Reverse(a.verdict), a).cmp(&(Reverse(b.verdict), b)));
    let stated = |finding: &&Finding| {
        rules.iter().any(|rule| rule.clause == finding.clause && rule.message == finding.message)
    };
    Ok(Explanation {
        verdict: decision.verdict(),
        packs: decision.packs().iter().cloned().collect(),
        engine: decision.findings().iter().filter(|f| !stated(f)).cloned().collect(),
        rules,
    })
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn a_gate_without_facts_says_where_its_decisions_are() {
        let explained: Vec<&str> = Gate::VARIANTS
            .iter()
            .filter(|gate| has_facts(**gate))
            .map(|gate| gate.as_str())
            .collect();
        assert_eq!(explained, ["submit", "use_probe", "dispatch"]);
        assert!(without_facts(Gate::Lease).contains("`leadbroker audit show REQUEST`"));
    }
}
