//! Facts in, a decision out.

use std::collections::BTreeMap;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Entities, EntityUid, Request, Schema,
};
use serde::Serialize;
use strum::VariantArray;

use super::decision::{Answers, Explained, PolicyDecision, SetInForce, SetOrigin};
use super::error::PackProblem;
use super::facts::{Facts, FormFacts, Shown};
use super::gate::Gate;
use super::identification::IdentificationWords;
use super::load::CORE;
use super::pack::{Clause, GateRules, Pack, Statement};
use super::words::Lexicon;
use crate::domain::{Finding, PackId, Verdict};

/// The clause of a question that could not be answered.
const EVALUATION: &str = "CORE-EVALUATION";
/// The clause of a pack that is in force and not loaded.
const UNKNOWN_PACK: &str = "CORE-PACK";

/// All packs that were loaded, ready to decide. Parsed once, shared by all.
#[derive(Debug)]
pub struct PolicySet {
    schema: Schema,
    packs: BTreeMap<PackId, Pack>,
    words: Lexicon,
    pub(super) identification: IdentificationWords,
    set: SetInForce,
    core: PackId,
    authorizer: Authorizer,
    entities: Entities,
    broker: EntityUid,
    request: EntityUid,
    actions: BTreeMap<Gate, EntityUid>,
}

/// A statement as the form's endpoint shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatementView {
    /// Pack and statement (`lacris/lead-only`).
    pub statement: String,
    /// The approved text.
    pub text: String,
    /// SHA-256 of the UTF-8 text, hexadecimal.
    pub text_sha256: String,
    /// The clauses that ask for it.
    pub clauses: Vec<String>,
    /// A requester must affirm it.
    #[serde(skip)]
    pub affirm: bool,
}

impl PolicySet {
    pub(super) fn new(
        schema: Schema,
        packs: BTreeMap<PackId, Pack>,
        ((words, identification), sha256): ((Lexicon, IdentificationWords), String),
    ) -> Result<Self, PackProblem> {
        let uid = |text: String| {
            text.parse::<EntityUid>().map_err(|e| PackProblem::Unreadable(e.to_string()))
        };
        let actions = Gate::VARIANTS
            .iter()
            .map(|gate| Ok((*gate, uid(format!("Action::\"{}\"", gate.as_str()))?)));
        Ok(Self {
            broker: uid("Broker::\"broker\"".to_owned())?,
            request: uid("SearchRequest::\"request\"".to_owned())?,
            actions: actions.collect::<Result<_, PackProblem>>()?,
            core: CORE.parse().map_err(|_| PackProblem::NoCore)?,
            authorizer: Authorizer::new(),
            entities: Entities::empty(),
            schema,
            identification: identification.leaving(packs.values()),
            packs,
            words,
            set: SetInForce { origin: SetOrigin::Directory, sha256 },
        })
    }

    /// Which set it is.
    pub fn set(&self) -> &SetInForce {
        &self.set
    }

    /// The same set, from elsewhere than a folder.
    #[must_use]
    pub fn from_origin(mut self, origin: SetOrigin) -> Self {
        self.set.origin = origin;
        self
    }

    /// The same set under another name.
    #[must_use]
    pub(super) fn named(self, set: SetInForce) -> Self {
        Self { set, ..self }
    }

    /// Every pack that was loaded.
    pub fn packs(&self) -> impl Iterator<Item = &Pack> {
        self.packs.values()
    }

    /// The words that need a human, before a unit's own changes.
    pub fn words(&self) -> &Lexicon {
        &self.words
    }

    /// A pack.
    pub fn pack(&self, id: &PackId) -> Option<&Pack> {
        self.packs.get(id)
    }

    /// A clause, whichever pack holds it.
    pub fn clause(&self, id: &str) -> Option<&Clause> {
        self.packs.values().find_map(|pack| pack.clauses.get(id))
    }

    /// Decides one question. `core` is in force whether named or not; a named pack that is not
    /// loaded refuses.
    pub fn decide(&self, packs: &[PackId], facts: &Facts) -> PolicyDecision {
        self.decide_all(packs, std::iter::once(facts))
    }

    /// Decides several questions as one decision.
    pub fn decide_each(&self, packs: &[PackId], questions: &[Facts]) -> PolicyDecision {
        self.decide_all(packs, questions.iter())
    }

    /// Decides a whole form: `submit`, and `use_probe` for each image, as one decision.
    pub fn decide_form(&self, packs: &[PackId], facts: &FormFacts) -> PolicyDecision {
        self.decide_all(packs, std::iter::once(&facts.submit).chain(&facts.probes))
    }

