//! The policies in force, read again when two people have put a new set in force or an operator has changed the folder.
//!
//! Who decides takes one set and decides with it to the end, so no decision mixes two. A set that cannot be loaded never
//! replaces one that can.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::PipelineError;
use crate::policy::{Archive, PackError, PolicySet, SetOrigin};
use crate::store::Store;

/// How long a set is used before the version in force is read again.
const FRESH: Duration = Duration::from_secs(1);

/// When a version that was refused is tried again: a pack may come into force, or this machine's clock may be behind.
const AGAIN: Duration = Duration::from_mins(1);

/// The current set of packs.
#[derive(Debug, Clone)]
pub struct PolicySource {
    held: Arc<Mutex<Held>>,
    pinned: Option<Arc<PolicySet>>,
}

/// A set that was to be used and cannot be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RefusedSet {
    /// Its version; none for the configured folder.
    pub version: Option<i64>,
    /// Every reason, with file, line and rule.
    pub reasons: Vec<String>,
}

#[derive(Debug)]
struct Held {
    /// What decides while no version is in force: the configured folder, or what comes with the program.
    own: Arc<PolicySet>,
    /// What decides.
    set: Arc<PolicySet>,
    /// The version that `set` is; none for `own`.
    version: Option<i64>,
    read: Option<Instant>,
    /// A version that could not be loaded, and when it was tried.
    refused: Option<(RefusedSet, Instant)>,
    /// The folder, where it could not be loaded.
    refused_own: Option<RefusedSet>,
}

impl PolicySource {
    /// With the set that decides while no version is in force.
    pub fn new(own: PolicySet) -> Self {
        let own = Arc::new(own);
        let held = Held {
            set: Arc::clone(&own),
            own,
            version: None,
            read: None,
            refused: None,
            refused_own: None,
        };
        Self { held: Arc::new(Mutex::new(held)), pinned: None }
    }

    /// The same source, which gives this set whatever comes into force: for one decision from beginning to end.
    #[must_use]
    pub fn pinned(&self, set: Arc<PolicySet>) -> Self {
        Self { held: Arc::clone(&self.held), pinned: Some(set) }
    }

    /// The set in force, at most a second old.
    pub async fn current(
        &self,
        store: &Store,
        now: DateTime<Utc>,
    ) -> Result<Arc<PolicySet>, PipelineError> {
        if let Some(set) = &self.pinned {
            return Ok(Arc::clone(set));
        }
        let fresh = |held: &Held| held.read.is_some_and(|read| read.elapsed() < FRESH);
        if let Some(set) = Some(self.lock()).filter(|held| fresh(held)).map(|held| held.set()) {
            return Ok(set);
        }
        // What comes into force while it is read is not what was read.
        let read = Instant::now();
        let newest = store.policy_set_version().await?;
        let Some(version) = self.lock().next_to_load(newest, read) else {
            return Ok(self.lock().set());
        };
        let loaded = load(store, version, now).await;
        let mut held = self.lock();
        match loaded {
            Ok(loaded) => held.take(version, loaded),
            Err(error) => {
                held.read = None;
                return Err(error);
            }
        }
        Ok(held.set())
    }

    /// Forgets when it was read, so that the next use reads the version in force.
    pub fn forget(&self) {
        self.lock().read = None;
    }

    /// Takes the folder's packs as they are now; where they are bad, those from before stay.
    pub fn reread(&self, own: Result<PolicySet, Vec<String>>) {
        let mut held = self.lock();
        match own {
            Ok(own) => {
                held.own = Arc::new(own);
                held.refused_own = None;
                let own = Arc::clone(&held.own);
                if held.version.is_none() {
                    held.replace(None, own);
                } else {
                    tracing::info!("read the policy folder; the activated set stays in force");
                }
            }
            Err(reasons) => {
                let refused = RefusedSet { version: None, reasons };
                held.tell(&refused);
                held.refused_own = Some(refused);
            }
        }
    }

    /// What was to be used and cannot be, if anything: a version before the folder.
    pub fn refused(&self) -> Option<RefusedSet> {
        let held = self.lock();
        let version = held.refused.as_ref().map(|(refused, _)| refused);
        version.or(held.refused_own.as_ref()).cloned()
    }

