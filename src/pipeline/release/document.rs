//! From the records of a case to the document that says them, and nothing more.

use std::sync::Arc;

use chrono::Utc;

use super::Printed;
use super::content::{
    checklist, comparisons, demographics, derivatives, filled, lead_caption, one_search,
    other_sources, searches, suitability,
};
use super::reviews::{self, Reviews};
use crate::domain::examination::{Candidate, Examination};
use crate::domain::form::FormAffirmation;
use crate::domain::{Form, Outcome, PackId, Personal, UnitId};
use crate::pipeline::{Context, PipelineError, sealed, standing};
use crate::policy::{PolicySet, has_placeholder};
use crate::report::document as paper;
use crate::report::{Document, normalise_in_child};
use crate::store::RequestRow;
use crate::vault::DataKey;

/// Everything that a document is made of.
struct Case<'c> {
    ctx: &'c Context,
    row: &'c RequestRow,
    form: Form,
    key: DataKey,
    policies: Arc<PolicySet>,
    packs: Vec<PackId>,
    unit_name: String,
    agency_name: String,
    /// The examination that the answer rests on, and who concluded what.
    reviews: Reviews,
    /// A placeholder stands in what the registry or a pack gives the document.
    placeholder_open: bool,
    /// The mandated statements that were put into the document.
    printed: Vec<FormAffirmation>,
    /// Words that a further pack of the unit mandates for the same place.
    further: Vec<String>,
}

/// Composes the document of a concluded request.
pub(super) async fn compose(
    ctx: &Context,
    row: &RequestRow,
    outcome: Outcome,
) -> Result<(Document, Printed), PipelineError> {
    let mut case = load(ctx, row, outcome).await?;
    let generative_ai = case.form.generative_ai_used || case.examination().generative_ai.is_some();
    if generative_ai {
        case.adds("generative-ai");
    }
    let document = document(&mut case, outcome).await?;
    // Marking and title stand in the template; what is compared with the pack are the words that it prints.
    case.prints("banner", paper::MARKING);
    if outcome == Outcome::Lead {
        case.prints("report-title", document.title());
    }
    let second_review = case.reviews.state();
    let placeholder_open = case.placeholder_open;
    let statements = case.printed;
    let policies = case.policies.set().sha256.clone();
    Ok((document, Printed { statements, generative_ai, second_review, placeholder_open, policies }))
}

async fn document(case: &mut Case<'_>, outcome: Outcome) -> Result<Document, PipelineError> {
    Ok(match outcome {
        Outcome::Lead => Document::ManualSearchReport(Box::new(report(case).await?)),
        Outcome::NoMatch => {
            let finding = paper::NoMatch {
                searches: searches(case.examination()),
                suitability: suitability(case.examination()),
                derivatives: derivatives(case.examination()),
            };
            Document::NoMatchNotice(Box::new(notice(case, "no-match", finding)?))
        }
        Outcome::UnsuitableProbe => {
            let reasons =
                case.examination().suitability.iter().map(|entry| entry.note.clone()).collect();
            let finding = paper::UnsuitableProbe { reasons };
            Document::UnsuitableProbeNotice(Box::new(notice(case, "unsuitable", finding)?))
        }
        Outcome::Inconclusive => {
            let finding = paper::Inconclusive {
                searches: searches(case.examination()),
                suitability: suitability(case.examination()),
                derivatives: derivatives(case.examination()),
            };
            Document::InconclusiveNotice(Box::new(notice(case, "inconclusive", finding)?))
        }
        Outcome::Declined => {
            let exam = case.examination();
            let ground = paper::Ground {
                clause: exam.declined_under.clone().unwrap_or_default(),
                reason: exam.narrative.clone(),
            };
            let finding = paper::Declined { grounds: vec![ground] };
            Document::DeclinedNotice(Box::new(notice(case, "declined", finding)?))
        }
        Outcome::Withdrawn | Outcome::Expired | Outcome::SubjectRefused => {
            return Err(PipelineError::Inconsistent("an outcome without a document"));
        }
    })
}

