//! The demo world: units, agencies, and invented people. `places` holds the tables.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use std::collections::BTreeMap;

use super::DemoError;
use super::places::{AGENCIES, AgencyPlan, UNITS, UnitPlan, service_terms};
use crate::domain::{
    Account, AccountId, Agency, AgencyStanding, Agreement, AiSystem, Capability, Credential,
    Differences, PackId, Personal, Repository, RepositoryKind, Role, Safeguards, Shift, SignOff,
    TrainerDesignation, Training, Unit, UnitDesk, UnitId, UnitWords,
};
use crate::id_source::IdSource;
use crate::registry::doors::{password_hash, totp_secret};
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
    world: DemoWorld,
}

/// Builds the world. `recipient` is the certificate of the first agency's requester.
pub fn world(
    ids: &dyn IdSource,
    now: DateTime<Utc>,
    recipient: &str,
) -> Result<DemoWorld, DemoError> {
    let secrets = Secrets { agencies: BTreeMap::new(), accounts: Vec::new() };
    let world = DemoWorld { registry: Registry::default(), secrets };
    let mut maker = Maker { ids, now, world };
    for place in UNITS {
        maker.unit(place)?;
        maker.people(place)?;
    }
    for agency in AGENCIES {
        maker.agency(agency)?;
    }
    maker.world.registry.recipients.push(Recipient {
        agency: "CA0194200".parse().map_err(|_| DemoError::World)?,
        email: super::forms::REQUESTER_EMAIL.to_owned(),
        certificate: recipient.to_owned(),
        reads_gcm: true,
    });
    Ok(maker.world)
}

fn packs(names: &[&str]) -> Result<Vec<PackId>, DemoError> {
    names.iter().map(|name| name.parse().map_err(|_| DemoError::World)).collect()
}

fn owned(codes: &[&str]) -> Vec<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

impl Maker<'_> {
    fn secret(&self, bytes: usize) -> Result<String, DemoError> {
        let mut random = vec![0; bytes];
        self.ids.fill(&mut random)?;
        Ok(hex::encode(random))
    }

    fn unit(&mut self, place: &UnitPlan) -> Result<(), DemoError> {
        let trainers = place.designated_by.iter().map(|position| TrainerDesignation {
            issuer: place.issuer.to_owned(),
            designated_by: (*position).to_owned(),
            from: self.now - TimeDelta::days(800),
            until: None,
        });
        self.world.registry.units.push(Unit {
            id: place.id.parse().map_err(|_| DemoError::World)?,
            name: place.name.to_owned(),
            packs: packs(place.packs)?,
            repositories: place
                .repositories
                .iter()
                .map(|id| Repository { id: (*id).to_owned(), kind: RepositoryKind::Mugshot })
                .collect(),
            contact: format!("questions@{}.example.gov", place.domain),
            trainers: trainers.collect(),
            words: UnitWords::default(),
            differences: Differences::default(),
            checklist: None,
            desk: UnitDesk::default(),
            service: Some(service_terms(place.time_zone)),
            escalations: Vec::new(),
        });
        if !place.topics.is_empty() {
            self.system(place)?;
        }
        Ok(())
    }

    /// The system that the unit searches with, under a contract and answered for (SPD-AI-B4a, SPD-AI-H1).
    fn system(&mut self, place: &UnitPlan) -> Result<(), DemoError> {
        let signed = |clause: &str| SignOff {
            clause: clause.to_owned(),
            by: "Sample systems office".to_owned(),
            at: self.now - TimeDelta::days(30),
        };
        let number = format!("SAMPLE-{}-SYSTEM", place.id.to_uppercase());
        self.world.registry.systems.push(AiSystem {
            unit: place.id.parse().map_err(|_| DemoError::World)?,
            name: "Sample search system".to_owned(),
            vendor: "Sample vendor".to_owned(),
            safeguards: Some(Safeguards {
                valid_from: self.now - TimeDelta::days(30),
                valid_until: self.now + TimeDelta::days(365),
                document_sha256: hash(&number),
                number,
            }),
            sign_offs: vec![signed("SPD-AI-H1a"), signed("SPD-AI-H1b")],
        });
        Ok(())
    }

    fn agency(&mut self, plan: &AgencyPlan) -> Result<(), DemoError> {
        let ori = plan.ori;
        let token = format!("lba_{}", self.secret(24)?);
        let agreements = plan.agreements.iter().map(|(unit, days)| {
            Ok(Agreement {
                unit: unit.parse().map_err(|_| DemoError::World)?,
                number: format!("SAMPLE-{ori}-{}", unit.to_uppercase()),
                valid_from: self.now - TimeDelta::days(365),
                valid_until: self.now + TimeDelta::days(*days),
                document_sha256: hex::encode(openssl::sha::sha256(ori.as_bytes())),
            })
        });
        let agency = Agency {
            ori: ori.parse().map_err(|_| DemoError::World)?,
            name: plan.name.to_owned(),
            domains: vec![plan.domain.to_owned()],
            standing: AgencyStanding::Active,
            packs: packs(plan.packs)?,
            amqp_user: Some(ori.to_lowercase()),
            call_back: Some("+12135550100".to_owned()),
            agreements: agreements.collect::<Result<_, DemoError>>()?,
        };
        let secrets = AgencySecrets {
            name: plan.name.to_owned(),
            domain: plan.domain.to_owned(),
            token: token.clone(),
            amqp_user: ori.to_lowercase(),
            amqp_password: demo_amqp_password(ori),
        };
        self.world.secrets.agencies.insert(ori.to_owned(), secrets);
        self.world.registry.agencies.push(AgencyEntry { agency, token_sha256: hash(&token) });
        Ok(())
    }

    fn people(&mut self, place: &UnitPlan) -> Result<(), DemoError> {
        let year = TimeDelta::days(365);
        let on = Some((TimeDelta::hours(-1), year));
        let off = Some((TimeDelta::days(-2), TimeDelta::days(-1)));
        let lapsed = Some(TimeDelta::days(-10));
        let parts = [
            (Role::Reviewer, on, Some(year)),
            (Role::Reviewer, on, Some(year)),
            (Role::Reviewer, off, Some(year)),
            (Role::Reviewer, on, lapsed),
            (Role::Adjudicator, on, Some(year)),
            (Role::ReleaseAuthority, None, None),
            (Role::LocalAdministrator, None, None),
            (Role::Auditor, None, None),
        ];
        for (name, part) in place.people.iter().zip(parts) {
            self.person(place, name, part)?;
        }
        Ok(())
    }

    /// Role; duty, from and until, seen from now; when the credential ends.
    fn person(
        &mut self,
        place: &UnitPlan,
        name: &str,
        (role, duty, trained): (Role, Option<(TimeDelta, TimeDelta)>, Option<TimeDelta>),
    ) -> Result<(), DemoError> {
        let id = AccountId::new(self.ids.id());
        let unit: UnitId = place.id.parse().map_err(|_| DemoError::World)?;
        let login = name.rsplit(' ').next().unwrap_or(name).to_lowercase();
        let token = format!("lbp_{}", self.secret(24)?);
        let password = format!("demo-{}", self.secret(6)?);
        let totp_secret = self.base32()?;
        let account = Account {
            id,
            login: login.clone(),
            name: name.to_owned(),
            person: None,
            unit: unit.clone(),
            role,
            active: true,
            credentials: trained.map(|end| self.credential(place, end)).into_iter().collect(),
            positions: owned(place.positions(role)),
            relatives: Vec::new(),
            pager_email: Some(Personal::new(format!("{login}@{}.example.gov", place.domain))),
        };
        if trained.is_some() && !place.topics.is_empty() {
            self.world.registry.trainings.push(Training {
                account: id,
                topics: owned(place.topics),
                completed_at: self.now - TimeDelta::days(30),
                refresher_due: self.now + TimeDelta::days(335),
                approved_by: place.approved_by.to_owned(),
            });
        }
        if let Some((from, until)) = duty {
            self.world.registry.shifts.push(Shift {
                unit: unit.clone(),
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
            suspension: None,
        });
        self.world.secrets.accounts.push(AccountSecrets {
            name: name.to_owned(),
            role,
            unit,
            agency: None,
            login,
            password,
            totp_secret,
            token,
        });
        Ok(())
    }

    fn credential(&self, place: &UnitPlan, ends: TimeDelta) -> Credential {
        Credential {
            issuer: place.issuer.to_owned(),
            course: "Facial comparison and identification, sample course".to_owned(),
            capabilities: vec![Capability::Quality, Capability::OneToMany, Capability::OneToOne],
            cjis_minimum: true,
            issued_at: self.now - TimeDelta::days(400),
            expires_at: self.now + ends,
            approved_by: place.approved_by.to_owned(),
            topics: Vec::new(),
            refresher_due: None,
        }
    }

    fn argon2(&self, password: &str) -> Result<String, DemoError> {
        let mut salt = [0; 16];
        self.ids.fill(&mut salt)?;
        password_hash(password, salt).ok_or(DemoError::World)
    }

    fn base32(&self) -> Result<String, DemoError> {
        let mut random = [0; 20];
        self.ids.fill(&mut random)?;
        Ok(totp_secret(random))
    }
}