    /// The set as it was last read, for a look from outside; who decides asks for the current one.
    pub fn last_read(&self) -> Arc<PolicySet> {
        self.lock().set()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Held {
    fn set(&self) -> Arc<PolicySet> {
        Arc::clone(&self.set)
    }

    /// The version to load now, if it is neither held nor refused. Others go on with the held one meanwhile.
    fn next_to_load(&mut self, newest: Option<i64>, read: Instant) -> Option<i64> {
        self.read = Some(read);
        let Some(newest) = newest else {
            if self.version.is_some() {
                let own = Arc::clone(&self.own);
                self.replace(None, own);
            }
            return None;
        };
        let refused = self.refused.as_ref().is_some_and(|(refused, tried)| {
            refused.version == Some(newest) && tried.elapsed() < AGAIN
        });
        (self.version != Some(newest) && !refused).then_some(newest)
    }

    /// Takes a version that was loaded. One that took long never replaces a newer one.
    fn take(&mut self, version: i64, loaded: Result<PolicySet, Vec<String>>) {
        if self.version.is_some_and(|held| held >= version) {
            return;
        }
        match loaded {
            Ok(set) => self.replace(Some(version), Arc::new(set)),
            Err(reasons) => {
                let refused = RefusedSet { version: Some(version), reasons };
                // Tried each minute, told once.
                if self.refused.as_ref().is_none_or(|(before, _)| *before != refused) {
                    self.tell(&refused);
                }
                self.refused = Some((refused, Instant::now()));
            }
        }
    }

    fn replace(&mut self, version: Option<i64>, set: Arc<PolicySet>) {
        tracing::info!(policy_set = %set.set(), "policies are in force");
        self.set = set;
        self.version = version;
        self.refused = None;
    }

    fn tell(&self, refused: &RefusedSet) {
        for reason in &refused.reasons {
            tracing::error!(
                version = refused.version,
                kept = %self.set.set(),
                reason,
                "a policy set cannot be loaded; the one before stays in force"
            );
        }
    }
}

/// A stored version, or every reason why this program cannot use it.
async fn load(
    store: &Store,
    version: i64,
    now: DateTime<Utc>,
) -> Result<Result<PolicySet, Vec<String>>, PipelineError> {
    let stored = store.policy_set_files(version).await?;
    let (digest, files) = stored.ok_or(PipelineError::Inconsistent("a policy set"))?;
    // Parsing takes long enough to hold others up.
    tokio::task::spawn_blocking(move || read(version, (&digest, &files), now))
        .await
        .map_err(|_| PipelineError::Inconsistent("a policy set: its reader stopped"))
}

/// Pure: a version as it was stored, or every reason why this program cannot use it.
pub fn read(
    version: i64,
    (digest, files): (&[u8], &[u8]),
    now: DateTime<Utc>,
) -> Result<PolicySet, Vec<String>> {
    let archive = Archive::read(files).map_err(|error| vec![error.to_string()])?;
    if archive.digest() != *digest {
        let reason = "the stored set has not the digest that two people agreed on; restore the table `policy_sets`, or activate a new version";
        return Err(vec![reason.to_owned()]);
    }
    archive.load(SetOrigin::Activated(version), now).map_err(|errors| told(&errors))
}

/// The reasons as texts.
pub fn told(errors: &[PackError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::builtin;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default()
    }

    #[test]
    fn a_stored_set_is_read_with_its_version_and_its_digest() {
        let archive = Archive::new(&builtin::files()).unwrap();
        let set = read(7, (&archive.digest(), archive.bytes()), now()).unwrap();
        assert_eq!(set.set().origin, SetOrigin::Activated(7));
        assert_eq!(set.set().sha256, hex::encode(archive.digest()));
        assert!(set.set().to_string().starts_with("7:"));
    }

    #[test]
    fn a_set_of_another_digest_or_with_rules_that_this_program_does_not_know_is_refused() {
        let archive = Archive::new(&builtin::files()).unwrap();
        let refused = read(7, (&[0; 32], archive.bytes()), now()).unwrap_err();
        assert!(refused.iter().any(|reason| reason.contains("digest")), "{refused:?}");

        // As an older program could have stored it, whose schema knew the fact.
        let mut files = builtin::files();
        let of = |files: &std::collections::BTreeMap<String, Vec<u8>>, path: &str| {
            String::from_utf8(files[path].clone()).unwrap()
        };
        let rules = of(&files, "lacris/rules.cedar").replace("predictive_analysis", "old_fact");
        let schema = of(&files, "schema.cedarschema").replace("predictive_analysis", "old_fact");
        files.insert("lacris/rules.cedar".to_owned(), rules.into_bytes());
        files.insert("schema.cedarschema".to_owned(), schema.into_bytes());
        let archive = Archive::new(&files).unwrap();
        let refused = read(7, (&archive.digest(), archive.bytes()), now()).unwrap_err();
        let told = refused.join("\n");
        assert!(told.contains("lacris/rules.cedar") && told.contains("`lacris-pro-3`"), "{told}");
    }

    #[test]
    fn a_slow_load_steps_nowhere_back_and_a_refused_version_is_tried_again() {
        let source = PolicySource::new(builtin::load(now()).unwrap());
        let set = || builtin::load(now()).map_err(|errors| told(&errors));
        source.lock().take(6, set());
        let six = source.last_read();
        source.lock().take(5, set());
        source.lock().take(5, Err(vec!["bad".to_owned()]));
        assert!(Arc::ptr_eq(&six, &source.last_read()));
        assert_eq!(source.lock().version, Some(6));
        assert_eq!(source.refused(), None);

        source.lock().take(7, Err(vec!["not yet in force".to_owned()]));
        assert_eq!(source.refused().unwrap().version, Some(7));
        assert_eq!(source.lock().next_to_load(Some(7), Instant::now()), None, "within the minute");
        // The folder's own fault neither hides that of the version nor ends with it.
        source.reread(Err(vec!["bad".to_owned()]));
        assert_eq!(source.refused().unwrap().version, Some(7));
        let ago = Instant::now().checked_sub(AGAIN).unwrap();
        source.lock().refused.as_mut().unwrap().1 = ago;
        assert_eq!(source.lock().next_to_load(Some(7), Instant::now()), Some(7), "a minute later");
        source.lock().take(7, set());
        assert_eq!(source.lock().version, Some(7));
        assert_eq!(source.refused().unwrap().version, None);
        source.reread(set());
        assert_eq!(source.refused(), None);
        assert_eq!(source.lock().version, Some(7));
    }

    #[test]
    fn a_bad_folder_keeps_the_packs_from_before_and_a_good_one_takes_their_place() {
        let source = PolicySource::new(builtin::load(now()).unwrap());
        let before = source.last_read();
        source.reread(Err(vec!["bad".to_owned()]));
        assert!(Arc::ptr_eq(&before, &source.last_read()));
        let refused = RefusedSet { version: None, reasons: vec!["bad".to_owned()] };
        assert_eq!(source.refused(), Some(refused));
        source.reread(builtin::load(now()).map_err(|errors| told(&errors)));
        assert!(!Arc::ptr_eq(&before, &source.last_read()));
        assert_eq!(source.refused(), None);
    }
}
