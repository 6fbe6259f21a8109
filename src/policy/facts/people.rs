//! Facts of who examines, and of an examination.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::form::Service;
use super::{Facts, Record, Value, texts};
use crate::domain::{Credential, Outcome, PackId, Role, TrainerDesignation, Training};
use crate::policy::Gate;

/// Who wants to examine a request, seen from that request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate yes or no that a rule asks")]
pub struct ReviewerStanding {
    /// What the account may do.
    pub role: Role,
    /// The account may log in.
    pub active: bool,
    /// The account belongs to the unit that serves the request.
    pub of_unit: bool,
    /// The roster has the person on duty now.
    pub on_duty: bool,
    /// The person is the requester.
    pub is_requester: bool,
    /// All credentials; those out of force are left out of the facts.
    pub credentials: Vec<Credential>,
    /// Positions that the person holds, as codes.
    #[serde(default)]
    pub positions: Vec<String>,
    /// Packs of the unit that serves the request.
    #[serde(default)]
    pub unit_packs: Vec<PackId>,
    /// The unit's designations of trainers.
    #[serde(default)]
    pub trainers: Vec<TrainerDesignation>,
    /// What the person was taught; what is not completed yet is left out of the facts.
    #[serde(default)]
    pub trainings: Vec<Training>,
}

