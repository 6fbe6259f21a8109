//! Reading a registry file: everything that is wrong with it, at once.

use std::collections::BTreeSet;

use super::Registry;
use crate::domain::RepositoryKind;

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
        if unit.packs.is_empty() {
            faults.add(place(), "a unit needs at least one policy pack");
        }
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(places.len(), 6, "{places:#?}");
        assert!(places.iter().any(|told| told.contains("`token_sha256` must be")), "{places:#?}");
        assert!(parse("units = 3").is_err());
    }
}
