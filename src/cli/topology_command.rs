//! `leadbroker topology`: what the message broker holds, for its operator and for agencies' programmers.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::args::{DefinitionsArgs, TopologyCommand};
use super::config_command::loaded;
use super::registry_command::{read, refuse};
use super::{Output, exit};
use crate::app;
use crate::broker::topology::{BrokerUser, PasswordHash, Topology, asyncapi, definitions};
use crate::demo::{demo_agencies, demo_amqp_password, demo_units};
use crate::domain::{Ori, UnitId};
use crate::id_source::{IdSource as _, SystemIds};
use crate::registry::Registry;

/// leadbroker's own user at the broker.
const OWN_USER: &str = "leadbroker";
const FORM_SCHEMA: &str = include_str!("../../docs/search_request.v1.schema.json");
const RECEIPT_SCHEMA: &str = include_str!("../../docs/receipt.v1.schema.json");

/// Runs the command. Its document is JSON for people, too.
pub(super) async fn run(
    command: &TopologyCommand,
    config: Option<&Path>,
    output: &mut Output,
) -> anyhow::Result<u8> {
    match command {
        TopologyCommand::Definitions(args) if args.demo => {
            let (topology, users) = demo()?;
            output.value(&definitions(&topology, &users));
        }
        TopologyCommand::Definitions(args) => return installed(args, config, output).await,
        TopologyCommand::Asyncapi => {
            let form: Value = serde_json::from_str(FORM_SCHEMA)?;
            let receipt: Value = serde_json::from_str(RECEIPT_SCHEMA)?;
            output.value(&asyncapi(env!("CARGO_PKG_VERSION"), &form, &receipt));
        }
    }
    Ok(exit::OK)
}

/// The demonstration's broker; its passwords are no secrets.
fn demo() -> anyhow::Result<(Topology, Vec<BrokerUser>)> {
    let mut users = vec![user(OWN_USER, &demo_amqp_password(OWN_USER), None)?];
    for text in demo_agencies() {
        let ori: Ori = text.parse().context("read a demonstration agency's ORI")?;
        users.push(user(&text.to_lowercase(), &demo_amqp_password(text), Some(ori))?);
    }
    let units = demo_units()
        .map(|id| id.parse::<UnitId>().context("read a demonstration unit's id"))
        .collect::<anyhow::Result<_>>()?;
    Ok((Topology::new(units), users))
}

async fn installed(
    args: &DefinitionsArgs,
    config: Option<&Path>,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let passwords = passwords(args.passwords.as_deref())?;
    let registry = match &args.registry {
        Some(file) => match read(file)? {
            Ok(registry) => registry,
            Err(errors) => return Ok(refuse(&errors, output)),
        },
        None => in_force(config).await?,
    };
    let mut wanted = vec![(OWN_USER.to_owned(), None)];
    for entry in &registry.agencies {
        if let Some(name) = &entry.agency.amqp_user {
            wanted.push((name.clone(), Some(entry.agency.ori.clone())));
        }
    }
    let missing: Vec<&str> = wanted
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| passwords.get(*name).is_none_or(String::is_empty))
        .collect();
    if !missing.is_empty() {
        let message = format!("the passwords' file has none for {}; add them", missing.join(", "));
        output.error("password_missing", &message);
        return Ok(exit::DATA);
    }
    let users: Vec<BrokerUser> = wanted
        .into_iter()
        .map(|(name, agency)| {
            let password = passwords.get(&name).map(String::as_str).unwrap_or_default();
            user(&name, password, agency)
        })
        .collect::<Result<_, _>>()?;
    let units = registry.units.iter().map(|unit| unit.id.clone()).collect();
    output.value(&definitions(&Topology::new(units), &users));
    Ok(exit::OK)
}

fn user(name: &str, password: &str, agency: Option<Ori>) -> anyhow::Result<BrokerUser> {
    let mut salt = [0; 4];
    SystemIds.fill(&mut salt)?;
    Ok(BrokerUser { name: name.to_owned(), password: PasswordHash::new(password, salt), agency })
}

/// Passwords by user. The parser's own error would repeat them.
fn passwords(file: Option<&Path>) -> anyhow::Result<BTreeMap<String, String>> {
    let file = file.context("read the passwords: give `--passwords FILE`")?.display().to_string();
    let text = crate::config::read_secret(&file)
        .map_err(|fault| anyhow::anyhow!("read the passwords: `--passwords` {fault}"))?;
    toml::from_str(&text).map_err(|_| {
        anyhow::anyhow!(
            "read the passwords: expected lines such as `leadbroker = \"…\"` in `{file}`"
        )
    })
}

async fn in_force(config: Option<&Path>) -> anyhow::Result<Registry> {
    let config = loaded(config)?.config;
    let ctx = app::context(&config).await?;
    let registry = ctx.registry().await;
    ctx.store.close().await;
    Ok(Registry::clone(&*registry?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Finding, ShapeError, Verdict};
    use crate::pipeline::accept::{Receipt, ReceiptState};

    #[test]
    fn a_receipt_is_what_its_schema_says() {
        let schema: Value = serde_json::from_str(RECEIPT_SCHEMA).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let finding = Finding {
            clause: "CORE-AGREEMENT".to_owned(),
            pack: "core".to_owned(),
            verdict: Verdict::Reject,
            field: String::new(),
            message: "none".to_owned(),
            remedy: "renew it".to_owned(),
        };
        let receipt = Receipt {
            request: Some("r-019abc0000007000800000000000002a".parse().unwrap()),
            state: ReceiptState::Rejected,
            findings: vec![finding],
            errors: vec![ShapeError::new("field_missing", "/requester", "must be there")],
            duplicate_of: None,
        };
        let mut value = serde_json::to_value(&receipt).unwrap();
        assert!(validator.is_valid(&value), "{value}");
        value["outcome"] = "lead".into();
        assert!(!validator.is_valid(&value));
    }

    #[test]
    fn the_demonstrations_agencies_are_the_worlds() {
        let now = chrono::DateTime::UNIX_EPOCH;
        let world = crate::demo::world(&SystemIds, now, "").unwrap();
        let oris: Vec<&str> = world.secrets.agencies.keys().map(String::as_str).collect();
        assert_eq!(oris, demo_agencies().collect::<Vec<_>>());
        let units: Vec<&str> = world.registry.units.iter().map(|unit| unit.id.as_str()).collect();
        assert_eq!(units, demo_units().collect::<Vec<_>>());
        let (topology, users) = demo().unwrap();
        assert_eq!(topology.units.len(), units.len());
        for agency in world.secrets.agencies.values() {
            assert!(users.iter().any(|user| user.name == agency.amqp_user));
        }
    }
}
