//! `leadbroker registry`: units, agencies and people, from a file into force.

use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use super::args::{RegistryCommand, RegistryImportArgs};
use super::config_command::loaded;
use super::{Output, exit};
use crate::app;
use crate::audit::{Actor, AuditEvent};
use crate::domain::Unit;
use crate::pipeline::{Context, people};
use crate::policy::PolicySet;
use crate::policy::words::{self, WordsError};
use crate::registry::{Registry, RegistryError, parse, revived, unstaffed};

/// Runs the command.
pub(super) async fn run(
    command: &RegistryCommand,
    config: Option<&Path>,
    output: &mut Output,
) -> anyhow::Result<u8> {
    match command {
        RegistryCommand::Check { file } => match read(file)? {
            Ok(registry) => {
                told(&registry, None, output);
                Ok(exit::OK)
            }
            Err(errors) => Ok(refuse(&errors, output)),
        },
        RegistryCommand::Show => super::registry_show::run(config, output).await,
        RegistryCommand::Import(how) => import(how, config, output).await,
    }
}

/// Reads a registry file.
pub(super) fn read(file: &Path) -> anyhow::Result<Result<Registry, Vec<RegistryError>>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("read the registry `{}`", file.display()))?;
    let registry = match parse(&text) {
        Ok(registry) => registry,
        Err(errors) => return Ok(Err(errors)),
    };
    let errors = of_words(&registry, |unit| words::faults(&unit.words));
    Ok(if errors.is_empty() { Ok(registry) } else { Err(errors) })
}

/// What is wrong with the units' own words.
fn of_words(registry: &Registry, wrong: impl Fn(&Unit) -> Vec<WordsError>) -> Vec<RegistryError> {
    let place = |unit: &Unit| format!("units.{}", unit.id);
    let errors = registry.units.iter().flat_map(|unit| {
        let wrong = wrong(unit).into_iter();
        wrong.map(move |error| RegistryError { place: place(unit), message: error.to_string() })
    });
    errors.collect()
}

/// Tells everything that is wrong.
pub(super) fn refuse(errors: &[RegistryError], output: &mut Output) -> u8 {
    for error in errors {
        output.error("registry", &error.to_string());
    }
    exit::DATA
}

async fn import(
    how: &RegistryImportArgs,
    config: Option<&Path>,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let registry = match read(&how.file)? {
        Ok(registry) => registry,
        Err(errors) => return Ok(refuse(&errors, output)),
    };
    let config = loaded(config)?.config;
    let ctx = app::context(&config).await?;
    let done = put(&ctx, how, &registry).await;
    ctx.store.close().await;
    match done? {
        Ok(version) => {
            told(&registry, Some(version), output);
            Ok(exit::OK)
        }
        Err(errors) => Ok(refuse(&errors, output)),
    }
}

/// Puts a registry in force after the one that it was compared with.
async fn put(
    ctx: &Context,
    how: &RegistryImportArgs,
    registry: &Registry,
) -> anyhow::Result<Result<i64, Vec<RegistryError>>> {
    let (seen, before) = people::newest(ctx).await?;
    let policies = ctx.policies().await?;
    let mut wrong = unknown_packs(registry, &policies);
    wrong.extend(of_words(registry, |unit| policies.words().absent(&unit.words)));
    if let Some(after) = how.after.filter(|after| *after != seen) {
        wrong.push(RegistryError {
            place: "version".to_owned(),
            message: format!(
                "version {seen} is in force, and the file was made of version {after}; bring it up to date with `leadbroker registry show`"
            ),
        });
    }
    let revived = revived(&before, registry);
    if !how.restore_suspended {
        wrong.extend(revived.iter().map(|account| RegistryError {
            place: format!("accounts.{}", account.login),
            message: "the account is suspended, and this file makes it active again; set `active = false`, or say `--restore-suspended`".to_owned(),
        }));
    }
    if !wrong.is_empty() {
        return Ok(Err(wrong));
    }
    let event = |action| {
        let actor = Actor::Operator { command: "registry import".to_owned() };
        AuditEvent::new(ctx.now(), actor, action)
    };
    let mut events = vec![
        event("registry.imported")
            .detail("agencies", &registry.agencies.len().to_string())
            .detail("accounts", &registry.accounts.len().to_string()),
    ];
    events.extend(revived.iter().map(|account| {
        event("account.restored")
            .unit(&account.unit)
            .detail("account", &account.id.to_string())
            .detail("role", account.role.into())
    }));
    let version = people::put(ctx, (seen, &before), registry, events).await?;
    Ok(version.ok_or_else(|| {
        vec![RegistryError {
            place: "version".to_owned(),
            message: "somebody else changed the registry at the same moment; look at it with `leadbroker registry show`, then import again".to_owned(),
        }]
    }))
}

/// Packs that units and agencies name and the set in force does not have.
fn unknown_packs(registry: &Registry, policies: &PolicySet) -> Vec<RegistryError> {
    let of_units = registry.units.iter().map(|unit| (format!("units.{}", unit.id), &unit.packs));
    let agencies = registry.agencies.iter().map(|entry| &entry.agency);
    let of_agencies = agencies.map(|agency| (format!("agencies.{}", agency.ori), &agency.packs));
    let named = of_units
        .chain(of_agencies)
        .flat_map(|(place, packs)| packs.iter().map(move |pack| (place.clone(), pack)));
    named
        .filter(|(_, pack)| policies.pack(pack).is_none())
        .map(|(place, pack)| RegistryError {
            place,
            message: format!("there is no policy pack `{pack}`; see `leadbroker policy check`"),
        })
        .collect()
}

fn told(registry: &Registry, version: Option<i64>, output: &mut Output) {
    let counts = [
        ("units", registry.units.len()),
        ("agencies", registry.agencies.len()),
        ("accounts", registry.accounts.len()),
        ("shifts", registry.shifts.len()),
        ("recipients", registry.recipients.len()),
    ];
    let warnings: Vec<String> = unstaffed(registry).iter().map(ToString::to_string).collect();
    if output.is_json() {
        let counts: serde_json::Map<String, serde_json::Value> =
            counts.into_iter().map(|(name, count)| (name.to_owned(), count.into())).collect();
        return output.value(
            &json!({ "sound": true, "version": version, "counts": counts, "warnings": warnings }),
        );
    }
    let counts: Vec<String> =
        counts.into_iter().map(|(name, count)| format!("{count} {name}")).collect();
    output.line(&match version {
        Some(version) => format!("version {version} is in force: {}", counts.join(", ")),
        None => format!(
            "sound: {}; put it in force with `leadbroker registry import`",
            counts.join(", ")
        ),
    });
    for warning in warnings {
        output.line(&format!("warning: {warning}"));
    }
}
