//! The composition root: from a configuration to adapters, a context and running workers. The only place that names
//! an adapter.

mod amqp;
mod in_force;
mod rules;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::broker::amqp::AmqpHealth;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, MailTls, MailTransport, Transport};
use crate::id_source::{IdSource, SystemIds};
use crate::mail::file::FileMailer;
use crate::mail::smime::SigningIdentity;
use crate::mail::smtp::{SmtpDeadlines, SmtpLogin, SmtpMailer, SmtpSettings, SmtpTls};
use crate::mail::{MailAddress, Mailer, Sealer, SealerSettings};
use crate::pager::Webhooks;
use crate::pipeline::Context;
use crate::pipeline::accept::FormRate;
use crate::pipeline::context::{Progress, RegistrySource};
use crate::pipeline::policy_source::{self, PolicySource};
use crate::pipeline::release::Previews;
use crate::policy::PolicySet;
use crate::shutdown::Shutdown;
use crate::store::{Store, StoreSettings};
use crate::vault::{ImageStore, MasterKey, S3Settings, SigningKey, Vault};
use crate::worker::consume::Consumer;
use crate::worker::pager::Pager;
use crate::worker::{checkpoint, likeness, sweep};

pub use amqp::{broker_authorities, start_amqp};
pub use in_force::{policies_in_force, read_only, sqlite_file};

/// Why leadbroker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The database.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// Keys or image store.
    #[error(transparent)]
    Vault(#[from] crate::vault::VaultError),
    /// Policy packs.
    #[error("load the policy packs: {0}")]
    Policy(String),
    /// Mail settings.
    #[error("use the mail settings: {0}")]
    Mail(String),
    /// A setting.
    #[error("use `{key}`: {message}")]
    Setting {
        /// Which.
        key: &'static str,
        /// What was expected.
        message: String,
    },
    /// A file.
    #[error("read `{path}`: {kind}")]
    File {
        /// Which.
        path: String,
        /// Why not.
        kind: std::io::ErrorKind,
    },
}

/// What a process does.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    strum::EnumString,
    strum::VariantArray,
    strum::IntoStaticStr,
)]
#[strum(serialize_all = "snake_case")]
pub enum RoleOfProcess {
    /// Serves the HTTP API.
    Api,
    /// Takes forms from the broker.
    Intake,
    /// Checks forms.
    Check,
    /// Finds reviewers.
    Dispatch,
    /// Seals answers.
    Respond,
    /// Hands answers to the mail server.
    Deliver,
    /// Hands messages to the broker.
    Relay,
    /// Enforces deadlines, signs checkpoints.
    Sweep,
    /// Pages people.
    Pager,
}

/// Opens everything that the stages use.
pub async fn context(config: &Config) -> Result<Context, AppError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
    let store = Store::open(&StoreSettings {
        url: config.database.url.expose().to_owned(),
        readers: config.database.readers,
        relay: config.messaging.transport == Transport::Amqp,
    })
    .await?;
    let vault = Vault::new(MasterKey::from_hex(config.vault.master_key.expose())?, images(config)?);
    let policies = PolicySource::new(policies(config, clock.as_ref())?);
    put_in_force(&store, &policies, clock.as_ref()).await?;
    let sealer = sealer(config, &vault)?;
    Ok(Context {
        store,
        policies,
        registry: RegistrySource::default(),
        rules: Arc::new(rules::rules(config)),
        sealer: Arc::new(sealer),
        mailer: mailer(config)?,
        release_key: Arc::new(SigningKey::from_pem(config.audit.signing_key.expose().as_bytes())?),
        picture_worker: std::env::current_exe().map_err(|error| AppError::File {
            path: "this program".to_owned(),
            kind: error.kind(),
        })?,
        progress: Progress::default(),
        previews: Previews::default(),
        form_rate: Arc::new(FormRate::new(config.limits.forms_per_second)),
        paging: Arc::new(
            crate::config::paging(config)
                .map_err(|message| AppError::Setting { key: "paging.destinations", message })?,
        ),
        vault: Arc::new(vault),
        clock,
        ids,
    })
}

