//! What an imminent threat owes after it was served at once, and what follows when it is not paid.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A duty of an emergency.
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
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DutyKind {
    /// A person of the unit calls the agency at the number in the registry.
    CallBack,
    /// A supervisor of the agency confirms the emergency.
    Confirmation,
}

/// What a duty came to.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DutyOutcome {
    /// The agency knows of the emergency.
    Confirmed,
    /// The agency does not know of it.
    Denied,
    /// Nobody answered: the duty stays open.
    NotReached,
}

impl DutyOutcome {
    /// Whether it ends the duty.
    pub fn is_final(self) -> bool {
        match self {
            Self::Confirmed | Self::Denied => true,
            Self::NotReached => false,
        }
    }
}

/// A duty as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duty {
    /// Which.
    pub kind: DutyKind,
    /// Until when.
    pub due_at: DateTime<Utc>,
    /// What it, or the last attempt, came to.
    pub outcome: Option<DutyOutcome>,
    /// When it ended.
    pub done_at: Option<DateTime<Utc>>,
    /// When what follows from its failing was done.
    pub enforced_at: Option<DateTime<Utc>>,
}

impl Duty {
    /// Whether it is open and its time is over.
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.done_at.is_none() && self.due_at <= now
    }
}

/// Where the duties of a request stand, as the rules see it.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EmergencyState {
    /// It is no emergency.
    #[default]
    None,
    /// Every duty is done.
    Done,
    /// A duty is open and not due yet.
    Open,
    /// A duty is overdue.
    Overdue,
    /// The agency does not know of the emergency.
    Denied,
}

/// Where duties stand; the worst of them counts.
pub fn state(duties: &[Duty], now: DateTime<Utc>) -> EmergencyState {
    let of = |duty: &Duty| match (duty.outcome, duty.done_at) {
        (Some(DutyOutcome::Denied), _) => EmergencyState::Denied,
        (Some(DutyOutcome::Confirmed | DutyOutcome::NotReached) | None, Some(_)) => {
            EmergencyState::Done
        }
        (Some(DutyOutcome::Confirmed | DutyOutcome::NotReached) | None, None) => {
            if duty.is_overdue(now) { EmergencyState::Overdue } else { EmergencyState::Open }
        }
    };
    duties.iter().map(of).max().unwrap_or_default()
}

/// Why the requester is suspended and the answer called back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Breach {
    /// The agency, called back, does not know of the emergency.
    Denied,
    /// No supervisor confirmed it in time.
    Unconfirmed,
}

/// What failed and has not had its consequence yet. An overdue call-back is the unit's own omission: it stops the answer at
/// the gate and suspends nobody.
pub fn breach(duties: &[Duty], now: DateTime<Utc>) -> Option<(DutyKind, Breach)> {
    let mut pending = duties.iter().filter(|duty| duty.enforced_at.is_none());
    let of = |duty: &Duty| {
        if duty.outcome == Some(DutyOutcome::Denied) {
            return Some((duty.kind, Breach::Denied));
        }
        let unconfirmed = duty.kind == DutyKind::Confirmation && duty.is_overdue(now);
        unconfirmed.then_some((duty.kind, Breach::Unconfirmed))
    };
    pending.find_map(of)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use strum::VariantArray as _;

    use super::*;

    fn duty(kind: DutyKind, outcome: Option<DutyOutcome>) -> Duty {
        let due_at = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::hours(24);
        let done_at = outcome.filter(|o| o.is_final()).map(|_| DateTime::UNIX_EPOCH);
        Duty { kind, due_at, outcome, done_at, enforced_at: None }
    }

    #[test]
    fn the_worst_duty_counts() {
        use DutyKind::{CallBack, Confirmation};
        use DutyOutcome::{Confirmed, Denied, NotReached};
        let (early, due) = (DateTime::UNIX_EPOCH, duty(CallBack, None).due_at);
        for (call_back, confirmation, now, wanted) in [
            (None, None, early, EmergencyState::Open),
            (Some(NotReached), None, early, EmergencyState::Open),
            (Some(Confirmed), None, early, EmergencyState::Open),
            (Some(Confirmed), None, due, EmergencyState::Overdue),
            (Some(NotReached), Some(Confirmed), due, EmergencyState::Overdue),
            (Some(Confirmed), Some(Confirmed), due, EmergencyState::Done),
            (Some(Denied), Some(Confirmed), due, EmergencyState::Denied),
            (Some(Denied), None, due, EmergencyState::Denied),
        ] {
            let duties = [duty(CallBack, call_back), duty(Confirmation, confirmation)];
            assert_eq!(state(&duties, now), wanted, "{duties:?}");
        }
        assert_eq!(state(&[], due), EmergencyState::None);
    }

    #[test]
    fn a_failed_duty_has_its_consequence_once_and_a_missed_call_back_none() {
        let due = duty(DutyKind::CallBack, None).due_at;
        let confirmation = duty(DutyKind::Confirmation, None);
        assert_eq!(breach(&[duty(DutyKind::CallBack, None)], due), None);
        assert_eq!(breach(&[confirmation], due - TimeDelta::microseconds(1)), None);
        let unconfirmed = Some((DutyKind::Confirmation, Breach::Unconfirmed));
        assert_eq!(breach(&[confirmation], due), unconfirmed);
        assert_eq!(breach(&[Duty { enforced_at: Some(due), ..confirmation }], due), None);
        let late =
            Duty { outcome: Some(DutyOutcome::Confirmed), done_at: Some(due), ..confirmation };
        assert_eq!(breach(&[late], due), None, "confirmed before the sweeper came");
        let denied = duty(DutyKind::CallBack, Some(DutyOutcome::Denied));
        let both = [denied, confirmation];
        assert_eq!(breach(&both, DateTime::UNIX_EPOCH), Some((DutyKind::CallBack, Breach::Denied)));
    }

    proptest! {
        #[test]
        fn nobody_is_suspended_before_a_duty_is_due_or_denied(kind in 0usize..2, outcome in proptest::option::of(0usize..3), ahead in 1i64..1_000_000) {
            let outcome = outcome.map(|n| DutyOutcome::VARIANTS[n]);
            let duty = duty(DutyKind::VARIANTS[kind], outcome);
            let found = breach(&[duty], duty.due_at - TimeDelta::microseconds(ahead));
            prop_assert_eq!(found.is_some(), outcome == Some(DutyOutcome::Denied));
        }
    }
}