impl ReviewerStanding {
    fn record(&self, now: DateTime<Utc>) -> Record {
        let in_force = || self.credentials.iter().filter(move |c| c.in_force(now));
        let skills: BTreeSet<(&str, &'static str)> = in_force()
            .flat_map(|c| {
                c.capabilities
                    .iter()
                    .map(|capability| (c.issuer.as_str(), <&'static str>::from(*capability)))
            })
            .collect();
        let skills = skills.into_iter().map(|(issuer, capability)| {
            Record::default().with("issuer", issuer).with("capability", capability)
        });
        let designations = in_force()
            .flat_map(|c| self.trainers.iter().filter(|t| t.covers(&c.issuer, c.issued_at)));
        let capabilities = in_force().flat_map(|c| &c.capabilities).map(<&'static str>::from);
        let taught = || self.trainings.iter().filter(move |t| t.completed_at <= now);
        let fresh = taught().filter(|t| now < t.refresher_due);
        Record::default()
            .with("role", <&'static str>::from(self.role))
            .with("active", self.active)
            .with("of_unit", self.of_unit)
            .with("on_duty", self.on_duty)
            .with("is_requester", self.is_requester)
            .with("issuers", texts(in_force().map(|c| &c.issuer)))
            .with("cjis_issuers", texts(in_force().filter(|c| c.cjis_minimum).map(|c| &c.issuer)))
            .with("courses", texts(in_force().map(|c| &c.course)))
            .with("approvers", texts(in_force().map(|c| &c.approved_by)))
            .with("skills", Value::Records(skills.collect()))
            .with("positions", texts(&self.positions))
            .with("unit_packs", texts(self.unit_packs.iter().map(PackId::as_str)))
            .with("trainers_designated_by", texts(designations.map(|t| &t.designated_by)))
            .with("capabilities", texts(capabilities))
            .with("topics", texts(taught().flat_map(|t| &t.topics)))
            .with("fresh_topics", texts(fresh.flat_map(|t| &t.topics)))
    }
}

/// What a reviewer recorded, at the moment of concluding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate yes or no that a rule asks")]
pub struct Examination {
    /// How it ends.
    pub outcome: Outcome,
    /// Suitability was decided (LACRIS-INV-2a).
    pub suitability_decided: bool,
    /// At least one probe is suitable.
    pub suitable: bool,
    /// A search is recorded.
    pub search_recorded: bool,
    /// The morphological comparison is recorded.
    pub comparison_done: bool,
    /// Letters of the reviewer's report.
    pub narrative_letters: u32,
    /// Lead images.
    pub lead_images: u32,
    /// A decline names its clause.
    pub declined_clause: bool,
    /// Repositories that were searched.
    pub searched: BTreeSet<String>,
    /// Every probe that was found suitable shows the face from the front (APD-3G2).
    #[serde(default)]
    pub frontal: bool,
    /// Other resources that the candidate was checked against (APD-4D5).
    #[serde(default)]
    pub verified_with: u32,
    /// The report says that a face is somebody (OX-461.3f2).
    #[serde(default)]
    pub claims_identity: bool,
    /// Systems that were searched with.
    #[serde(default)]
    pub systems: BTreeSet<String>,
    /// Letters of the review for bias.
    #[serde(default)]
    pub bias_review_letters: u32,
    /// Generative AI made or altered something of the record.
    #[serde(default)]
    pub generative_ai: bool,
    /// A supervisor approved that.
    #[serde(default)]
    pub generative_ai_approved: bool,
    /// The reviewer reviewed what it made for accuracy.
    #[serde(default)]
    pub generative_ai_reviewed: bool,
    /// An image that shows an employee was altered, and no consent is on file.
    #[serde(default)]
    pub altered_employee: bool,
}

/// What a second reviewer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondReview {
    /// It is the first reviewer again.
    pub same_as_first: bool,
    /// The first answer was seen before.
    pub saw_first_answer: bool,
    /// A comparison of their own is recorded, where there is anything to compare.
    pub comparison_done: bool,
    /// There was none: it is to be waived. The reviewer is then the first one.
    #[serde(default)]
    pub waiver: Option<Waiver>,
}

/// A waiver of the second review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Every pack that binds the unit lists the reason.
    pub allowed: bool,
    /// Another person of the unit approves it: a release authority or a local administrator, and not the requester.
    pub approved: bool,
}

/// The facts at `lease`.
pub fn lease(reviewer: &ReviewerStanding, now: DateTime<Utc>) -> Facts {
    Facts::new(Gate::Lease, Record::default().with("reviewer", reviewer.record(now)))
}

/// The facts at `conclude`.
pub fn conclude(
    reviewer: &ReviewerStanding,
    examination: &Examination,
    service: &Service,
    now: DateTime<Utc>,
) -> Facts {
    let done = Record::default()
        .with("outcome", <&'static str>::from(examination.outcome))
        .with("suitability_decided", examination.suitability_decided)
        .with("suitable", examination.suitable)
        .with("search_recorded", examination.search_recorded)
        .with("comparison_done", examination.comparison_done)
        .with("narrative_letters", examination.narrative_letters)
        .with("lead_images", examination.lead_images)
        .with("declined_clause", examination.declined_clause)
        .with("searched", texts(&examination.searched))
        .with("frontal", examination.frontal)
        .with("verified_with", examination.verified_with)
        .with("claims_identity", examination.claims_identity)
        .with("systems", texts(&examination.systems))
        .with("bias_review_letters", examination.bias_review_letters)
        .with("generative_ai", examination.generative_ai)
        .with("generative_ai_approved", examination.generative_ai_approved)
        .with("generative_ai_reviewed", examination.generative_ai_reviewed)
        .with("altered_employee", examination.altered_employee);
    let values = Record::default()
        .with("reviewer", reviewer.record(now))
        .with("examination", done)
        .with("unit", service.record(service.unit.as_str()))
        .with("limits", service.limits.record());
    Facts::new(Gate::Conclude, values)
}

/// The facts at `second_review`.
pub fn second_review(
    reviewer: &ReviewerStanding,
    review: SecondReview,
    now: DateTime<Utc>,
) -> Facts {
    let values = Record::default()
        .with("reviewer", reviewer.record(now))
        .with("same_as_first", review.same_as_first)
        .with("saw_first_answer", review.saw_first_answer)
        .with("comparison_done", review.comparison_done)
        .with("waived", review.waiver.is_some())
        .with("waiver_allowed", review.waiver.is_some_and(|waiver| waiver.allowed))
        .with("waiver_approved", review.waiver.is_some_and(|waiver| waiver.approved));
    Facts::new(Gate::SecondReview, values)
}
