//! A look into a database that changes nothing, not even its version.

use sqlx::{AnyConnection, Connection as _, Row as _};

/// What a look into a database shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// It does not answer.
    Away,
    /// It has no tables of leadbroker's.
    Empty,
    /// It holds so many versions of the registry.
    Ready(i64),
}

/// Connects, reads how many versions of the registry there are, and goes. Bounding the time is the caller's.
pub async fn probe(url: &str) -> Probe {
    sqlx::any::install_default_drivers();
    let Ok(mut connection) = AnyConnection::connect(url).await else { return Probe::Away };
    let versions = sqlx::query("SELECT count(*) AS versions FROM registry_versions")
        .fetch_one(&mut connection)
        .await
        .and_then(|row| row.try_get::<i64, _>("versions"));
    // The answer is known; a connection that ends badly changes nothing of it.
    let _ = connection.close().await;
    versions.map_or(Probe::Empty, Probe::Ready)
}

/// A policy set: version, digest, files.
pub type StoredPolicySet = (i64, Vec<u8>, Vec<u8>);

/// The policy set that is in force, if there is one. An error: the database cannot say. Bounding the time is the caller's.
pub async fn probe_policy_set(url: &str) -> Result<Option<StoredPolicySet>, sqlx::Error> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await?;
    let row = sqlx::query(
        "SELECT version, digest, files FROM policy_sets WHERE confirmed_at IS NOT NULL
         ORDER BY version DESC LIMIT 1",
    )
    .fetch_optional(&mut connection)
    .await;
    let _ = connection.close().await;
    row?.map(|row| Ok((row.try_get("version")?, row.try_get("digest")?, row.try_get("files")?)))
        .transpose()
}
