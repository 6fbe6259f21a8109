//! The one writer. It takes what waits, applies it in one transaction, and answers after the commit.
//!
//! Many changes share one commit, so a commit's cost is paid once. Callers never hold a connection: a client that
//! goes away cannot leave a transaction half open.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::{AnyConnection, AnyPool};
use tokio::sync::{Mutex, Notify, mpsc, oneshot};

use super::apply::{Outcomes, apply_group};
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

type Waiting = (Box<Change>, oneshot::Sender<Result<Applied, StoreError>>);

async fn run(this: Loop, mut queue: mpsc::Receiver<Task>) {
    let mut waiting: Vec<Task> = Vec::with_capacity(GROUP);
    loop {
        waiting.clear();
        if queue.recv_many(&mut waiting, GROUP).await == 0 {
            break;
        }
        let mut group: Vec<Waiting> = Vec::with_capacity(waiting.len());
        for task in waiting.drain(..) {
            match task {
                Task::Apply(change, answer) => group.push((change, answer)),
                Task::Run(work, signal) => {
                    this.flush(std::mem::take(&mut group)).await;
                    let _ = signal.send(this.run_work(work).await);
                }
                Task::Stop(answer) => {
                    this.flush(std::mem::take(&mut group)).await;
                    this.pool.close().await;
                    let _ = answer.send(());
                    return;
                }
            }
        }
        this.flush(group).await;
    }
    this.pool.close().await;
}

impl Loop {
    async fn flush(&self, group: Vec<Waiting>) {
        if group.is_empty() {
            return;
        }
        let (changes, answers): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        match self.commit(&changes).await {
            Ok(outcomes) => {
                for (answer, applied) in answers.into_iter().zip(outcomes.applied) {
                    let _ = answer.send(Ok(applied));
                }
                if outcomes.messages {
                    self.wake.notify_waiters();
                }
            }
            Err(error) if changes.len() == 1 => {
                tracing::warn!(error = %error, "a change was not stored");
                if let Some(answer) = answers.into_iter().next() {
                    let _ = answer.send(Err(error));
                }
            }
            // One bad change must not fail its neighbours: try each alone.
            Err(_) => {
                for (change, answer) in changes.into_iter().zip(answers) {
                    let result = self.commit(std::slice::from_ref(&change)).await;
                    if result.as_ref().is_ok_and(|outcomes| outcomes.messages) {
                        self.wake.notify_waiters();
                    }
                    let applied = result.map(|outcomes| {
                        outcomes.applied.first().copied().unwrap_or(Applied::AlreadyApplied)
                    });
                    let _ = answer.send(applied);
                }
            }
        }
    }

    async fn commit(&self, changes: &[Box<Change>]) -> Result<Outcomes, StoreError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        let outcomes = apply_group(&mut transaction, self.dialect, self.relay, changes).await?;
        crate::crash_point!("store.before_commit");
        transaction.commit().await?;
        crate::crash_point!("store.after_commit");
        Ok(outcomes)
    }

    async fn run_work(&self, work: Work) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin_with(self.dialect.begin()).await?;
        work(&mut transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}
