//! The set of packs that decides, read where no server runs, and without a change.

use std::path::PathBuf;
use std::time::Duration;

use super::{AppError, policies};
use crate::clock::Clock;
use crate::config::Config;
use crate::pipeline::policy_source;
use crate::policy::PolicySet;
use crate::store::{Probe, probe, probe_policy_set};

/// A database that needs longer is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// The version that two people put in force; where there is none, the configured folder or the built-in packs.
pub async fn policies_in_force(config: &Config, clock: &dyn Clock) -> Result<PolicySet, AppError> {
    let away = || {
        AppError::Policy(
            "the database does not say which set is in force; run `leadbroker doctor`".to_owned(),
        )
    };
    let Some(url) = read_only(config) else { return policies(config, clock) };
    match tokio::time::timeout(PATIENCE, probe(&url)).await.unwrap_or(Probe::Away) {
        Probe::Away => return Err(away()),
        Probe::Empty => return policies(config, clock),
        Probe::Ready { .. } => {}
    }
    let stored = tokio::time::timeout(PATIENCE, probe_policy_set(&url)).await;
    let Some((version, digest, files)) = stored.map_err(|_| away())?.map_err(|_| away())? else {
        return policies(config, clock);
    };
    policy_source::read(version, (&digest, &files), clock.now()).map_err(|reasons| {
        let reasons = reasons.join("; ");
        AppError::Policy(format!(
            "version {version} is in force and this program cannot use it: {reasons}"
        ))
    })
}

/// The database's URL, for a look that changes nothing; none while its file is not there.
pub fn read_only(config: &Config) -> Option<String> {
    let url = config.database.url.expose();
    let Some(rest) = url.strip_prefix("sqlite:") else { return Some(url.to_owned()) };
    let file = sqlite_file(rest);
    file.is_file().then(|| format!("sqlite:{}?mode=ro", file.display()))
}

/// The file of a `sqlite:` URL.
pub fn sqlite_file(rest: &str) -> PathBuf {
    let path = rest.split_once('?').map_or(rest, |(path, _)| path);
    PathBuf::from(path.strip_prefix("//").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_database_url_names_its_file() {
        assert_eq!(sqlite_file("leadbroker.db"), Path::new("leadbroker.db"));
        assert_eq!(sqlite_file("///var/lib/lb.db?mode=rwc"), Path::new("/var/lib/lb.db"));
    }
}
