//! The one writer. It takes what waits, applies it in one transaction, and answers after the commit.
//!
//! Many changes share one commit, so a commit's cost is paid once. Callers never hold a connection: a client that
//! goes away cannot leave a transaction half open.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::{AnyConnection, AnyPool, Connection as _, Executor as _, Row as _};
use tokio::sync::{Mutex, Notify, mpsc, oneshot};

use super::apply::apply_group;
use super::dialect::Dialect;
use super::{Applied, Change, StoreError};

/// The most changes of one commit: enough to pay for it, few enough to keep the first one's wait short.
const GROUP: usize = 256;

/// A unit of work of the store's own; it keeps its answer until `Task::Run`'s signal says that it is durable.
type Work =
    Box<dyn for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<(), StoreError>> + Send>;
type Signal = oneshot::Sender<Result<(), StoreError>>;

enum Task {
    Apply(Box<Change>, oneshot::Sender<Result<Applied, StoreError>>),
    Run(Work, Signal),
    Stop(oneshot::Sender<()>),
}

/// A handle on the writer task.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    tasks: mpsc::Sender<Task>,
    stopped: Arc<Mutex<bool>>,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Task")
    }
}

impl Writer {
    /// Starts the task.
    #[expect(
        clippy::disallowed_methods,
        reason = "the writer outlives every tracked task, `stop` waits for it"
    )]
    pub(super) fn start(dialect: Dialect, pool: AnyPool, relay: bool, wake: Arc<Notify>) -> Self {
        let (tasks, queue) = mpsc::channel(4 * GROUP);
        tokio::spawn(run(Loop { dialect, pool, relay, wake }, queue));
        Self { tasks, stopped: Arc::new(Mutex::new(false)) }
    }

    pub(super) async fn submit(&self, change: Change) -> Result<Applied, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.tasks
            .send(Task::Apply(Box::new(change), answer))
            .await
            .map_err(|_| StoreError::Stopped)?;
        answered.await.map_err(|_| StoreError::Stopped)?
    }

    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>>
            + Send
            + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let (signal, durable) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            Box::pin(async move {
                let _ = answer.send(work(connection).await?);
                Ok(())
            })
        });
        self.tasks.send(Task::Run(work, signal)).await.map_err(|_| StoreError::Stopped)?;
        durable.await.map_err(|_| StoreError::Stopped)??;
        answered.await.map_err(|_| StoreError::Stopped)
    }

    pub(super) async fn stop(&self) {
        let mut stopped = self.stopped.lock().await;
        if *stopped {
            return;
        }
        *stopped = true;
        let (answer, answered) = oneshot::channel();
        if self.tasks.send(Task::Stop(answer)).await.is_ok() {
            let _ = answered.await;
        }
    }
}

#[derive(Debug)]
struct Loop {
    dialect: Dialect,
    pool: AnyPool,
    relay: bool,
    wake: Arc<Notify>,
}

/// What came in at the same time.
#[derive(Default)]
struct Round {
    changes: Vec<Change>,
    answers: Vec<oneshot::Sender<Result<Applied, StoreError>>>,
    works: Vec<(Work, Signal)>,
    stop: Option<oneshot::Sender<()>>,
}

impl Round {
    /// Who sends does not wait for another of the same round, so their order is free: changes first, then works.
    fn new(tasks: impl Iterator<Item = Task>) -> Self {
        let mut round = Self::default();
        for task in tasks {
            match task {
                Task::Apply(change, answer) => {
                    round.changes.push(*change);
                    round.answers.push(answer);
                }
                Task::Run(work, signal) => round.works.push((work, signal)),
                Task::Stop(answer) => round.stop = Some(answer),
            }
        }
        round
    }
}

