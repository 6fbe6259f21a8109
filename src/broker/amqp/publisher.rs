//! Publishing with confirms.

use std::collections::BTreeSet;
use std::sync::Arc;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, ErrorKind, PublisherConfirm};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use super::connection::{Supervisor, answer};
use super::{AmqpError, AmqpHealth, AmqpLink, DEADLINE};
use crate::broker::topology::{INTAKE, MAX_BODY_BYTES};

/// A message for the broker.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Exchange; empty: straight to the queue that `routing_key` names (replies).
    pub exchange: String,
    /// Routing key.
    pub routing_key: String,
    /// Its id, different from any other in the batch.
    pub message_id: String,
    /// What it is (`type` on the wire).
    pub kind: String,
    /// The question it answers.
    pub correlation_id: Option<String>,
    /// Media type of the body.
    pub content_type: &'static str,
    /// The body, at most [`MAX_BODY_BYTES`] but for intake.
    pub body: Vec<u8>,
    /// Kept on disk.
    pub persistent: bool,
}

/// A message is not known to be with the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Nothing was sent.
    #[error("publish: there is no connection to the broker")]
    Away,
    /// It may be with the broker or not. Publish it again; receivers know its id.
    #[error("publish: the broker did not confirm in time")]
    Indeterminate,
    /// The broker has it not: nobody is bound. Normal for reviewers and agencies that do not listen.
    #[error("publish: no queue takes the message")]
    Unroutable,
    /// The broker has it not: a queue is full.
    #[error("publish: the broker refused the message")]
    Refused,
    /// It can never be sent: the body is too large or a name too long.
    #[error("publish: the message is larger than the broker's limits")]
    Oversize,
}

/// A channel in confirm mode, and whom to tell that it is of no use any more.
struct Ready {
    channel: Channel,
    broken: Arc<Notify>,
}

/// Publishes; cheap to clone.
#[derive(Clone)]
pub struct AmqpPublisher {
    // One batch at a time: lapin gives a returned message to whichever confirm comes next, so only within a batch
    // that is waited for to its end is it known what was returned.
    ready: Arc<Mutex<Option<Ready>>>,
    health: watch::Receiver<AmqpHealth>,
    tracker: TaskTracker,
}

impl std::fmt::Debug for AmqpPublisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AmqpPublisher")
            .field("health", &*self.health.borrow())
            .finish_non_exhaustive()
    }
}

impl AmqpPublisher {
    /// Starts connecting.
    pub fn start(link: &AmqpLink) -> Self {
        let supervisor = Supervisor::new(link.clone(), "leadbroker publish".to_owned());
        let health = supervisor.health.subscribe();
        let ready = Arc::new(Mutex::new(None));
        link.tracker.spawn(supervise(supervisor, link.clone(), Arc::clone(&ready)));
        Self { ready, health, tracker: link.tracker.clone() }
    }

    /// How the connection is.
    pub fn health(&self) -> watch::Receiver<AmqpHealth> {
        self.health.clone()
    }

    /// Publishes a batch, all in flight at once; the answers in its order, within twice [`DEADLINE`] (waiting for
    /// an earlier batch, then for its own).
    pub async fn publish(&self, batch: Vec<Outgoing>) -> Vec<Result<(), PublishError>> {
        let size = batch.len();
        if batch.is_empty() || self.health.borrow().blocked {
            return vec![Err(PublishError::Away); size];
        }
        let Ok(mut ready) = timeout(DEADLINE, Arc::clone(&self.ready).lock_owned()).await else {
            return vec![Err(PublishError::Away); size];
        };
        // In a task of its own: a caller that loses patience must not leave confirms behind for the next batch.
        let sent = self.tracker.spawn(async move {
            let Some(current) = ready.as_ref() else {
                return vec![Err(PublishError::Away); batch.len()];
            };
            let results = send(&current.channel, &batch).await;
            let broken = |result: &Result<(), PublishError>| {
                matches!(result, Err(PublishError::Indeterminate | PublishError::Away))
            };
            if results.iter().any(broken) {
                current.broken.notify_one();
                *ready = None;
            }
            results
        });
        sent.await.unwrap_or_else(|_| vec![Err(PublishError::Indeterminate); size])
    }
}

