//! What the registry and the clock say now, as the rules see it. Read again at every gate, so that whatever lapsed in
//! between stops the job there.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::emergency::suspension;
use super::{Context, PipelineError};
use crate::domain::examination::Examination;
use crate::domain::form::FormAffirmation;
use crate::domain::plain_text::same_name;
use crate::domain::{
    Account, AccountId, Agency, AgencyStanding, Form, Outcome, PackId, RepositoryKind, Role,
};
use crate::lifecycle::Stage;
use crate::policy::facts::{self, Limits, Offered, Officer, ReviewerStanding, Service, Standing};
use crate::policy::{PolicyDecision, PolicySet};
use crate::registry::Registry;
use crate::store::RequestRow;

/// Packs of both sides: the unit's and the agency's own.
pub fn packs(registry: &Registry, row: &RequestRow) -> Vec<PackId> {
    let mut packs = unit_packs(registry, row);
    packs.extend(registry.agency(&row.ori).map(|agency| agency.packs.clone()).unwrap_or_default());
    packs.sort();
    packs.dedup();
    packs
}

/// Packs that bind the unit itself.
pub fn unit_packs(registry: &Registry, row: &RequestRow) -> Vec<PackId> {
    registry.unit(&row.unit).map(|unit| unit.packs.clone()).unwrap_or_default()
}

/// The agency as the registry has it; one that is gone from it counts as suspended.
pub fn agency(registry: &Registry, row: &RequestRow) -> Agency {
    registry.agency(&row.ori).cloned().unwrap_or_else(|| Agency {
        ori: row.ori.clone(),
        name: row.ori.to_string(),
        domains: Vec::new(),
        standing: AgencyStanding::Suspended,
        packs: Vec::new(),
        amqp_user: None,
        call_back: None,
        agreements: Vec::new(),
    })
}

/// What a question is asked about beside the request: registry, policies and figures at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'m> {
    /// Units, agencies, people.
    pub registry: &'m Registry,
    /// The set that decides.
    pub policies: &'m PolicySet,
    /// The site's figures.
    pub limits: Limits,
    /// When.
    pub at: DateTime<Utc>,
}

impl<'m> Moment<'m> {
    /// This moment.
    pub fn now(ctx: &Context, registry: &'m Registry, policies: &'m PolicySet) -> Self {
        Self { registry, policies, limits: ctx.rules.policy, at: ctx.now() }
    }
}

/// The unit's service.
pub fn service(moment: &Moment<'_>, row: &RequestRow) -> Service {
    let Moment { registry, policies, limits, at } = *moment;
    let unit = registry.unit(&row.unit);
    let repositories = unit.map(|unit| unit.repositories.as_slice()).unwrap_or_default();
    let words = unit.map(|unit| policies.words().of_unit(&unit.words));
    Service {
        unit: row.unit.clone(),
        enabled: unit.is_some(),
        repositories: repositories
            .iter()
            .map(|repository| {
                let kind = match repository.kind {
                    RepositoryKind::Mugshot => Offered::Mugshot,
                    RepositoryKind::Other => Offered::Other,
                };
                (repository.id.clone(), kind)
            })
            .collect(),
        limits,
        packs: unit_packs(registry, row),
        systems: registry
            .systems(&row.unit)
            .map(|system| (system.name.clone(), system.is_safeguarded(at)))
            .collect(),
        words: words.unwrap_or_else(|| policies.words().clone()),
    }
}

/// Who asks, and whom.
pub fn standing(moment: &Moment<'_>, row: &RequestRow, signature_verified: bool) -> Standing {
    Standing {
        agency: agency(moment.registry, row),
        service: service(moment, row),
        signature_verified,
        requester_suspended: false,
    }
}

/// Who asks by a stored form, and whom: with what the form alone does not say.
pub async fn of_stored(
    ctx: &Context,
    moment: &Moment<'_>,
    row: &RequestRow,
    (form, signature_verified): (&Form, bool),
) -> Result<Standing, PipelineError> {
    let email = form.requester.email.expose();
    Ok(Standing {
        requester_suspended: suspension::was_suspended(ctx, row, email).await?,
        ..standing(moment, row, signature_verified)
    })
}

/// A person as the rules see one.
pub fn reviewer(
    registry: &Registry,
    row: &RequestRow,
    form: &Form,
    person: &Account,
    now: DateTime<Utc>,
) -> ReviewerStanding {
    ReviewerStanding {
        role: person.role,
        active: person.active,
        of_unit: person.unit == row.unit,
        on_duty: registry.on_duty(&row.unit, row.lane, now).contains(&person.id),
        is_requester: is_requester(form, person),
        credentials: person.credentials.clone(),
        positions: person.positions.clone(),
        unit_packs: unit_packs(registry, row),
        trainers: registry.unit(&row.unit).map(|unit| unit.trainers.clone()).unwrap_or_default(),
        trainings: registry.trainings(person.id).cloned().collect(),
    }
}

/// Whether the printed names are the same; a person cannot be two roles on one request.
pub fn is_requester(form: &Form, person: &Account) -> bool {
    same_name(&person.name, form.requester.name.expose())
}

