//! Facts of a form, its images, and the standing of who asks.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::image::probe_record;
use super::{Facts, Record, Shown, Value, texts};
use crate::domain::form::{CrimeType, Form, FormImage, IdExceptionReason, Purpose, SubjectPresent};
use crate::domain::plain_text::letters;
use crate::domain::{Agency, AgencyStanding, PackId, UnitId};
use crate::policy::Gate;
use crate::policy::words::Lexicon;

/// Numbers that a unit configures for its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Images in a form.
    #[validate(range(min = 1, max = 50))]
    pub images: u32,
    /// Letters of a situation, of a threat, of an exception's facts, and of a review for bias; fewer is a hold, and of
    /// the last a refusal.
    #[validate(range(max = 4000))]
    pub situation_letters: u32,
    /// Letters of a reasonable suspicion; fewer is a hold.
    #[validate(range(max = 4000))]
    pub suspicion_letters: u32,
    /// Letters of a reviewer's report on a lead.
    #[validate(range(max = 4000))]
    pub narrative_letters: u32,
    /// Seconds after which a signature is stale.
    #[validate(range(min = 60))]
    pub signature_age: u32,
    /// Seconds that a signature may lie in the future.
    pub signature_ahead: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            images: 20,
            situation_letters: 20,
            suspicion_letters: 40,
            narrative_letters: 40,
            signature_age: 72 * 3600,
            signature_ahead: 5 * 60,
        }
    }
}

impl Limits {
    pub(super) fn record(&self) -> Record {
        Record::default()
            .with("images", self.images)
            .with("situation_letters", self.situation_letters)
            .with("suspicion_letters", self.suspicion_letters)
            .with("narrative_letters", self.narrative_letters)
            .with("signature_age", self.signature_age)
            .with("signature_ahead", self.signature_ahead)
    }
}

/// What kind of images a repository holds (LACRIS-DB-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum Offered {
    /// Booking photographs.
    Mugshot,
    /// Anything else.
    Other,
}

/// A unit's service, as far as rules look at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The unit.
    pub unit: UnitId,
    /// It takes requests.
    pub enabled: bool,
    /// What it offers to search, by id.
    pub repositories: BTreeMap<String, Offered>,
    /// Its numbers.
    pub limits: Limits,
    /// The packs that bind the unit itself, and not only the agency.
    #[serde(default)]
    pub packs: Vec<PackId>,
    /// The systems that it searches with, and whether safeguards are in force (SPD-AI-B4a).
    #[serde(default)]
    pub systems: BTreeMap<String, bool>,
    /// The words that need a human, with the unit's own changes.
    #[serde(default)]
    pub words: Lexicon,
}

impl Service {
    pub(super) fn record(&self, asked: &str) -> Record {
        let mugshots = self.repositories.iter().filter(|(_, kind)| **kind == Offered::Mugshot);
        let safeguarded = self.systems.iter().filter(|(_, in_force)| **in_force);
        Record::default()
            .with("serves", self.enabled && asked == self.unit.as_str())
            .with("repositories", texts(self.repositories.keys()))
            .with("mugshot_repositories", texts(mugshots.map(|(id, _)| id)))
            .with("packs", texts(self.packs.iter().map(PackId::as_str)))
            .with("systems", texts(self.systems.keys()))
            .with("safeguarded", texts(safeguarded.map(|(name, _)| name)))
    }
}

/// Who asks, and whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// The agency that sent the form, as the registry knows it.
    pub agency: Agency,
    /// The unit that is asked, as it is configured.
    pub service: Service,
    /// The requester's signature was verified by its method: session, token or certificate.
    pub signature_verified: bool,
    /// The requester is suspended, for an emergency that failed its proof.
    #[serde(default)]
    pub requester_suspended: bool,
}

impl Standing {
    pub(super) fn agency_record(&self, form: &Form, now: DateTime<Utc>) -> Record {
        agency_record(&self.agency, &self.service.unit, now)
            .with("is_sender", form.requesting_agency == self.agency.ori)
            .with("owns_email", self.agency.owns_address(form.requester.email.expose()))
    }
}

