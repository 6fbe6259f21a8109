//! Known-answer jobs: what a test case should have come to, what each examiner concluded, and how often they differ.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::examination::{Conclusion, Examination};
use super::{AccountId, Personal, ShapeError};

/// Most characters of a record's number.
const MOST_SID: usize = 64;

/// What the administrator knows about a test case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum Expected {
    /// The person is in a repository.
    Lead {
        /// State identification number of the person's record, as a candidate names it.
        sid: Personal<String>,
    },
    /// The person is in none.
    NoMatch {},
    /// No probe can be searched.
    UnsuitableProbe {},
}

impl Expected {
    /// What is wrong with it, with a pointer from its own root.
    pub fn fault(&self) -> Option<ShapeError> {
        let Self::Lead { sid } = self else { return None };
        let letters = same(sid).chars().count();
        (!(1..=MOST_SID).contains(&letters)).then(|| {
            ShapeError::new(
                "sid",
                "/sid",
                format!("expected the record's number as the repository has it, 1 to {MOST_SID} characters"),
            )
        })
    }
}

/// Letter case and surrounding space of a number make no other record.
fn same(sid: &Personal<String>) -> String {
    sid.expose().trim().to_uppercase()
}

/// One person's conclusion beside the expected answer.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Comparison {
    /// The expected answer.
    Agrees,
    /// A lead to somebody who is not the person, or where there is nobody to be found.
    FalseLead,
    /// No match, where the person is in a repository.
    Missed,
    /// A suitable probe called unsuitable, or the other way round.
    Unsuitable,
    /// Neither a lead nor its absence: no error, and no agreement.
    Inconclusive,
    /// The search was declined: no error, and no agreement.
    Declined,
}

/// Compares one conclusion with the expected answer.
pub fn compare(expected: &Expected, exam: &Examination) -> Comparison {
    let named = exam.candidate.as_ref().map(|candidate| same(&candidate.sid));
    match (exam.conclusion, expected) {
        (Conclusion::Inconclusive, _) => Comparison::Inconclusive,
        (Conclusion::Declined, _) => Comparison::Declined,
        (Conclusion::Lead, Expected::Lead { sid }) if named.as_ref() == Some(&same(sid)) => {
            Comparison::Agrees
        }
        (Conclusion::Lead, _) => Comparison::FalseLead,
        (Conclusion::NoMatch, Expected::NoMatch {})
        | (Conclusion::UnsuitableProbe, Expected::UnsuitableProbe {}) => Comparison::Agrees,
        (Conclusion::NoMatch, Expected::Lead { .. }) => Comparison::Missed,
        (Conclusion::NoMatch, Expected::UnsuitableProbe {})
        | (Conclusion::UnsuitableProbe, Expected::Lead { .. } | Expected::NoMatch {}) => {
            Comparison::Unsuitable
        }
    }
}

/// In which step a person examined.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ExaminationStep {
    /// The first examination.
    First,
    /// The blind second review.
    Second,
    /// The adjudication, which knows both.
    Adjudication,
}

/// One person's share in a test case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scored {
    /// Who.
    pub account: AccountId,
    /// In which step.
    pub step: ExaminationStep,
    /// How the conclusion compares.
    pub comparison: Comparison,
    /// When it was recorded.
    pub at: DateTime<Utc>,
}

/// A rate with how sure it is: from a handful of cases hardly anything follows, and the interval says so.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// How many of them.
    pub count: u32,
    /// Of so many.
    pub of: u32,
    /// Lower end of the 95 % Wilson score interval; none of nothing.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// The normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.959_964;

impl Rate {
    /// `count` of `of`, with its interval (E. B. Wilson, 1927), rounded to thousandths.
    pub fn of(count: u32, of: u32) -> Self {
        if of == 0 {
            return Self { count, of, low: None, high: None };
        }
        let (n, p) = (f64::from(of), f64::from(count) / f64::from(of));
        let centre = p + Z * Z / (2.0 * n);
        let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        let rounded = |end: f64| Some(((end / scale).clamp(0.0, 1.0) * 1000.0).round() / 1000.0);
        Self { count, of, low: rounded(centre - spread), high: rounded(centre + spread) }
    }
}

/// What one person's test cases came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tally {
    /// Who.
    pub account: AccountId,
    /// Conclusions in all.
    pub conclusions: u32,
    /// As expected.
    pub agreeing: u32,
    /// Leads to somebody else, or to nobody who is there.
    pub false_leads: u32,
    /// Persons who were there and not found.
    pub missed: u32,
    /// Judged otherwise whether a probe can be searched.
    pub unsuitable: u32,
    /// Inconclusive: counted apart.
    pub inconclusive: u32,
    /// Declined: counted apart.
    pub declined: u32,
    /// False leads, missed persons and misjudged probes, of everything that was concluded one way or the other.
    pub error_rate: Rate,
    /// False leads alone, of the same: the error that harms somebody.
    pub false_lead_rate: Rate,
}

/// Each person's tally, in the order of their ids: this is no ranking.
pub fn tallies(all: &[Scored]) -> Vec<Tally> {
    let mut people: BTreeMap<AccountId, BTreeMap<Comparison, u32>> = BTreeMap::new();
    for scored in all {
        *people.entry(scored.account).or_default().entry(scored.comparison).or_default() += 1;
    }
    people.into_iter().map(|(account, counts)| tally(account, &counts)).collect()
}

