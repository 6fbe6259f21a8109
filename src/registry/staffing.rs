//! Steps that nobody of a unit can take: sound as data, and a request would wait there until it expires.

use super::{Registry, RegistryError};
use crate::domain::{Account, Differences, Role, Unit};

/// What an operator is told of, and what no import is refused for: people come and go, and a unit must be able to suspend one.
pub fn unstaffed(registry: &Registry) -> Vec<RegistryError> {
    let of_unit = |unit: &Unit| {
        let place = format!("units.{}", unit.id);
        let told =
            |message: &str| RegistryError { place: place.clone(), message: message.to_owned() };
        missing(registry, unit).into_iter().map(told).collect::<Vec<_>>()
    };
    registry.units.iter().flat_map(of_unit).collect()
}

fn missing(registry: &Registry, unit: &Unit) -> Vec<&'static str> {
    let mut found = Vec::new();
    if humans(registry, unit, Role::Reviewer) < 2 {
        found.push(
            "fewer than two people have the role `reviewer`: a first examination waits for its second reviewer until it expires",
        );
    }
    if unit.differences == Differences::Adjudicate && humans(registry, unit, Role::Adjudicator) == 0
    {
        found.push(
            "nobody has the role `adjudicator`: a request on which two reviewers differ waits until it expires; add one, or set `differences = \"inconclusive\"`",
        );
    }
    if humans(registry, unit, Role::ReleaseAuthority) == 0 {
        found.push("nobody has the role `release_authority`: no answer can leave");
    }
    found
}

/// Active people of the unit with this role; two accounts of one human count once.
fn humans(registry: &Registry, unit: &Unit, role: Role) -> usize {
    let mut people: Vec<&Account> = Vec::new();
    for account in registry.accounts.iter().map(|entry| &entry.account) {
        let wanted = account.unit == unit.id && account.role == role && account.active;
        if wanted && !people.iter().any(|known| known.is_same_person(account)) {
            people.push(account);
        }
    }
    people.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../config/registry.example.toml");

    fn told(text: &str) -> Vec<String> {
        let registry: Registry = toml::from_str(text).unwrap();
        unstaffed(&registry).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_step_that_nobody_can_take_is_told_and_the_example_has_none() {
        assert_eq!(told(EXAMPLE), [""; 0]);
        let without = EXAMPLE.replace("role = \"adjudicator\"", "role = \"auditor\"");
        let found = told(&without);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("units.lacris") && found[0].contains("`adjudicator`"),
            "{found:?}"
        );
        let divided =
            without.replacen("contact = ", "differences = \"inconclusive\"\ncontact = ", 1);
        assert_eq!(told(&divided), [""; 0], "this unit wants none");
        // One human with two accounts is no second reviewer, and who is suspended is nobody.
        let twice = EXAMPLE.replace("name = \"Sam Brandt\"", "name = \"Robin Adler\"");
        assert!(told(&twice)[0].contains("second reviewer"), "{:?}", told(&twice));
        assert_eq!(told(&EXAMPLE.replace("active = true", "active = false")).len(), 3);
    }
}
