//! `leadbroker policy explain`: every rule that is asked about a form, and what it says, without a decision being made.

use std::cmp::Reverse;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;

use super::args::ExplainArgs;
use super::config_command::loaded;
use super::{Output, exit};
use crate::app;
use crate::audit::{Actor, AuditEvent};
use crate::domain::form::{ParseFailure, SignatureMethod, parse_form};
use crate::domain::{Finding, Form, Lane, RequestId, UnitId, Verdict};
use crate::lifecycle::Stage;
use crate::pipeline::{Context, sealed, standing};
use crate::policy::{Explained, Facts, Gate, PackInForce, facts};
use crate::registry::Registry;
use crate::store::{Change, RequestRow};

/// What is explained: a stored request, or a form as though it came now.
struct Asked {
    row: RequestRow,
    form: Form,
    signature_verified: bool,
}

/// The answer. It holds no words of the form.
#[derive(Debug, Serialize)]
struct Explanation {
    verdict: Verdict,
    packs: Vec<PackInForce>,
    rules: Vec<Explained>,
    /// Refusals of the engine's own, which no rule states: a pack that is not loaded, a question without an answer.
    engine: Vec<Finding>,
}

/// Runs the command. Explaining a stored request reads its sealed form, and is an entry of the audit log.
pub(super) async fn run(
    args: &ExplainArgs,
    config: Option<&Path>,
    output: &mut Output,
) -> anyhow::Result<u8> {
    if let Some(gate) = args.gate.filter(|gate| !has_facts(*gate)) {
        output.error("gate_without_facts", &without_facts(gate));
        return Ok(exit::USAGE);
    }
    let ctx = app::context(&loaded(config)?.config).await?;
    let told = explain(&ctx, args, output).await;
    ctx.store.close().await;
    told
}

async fn explain(ctx: &Context, args: &ExplainArgs, output: &mut Output) -> anyhow::Result<u8> {
    let registry = ctx.registry().await?;
    let stored = args.subject.parse::<RequestId>().ok();
    let asked = if let Some(request) = stored {
        let Some(row) = ctx.store.request(request).await? else {
            output.error("request_unknown", &format!("there is no request `{request}`"));
            return Ok(exit::DATA);
        };
        of_request(ctx, row)?
    } else {
        match of_file(ctx, &args.subject)? {
            Ok(asked) => asked,
            Err(failure) => return Ok(misshapen(&failure, output)),
        }
    };
    let explanation = explanation(ctx, &registry, &asked, args.gate);
    if stored.is_some() {
        let actor = Actor::Operator { command: "policy explain".to_owned() };
        let event = AuditEvent::new(ctx.now(), actor, "search_request.explained")
            .request(asked.row.id)
            .unit(&asked.row.unit)
            .agency(&asked.row.ori)
            .clause("LACRIS-AUD-2");
        let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    }
    if output.is_json() {
        output.value(&explanation);
    } else {
        told(&explanation, output);
    }
    Ok(exit::OK)
}

