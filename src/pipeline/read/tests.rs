use std::sync::LazyLock;

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::domain::{AccountId, Lane, Outcome};
use crate::lifecycle::Lease;
use crate::policy::{PolicySet, builtin};

static POLICIES: LazyLock<PolicySet> =
    LazyLock::new(|| builtin::load("2026-01-02T00:00:00Z".parse().unwrap()).unwrap());

fn person(number: u128, role: Role) -> Account {
    Account {
        id: AccountId::new(Uuid::from_u128(number)),
        login: "sample".to_owned(),
        name: "R. Sample".to_owned(),
        unit: "lacris".parse().unwrap(),
        role,
        active: true,
        credentials: Vec::new(),
        positions: Vec::new(),
        person: None,
        relatives: Vec::new(),
        pager_email: None,
    }
}

fn lease(of: &Account) -> Lease {
    Lease { reviewer: of.id, token: 1, until: DateTime::UNIX_EPOCH, since: DateTime::UNIX_EPOCH }
}

fn row(stage: Stage) -> RequestRow {
    RequestRow {
        id: RequestId::new(Uuid::from_u128(9)),
        unit: "lacris".parse().unwrap(),
        ori: "CA0194200".parse().unwrap(),
        stage,
        version: 1,
        lane: Lane::Routine,
        fence: 0,
        received_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        deadline_at: None,
        repeat_hash: Vec::new(),
        case_number_of_unit: None,
        outcome: None,
        findings: Vec::new(),
        supersedes: None,
        waiting: None,
        data_key: None,
        form: None,
    }
}

fn may(stage: Stage, person: &Account, content: Content) -> Option<PipelineError> {
    refusal(&POLICIES.decide(&[], &facts::read(&by_person(&row(stage), person, content))))
}

#[test]
fn what_is_of_a_whole_unit_is_read_by_its_auditors_and_administrators() {
    let ask = |person: &Account, unit: &str, content: Content| {
        let reading = of_unit(person, &unit.parse().unwrap(), (content, Vec::new()));
        refusal(&POLICIES.decide(&[], &facts::read(&reading)))
    };
    for role in [Role::Auditor, Role::LocalAdministrator] {
        assert!(ask(&person(1, role), "lacris", Content::Audit).is_none());
        let elsewhere = ask(&person(1, role), "oxnard", Content::Audit);
        assert!(matches!(elsewhere, Some(PipelineError::Refused(Refusal::NotFound))));
        assert!(ask(&person(1, role), "lacris", Content::CaseFile).is_some(), "no step needs it");
    }
    for role in [Role::Reviewer, Role::Adjudicator, Role::ReleaseAuthority] {
        assert!(ask(&person(1, role), "lacris", Content::Audit).is_some());
    }
    let gone = Account { active: false, ..person(1, Role::Auditor) };
    assert!(ask(&gone, "lacris", Content::Audit).is_some());
}

#[test]
fn a_case_is_read_by_whom_its_stage_waits_for() {
    let (one, two) = (person(1, Role::Reviewer), person(2, Role::Reviewer));
    let officer = person(3, Role::ReleaseAuthority);
    let keeper = person(4, Role::LocalAdministrator);
    let all = [&one, &two, &officer, &keeper, &person(5, Role::Auditor)];
    let readers = |stage: Stage| -> Vec<u128> {
        let reads = |person: &&&Account| may(stage.clone(), person, Content::CaseFile).is_none();
        all.iter().filter(reads).map(|person| person.id.uuid().as_u128()).collect()
    };
    assert_eq!(readers(Stage::Queued), []);
    assert_eq!(readers(Stage::Offered { reviewer: one.id }), []);
    assert_eq!(readers(Stage::Leased { lease: lease(&one) }), [1]);
    assert_eq!(readers(Stage::Examined { first: one.id }), []);
    assert_eq!(readers(Stage::SecondReview { first: one.id, lease: lease(&two) }), [2]);
    let reviewers = vec![one.id, two.id];
    let waiting = Stage::AwaitingRelease { outcome: Outcome::NoMatch, reviewers, late: false };
    assert_eq!(readers(waiting), [3]);
    let own = Stage::AwaitingRelease {
        outcome: Outcome::NoMatch,
        reviewers: vec![officer.id],
        late: false,
    };
    assert_eq!(readers(own), []);
    let held =
        Stage::Held { role: Role::LocalAdministrator, resume: Resume::Check, missed: Vec::new() };
    assert_eq!(readers(held), [4]);
    let held =
        Stage::Held { role: Role::ReleaseAuthority, resume: Resume::Check, missed: Vec::new() };
    assert_eq!(readers(held), [3, 4]);
    let missed = vec![Role::ReleaseAuthority];
    let late = Stage::Held { role: Role::LocalAdministrator, resume: Resume::Check, missed };
    assert_eq!(readers(late), [3, 4]);
    assert_eq!(readers(Stage::Delivered), []);
}

#[test]
fn only_the_adjudicator_sees_earlier_examinations() {
    let (one, two) = (person(1, Role::Reviewer), person(2, Role::Reviewer));
    let judge = person(3, Role::Adjudicator);
    let second = Stage::SecondReview { first: one.id, lease: lease(&two) };
    assert!(may(second, &two, Content::Examination).is_some());
    let lease = lease(&judge);
    let stage = Stage::Adjudication { first: one.id, second: two.id, lease };
    assert!(may(stage.clone(), &judge, Content::Examination).is_none());
    assert!(may(stage, &two, Content::Examination).is_some());
}

#[test]
fn another_units_request_does_not_exist_and_a_suspended_account_reads_nothing() {
    let mut one = person(1, Role::Reviewer);
    let leased = Stage::Leased { lease: lease(&one) };
    one.active = false;
    assert!(may(leased.clone(), &one, Content::Probe).is_some());
    one.active = true;
    assert!(may(leased.clone(), &one, Content::Probe).is_none());
    one.unit = "oxnard".parse().unwrap();
    let refused = may(leased, &one, Content::Probe);
    assert!(matches!(refused, Some(PipelineError::Refused(Refusal::NotFound))));
}
