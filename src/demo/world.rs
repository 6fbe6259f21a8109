//! The demo world: one unit, two agencies, and invented people (design, section 10).

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use std::collections::BTreeMap;

use super::DemoError;
use crate::domain::{
    Account, AccountId, Agency, AgencyStanding, Agreement, Capability, Credential, Repository,
    RepositoryKind, Role, Shift, Unit, UnitId,
};
use crate::id_source::IdSource;
use crate::registry::{AccountEntry, AgencyEntry, Recipient, Registry};

/// What `demo.json` says of an agency.
#[derive(Clone, Serialize)]
pub struct AgencySecrets {
    /// Name.
    pub name: String,
    /// E-mail domain.
    pub domain: String,
    /// Bearer token.
    pub token: String,
    /// User at the broker.
    pub amqp_user: String,
    /// Its password.
    pub amqp_password: String,
}

impl std::fmt::Debug for AgencySecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgencySecrets").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What `demo.json` says of an account.
#[derive(Clone, Serialize)]
pub struct AccountSecrets {
    /// Printed name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Unit.
    pub unit: UnitId,
    /// Agency; the accounts of this world all belong to units.
    pub agency: Option<String>,
    /// Login name.
    pub login: String,
    /// Password.
    pub password: String,
    /// Secret of the one-time codes, base32.
    pub totp_secret: String,
    /// Bearer token.
    pub token: String,
}

impl std::fmt::Debug for AccountSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountSecrets")
            .field("role", &self.role)
            .field("unit", &self.unit)
            .finish_non_exhaustive()
    }
}

/// Plain secrets of the demo world. They open nothing but invented cases.
#[derive(Debug, Clone, Serialize)]
pub struct Secrets {
    /// By ORI.
    pub agencies: BTreeMap<String, AgencySecrets>,
    /// Everyone.
    pub accounts: Vec<AccountSecrets>,
}

/// The world: what the registry holds, and the secrets to enter it.
#[derive(Debug, Clone)]
pub struct DemoWorld {
    /// For the store.
    pub registry: Registry,
    /// For `demo.json`.
    pub secrets: Secrets,
}

/// Passwords of the broker's users are derived from nothing secret: `leadbroker topology definitions --demo` must
/// print the same ones before the world exists.
pub fn demo_amqp_password(ori: &str) -> String {
    format!("demo-{}", ori.to_lowercase())
}

struct Maker<'i> {
    ids: &'i dyn IdSource,
    now: DateTime<Utc>,
    unit: UnitId,
    world: DemoWorld,
}

/// Builds the world. `recipient` is the certificate of the first agency's requester.
pub fn world(
    ids: &dyn IdSource,
    now: DateTime<Utc>,
    recipient: &str,
) -> Result<DemoWorld, DemoError> {
    let unit: UnitId = "lacris".parse().map_err(|_| DemoError::World)?;
    let registry = Registry {
        units: vec![Unit {
            id: unit.clone(),
            name: "Sample Regional Unit".to_owned(),
            packs: vec!["lacris".parse().map_err(|_| DemoError::World)?],
            repositories: ["DMS", "CAFRI"]
                .iter()
                .map(|id| Repository { id: (*id).to_owned(), kind: RepositoryKind::Mugshot })
                .collect(),
            contact: "questions@unit.example.gov".to_owned(),
        }],
        ..Registry::default()
    };
    let secrets = Secrets { agencies: BTreeMap::new(), accounts: Vec::new() };
    let mut maker = Maker { ids, now, unit, world: DemoWorld { registry, secrets } };
    maker.agency("CA0194200", ("Sample City Police", "pd.example.gov"), TimeDelta::days(365))?;
    maker.agency(
        "NM0010100",
        ("Sample Desert Police", "desert.example.gov"),
        TimeDelta::days(-30),
    )?;
    maker.people()?;
    maker.world.registry.recipients.push(Recipient {
        agency: "CA0194200".parse().map_err(|_| DemoError::World)?,
        email: super::forms::REQUESTER_EMAIL.to_owned(),
        certificate: recipient.to_owned(),
        reads_gcm: true,
    });
    Ok(maker.world)
}

