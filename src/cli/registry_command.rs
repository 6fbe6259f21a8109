//! `leadbroker registry`: units, agencies and people, from a file into force.

use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use super::args::RegistryCommand;
use super::config_command::loaded;
use super::{Output, exit};
use crate::app;
use crate::audit::{Actor, AuditEvent};
use crate::domain::Unit;
use crate::policy::words::{self, WordsError};
use crate::registry::{Registry, RegistryError, parse};

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
        RegistryCommand::Import { file } => import(file, config, output).await,
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

async fn import(file: &Path, config: Option<&Path>, output: &mut Output) -> anyhow::Result<u8> {
    let registry = match read(file)? {
        Ok(registry) => registry,
        Err(errors) => return Ok(refuse(&errors, output)),
    };
    let config = loaded(config)?.config;
    let ctx = app::context(&config).await?;
    let policies = ctx.policies().await?;
    let unknown: Vec<RegistryError> = registry
        .units
        .iter()
        .flat_map(|unit| unit.packs.iter().map(move |pack| (unit, pack)))
        .filter(|(_, pack)| policies.pack(pack).is_none())
        .map(|(unit, pack)| RegistryError {
            place: format!("units.{}", unit.id),
            message: format!("there is no policy pack `{pack}`; see `leadbroker policy check`"),
        })
        .collect();
    let absent = of_words(&registry, |unit| policies.words().absent(&unit.words));
    let wrong: Vec<RegistryError> = unknown.into_iter().chain(absent).collect();
    if !wrong.is_empty() {
        ctx.store.close().await;
        return Ok(refuse(&wrong, output));
    }
    let digest =
        openssl::sha::sha256(&serde_json::to_vec(&registry).context("write the registry")?);
    let sealed = ctx.vault.seal_registry(ctx.ids.as_ref(), &registry)?;
    let actor = Actor::Operator { command: "registry import".to_owned() };
    let event = AuditEvent::new(ctx.now(), actor, "registry.imported")
        .detail("digest", &hex::encode(digest))
        .detail("agencies", &registry.agencies.len().to_string())
        .detail("accounts", &registry.accounts.len().to_string());
    let version = ctx.store.add_registry(digest, sealed, event).await?;
    ctx.store.close().await;
    told(&registry, Some(version), output);
    Ok(exit::OK)
}

fn told(registry: &Registry, version: Option<i64>, output: &mut Output) {
    let counts = [
        ("units", registry.units.len()),
        ("agencies", registry.agencies.len()),
        ("accounts", registry.accounts.len()),
        ("shifts", registry.shifts.len()),
        ("recipients", registry.recipients.len()),
    ];
    if output.is_json() {
        let counts: serde_json::Map<String, serde_json::Value> =
            counts.into_iter().map(|(name, count)| (name.to_owned(), count.into())).collect();
        return output.value(&json!({ "sound": true, "version": version, "counts": counts }));
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
}
