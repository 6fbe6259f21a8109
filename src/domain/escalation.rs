//! Whom a unit pages about a job, how soon, and how often: data of the unit's entry in the registry.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveTime, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::people::{Lane, Role};

/// Why somebody is paged.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PageCause {
    /// A job is offered to a reviewer.
    JobOffered,
    /// No reviewer is available, or none took the job.
    NobodyAvailable,
    /// A named human must decide.
    HoldWaiting,
    /// Nobody decided in time, and another role must decide now.
    HoldEscalated,
    /// A life is in danger: paged from acceptance until somebody takes the job.
    Emergency,
    /// An emergency was taken in, and the agency is to be called back.
    EmergencyBegun,
    /// Something that an emergency owes is due soon.
    DutyDue,
    /// Something that an emergency owes was not done in time.
    DutyOverdue,
    /// A first examination is recorded, and a second reviewer is wanted.
    SecondReviewDue,
    /// Two reviewers differ, and an adjudicator is wanted.
    AdjudicationDue,
    /// An answer waits for its release.
    ReleaseDue,
    /// An answer was not released in time.
    ReleaseOverdue,
    /// Most of the time that the unit means to need is used.
    ServiceDue,
    /// All of it is used.
    ServiceOverdue,
}

impl PageCause {
    /// Whether it is the supervisors', wherever its job stands.
    pub fn is_of_supervisors(self) -> bool {
        match self {
            Self::EmergencyBegun
            | Self::DutyDue
            | Self::DutyOverdue
            | Self::ServiceDue
            | Self::ServiceOverdue => true,
            Self::JobOffered
            | Self::NobodyAvailable
            | Self::HoldWaiting
            | Self::HoldEscalated
            | Self::Emergency
            | Self::SecondReviewDue
            | Self::AdjudicationDue
            | Self::ReleaseDue
            | Self::ReleaseOverdue => false,
        }
    }

    /// Whether it tells what nobody can take: whoever has seen it ends its page.
    pub fn is_notice(self) -> bool {
        match self {
            Self::DutyOverdue | Self::ServiceDue | Self::ServiceOverdue => true,
            Self::JobOffered
            | Self::NobodyAvailable
            | Self::HoldWaiting
            | Self::HoldEscalated
            | Self::Emergency
            | Self::EmergencyBegun
            | Self::DutyDue
            | Self::SecondReviewDue
            | Self::AdjudicationDue
            | Self::ReleaseDue
            | Self::ReleaseOverdue => false,
        }
    }

    /// Whose step after the first examination waits. Who had a part in the request already is not asked for it.
    pub fn asks(self) -> Option<Role> {
        match self {
            Self::SecondReviewDue => Some(Role::Reviewer),
            Self::AdjudicationDue => Some(Role::Adjudicator),
            Self::ReleaseDue | Self::ReleaseOverdue => Some(Role::ReleaseAuthority),
            Self::JobOffered
            | Self::NobodyAvailable
            | Self::HoldWaiting
            | Self::HoldEscalated
            | Self::Emergency
            | Self::EmergencyBegun
            | Self::DutyDue
            | Self::DutyOverdue
            | Self::ServiceDue
            | Self::ServiceOverdue => None,
        }
    }
}

/// Whom a step pages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Whom {
    /// The reviewer to whom the job is offered; for a hold, those who may decide it; for a step after the first
    /// examination, those who may take it.
    Owner,
    /// Every reviewer of the unit on duty whose credential is in force; of a step after the first examination, everybody on
    /// duty who may take it.
    OnDuty,
    /// Every active account of the unit with this role.
    Role(Role),
    /// The account with this login name.
    Account(String),
    /// A destination of the configuration.
    Webhook(String),
}

/// A text that names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names nobody; write `owner`, `on_duty`, `role:ROLE`, `account:LOGIN` or `webhook:NAME`"
)]
pub struct BadWhom(String);

impl FromStr for Whom {
    type Err = BadWhom;
    fn from_str(text: &str) -> Result<Self, BadWhom> {
        let bad = || BadWhom(text.chars().take(64).collect());
        match text.split_once(':') {
            None if text == "owner" => Ok(Self::Owner),
            None if text == "on_duty" => Ok(Self::OnDuty),
            Some(("role", role)) => {
                serde_json::from_value(role.into()).map(Self::Role).map_err(|_| bad())
            }
            Some(("account", login)) if !login.is_empty() => Ok(Self::Account(login.to_owned())),
            Some(("webhook", name)) if is_destination(name) => Ok(Self::Webhook(name.to_owned())),
            Some(_) | None => Err(bad()),
        }
    }
}

