//! RabbitMQ through lapin: a publisher and consumers that look after their own connections.
//!
//! The library's recovery is off. On any error everything is dropped and built again, connection, channel, topology,
//! consumer, with a growing pause. Publisher and consumers never share a connection: a broker short of memory stops
//! reading from connections that publish. Every await has a [`DEADLINE`].
//!
//! A returned message is logged whole by the library (target `lapin::returned_messages`, level warn): the process
//! that installs a subscriber silences that target.

mod connection;
mod consumer;
mod publisher;

use std::sync::Arc;
use std::time::Duration;

use lapin::uri::AMQPUri;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::topology::Topology;

pub use connection::{declare, depths, log_in};
pub use consumer::{AmqpConsumer, Incoming, Subscription, ack_all};
pub use publisher::{AmqpPublisher, Outgoing, PublishError};

/// How long any answer of the broker is waited for.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Something went wrong with the broker.
#[derive(Debug, thiserror::Error)]
pub enum AmqpError {
    /// The address is none.
    #[error("read the broker's address; it looks like amqps://user:password@host:5671/%2f")]
    Address,
    /// No connection.
    #[error("connect to the broker: {0}")]
    Connect(String),
    /// A queue exists with other arguments, or may not be declared.
    #[error(
        "declare the queue `{queue}`: {reason}; if it exists with other arguments, drain it, delete it and start again"
    )]
    Queue {
        /// Its name.
        queue: String,
        /// What the broker says.
        reason: String,
    },
    /// An exchange likewise.
    #[error("declare the exchange `{exchange}`: {reason}")]
    Exchange {
        /// Its name.
        exchange: &'static str,
        /// What the broker says.
        reason: String,
    },
    /// A channel could not be set up.
    #[error("set up a channel: {0}")]
    Channel(String),
    /// A consumer could not be set up.
    #[error("consume the queue `{queue}`: {reason}")]
    Consume {
        /// Its name.
        queue: String,
        /// What the broker says.
        reason: String,
    },
    /// The connection ended.
    #[error("keep the connection: {0}")]
    Lost(String),
}

/// The broker's address, with a password that is never shown.
#[derive(Clone)]
pub struct AmqpUrl(AMQPUri);

impl std::str::FromStr for AmqpUrl {
    type Err = AmqpError;

    fn from_str(text: &str) -> Result<Self, AmqpError> {
        // The parser's own error repeats the text, and with it the password.
        let mut uri: AMQPUri = text.parse().map_err(|_| AmqpError::Address)?;
        uri.query.heartbeat.get_or_insert(10);
        // lapin reserves 64 frames for each connection: with the broker's 128 KiB that is 8 MiB, seven times.
        uri.query.frame_max.get_or_insert(16 * 1024);
        Ok(Self(uri))
    }
}

impl std::fmt::Debug for AmqpUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AmqpUrl({}:{})", self.0.authority.host, self.0.authority.port)
    }
}

/// What publisher and consumers share: where the broker is and how long to live.
#[derive(Debug, Clone)]
pub struct AmqpLink {
    /// The broker.
    pub url: AmqpUrl,
    /// Certificates (PEM) to trust with `amqps`; `None`: the system's.
    pub authorities: Option<String>,
    /// What to declare on every connection.
    pub topology: Arc<Topology>,
    /// Tracks the tasks, for an orderly end.
    pub tracker: TaskTracker,
    /// Ends them.
    pub cancel: CancellationToken,
}

/// How a connection is.
#[derive(Debug, Clone)]
pub struct AmqpHealth {
    /// There is one, and the topology is declared.
    pub connected: bool,
    /// The broker is short of memory or disk and takes nothing.
    pub blocked: bool,
    /// Since when it is as it is.
    pub since: Instant,
    /// Why there is none.
    pub problem: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        let url: AmqpUrl = "amqp://someone:secret@127.0.0.1:5672/%2f".parse().unwrap();
        assert_eq!(format!("{url:?}"), "AmqpUrl(127.0.0.1:5672)");
        for wrong in ["http://someone:secret@127.0.0.1/", "amqp://someone:secret@[", "secret"] {
            let error = wrong.parse::<AmqpUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }
}