fn tally(account: AccountId, counts: &BTreeMap<Comparison, u32>) -> Tally {
    let of = |comparison| counts.get(&comparison).copied().unwrap_or_default();
    let (agreeing, false_leads) = (of(Comparison::Agrees), of(Comparison::FalseLead));
    let (missed, unsuitable) = (of(Comparison::Missed), of(Comparison::Unsuitable));
    let errors = false_leads + missed + unsuitable;
    let decided = agreeing + errors;
    Tally {
        account,
        conclusions: counts.values().sum(),
        agreeing,
        false_leads,
        missed,
        unsuitable,
        inconclusive: of(Comparison::Inconclusive),
        declined: of(Comparison::Declined),
        error_rate: Rate::of(errors, decided),
        false_lead_rate: Rate::of(false_leads, decided),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn exam(conclusion: &str, sid: Option<&str>) -> Examination {
        let candidate = sid.map(|sid| {
            serde_json::json!({
                "repository": "DMS", "image_sha256": "00", "name": "SAMPLE, CASEY", "date_of_birth": "1991-04-17",
                "sid": sid,
            })
        });
        let record = serde_json::json!({
            "suitability": [], "conclusion": conclusion, "narrative": "", "candidate": candidate,
        });
        serde_json::from_value(record).unwrap()
    }

    fn lead(sid: &str) -> Expected {
        Expected::Lead { sid: Personal::from(sid) }
    }

    #[test]
    fn every_conclusion_is_compared_with_every_expected_answer() {
        use Comparison as C;
        let expected = [lead(" a1 "), Expected::NoMatch {}, Expected::UnsuitableProbe {}];
        let table = [
            (exam("lead", Some("A1")), [C::Agrees, C::FalseLead, C::FalseLead]),
            (exam("lead", Some("A2")), [C::FalseLead; 3]),
            (exam("lead", None), [C::FalseLead; 3]),
            (exam("no_match", None), [C::Missed, C::Agrees, C::Unsuitable]),
            (exam("unsuitable_probe", None), [C::Unsuitable, C::Unsuitable, C::Agrees]),
            (exam("inconclusive", None), [C::Inconclusive; 3]),
            (exam("declined", None), [C::Declined; 3]),
        ];
        for (exam, wanted) in table {
            let found: Vec<Comparison> = expected.iter().map(|e| compare(e, &exam)).collect();
            assert_eq!(found, wanted, "{:?}", exam.conclusion);
        }
    }

    #[test]
    fn an_expected_lead_names_a_record_and_nothing_else_does() {
        assert_eq!(lead("A1").fault(), None);
        for sid in ["", "  ", &"7".repeat(65)] {
            assert_eq!(lead(sid).fault().unwrap().pointer, "/sid");
        }
        let read = |text: &str| serde_json::from_str::<Expected>(text);
        assert_eq!(read(r#"{"outcome":"no_match"}"#).unwrap(), Expected::NoMatch {});
        assert!(read(r#"{"outcome":"lead"}"#).is_err());
        assert!(read(r#"{"outcome":"no_match","sid":"A1"}"#).is_err());
        assert!(read(r#"{"outcome":"inconclusive"}"#).is_err());
    }

    #[test]
    fn a_rate_of_few_cases_says_how_little_it_says() {
        assert_eq!((Rate::of(0, 0).low, Rate::of(0, 0).high), (None, None));
        // The published values of the interval for 0 of 10, 1 of 10, 10 of 10.
        let ends =
            |count, of| (Rate::of(count, of).low.unwrap(), Rate::of(count, of).high.unwrap());
        assert_eq!(ends(0, 10), (0.0, 0.278));
        assert_eq!(ends(1, 10), (0.018, 0.404));
        assert_eq!(ends(10, 10), (0.722, 1.0));
    }

    #[test]
    fn what_is_inconclusive_is_no_error_and_no_success() {
        let (one, other) = (AccountId::new(Uuid::from_u128(1)), AccountId::new(Uuid::from_u128(2)));
        let scored = |account, comparison| Scored {
            account,
            step: ExaminationStep::First,
            comparison,
            at: DateTime::UNIX_EPOCH,
        };
        let all = [
            scored(other, Comparison::Missed),
            scored(one, Comparison::Agrees),
            scored(one, Comparison::FalseLead),
            scored(one, Comparison::Inconclusive),
            scored(one, Comparison::Declined),
            scored(one, Comparison::Unsuitable),
        ];
        let found = tallies(&all);
        assert_eq!(found.iter().map(|t| t.account).collect::<Vec<_>>(), [one, other]);
        let first = &found[0];
        assert_eq!(
            (first.conclusions, first.agreeing, first.inconclusive, first.declined),
            (5, 1, 1, 1)
        );
        assert_eq!((first.error_rate.count, first.error_rate.of), (2, 3));
        assert_eq!((first.false_lead_rate.count, first.false_lead_rate.of), (1, 3));
        assert_eq!((found[1].missed, found[1].error_rate.count), (1, 1));
    }
}
