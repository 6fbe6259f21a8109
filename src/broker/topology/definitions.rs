//! RabbitMQ's definitions file: users and rights besides exchanges and queues.

use openssl::sha::Sha256;
use serde_json::{Value, json};

use super::{AGENCIES, EXCHANGES, INTAKE, INTAKE_KEY, Topology, agency_prefix};
use crate::domain::Ori;

/// A password as RabbitMQ stores it (`rabbit_password_hashing_sha256`): base64 of the salt and of SHA-256 over salt
/// and password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Hashes `password`; `salt` is random.
    pub fn new(password: &str, salt: [u8; 4]) -> Self {
        let mut digest = Sha256::new();
        digest.update(&salt);
        digest.update(password.as_bytes());
        let salted = [salt.as_slice(), &digest.finish()].concat();
        Self(openssl::base64::encode_block(&salted))
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// A user of the broker.
#[derive(Debug, Clone)]
pub struct BrokerUser {
    /// The name it logs in with; the broker vouches for it in each message's `user_id`.
    pub name: String,
    /// Its password.
    pub password: PasswordHash,
    /// The agency it belongs to; `None`: leadbroker itself.
    pub agency: Option<Ori>,
}

/// The definitions for the virtual host `/`. An agency may publish forms, and own, fill by binding, and read queues
/// of its own name with events to its own ORI; nothing else.
pub fn definitions(topology: &Topology, users: &[BrokerUser]) -> Value {
    let queues = topology.queues();
    let exchanges: Vec<Value> = EXCHANGES
        .iter()
        .map(|name| {
            json!({ "name": name, "vhost": "/", "type": "topic", "durable": true, "auto_delete": false,
                    "internal": false, "arguments": {} })
        })
        .collect();
    let declared: Vec<Value> = queues
        .iter()
        .map(|queue| {
            let arguments: serde_json::Map<String, Value> = queue
                .arguments
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect();
            json!({ "name": queue.name, "vhost": "/", "durable": true, "auto_delete": false, "arguments": arguments })
        })
        .collect();
    let bindings: Vec<Value> = queues
        .iter()
        .map(|queue| {
            json!({ "source": queue.exchange, "vhost": "/", "destination": queue.name,
                    "destination_type": "queue", "routing_key": queue.key, "arguments": {} })
        })
        .collect();
    json!({
        "vhosts": [{ "name": "/" }],
        "users": users.iter().map(user).collect::<Vec<_>>(),
        "permissions": users.iter().map(permissions).collect::<Vec<_>>(),
        "topic_permissions": users.iter().flat_map(topic_permissions).collect::<Vec<_>>(),
        "exchanges": exchanges,
        "queues": declared,
        "bindings": bindings,
    })
}

fn user(user: &BrokerUser) -> Value {
    json!({ "name": user.name, "password_hash": user.password.0,
            "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": [] })
}

fn permissions(user: &BrokerUser) -> Value {
    let (configure, write, read) = match &user.agency {
        None => (".*".to_owned(), ".*".to_owned(), ".*".to_owned()),
        Some(ori) => {
            let own = format!("{}.+", escaped(&agency_prefix(ori)));
            (
                format!("^{own}$"),
                format!("^({}|{own})$", escaped(INTAKE)),
                format!("^({}|{own})$", escaped(AGENCIES)),
            )
        }
    };
    json!({ "user": user.name, "vhost": "/", "configure": configure, "write": write, "read": read })
}

/// Routing keys an agency may use: its form's to write, its own ORI's to bind.
fn topic_permissions(user: &BrokerUser) -> Vec<Value> {
    let Some(ori) = &user.agency else {
        return Vec::new();
    };
    let right = |exchange: &str, write: String, read: String| json!({ "user": user.name, "vhost": "/", "exchange": exchange, "write": write, "read": read });
    vec![
        right(INTAKE, format!("^{}$", escaped(INTAKE_KEY)), "^$".to_owned()),
        right(AGENCIES, "^$".to_owned(), format!("^{ori}\\.")),
    ]
}

/// Our names hold letters, digits, `_` and dots; only the dot means something in an expression.
fn escaped(name: &str) -> String {
    name.replace('.', "\\.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Vec<BrokerUser> {
        let password = PasswordHash::new("a sample password", [1, 2, 3, 4]);
        vec![
            BrokerUser { name: "leadbroker".to_owned(), password: password.clone(), agency: None },
            BrokerUser {
                name: "sample-agency".to_owned(),
                password,
                agency: Some("CA0194200".parse().unwrap()),
            },
        ]
    }

    #[test]
    fn an_agency_may_send_forms_and_read_its_own_events_only() {
        let all = definitions(&Topology::default(), &users());
        let rights = &all["permissions"][1];
        let own = r"leadbroker\.agency\.CA0194200\..+";
        assert_eq!(rights["configure"], format!("^{own}$"));
        assert_eq!(rights["write"], format!(r"^(leadbroker\.intake|{own})$"));
        assert_eq!(rights["read"], format!(r"^(leadbroker\.agencies|{own})$"));
        let topics = &all["topic_permissions"];
        assert_eq!(topics.as_array().unwrap().len(), 2);
        assert_eq!(topics[0]["exchange"], "leadbroker.intake");
        assert_eq!(topics[0]["write"], r"^search_request\.v1$");
        assert_eq!(topics[1]["exchange"], "leadbroker.agencies");
        assert_eq!(topics[1]["read"], r"^CA0194200\.");
        assert_eq!(all["permissions"][0]["configure"], ".*");
    }

    #[test]
    fn definitions_declare_the_whole_table() {
        let topology = Topology::new(vec!["lacris".parse().unwrap()]);
        let all = definitions(&topology, &[]);
        assert_eq!(all["queues"].as_array().unwrap().len(), topology.queues().len());
        assert_eq!(all["bindings"].as_array().unwrap().len(), topology.queues().len());
        assert_eq!(all["exchanges"].as_array().unwrap().len(), EXCHANGES.len());
    }

    #[test]
    fn a_password_is_hashed_as_rabbitmq_does() {
        // The worked example of RabbitMQ's documentation ("Credentials and passwords"): salt 908DC60A, test12.
        let hash = PasswordHash::new("test12", [0x90, 0x8D, 0xC6, 0x0A]);
        assert_eq!(hash.0, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR");
        assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
    }
}
