//! Who is who in the demo world, as tables; docs/CLI.md shows the same.

use chrono::{NaiveTime, TimeDelta, Weekday};
use chrono_tz::Tz;

use crate::domain::{Lane, Opening, Role, ServiceTarget, ServiceTerms};

/// A unit, and how its people were trained.
#[derive(Debug)]
pub(super) struct UnitPlan {
    /// Id.
    pub(super) id: &'static str,
    /// Name.
    pub(super) name: &'static str,
    /// Domain, below `example.gov`.
    pub(super) domain: &'static str,
    /// Packs.
    pub(super) packs: &'static [&'static str],
    /// Where its clocks stand.
    pub(super) time_zone: Tz,
    /// Repositories, all of booking photographs.
    pub(super) repositories: &'static [&'static str],
    /// Who trains.
    pub(super) issuer: &'static str,
    /// Who approved the training.
    pub(super) approved_by: &'static str,
    /// The position that designated the trainer, where the policy wants that.
    pub(super) designated_by: Option<&'static str>,
    /// What its people were taught, and its system is answered for, where the policy wants that.
    pub(super) topics: &'static [&'static str],
    /// Positions, where the policy wants them, of who examines, releases, administers.
    pub(super) held: [&'static [&'static str]; 3],
    /// Two reviewers on duty, one off duty, one whose credential has lapsed, adjudicator, release authority, local
    /// administrator, auditor. The last word is the login name.
    pub(super) people: [&'static str; 8],
}

impl UnitPlan {
    /// Positions of who has this role.
    pub(super) fn positions(&self, role: Role) -> &'static [&'static str] {
        let [examine, release, administer] = self.held;
        match role {
            Role::Reviewer | Role::Adjudicator => examine,
            Role::ReleaseAuthority => release,
            Role::LocalAdministrator => administer,
            Role::Auditor => &[],
        }
    }
}

/// Every unit of the demo world works from Monday to Friday, and answers threats within the hour.
pub(super) fn service_terms(time_zone: Tz) -> ServiceTerms {
    let hour = |hours| NaiveTime::MIN + TimeDelta::hours(hours);
    let target = |lane, hours: u32, around_the_clock| ServiceTarget {
        lane,
        minutes: hours * 60,
        around_the_clock,
        remind_at_percent: 75,
    };
    ServiceTerms {
        time_zone,
        open: vec![Opening {
            days: vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri],
            from: hour(8),
            until: hour(17),
        }],
        holidays: Vec::new(),
        targets: vec![
            target(Lane::Threat, 1, true),
            target(Lane::Priority, 8, true),
            target(Lane::Routine, 27, false),
        ],
    }
}

/// An agency.
#[derive(Debug)]
pub(super) struct AgencyPlan {
    /// ORI.
    pub(super) ori: &'static str,
    /// Name.
    pub(super) name: &'static str,
    /// E-mail domain.
    pub(super) domain: &'static str,
    /// Its own packs.
    pub(super) packs: &'static [&'static str],
    /// Agreements: unit, and the days from now to their end.
    pub(super) agreements: &'static [(&'static str, i64)],
}

/// The units; the first is the one of the walk.
pub(super) const UNITS: &[UnitPlan] = &[
    UnitPlan {
        id: "lacris",
        name: "Sample Regional Unit",
        domain: "unit",
        packs: &["lacris"],
        time_zone: Tz::America__Los_Angeles,
        repositories: &["DMS", "CAFRI"],
        issuer: "LACRIS",
        approved_by: "Sample training authority",
        designated_by: None,
        topics: &[],
        held: [&[], &[], &[]],
        people: [
            "Robin Rivera",
            "Sam Okafor",
            "Kim Lindqvist",
            "Alex Tanaka",
            "Jamie Moreau",
            "Chris Abara",
            "Dana Novak",
            "Lee Silva",
        ],
    },
    UnitPlan {
        id: "sacramento",
        name: "Sample Sacramento Unit",
        domain: "sacramento",
        packs: &["sacramento-fr", "sacramento-ai"],
        time_zone: Tz::America__Los_Angeles,
        repositories: &["LOCAL-MUGSHOT"],
        issuer: "Sample capital school",
        approved_by: "Sample training authority",
        designated_by: None,
        topics: &[
            "go-375.01",
            "city-ai-policy",
            "go-390.01/2025-09-30",
            "human-oversight",
            "verification",
            "bias-review",
            "ethics",
            "data-security",
        ],
        held: [&[], &[], &[]],
        people: [
            "Noor Haddad",
            "Toni Berg",
            "Andy Castillo",
            "Bo Fofana",
            "Sasha Ivanova",
            "Morgan Keane",
            "Jo Lopes",
            "Ari Weiss",
        ],
    },
    UnitPlan {
        id: "oxnard",
        name: "Sample Oxnard Unit",
        domain: "oxnard",
        packs: &["oxnard"],
        time_zone: Tz::America__Los_Angeles,
        repositories: &["LOCAL-MUGSHOT"],
        issuer: "Sample coast school",
        approved_by: "investigations-bureau-commander",
        designated_by: Some("investigations-bureau-commander"),
        topics: &[],
        held: [&[], &[], &[]],
        people: [
            "Kai Nakamura",
            "Ash Osei",
            "Nik Petrov",
            "Lou Quiroga",
            "Ray Rahman",
            "Max Sorensen",
            "Pat Tembo",
            "Val Underhill",
        ],
    },
    UnitPlan {
        id: "albuquerque",
        name: "Sample Albuquerque Unit",
        domain: "albuquerque",
        packs: &["albuquerque"],
        time_zone: Tz::America__Denver,
        repositories: &["NM-REPOSITORY"],
        issuer: "Sample desert school",
        approved_by: "isd-commander-designee",
        designated_by: None,
        topics: &[],
        held: [
            &["investigations-bureau"],
            &["special-investigations-section-lieutenant"],
            &["isd-commander-designee"],
        ],
        people: [
            "Alma Vega",
            "Jess Winter",
            "Lin Xu",
            "Drew Young",
            "Cruz Zamora",
            "Sky Adler",
            "Remy Baca",
            "Toby Cline",
        ],
    },
];

/// The agencies, by ORI.
pub(super) const AGENCIES: &[AgencyPlan] = &[
    AgencyPlan {
        ori: "CA0194200",
        name: "Sample City Police",
        domain: "pd.example.gov",
        packs: &[],
        agreements: &[("lacris", 365), ("sacramento", 365), ("oxnard", 365), ("albuquerque", 365)],
    },
    AgencyPlan {
        ori: "CA0380100",
        name: "Sample Ban City Police",
        domain: "ban.example.gov",
        packs: &["ban-example"],
        agreements: &[("lacris", 365)],
    },
    AgencyPlan {
        ori: "CA0560400",
        name: "Sample Coast Police",
        domain: "coast.example.gov",
        packs: &["oxnard"],
        agreements: &[("lacris", 365), ("oxnard", 365)],
    },
    AgencyPlan {
        ori: "NM0010100",
        name: "Sample Desert Police",
        domain: "desert.example.gov",
        packs: &[],
        agreements: &[("albuquerque", 365), ("lacris", -30)],
    },
];

/// Ids of the units, for the broker's topology.
pub fn demo_units() -> impl Iterator<Item = &'static str> {
    UNITS.iter().map(|unit| unit.id)
}

/// ORIs of the agencies, for the broker's users.
pub fn demo_agencies() -> impl Iterator<Item = &'static str> {
    AGENCIES.iter().map(|agency| agency.ori)
}