/// Takes the version that two people put in force, if there is one. A program that cannot use it does not start: another
/// set than the agreed one must not decide.
async fn put_in_force(
    store: &Store,
    policies: &PolicySource,
    clock: &dyn Clock,
) -> Result<(), AppError> {
    policies
        .current(store, clock.now())
        .await
        .map_err(|error| AppError::Policy(error.to_string()))?;
    let Some(refused) = policies.refused() else { return Ok(()) };
    Err(AppError::Policy(format!(
        "version {} is in force and this program cannot use it; activate a sound one with the program that ran before: {}",
        refused.version.unwrap_or_default(),
        refused.reasons.join("; ")
    )))
}

fn images(config: &Config) -> Result<ImageStore, AppError> {
    let section = &config.vault;
    if let Some(folder) = section.images.strip_prefix("file:") {
        return Ok(ImageStore::folder(Path::new(folder.trim_start_matches("//")))?);
    }
    let bucket = section.images.strip_prefix("s3://").unwrap_or_default().to_owned();
    let allow_http = ["http://127.", "http://localhost", "http://[::1]"]
        .iter()
        .any(|local| section.s3_endpoint.starts_with(local));
    Ok(ImageStore::s3(&S3Settings {
        bucket,
        endpoint: section.s3_endpoint.clone(),
        region: section.s3_region.clone(),
        access_key: section.s3_access_key.clone(),
        secret_key: section.s3_secret_key.expose().to_owned(),
        allow_http,
    })?)
}

/// The packs of the configured folder, or the built-in ones.
pub fn policies(config: &Config, clock: &dyn Clock) -> Result<PolicySet, AppError> {
    let told = |errors: Vec<crate::policy::PackError>| {
        AppError::Policy(policy_source::told(&errors).join("; "))
    };
    if config.policy.directory.is_empty() {
        return crate::policy::builtin::load(clock.now()).map_err(told);
    }
    let files = pack_files(Path::new(&config.policy.directory))?;
    PolicySet::load(&files, clock.now()).map_err(told)
}

/// Every file below a folder of packs, by its path from there.
pub fn pack_files(folder: &Path) -> Result<std::collections::BTreeMap<String, Vec<u8>>, AppError> {
    let mut files = std::collections::BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    let fault = |path: &Path, error: &std::io::Error| AppError::File {
        path: path.display().to_string(),
        kind: error.kind(),
    };
    while let Some(below) = folders.pop() {
        let here = folder.join(&below);
        for entry in std::fs::read_dir(&here).map_err(|error| fault(&here, &error))? {
            let entry = entry.map_err(|error| fault(&here, &error))?;
            let path = below.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else {
                let bytes =
                    std::fs::read(entry.path()).map_err(|error| fault(&entry.path(), &error))?;
                files.insert(path.display().to_string(), bytes);
            }
        }
    }
    Ok(files)
}

fn sealer(config: &Config, vault: &Vault) -> Result<Sealer, AppError> {
    let mail = &config.mail;
    let certificates = std::fs::read(&mail.certificate_file).map_err(|error| AppError::File {
        path: mail.certificate_file.clone(),
        kind: error.kind(),
    })?;
    let told = |error: &dyn std::error::Error| AppError::Mail(error.to_string());
    let identity = SigningIdentity::from_pem(&certificates, mail.key.expose().as_bytes())
        .map_err(|error| told(&error))?;
    let from: MailAddress = mail.from.parse().map_err(|_| AppError::Setting {
        key: "mail.from",
        message: "expected an address such as `answers@leadbroker.example.gov`".to_owned(),
    })?;
    Sealer::new(SealerSettings {
        identity,
        from,
        domain: mail.domain.clone(),
        message_id_key: vault.message_id_key(),
        trust: None,
    })
    .map_err(|error| told(&error))
}

fn mailer(config: &Config) -> Result<Arc<dyn Mailer>, AppError> {
    let mail = &config.mail;
    if mail.transport == MailTransport::File {
        std::fs::create_dir_all(&mail.directory)
            .map_err(|error| AppError::File { path: mail.directory.clone(), kind: error.kind() })?;
        return Ok(Arc::new(FileMailer::new(&mail.directory)));
    }
    Ok(Arc::new(smtp_mailer(config)?))
}

