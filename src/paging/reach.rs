//! Who can be reached, and how.

use chrono::{DateTime, Utc};

use crate::domain::escalation::{PageCause, Whom};
use crate::domain::{Account, AccountId, Lane, Role, UnitId};
use crate::lifecycle::{Owner, Stage, owner};
use crate::registry::Registry;

/// Where a page goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// To a person's `pager_email`.
    Account(AccountId),
    /// To a destination of the configuration.
    Webhook(String),
}

impl Target {
    /// What kind it is, for rows and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Account(_) => "mail",
            Self::Webhook(_) => "webhook",
        }
    }

    /// Who or which.
    pub fn name(&self) -> String {
        match self {
            Self::Account(account) => account.to_string(),
            Self::Webhook(name) => name.clone(),
        }
    }

    /// Read back from [`Target::kind`] and [`Target::name`].
    pub fn read(kind: &str, name: &str) -> Option<Self> {
        match kind {
            "mail" => name.parse().ok().map(Self::Account),
            "webhook" => Some(Self::Webhook(name.to_owned())),
            _ => None,
        }
    }
}

/// What decides who is reached.
#[derive(Debug, Clone, Copy)]
pub struct Reach<'a> {
    /// People and duty.
    pub registry: &'a Registry,
    /// Of which unit.
    pub unit: &'a UnitId,
    /// Of which lane.
    pub lane: Lane,
    /// Why.
    pub cause: PageCause,
    /// Where the request stands.
    pub stage: &'a Stage,
    /// Accounts that the case itself keeps from its next step.
    pub barred: &'a [AccountId],
    /// The configured destinations.
    pub destinations: &'a [String],
    /// When.
    pub now: DateTime<Utc>,
}

impl Reach<'_> {
    /// Who of `whom` can be paged: active people of the unit with a pager's address, and known destinations.
    pub fn of(&self, whom: &Whom) -> Vec<Target> {
        match whom {
            // What an emergency owes is its supervisors', wherever its job stands.
            Whom::Owner if self.cause.is_of_supervisors() => {
                self.people(|one| one.role == Role::LocalAdministrator)
            }
            // The duty roster says whose a second review is: of all reviewers, those.
            Whom::Owner if self.cause == PageCause::SecondReviewDue => self.of(&Whom::OnDuty),
            Whom::Owner => match owner(self.stage) {
                Owner::Person(account) => self.people(|one| one.id == account),
                // Of a job that nobody is offered, the reviewers are not its owners: they were asked already.
                Owner::Role(role) if role != Role::Reviewer => self.people(|one| one.role == role),
                Owner::Role(_) | Owner::System | Owner::Requester | Owner::Nobody => Vec::new(),
            },
            Whom::OnDuty => {
                let on_duty = self.registry.on_duty(self.unit, self.lane, self.now);
                let role = self.cause.asks().unwrap_or(Role::Reviewer);
                // Who may not take the job is not woken for it.
                let is_trained = |one: &Account| {
                    role == Role::ReleaseAuthority
                        || one.credentials.iter().any(|c| c.in_force(self.now))
                };
                self.people(|one| one.role == role && on_duty.contains(&one.id) && is_trained(one))
            }
            Whom::Role(role) => self.people(|one| one.role == *role),
            Whom::Account(login) => self.people(|one| one.login == *login),
            Whom::Webhook(name) if self.destinations.contains(name) => {
                vec![Target::Webhook(name.clone())]
            }
            Whom::Webhook(_) => Vec::new(),
        }
    }

    /// Whoever may not take the step that waits is not asked for it: who had a part in the request, under whatever account.
    /// Other roles are told that it waits, and asked for nothing.
    fn may_take(&self, one: &Account) -> bool {
        if self.cause.asks() != Some(one.role) {
            return true;
        }
        let same = |id: &AccountId| {
            self.registry.account(*id).map_or(*id == one.id, |other| one.is_same_person(other))
        };
        !self.barred.contains(&one.id) && !examiners(self.stage).iter().any(same)
    }

    fn people(&self, wanted: impl Fn(&Account) -> bool) -> Vec<Target> {
        self.registry
            .accounts
            .iter()
            .map(|entry| &entry.account)
            .filter(|one| one.unit == *self.unit && one.active && one.pager_email.is_some())
            .filter(|one| wanted(one) && self.may_take(one))
            .map(|one| Target::Account(one.id))
            .collect()
    }
}

