//! The packs that come with the program, embedded so that a machine without files can decide.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{PackError, PolicySet, SetOrigin};

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../config/policies/", $path)))),*]
    };
}

/// The files of `config/policies/`, by their path there.
const FILES: &[(&str, &str)] = files![
    "albuquerque/clauses.toml",
    "albuquerque/pack.toml",
    "albuquerque/rules.cedar",
    "albuquerque/statements/declined.txt",
    "albuquerque/statements/footer.txt",
    "albuquerque/statements/inconclusive.txt",
    "albuquerque/statements/investigative-lead.published.txt",
    "albuquerque/statements/investigative-lead.txt",
    "albuquerque/statements/lead-only.published.txt",
    "albuquerque/statements/lead-only.txt",
    "albuquerque/statements/lead-viable.published.txt",
    "albuquerque/statements/lead-viable.txt",
    "albuquerque/statements/need-to-know.published.txt",
    "albuquerque/statements/need-to-know.txt",
    "albuquerque/statements/no-match.txt",
    "albuquerque/statements/report-disclaimer.published.txt",
    "albuquerque/statements/report-disclaimer.txt",
    "albuquerque/statements/seal.txt",
    "albuquerque/statements/unsuitable.txt",
    "ban-example/clauses.toml",
    "ban-example/pack.toml",
    "ban-example/rules.cedar",
    "core/clauses.toml",
    "core/pack.toml",
    "core/rules.cedar",
    "identification_words.toml",
    "lacris/clauses.toml",
    "lacris/pack.toml",
    "lacris/rules.cedar",
    "lacris/statements/adherence.published.txt",
    "lacris/statements/adherence.txt",
    "lacris/statements/banner.published.txt",
    "lacris/statements/banner.txt",
    "lacris/statements/declined.txt",
    "lacris/statements/footer.published.txt",
    "lacris/statements/footer.txt",
    "lacris/statements/inconclusive.txt",
    "lacris/statements/lead-only.published.txt",
    "lacris/statements/lead-only.txt",
    "lacris/statements/lead-viable.published.txt",
    "lacris/statements/lead-viable.txt",
    "lacris/statements/no-match.published.txt",
    "lacris/statements/no-match.txt",
    "lacris/statements/report-disclaimer.published.txt",
    "lacris/statements/report-disclaimer.txt",
    "lacris/statements/report-title.published.txt",
    "lacris/statements/report-title.txt",
    "lacris/statements/seal.published.txt",
    "lacris/statements/seal.txt",
    "lacris/statements/unsuitable.txt",
    "oxnard/clauses.toml",
    "oxnard/pack.toml",
    "oxnard/rules.cedar",
    "oxnard/statements/declined.txt",
    "oxnard/statements/dissemination.published.txt",
    "oxnard/statements/dissemination.txt",
    "oxnard/statements/field-conduct.published.txt",
    "oxnard/statements/field-conduct.txt",
    "oxnard/statements/footer.published.txt",
    "oxnard/statements/footer.txt",
    "oxnard/statements/inconclusive.txt",
    "oxnard/statements/lead-only.published.txt",
    "oxnard/statements/lead-only.txt",
    "oxnard/statements/lead-viable.txt",
    "oxnard/statements/no-match.txt",
    "oxnard/statements/official-use.published.txt",
    "oxnard/statements/official-use.txt",
    "oxnard/statements/report-disclaimer.published.txt",
    "oxnard/statements/report-disclaimer.txt",
    "oxnard/statements/seal.txt",
    "oxnard/statements/unsuitable.txt",
    "sacramento-ai/clauses.toml",
    "sacramento-ai/pack.toml",
    "sacramento-ai/rules.cedar",
    "sacramento-ai/statements/ai-use.published.txt",
    "sacramento-ai/statements/ai-use.txt",
    "sacramento-ai/statements/generative-ai.txt",
    "sacramento-ai/statements/perceptive-lead-only.published.txt",
    "sacramento-ai/statements/perceptive-lead-only.txt",
    "sacramento-ai/statements/sensitive-information.published.txt",
    "sacramento-ai/statements/sensitive-information.txt",
    "sacramento-fr/clauses.toml",
    "sacramento-fr/pack.toml",
    "sacramento-fr/rules.cedar",
    "sacramento-fr/statements/adherence.published.txt",
    "sacramento-fr/statements/adherence.txt",
    "sacramento-fr/statements/declined.txt",
    "sacramento-fr/statements/footer.txt",
    "sacramento-fr/statements/inconclusive.txt",
    "sacramento-fr/statements/lead-only.published.txt",
    "sacramento-fr/statements/lead-only.txt",
    "sacramento-fr/statements/lead-viable.txt",
    "sacramento-fr/statements/no-match.txt",
    "sacramento-fr/statements/report-disclaimer.published.txt",
    "sacramento-fr/statements/report-disclaimer.txt",
    "sacramento-fr/statements/seal.txt",
    "sacramento-fr/statements/unsuitable.txt",
    "schema.cedarschema",
    "state-example/clauses.toml",
    "state-example/pack.toml",
    "state-example/rules.cedar",
    "words.toml",
];

/// The embedded files, for [`PolicySet::load`]; a unit's own packs can be added to them.
pub fn files() -> BTreeMap<String, Vec<u8>> {
    FILES.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

/// The packs that come with the program.
pub fn load(now: DateTime<Utc>) -> Result<PolicySet, Vec<PackError>> {
    Ok(PolicySet::load(&files(), now)?.from_origin(SetOrigin::BuiltIn))
}
