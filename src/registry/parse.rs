//! Reading a registry file: everything that is wrong with it, at once.

use std::collections::BTreeSet;

use super::Registry;
use crate::domain::examination::Checklist;
use crate::domain::{AiSystem, RepositoryKind, Role, Safeguards, Unit};

/// The pack under which a unit's systems need safeguards and sign-offs.
const ARTIFICIAL_INTELLIGENCE: &str = "sacramento-ai";

/// One thing that is wrong with a registry file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct RegistryError {
    /// Where (`agencies.CA0194200`).
    pub place: String,
    /// What was expected, what to do.
    pub message: String,
}

/// Reads a registry from TOML.
pub fn parse(text: &str) -> Result<Registry, Vec<RegistryError>> {
    let registry: Registry = toml::from_str(text).map_err(|error| {
        vec![RegistryError { place: "file".to_owned(), message: error.message().to_owned() }]
    })?;
    let errors = check(&registry);
    if errors.is_empty() { Ok(registry) } else { Err(errors) }
}

/// Everything that contradicts itself.
pub(super) fn check(registry: &Registry) -> Vec<RegistryError> {
    let mut faults = Faults::default();
    units(registry, &mut faults);
    agencies(registry, &mut faults);
    people(registry, &mut faults);
    systems(registry, &mut faults);
    trainings(registry, &mut faults);
    faults.found.extend(super::escalations::check(registry));
    faults.found
}

#[derive(Default)]
struct Faults {
    found: Vec<RegistryError>,
}

impl Faults {
    fn add(&mut self, place: String, message: impl Into<String>) {
        self.found.push(RegistryError { place, message: message.into() });
    }

    fn once(&mut self, seen: &mut BTreeSet<String>, value: &str, place: String) {
        if !seen.insert(value.to_lowercase()) {
            self.add(place, format!("`{value}` stands here a second time; each may stand once"));
        }
    }
}

/// A token's hash in another form than this would never agree with a token, and nobody would know why.
const HASH: &str = "`token_sha256` must be the SHA-256 of the token, 64 hexadecimal digits; `printf %s TOKEN | sha256sum` prints it";

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn units(registry: &Registry, faults: &mut Faults) {
    let mut ids = BTreeSet::new();
    for unit in &registry.units {
        let place = || format!("units.{}", unit.id);
        faults.once(&mut ids, unit.id.as_str(), place());
        if unit.contact.trim().is_empty() {
            faults
                .add(place(), "a unit needs a contact for questions; it is printed (LACRIS-FTR-7)");
        }
        if let Some(fault) = unit.checklist.as_ref().and_then(Checklist::fault) {
            faults.add(place(), fault);
        }
        if unit.packs.is_empty() {
            faults.add(place(), "a unit needs at least one policy pack");
        }
        if unit.desk.capacity() == 0 {
            faults.add(
                place(),
                "`desk.capacity` is 1 at least; set `desk.offline_until` while nobody works",
            );
        }
        for trainer in &unit.trainers {
            if !is_position(&trainer.designated_by) {
                faults.add(place(), format!("`{}`: {POSITION}", trainer.designated_by));
            }
            if trainer.until.is_some_and(|until| until <= trainer.from) {
                faults.add(
                    place(),
                    format!("the designation of `{}` ends before it begins", trainer.issuer),
                );
            }
        }
        albuquerque(registry, unit, faults);
        service(unit, faults);
        let lacris = unit.packs.iter().any(|pack| pack.as_str() == "lacris");
        for repository in &unit.repositories {
            if lacris && repository.kind != RepositoryKind::Mugshot {
                faults.add(
                    place(),
                    format!("repository `{}` must be of kind `mugshot` under the pack `lacris` (LACRIS-DB-3)", repository.id),
                );
            }
        }
    }
}

/// What a position must be.
const POSITION: &str =
    "a position is a code of small letters, digits and hyphens, such as `isd-commander`";