/// Standing and agreement; the sender and the address are the caller's.
pub(super) fn agency_record(agency: &Agency, unit: &UnitId, now: DateTime<Utc>) -> Record {
    let in_force = agency.agreement(unit, now);
    let documented = in_force.is_some_and(|a| {
        !a.number.trim().is_empty()
            && a.document_sha256.len() == 64
            && a.document_sha256.bytes().all(|b| b.is_ascii_hexdigit())
    });
    let agreement = if in_force.is_some() {
        "in_force"
    } else if agency.agreements.iter().any(|a| a.unit == *unit) {
        "lapsed"
    } else {
        "missing"
    };
    Record::default()
        .with(
            "active",
            match agency.standing {
                AgencyStanding::Active => true,
                AgencyStanding::Suspended => false,
            },
        )
        .with("agreement", agreement)
        .with("packs", texts(agency.packs.iter().map(PackId::as_str)))
        .with("agreement_documented", documented)
        .with("call_back", agency.call_back.is_some())
}

/// The facts of a whole form: one question at `submit`, one at `use_probe` for each image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormFacts {
    /// At `submit`.
    pub submit: Facts,
    /// At `use_probe`, in the form's order.
    pub probes: Vec<Facts>,
}

/// The facts of a whole form.
pub fn form(form: &Form, standing: &Standing, now: DateTime<Utc>) -> FormFacts {
    let about = form_record(form, standing, now);
    let probes = form.images.iter().enumerate().map(|(position, image)| {
        probe_facts(about.clone(), image, position, &standing.service.limits)
    });
    FormFacts { probes: probes.collect(), submit: submit_facts(about, form, standing, now) }
}

/// The facts at `submit`.
pub fn submit(form: &Form, standing: &Standing, now: DateTime<Utc>) -> Facts {
    submit_facts(form_record(form, standing, now), form, standing, now)
}

/// The facts at `use_probe` for the image at `position`; `None` where the form has none there.
/// Findings point into `/images/<position>`.
pub fn probe(
    form: &Form,
    position: usize,
    standing: &Standing,
    now: DateTime<Utc>,
) -> Option<Facts> {
    let image = form.images.get(position)?;
    let about = form_record(form, standing, now);
    Some(probe_facts(about, image, position, &standing.service.limits))
}

/// The facts at `dispatch`: the standing is asked again, for it may have lapsed.
pub fn dispatch(form: &Form, standing: &Standing, now: DateTime<Utc>) -> Facts {
    let values = Record::default()
        .with("agency", standing.agency_record(form, now))
        .with("unit", standing.service.record(&form.provider_unit))
        .with("form", form_record(form, standing, now));
    Facts::new(Gate::Dispatch, values)
}

fn submit_facts(about: Record, form: &Form, standing: &Standing, now: DateTime<Utc>) -> Facts {
    let affirmed =
        form.affirmations.iter().map(|a| (a.statement.clone(), a.text_sha256.clone())).collect();
    let shown = worded(form, &standing.service.words);
    let values = Record::default()
        .with("form", about)
        .with("requester_suspended", standing.requester_suspended)
        .with("words", texts(shown.iter().map(|shown| &shown.what)))
        .with("agency", standing.agency_record(form, now))
        .with("unit", standing.service.record(&form.provider_unit))
        .with("limits", standing.service.limits.record())
        .with("affirmed", Value::Statements(affirmed));
    let mut facts = Facts::new(Gate::Submit, values);
    facts.shown = shown;
    facts
}

/// The clause of words that need a human.
const WORDS: &str = "CORE-WORDS";

/// The categories of words in what the requester tells, by field. What a person at risk suffers from is not screened: there
/// the words of medicine are the reason to help.
fn worded(form: &Form, lexicon: &Lexicon) -> Vec<Shown> {
    let why = &form.justification;
    let threat = match &form.purpose {
        Purpose::ImminentThreat { threat, .. } => Some(threat),
        Purpose::ActiveInvestigation {}
        | Purpose::Deceased { .. }
        | Purpose::UnableToIdentify { .. } => None,
    };
    let subject = form.subject_present.as_ref();
    let fields = [
        ("/justification/situation", Some(&why.situation)),
        ("/justification/reasonable_suspicion", why.reasonable_suspicion.as_ref()),
        ("/purpose/threat", threat),
        ("/subject_present/detention_basis", subject.map(|subject| &subject.detention_basis)),
        ("/surveillance/facts", form.surveillance.as_ref().map(|one| &one.facts)),
    ];
    let told = fields.into_iter().filter_map(|(field, text)| Some((field, text?)));
    told.flat_map(|(field, text)| {
        let found = lexicon.screen(text.expose()).into_iter();
        found.map(move |what| Shown { clause: WORDS, field, what: what.to_owned() })
    })
    .collect()
}