    /// What every rule in force says about the facts, sorted by pack and rule, kept or broken.
    pub fn explain(&self, packs: &[PackId], facts: &Facts) -> Vec<Explained> {
        let mut lines = Vec::new();
        let question = self.question(facts);
        for (pack, rules) in self.asked(packs, facts.gate) {
            let answer = self.answer(question.as_ref(), rules);
            for (id, rule) in &rules.rules {
                let broken = answer.broken.contains(&id.as_str());
                let clause = pack.clauses.get(&rule.clause);
                let name = &pack.in_force.pack;
                lines.push(Explained {
                    pack: name.clone(),
                    rule: id.clone(),
                    gate: facts.gate,
                    clause: rule.clause.clone(),
                    clause_text: clause.map_or_else(String::new, |c| c.text.clone()),
                    clause_lines: clause.map_or_else(String::new, |c| c.lines.clone()),
                    verdict: match (answer.failed.contains(id), broken) {
                        (true, _) => Verdict::Reject,
                        (false, true) => rule.verdict,
                        (false, false) => Verdict::Accept,
                    },
                    failed: answer.failed.contains(id),
                    field: format!("{}{}", facts.prefix, rule.field),
                    message: rule.message.clone(),
                    remedy: rule.remedy.clone(),
                    place: rule.place(name),
                });
            }
        }
        lines.sort();
        lines
    }

    /// The statements of these packs and of `core`, by pack and name.
    pub fn statements(&self, packs: &[PackId]) -> Vec<StatementView> {
        self.in_force(packs)
            .flat_map(|pack| {
                pack.statements
                    .iter()
                    .map(|(name, statement)| view(&pack.in_force.pack, name, statement))
            })
            .collect()
    }

    /// One statement, by its pack and its name within the pack.
    pub fn statement(&self, pack: &PackId, name: &str) -> Option<StatementView> {
        let statement = self.packs.get(pack)?.statements.get(name)?;
        Some(view(pack, name, statement))
    }

    /// SHA-256 of a statement's approved words, by pack and name (`lacris/lead-only`).
    fn approved(&self, statement: &str) -> Option<&str> {
        let (pack, name) = statement.split_once('/')?;
        let pack = self.packs.get(&pack.parse::<PackId>().ok()?)?;
        Some(pack.statements.get(name)?.text_sha256.as_str())
    }

    fn in_force(&self, packs: &[PackId]) -> impl Iterator<Item = &Pack> {
        self.packs
            .iter()
            .filter(|(id, _)| **id == self.core || packs.contains(id))
            .map(|(_, pack)| pack)
    }

    pub(super) fn asked(
        &self,
        packs: &[PackId],
        gate: Gate,
    ) -> impl Iterator<Item = (&Pack, &GateRules)> {
        self.in_force(packs).filter_map(move |pack| Some((pack, pack.gates.get(&gate)?)))
    }

