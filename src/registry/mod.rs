//! The registry: units, agencies, people, duty, recipients' certificates. One document, imported whole.
//!
//! An operator writes it as TOML and imports it (`leadbroker registry import FILE`); the store keeps every version,
//! sealed, so that "who was on duty then, and who was thought to be" has one answer. Pure: no I/O.

pub mod doors;
mod escalations;
mod parse;
mod staffing;
mod users;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strum::VariantArray as _;

pub use parse::{RegistryError, parse};
pub use staffing::unstaffed;
pub use users::{
    Imported, RowReport, RowResult, UsersError, export, import, restore, revived, suspend,
};

use crate::domain::{
    Account, AccountId, Agency, AiSystem, Lane, Ori, Personal, Shift, Training, Unit, UnitId,
};
use crate::roster::{self, Roster};

/// An agency with its secret's hash.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgencyEntry {
    /// The agency.
    pub agency: Agency,
    /// SHA-256 of its bearer token, hexadecimal.
    pub token_sha256: String,
}

impl std::fmt::Debug for AgencyEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgencyEntry").field("ori", &self.agency.ori).finish_non_exhaustive()
    }
}

/// An account with its secrets' hashes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountEntry {
    /// The account.
    pub account: Account,
    /// SHA-256 of its bearer token, hexadecimal; for the command line and the API.
    pub token_sha256: Option<String>,
    /// Argon2id hash of its password.
    pub password_argon2: Option<String>,
    /// Secret of its one-time codes (RFC 6238), base32.
    pub totp_secret: Option<String>,
    /// Why the account may not be used; set with `active = false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
}

/// Why an account may not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    /// Since when.
    pub at: DateTime<Utc>,
    /// Why, in the operator's words.
    pub reason: Personal<String>,
}

impl std::fmt::Debug for AccountEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountEntry").field("id", &self.account.id).finish_non_exhaustive()
    }
}

/// Where an agency's person reads mail, and the certificate that it is encrypted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// Agency.
    pub agency: Ori,
    /// Address.
    pub email: String,
    /// Certificate, PEM.
    pub certificate: String,
    /// Whether the recipient's mail program is known to read AES-256-GCM.
    #[serde(default)]
    pub reads_gcm: bool,
}

/// Everything that the registry knows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Units.
    #[serde(default)]
    pub units: Vec<Unit>,
    /// Agencies.
    #[serde(default)]
    pub agencies: Vec<AgencyEntry>,
    /// People of the units.
    #[serde(default)]
    pub accounts: Vec<AccountEntry>,
    /// Duty.
    #[serde(default)]
    pub shifts: Vec<Shift>,
    /// Recipients.
    #[serde(default)]
    pub recipients: Vec<Recipient>,
    /// Systems that the units search with.
    #[serde(default)]
    pub systems: Vec<AiSystem>,
    /// What the units' people were taught.
    #[serde(default)]
    pub trainings: Vec<Training>,
    /// The units' published rosters together with [`Self::shifts`]; no part of the document.
    #[serde(skip)]
    pub roster: Option<Arc<Roster>>,
}

impl Registry {
    /// A unit.
    pub fn unit(&self, id: &UnitId) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.id == *id)
    }

    /// An agency.
    pub fn agency(&self, ori: &Ori) -> Option<&Agency> {
        self.agencies.iter().map(|entry| &entry.agency).find(|agency| agency.ori == *ori)
    }

    /// The agency that a token belongs to (SHA-256 of the token). Compared in constant time.
    pub fn agency_by_token(&self, token_sha256: &[u8; 32]) -> Option<&Agency> {
        self.agencies
            .iter()
            .find(|entry| same_hash(&entry.token_sha256, token_sha256))
            .map(|entry| &entry.agency)
    }

    /// The agency that a broker user belongs to.
    pub fn agency_by_amqp_user(&self, user: &str) -> Option<&Agency> {
        self.agencies
            .iter()
            .map(|entry| &entry.agency)
            .find(|agency| agency.amqp_user.as_deref() == Some(user))
    }

    /// An account.
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.iter().map(|entry| &entry.account).find(|account| account.id == id)
    }

    /// The active account that a token belongs to. Compared in constant time.
    pub fn account_by_token(&self, token_sha256: &[u8; 32]) -> Option<&Account> {
        self.accounts
            .iter()
            .find(|entry| {
                entry.token_sha256.as_deref().is_some_and(|hash| same_hash(hash, token_sha256))
            })
            .map(|entry| &entry.account)
            .filter(|account| account.active)
    }

    /// The entry of a login name.
    pub fn entry_by_login(&self, login: &str) -> Option<&AccountEntry> {
        self.accounts.iter().find(|entry| entry.account.login == login)
    }

    /// The recipient of an address at an agency.
    pub fn recipient(&self, ori: &Ori, email: &str) -> Option<&Recipient> {
        self.recipients.iter().find(|recipient| {
            recipient.agency == *ori && recipient.email.eq_ignore_ascii_case(email)
        })
    }

    /// The systems of a unit.
    pub fn systems(&self, unit: &UnitId) -> impl Iterator<Item = &AiSystem> {
        self.systems.iter().filter(move |system| system.unit == *unit)
    }

    /// What a person was taught.
    pub fn trainings(&self, account: AccountId) -> impl Iterator<Item = &Training> {
        self.trainings.iter().filter(move |training| training.account == account)
    }

    /// Who of a unit is on duty in a lane, by the one resolver, in the order of the levels.
    pub fn on_duty(&self, unit: &UnitId, lane: Lane, at: DateTime<Utc>) -> Vec<AccountId> {
        match &self.roster {
            Some(roster) => roster::resolve(roster, unit, lane, at).people,
            // A document that no store has seen: its shifts are all there is.
            None => roster::resolve(&Roster::new(&[], &self.shifts), unit, lane, at).people,
        }
    }

    /// Whether a person of a unit is on duty in any lane.
    pub fn is_on_duty(&self, unit: &UnitId, person: AccountId, at: DateTime<Utc>) -> bool {
        Lane::VARIANTS.iter().any(|lane| self.on_duty(unit, *lane, at).contains(&person))
    }
}

fn same_hash(hexadecimal: &str, hash: &[u8; 32]) -> bool {
    hex::decode(hexadecimal)
        .is_ok_and(|bytes| bytes.len() == 32 && openssl::memcmp::eq(&bytes, hash))
}
