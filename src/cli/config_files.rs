//! What `config check` examines beyond the configuration's own words: keys and the files that it names.

use crate::app::{self, AppError};
use crate::clock::SystemClock;
use crate::config::{Config, ConfigError, Loaded, MailTransport, Transport};
use crate::mail::smime::SigningIdentity;
use crate::vault::{MasterKey, SigningKey};

/// Everything that would keep `serve` from starting and can be seen without touching anything.
pub(super) fn faults(loaded: &Loaded) -> Vec<ConfigError> {
    let config = &loaded.config;
    let found = [
        master_key(config),
        signing_key(config),
        certificate(config),
        authorities(config),
        broker_authorities(config),
        s3_key(config),
        policies(config),
    ];
    found
        .into_iter()
        .flatten()
        .map(|(key, message)| ConfigError {
            place: loaded.origins.get(key).cloned().unwrap_or_else(|| "default".to_owned()),
            key: key.to_owned(),
            message,
        })
        .collect()
}

type Fault = Option<(&'static str, String)>;

fn master_key(config: &Config) -> Fault {
    let key = &config.vault.master_key;
    if key.is_empty() {
        let message =
            "must be given: `leadbroker keys generate --dir DIR`, then `vault.master_key_file`";
        return Some(("vault.master_key", message.to_owned()));
    }
    let error = MasterKey::from_hex(key.expose()).err()?;
    Some(("vault.master_key", format!("is no master key: {error}")))
}

fn signing_key(config: &Config) -> Fault {
    let key = &config.audit.signing_key;
    if key.is_empty() {
        let message =
            "must be given: `leadbroker keys generate --dir DIR`, then `audit.signing_key_file`";
        return Some(("audit.signing_key", message.to_owned()));
    }
    let error = SigningKey::from_pem(key.expose().as_bytes()).err()?;
    Some(("audit.signing_key", format!("is no signing key: {error}")))
}

fn certificate(config: &Config) -> Fault {
    let mail = &config.mail;
    let key = "mail.certificate_file";
    if mail.certificate_file.is_empty() {
        return Some((key, "must name the certificate that signs answers".to_owned()));
    }
    let pem = match read(&mail.certificate_file) {
        Ok(pem) => pem,
        Err(message) => return Some((key, message)),
    };
    if mail.key.is_empty() {
        return Some(("mail.key", "must be given: the certificate's private key".to_owned()));
    }
    let error = SigningIdentity::from_pem(&pem, mail.key.expose().as_bytes()).err()?;
    Some((key, format!("and `mail.key` sign nothing: {error}")))
}

fn authorities(config: &Config) -> Fault {
    let mail = &config.mail;
    if mail.transport != MailTransport::Smtp || mail.ca_file.is_empty() {
        return None;
    }
    read(&mail.ca_file).err().map(|message| ("mail.ca_file", message))
}

fn broker_authorities(config: &Config) -> Fault {
    if config.messaging.transport != Transport::Amqp {
        return None;
    }
    match app::broker_authorities(config) {
        Err(AppError::Setting { key, message }) => Some((key, message)),
        Err(error) => Some(("messaging.ca_file", error.to_string())),
        Ok(_) => None,
    }
}

fn s3_key(config: &Config) -> Fault {
    let vault = &config.vault;
    (vault.images.starts_with("s3://") && vault.s3_secret_key.is_empty())
        .then(|| ("vault.s3_secret_key", "must be given for `s3://`".to_owned()))
}

fn policies(config: &Config) -> Fault {
    let error = app::policies(config, &SystemClock).err()?;
    Some(("policy.directory", format!("holds no sound packs: {error}")))
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    match std::fs::read(path) {
        Ok(bytes) if bytes.is_empty() => Err(format!("names `{path}`, which is empty")),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(format!("names `{path}`, which cannot be read: {}", error.kind())),
    }
}
