//! What contradicts itself in whom a unit pages.

use super::{Registry, RegistryError};
use crate::domain::escalation::{EscalationPolicy, Whom};
use crate::domain::{Lane, Unit};

/// A day: no step waits longer, and no acknowledgement holds longer.
const MOST_MINUTES: u32 = 1_440;

/// Everything that is wrong.
pub(super) fn check(registry: &Registry) -> Vec<RegistryError> {
    let mut found = Vec::new();
    for unit in &registry.units {
        for (nth, policy) in unit.escalations.iter().enumerate() {
            let place = format!("units.{}.escalations.{nth}", unit.id);
            let add = |message: String| RegistryError { place: place.clone(), message };
            found.extend(policy_faults(registry, unit, policy).into_iter().map(add));
        }
    }
    for entry in &registry.accounts {
        let account = &entry.account;
        if account.pager_email.as_ref().is_some_and(|email| !is_plain_address(email.expose())) {
            found.push(RegistryError {
                place: format!("accounts.{}", account.login),
                message: "`pager_email` must be a plain address such as `pager@unit.example.gov`"
                    .to_owned(),
            });
        }
    }
    found
}

fn policy_faults(registry: &Registry, unit: &Unit, policy: &EscalationPolicy) -> Vec<String> {
    let mut found = Vec::new();
    if policy.steps.is_empty() || policy.steps.iter().any(|step| step.whom.is_empty()) {
        found.push("an escalation has steps, and each step names whom it pages".to_owned());
    }
    let minutes = policy.steps.iter().map(|step| step.wait_minutes);
    if minutes.chain([policy.acknowledge_minutes]).any(|m| !(1..=MOST_MINUTES).contains(&m)) {
        found.push(format!(
            "`wait_minutes` and `acknowledge_minutes` lie between 1 and {MOST_MINUTES}"
        ));
    }
    if policy.steps.last().is_some_and(|step| step.whom.iter().all(|whom| *whom == Whom::Owner)) {
        found.push(
            "the last step pages somebody else than the owner, such as `role:local_administrator`: it goes on when nobody answers"
                .to_owned(),
        );
    }
    if policy.quiet.is_some() && policy.lanes.contains(&Lane::Threat) {
        found.push(
            "the threat lane has no quiet hours; write a policy of its own for it".to_owned(),
        );
    }
    if policy.repeats > 100 || policy.bundle_seconds > 3_600 {
        found.push("`repeats` is at most 100 and `bundle_seconds` at most 3600".to_owned());
    }
    if policy.throttle.is_some_and(|t| t.pages == 0 || !(1..=MOST_MINUTES).contains(&t.minutes)) {
        found.push(format!("a throttle has at least 1 page in 1 to {MOST_MINUTES} minutes"));
    }
    for whom in policy.steps.iter().flat_map(|step| &step.whom) {
        let Whom::Account(login) = whom else { continue };
        let known = registry.entry_by_login(login).is_some_and(|e| e.account.unit == unit.id);
        if !known {
            found.push(format!("`account:{login}` is no account of this unit"));
        }
    }
    found
}

/// One `@` between characters that cannot leave a header.
fn is_plain_address(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"@.!#$%&'*+-/=?^_`{|}~".contains(&b);
    text.len() <= 254
        && text.bytes().all(plain)
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !domain.contains('@')
        })
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    const GOOD: &str = r#"
        [[units]]
        id = "lacris"
        name = "Sample"
        packs = ["lacris"]
        contact = "sample@unit.example.gov"
        repositories = []
        [[units.escalations]]
        steps = [
            { whom = ["owner"], wait_minutes = 10 },
            { whom = ["account:sample", "role:local_administrator"], wait_minutes = 10 },
        ]
        [[accounts]]
        [accounts.account]
        id = "p-00000000000000000000000000000001"
        login = "sample"
        name = "R. Sample"
        unit = "lacris"
        role = "reviewer"
        active = true
        credentials = []
        pager_email = "pager@unit.example.gov"
    "#;

    #[test]
    fn an_escalation_that_could_end_with_nobody_is_refused() {
        assert!(parse(GOOD).is_ok());
        for (from, to, told) in [
            ("\"account:sample\", \"role:local_administrator\"", "\"owner\"", "last step"),
            ("[\"owner\"]", "[]", "names whom"),
            ("account:sample", "account:nobody", "no account"),
            ("wait_minutes = 10", "wait_minutes = 0", "between 1"),
            ("pager@unit.example.gov", "pager@unit.example.gov\\r\\nBcc: x@y.z", "plain address"),
            ("steps = [", "throttle = { pages = 0, minutes = 1 }\nsteps = [", "throttle"),
            (
                "steps = [",
                "lanes = [\"threat\"]\nquiet = { from = \"22:00:00\", until = \"06:00:00\", time_zone = \"UTC\" }\nsteps = [",
                "no quiet hours",
            ),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let errors = parse(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(errors.iter().any(|e| e.to_string().contains(told)), "{told}: {errors:?}");
        }
    }
}
