//! What a stage may use, and who waits for whom.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::PipelineError;
use super::accept::FormRate;
use super::policy_source::PolicySource;
use super::release::Previews;
use crate::audit::{Actor, AuditEvent};
use crate::clock::Clock;
use crate::domain::form::FormLimits;
use crate::domain::{MessageId, RequestId};
use crate::id_source::IdSource;
use crate::images::ImageLimits;
use crate::lifecycle::Terms;
use crate::mail::{Mailer, Sealer};
use crate::paging::PagingSettings;
use crate::policy::PolicySet;
use crate::policy::facts::Limits;
use crate::registry::Registry;
use crate::roster::Roster;
use crate::store::Store;
use crate::vault::{SigningKey, Vault};

/// How long the registry is used before its version is read again.
const REGISTRY_FRESH: Duration = Duration::from_secs(1);

/// Figures that a site may set.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Limits of a form.
    pub form: FormLimits,
    /// Limits of an image.
    pub image: ImageLimits,
    /// How long each step may take.
    pub terms: Terms,
    /// How long a lease holds.
    pub lease: chrono::TimeDelta,
    /// How long a lease may hold in all, however often it is renewed.
    pub lease_most: chrono::TimeDelta,
    /// The same image and case within this time is a repeat.
    pub repeat: chrono::TimeDelta,
    /// How long a receipt waits for the check.
    pub check_wait: Duration,
    /// Days that the record of an ended request is kept at least.
    pub retention_days: u32,
    /// Numbers for the packs' rules.
    pub policy: Limits,
}

/// Everything that the stages use. Adapters come in as traits; only `app.rs` names them.
#[derive(Debug, Clone)]
pub struct Context {
    /// Both databases.
    pub store: Store,
    /// Sealed records and images.
    pub vault: Arc<Vault>,
    /// Where the packs in force are from.
    pub policies: PolicySource,
    /// Units, agencies, people.
    pub registry: RegistrySource,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers and random bytes.
    pub ids: Arc<dyn IdSource>,
    /// Site's figures.
    pub rules: Arc<Rules>,
    /// Signs and encrypts answers.
    pub sealer: Arc<Sealer>,
    /// Hands mails on.
    pub mailer: Arc<dyn Mailer>,
    /// Signs releases.
    pub release_key: Arc<SigningKey>,
    /// This program, to decode pictures in a child process with limits.
    pub picture_worker: PathBuf,
    /// Who waits for a check.
    pub progress: Progress,
    /// Documents that officers are reading.
    pub previews: Previews,
    /// Where pages go and what they say.
    pub paging: Arc<PagingSettings>,
    /// Most forms a second and agency.
    pub form_rate: Arc<FormRate>,
}

impl Context {
    /// The current time.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A new message id.
    pub fn message_id(&self) -> MessageId {
        MessageId::new(self.ids.id())
    }

    /// The registry as it is now.
    pub async fn registry(&self) -> Result<Arc<Registry>, PipelineError> {
        self.registry.current(&self.store, &self.vault, REGISTRY_FRESH).await
    }

    /// The registry as it is at this moment: who is suspended is out at once, not within a second.
    pub async fn registry_now(&self) -> Result<Arc<Registry>, PipelineError> {
        self.registry.current(&self.store, &self.vault, Duration::ZERO).await
    }

    /// The policies as they are now. Who decides takes them once and decides with them to the end.
    pub async fn policies(&self) -> Result<Arc<PolicySet>, PipelineError> {
        self.policies.current(&self.store, self.now()).await
    }

    /// This context with the policies as they are now, for a decision that asks them in several places.
    pub async fn with_one_policy_set(&self) -> Result<Self, PipelineError> {
        let set = self.policies().await?;
        Ok(Self { policies: self.policies.pinned(set), ..self.clone() })
    }

    /// An audit event of one of the stages.
    pub fn event(&self, stage: &'static str, action: &str, at: DateTime<Utc>) -> AuditEvent {
        AuditEvent::new(at, Actor::System { stage: stage.to_owned() }, action)
    }
}

/// The registry with the rosters, read again when there is a new version or a new entry.
#[derive(Debug, Clone, Default)]
pub struct RegistrySource {
    held: Arc<Mutex<Option<Held>>>,
}

#[derive(Debug, Clone)]
struct Held {
    version: i64,
    /// Entries of the roster; none is ever removed.
    roster: i64,
    read: Instant,
    registry: Arc<Registry>,
}

impl RegistrySource {
    async fn current(
        &self,
        store: &Store,
        vault: &Vault,
        fresh: Duration,
    ) -> Result<Arc<Registry>, PipelineError> {
        let held = self.lock().clone();
        if let Some(held) = &held
            && held.read.elapsed() < fresh
        {
            return Ok(Arc::clone(&held.registry));
        }
        // What changes while it is read is not what was read.
        let read = Instant::now();
        let newest = store.registry_version().await?;
        let entries = store.roster_size().await?;
        if let (Some(held), Some(newest)) = (held, newest)
            && (held.version, held.roster) == (newest, entries)
        {
            *self.lock() = Some(Held { read, ..held.clone() });
            return Ok(held.registry);
        }
        let Some((version, sealed)) = store.registry().await? else {
            return Ok(Arc::new(Registry::default()));
        };
        let mut registry: Registry = vault.open_registry(&sealed)?;
        let entries = store.roster_entries().await?;
        registry.roster = Some(Arc::new(Roster::new(&entries, &registry.shifts)));
        let roster = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        let registry = Arc::new(registry);
        *self.lock() = Some(Held { version, roster, read, registry: Arc::clone(&registry) });
        Ok(registry)
    }

    /// Forgets what is held, so that the next use reads the newest version.
    pub fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Tells those who wait for a receipt that the check is done.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    waiting: Arc<Mutex<HashMap<RequestId, Arc<Notify>>>>,
}

impl Progress {
    /// Registers a wait, before the request is stored.
    pub fn expect(&self, request: RequestId) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        self.lock().insert(request, Arc::clone(&notify));
        notify
    }

    /// The check of `request` is durable.
    pub fn checked(&self, request: RequestId) {
        if let Some(notify) = self.lock().remove(&request) {
            notify.notify_one();
        }
    }

    /// Nobody waits any longer.
    pub fn forget(&self, request: RequestId) {
        self.lock().remove(&request);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RequestId, Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
