//! One connection with its channel, and the one that rebuilds it.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, ConnectionProperties, Event, ExchangeKind};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::{AmqpError, AmqpHealth, AmqpLink, AmqpUrl, DEADLINE};
use crate::broker::topology::{Argument, EXCHANGES, Queue, Topology};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A connection that lived so long was a good one: the next pause is short again.
const GOOD_LIFE: Duration = Duration::from_secs(10);
/// How often the library's own view of the connection is asked, should it report nothing.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Declares everything once and leaves. Tells at start what is wrong with a queue.
pub async fn declare(link: &AmqpLink) -> Result<(), AmqpError> {
    Session::open(link, "leadbroker declare").await?.close().await;
    Ok(())
}

/// A name on the wire; ours are short, so a longer one is refused by whoever gave it.
pub(super) fn short(text: &str) -> Result<ShortString, AmqpError> {
    ShortString::try_new(text).map_err(|error| AmqpError::Channel(error.to_string()))
}

/// What the broker answers within [`DEADLINE`].
pub(super) async fn answer<T>(
    pending: impl Future<Output = lapin::Result<T>>,
) -> Result<T, String> {
    match timeout(DEADLINE, pending).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", DEADLINE.as_secs())),
    }
}

/// Connects and logs in, and leaves: whether address, user and password are right. Nothing is declared.
/// `authorities` (PEM) are trusted with `amqps`; `None`: the system's.
pub async fn log_in(url: &AmqpUrl, authorities: Option<String>) -> Result<(), AmqpError> {
    let connection = connect(url, authorities, "leadbroker doctor").await?;
    // It has let us in; a late answer to the leave-taking is no fault.
    let _ = answer(connection.close(200, "done".into())).await;
    Ok(())
}

/// How many messages wait in each of these queues; one that is not there is left out. Nothing is declared.
pub async fn depths(
    url: &AmqpUrl,
    authorities: Option<String>,
    queues: &[String],
) -> Result<Vec<(String, u32)>, AmqpError> {
    let connection = connect(url, authorities, "leadbroker look").await?;
    let mut found = Vec::new();
    for queue in queues {
        // The broker closes a channel on which somebody asks for a queue that is not there.
        let channel = answer(connection.create_channel()).await.map_err(AmqpError::Channel)?;
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let asked = channel.queue_declare(short(queue)?, options, FieldTable::default());
        if let Ok(state) = answer(asked).await {
            found.push((queue.clone(), state.message_count()));
        }
    }
    let _ = answer(connection.close(200, "done".into())).await;
    Ok(found)
}

async fn connect(
    url: &AmqpUrl,
    authorities: Option<String>,
    name: &str,
) -> Result<Connection, AmqpError> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let tls = lapin::tcp::OwnedTLSConfig { identity: None, cert_chain: authorities };
    let runtime =
        lapin::runtime::default_runtime().map_err(|error| AmqpError::Connect(error.to_string()))?;
    let connect = Connection::connect_uri_with_config(url.0.clone(), properties, tls, runtime);
    answer(connect).await.map_err(AmqpError::Connect)
}

/// A connection with its one channel, the topology declared.
pub(super) struct Session {
    connection: Connection,
    pub(super) channel: Channel,
    events: BoxStream<'static, Event>,
}

impl Session {
    async fn open(link: &AmqpLink, name: &str) -> Result<Self, AmqpError> {
        let connection = connect(&link.url, link.authorities.clone(), name).await?;
        let events = connection.events_listener().boxed();
        let channel = answer(connection.create_channel()).await.map_err(AmqpError::Channel)?;
        declare_all(&channel, &link.topology).await?;
        Ok(Self { connection, channel, events })
    }

    /// Ends when the connection or the channel has.
    pub(super) async fn ended(&mut self, health: &watch::Sender<AmqpHealth>) -> AmqpError {
        loop {
            let event = timeout(LOOK_EVERY, self.events.next()).await;
            match event {
                Ok(Some(Event::ConnectionBlocked(reason))) => {
                    tracing::warn!(%reason, "the broker takes no messages");
                    set_blocked(health, true);
                }
                Ok(Some(Event::ConnectionUnblocked)) => set_blocked(health, false),
                Ok(Some(Event::Error(error))) => return AmqpError::Lost(error.to_string()),
                Ok(None) => return AmqpError::Lost("it has ended".to_owned()),
                Ok(Some(_)) | Err(_) => {}
            }
            if !self.connection.status().connected() || !self.channel.status().connected() {
                return AmqpError::Lost("it has been closed".to_owned());
            }
        }
    }