/// The mailer to the configured mail server. Nothing is connected yet.
pub fn smtp_mailer(config: &Config) -> Result<SmtpMailer, AppError> {
    let mail = &config.mail;
    let text = |value: &str| (!value.is_empty()).then(|| value.to_owned());
    let settings = SmtpSettings {
        host: mail.host.clone(),
        port: mail.port,
        tls: match mail.tls {
            MailTls::Starttls => SmtpTls::StartTls,
            MailTls::Implicit => SmtpTls::Implicit,
        },
        ca_file: text(&mail.ca_file).map(PathBuf::from),
        server_name: text(&mail.server_name).unwrap_or_else(|| mail.host.clone()),
        login: text(&mail.username)
            .map(|username| SmtpLogin { username, password: mail.password.expose().to_owned() }),
        hello_name: mail.hello_name.clone(),
        connections: usize::from(mail.connections.max(1)),
        deadlines: match mail.deadline_seconds {
            0 => SmtpDeadlines::default(),
            seconds => SmtpDeadlines::each(Duration::from_secs(seconds.into())),
        },
    };
    SmtpMailer::new(settings).map_err(|error| AppError::Mail(error.to_string()))
}

/// Starts the workers of an embedded installation.
pub fn start_embedded(
    ctx: &Context,
    config: &Config,
    roles: &[RoleOfProcess],
    shutdown: &Shutdown,
) -> Result<(), AppError> {
    for (role, step) in STEPS {
        if roles.contains(role) {
            let consumer = Consumer {
                ctx: ctx.clone(),
                step: *step,
                tracker: shutdown.tracker().clone(),
                stop: shutdown.token(),
            };
            shutdown.tracker().spawn(consumer.run());
        }
    }
    start_keepers(ctx, config, roles, shutdown)
}

/// The sweeper, the comparison of pictures, the signer of checkpoints, and the pager, which needs no broker.
pub fn start_keepers(
    ctx: &Context,
    config: &Config,
    roles: &[RoleOfProcess],
    shutdown: &Shutdown,
) -> Result<(), AppError> {
    if roles.contains(&RoleOfProcess::Pager) {
        let webhooks = Webhooks::new(&ctx.paging.destinations).map_err(|error| {
            AppError::Setting { key: "paging.destinations", message: error.to_string() }
        })?;
        let (tracker, stop) = (shutdown.tracker().clone(), shutdown.token());
        let pager = Pager { ctx: ctx.clone(), webhooks, tracker, stop };
        shutdown.tracker().spawn(pager.run());
    }
    if roles.contains(&RoleOfProcess::Sweep) {
        shutdown.tracker().spawn(sweep::run(ctx.clone(), Duration::from_secs(5), shutdown.token()));
        shutdown.tracker().spawn(likeness::run(ctx.clone(), shutdown.token()));
        let every = Duration::from_secs(config.audit.checkpoint_seconds.max(1).into());
        let origin = config.audit.origin.clone();
        shutdown.tracker().spawn(checkpoint::run(ctx.clone(), origin, every, shutdown.token()));
    }
    Ok(())
}

/// Which role drives which step.
pub const STEPS: &[(RoleOfProcess, crate::messages::Step)] = &[
    (RoleOfProcess::Check, crate::messages::Step::Check),
    (RoleOfProcess::Dispatch, crate::messages::Step::Dispatch),
    (RoleOfProcess::Respond, crate::messages::Step::Respond),
    (RoleOfProcess::Deliver, crate::messages::Step::Deliver),
];

/// Starts whatever the configuration wants; the health of the broker, if there is one.
pub async fn start(
    ctx: &Context,
    config: &Config,
    roles: &[RoleOfProcess],
    shutdown: &Shutdown,
) -> Result<Option<watch::Receiver<AmqpHealth>>, AppError> {
    match config.messaging.transport {
        Transport::Embedded => {
            start_embedded(ctx, config, roles, shutdown)?;
            Ok(None)
        }
        Transport::Amqp => start_amqp(ctx, config, roles, shutdown).await.map(Some),
    }
}