/// Whether a text may name a destination: small letters, digits and hyphens.
pub fn is_destination(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl TryFrom<String> for Whom {
    type Error = BadWhom;
    fn try_from(text: String) -> Result<Self, BadWhom> {
        text.parse()
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner => f.write_str("owner"),
            Self::OnDuty => f.write_str("on_duty"),
            Self::Role(role) => write!(f, "role:{}", <&'static str>::from(*role)),
            Self::Account(login) => write!(f, "account:{login}"),
            Self::Webhook(name) => write!(f, "webhook:{name}"),
        }
    }
}

impl From<Whom> for String {
    fn from(whom: Whom) -> Self {
        whom.to_string()
    }
}

/// One step: whom, and how long they have before the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationStep {
    /// All of them at once.
    pub whom: Vec<Whom>,
    /// Minutes until the next step.
    pub wait_minutes: u32,
}

/// Hours in which people are left to sleep. Never for the threat lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// From this time of the day (`22:00:00`).
    pub from: NaiveTime,
    /// Until this one (exclusive); before `from` it is the next day's.
    pub until: NaiveTime,
    /// The unit's time zone (`America/Los_Angeles`).
    pub time_zone: Tz,
}

impl QuietHours {
    /// Whether it is quiet at `at`.
    pub fn covers(&self, at: DateTime<Utc>) -> bool {
        let time = at.with_timezone(&self.time_zone).time();
        if self.from <= self.until {
            self.from <= time && time < self.until
        } else {
            time >= self.from || time < self.until
        }
    }

    /// When the quiet that covers `at` ends; `None`: it is not quiet.
    pub fn end(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !self.covers(at) {
            return None;
        }
        let seconds = |time: NaiveTime| i64::from(time.num_seconds_from_midnight());
        let local = at.with_timezone(&self.time_zone).time();
        let left = (seconds(self.until) - seconds(local)).rem_euclid(86_400).max(1);
        let mut end = at + TimeDelta::seconds(left);
        // The clocks may have changed on the way: forward it is over an hour before, backward an hour later.
        let quarter = TimeDelta::minutes(15);
        while end - quarter > at && !self.covers(end - quarter) {
            end -= quarter;
        }
        while self.covers(end) {
            end += quarter;
        }
        Some(end)
    }
}

/// At most so many pages to one person in a time. What is over waits; nothing is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Pages.
    pub pages: u32,
    /// In so many minutes.
    pub minutes: u32,
}

/// An escalation policy of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationPolicy {
    /// For these lanes; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<Lane>,
    /// For these causes; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<PageCause>,
    /// The steps, in their order.
    pub steps: Vec<EscalationStep>,
    /// How often all steps are gone through again; then the last one goes on.
    #[serde(default = "default_repeats")]
    pub repeats: u32,
    /// Minutes that an acknowledgement holds the escalation back.
    #[serde(default = "default_acknowledge")]
    pub acknowledge_minutes: u32,
    /// Hours without pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<QuietHours>,
    /// The most pages to one person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
    /// After a page, further jobs for the same person within so many seconds become one page.
    #[serde(default = "default_bundle")]
    pub bundle_seconds: u32,
}

fn default_repeats() -> u32 {
    1
}

fn default_acknowledge() -> u32 {
    30
}

fn default_bundle() -> u32 {
    60
}

impl EscalationPolicy {
    /// Whether it is for this lane and cause.
    pub fn is_for(&self, lane: Lane, cause: PageCause) -> bool {
        (self.lanes.is_empty() || self.lanes.contains(&lane))
            && (self.causes.is_empty() || self.causes.contains(&cause))
    }

    /// How long an acknowledgement holds.
    pub fn acknowledged_for(&self) -> TimeDelta {
        TimeDelta::minutes(self.acknowledge_minutes.max(1).into())
    }

    /// The policy where a unit has written none: the owner at once, after the offer's term the next, then the local
    /// administrators; an emergency pages everyone on duty at once. A step after the first examination is asked of those
    /// on duty first, then of all who may take it, then told to the local administrators.
    pub fn standard(lane: Lane, cause: PageCause, offer: TimeDelta) -> Self {
        let steps = standard_steps(lane, cause, offer);
        Self {
            lanes: Vec::new(),
            causes: Vec::new(),
            steps,
            repeats: default_repeats(),
            acknowledge_minutes: if lane == Lane::Threat { 5 } else { default_acknowledge() },
            quiet: None,
            throttle: Some(Throttle { pages: 20, minutes: 60 }),
            bundle_seconds: default_bundle(),
        }
    }
}

