//! Who is asked to examine a job: a choice among the reviewers of the unit, each with a queue of their own.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{AccountId, Capability, Form, Lane, RequestId, WaitingReason};

/// Why a person may not examine a request at all, whoever else is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Exclusion {
    /// The person asked for the search.
    Requester,
    /// The person approved it, or answers for it, at the agency.
    Supervisor,
    /// The person took or worked on an image of it.
    CaseOfficer,
    /// The request names a relative.
    Relative,
    /// The person examined the same probe in another request.
    EarlierReviewer,
    /// The person gave this job back.
    GaveBack,
    /// The person was just asked and did not take it.
    JustAsked,
}

/// Why a reviewer is not chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PassedOver {
    /// The roster has the person off duty, or the account is suspended.
    OffDuty,
    /// The person may not examine this request.
    Excluded(Exclusion),
    /// No credential in force attests what the job needs, or a policy refuses the claim.
    NotQualified,
    /// The desk is full.
    Full,
}

impl PassedOver {
    /// Stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::OffDuty => "off_duty",
            Self::Excluded(exclusion) => exclusion.into(),
            Self::NotQualified => "not_qualified",
            Self::Full => "full",
        }
    }
}

/// A reviewer as the choice sees one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub reviewer: AccountId,
    /// On duty, with an account that may log in.
    pub on_duty: bool,
    /// What credentials in force attest.
    pub capabilities: BTreeSet<Capability>,
    /// Whether the policies let the person claim this job.
    pub allowed: bool,
    /// Jobs that are offered to or leased by the person.
    pub open_jobs: i64,
    /// Examinations that the person recorded lately.
    pub recent: i64,
    /// What keeps the person from this request.
    pub excluded: Option<Exclusion>,
}

/// What is to be given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The request.
    pub request: RequestId,
    /// Its lane.
    pub lane: Lane,
    /// What the reviewer must be able to do.
    pub needed: BTreeSet<Capability>,
    /// Jobs that a reviewer of the unit may have on the desk at once.
    pub capacity: i64,
}

/// What a first examination of this form asks for: to judge the probes, to search the repositories, to compare what is
/// found with the probe (LACRIS-TRN-3).
pub fn needed(form: &Form) -> BTreeSet<Capability> {
    let mut needed = BTreeSet::from([Capability::Quality]);
    if !form.repositories.is_empty() {
        needed.extend([Capability::OneToMany, Capability::OneToOne]);
    }
    needed
}

/// Why this reviewer cannot be given the job; none if he or she can.
pub fn passed_over(wanted: &Wanted, candidate: &Candidate) -> Option<PassedOver> {
    if let Some(exclusion) = candidate.excluded {
        return Some(PassedOver::Excluded(exclusion));
    }
    if !candidate.on_duty {
        return Some(PassedOver::OffDuty);
    }
    if !candidate.allowed || !wanted.needed.is_subset(&candidate.capabilities) {
        return Some(PassedOver::NotQualified);
    }
    (candidate.open_jobs >= wanted.capacity).then_some(PassedOver::Full)
}

/// Who is asked, and why the others are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The reviewer; none if nobody can be asked.
    pub chosen: Option<AccountId>,
    /// Everyone who cannot be asked.
    pub passed_over: BTreeMap<AccountId, PassedOver>,
    /// How many could be asked.
    pub available: usize,
    /// Why nobody is asked; none if somebody is, or was just asked and may be again.
    pub waiting: Option<WaitingReason>,
}

/// Who is asked: the least busy. Equals: who examined least lately, so that a day's work is shared; an imminent threat
/// does not look at that. Equals still: by turns of the request, so that the same input has the same choice, whatever
/// its order.
pub fn choose(wanted: &Wanted, candidates: &[Candidate]) -> Choice {
    let passed_over: BTreeMap<AccountId, PassedOver> = candidates
        .iter()
        .filter_map(|one| Some((one.reviewer, passed_over(wanted, one)?)))
        .collect();
    let free = || candidates.iter().filter(|one| !passed_over.contains_key(&one.reviewer));
    let fairness = |one: &Candidate| match wanted.lane {
        Lane::Threat => 0,
        Lane::Priority | Lane::Routine => one.recent,
    };
    let chosen = free()
        .min_by_key(|one| {
            (one.open_jobs, fairness(one), turn(wanted.request, one.reviewer), one.reviewer)
        })
        .map(|one| one.reviewer);
    let waiting = if chosen.is_some() { None } else { waiting(candidates, &passed_over) };
    Choice { chosen, available: free().count(), passed_over, waiting }
}