async fn run(this: Loop, mut queue: mpsc::Receiver<Task>) {
    let mut waiting: Vec<Task> = Vec::with_capacity(GROUP);
    // What a process before left in the log, whose destruction it may have been.
    let mut overwritten = true;
    while queue.recv_many(&mut waiting, GROUP).await > 0 {
        let mut round = Round::new(waiting.drain(..));
        let stop = round.stop.take();
        overwritten |= round.changes.iter().any(Change::destroys);
        this.commit(round).await;
        // Tried again after the next round where a reader kept the log.
        overwritten = overwritten && !this.forget_overwritten().await;
        if let Some(answer) = stop {
            this.pool.close().await;
            let _ = answer.send(());
            return;
        }
    }
    this.pool.close().await;
}

impl Loop {
    /// Whether nothing that was overwritten is in the write-ahead log any more.
    async fn forget_overwritten(&self) -> bool {
        let Some(statement) = self.dialect.forget_overwritten() else { return true };
        let done = async {
            let mut connection = self.pool.acquire().await?;
            // Writers wait meanwhile, so a reader that takes its time is not waited for.
            connection.execute("PRAGMA busy_timeout = 200").await?;
            let busy =
                connection.fetch_one(statement).await.and_then(|row| row.try_get::<i64, _>(0));
            connection.execute("PRAGMA busy_timeout = 10000").await?;
            Ok::<_, StoreError>(busy? == 0)
        };
        match done.await {
            Ok(done) => done,
            Err(error) => {
                tracing::warn!(error = %error, "empty the write-ahead log after a destruction");
                false
            }
        }
    }

    /// One transaction for the round; each part can fail without the others.
    async fn commit(&self, round: Round) {
        let Round { changes, answers, works, .. } = round;
        let mut applied = Vec::new();
        let mut worked = Vec::new();
        let mut signals = Vec::new();
        let mut messages = false;
        let committed = async {
            let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
            applied = self.apply(&mut transaction, &changes, &mut messages).await?;
            for (work, signal) in works {
                signals.push(signal);
                let mut part = transaction.begin().await?;
                let result = work(&mut part).await;
                if result.is_ok() {
                    part.commit().await?;
                } else {
                    part.rollback().await?;
                }
                worked.push(result);
            }
            crate::crash_point!("store.before_commit");
            transaction.commit().await?;
            crate::crash_point!("store.after_commit");
            Ok::<_, StoreError>(())
        };
        if let Err(error) = committed.await {
            tracing::warn!(error = %error, changes = changes.len(), "a commit failed");
            for answer in answers {
                let _ = answer.send(Err(StoreError::NotCommitted));
            }
            for signal in signals {
                let _ = signal.send(Err(StoreError::NotCommitted));
            }
            return;
        }
        for (answer, applied) in answers.into_iter().zip(applied) {
            let _ = answer.send(applied);
        }
        for (signal, worked) in signals.into_iter().zip(worked) {
            let _ = signal.send(worked);
        }
        if messages {
            self.wake.notify_waiters();
        }
    }

    /// All changes together; if that fails, each alone, so that a bad one does not fail its neighbours.
    async fn apply(
        &self,
        transaction: &mut AnyConnection,
        changes: &[Change],
        messages: &mut bool,
    ) -> Result<Vec<Result<Applied, StoreError>>, StoreError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let mut part = transaction.begin().await?;
        match apply_group(&mut part, self.dialect, self.relay, changes).await {
            Ok(outcomes) => {
                part.commit().await?;
                *messages |= outcomes.messages;
                return Ok(outcomes.applied.into_iter().map(Ok).collect());
            }
            Err(error) => {
                part.rollback().await?;
                tracing::warn!(error = %error, changes = changes.len(), "a group of changes was not stored");
            }
        }
        let mut applied = Vec::with_capacity(changes.len());
        for change in changes {
            let mut part = transaction.begin().await?;
            let alone = std::slice::from_ref(change);
            match apply_group(&mut part, self.dialect, self.relay, alone).await {
                Ok(outcomes) => {
                    part.commit().await?;
                    *messages |= outcomes.messages;
                    applied.extend(outcomes.applied.into_iter().map(Ok));
                }
                Err(error) => {
                    part.rollback().await?;
                    applied.push(Err(error));
                }
            }
        }
        Ok(applied)
    }
}