    fn decide_all<'a>(
        &self,
        packs: &[PackId],
        questions: impl Iterator<Item = &'a Facts>,
    ) -> PolicyDecision {
        let mut answers = Answers::default();
        for pack in packs.iter().filter(|id| !self.packs.contains_key(id)) {
            answers.reject(
                UNKNOWN_PACK,
                format!("the policy pack `{pack}` is in force and not loaded"),
                "ask the unit's administrator to install the pack, then send again",
            );
        }
        answers.set = Some(self.set.clone());
        answers.packs = self.in_force(packs).map(|p| p.in_force.clone()).collect();
        for facts in questions {
            self.ask(packs, facts, &mut answers);
        }
        PolicyDecision::new(answers)
    }

    /// A finding for each place that the facts name for its clause; the finding itself where they name none.
    fn each(&self, packs: &[PackId], finding: Finding, shown: &[Shown]) -> Vec<Finding> {
        let shown: Vec<&Shown> =
            shown.iter().filter(|shown| shown.clause == finding.clause).collect();
        if shown.is_empty() {
            return vec![finding];
        }
        let of = |shown: &Shown| {
            let in_force = |id: &&String| {
                self.in_force(packs).any(|pack| pack.clauses.contains_key(id.as_str()))
            };
            let clauses: Vec<&str> = self
                .words
                .clauses(&shown.what)
                .iter()
                .filter(in_force)
                .map(String::as_str)
                .collect();
            let clauses = match clauses.as_slice() {
                [] => String::new(),
                clauses => format!(" ({})", clauses.join(", ")),
            };
            let message = format!("{}: {}{clauses}", finding.message, shown.what);
            Finding { field: shown.field.to_owned(), message, ..finding.clone() }
        };
        shown.into_iter().map(of).collect()
    }

    fn ask(&self, packs: &[PackId], facts: &Facts, answers: &mut Answers) {
        answers.gates.insert(facts.gate);
        let question = self.question(facts);
        let mut unasked = true;
        for (pack, rules) in self.asked(packs, facts.gate) {
            unasked = false;
            let answer = self.answer(question.as_ref(), rules);
            for (id, rule) in &rules.rules {
                answers.rules.insert(id.clone());
                answers.clauses.insert(rule.clause.clone());
            }
            for rule in answer.broken.iter().filter_map(|id| rules.rules.get(*id)) {
                if rule.verdict == Verdict::Hold {
                    answers.deciders.insert(rule.role);
                }
                let finding = rule.finding(&pack.in_force, &facts.prefix);
                answers.findings.extend(self.each(packs, finding, &facts.shown));
            }
            if !answer.failed.is_empty() {
                answers.reject(
                    EVALUATION,
                    format!(
                        "the rules of `{}` could not be evaluated at `{}`, so the answer is no",
                        pack.in_force.pack,
                        facts.gate.as_str()
                    ),
                    "nothing is wrong with the form; tell the unit's administrator, who runs \
                     `leadbroker policy check`",
                );
            }
        }
        if unasked {
            answers.reject(
                EVALUATION,
                format!("no policy in force has a rule for `{}`", facts.gate.as_str()),
                "ask the unit's administrator to put a policy in force that decides this",
            );
        }
    }

    /// The question as Cedar takes it; `None` where the facts do not fit the schema.
    fn question(&self, facts: &Facts) -> Option<Request> {
        let pairs = facts.values.pairs(&|name| self.approved(name)).ok()?;
        let context = Context::from_pairs(pairs).ok()?;
        let action = self.actions.get(&facts.gate)?.clone();
        let (broker, request) = (self.broker.clone(), self.request.clone());
        Request::new(broker, action, request, context, Some(&self.schema)).ok()
    }

    /// Which rules forbid. It is an error if any rule erred, if there is no question, or if Cedar
    /// denies without a reason: a refusal must never be lost with its reason.
    fn answer<'a>(&self, question: Option<&Request>, rules: &'a GateRules) -> Answer<'a> {
        let Some(question) = question else {
            return Answer { broken: Vec::new(), failed: rules.rules.keys().cloned().collect() };
        };
        let response = self.authorizer.is_authorized(question, &rules.cedar, &self.entities);
        let broken: Vec<&str> = match response.decision() {
            Decision::Allow => Vec::new(),
            Decision::Deny => response
                .diagnostics()
                .reason()
                .filter_map(|id| {
                    let id: &str = id.as_ref();
                    rules.rules.get_key_value(id).map(|(id, _)| id.as_str())
                })
                .collect(),
        };
        let unexplained = response.decision() == Decision::Deny && broken.is_empty();
        let failed: Vec<String> = response
            .diagnostics()
            .errors()
            .map(|AuthorizationError::PolicyEvaluationError(e)| e.policy_id().to_string())
            .collect();
        // Where it is not known which rule failed, all of them did.
        let failed = if unexplained && failed.is_empty() {
            rules.rules.keys().cloned().collect()
        } else {
            failed
        };
        Answer { broken, failed }
    }
}

/// What the rules of one pack say at one gate.
struct Answer<'a> {
    broken: Vec<&'a str>,
    /// Rules that could not be evaluated.
    failed: Vec<String>,
}

impl Answers {
    /// A refusal of the engine's own.
    fn reject(&mut self, clause: &str, message: String, remedy: &str) {
        self.clauses.insert(clause.to_owned());
        self.findings.insert(Finding {
            clause: clause.to_owned(),
            pack: CORE.to_owned(),
            verdict: Verdict::Reject,
            field: String::new(),
            message,
            remedy: remedy.to_owned(),
        });
    }
}

fn view(pack: &PackId, name: &str, statement: &Statement) -> StatementView {
    StatementView {
        statement: format!("{pack}/{name}"),
        text: statement.text.clone(),
        text_sha256: statement.text_sha256.clone(),
        clauses: statement.clauses.clone(),
        affirm: statement.affirm,
    }
}