fn probe_facts(about: Record, image: &FormImage, position: usize, limits: &Limits) -> Facts {
    let values = Record::default()
        .with("form", about)
        .with("probe", probe_record(image))
        .with("limits", limits.record());
    let mut facts = Facts::new(Gate::UseProbe, values);
    facts.prefix = format!("/images/{position}");
    facts
}

fn form_record(form: &Form, standing: &Standing, now: DateTime<Utc>) -> Record {
    let why = &form.justification;
    let suspicion = why.reasonable_suspicion.as_ref();
    let surveillance = form.surveillance.as_ref();
    let exception = surveillance.map(|s| <&'static str>::from(s.exception));
    let grounds = form.basis.grounds().filter(|(_, yes)| *yes);
    let case_number = form.case_number.expose().chars();
    purpose_record(&form.purpose)
        .with("setting", <&'static str>::from(form.context))
        .with("crime_coded", matches!(form.crime_type, CrimeType::Coded { .. }))
        .with("case_number_characters", case_number.filter(|c| c.is_alphanumeric()).count())
        .with("situation_letters", letters(why.situation.expose()))
        .with("reasonable_suspicion", suspicion.is_some())
        .with("suspicion_letters", suspicion.map_or(0, |s| letters(s.expose())))
        .with("repositories", texts(&form.repositories))
        .with_some("surveillance", exception)
        .with("surveillance_letters", surveillance.map_or(0, |s| letters(s.facts.expose())))
        .with_some("subject", form.subject_present.as_ref().map(|s| subject_record(s, now)))
        .with("predictive_analysis", form.predictive_analysis)
        .with("generative_ai", form.generative_ai_used)
        .with("supervisor_approval", form.supervisor_approval.is_some())
        .with("images_attached", form.images_attached)
        .with("images", form.images.len())
        .with("grounds", texts(grounds.map(|(name, _)| name)))
        .with_some("trained", form.requester.trained)
        .with("supersedes", form.supersedes.is_some())
        .with("signature", signature_record(form, standing, now))
}

fn purpose_record(purpose: &Purpose) -> Record {
    let (mut threat, mut danger, mut incident, mut alternatives, mut call_back) =
        (0, false, false, false, false);
    match purpose {
        Purpose::ActiveInvestigation {} => {}
        Purpose::ImminentThreat { threat: text, supervisor: _, call_back: number } => {
            threat = letters(text.expose());
            call_back = number.is_some();
        }
        Purpose::Deceased { reference: _, alternatives_tried } => {
            alternatives = alternatives_tried.is_some();
        }
        Purpose::UnableToIdentify {
            condition: _,
            location: _,
            incident_number,
            medical_danger,
        } => {
            incident = incident_number.is_some();
            danger = medical_danger.is_some();
        }
    }
    Record::default()
        .with("purpose", <&'static str>::from(purpose.kind()))
        .with("threat_letters", threat)
        .with("medical_danger", danger)
        .with("incident_number", incident)
        .with("alternatives_tried", alternatives)
        .with("call_back", call_back)
}

fn signature_record(form: &Form, standing: &Standing, now: DateTime<Utc>) -> Record {
    let signature = &form.signature;
    let age: TimeDelta = now - signature.signed_at.with_timezone(&Utc);
    let same = plain(signature.printed_name.expose()) == plain(form.requester.name.expose());
    Record::default()
        .with("age", whole_seconds(age))
        .with("method", <&'static str>::from(signature.method))
        .with("verified", standing.signature_verified)
        .with("name_matches", same)
}

/// Seconds, rounded away from zero, so that half a second too old is too old.
fn whole_seconds(span: TimeDelta) -> i64 {
    span.num_seconds() + i64::from(span.subsec_nanos().signum())
}

/// A name without differences of case and spacing.
fn plain(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

fn subject_record(subject: &SubjectPresent, now: DateTime<Utc>) -> Record {
    let exception = subject.id_exception.as_ref().map(|e| match e.reason {
        IdExceptionReason::ForgedAlteredOrFraudulent => "forged_altered_or_fraudulent",
        IdExceptionReason::BelongsToAnother => "belongs_to_another",
    });
    let detained_for = now - subject.detained_at.with_timezone(&Utc);
    Record::default()
        .with("prolongs_detention", subject.prolongs_detention)
        .with("valid_id_presented", subject.valid_id_presented)
        .with_some("id_exception", exception)
        .with("force_used", subject.force_used)
        .with("refused", subject.refused)
        .with("basis_letters", letters(subject.detention_basis.expose()))
        .with("detained_for", whole_seconds(detained_for))
}