/// Who has examined a request that waits for its next step.
fn examiners(stage: &Stage) -> Vec<AccountId> {
    if let Stage::Examined { first } = stage {
        return vec![*first];
    }
    if let Stage::AdjudicationDue { first, second } = stage {
        return vec![*first, *second];
    }
    if let Stage::AwaitingRelease { reviewers, .. } = stage {
        return reviewers.clone();
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_active_people_of_the_unit_with_an_address_are_reached() {
        let account = |number: u8, role: &str, unit: &str, more: &str| {
            format!(
                "[[accounts]]\n[accounts.account]\nid = \"p-{number:032x}\"\nlogin = \"a{number}\"\n\
                 name = \"R. Sample\"\nunit = \"{unit}\"\nrole = \"{role}\"\ncredentials = []\n{more}\n"
            )
        };
        let mail = "active = true\npager_email = \"pager@unit.example.gov\"";
        let trained = "credentials = [{ issuer = \"X\", course = \"Y\", capabilities = [], cjis_minimum = true, \
                       issued_at = \"1969-01-01T00:00:00Z\", expires_at = \"1971-01-01T00:00:00Z\", approved_by = \"Z\" }]";
        let shift = |number: u8| {
            format!(
                "[[shifts]]\nunit = \"lacris\"\naccount = \"p-{number:032x}\"\n\
                 starts_at = \"1969-12-31T00:00:00Z\"\nends_at = \"1970-01-02T00:00:00Z\"\n"
            )
        };
        let text = [
            account(1, "reviewer", "lacris", &format!("{mail}\n{trained}"))
                .replace("credentials = []\n", ""),
            account(6, "reviewer", "lacris", mail),
            account(2, "reviewer", "lacris", "active = true"),
            account(3, "reviewer", "lacris", &mail.replace("true", "false")),
            account(4, "local_administrator", "lacris", mail),
            account(5, "local_administrator", "oxnard", mail),
            shift(1),
            shift(6),
        ]
        .concat();
        let registry: Registry = toml::from_str(&text).unwrap();
        let id = |number: u128| AccountId::new(uuid::Uuid::from_u128(number));
        let unit: UnitId = "lacris".parse().unwrap();
        let reach_for = |cause: PageCause, stage: &Stage, whom: &str| {
            Reach {
                registry: &registry,
                unit: &unit,
                lane: Lane::Routine,
                cause,
                stage,
                barred: &[],
                destinations: &["duty-desk".to_owned()],
                now: DateTime::UNIX_EPOCH,
            }
            .of(&whom.parse().unwrap())
        };
        let reach = |stage: &Stage, whom: &str| reach_for(PageCause::JobOffered, stage, whom);
        let offered = |number| Stage::Offered { reviewer: id(number) };
        assert_eq!(reach(&offered(1), "owner"), [Target::Account(id(1))]);
        for unreachable in [2, 3, 5] {
            assert_eq!(reach(&offered(unreachable), "owner"), []);
        }
        assert_eq!(reach(&Stage::Queued, "owner"), []);
        assert_eq!(reach_for(PageCause::DutyDue, &offered(1), "owner"), [Target::Account(id(4))]);
        assert_eq!(reach(&Stage::Queued, "role:local_administrator"), [Target::Account(id(4))]);
        assert_eq!(reach(&Stage::Queued, "account:a5"), []);
        assert_eq!(reach(&Stage::Queued, "on_duty"), [Target::Account(id(1))], "not the untrained");
        assert_eq!(reach(&Stage::Queued, "webhook:other"), []);
        let desk = || Target::Webhook("duty-desk".to_owned());
        assert_eq!(reach(&Stage::Queued, "webhook:duty-desk"), [desk()]);
        for target in [Target::Account(id(1)), desk()] {
            assert_eq!(Target::read(target.kind(), &target.name()), Some(target));
        }
    }

    /// Accounts 1 to 4 are on duty, 5 is not; 9 is an administrator. Account 2 is the human of account 7, a releasing officer.
    fn people() -> Registry {
        let account = |number: u8, role: &str, person: &str| {
            format!(
                "[[accounts]]\n[accounts.account]\nid = \"p-{number:032x}\"\nlogin = \"a{number}\"\n\
                 name = \"R. Sample\"\nperson = \"{person}\"\nunit = \"lacris\"\nrole = \"{role}\"\nactive = true\n\
                 pager_email = \"pager@unit.example.gov\"\ncredentials = [{{ issuer = \"X\", course = \"Y\", \
                 capabilities = [], cjis_minimum = true, issued_at = \"1969-01-01T00:00:00Z\", \
                 expires_at = \"1971-01-01T00:00:00Z\", approved_by = \"Z\" }}]\n"
            )
        };
        let shift = |number: u8| {
            format!(
                "[[shifts]]\nunit = \"lacris\"\naccount = \"p-{number:032x}\"\n\
                 starts_at = \"1969-12-31T00:00:00Z\"\nends_at = \"1970-01-02T00:00:00Z\"\n"
            )
        };
        let mut text: Vec<String> = [
            (1, "reviewer", "one"),
            (2, "reviewer", "two"),
            (3, "reviewer", "three"),
            (4, "adjudicator", "four"),
            (5, "adjudicator", "five"),
            (6, "adjudicator", "one"),
            (7, "release_authority", "two"),
            (8, "release_authority", "eight"),
            (9, "local_administrator", "one"),
        ]
        .iter()
        .map(|(number, role, person)| account(*number, role, person))
        .collect();
        text.extend([1, 2, 3, 4, 6].map(shift));
        toml::from_str(&text.concat()).unwrap()
    }

    #[test]
    fn nobody_is_asked_for_a_step_that_they_may_not_take() {
        let registry = people();
        let id = |number: u128| AccountId::new(uuid::Uuid::from_u128(number));
        let unit: UnitId = "lacris".parse().unwrap();
        let asked = |cause: PageCause, (stage, barred): (&Stage, &[AccountId]), whom: &str| {
            let reach = Reach {
                registry: &registry,
                unit: &unit,
                lane: Lane::Routine,
                cause,
                stage,
                barred,
                destinations: &[],
                now: DateTime::UNIX_EPOCH,
            };
            let mut found: Vec<u128> = (1..=9)
                .filter(|n| reach.of(&whom.parse().unwrap()).contains(&Target::Account(id(*n))))
                .collect();
            found.sort_unstable();
            found
        };
        let examined = Stage::Examined { first: id(1) };
        for whom in ["owner", "on_duty", "role:reviewer"] {
            let second =
                |barred: &[AccountId]| asked(PageCause::SecondReviewDue, (&examined, barred), whom);
            assert_eq!(second(&[]), [2, 3], "{whom}: not the first reviewer");
            assert_eq!(second(&[id(3)]), [2], "{whom}: nor whom the case keeps out");
        }
        let supervisors =
            asked(PageCause::SecondReviewDue, (&examined, &[]), "role:local_administrator");
        assert_eq!(supervisors, [9], "who is told takes no part");
        let differ = Stage::AdjudicationDue { first: id(1), second: id(3) };
        assert_eq!(asked(PageCause::AdjudicationDue, (&differ, &[]), "on_duty"), [4]);
        // Account 6 is the first reviewer's other account.
        assert_eq!(asked(PageCause::AdjudicationDue, (&differ, &[]), "owner"), [4, 5]);
        let concluded = Stage::AwaitingRelease {
            outcome: crate::domain::Outcome::Lead,
            reviewers: vec![id(1), id(2)],
            late: false,
        };
        for cause in [PageCause::ReleaseDue, PageCause::ReleaseOverdue] {
            for whom in ["owner", "role:release_authority", "account:a8"] {
                assert_eq!(asked(cause, (&concluded, &[]), whom), [8], "{whom}");
            }
            assert_eq!(asked(cause, (&concluded, &[]), "account:a7"), [0; 0]);
        }
        assert_eq!(asked(PageCause::ServiceOverdue, (&concluded, &[]), "owner"), [9]);
    }
}
