//! `leadbroker registry show`: the registry in force, without anything that opens a door.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::config_command::loaded;
use super::{Output, exit};
use crate::app;
use crate::audit::{Actor, AuditEvent};
use crate::registry::{AccountEntry, AgencyEntry, Registry};
use crate::store::Change;

/// Runs the command. Reading the registry is an entry of the audit log.
pub(super) async fn run(config: Option<&Path>, output: &mut Output) -> anyhow::Result<u8> {
    let config = loaded(config)?.config;
    let ctx = app::context(&config).await?;
    let now = ctx.now();
    let registry = ctx.registry().await?;
    let actor = Actor::Operator { command: "registry show".to_owned() };
    let event = AuditEvent::new(now, actor, "registry.read");
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    ctx.store.close().await;
    let shown = shown(&registry, now);
    if output.is_json() {
        output.value(&shown);
    } else {
        tables(&shown, output);
    }
    Ok(exit::OK)
}

/// What an administrator needs to see: who may do what, until when. Names, hashes, passwords, secrets of one-time codes,
/// telephone numbers and certificates stay out.
fn shown(registry: &Registry, now: DateTime<Utc>) -> Value {
    let units: Vec<Value> = registry
        .units
        .iter()
        .map(|unit| {
            let repositories: Vec<&str> =
                unit.repositories.iter().map(|repository| repository.id.as_str()).collect();
            json!({ "unit": unit.id, "name": unit.name, "packs": unit.packs, "repositories": repositories })
        })
        .collect();
    let agencies: Vec<Value> =
        registry.agencies.iter().map(|entry| agency(registry, entry, now)).collect();
    let people: Vec<Value> =
        registry.accounts.iter().map(|entry| person(registry, entry, now)).collect();
    json!({ "units": units, "agencies": agencies, "people": people })
}

fn agency(registry: &Registry, entry: &AgencyEntry, now: DateTime<Utc>) -> Value {
    let agency = &entry.agency;
    let agreements: Vec<Value> = agency
        .agreements
        .iter()
        .map(|agreement| {
            let in_force = agreement.valid_from <= now && now < agreement.valid_until;
            json!({ "unit": agreement.unit, "until": agreement.valid_until, "in_force": in_force })
        })
        .collect();
    let recipients =
        registry.recipients.iter().filter(|recipient| recipient.agency == agency.ori).count();
    json!({
        "ori": agency.ori,
        "name": agency.name,
        "standing": agency.standing,
        "domains": agency.domains,
        "packs": agency.packs,
        "broker_user": agency.amqp_user.is_some(),
        "recipients": recipients,
        "agreements": agreements,
    })
}

fn person(registry: &Registry, entry: &AccountEntry, now: DateTime<Utc>) -> Value {
    let account = &entry.account;
    let credentials = account.credentials.iter().map(|credential| credential.expires_at);
    json!({
        "login": account.login,
        "account": account.id,
        "unit": account.unit,
        "role": account.role,
        "active": account.active,
        "on_duty": registry.is_on_duty(&account.unit, account.id, now),
        "trained_until": credentials.max(),
        "token": entry.token_sha256.is_some(),
        "password": entry.password_argon2.is_some(),
        "second_factor": entry.totp_secret.is_some(),
    })
}

fn tables(shown: &Value, output: &mut Output) {
    let columns: [(&str, &[&str]); 3] = [
        ("units", &["unit", "name", "packs", "repositories"]),
        ("agencies", &["ori", "name", "standing", "domains", "packs", "recipients", "agreements"]),
        (
            "people",
            &[
                "login",
                "account",
                "unit",
                "role",
                "active",
                "on_duty",
                "trained_until",
                "token",
                "second_factor",
            ],
        ),
    ];
    for (list, headers) in columns {
        let rows: Vec<Vec<String>> = shown
            .get(list)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|item| headers.iter().map(|header| cell(item.get(*header))).collect())
            .collect();
        output.line(list);
        output.table(headers, &rows);
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(", ")
        }
        Some(Value::Object(agreement)) => {
            let member = |name: &str| cell(agreement.get(name));
            let ended = if member("in_force") == "yes" { "" } else { " (not in force)" };
            format!("{} until {}{ended}", member("unit"), member("until"))
        }
        Some(Value::Number(number)) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::world;
    use crate::id_source::SystemIds;

    #[test]
    fn doors_and_names_of_people_are_not_shown() {
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000);
        let world = world(&SystemIds, now, "-----CERTIFICATE-----").unwrap();
        let value = shown(&world.registry, now);
        let text = value.to_string();
        for entry in &world.registry.accounts {
            let account = &entry.account;
            assert!(text.contains(&format!("\"login\":\"{}\"", account.login)));
            assert!(!text.contains(&account.name), "{}", account.name);
            for secret in [&entry.token_sha256, &entry.password_argon2, &entry.totp_secret] {
                assert!(!text.contains(secret.as_deref().unwrap()));
            }
        }
        for entry in &world.registry.agencies {
            assert!(text.contains(entry.agency.ori.as_str()));
            assert!(!text.contains(&entry.token_sha256));
            assert!(!text.contains(entry.agency.call_back.as_deref().unwrap()));
        }
        assert!(!text.contains("CERTIFICATE") && !text.contains('@'));
        let agencies = value["agencies"].as_array().unwrap();
        let desert = agencies.iter().find(|agency| agency["ori"] == "NM0010100").unwrap();
        let cells = desert["agreements"].as_array().unwrap().iter().map(|one| cell(Some(one)));
        let ended: Vec<String> = cells.filter(|cell| cell.ends_with("(not in force)")).collect();
        assert!(ended.len() == 1 && ended[0].starts_with("lacris"), "{ended:?}");
    }
}
