//! Opening a database, and the two ways to it: many readers, one writer.

use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::{AnyPool, ConnectOptions, Executor};
use tokio::sync::Notify;

use super::dialect::Dialect;
use super::writer::Writer;
use super::{Applied, Change, StoreError};

/// The migrations, for both databases.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How to open a database.
#[derive(Clone)]
pub struct StoreSettings {
    /// `sqlite:///var/lib/leadbroker/leadbroker.db` or `postgres://…`.
    pub url: String,
    /// Connections for reading.
    pub readers: u32,
    /// Whether messages are handed to a broker (else the delivery rows are the queue).
    pub relay: bool,
}

impl std::fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreSettings")
            .field("readers", &self.readers)
            .field("relay", &self.relay)
            .finish_non_exhaustive()
    }
}

/// A database, opened and checked.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) dialect: Dialect,
    pub(super) readers: AnyPool,
    pub(super) relay: bool,
    writer: Writer,
    wake: Arc<Notify>,
}

impl Store {
    /// Opens the database, brings its tables up to date, and starts the writer.
    pub async fn open(settings: &StoreSettings) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of(&settings.url).ok_or_else(|| {
            StoreError::Unsafe(
                "its URL begins neither with `sqlite:` nor with `postgres:`".to_owned(),
            )
        })?;
        let options: AnyConnectOptions = match dialect {
            Dialect::Sqlite => with_create(&settings.url).parse()?,
            Dialect::Postgres => settings.url.parse()?,
        };
        let options = options.disable_statement_logging();
        let writers = pool(dialect, 1, options.clone()).await?;
        let mut connection = writers.acquire().await?;
        dialect.assert_durable(&mut connection).await?;
        MIGRATIONS.run(&mut *connection).await?;
        sqlx::query(
            "INSERT INTO audit_log (id, size, frontier) VALUES (1, 0, $1) ON CONFLICT (id) DO NOTHING",
        )
        .bind(Vec::<u8>::new())
        .execute(&mut *connection)
        .await?;
        drop(connection);
        let readers = pool(dialect, settings.readers.max(1), options).await?;
        let wake = Arc::new(Notify::new());
        let writer = Writer::start(dialect, writers, settings.relay, Arc::clone(&wake));
        Ok(Self { dialect, readers, relay: settings.relay, writer, wake })
    }

    /// Applies a change. After `Applied::Now` the state, the records, the audit entries and the messages of the
    /// change are all durable; otherwise nothing of it is.
    pub async fn apply(&self, change: Change) -> Result<Applied, StoreError> {
        self.writer.submit(change).await
    }

    /// Runs a statement of the store's own in the writer's order.
    pub(super) async fn exclusively<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(
                &'c mut sqlx::AnyConnection,
            )
                -> futures_util::future::BoxFuture<'c, Result<T, StoreError>>
            + Send
            + 'static,
    {
        self.writer.run(work).await
    }

    /// Resolves when new messages may be waiting.
    pub fn woken(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Answers if the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    /// Stops the writer after what it was given, and closes every connection.
    pub async fn close(&self) {
        self.writer.stop().await;
        self.readers.close().await;
    }
}

fn with_create(url: &str) -> String {
    if url.contains('?') { url.to_owned() } else { format!("{url}?mode=rwc") }
}

async fn pool(
    dialect: Dialect,
    size: u32,
    options: AnyConnectOptions,
) -> Result<AnyPool, sqlx::Error> {
    AnyPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(dialect == Dialect::Postgres)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                for statement in dialect.on_connect() {
                    connection.execute(*statement).await?;
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await
}
