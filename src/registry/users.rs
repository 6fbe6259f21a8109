//! People and their credentials: suspended, restored, and as CSV for whoever keeps them in a table.
//!
//! One row a credential; the columns of the account are the same in each row of a login. Pure: no I/O.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::parse::check;
use super::{AccountEntry, Registry, Suspension};
use crate::domain::{Account, AccountId, Capability, Credential, Role, UnitId};

/// Why nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsersError {
    /// There is no such account.
    #[error("there is no account `{0}`; `leadbroker registry show` lists them")]
    Unknown(String),
    /// It is what it should become.
    #[error("the account `{0}` is {1} already")]
    Already(String, &'static str),
    /// The file is no table.
    #[error("read the table: {0}")]
    Table(String),
    /// Rows are wrong; nothing of the table was taken.
    #[error("some rows are wrong, so nothing was changed")]
    Rows(Vec<RowReport>),
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowResult {
    /// The account is new.
    Added,
    /// The account or its credentials change.
    Changed,
    /// Everything is as it was.
    Unchanged,
    /// The row is wrong.
    Refused,
}

/// One row's report. It names nobody but by login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowReport {
    /// Line of the table, the head being 1.
    pub line: u64,
    /// Login.
    pub login: String,
    /// What became of it.
    pub result: RowResult,
    /// Everything that is wrong.
    pub faults: Vec<String>,
}

/// A table that was taken.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The registry with it.
    pub registry: Registry,
    /// A report of each row.
    pub rows: Vec<RowReport>,
    /// Logins of new accounts, with their ids.
    pub added: Vec<(String, AccountId)>,
}

/// The columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    login: String,
    name: String,
    unit: String,
    role: String,
    active: String,
    positions: String,
    relatives: String,
    issuer: String,
    course: String,
    topics: String,
    capabilities: String,
    cjis_minimum: String,
    issued_at: String,
    expires_at: String,
    refresher_due: String,
    approved_by: String,
}

/// Suspends an account.
pub fn suspend(
    registry: &Registry,
    login: &str,
    suspension: Suspension,
) -> Result<(Registry, Account), UsersError> {
    set_active(registry, login, Some(suspension))
}

/// Restores a suspended account.
pub fn restore(registry: &Registry, login: &str) -> Result<(Registry, Account), UsersError> {
    set_active(registry, login, None)
}

/// Pure: accounts that are suspended in one registry and active in the other, by id or by login.
pub fn revived<'r>(before: &Registry, after: &'r Registry) -> Vec<&'r Account> {
    let was_suspended = |account: &Account| {
        let mut old = before.accounts.iter().map(|entry| &entry.account);
        old.any(|old| !old.active && (old.id == account.id || old.login == account.login))
    };
    let accounts = after.accounts.iter().map(|entry| &entry.account);
    accounts.filter(|account| account.active && was_suspended(account)).collect()
}

fn set_active(
    registry: &Registry,
    login: &str,
    suspension: Option<Suspension>,
) -> Result<(Registry, Account), UsersError> {
    let mut changed = registry.clone();
    let entry = changed.accounts.iter_mut().find(|entry| entry.account.login == login);
    let entry = entry.ok_or_else(|| UsersError::Unknown(login.to_owned()))?;
    let active = suspension.is_none();
    if entry.account.active == active {
        let what = if active { "active" } else { "suspended" };
        return Err(UsersError::Already(login.to_owned(), what));
    }
    entry.account.active = active;
    entry.suspension = suspension;
    let account = entry.account.clone();
    Ok((changed, account))
}

/// Everybody as a table.
pub fn export(registry: &Registry) -> Result<String, UsersError> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let told = |error: csv::Error| UsersError::Table(error.to_string());
    for entry in &registry.accounts {
        for row in rows_of(&entry.account) {
            table.serialize(row).map_err(told)?;
        }
    }
    let bytes = table.into_inner().map_err(|error| UsersError::Table(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| UsersError::Table(error.to_string()))
}

