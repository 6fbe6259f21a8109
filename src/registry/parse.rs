//! Reading a registry file: everything that is wrong with it, at once.

use std::collections::BTreeSet;

use super::Registry;
use crate::domain::{RepositoryKind, Role, Unit};

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

fn units(registry: &Registry, faults: &mut Faults) {
    let mut ids = BTreeSet::new();
    for unit in &registry.units {
        let place = || format!("units.{}", unit.id);
        faults.once(&mut ids, unit.id.as_str(), place());
        if unit.contact.trim().is_empty() {
            faults
                .add(place(), "a unit needs a contact for questions; it is printed (LACRIS-FTR-7)");
        }
        if unit.packs.is_empty() {
            faults.add(place(), "a unit needs at least one policy pack");
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
        assert_eq!(places.len(), 5, "{places:#?}");
        assert!(parse("units = 3").is_err());
    }
}
