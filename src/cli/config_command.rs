//! `leadbroker config` and `leadbroker migrate`.

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::args::ConfigCommand;
use super::{Output, exit};
use crate::config::{Config, ConfigError, Loaded, Transport, from_process};
use crate::store::{Store, StoreSettings};

/// The configuration is wrong; each fault is told on its own line.
#[derive(Debug, thiserror::Error)]
#[error("use the configuration: {} faults; run `leadbroker config check`", .0.len())]
pub(super) struct ConfigInvalid(pub(super) Vec<ConfigError>);

/// The configuration of this process.
pub(super) fn loaded(file: Option<&Path>) -> Result<Loaded, ConfigInvalid> {
    from_process(file).map_err(ConfigInvalid)
}

/// Runs `config`.
pub(super) fn run(
    command: &ConfigCommand,
    file: Option<&Path>,
    output: &mut Output,
) -> anyhow::Result<u8> {
    if matches!(command, ConfigCommand::Reference) {
        let text = crate::config::reference();
        if output.is_json() {
            output.value(&json!({ "markdown": text }));
        } else {
            output.text(&text);
        }
        return Ok(exit::OK);
    }
    let loaded = loaded(file)?;
    match command {
        ConfigCommand::Reference => {}
        ConfigCommand::Check => {
            let faults = super::config_files::faults(&loaded);
            if !faults.is_empty() {
                return Err(ConfigInvalid(faults).into());
            }
            let set = loaded.origins.len();
            if output.is_json() {
                output.value(&json!({ "sound": true, "set": set }));
            } else {
                output.line(&format!("the configuration is sound; {set} settings differ from the defaults or repeat them"));
            }
        }
        ConfigCommand::Print => print(&loaded, output)?,
    }
    Ok(exit::OK)
}

/// Every setting with its place. [`crate::config::Secret`] hides itself.
fn print(loaded: &Loaded, output: &mut Output) -> anyhow::Result<()> {
    let all = serde_json::to_value(&loaded.config).context("print the configuration")?;
    let place = |key: &str| loaded.origins.get(key).map_or("default", String::as_str).to_owned();
    let rows = Config::settings().map(|(key, setting)| {
        let value = match key.split_once('.') {
            Some((section, name)) => all.get(section).and_then(|section| section.get(name)),
            None => all.get(&key),
        };
        (key, value.cloned(), setting.meaning)
    });
    if output.is_json() {
        let settings: Map<String, Value> = rows
            .map(|(key, value, _)| {
                let setting = json!({ "value": value, "from": place(&key) });
                (key, setting)
            })
            .collect();
        output.value(&settings);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = rows
        .map(|(key, value, meaning)| {
            let from = place(&key);
            vec![key, value.unwrap_or_default().to_string(), from, meaning.to_owned()]
        })
        .collect();
    output.table(&["setting", "value", "from", "meaning"], &rows);
    Ok(())
}

/// Runs `migrate`: opening the store brings it to this program's version.
pub(super) async fn migrate(file: Option<&Path>, output: &mut Output) -> anyhow::Result<u8> {
    let config = loaded(file)?.config;
    let store = Store::open(&StoreSettings {
        url: config.database.url.expose().to_owned(),
        readers: 1,
        relay: config.messaging.transport == Transport::Amqp,
    })
    .await?;
    store.close().await;
    if output.is_json() {
        output.value(&json!({ "migrated": true }));
    } else {
        output.line("the database has this program's version");
    }
    Ok(exit::OK)
}