    /// Takes leave politely if the broker answers soon; drops everything in any case.
    pub(super) async fn close(self) {
        // The connection may be dead: that is why it is closed.
        let _ = timeout(CLOSE_WITHIN, self.connection.close(200, "done".into())).await;
    }
}

async fn declare_all(channel: &Channel, topology: &Topology) -> Result<(), AmqpError> {
    for exchange in EXCHANGES {
        let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let declared = channel.exchange_declare(
            short(exchange)?,
            ExchangeKind::Topic,
            options,
            FieldTable::default(),
        );
        answer(declared).await.map_err(|reason| AmqpError::Exchange { exchange, reason })?;
    }
    for queue in topology.queues() {
        declare_queue(channel, &queue)
            .await
            .map_err(|reason| AmqpError::Queue { queue: queue.name.clone(), reason })?;
    }
    Ok(())
}

async fn declare_queue(channel: &Channel, queue: &Queue) -> Result<(), String> {
    let name = short(&queue.name).map_err(|error| error.to_string())?;
    let key = short(&queue.key).map_err(|error| error.to_string())?;
    let mut arguments = FieldTable::default();
    for (argument, value) in &queue.arguments {
        let value = match value {
            Argument::Text(text) => AMQPValue::LongString(text.as_str().into()),
            Argument::Number(number) => AMQPValue::LongLongInt(*number),
        };
        arguments.insert((*argument).into(), value);
    }
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    answer(channel.queue_declare(name.clone(), options, arguments)).await?;
    let options = QueueBindOptions::default();
    let exchange = queue.exchange.into();
    answer(channel.queue_bind(name, exchange, key, options, FieldTable::default())).await
}

fn set_blocked(health: &watch::Sender<AmqpHealth>, blocked: bool) {
    health.send_modify(|now| {
        now.blocked = blocked;
        now.since = Instant::now();
    });
}

/// Gives one session after another, with growing pauses.
pub(super) struct Supervisor {
    link: AmqpLink,
    name: String,
    pub(super) health: watch::Sender<AmqpHealth>,
    pause: Duration,
    opened: Option<Instant>,
}

impl Supervisor {
    pub(super) fn new(link: AmqpLink, name: String) -> Self {
        let health = AmqpHealth {
            connected: false,
            blocked: false,
            since: Instant::now(),
            problem: Some("not yet connected".to_owned()),
        };
        let health = watch::Sender::new(health);
        Self { link, name, health, pause: Duration::ZERO, opened: None }
    }

    /// The next session; `None` once cancelled.
    pub(super) async fn next(&mut self) -> Option<Session> {
        let cancel = self.link.cancel.clone();
        loop {
            if self.opened.take().is_some_and(|at| at.elapsed() > GOOD_LIFE) {
                self.pause = Duration::ZERO;
            }
            let attempt = async {
                tokio::time::sleep(self.pause).await;
                Session::open(&self.link, &self.name).await
            };
            let opened = tokio::select! {
                () = cancel.cancelled() => return None,
                opened = attempt => opened,
            };
            self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            match opened {
                Ok(session) => {
                    self.opened = Some(Instant::now());
                    return Some(session);
                }
                Err(error) => self.down(&error),
            }
        }
    }

    /// The session is in use.
    pub(super) fn up(&self) {
        tracing::info!(connection = %self.name, "connected to the broker");
        self.health.send_replace(AmqpHealth {
            connected: true,
            blocked: false,
            since: Instant::now(),
            problem: None,
        });
    }

    /// It is lost. Logged when it goes down and when the reason changes, not at every attempt.
    pub(super) fn down(&self, error: &AmqpError) {
        let problem = error.to_string();
        self.health.send_if_modified(|now| {
            if now.problem.as_ref() == Some(&problem) {
                return false;
            }
            tracing::warn!(connection = %self.name, %problem, "failed to use the broker");
            if now.connected {
                now.since = Instant::now();
            }
            (now.connected, now.blocked, now.problem) = (false, false, Some(problem));
            true
        });
    }
}