fn hash(token: &str) -> String {
    hex::encode(openssl::sha::sha256(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id_source::SystemIds;

    #[test]
    fn the_world_is_a_sound_registry_and_every_unit_can_answer() {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let world = world(&SystemIds, now, "").unwrap();
        let registry = &world.registry;
        let read = crate::registry::parse(&toml::to_string(registry).unwrap()).unwrap();
        assert_eq!(read, *registry);
        let policies = crate::policy::builtin::load(now).unwrap();
        for unit in &registry.units {
            assert!(unit.packs.iter().all(|pack| policies.pack(pack).is_some()), "{}", unit.id);
            let of_role = |role| {
                let accounts = registry.accounts.iter().map(|entry| &entry.account);
                accounts.filter(|a| a.unit == unit.id && a.role == role).collect::<Vec<_>>()
            };
            let reviewers = of_role(Role::Reviewer);
            assert_eq!(reviewers.len(), 4);
            let duty = registry.on_duty(&unit.id, crate::domain::Lane::Priority, now);
            let trained = |a: &Account| a.credentials.iter().any(|c| c.in_force(now));
            let ready = reviewers.iter().filter(|a| duty.contains(&a.id) && trained(a)).count();
            assert_eq!(ready, 2, "{}", unit.id);
            assert_eq!(reviewers.iter().filter(|a| !duty.contains(&a.id)).count(), 1);
            assert_eq!(reviewers.iter().filter(|a| !trained(a)).count(), 1);
            for role in
                [Role::Adjudicator, Role::ReleaseAuthority, Role::LocalAdministrator, Role::Auditor]
            {
                assert_eq!(of_role(role).len(), 1, "{} {role:?}", unit.id);
            }
        }
        for agency in registry.agencies.iter().map(|entry| &entry.agency) {
            assert!(agency.packs.iter().all(|pack| policies.pack(pack).is_some()));
        }
    }
}