async fn supervise(mut supervisor: Supervisor, link: AmqpLink, ready: Arc<Mutex<Option<Ready>>>) {
    while let Some(mut session) = supervisor.next().await {
        let confirms = session.channel.confirm_select(ConfirmSelectOptions::default());
        if let Err(reason) = answer(confirms).await {
            supervisor.down(&AmqpError::Channel(reason));
            continue;
        }
        let broken = Arc::new(Notify::new());
        let channel = session.channel.clone();
        *ready.lock().await = Some(Ready { channel, broken: Arc::clone(&broken) });
        supervisor.up();
        let error = tokio::select! {
            () = link.cancel.cancelled() => AmqpError::Lost("leadbroker is stopping".to_owned()),
            () = broken.notified() => AmqpError::Lost("a message was not confirmed".to_owned()),
            error = session.ended(&supervisor.health) => error,
        };
        supervisor.down(&error);
        *ready.lock().await = None;
        session.close().await;
    }
}

/// Sends all, then waits for all.
async fn send(channel: &Channel, batch: &[Outgoing]) -> Vec<Result<(), PublishError>> {
    let until = Instant::now() + DEADLINE;
    let mut broken = None;
    let mut pending = Vec::with_capacity(batch.len());
    for message in batch {
        let sent = match broken {
            Some(_) => Err(PublishError::Away),
            None => hand_over(channel, message, until).await,
        };
        if let Err(error @ (PublishError::Away | PublishError::Indeterminate)) = &sent {
            broken = Some(*error);
        }
        pending.push(sent);
    }
    let mut returned = BTreeSet::new();
    let mut results = Vec::with_capacity(batch.len());
    for sent in pending {
        results.push(match sent {
            Ok(confirm) => confirmed(confirm, until, &mut returned).await,
            Err(error) => Err(error),
        });
    }
    for (result, message) in results.iter_mut().zip(batch) {
        if result.is_ok() && returned.contains(message.message_id.as_str()) {
            *result = Err(PublishError::Unroutable);
        }
    }
    results
}

async fn hand_over(
    channel: &Channel,
    message: &Outgoing,
    until: Instant,
) -> Result<PublisherConfirm, PublishError> {
    if message.body.len() > MAX_BODY_BYTES && message.exchange != INTAKE {
        return Err(PublishError::Oversize);
    }
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let sending = channel.basic_publish(
        short(&message.exchange)?,
        short(&message.routing_key)?,
        options,
        &message.body,
        properties(message)?,
    );
    match timeout_at(until, sending).await {
        Ok(Ok(confirm)) => Ok(confirm),
        Ok(Err(error)) if not_sent(&error) => Err(PublishError::Away),
        Ok(Err(_)) | Err(_) => Err(PublishError::Indeterminate),
    }
}

/// Whether the library refused before it wrote anything.
fn not_sent(error: &lapin::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidChannelState(..) | ErrorKind::InvalidConnectionState(_)
    )
}

async fn confirmed(
    confirm: PublisherConfirm,
    until: Instant,
    returned: &mut BTreeSet<String>,
) -> Result<(), PublishError> {
    let (result, message) = match timeout_at(until, confirm).await {
        Ok(Ok(Confirmation::Ack(message))) => (Ok(()), message),
        Ok(Ok(Confirmation::Nack(message))) => (Err(PublishError::Refused), message),
        Ok(Ok(Confirmation::NotRequested) | Err(_)) | Err(_) => {
            (Err(PublishError::Indeterminate), None)
        }
    };
    let id = message.and_then(|it| it.delivery.properties.message_id().clone());
    returned.extend(id.map(|id| id.as_str().to_owned()));
    result
}

fn properties(message: &Outgoing) -> Result<BasicProperties, PublishError> {
    let properties = BasicProperties::default()
        .with_message_id(short(&message.message_id)?)
        .with_type(short(&message.kind)?)
        .with_content_type(short(message.content_type)?)
        .with_delivery_mode(if message.persistent { 2 } else { 1 });
    match &message.correlation_id {
        Some(id) => Ok(properties.with_correlation_id(short(id)?)),
        None => Ok(properties),
    }
}

fn short(text: &str) -> Result<ShortString, PublishError> {
    ShortString::try_new(text).map_err(|_| PublishError::Oversize)
}
