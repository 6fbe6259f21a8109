//! Where the policies disagree, are silent or slip: each case is decided, documented and proved.

use super::*;

const TRAPS: &str = include_str!("../../../tests/data/policy/traps.toml");
const GUIDE: &str = include_str!("../../../docs/POLICY.md");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Traps {
    trap: Vec<Trap>,
}

/// One case, and what proves the decision: rows of the scenario tables, and tests.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trap {
    id: String,
    about: String,
    #[serde(default)]
    rows: Vec<String>,
    #[serde(default)]
    tests: Vec<String>,
}

#[test]
fn every_conflict_between_the_policies_is_decided_and_proved() {
    let traps: Traps = toml::from_str(TRAPS).unwrap();
    let ids: Vec<&str> = traps.trap.iter().map(|trap| trap.id.as_str()).collect();
    let all: Vec<String> = (1..=25).map(|n| format!("T{n}")).collect();
    assert_eq!(ids, all);
    let mut sources = String::new();
    for folder in ["src", "tests"] {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut sources);
    }
    for trap in &traps.trap {
        assert!(!(trap.rows.is_empty() && trap.tests.is_empty()), "{}", trap.id);
        for name in &trap.rows {
            assert!(TABLE.iter().any(|row| row.name == *name), "{}: {name}", trap.id);
        }
        for test in &trap.tests {
            assert!(sources.contains(&format!("fn {test}()")), "{}: {test}", trap.id);
        }
        let line = format!("| {} | {} |", trap.id, trap.about);
        assert!(GUIDE.contains(&line), "docs/POLICY.md lacks `{line}`");
    }
}

#[test]
fn a_review_that_is_overdue_is_said_and_what_the_source_lacks_is_recorded() {
    let albuquerque = POLICIES.pack(&pack("albuquerque")).unwrap();
    assert!(!albuquerque.review_overdue("2023-10-20".parse().unwrap()));
    assert!(albuquerque.review_overdue("2023-10-21".parse().unwrap()));
    let seeds = POLICIES.packs().filter(|pack| pack.source_sha256().is_some());
    let silent: Vec<_> = seeds.filter(|pack| pack.review_due().is_none()).collect();
    assert!(!silent.is_empty(), "a policy that states no review is among them");
    for pack in silent {
        let recorded = pack.missing().iter().any(|stated| *stated == Stated::ReviewDue);
        assert!(recorded, "{}", pack.title());
    }
}

/// T21: the words as the source prints them, beside those that a person affirms or reads.
#[test]
fn slips_are_kept_as_published_and_mended_as_approved() {
    let files = builtin::files();
    let words = |path: &str| String::from_utf8(files[path].clone()).unwrap();
    for (statement, slip, mended) in [
        ("lacris/statements/report-disclaimer", "IS NEEDED THIS", "IS NEEDED. THIS"),
        ("lacris/statements/footer", "[insert agency name here]", "Sample Regional Unit"),
        ("oxnard/statements/dissemination", "line#up", "line-up"),
        ("sacramento-ai/statements/sensitive-information", "(HIPPA)", "(HIPAA)"),
    ] {
        let published = words(&format!("{statement}.published.txt"));
        let approved = words(&format!("{statement}.txt"));
        assert!(published.contains(slip) && !published.contains(mended), "{published}");
        assert!(approved.contains(mended) && !approved.contains(slip), "{approved}");
    }
}