impl Maker<'_> {
    fn secret(&self, bytes: usize) -> Result<String, DemoError> {
        let mut random = vec![0; bytes];
        self.ids.fill(&mut random)?;
        Ok(hex::encode(random))
    }

    /// `until` from now, the agreement with the unit ends.
    fn agency(
        &mut self,
        ori: &str,
        (name, domain): (&str, &str),
        until: TimeDelta,
    ) -> Result<(), DemoError> {
        let token = format!("lba_{}", self.secret(24)?);
        let agency = Agency {
            ori: ori.parse().map_err(|_| DemoError::World)?,
            name: name.to_owned(),
            domains: vec![domain.to_owned()],
            standing: AgencyStanding::Active,
            packs: Vec::new(),
            amqp_user: Some(ori.to_lowercase()),
            call_back: Some("+12135550100".to_owned()),
            agreements: vec![Agreement {
                unit: self.unit.clone(),
                number: format!("SAMPLE-{ori}"),
                valid_from: self.now - TimeDelta::days(365),
                valid_until: self.now + until,
                document_sha256: hex::encode(openssl::sha::sha256(ori.as_bytes())),
            }],
        };
        let secrets = AgencySecrets {
            name: name.to_owned(),
            domain: domain.to_owned(),
            token: token.clone(),
            amqp_user: ori.to_lowercase(),
            amqp_password: demo_amqp_password(ori),
        };
        self.world.secrets.agencies.insert(ori.to_owned(), secrets);
        self.world.registry.agencies.push(AgencyEntry { agency, token_sha256: hash(&token) });
        Ok(())
    }

    fn people(&mut self) -> Result<(), DemoError> {
        let year = TimeDelta::days(365);
        let on = Some((TimeDelta::hours(-1), year));
        let off = Some((TimeDelta::days(-2), TimeDelta::days(-1)));
        self.person("rivera", "Robin Rivera", Role::Reviewer, (on, Some(year)))?;
        self.person("okafor", "Sam Okafor", Role::Reviewer, (on, Some(year)))?;
        self.person("lindqvist", "Kim Lindqvist", Role::Reviewer, (off, Some(year)))?;
        self.person("tanaka", "Alex Tanaka", Role::Reviewer, (on, Some(TimeDelta::days(-10))))?;
        self.person("moreau", "Jamie Moreau", Role::Adjudicator, (on, Some(year)))?;
        self.person("abara", "Chris Abara", Role::ReleaseAuthority, (None, None))?;
        self.person("novak", "Dana Novak", Role::LocalAdministrator, (None, None))?;
        self.person("silva", "Lee Silva", Role::Auditor, (None, None))
    }

    /// `duty`: from and until, seen from now. `trained`: when the credential ends.
    fn person(
        &mut self,
        login: &str,
        name: &str,
        role: Role,
        (duty, trained): (Option<(TimeDelta, TimeDelta)>, Option<TimeDelta>),
    ) -> Result<(), DemoError> {
        let id = AccountId::new(self.ids.id());
        let token = format!("lbp_{}", self.secret(24)?);
        let password = format!("demo-{}", self.secret(6)?);
        let totp_secret = self.base32()?;
        let account = Account {
            id,
            login: login.to_owned(),
            name: name.to_owned(),
            unit: self.unit.clone(),
            role,
            active: true,
            credentials: trained.map(|end| self.credential(end)).into_iter().collect(),
        };
        if let Some((from, until)) = duty {
            self.world.registry.shifts.push(Shift {
                unit: self.unit.clone(),
                account: id,
                starts_at: self.now + from,
                ends_at: self.now + until,
            });
        }
        self.world.registry.accounts.push(AccountEntry {
            account,
            token_sha256: Some(hash(&token)),
            password_argon2: Some(self.argon2(&password)?),
            totp_secret: Some(totp_secret.clone()),
        });
        self.world.secrets.accounts.push(AccountSecrets {
            name: name.to_owned(),
            role,
            unit: self.unit.clone(),
            agency: None,
            login: login.to_owned(),
            password,
            totp_secret,
            token,
        });
        Ok(())
    }

    fn credential(&self, ends: TimeDelta) -> Credential {
        Credential {
            issuer: "LACRIS".to_owned(),
            course: "Facial comparison and identification, sample course".to_owned(),
            capabilities: vec![Capability::Quality, Capability::OneToMany, Capability::OneToOne],
            cjis_minimum: true,
            issued_at: self.now - TimeDelta::days(400),
            expires_at: self.now + ends,
            approved_by: "Sample training authority".to_owned(),
        }
    }

    fn argon2(&self, password: &str) -> Result<String, DemoError> {
        let mut salt = [0; 16];
        self.ids.fill(&mut salt)?;
        let hash: PasswordHash = Argon2::default()
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map_err(|_| DemoError::World)?;
        Ok(hash.to_string())
    }

    /// 32 characters of RFC 4648 base32: 20 random bytes.
    fn base32(&self) -> Result<String, DemoError> {
        let mut random = [0; 32];
        self.ids.fill(&mut random)?;
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        Ok(random
            .iter()
            .filter_map(|byte| alphabet.get(usize::from(byte & 31)))
            .map(|byte| char::from(*byte))
            .collect())
    }
}

fn hash(token: &str) -> String {
    hex::encode(openssl::sha::sha256(token.as_bytes()))
}