fn rows_of(account: &Account) -> Vec<Row> {
    let plain = Row {
        login: account.login.clone(),
        name: account.name.clone(),
        unit: account.unit.to_string(),
        role: word(account.role),
        active: account.active.to_string(),
        positions: account.positions.join(";"),
        relatives: account.relatives.join(";"),
        issuer: String::new(),
        course: String::new(),
        topics: String::new(),
        capabilities: String::new(),
        cjis_minimum: String::new(),
        issued_at: String::new(),
        expires_at: String::new(),
        refresher_due: String::new(),
        approved_by: String::new(),
    };
    if account.credentials.is_empty() {
        return vec![plain];
    }
    let of = |credential: &Credential| Row {
        issuer: credential.issuer.clone(),
        course: credential.course.clone(),
        topics: credential.topics.join(";"),
        capabilities: credential
            .capabilities
            .iter()
            .map(|capability| <&'static str>::from(*capability))
            .collect::<Vec<_>>()
            .join(";"),
        cjis_minimum: credential.cjis_minimum.to_string(),
        issued_at: credential.issued_at.to_rfc3339(),
        expires_at: credential.expires_at.to_rfc3339(),
        refresher_due: credential.refresher_due.map(|at| at.to_rfc3339()).unwrap_or_default(),
        approved_by: credential.approved_by.clone(),
        ..plain.clone()
    };
    account.credentials.iter().map(of).collect()
}

fn word(role: Role) -> String {
    <&'static str>::from(role).to_owned()
}

/// Takes a table, whole or not at all: an account that it names becomes what its rows say, credentials included; one
/// that it does not name stays as it is. `id` makes the ids of new accounts.
pub fn import(
    registry: &Registry,
    text: &str,
    id: impl Fn() -> Uuid,
) -> Result<Imported, UsersError> {
    let mut table = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let (mut rows, mut by_login): (Vec<RowReport>, BTreeMap<String, (Row, Account)>) =
        (Vec::new(), BTreeMap::new());
    for (n, read) in table.deserialize::<Row>().enumerate() {
        let row = read.map_err(|error| UsersError::Table(error.to_string()))?;
        let (mut faults, login) = (Vec::new(), row.login.clone());
        take(registry, row, &mut by_login, &mut faults);
        // The head is line 1.
        let line = u64::try_from(n).unwrap_or(u64::MAX).saturating_add(2);
        rows.push(RowReport { line, login, result: RowResult::Refused, faults });
    }
    let mut changed = registry.clone();
    let (mut added, mut results) = (Vec::new(), BTreeMap::new());
    for (login, (_, mut account)) in by_login {
        let entry = changed.accounts.iter_mut().find(|entry| entry.account.login == login);
        let result = if let Some(entry) = entry {
            account.id = entry.account.id;
            let same = entry.account == account;
            entry.account = account;
            if same { RowResult::Unchanged } else { RowResult::Changed }
        } else {
            account.id = AccountId::new(id());
            added.push((login.clone(), account.id));
            changed.accounts.push(AccountEntry {
                account,
                token_sha256: None,
                password_argon2: None,
                totp_secret: None,
                suspension: None,
            });
            RowResult::Added
        };
        results.insert(login, result);
    }
    let before = check(registry);
    for fault in check(&changed).into_iter().filter(|fault| !before.contains(fault)) {
        let of = |row: &&mut RowReport| fault.place == format!("accounts.{}", row.login);
        match rows.iter_mut().find(of) {
            Some(row) => row.faults.push(fault.message),
            None => rows.push(whole(fault.to_string())),
        }
    }
    if rows.iter().any(|row| !row.faults.is_empty()) {
        return Err(UsersError::Rows(rows));
    }
    for row in &mut rows {
        row.result = results.get(&row.login).copied().unwrap_or(RowResult::Unchanged);
    }
    Ok(Imported { registry: changed, rows, added })
}

/// What is wrong with the registry as it would become, and with no row in particular.
fn whole(fault: String) -> RowReport {
    RowReport { line: 0, login: String::new(), result: RowResult::Refused, faults: vec![fault] }
}

/// Reads one row, and adds it to its account.
fn take(
    registry: &Registry,
    row: Row,
    by_login: &mut BTreeMap<String, (Row, Account)>,
    faults: &mut Vec<String>,
) {
    let credential = credential(&row, faults);
    if let Some((first, account)) = by_login.get_mut(&row.login) {
        if account_columns(first) != account_columns(&row) {
            faults
                .push("`name` to `relatives` must be the same in every row of a login".to_owned());
        }
        account.credentials.extend(credential);
        return;
    }
    let Some(mut account) = account(registry, &row, faults) else { return };
    account.credentials.extend(credential);
    by_login.insert(row.login.clone(), (row, account));
}

fn account_columns(row: &Row) -> [&str; 6] {
    [&row.name, &row.unit, &row.role, &row.active, &row.positions, &row.relatives]
}

fn list(cell: &str) -> Vec<String> {
    cell.split(';').map(str::trim).filter(|item| !item.is_empty()).map(ToOwned::to_owned).collect()
}

fn account(registry: &Registry, row: &Row, faults: &mut Vec<String>) -> Option<Account> {
    let login_is_plain = !row.login.is_empty()
        && row.login.len() <= 64
        && row.login.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !login_is_plain {
        faults.push("`login` has 1 to 64 letters, digits, dots, hyphens".to_owned());
    }
    if row.name.is_empty() {
        faults.push("`name` is the printed name".to_owned());
    }
    let unit: Option<UnitId> = row.unit.parse().ok();
    if unit.is_none() {
        faults.push("`unit` is a unit of the registry".to_owned());
    }
    let role = serde_json::from_value::<Role>(row.role.as_str().into()).ok();
    if role.is_none() {
        faults.push(
            "`role` is `reviewer`, `adjudicator`, `release_authority`, `local_administrator` or `auditor`"
                .to_owned(),
        );
    }
    let known = registry.entry_by_login(&row.login).map(|entry| &entry.account);
    let active = known.is_none_or(|account| account.active);
    if row.active != active.to_string() {
        faults.push(format!(
            "`active` is `{active}` here; `leadbroker users suspend` and `restore` change it"
        ));
    }
    Some(Account {
        id: AccountId::new(Uuid::nil()),
        login: row.login.clone(),
        name: row.name.clone(),
        unit: unit?,
        role: role?,
        active,
        credentials: Vec::new(),
        positions: list(&row.positions),
        relatives: list(&row.relatives),
        // No columns of the table: who is behind an account, and where a page goes, stay as the registry has them.
        person: known.and_then(|account| account.person.clone()),
        pager_email: known.and_then(|account| account.pager_email.clone()),
    })
}

/// The row's credential; none where every cell of one is empty, or where one is wrong.
fn credential(row: &Row, faults: &mut Vec<String>) -> Option<Credential> {
    let cells = [
        &row.issuer,
        &row.course,
        &row.topics,
        &row.capabilities,
        &row.cjis_minimum,
        &row.issued_at,
        &row.expires_at,
        &row.refresher_due,
        &row.approved_by,
    ];
    if cells.iter().all(|cell| cell.is_empty()) {
        return None;
    }
    let named =
        [("issuer", &row.issuer), ("course", &row.course), ("approved_by", &row.approved_by)];
    for (column, _) in named.into_iter().filter(|(_, cell)| cell.is_empty()) {
        faults.push(format!("`{column}` is wanted of a credential"));
    }
    let mut capabilities = Vec::new();
    for item in list(&row.capabilities) {
        match serde_json::from_value::<Capability>(item.as_str().into()) {
            Ok(capability) => capabilities.push(capability),
            Err(_) => faults.push(
                "`capabilities` are `quality`, `one_to_many`, `one_to_one`, separated by `;`"
                    .to_owned(),
            ),
        }
    }
    let cjis_minimum = row.cjis_minimum.parse::<bool>().ok();
    if cjis_minimum.is_none() {
        faults.push("`cjis_minimum` is `true` or `false`".to_owned());
    }
    let issued_at = time("issued_at", &row.issued_at, faults);
    let expires_at = time("expires_at", &row.expires_at, faults);
    let refresher_due = if row.refresher_due.is_empty() {
        None
    } else {
        time("refresher_due", &row.refresher_due, faults)
    };
    let (issued_at, expires_at) = (issued_at?, expires_at?);
    if expires_at <= issued_at || refresher_due.is_some_and(|due| due <= issued_at) {
        faults
            .push("a credential expires, and its refresher is due, after it was issued".to_owned());
    }
    Some(Credential {
        issuer: row.issuer.clone(),
        course: row.course.clone(),
        capabilities,
        cjis_minimum: cjis_minimum?,
        issued_at,
        expires_at,
        approved_by: row.approved_by.clone(),
        topics: list(&row.topics),
        refresher_due,
    })
}

/// A moment (RFC 3339), or the beginning of a day in UTC.
fn time(column: &str, cell: &str, faults: &mut Vec<String>) -> Option<DateTime<Utc>> {
    let moment = DateTime::parse_from_rfc3339(cell).map(|at| at.with_timezone(&Utc));
    let day = || {
        let day = NaiveDate::parse_from_str(cell, "%Y-%m-%d").ok()?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    };
    let at = moment.ok().or_else(day);
    if at.is_none() {
        faults.push(format!("`{column}` is a date (`2026-11-21`) or a time of RFC 3339"));
    }
    at
}

#[cfg(test)]
mod tests;
