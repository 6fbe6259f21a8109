//! One entry: ids, codes and clauses.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{AccountId, Ori, RequestId, UnitId, Verdict};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Actor {
    /// A stage of leadbroker.
    System {
        /// Which.
        stage: String,
    },
    /// A person of a unit.
    Person {
        /// The account.
        account: AccountId,
    },
    /// A requesting agency, through its token or its broker user.
    Agency {
        /// Which.
        ori: Ori,
    },
    /// Somebody at the machine, through the command line.
    Operator {
        /// The command.
        command: String,
    },
}

/// What happened, before the log gives it a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEvent {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: Actor,
    /// What (`search_request.received`).
    pub action: String,
    /// Which request.
    pub request: Option<RequestId>,
    /// Of which unit.
    pub unit: Option<UnitId>,
    /// Of which agency.
    pub agency: Option<Ori>,
    /// Which gate decided.
    pub gate: Option<String>,
    /// What it decided.
    pub verdict: Option<String>,
    /// Under which clauses.
    pub clauses: Vec<String>,
    /// By which packs, with the digest of each.
    pub packs: Vec<String>,
    /// Codes, ids, counts.
    pub detail: BTreeMap<String, String>,
}

impl AuditEvent {
    /// An event without anything but who, what, when.
    pub fn new(at: DateTime<Utc>, actor: Actor, action: &str) -> Self {
        Self {
            at,
            actor,
            action: action.to_owned(),
            request: None,
            unit: None,
            agency: None,
            gate: None,
            verdict: None,
            clauses: Vec::new(),
            packs: Vec::new(),
            detail: BTreeMap::new(),
        }
    }

    /// Every account that the event names: who did it, and whom its detail names, as a value or in a name
    /// (`excluded.p-…`).
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> {
        let actor = match &self.actor {
            Actor::Person { account } => Some(*account),
            Actor::System { .. } | Actor::Agency { .. } | Actor::Operator { .. } => None,
        };
        let texts =
            self.detail.iter().flat_map(|(name, value)| [name.rsplit('.').next(), Some(value)]);
        actor.into_iter().chain(texts.flatten().filter_map(|text| text.parse().ok()))
    }

    /// About this request.
    #[must_use]
    pub fn request(mut self, request: RequestId) -> Self {
        self.request = Some(request);
        self
    }

    /// Of this unit.
    #[must_use]
    pub fn unit(mut self, unit: &UnitId) -> Self {
        self.unit = Some(unit.clone());
        self
    }

    /// Of this agency.
    #[must_use]
    pub fn agency(mut self, ori: &Ori) -> Self {
        self.agency = Some(ori.clone());
        self
    }

    /// Under this clause.
    #[must_use]
    pub fn clause(mut self, clause: &str) -> Self {
        self.clauses.push(clause.to_owned());
        self
    }

    /// As this policy decision has it: gate, verdict, every clause that was asked or broken, and the packs.
    #[must_use]
    pub fn decision(mut self, decision: &crate::policy::PolicyDecision) -> Self {
        let gates: Vec<&str> = decision.gates().iter().map(|gate| gate.as_str()).collect();
        self.gate = Some(gates.join("+"));
        self.verdict = Some(
            match decision.verdict() {
                Verdict::Accept => "accept",
                Verdict::Hold => "hold",
                Verdict::Reject => "reject",
            }
            .to_owned(),
        );
        // What a refusal rests on are its findings; what an acceptance rests on is every clause that was kept.
        self.clauses.extend(match decision.verdict() {
            Verdict::Accept => decision.clauses().iter().cloned().collect::<Vec<_>>(),
            Verdict::Hold | Verdict::Reject => {
                decision.findings().iter().map(|finding| finding.clause.clone()).collect()
            }
        });
        self.clauses.sort();
        self.clauses.dedup();
        self.packs = decision
            .packs()
            .iter()
            .map(|pack| format!("{}@{}", pack.pack, pack.sha256.get(..16).unwrap_or_default()))
            .collect();
        match decision.set() {
            Some(set) => self.detail("policy_set", &set.to_string()),
            None => self,
        }
    }

    /// Adds a code, an id or a count. Whatever could hold a name or an address becomes a count of its characters:
    /// only letters, digits and `_.:/+-` without blanks pass, at most 128 of them.
    #[must_use]
    pub fn detail(mut self, key: &str, value: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.:/+-".contains(c);
        let value = if value.len() <= 128 && value.chars().all(plain) {
            value.to_owned()
        } else {
            format!("withheld:{}", value.chars().count())
        };
        self.detail.insert(key.to_owned(), value);
        self
    }
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// Its place, from 0, without gaps.
    pub seq: u64,
    /// What happened.
    pub event: AuditEvent,
}

/// An entry could not be written down.
#[derive(Debug, thiserror::Error)]
#[error("write an audit entry in its canonical form")]
pub struct AuditError;

impl AuditEntry {
    /// Gives an event its place.
    pub fn new(seq: u64, event: AuditEvent) -> Self {
        Self { seq, event }
    }

    /// Its canonical bytes (RFC 8785): what the tree hashes and what an export shows.
    pub fn canonical(&self) -> Result<Vec<u8>, AuditError> {
        serde_json_canonicalizer::to_vec(self).map_err(|_| AuditError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_knows_whom_it_names() {
        let [actor, reviewer, excluded] =
            [1, 2, 3].map(|n| AccountId::new(uuid::Uuid::from_u128(n)));
        let event = AuditEvent::new(DateTime::UNIX_EPOCH, Actor::Person { account: actor }, "test")
            .detail("reviewer", &reviewer.to_string())
            .detail(&format!("excluded.{excluded}"), "p-7")
            .detail("p-8", "r-00000000000000000000000000000009");
        let mut named: Vec<AccountId> = event.accounts().collect();
        named.sort();
        assert_eq!(named, [actor, reviewer, excluded]);
    }

    #[test]
    fn a_detail_cannot_hold_a_name_or_an_address() {
        let event = AuditEvent::new(
            DateTime::UNIX_EPOCH,
            Actor::System { stage: "check".to_owned() },
            "test",
        )
        .detail("code", "image_truncated")
        .detail("name", "Jordan Sample")
        .detail("mail", "jsample@pd.example.gov");
        assert_eq!(event.detail["code"], "image_truncated");
        assert_eq!(event.detail["name"], "withheld:13");
        assert_eq!(event.detail["mail"], "withheld:22");
    }
}