fn is_position(code: &str) -> bool {
    !code.is_empty()
        && code.len() <= 64
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// A service target that no calendar can keep is a fault of the registry, not of the people.
fn service(unit: &Unit, faults: &mut Faults) {
    let Some(terms) = &unit.service else { return };
    let place = || format!("units.{}.service", unit.id);
    for open in &terms.open {
        if open.days.is_empty() || open.from >= open.until {
            faults.add(place(), "opening hours name their days, and end after they begin");
        }
    }
    let mut lanes = BTreeSet::new();
    for target in &terms.targets {
        let lane: &'static str = target.lane.into();
        if !lanes.insert(lane) {
            faults.add(place(), format!("the lane `{lane}` has two targets; keep one"));
        }
        if target.minutes == 0 || !(1..=100).contains(&target.remind_at_percent) {
            faults.add(
                place(),
                format!("the target of `{lane}` is at least a minute, its reminder at 1 to 100 percent of it"),
            );
        }
        if !target.around_the_clock && terms.open.is_empty() {
            faults.add(
                place(),
                format!("the target of `{lane}` counts the unit's hours, and none are given: add `open`, or `around_the_clock = true`"),
            );
        }
    }
}

/// Whom this pack wants named: who oversees the program (APD-4B), and who authorises what leaves (APD-4C).
fn albuquerque(registry: &Registry, unit: &Unit, faults: &mut Faults) {
    if !unit.packs.iter().any(|pack| pack.as_str() == "albuquerque") {
        return;
    }
    let named = |role: Role, positions: &[&str]| {
        registry.accounts.iter().map(|entry| &entry.account).any(|account| {
            account.unit == unit.id
                && account.active
                && account.role == role
                && account.positions.iter().any(|held| positions.contains(&held.as_str()))
        })
    };
    let place = || format!("units.{}", unit.id);
    if !named(Role::LocalAdministrator, &["isd-commander", "isd-commander-designee"]) {
        faults.add(
            place(),
            "under the pack `albuquerque` a local administrator holds the position `isd-commander` or `isd-commander-designee` (APD-4B)",
        );
    }
    if !named(Role::ReleaseAuthority, &["special-investigations-section-lieutenant"]) {
        faults.add(
            place(),
            "under the pack `albuquerque` a release authority holds the position `special-investigations-section-lieutenant`, or no answer could leave (APD-4C)",
        );
    }
}

fn agencies(registry: &Registry, faults: &mut Faults) {
    let (mut oris, mut domains, mut users) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for entry in &registry.agencies {
        let agency = &entry.agency;
        let place = || format!("agencies.{}", agency.ori);
        faults.once(&mut oris, agency.ori.as_str(), place());
        if !is_hash(&entry.token_sha256) {
            faults.add(place(), HASH);
        }
        for domain in &agency.domains {
            faults.once(&mut domains, domain, place());
        }
        if let Some(user) = &agency.amqp_user {
            faults.once(&mut users, user, place());
        }
        for agreement in &agency.agreements {
            if agreement.valid_until <= agreement.valid_from {
                faults.add(
                    place(),
                    format!("agreement `{}` ends before it begins", agreement.number),
                );
            }
            if agreement.number.trim().is_empty() || !is_sha256(&agreement.document_sha256) {
                faults.add(
                    place(),
                    "an agreement has a number and the SHA-256 of the signed document, 64 lower-case hexadecimal digits (SPD-AI-B4b)",
                );
            }
            if registry.unit(&agreement.unit).is_none() {
                faults.add(place(), format!("there is no unit `{}`", agreement.unit));
            }
        }
    }
    for recipient in &registry.recipients {
        let known = registry.agency(&recipient.agency);
        if !known.is_some_and(|agency| agency.owns_address(&recipient.email)) {
            faults.add(
                format!("recipients.{}", recipient.agency),
                "the address must lie in one of the agency's verified domains",
            );
        }
    }
}

fn people(registry: &Registry, faults: &mut Faults) {
    let (mut ids, mut logins) = (BTreeSet::new(), BTreeSet::new());
    for entry in &registry.accounts {
        let account = &entry.account;
        let place = || format!("accounts.{}", account.login);
        faults.once(&mut ids, &account.id.to_string(), place());
        faults.once(&mut logins, &account.login, place());
        for position in account.positions.iter().filter(|code| !is_position(code)) {
            faults.add(place(), format!("`{position}`: {POSITION}"));
        }
        if entry.token_sha256.as_deref().is_some_and(|hash| !is_hash(hash)) {
            faults.add(place(), HASH);
        }
        if registry.unit(&account.unit).is_none() {
            faults.add(place(), format!("there is no unit `{}`", account.unit));
        }
    }
    for shift in &registry.shifts {
        let place = || format!("shifts.{}", shift.starts_at.to_rfc3339());
        if shift.ends_at <= shift.starts_at {
            faults.add(place(), "a shift ends after it begins");
        }
        if registry.account(shift.account).is_none_or(|account| account.unit != shift.unit) {
            faults.add(place(), "the account must exist and belong to the shift's unit");
        }
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn systems(registry: &Registry, faults: &mut Faults) {
    let mut names = BTreeSet::new();
    for system in &registry.systems {
        let place = || format!("systems.{}.{}", system.unit, system.name);
        faults.once(&mut names, &format!("{}/{}", system.unit, system.name), place());
        if registry.unit(&system.unit).is_none() {
            faults.add(place(), format!("there is no unit `{}`", system.unit));
        }
        if system.safeguards.as_ref().is_some_and(|safeguards| !is_sound(safeguards)) {
            faults.add(
                place(),
                "safeguards have a number, begin before they end, and carry the SHA-256 of the signed document, 64 lower-case hexadecimal digits (SPD-AI-B4a)",
            );
        }
    }
    for unit in &registry.units {
        if unit.packs.iter().any(|pack| pack.as_str() == ARTIFICIAL_INTELLIGENCE) {
            answered_for(unit, registry.systems(&unit.id).collect(), faults);
        }
    }
}

fn is_sound(safeguards: &Safeguards) -> bool {
    !safeguards.number.trim().is_empty()
        && safeguards.valid_from < safeguards.valid_until
        && is_sha256(&safeguards.document_sha256)
}

/// Before a unit is enabled under the pack, each of its systems has safeguards and two sign-offs.
fn answered_for(unit: &Unit, systems: Vec<&AiSystem>, faults: &mut Faults) {
    let place = format!("units.{}", unit.id);
    if systems.is_empty() {
        faults.add(
            place.clone(),
            "name the systems that the unit searches with under `systems` (SPD-AI-B4)",
        );
    }
    for system in systems {
        if system.safeguards.is_none() {
            let name = &system.name;
            faults.add(
                place.clone(),
                format!("record the contractual safeguards of the system `{name}` (SPD-AI-B4)"),
            );
        }
        for clause in ["SPD-AI-H1a", "SPD-AI-H1b"] {
            if !system.sign_offs.iter().any(|s| s.clause == clause && !s.by.trim().is_empty()) {
                let name = &system.name;
                faults.add(
                    place.clone(),
                    format!("record who signed for the system `{name}` under {clause}"),
                );
            }
        }
    }
}

fn trainings(registry: &Registry, faults: &mut Faults) {
    for training in &registry.trainings {
        let known = registry.account(training.account);
        let place = known.map_or_else(|| training.account.to_string(), |a| a.login.clone());
        let place = || format!("trainings.{place}");
        if known.is_none() {
            faults.add(place(), "there is no account with this id");
        }
        if training.topics.is_empty() || training.topics.iter().any(|t| t.trim().is_empty()) {
            faults.add(place(), "name the topics that the training covered (SPD-AI-G1)");
        }
        if training.refresher_due <= training.completed_at {
            faults.add(place(), "the refresher is due after the training");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_under_albuquerque_names_who_oversees_and_who_authorises() {
        let account = |number: u8, role: &str, position: &str| {
            format!(
                "[[accounts]]\n[accounts.account]\nid = \"p-{number:032x}\"\nlogin = \"a{number}\"\n\
                 name = \"R. Sample\"\nunit = \"albuquerque\"\nrole = \"{role}\"\nactive = true\n\
                 credentials = []\npositions = [\"{position}\"]\n"
            )
        };
        let unit = "[[units]]\nid = \"albuquerque\"\nname = \"Sample\"\npacks = [\"albuquerque\"]\n\
                    contact = \"sample@unit.example.gov\"\nrepositories = []\n";
        let overseer = account(1, "local_administrator", "isd-commander-designee");
        let lieutenant =
            account(2, "release_authority", "special-investigations-section-lieutenant");
        assert!(parse(&format!("{unit}{overseer}{lieutenant}")).is_ok());
        let told = |text: &str| {
            let errors = parse(text).unwrap_err();
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        let none = told(unit);
        assert!(none.contains("APD-4B") && none.contains("APD-4C"), "{none}");
        assert!(told(&format!("{unit}{lieutenant}")).contains("APD-4B"));
        assert!(told(&format!("{unit}{overseer}")).contains("APD-4C"));
        let gone = lieutenant.replace("active = true", "active = false");
        assert!(told(&format!("{unit}{overseer}{gone}")).contains("APD-4C"));
        let wrong = lieutenant.replace("release_authority", "reviewer");
        assert!(told(&format!("{unit}{overseer}{wrong}")).contains("APD-4C"));
    }

    #[test]
    fn positions_and_designations_are_checked() {
        let text = r#"
            [[units]]
            id = "oxnard"
            name = "Sample Unit"
            packs = ["oxnard"]
            contact = "sample@unit.example.gov"
            repositories = []
            trainers = [
                { issuer = "Sample School", designated_by = "The Commander", from = "2024-01-01T00:00:00Z" },
                { issuer = "Old School", designated_by = "bureau-commander", from = "2024-01-01T00:00:00Z", until = "2023-01-01T00:00:00Z" },
            ]
            [[accounts]]
            [accounts.account]
            id = "p-00000000000000000000000000000001"
            login = "sample"
            name = "R. Sample"
            unit = "oxnard"
            role = "reviewer"
            active = true
            credentials = []
            positions = ["", "desk-officer"]
        "#;
        let faults: Vec<String> =
            parse(text).unwrap_err().into_iter().map(|e| e.to_string()).collect();
        assert_eq!(faults.len(), 3, "{faults:#?}");
        let good = text
            .replace("The Commander", "bureau-commander")
            .replace("2023-01-01", "2025-01-01")
            .replace("[\"\", ", "[");
        assert!(parse(&good).is_ok());
    }

    #[test]
    fn a_unit_has_words_of_its_own() {
        let unit = "[[units]]\nid = \"lacris\"\nname = \"Sample\"\npacks = [\"lacris\"]\n\
                    contact = \"sample@unit.example.gov\"\nrepositories = []\n";
        let words = "words = { add = [\"food bank*\"], remove = [\"clinic\"] }\n";
        let registry = parse(&format!("{unit}{words}")).unwrap();
        assert_eq!(registry.units[0].words.remove, ["clinic"]);
        let written = toml::to_string(&registry).unwrap();
        assert_eq!(parse(&written).unwrap().units[0].words, registry.units[0].words);
        assert!(parse(unit).unwrap().units[0].words.is_empty());
        assert!(parse(&format!("{unit}words = {{ addd = [] }}\n")).is_err());
    }

    #[test]
    fn a_service_target_that_nobody_can_keep_is_refused() {
        let unit = "[[units]]\nid = \"lacris\"\nname = \"Sample\"\npacks = [\"lacris\"]\n\
                    contact = \"sample@unit.example.gov\"\nrepositories = []\n[units.service]\n\
                    time_zone = \"America/Los_Angeles\"\n";
        let open = "open = [{ days = [\"Mon\"], from = \"08:00:00\", until = \"17:00:00\" }]\n";
        let target = "targets = [{ lane = \"routine\", minutes = 60 }]\n";
        let registry = parse(&format!("{unit}{open}{target}")).unwrap();
        let written = toml::to_string(&registry).unwrap();
        assert_eq!(parse(&written).unwrap(), registry);
        for (terms, says) in [
            (target.to_owned(), "add `open`"),
            (format!("{open}{}", target.replace("60", "0")), "at least a minute"),
            (open.replace("17:00", "07:00"), "end after they begin"),
            (
                format!(
                    "{open}{}",
                    target.replace("[{", "[{ lane = \"routine\", minutes = 1 }, {")
                ),
                "two targets",
            ),
        ] {
            let faults = parse(&format!("{unit}{terms}")).unwrap_err();
            assert!(faults.iter().any(|fault| fault.to_string().contains(says)), "{faults:?}");
        }
        assert!(parse(&format!("{unit}{open}").replace("Los_Angeles", "Nowhere")).is_err());
    }

    #[test]
    fn every_fault_of_a_registry_is_told_at_once() {
        let text = r#"
            [[units]]
            id = "lacris"
            name = "Sample Regional Unit"
            packs = ["lacris"]
            contact = ""
            repositories = [{ id = "DMV", kind = "other" }]
            [[agencies]]
            token_sha256 = "00"
            [agencies.agency]
            ori = "CA0194200"
            name = "Sample City Police"
            domains = ["pd.example.gov", "PD.example.gov"]
            standing = "active"
            packs = []
            agreements = [{ unit = "oxnard", number = "1", valid_from = "2025-01-01T00:00:00Z", valid_until = "2024-01-01T00:00:00Z", document_sha256 = "00" }]
        "#;
        let places: Vec<String> =
            parse(text).unwrap_err().into_iter().map(|e| e.to_string()).collect();
        assert_eq!(places.len(), 7, "{places:#?}");
        assert!(places.iter().any(|told| told.contains("`token_sha256` must be")), "{places:#?}");
        assert!(parse("units = 3").is_err());
    }

    const SACRAMENTO: &str = r#"
        [[units]]
        id = "sacramento"
        name = "Sample Capital Unit"
        packs = ["sacramento-fr", "sacramento-ai"]
        contact = "questions@capital.example.gov"
        repositories = [{ id = "LOCAL-MUGSHOT", kind = "mugshot" }]
        [[accounts]]
        [accounts.account]
        id = "p-00000000000000000000000000000001"
        login = "rivera"
        name = "Robin Rivera"
        unit = "sacramento"
        role = "reviewer"
        active = true
        credentials = []
        [[systems]]
        unit = "sacramento"
        name = "Sample Search"
        vendor = "Sample Vendor"
        sign_offs = [
            { clause = "SPD-AI-H1a", by = "PSIT", at = "2025-10-01T00:00:00Z" },
            { clause = "SPD-AI-H1b", by = "PSIT", at = "2025-10-01T00:00:00Z" },
        ]
        [systems.safeguards]
        number = "C-1"
        valid_from = "2025-10-01T00:00:00Z"
        valid_until = "2027-10-01T00:00:00Z"
        document_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
        [[trainings]]
        account = "p-00000000000000000000000000000001"
        topics = ["ethics"]
        completed_at = "2025-10-01T00:00:00Z"
        refresher_due = "2026-10-01T00:00:00Z"
        approved_by = "PSIT"
    "#;

    /// What is told of the Sacramento registry with one text replaced.
    fn told(from: &str, to: &str) -> String {
        assert!(SACRAMENTO.contains(from), "{from}");
        let errors = parse(&SACRAMENTO.replacen(from, to, 1)).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        errors[0].to_string()
    }

    #[test]
    fn a_unit_under_the_ai_order_has_systems_with_safeguards_and_sign_offs() {
        let registry = parse(SACRAMENTO).unwrap();
        let unit = &registry.units[0].id;
        let system = registry.systems(unit).next().unwrap();
        assert!(system.is_safeguarded("2027-09-30T23:59:59Z".parse().unwrap()));
        assert!(!system.is_safeguarded("2027-10-01T00:00:00Z".parse().unwrap()));
        assert!(told("\"PSIT\"", "\" \"").contains("SPD-AI-H1a"));
        assert!(told("SPD-AI-H1b", "SPD-AI-H1c").contains("SPD-AI-H1b"));
        assert!(told("number = \"C-1\"", "number = \"\"").contains("SPD-AI-B4a"));
        let (head, tail) = SACRAMENTO.split_once("[systems.safeguards]").unwrap();
        let (_, trainings) = tail.split_once("[[trainings]]").unwrap();
        let errors = parse(&format!("{head}[[trainings]]{trainings}")).unwrap_err();
        assert!(errors[0].to_string().contains("SPD-AI-B4"), "{errors:?}");
        let (head, _) = SACRAMENTO.split_once("[[systems]]").unwrap();
        let errors = parse(&format!("{head}[[trainings]]{trainings}")).unwrap_err();
        assert!(errors[0].to_string().contains("under `systems`"), "{errors:?}");
        assert!(parse(&head.replace(", \"sacramento-ai\"", "")).is_ok());
    }

    #[test]
    fn a_training_names_its_person_its_topics_and_its_refresher() {
        let registry = parse(SACRAMENTO).unwrap();
        assert_eq!(registry.trainings(registry.accounts[0].account.id).count(), 1);
        assert!(told("[\"ethics\"]", "[]").contains("SPD-AI-G1"));
        assert!(told("\"2026-10-01", "\"2025-10-01").contains("refresher"));
        let stranger = told(
            "account = \"p-00000000000000000000000000000001\"",
            "account = \"p-00000000000000000000000000000002\"",
        );
        assert!(stranger.contains("no account"), "{stranger}");
    }
}