/// Why none of them is asked. Only who is on duty counts: a conflict of somebody who sleeps explains nothing. A full desk
/// comes first, because it passes by itself.
fn waiting(
    candidates: &[Candidate],
    passed_over: &BTreeMap<AccountId, PassedOver>,
) -> Option<WaitingReason> {
    let on_duty = candidates.iter().filter(|one| one.on_duty);
    let whys: BTreeSet<PassedOver> =
        on_duty.filter_map(|one| passed_over.get(&one.reviewer).copied()).collect();
    if whys.contains(&PassedOver::Excluded(Exclusion::JustAsked)) {
        return None;
    }
    let excluded = |why: &PassedOver| matches!(why, PassedOver::Excluded(_));
    Some(if whys.is_empty() {
        WaitingReason::NobodyOnDuty
    } else if whys.contains(&PassedOver::Full) {
        WaitingReason::AtCapacity
    } else if whys.iter().any(excluded) {
        WaitingReason::Conflict
    } else {
        WaitingReason::NobodyQualified
    })
}

fn turn(request: RequestId, reviewer: AccountId) -> u128 {
    let mixed = request.uuid().as_u128() ^ reviewer.uuid().as_u128();
    // An odd number with irregular bits: the high half of the product depends on every bit below.
    mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835) >> 64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn person(n: usize) -> AccountId {
        AccountId::new(Uuid::from_u128(n as u128))
    }

    fn free(n: usize) -> Candidate {
        Candidate {
            reviewer: person(n),
            on_duty: true,
            capabilities: [Capability::Quality, Capability::OneToMany, Capability::OneToOne].into(),
            allowed: true,
            open_jobs: 0,
            recent: 0,
            excluded: None,
        }
    }

    fn wanted(request: u128, lane: Lane) -> Wanted {
        let needed = [Capability::Quality, Capability::OneToOne].into();
        Wanted { request: RequestId::new(Uuid::from_u128(request)), lane, needed, capacity: 4 }
    }

    fn candidate() -> impl Strategy<Value = Candidate> {
        let skills = proptest::collection::btree_set(
            prop_oneof![
                Just(Capability::Quality),
                Just(Capability::OneToMany),
                Just(Capability::OneToOne)
            ],
            0..4,
        );
        let excluded = proptest::option::weighted(
            0.2,
            prop_oneof![Just(Exclusion::Relative), Just(Exclusion::GaveBack)],
        );
        let yes = || proptest::bool::weighted(0.8);
        (yes(), skills, yes(), 0i64..6, 0i64..9, excluded).prop_map(
            |(on_duty, capabilities, allowed, open_jobs, recent, excluded)| Candidate {
                on_duty,
                capabilities,
                allowed,
                open_jobs,
                recent,
                excluded,
                ..free(0)
            },
        )
    }

    proptest! {
        #[test]
        fn never_a_closed_or_full_queue_nor_an_excluded_person(mut all in proptest::collection::vec(candidate(), 0..12), request: u128, lane in 0usize..3, turn_by in 0usize..12) {
            for (n, one) in all.iter_mut().enumerate() {
                one.reviewer = person(n);
            }
            let wanted = wanted(request, [Lane::Threat, Lane::Priority, Lane::Routine][lane]);
            let choice = choose(&wanted, &all);
            let able = |one: &Candidate| {
                one.on_duty && one.allowed && one.excluded.is_none() && one.open_jobs < 4
                    && one.capabilities.contains(&Capability::Quality)
                    && one.capabilities.contains(&Capability::OneToOne)
            };
            prop_assert_eq!(choice.available, all.iter().filter(|one| able(one)).count());
            prop_assert_eq!(choice.available + choice.passed_over.len(), all.len());
            prop_assert_eq!(choice.chosen.is_none(), choice.available == 0, "somebody is asked as long as somebody can");
            if let Some(chosen) = choice.chosen {
                let one = all.iter().find(|one| one.reviewer == chosen).unwrap();
                prop_assert!(able(one));
                let least = all.iter().filter(|one| able(one)).map(|one| one.open_jobs).min();
                prop_assert_eq!(Some(one.open_jobs), least);
            }
            // The same input has the same choice, in any order.
            let by = if all.is_empty() { 0 } else { turn_by % all.len() };
            all.rotate_left(by);
            prop_assert_eq!(&choose(&wanted, &all), &choice);
            all.reverse();
            prop_assert_eq!(&choose(&wanted, &all), &choice);
        }
    }

    #[test]
    fn the_wait_has_the_reason_of_those_who_are_on_duty() {
        let off = Candidate { on_duty: false, ..free(1) };
        let full = Candidate { open_jobs: 4, ..free(2) };
        let relative = Candidate { excluded: Some(Exclusion::Relative), ..free(3) };
        let untrained = Candidate { allowed: false, ..free(4) };
        let asked = Candidate { excluded: Some(Exclusion::JustAsked), ..free(5) };
        let asleep = Candidate { on_duty: false, ..relative.clone() };
        let why = |all: &[&Candidate]| {
            let all: Vec<Candidate> = all.iter().map(|one| (*one).clone()).collect();
            choose(&wanted(1, Lane::Routine), &all).waiting
        };
        assert_eq!(why(&[]), Some(WaitingReason::NobodyOnDuty));
        assert_eq!(why(&[&off, &asleep]), Some(WaitingReason::NobodyOnDuty));
        assert_eq!(why(&[&off, &untrained]), Some(WaitingReason::NobodyQualified));
        assert_eq!(why(&[&relative, &untrained]), Some(WaitingReason::Conflict));
        assert_eq!(why(&[&full, &relative, &untrained]), Some(WaitingReason::AtCapacity));
        assert_eq!(why(&[&asked, &full]), None, "the queue is gone through again at once");
        assert_eq!(why(&[&free(6), &full]), None);
    }

    #[test]
    fn equals_take_turns_and_a_days_work_is_shared() {
        let all = [free(1), free(2), free(3)];
        let asked = |n: u128| choose(&wanted(n, Lane::Routine), &all).chosen;
        let counts = [1, 2, 3].map(|n| (0..300).filter(|r| asked(*r) == Some(person(n))).count());
        assert!(counts.iter().all(|count| (60..=140).contains(count)), "{counts:?}");
        let busy = [Candidate { recent: 9, ..free(1) }, Candidate { recent: 3, ..free(2) }];
        for request in 0..50 {
            assert_eq!(choose(&wanted(request, Lane::Routine), &busy).chosen, Some(person(2)));
        }
        let threat: BTreeSet<_> =
            (0..50).map(|request| choose(&wanted(request, Lane::Threat), &busy).chosen).collect();
        assert_eq!(threat.len(), 2, "a threat goes to whoever is free");
    }

    #[test]
    fn every_reason_has_its_code() {
        let all = [
            Candidate { on_duty: false, ..free(1) },
            Candidate { excluded: Some(Exclusion::Relative), on_duty: false, ..free(2) },
            Candidate { capabilities: BTreeSet::new(), ..free(3) },
            Candidate { allowed: false, ..free(4) },
            Candidate { open_jobs: 4, ..free(5) },
        ];
        let choice = choose(&wanted(1, Lane::Routine), &all);
        let codes: Vec<&str> = choice.passed_over.values().map(|why| why.code()).collect();
        assert_eq!(codes, ["off_duty", "relative", "not_qualified", "not_qualified", "full"]);
        assert_eq!(choice.chosen, None);
    }
}