fn standard_steps(lane: Lane, cause: PageCause, offer: TimeDelta) -> Vec<EscalationStep> {
    use PageCause as Cause;
    let minutes = u32::try_from(offer.num_minutes()).unwrap_or(u32::MAX).max(1);
    let step = |whom: &[Whom], wait_minutes| EscalationStep { whom: whom.to_vec(), wait_minutes };
    let supervisors = Whom::Role(Role::LocalAdministrator);
    let threat = lane == Lane::Threat;
    match cause {
        Cause::EmergencyBegun | Cause::DutyDue | Cause::DutyOverdue => vec![
            step(std::slice::from_ref(&supervisors), 15),
            step(&[supervisors, Whom::OnDuty], 30),
        ],
        Cause::ServiceDue | Cause::ServiceOverdue => {
            vec![step(&[supervisors], if threat { 15 } else { 240 })]
        }
        Cause::ReleaseOverdue => {
            vec![step(&[Whom::Owner, supervisors], if threat { 5 } else { 240 })]
        }
        Cause::HoldWaiting | Cause::HoldEscalated | Cause::ReleaseDue => {
            let (first, next) = if threat { (2, 5) } else { (240, 240) };
            vec![step(&[Whom::Owner], first), step(&[Whom::Owner, supervisors], next)]
        }
        Cause::SecondReviewDue | Cause::AdjudicationDue if !threat => vec![
            step(&[Whom::OnDuty], 60),
            step(&[Whom::Owner], 180),
            step(&[Whom::Owner, supervisors], 240),
        ],
        Cause::JobOffered | Cause::NobodyAvailable if !threat => vec![
            step(&[Whom::Owner], minutes),
            step(&[Whom::Owner], minutes),
            step(&[supervisors], minutes.max(30)),
        ],
        Cause::Emergency
        | Cause::JobOffered
        | Cause::NobodyAvailable
        | Cause::SecondReviewDue
        | Cause::AdjudicationDue => vec![
            step(&[Whom::Owner, Whom::OnDuty], 2),
            step(&[Whom::Owner, Whom::OnDuty, supervisors], 5),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn whom_reads_back_from_its_text() {
        for text in
            ["owner", "on_duty", "role:local_administrator", "account:rivera", "webhook:a-1"]
        {
            assert_eq!(text.parse::<Whom>().unwrap().to_string(), text);
        }
        for bad in ["", "everyone", "role:king", "account:", "webhook:A b", "owner:x"] {
            assert!(bad.parse::<Whom>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_standard_policy_reaches_the_supervisors_and_a_threat_within_minutes() {
        use strum::VariantArray as _;
        let supervisors = Whom::Role(Role::LocalAdministrator);
        for cause in PageCause::VARIANTS {
            for lane in Lane::VARIANTS {
                let policy = EscalationPolicy::standard(*lane, *cause, TimeDelta::minutes(10));
                let last = policy.steps.last().unwrap();
                assert!(last.whom.contains(&supervisors), "{cause:?} {lane:?}");
                let before: u32 = policy.steps.iter().rev().skip(1).map(|s| s.wait_minutes).sum();
                assert!(*lane != Lane::Threat || before <= 15, "{cause:?}: {before} minutes");
            }
        }
    }

    #[test]
    fn quiet_hours_follow_the_units_clock_through_both_changes_of_the_year() {
        let quiet = QuietHours {
            from: NaiveTime::from_hms_opt(22, 0, 0).unwrap(),
            until: NaiveTime::from_hms_opt(6, 0, 0).unwrap(),
            time_zone: "America/Los_Angeles".parse().unwrap(),
        };
        // An ordinary night in winter: UTC-8.
        assert_eq!(quiet.end(at("2026-01-10T06:00:00Z")), Some(at("2026-01-10T14:00:00Z")));
        assert_eq!(quiet.end(at("2026-01-10T14:00:00Z")), None);
        assert_eq!(quiet.end(at("2026-01-10T05:59:59Z")), None);
        // 2026-03-08: 02:00 becomes 03:00; the night has an hour less.
        assert_eq!(quiet.end(at("2026-03-08T06:00:00Z")), Some(at("2026-03-08T13:00:00Z")));
        // 2026-11-01: 02:00 becomes 01:00; the night has an hour more.
        assert_eq!(quiet.end(at("2026-11-01T05:00:00Z")), Some(at("2026-11-01T14:00:00Z")));
    }

    #[test]
    fn a_policy_is_read_as_people_write_it() {
        let text = r#"
            lanes = ["priority", "routine"]
            steps = [
                { whom = ["owner"], wait_minutes = 10 },
                { whom = ["on_duty", "webhook:duty-desk"], wait_minutes = 10 },
                { whom = ["role:local_administrator"], wait_minutes = 30 },
            ]
            quiet = { from = "22:00:00", until = "06:00:00", time_zone = "America/Los_Angeles" }
            throttle = { pages = 4, minutes = 60 }
        "#;
        let policy: EscalationPolicy = toml::from_str(text).unwrap();
        assert!(policy.is_for(Lane::Routine, PageCause::JobOffered));
        assert!(!policy.is_for(Lane::Threat, PageCause::Emergency));
        let written = toml::to_string(&policy).unwrap();
        assert_eq!(toml::from_str::<EscalationPolicy>(&written).unwrap(), policy);
        assert!(toml::from_str::<EscalationPolicy>(&text.replace("22:00", "25:00")).is_err());
        assert!(
            toml::from_str::<EscalationPolicy>(&text.replace("Los_Angeles", "Nowhere")).is_err()
        );
    }
}
