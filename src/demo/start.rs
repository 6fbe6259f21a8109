//! Folder, keys, world and configuration of a demonstration.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::DemoOptions;
use super::forms::REQUESTER_EMAIL;
use super::keys::{FROM, Keys, write_secret};
use super::world::{DemoWorld, world};
use crate::app::{self, AppError};
use crate::audit::{Actor, AuditEvent};
use crate::config::{Config, Environment, LogFormat, MailTransport, Secret, Transport};
use crate::pipeline::{Context, PipelineError};

/// The demonstration could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file could not be written.
    #[error("write the demonstration's files: {0}")]
    File(#[from] std::io::Error),
    /// The folder holds something else.
    #[error(
        "use `{0}`: it holds files that no demonstration made; name another folder with `--out`"
    )]
    Occupied(String),
    /// The folder is a demonstration's, but somebody put something into it.
    #[error(
        "empty `{0}`: an earlier demonstration made it, but `{1}` in it is not of a demonstration; move it away or name another folder with `--out`"
    )]
    Foreign(String, String),
    /// The options contradict each other or the rules of a configuration.
    #[error("use the options: {}", .0.join("; "))]
    Options(Vec<String>),
    /// Keys could not be made.
    #[error("make the demonstration's keys: {0}")]
    Keys(String),
    /// Keys could not be made.
    #[error(transparent)]
    Vault(#[from] crate::vault::VaultError),
    /// The system gave no random bytes.
    #[error(transparent)]
    Randomness(#[from] crate::id_source::NoRandomness),
    /// The world contradicts itself.
    #[error("build the demo world")]
    World,
    /// leadbroker did not start.
    #[error(transparent)]
    App(#[from] AppError),
    /// A stage did not do it.
    #[error("walk through the stages: {0}")]
    Stage(String),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// Something did not happen in time.
    #[error("wait for {0}: it did not happen within a minute")]
    Late(&'static str),
}

impl From<PipelineError> for DemoError {
    fn from(error: PipelineError) -> Self {
        if let PipelineError::Refused(refusal) = &error {
            return Self::Stage(format!("{refusal:?}"));
        }
        Self::Stage(error.to_string())
    }
}

/// A demonstration that has started.
#[derive(Debug)]
pub struct Demo {
    /// Its configuration.
    pub config: Config,
    /// What the stages use.
    pub ctx: Context,
    /// Its keys.
    pub keys: Keys,
    /// Its world.
    pub world: DemoWorld,
    /// Its folder.
    pub out: PathBuf,
}

/// Makes folder, keys, world and configuration, and opens everything.
pub async fn start(options: &DemoOptions) -> Result<Demo, DemoError> {
    let out = prepare(&options.out)?;
    let ids = crate::id_source::SystemIds;
    let now = crate::clock::Clock::now(&crate::clock::SystemClock);
    let keys = Keys::make(&out.join("keys"), REQUESTER_EMAIL, &ids, now)?;
    let world = world(&ids, now, &keys.recipient_pem)?;
    let config = configuration(options, &out, &keys)?;
    let ctx = app::context(&config).await?;
    let digest =
        openssl::sha::sha256(&serde_json::to_vec(&world.registry).map_err(|_| DemoError::World)?);
    let sealed = ctx.vault.seal_registry(&ids, &world.registry)?;
    let actor = Actor::Operator { command: "demo".to_owned() };
    let event =
        AuditEvent::new(now, actor, "registry.imported").detail("digest", &hex::encode(digest));
    ctx.store.add_registry(digest, sealed, event).await?;
    write_json(&out, options, &config, &world)?;
    Ok(Demo { config, ctx, keys, world, out })
}

/// A file that only a demonstration writes, before anything else.
const MARKER: &str = ".leadbroker-demo";
const MARK: &str = "A demonstration of leadbroker made this folder. The next one removes it.\n";

/// Everything that a demonstration leaves in its folder, and what the commands make that it prints at its end.
const OWN: &[&str] = &[
    MARKER,
    "audit.jsonl",
    "demo.json",
    "lead.eml",
    "lead.mime",
    "lead.pdf",
    "no-match.eml",
    "no-match.mime",
    "no-match.pdf",
    "images",
    "keys",
    "leadbroker.db",
    "leadbroker.db-shm",
    "leadbroker.db-wal",
    "leadbroker.db.lock",
    "mail",
];

/// An earlier demonstration's folder is emptied; any other folder with content is left alone, and so is one in which
/// somebody has put something of theirs.
fn prepare(out: &Path) -> Result<PathBuf, DemoError> {
    if out.is_dir() {
        let names: Vec<String> = std::fs::read_dir(out)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_, std::io::Error>>()?;
        let marked = std::fs::read_to_string(out.join(MARKER)).is_ok_and(|text| text == MARK);
        if !names.is_empty() && !marked {
            return Err(DemoError::Occupied(out.display().to_string()));
        }
        if let Some(foreign) = names.iter().find(|name| !OWN.contains(&name.as_str())) {
            return Err(DemoError::Foreign(out.display().to_string(), foreign.clone()));
        }
        std::fs::remove_dir_all(out)?;
    }
    std::fs::create_dir_all(out)?;
    std::fs::write(out.join(MARKER), MARK)?;
    Ok(out.canonicalize()?)
}

fn configuration(options: &DemoOptions, out: &Path, keys: &Keys) -> Result<Config, DemoError> {
    let text = |name: &str| out.join(name).display().to_string();
    let mut config = Config { environment: Environment::Demo, ..Config::default() };
    config.server.listen.clone_from(&options.listen);
    // Who looks on wants to see what the check says, however slow the machine.
    config.server.check_wait_ms = 20_000;
    config.server.public_origin = format!("http://{}", options.listen);
    config.database.url = Secret::new(
        options.database.clone().unwrap_or_else(|| format!("sqlite:{}", text("leadbroker.db"))),
    );
    if let Some(url) = &options.amqp {
        config.messaging.transport = Transport::Amqp;
        config.messaging.url = Secret::new(url.clone());
    }
    config.vault.images = format!("file:{}", text("images"));
    config.vault.master_key = Secret::new(keys.master_key.clone());
    config.audit.signing_key = Secret::new(keys.signing_key.clone());
    config.mail.directory = text("mail");
    FROM.clone_into(&mut config.mail.from);
    config.mail.certificate_file = keys.unit_certificate.display().to_string();
    config.mail.key = Secret::new(keys.unit_key.clone());
    config.log.format = LogFormat::Text;
    "warn".clone_into(&mut config.log.level);
    if let Some(url) = &options.smtp {
        let fault = || DemoError::Stage("`--smtp` must be `smtp://HOST:PORT?ca=FILE`".to_owned());
        let rest = url.strip_prefix("smtp://").ok_or_else(fault)?;
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, port) = address.rsplit_once(':').ok_or_else(fault)?;
        config.mail.transport = MailTransport::Smtp;
        host.clone_into(&mut config.mail.host);
        config.mail.port = port.parse().map_err(|_| fault())?;
        query.strip_prefix("ca=").unwrap_or_default().clone_into(&mut config.mail.ca_file);
    }
    let faults: Vec<String> = config
        .contradictions()
        .into_iter()
        .map(|(key, expected)| format!("`{key}` must {expected}"))
        .collect();
    if faults.is_empty() { Ok(config) } else { Err(DemoError::Options(faults)) }
}

fn write_json(
    out: &Path,
    options: &DemoOptions,
    config: &Config,
    world: &DemoWorld,
) -> Result<(), DemoError> {
    let value = json!({
        "api": config.server.public_origin,
        "amqp": options.amqp.as_deref().map(without_login),
        "agencies": world.secrets.agencies,
        "accounts": world.secrets.accounts,
    });
    let text = serde_json::to_vec_pretty(&value).map_err(|_| DemoError::World)?;
    Ok(write_secret(&out.join("demo.json"), &text)?)
}

/// A broker's URL for agencies, who log in as themselves.
fn without_login(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return String::new() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}/{path}")
}

#[cfg(test)]
mod tests {
    use super::super::world::AccountSecrets;
    use super::*;

    #[test]
    fn only_a_demonstrations_own_folder_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let made = prepare(&out).unwrap();
        std::fs::write(made.join("demo.json"), "{}").unwrap();
        prepare(&out).unwrap();
        assert!(!out.join("demo.json").exists(), "its own folder is emptied");
        std::fs::write(out.join("thesis.txt"), "years of work").unwrap();
        let told = prepare(&out).unwrap_err().to_string();
        assert!(told.contains("`thesis.txt`"), "{told}");
        assert!(out.join("thesis.txt").exists());

        let other = folder.path().join("other");
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join("demo.json"), "somebody's own demo.json").unwrap();
        assert!(matches!(prepare(&other), Err(DemoError::Occupied(_))));
        std::fs::write(other.join(MARKER), "something else").unwrap();
        assert!(matches!(prepare(&other), Err(DemoError::Occupied(_))));
        assert!(other.join("demo.json").exists());
    }

    #[test]
    fn the_options_obey_the_rules_of_a_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let now = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000);
        let keys = Keys::make(
            &folder.path().join("keys"),
            REQUESTER_EMAIL,
            &crate::id_source::SystemIds,
            now,
        )
        .unwrap();
        let options = |listen: &str, amqp: Option<&str>| DemoOptions {
            out: folder.path().to_owned(),
            database: None,
            amqp: amqp.map(str::to_owned),
            smtp: None,
            listen: listen.to_owned(),
        };
        let of = |options: &DemoOptions| configuration(options, folder.path(), &keys);
        assert!(of(&options("127.0.0.1:8400", None)).is_ok());
        for bad in [
            options("0.0.0.0:8400", None),
            options("127.0.0.1:8400", Some("amqp://u:p@broker.example.gov/")),
        ] {
            assert!(matches!(of(&bad), Err(DemoError::Options(faults)) if faults.len() == 1));
        }
    }

    #[test]
    fn no_secret_of_a_demonstration_is_shown_by_debug() {
        let folder = tempfile::tempdir().unwrap();
        let now = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000);
        let ids = crate::id_source::SystemIds;
        let keys = Keys::make(&folder.path().join("keys"), REQUESTER_EMAIL, &ids, now).unwrap();
        let world = world(&ids, now, &keys.recipient_pem).unwrap();
        let shown = format!("{world:?} {keys:?} {:?}", world.secrets);
        let mut secrets = vec![keys.master_key, keys.signing_key, keys.unit_key];
        for agency in world.secrets.agencies.values() {
            secrets.extend([agency.token.clone(), agency.amqp_password.clone()]);
        }
        for account in &world.secrets.accounts {
            let AccountSecrets { password, totp_secret, token, .. } = account.clone();
            secrets.extend([password, totp_secret, token]);
        }
        for entry in &world.registry.accounts {
            secrets.extend(entry.password_argon2.clone());
            secrets.extend(entry.token_sha256.clone());
        }
        assert!(secrets.len() > 20 && secrets.iter().all(|secret| secret.len() > 6));
        for secret in secrets {
            let start: String = secret.chars().take(40).collect();
            assert!(!shown.contains(&start), "{start}");
        }
    }

    #[test]
    fn an_agency_is_not_told_the_password_of_the_service() {
        let url = without_login("amqp://leadbroker:secret@127.0.0.1:5672/%2f");
        assert_eq!(url, "amqp://127.0.0.1:5672/%2f");
        assert_eq!(without_login("amqps://127.0.0.1"), "amqps://127.0.0.1/");
    }
}
