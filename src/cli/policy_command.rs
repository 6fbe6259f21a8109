//! `leadbroker policy`: are the packs sound, and how is each clause answered.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::NaiveDate;
use serde_json::{Value, json};

use super::args::PolicyCommand;
use super::client::Api;
use super::config_command::loaded;
use super::{Output, exit};
use crate::app::{self, pack_files};
use crate::clock::{Clock as _, SystemClock};
use crate::pipeline::policy_sets;
use crate::policy::{Answer, Clause, Pack, PackError, PolicySet, SetInForce, SetOrigin, builtin};

/// Runs the command.
pub(super) async fn run(
    command: &PolicyCommand,
    (config, api): (Option<&Path>, &impl Fn() -> anyhow::Result<Api>),
    output: &mut Output,
) -> anyhow::Result<u8> {
    match command {
        PolicyCommand::Check { dir: None, in_force: true } => {
            match app::policies_in_force(&loaded(config)?.config, &SystemClock).await {
                Ok(set) => Ok(sound(&set, output)),
                Err(error) => {
                    output.error("policy", &error.to_string());
                    Ok(exit::DATA)
                }
            }
        }
        PolicyCommand::Check { dir, .. } => check(dir.as_ref(), output),
        PolicyCommand::Explain(args) => super::policy_explain::run(args, config, output).await,
        PolicyCommand::Replay(args) => super::policy_replay::run(args, config, output).await,
        PolicyCommand::Activate(args) => super::policy_sets::activate(&api()?, args, output).await,
        PolicyCommand::Sets(args) => super::policy_sets::sets(&api()?, args, output).await,
        PolicyCommand::Clauses { pack, answer, in_force } => {
            // Without a configuration: the packs that come with the program.
            let set = match config {
                _ if *in_force => {
                    app::policies_in_force(&loaded(config)?.config, &SystemClock).await?
                }
                Some(_) => app::policies(&loaded(config)?.config, &SystemClock)?,
                None => builtin::load(SystemClock.now()).map_err(|errors| told(&errors))?,
            };
            clauses(&set, (pack.as_deref(), *answer), output)
        }
    }
}

fn told(errors: &[PackError]) -> anyhow::Error {
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("load the policy packs: {}", errors.join("; "))
}

fn check(dir: Option<&PathBuf>, output: &mut Output) -> anyhow::Result<u8> {
    let now = SystemClock.now();
    let set = match dir {
        Some(dir) => PolicySet::load(&pack_files(dir)?, now),
        None => builtin::load(now),
    };
    let set = match set {
        Ok(set) => set,
        Err(errors) => {
            for error in errors {
                output.error("policy", &error.to_string());
            }
            return Ok(exit::DATA);
        }
    };
    Ok(sound(&set, output))
}

/// Which set it is, for a person.
fn which(set: &PolicySet) -> String {
    let SetInForce { origin, sha256 } = set.set();
    let origin = match origin {
        SetOrigin::BuiltIn => "the packs that come with the program".to_owned(),
        SetOrigin::Directory => "the packs of a folder".to_owned(),
        SetOrigin::Activated(version) => {
            format!("version {version}, which two people put in force")
        }
    };
    format!("{origin}; SHA-256 {sha256}")
}

/// What a sound set holds, and which reviews are due.
fn sound(set: &PolicySet, output: &mut Output) -> u8 {
    let today = SystemClock.now().date_naive();
    let reviews = policy_sets::reviews(set, today);
    if output.is_json() {
        let packs: Vec<Value> = set
            .packs()
            .map(|pack| {
                json!({
                    "pack": pack.in_force().pack.as_str(), "version": pack.in_force().sha256,
                    "clauses": pack.clauses().len(), "effective": pack.effective(),
                    "review_due": pack.review_due(),
                    "review_overdue": pack.review_overdue(today),
                })
            })
            .collect();
        output
            .value(&json!({ "sound": true, "set": set.set(), "packs": packs, "reviews": reviews }));
        return exit::OK;
    }
    let rows: Vec<Vec<String>> = set
        .packs()
        .map(|pack| {
            vec![
                pack.in_force().pack.as_str().to_owned(),
                pack.title().to_owned(),
                pack.clauses().len().to_string(),
                review_due(pack, today),
                pack.in_force().sha256.clone(),
            ]
        })
        .collect();
    output.line("the packs are sound");
    output.line(&which(set));
    for review in &reviews {
        output.line(&format!("warning: {review}"));
    }
    output.table(&["pack", "title", "clauses", "review due", "version"], &rows);
    exit::OK
}

/// The day of the review, and whether it has passed.
fn review_due(pack: &Pack, today: NaiveDate) -> String {
    match pack.review_due() {
        None => "-".to_owned(),
        Some(due) if pack.review_overdue(today) => format!("{due}, overdue"),
        Some(due) => due.to_string(),
    }
}

fn clauses(
    set: &PolicySet,
    (only, answer): (Option<&str>, Option<Answer>),
    output: &mut Output,
) -> anyhow::Result<u8> {
    let known: Vec<&str> = set.packs().map(|pack| pack.in_force().pack.as_str()).collect();
    if only.is_some_and(|only| !known.contains(&only)) {
        let message = format!("there is no such pack; there are {}", known.join(", "));
        output.error("pack_unknown", &message);
        return Ok(exit::DATA);
    }
    let all: Vec<(&str, &Clause)> = set
        .packs()
        .filter(|pack| only.is_none_or(|only| pack.in_force().pack.as_str() == only))
        .flat_map(|pack| {
            pack.clauses().values().map(|clause| (pack.in_force().pack.as_str(), clause))
        })
        .filter(|(_, clause)| answer.is_none_or(|answer| clause.answer == answer))
        .collect();
    if output.is_json() {
        let all: Vec<Value> =
            all.iter().map(|(pack, clause)| whole(pack, clause)).collect::<anyhow::Result<_>>()?;
        output.value(&all);
        return Ok(exit::OK);
    }
    let or_none = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|(pack, clause)| {
            vec![
                clause.id.clone(),
                (*pack).to_owned(),
                or_none(Some(clause.lines.as_str()).filter(|lines| !lines.is_empty())),
                <&str>::from(clause.answer).to_owned(),
                or_none(clause.part.as_deref()),
                or_none(clause.test.as_deref()),
                clause.text.clone(),
            ]
        })
        .collect();
    output.line(&which(set));
    let headers = ["clause", "pack", "lines", "answer", "part", "test", "what it says"];
    output.table(&headers, &rows);
    Ok(exit::OK)
}

/// Every member of a clause, also those that it leaves out.
fn whole(pack: &str, clause: &Clause) -> anyhow::Result<Value> {
    let mut value = serde_json::to_value(clause).context("print a clause")?;
    if let Some(members) = value.as_object_mut() {
        let _ = members.insert("pack".to_owned(), pack.into());
        for member in ["part", "test"] {
            let _ = members.entry(member).or_insert(Value::Null);
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_that_is_overdue_is_told() {
        let set = builtin::load(SystemClock.now()).unwrap();
        let due = |name: &str, today: &str| {
            let pack = set.pack(&name.parse().unwrap()).unwrap();
            review_due(pack, today.parse().unwrap())
        };
        assert_eq!(due("albuquerque", "2023-10-20"), "2023-10-20");
        assert_eq!(due("albuquerque", "2023-10-21"), "2023-10-20, overdue");
        assert_eq!(due("oxnard", "2026-01-01"), "2027-01-01");
        assert_eq!(due("core", "2026-01-01"), "-");
    }
}
