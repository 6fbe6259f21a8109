//! `leadbroker users`: people and their credentials as a table, and who may not act.

use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use super::config_command::loaded;
use super::keys::write_secret;
use super::{Output, args::UsersCommand, exit};
use crate::app;
use crate::audit::{Actor, AuditEvent};
use crate::domain::plain_text::is_a_reason;
use crate::domain::{Account, Personal};
use crate::pipeline::{Context, people};
use crate::registry::{self, Imported, Registry, RowReport, RowResult, Suspension, UsersError};
use crate::store::Change;

/// Runs the command.
pub(super) async fn run(
    command: &UsersCommand,
    config: Option<&Path>,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let config = loaded(config)?.config;
    let ctx = app::context(&config).await?;
    let done = match command {
        UsersCommand::Import { file, check, secrets } => {
            import(&ctx, file, (*check, secrets.as_deref()), output).await
        }
        UsersCommand::Export { out } => export(&ctx, out.as_deref(), output).await,
        UsersCommand::Suspend { login, reason } => suspend(&ctx, (login, reason), output).await,
        UsersCommand::Restore { login } => restore(&ctx, login, output).await,
    };
    ctx.store.close().await;
    done
}

fn operator(command: &str) -> Actor {
    Actor::Operator { command: format!("users {command}") }
}

fn refused(error: &UsersError, output: &mut Output) -> u8 {
    match error {
        UsersError::Rows(rows) => told(rows, None, output),
        UsersError::Unknown(_) | UsersError::Already(..) | UsersError::Table(_) => {
            output.error("users", &error.to_string());
        }
    }
    exit::DATA
}

/// Every row, and what became of it.
fn told(rows: &[RowReport], taken: Option<bool>, output: &mut Output) {
    if output.is_json() {
        return output.value(&json!({ "taken": taken == Some(true), "rows": rows }));
    }
    for row in rows {
        let result = serde_json::to_value(row.result).unwrap_or_default();
        let result = result.as_str().unwrap_or_default();
        output.line(&format!("line {:<5} {:<20} {result}", row.line, row.login));
        for fault in &row.faults {
            output.line(&format!("           {fault}"));
        }
    }
    output.line(match taken {
        Some(true) => "the table is in force",
        Some(false) => "the table is sound; nothing was changed",
        None => "nothing was changed; mend the rows and import the whole table again",
    });
}

async fn import(
    ctx: &Context,
    file: &Path,
    (check, secrets): (bool, Option<&Path>),
    output: &mut Output,
) -> anyhow::Result<u8> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("read the table `{}`", file.display()))?;
    let take = |registry: &Registry| registry::import(registry, &text, || ctx.ids.id());
    let imported = match take(&*ctx.registry_now().await?) {
        Ok(imported) => imported,
        Err(error) => return Ok(refused(&error, output)),
    };
    if check || imported.rows.iter().all(|row| row.result == RowResult::Unchanged) {
        told(&imported.rows, Some(false), output);
        return Ok(exit::OK);
    }
    let tokens = tokens(ctx, &imported, secrets)?;
    let changed = people::change(ctx, |registry| {
        let mut imported = take(registry)?;
        for (login, _) in &imported.added {
            let token = tokens.iter().find(|(of, _)| of == login);
            let entry =
                imported.registry.accounts.iter_mut().find(|entry| entry.account.login == *login);
            if let (Some((_, token)), Some(entry)) = (token, entry) {
                entry.token_sha256 = Some(hex::encode(openssl::sha::sha256(token.as_bytes())));
            }
        }
        let count = |result| imported.rows.iter().filter(|row| row.result == result).count();
        let event = AuditEvent::new(ctx.now(), operator("import"), "users.imported")
            .detail("added", &count(RowResult::Added).to_string())
            .detail("changed", &count(RowResult::Changed).to_string());
        Ok((imported.registry, event, imported.rows))
    });
    match changed.await? {
        Ok(rows) => {
            told(&rows, Some(true), output);
            Ok(exit::OK)
        }
        Err(error) => Ok(refused(&error, output)),
    }
}

/// A token for each new account, in a file before it is of any use.
fn tokens(
    ctx: &Context,
    imported: &Imported,
    secrets: Option<&Path>,
) -> anyhow::Result<Vec<(String, String)>> {
    let Some(file) = secrets else { return Ok(Vec::new()) };
    let mut tokens = Vec::new();
    for (login, _) in &imported.added {
        let mut random = [0; 24];
        ctx.ids.fill(&mut random)?;
        tokens.push((login.clone(), format!("lbp_{}", hex::encode(random))));
    }
    let lines: Vec<String> =
        tokens.iter().map(|(login, token)| format!("{login},{token}\n")).collect();
    write_secret(file, format!("login,token\n{}", lines.concat()).as_bytes())?;
    Ok(tokens)
}

async fn export(ctx: &Context, out: Option<&Path>, output: &mut Output) -> anyhow::Result<u8> {
    let registry = ctx.registry_now().await?;
    let table = registry::export(&registry)?;
    let event = AuditEvent::new(ctx.now(), operator("export"), "users.exported")
        .detail("accounts", &registry.accounts.len().to_string());
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    match out {
        Some(file) => {
            write_secret(file, table.as_bytes())?;
            if !output.is_json() {
                output.line(&format!("saved {}; it names people", file.display()));
            }
        }
        None => output.text(&table),
    }
    Ok(exit::OK)
}

fn about(ctx: &Context, command: &str, action: &str, account: &Account) -> AuditEvent {
    AuditEvent::new(ctx.now(), operator(command), action)
        .unit(&account.unit)
        .detail("account", &account.id.to_string())
        .detail("role", account.role.into())
}

async fn suspend(
    ctx: &Context,
    (login, reason): (&str, &str),
    output: &mut Output,
) -> anyhow::Result<u8> {
    if !is_a_reason(reason) {
        output.error("reason", "give the reason in a sentence; it is kept with the account");
        return Ok(exit::USAGE);
    }
    let changed = people::change(ctx, |registry| {
        let suspension = Suspension { at: ctx.now(), reason: Personal::new(reason.to_owned()) };
        let (registry, account) = registry::suspend(registry, login, suspension)?;
        Ok((registry, about(ctx, "suspend", "account.suspended", &account), account))
    });
    let account = match changed.await? {
        Ok(account) => account,
        Err(error) => return Ok(refused(&error, output)),
    };
    let ended = people::reclaim(ctx, account.id, &operator("suspend")).await?;
    output.step(&json!({ "login": login, "reclaimed": ended }), &["login", "reclaimed"]);
    Ok(exit::OK)
}

async fn restore(ctx: &Context, login: &str, output: &mut Output) -> anyhow::Result<u8> {
    let changed = people::change(ctx, |registry| {
        let (registry, account) = registry::restore(registry, login)?;
        Ok((registry, about(ctx, "restore", "account.restored", &account), ()))
    });
    if let Err(error) = changed.await? {
        return Ok(refused(&error, output));
    }
    output.step(&json!({ "login": login, "active": true }), &["login", "active"]);
    Ok(exit::OK)
}
