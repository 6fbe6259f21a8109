//! `leadbroker policy explain`: every rule that is asked about a form, and what it says, without a decision being made.

use std::path::Path;

use anyhow::Context as _;

use super::args::ExplainArgs;
use super::config_command::loaded;
use super::{Output, exit};
use crate::app;
use crate::audit::Actor;
use crate::domain::form::{ParseFailure, SignatureMethod, parse_form};
use crate::domain::{Lane, PackId, RequestId, UnitId, Verdict};
use crate::lifecycle::Stage;
use crate::pipeline::Context;
use crate::pipeline::explain::act::BadWish;
use crate::pipeline::explain::{self, Asked, Explanation, Question};
use crate::policy::{Explained, Gate};
use crate::registry::Registry;
use crate::store::RequestRow;

/// Runs the command. Explaining a stored request reads its sealed form, and is an entry of the audit log.
pub(super) async fn run(
    args: &ExplainArgs,
    config: Option<&Path>,
    output: &mut Output,
) -> anyhow::Result<u8> {
    if let Some(Err(message)) = args.gate.map(explain::explainable) {
        output.error("gate_without_facts", &message);
        return Ok(exit::USAGE);
    }
    let ctx = app::context(&loaded(config)?.config).await?;
    let told = explain(&ctx, args, output).await;
    ctx.store.close().await;
    told
}

async fn explain(ctx: &Context, args: &ExplainArgs, output: &mut Output) -> anyhow::Result<u8> {
    let explanation = if let Ok(request) = args.subject.parse::<RequestId>() {
        if args.unit.is_some() || args.agency.is_some() || !args.packs.is_empty() {
            let message = "`--unit`, `--agency` and `--pack` are for a form's file; a stored request has its own";
            output.error("usage", message);
            return Ok(exit::USAGE);
        }
        let Some(row) = ctx.store.request(request).await? else {
            output.error("request_unknown", &format!("there is no request `{request}`"));
            return Ok(exit::DATA);
        };
        let question = match question(&*ctx.registry().await?, args) {
            Ok(question) => question,
            Err(error) => {
                output.error("usage", &error.to_string());
                return Ok(exit::USAGE);
            }
        };
        let actor = Actor::Operator { command: "policy explain".to_owned() };
        explain::read(ctx, actor, row, question)
            .await
            .with_context(|| format!("explain `{request}`; its form may have been destroyed"))?
    } else {
        if let Some(message) = act_of_a_file(args) {
            output.error("usage", &message);
            return Ok(exit::USAGE);
        }
        match of_file(ctx, args)? {
            Ok(asked) => explain::explanation(ctx, &asked, args.gate).await?,
            Err(failure) => return Ok(misshapen(&failure, output)),
        }
    };
    if output.is_json() {
        output.value(&explanation);
    } else {
        told(&explanation, output);
    }
    Ok(exit::OK)
}

/// What is asked about a stored request.
fn question(registry: &Registry, args: &ExplainArgs) -> Result<Question, BadWish> {
    // Without a gate: those of a form, which look at no act.
    let gate = args.gate.unwrap_or(Gate::Submit);
    let act = explain::act::act(registry, gate, &args.act.wish(), None)?;
    Ok(act.map_or(Question::Form(args.gate), |act| Question::Act(Box::new(act))))
}

/// Why a form's file cannot be asked about this; none: it can.
fn act_of_a_file(args: &ExplainArgs) -> Option<String> {
    let gate = args.gate.unwrap_or(Gate::Submit);
    if matches!(gate, Gate::Lease | Gate::Deliver | Gate::Read | Gate::Disclose | Gate::Destroy) {
        let gate = gate.as_str();
        return Some(format!(
            "the gate `{gate}` is asked about a stored request; give its id (r-…)"
        ));
    }
    explain::act::act(&Registry::default(), gate, &args.act.wish(), None)
        .err()
        .map(|error| error.to_string())
}

/// A form as though the agency that it names, or another one, sent it now, under a signature that is good.
fn of_file(ctx: &Context, args: &ExplainArgs) -> anyhow::Result<Result<Asked, ParseFailure>> {
    let path = &args.subject;
    let bytes = std::fs::read(path).with_context(|| {
        format!("read `{path}`: expected the file of a form, or the id of a request (r-…)")
    })?;
    let form = match parse_form(&bytes) {
        Ok(form) => form,
        Err(failure) => return Ok(Err(failure)),
    };
    let unit = args.unit.as_deref().unwrap_or(&form.provider_unit);
    let unit: UnitId = unit.parse().with_context(|| format!("use `{unit}`: it is no unit's id"))?;
    let ori = match &args.agency {
        Some(ori) => ori.parse().with_context(|| format!("use `{ori}`: it is no ORI"))?,
        None => form.requesting_agency.clone(),
    };
    let packs: Vec<PackId> = args
        .packs
        .iter()
        .map(|pack| pack.parse().with_context(|| format!("use `{pack}`: it is no pack's id")))
        .collect::<anyhow::Result<_>>()?;
    let now = ctx.now();
    let row = RequestRow {
        id: RequestId::new(ctx.ids.id()),
        unit,
        ori,
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
        waiting: None,
        data_key: None,
        form: None,
    };
    let signature_verified = match form.signature.method {
        SignatureMethod::Token | SignatureMethod::Cms => true,
        SignatureMethod::Portal => false,
    };
    let packs = (!packs.is_empty()).then_some(packs);
    Ok(Ok(Asked { row, form, signature_verified, packs }))
}

fn misshapen(failure: &ParseFailure, output: &mut Output) -> u8 {
    for error in failure.errors() {
        output.error(&error.code, &format!("{}: {}", error.pointer, error.message));
    }
    exit::REFUSED
}

fn told(explanation: &Explanation, output: &mut Output) {
    // The digest is cut as in the audit log, so that both can be laid side by side.
    let packs: Vec<String> = explanation
        .packs
        .iter()
        .map(|pack| format!("{}@{}", pack.pack, pack.sha256.get(..16).unwrap_or_default()))
        .collect();
    output.line(&format!("{}; packs in force: {}", word(explanation.verdict), packs.join(", ")));
    for assumed in &explanation.assumed {
        output.line(&format!("taken for granted: {assumed}"));
    }
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