/// Whether somebody of these accounts is this person, under whatever account.
pub fn is_one_of(registry: &Registry, person: &Account, others: &[AccountId]) -> bool {
    let same = |id: &AccountId| {
        registry.account(*id).map_or(*id == person.id, |other| person.is_same_person(other))
    };
    others.iter().any(same)
}

/// An examination of a form as the rules see one.
pub fn examination(
    exam: &Examination,
    form: &Form,
    probes: usize,
    claims_identity: bool,
) -> facts::Examination {
    let decided: BTreeSet<usize> = exam.suitability.iter().map(|entry| entry.probe).collect();
    facts::Examination {
        outcome: exam.conclusion.into(),
        suitability_decided: decided.len() == probes,
        suitable: exam.suitability.iter().any(|entry| entry.suitable),
        search_recorded: !exam.searches.is_empty(),
        comparison_done: !exam.comparison.is_empty(),
        narrative_letters: u32::try_from(exam.narrative_letters()).unwrap_or(u32::MAX),
        lead_images: u32::from(exam.candidate.is_some()),
        declined_clause: exam.declined_under.is_some(),
        searched: exam.searches.iter().map(|search| search.repository.clone()).collect(),
        frontal: exam.is_frontal(),
        verified_with: u32::try_from(exam.resources_asked()).unwrap_or(u32::MAX),
        claims_identity,
        systems: exam.searches.iter().map(|search| search.system.clone()).collect(),
        bias_review_letters: u32::try_from(exam.bias_review_letters()).unwrap_or(u32::MAX),
        generative_ai: exam.generative_ai.is_some(),
        generative_ai_approved: exam
            .generative_ai
            .as_ref()
            .and_then(|used| used.approved_by.as_ref())
            .is_some_and(|name| name.expose().chars().any(char::is_alphabetic)),
        generative_ai_reviewed: exam.generative_ai.as_ref().is_some_and(|used| used.reviewed),
        altered_employee: alters_employee(exam, form),
    }
}

/// Whether a second reviewer made the comparison that the conclusion rests on. Where nobody searched there is no candidate
/// to compare: what the second reviewer judged is the suitability, or the clause.
pub fn compared(done: &facts::Examination) -> bool {
    done.comparison_done || matches!(done.outcome, Outcome::UnsuitableProbe | Outcome::Declined)
}

/// Whether a step starts from a probe that shows an employee who did not consent (SPD-AI-F1b).
fn alters_employee(exam: &Examination, form: &Form) -> bool {
    form.images
        .iter()
        .filter(|image| image.depicts_employee && image.employee_consent.is_none())
        .any(|image| exam.derivatives.iter().any(|step| step.parent_sha256 == image.sha256))
}

/// A releasing officer as the rules see one.
pub fn officer(registry: &Registry, row: &RequestRow, form: &Form, person: &Account) -> Officer {
    let reviewers: &[_] =
        if let Stage::AwaitingRelease { reviewers, .. } = &row.stage { reviewers } else { &[] };
    let (first, further) = reviewers.split_at(reviewers.len().min(1));
    Officer {
        role: person.role,
        active: person.active,
        of_unit: person.unit == row.unit,
        is_requester: is_requester(form, person),
        is_reviewer: is_one_of(registry, person, first),
        is_second_reviewer: is_one_of(registry, person, further),
        positions: person.positions.clone(),
    }
}

/// Whether everybody who examined the request holds a credential in force. Who is gone from the registry does not.
pub fn credentials_in_force(
    registry: &Registry,
    reviewers: &[AccountId],
    now: DateTime<Utc>,
) -> bool {
    reviewers.iter().all(|id| {
        registry
            .account(*id)
            .is_some_and(|account| account.credentials.iter().any(|c| c.in_force(now)))
    })
}

/// The role that decides a hold.
pub fn decider(decision: &PolicyDecision) -> Role {
    decision.deciders().first().copied().unwrap_or(Role::LocalAdministrator)
}

/// A statement's words, and what shows that they are printed as approved.
#[derive(Debug, Clone)]
pub struct Words {
    /// The words.
    pub text: String,
    /// Statement, and the hash of these words.
    pub printed: FormAffirmation,
}

/// The words of a statement, from the first of the packs that has it.
pub fn statement(policies: &PolicySet, packs: &[PackId], name: &str) -> Option<Words> {
    statements(policies, packs, name).into_iter().next()
}

/// The words of a statement, from every pack that has it, in the order of the packs. The hash is taken of the words as
/// they will be printed, so that the gate compares what leaves with what was approved.
pub fn statements(policies: &PolicySet, packs: &[PackId], name: &str) -> Vec<Words> {
    let views = packs.iter().filter_map(|pack| policies.statement(pack, name));
    let words = views.map(|view| {
        let text_sha256 = hex::encode(openssl::sha::sha256(view.text.as_bytes()));
        let printed = FormAffirmation { statement: view.statement, text_sha256 };
        Words { text: view.text, printed }
    });
    words.collect()
}
