//! Consuming, each consumer on a connection of its own.

use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Acker, Channel, Consumer};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::connection::{Session, Supervisor, answer, short};
use super::{AmqpError, AmqpHealth, AmqpLink};

const TAG: &str = "leadbroker";
/// How long, at the end, work under way may take to acknowledge.
const DRAIN: Duration = Duration::from_secs(20);

/// What to consume.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// The queue.
    pub queue: String,
    /// Messages held unacknowledged at most.
    pub prefetch: u16,
    /// Larger bodies are rejected unread (to the dead letters), in bytes.
    pub max_body: usize,
}

/// A message from the broker. Dropped without answer, it comes again on the next connection.
#[derive(Debug)]
pub struct Incoming {
    /// The body.
    pub body: Vec<u8>,
    /// The sender's id of it.
    pub message_id: Option<String>,
    /// Who sent it, if the sender said so: the broker refuses another name than the one logged in with.
    pub user_id: Option<String>,
    /// Where an answer is expected.
    pub reply_to: Option<String>,
    /// What the answer shall refer to.
    pub correlation_id: Option<String>,
    /// Media type of the body.
    pub content_type: Option<String>,
    /// What it is (`type` on the wire).
    pub kind: Option<String>,
    /// It was delivered before, perhaps to somebody else.
    pub redelivered: bool,
    acker: Acker,
    _outstanding: TaskTrackerToken,
}

impl Incoming {
    fn new(delivery: Delivery, outstanding: TaskTrackerToken) -> Self {
        let properties = &delivery.properties;
        let text = |value: &Option<ShortString>| value.as_ref().map(|it| it.as_str().to_owned());
        Self {
            message_id: text(properties.message_id()),
            user_id: text(properties.user_id()),
            reply_to: text(properties.reply_to()),
            correlation_id: text(properties.correlation_id()),
            content_type: text(properties.content_type()),
            kind: text(properties.kind()),
            redelivered: delivery.redelivered,
            body: delivery.data,
            acker: delivery.acker,
            _outstanding: outstanding,
        }
    }

    /// Whether an answer would still reach the broker. If not, the message comes again: no need to work on it.
    pub fn is_current(&self) -> bool {
        self.acker.usable()
    }

    /// Done with it. Without effect if the connection is another by now.
    pub async fn ack(self) {
        report(answer(self.acker.ack(BasicAckOptions::default())).await);
    }

    /// Gives it up: to the dead letters of the queue.
    pub async fn reject(self) {
        report(answer(self.acker.reject(BasicRejectOptions { requeue: false })).await);
    }
}

/// Acknowledges all of them.
pub async fn ack_all(messages: Vec<Incoming>) {
    let acks = messages.into_iter().map(Incoming::ack);
    futures_util::future::join_all(acks).await;
}

/// An answer that did not arrive is no failure: the message comes again and its id is known.
fn report(result: Result<bool, String>) {
    if let Err(reason) = result {
        tracing::debug!(%reason, "a message will be delivered again");
    }
}

/// A running consumer.
#[derive(Debug)]
pub struct AmqpConsumer {
    /// The messages; ends after the cancellation.
    pub messages: mpsc::Receiver<Incoming>,
    /// How the connection is.
    pub health: watch::Receiver<AmqpHealth>,
}

impl AmqpConsumer {
    /// Starts connecting. Once cancelled it takes no new messages, and keeps the connection until those under way
    /// are answered or dropped, at most 20 s.
    pub fn start(link: &AmqpLink, subscription: Subscription) -> Self {
        let name = format!("leadbroker consume {}", subscription.queue);
        let supervisor = Supervisor::new(link.clone(), name);
        let health = supervisor.health.subscribe();
        let (sender, messages) = mpsc::channel(usize::from(subscription.prefetch.max(1)));
        let task =
            Task { link: link.clone(), subscription, sender, outstanding: TaskTracker::new() };
        link.tracker.spawn(task.supervise(supervisor));
        Self { messages, health }
    }
}

struct Task {
    link: AmqpLink,
    subscription: Subscription,
    sender: mpsc::Sender<Incoming>,
    outstanding: TaskTracker,
}

/// Why a session is over.
enum End {
    /// Nobody wants messages any more.
    Stop,
    Lost(AmqpError),
}

impl Task {
    async fn supervise(self, mut supervisor: Supervisor) {
        while let Some(mut session) = supervisor.next().await {
            let end = match self.subscribe(&session.channel).await {
                Ok(consumer) => {
                    supervisor.up();
                    tokio::select! {
                        () = self.link.cancel.cancelled() => End::Stop,
                        end = self.pump(consumer) => end,
                        error = session.ended(&supervisor.health) => End::Lost(error),
                    }
                }
                Err(error) => End::Lost(error),
            };
            match end {
                End::Lost(error) => {
                    supervisor.down(&error);
                    session.close().await;
                }
                End::Stop => return self.drain(session).await,
            }
        }
    }

    /// Prefetch before consume: else everything that waits arrives at once.
    async fn subscribe(&self, channel: &Channel) -> Result<Consumer, AmqpError> {
        let failed = |reason| AmqpError::Consume { queue: self.subscription.queue.clone(), reason };
        answer(channel.basic_qos(self.subscription.prefetch.max(1), BasicQosOptions::default()))
            .await
            .map_err(failed)?;
        let consume = channel.basic_consume(
            short(&self.subscription.queue)?,
            TAG.into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        answer(consume).await.map_err(failed)
    }

    async fn pump(&self, mut consumer: Consumer) -> End {
        while let Some(delivery) = consumer.next().await {
            let delivery = match delivery {
                Ok(delivery) => delivery,
                Err(error) => return End::Lost(AmqpError::Lost(error.to_string())),
            };
            let size = delivery.data.len();
            let incoming = Incoming::new(delivery, self.outstanding.token());
            if size > self.subscription.max_body {
                tracing::warn!(queue = %self.subscription.queue, size, "rejected an oversized message");
                incoming.reject().await;
                continue;
            }
            if self.sender.send(incoming).await.is_err() {
                return End::Stop;
            }
        }
        End::Lost(AmqpError::Lost("the consumer was cancelled".to_owned()))
    }

    async fn drain(self, session: Session) {
        let Self { sender, outstanding, subscription, .. } = self;
        let cancel = session.channel.basic_cancel(TAG.into(), BasicCancelOptions::default());
        report(answer(cancel).await.map(|()| true));
        drop(sender);
        outstanding.close();
        if timeout(DRAIN, outstanding.wait()).await.is_err() {
            tracing::warn!(queue = %subscription.queue, "stopped with messages unanswered; they come again");
        }
        session.close().await;
    }
}
