//! A look into a database that changes nothing, not even its version.

use std::collections::BTreeSet;

use sqlx::{AnyConnection, Connection as _, Row as _};

use super::pool::MIGRATIONS;

/// What a look into a database shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// It does not answer.
    Away,
    /// It has no tables of leadbroker's.
    Empty,
    /// It has them.
    Ready {
        /// So many versions of the registry.
        registries: i64,
        /// Whose version the tables are.
        schema: Schema,
    },
}

/// The version of a database's tables, beside this program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// The same.
    Same,
    /// So many steps of this program's are missing.
    Older(usize),
    /// It has steps that this program does not know.
    Newer,
}

/// Connects, reads version and number of registries, and goes. Bounding the time is the caller's.
pub async fn probe(url: &str) -> Probe {
    sqlx::any::install_default_drivers();
    let Ok(mut connection) = AnyConnection::connect(url).await else { return Probe::Away };
    let seen = look(&mut connection).await;
    // The answer is known; a connection that ends badly changes nothing of it.
    let _ = connection.close().await;
    seen.unwrap_or(Probe::Empty)
}

async fn look(connection: &mut AnyConnection) -> Result<Probe, sqlx::Error> {
    let row = sqlx::query("SELECT count(*) AS versions FROM registry_versions")
        .fetch_one(&mut *connection)
        .await?;
    let registries = row.try_get("versions")?;
    let rows = sqlx::query("SELECT version FROM _sqlx_migrations").fetch_all(connection).await?;
    let applied: BTreeSet<i64> =
        rows.iter().map(|row| row.try_get("version")).collect::<Result<_, _>>()?;
    let known: BTreeSet<i64> = MIGRATIONS.iter().map(|step| step.version).collect();
    Ok(Probe::Ready { registries, schema: compared(&applied, &known) })
}

fn compared(applied: &BTreeSet<i64>, known: &BTreeSet<i64>) -> Schema {
    if !applied.is_subset(known) {
        return Schema::Newer;
    }
    match known.difference(applied).count() {
        0 => Schema::Same,
        missing => Schema::Older(missing),
    }
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

/// The registry that is in force, sealed; none where there is none, or where the database cannot say. Bounding the time is
/// the caller's.
pub async fn probe_registry(url: &str) -> Option<Vec<u8>> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.ok()?;
    let row = sqlx::query("SELECT sealed FROM registry_versions ORDER BY version DESC LIMIT 1")
        .fetch_optional(&mut connection)
        .await;
    let _ = connection.close().await;
    row.ok().flatten()?.try_get("sealed").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_older_the_same_or_newer() {
        let compared = |applied: &[i64], known: &[i64]| {
            compared(&applied.iter().copied().collect(), &known.iter().copied().collect())
        };
        assert_eq!(compared(&[1, 2], &[1, 2]), Schema::Same);
        assert_eq!(compared(&[2], &[1, 2, 3]), Schema::Older(2));
        assert_eq!(compared(&[1, 4], &[1, 2]), Schema::Newer);
    }
}