async fn load<'c>(
    ctx: &'c Context,
    row: &'c RequestRow,
    outcome: Outcome,
) -> Result<Case<'c>, PipelineError> {
    let key = sealed::key_of(ctx, row)?;
    let form = sealed::form_of(ctx, row)?;
    let registry = ctx.registry().await?;
    let records = ctx.store.records(row.id).await?;
    let reviews = reviews::of(ctx, &registry, &key, &records, outcome)?;
    let unit = registry.unit(&row.unit).ok_or(PipelineError::Inconsistent("the unit's entry"))?;
    let agency_name =
        registry.agency(&row.ori).map_or_else(|| row.ori.to_string(), |agency| agency.name.clone());
    Ok(Case {
        placeholder_open: has_placeholder(&unit.name) || has_placeholder(&agency_name),
        ctx,
        row,
        form,
        key,
        policies: ctx.policies().await?,
        packs: unit.packs.clone(),
        unit_name: unit.name.clone(),
        agency_name,
        reviews,
        printed: Vec::new(),
        further: Vec::new(),
    })
}

impl Case<'_> {
    fn examination(&self) -> &Examination {
        &self.reviews.exam.examination
    }

    /// A mandated statement, as the first of the unit's packs that has it words it. What further packs of the unit
    /// mandate for the same place is printed in the supplement.
    fn statement(&mut self, name: &str) -> Result<String, PipelineError> {
        let mut wordings = standing::statements(&self.policies, &self.packs, name).into_iter();
        let words = wordings.next().ok_or_else(|| {
            PipelineError::Document(format!("the unit's policy packs have no statement `{name}`"))
        })?;
        self.printed.push(words.printed);
        self.placeholder_open |= has_placeholder(&words.text);
        for more in wordings {
            self.adds_words(&words.text, more);
        }
        Ok(words.text)
    }

    /// Adds a statement to the supplement, as every pack of the unit that has it words it.
    fn adds(&mut self, name: &str) {
        for words in standing::statements(&self.policies, &self.packs, name) {
            self.adds_words("", words);
        }
    }

    fn adds_words(&mut self, said: &str, words: standing::Words) {
        self.printed.push(words.printed);
        self.placeholder_open |= has_placeholder(&words.text);
        if words.text != said && !self.further.contains(&words.text) {
            self.further.push(words.text);
        }
    }

    /// Notes that the document prints these words where a statement is mandated.
    fn prints(&mut self, name: &str, words: &str) {
        for mandated in standing::statements(&self.policies, &self.packs, name) {
            let text_sha256 = hex::encode(openssl::sha::sha256(words.as_bytes()));
            self.printed.push(FormAffirmation { text_sha256, ..mandated.printed });
        }
    }

    fn letterhead(&self) -> paper::Letterhead {
        paper::Letterhead { unit: self.unit_name.clone(), logo: None }
    }

    fn block(&self) -> paper::CaseBlock {
        paper::CaseBlock {
            fr_case_number: fr_case_number(&self.row.unit, self.row),
            submitted_by: self.form.requester.name.clone(),
            date_searched: self.examination().searched_at().map(|at| at.with_timezone(&Utc)),
            investigating_agency: self.agency_name.clone(),
            face_reviewer: self.reviews.authors.clone(),
            agency_case_number: self.form.case_number.clone(),
        }
    }

    /// What ties the paper to the log: the request's id.
    fn audit_reference(&self) -> String {
        self.row.id.to_string()
    }
}

/// `LACRIS-2026-000017`: unit, year of arrival, number (LACRIS-RPT-4a).
fn fr_case_number(unit: &UnitId, row: &RequestRow) -> String {
    let year = row.received_at.format("%Y");
    let number = row.case_number_of_unit.unwrap_or_default();
    format!("{}-{year}-{number:06}", unit.as_str().to_uppercase())
}