/// Whether a form and the registry are all that the gate looks at.
fn has_facts(gate: Gate) -> bool {
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

fn without_facts(gate: Gate) -> String {
    format!(
        "the facts of `{}` exist only while somebody acts; `leadbroker audit show REQUEST` tells what was decided there, \
         and this command explains submit, use_probe and dispatch",
        gate.as_str()
    )
}

fn of_request(ctx: &Context, row: RequestRow) -> anyhow::Result<Asked> {
    let intake = sealed::intake_of(ctx, &row)
        .with_context(|| format!("open the form of `{}`; it may have been destroyed", row.id))?;
    Ok(Asked { form: intake.form, signature_verified: intake.signature_verified, row })
}

/// A form as though the agency that it names sent it now, under a signature that is good.
fn of_file(ctx: &Context, path: &str) -> anyhow::Result<Result<Asked, ParseFailure>> {
    let bytes = std::fs::read(path).with_context(|| {
        format!("read `{path}`: expected the file of a form, or the id of a request (r-…)")
    })?;
    let form = match parse_form(&bytes) {
        Ok(form) => form,
        Err(failure) => return Ok(Err(failure)),
    };
    let unit: UnitId =
        form.provider_unit.parse().context("read `provider_unit`: it is no unit's id")?;
    let now = ctx.now();
    let row = RequestRow {
        id: RequestId::new(ctx.ids.id()),
        unit,
        ori: form.requesting_agency.clone(),
        stage: Stage::Received,
        version: 0,
        lane: Lane::Routine,
        fence: 0,
        received_at: now,
        updated_at: now,
        deadline_at: None,
        repeat_hash: Vec::new(),
        case_number_of_unit: None,
        outcome: None,
        findings: Vec::new(),
        supersedes: None,
        data_key: None,
        form: None,
    };
    let signature_verified = match form.signature.method {
        SignatureMethod::Token | SignatureMethod::Cms => true,
        SignatureMethod::Portal => false,
    };
    Ok(Ok(Asked { row, form, signature_verified }))
}

fn misshapen(failure: &ParseFailure, output: &mut Output) -> u8 {
    for error in failure.errors() {
        output.error(&error.code, &format!("{}: {}", error.pointer, error.message));
    }
    exit::REFUSED
}

/// Asks as the stages do: at the check, the form is as fresh as when it came; at dispatch, today counts.
fn explanation(
    ctx: &Context,
    registry: &Arc<Registry>,
    asked: &Asked,
    gate: Option<Gate>,
) -> Explanation {
    let Asked { row, form, signature_verified } = asked;
    let standing = standing::standing(ctx, registry, row, *signature_verified);
    let packs = standing::packs(registry, row);
    let questions: Vec<Facts> = if gate == Some(Gate::Dispatch) {
        vec![facts::dispatch(form, &standing, ctx.now())]
    } else {
        let whole = facts::form(form, &standing, row.received_at);
        let all = std::iter::once(whole.submit).chain(whole.probes);
        all.filter(|facts| gate.is_none_or(|gate| facts.gate() == gate)).collect()
    };
    let decision = ctx.policies.decide_each(&packs, &questions);
    let mut rules: Vec<Explained> =
        questions.iter().flat_map(|facts| ctx.policies.explain(&packs, facts)).collect();
    rules.sort_by(|a, b| (Reverse(a.verdict), a).cmp(&(Reverse(b.verdict), b)));
    let stated = |finding: &&Finding| {
        rules.iter().any(|rule| rule.clause == finding.clause && rule.message == finding.message)
    };
    Explanation {
        verdict: decision.verdict(),
        packs: decision.packs().iter().cloned().collect(),
        engine: decision.findings().iter().filter(|f| !stated(f)).cloned().collect(),
        rules,
    }
}

fn told(explanation: &Explanation, output: &mut Output) {
    // The digest is cut as in the audit log, so that both can be laid side by side.
    let packs: Vec<String> = explanation
        .packs
        .iter()
        .map(|pack| format!("{}@{}", pack.pack, pack.sha256.get(..16).unwrap_or_default()))
        .collect();
    output.line(&format!("{}; packs in force: {}", word(explanation.verdict), packs.join(", ")));
    for finding in &explanation.engine {
        output.line(&format!(
            "{}  {}  {}  -> {}",
            word(finding.verdict),
            finding.clause,
            finding.message,
            finding.remedy
        ));
    }
    let rows: Vec<Vec<String>> = explanation.rules.iter().map(cells).collect();
    let headers = [
        "verdict",
        "gate",
        "pack",
        "rule",
        "clause",
        "what it says",
        "field",
        "message",
        "remedy",
        "place",
        "source lines",
    ];
    output.table(&headers, &rows);
}

/// One rule. Message and remedy are of the broken rule, so a kept one shows none.
fn cells(rule: &Explained) -> Vec<String> {
    let broken = |text: &str| match rule.verdict {
        Verdict::Accept => "-".to_owned(),
        Verdict::Hold | Verdict::Reject if rule.failed => {
            "the rule could not be evaluated, so it refuses".to_owned()
        }
        Verdict::Hold | Verdict::Reject => text.to_owned(),
    };
    vec![
        word(rule.verdict).to_owned(),
        rule.gate.as_str().to_owned(),
        rule.pack.to_string(),
        rule.rule.clone(),
        rule.clause.clone(),
        rule.clause_text.clone(),
        rule.field.clone(),
        broken(&rule.message),
        broken(&rule.remedy),
        rule.place.clone(),
        rule.clause_lines.clone(),
    ]
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Hold => "hold",
        Verdict::Reject => "reject",
    }
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