async fn report(case: &mut Case<'_>) -> Result<paper::ManualSearchReport, PipelineError> {
    let exam = case.examination().clone();
    let exam = &exam;
    let candidate = exam.candidate.as_ref().ok_or(PipelineError::Inconsistent("a candidate"))?;
    // Each picture is decoded in a process of its own.
    let (probe, lead) = tokio::try_join!(probe_picture(case), lead_picture(case, candidate))?;
    Ok(paper::ManualSearchReport {
        letterhead: case.letterhead(),
        statements: paper::LeadStatements {
            disclaimer: case.statement("report-disclaimer")?,
            lead_viable: case.statement("lead-viable")?,
            seal: case.statement("seal")?,
            footer: case.statement("footer")?,
            further: std::mem::take(&mut case.further),
        },
        case: case.block(),
        probe,
        lead,
        demographics: demographics(candidate),
        comments: filled(&candidate.comments),
        examination: paper::Examination {
            searches: exam
                .searches
                .iter()
                .map(|search| paper::LeadSearch {
                    search: one_search(search),
                    candidates: search.candidates,
                })
                .collect(),
            suitability: suitability(exam),
            derivatives: derivatives(exam),
            comparisons: comparisons(exam),
            checklist: checklist(exam),
            other_sources: other_sources(exam),
            second_review: case.reviews.second.clone(),
            audit_reference: case.audit_reference(),
        },
    })
}

fn notice<F>(
    case: &mut Case<'_>,
    body: &str,
    finding: F,
) -> Result<paper::Notice<F>, PipelineError> {
    let probes = case
        .form
        .images
        .iter()
        .enumerate()
        .map(|(place, image)| paper::ProbeReference {
            caption: Personal::new(format!("Probe {}", place + 1)),
            sha256: image.sha256.clone(),
        })
        .collect();
    Ok(paper::Notice {
        letterhead: case.letterhead(),
        statements: paper::NoticeStatements {
            body: case.statement(body)?,
            seal: case.statement("seal")?,
            footer: case.statement("footer")?,
            further: std::mem::take(&mut case.further),
        },
        case: case.block(),
        probes,
        comments: None,
        second_review: Some(case.reviews.second.clone()),
        audit_reference: case.audit_reference(),
        finding,
    })
}

/// The first suitable probe, decoded in a child process with limits.
async fn probe_picture(case: &Case<'_>) -> Result<paper::Picture, PipelineError> {
    let suitable =
        case.examination().suitability.iter().find(|entry| entry.suitable).map_or(0, |e| e.probe);
    let probes = case.ctx.store.probes(case.row.id).await?;
    let probe = probes.get(suitable).ok_or(PipelineError::Inconsistent("a probe"))?;
    let bytes = sealed::image(case.ctx, &case.key, &probe.object_key).await?;
    picture(case, bytes, format!("Probe {}", suitable + 1)).await
}

async fn lead_picture(
    case: &Case<'_>,
    candidate: &Candidate,
) -> Result<paper::Picture, PipelineError> {
    let object_key = case
        .reviews
        .exam
        .candidate_image
        .as_deref()
        .ok_or(PipelineError::Inconsistent("a candidate image"))?;
    let bytes = sealed::image(case.ctx, &case.key, object_key).await?;
    picture(case, bytes, lead_caption(candidate)).await
}

async fn picture(
    case: &Case<'_>,
    bytes: Vec<u8>,
    caption: String,
) -> Result<paper::Picture, PipelineError> {
    let sha256 = hex::encode(openssl::sha::sha256(&bytes));
    let jpeg = normalise_in_child(&case.ctx.picture_worker, bytes)
        .await
        .map_err(|error| PipelineError::Document(error.to_string()))?;
    Ok(paper::Picture { jpeg: Personal::new(jpeg), sha256, caption: Personal::new(caption) })
}
