//! Listens at the tests' broker beside everybody else, and can say again what it heard.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use leadbroker::broker::amqp::{
    AmqpConsumer, AmqpHealth, AmqpLink, AmqpPublisher, Outgoing, Subscription,
};
use leadbroker::broker::topology::{MAX_BODY_BYTES, Queue, Topology};
use leadbroker::id_source::{IdSource as _, SystemIds};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A message, as it went to everybody.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) exchange: &'static str,
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
}

/// A listener. It ends when dropped.
pub(crate) struct Tap {
    heard: Arc<Mutex<Vec<Heard>>>,
    publisher: AmqpPublisher,
    link: AmqpLink,
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.link.cancel.cancel();
    }
}

impl Tap {
    /// Listens to these keys of these exchanges; each message is said again so often as soon as it is heard.
    pub(crate) async fn start(url: &str, places: &[(&'static str, &str)], again: usize) -> Self {
        let own = format!("tap.{}", SystemIds.id().simple());
        let mut topology = Topology::default();
        for (place, (exchange, key)) in places.iter().enumerate() {
            topology.extra.push(Queue {
                name: format!("{own}.{place}"),
                exchange,
                key: (*key).to_owned(),
                arguments: vec![("x-queue-type", "quorum".into())],
            });
        }
        let queues = topology.extra.clone();
        let link = AmqpLink {
            url: url.parse().unwrap(),
            authorities: None,
            topology: Arc::new(topology),
            tracker: TaskTracker::new(),
            cancel: CancellationToken::new(),
        };
        let publisher = AmqpPublisher::start(&link);
        connected(publisher.health()).await;
        let heard = Arc::new(Mutex::new(Vec::new()));
        for queue in queues {
            let subscription =
                Subscription { queue: queue.name.clone(), prefetch: 50, max_body: MAX_BODY_BYTES };
            let consumer = AmqpConsumer::start(&link, subscription);
            connected(consumer.health.clone()).await;
            let listening = listen(consumer, queue, Arc::clone(&heard), (publisher.clone(), again));
            link.tracker.spawn(listening);
        }
        Self { heard, publisher, link }
    }

    /// All that it heard, each message once.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// Says all of it again.
    pub(crate) async fn say_again(&self) {
        for heard in self.heard() {
            say(&self.publisher, &heard).await;
        }
    }
}

async fn connected(mut health: watch::Receiver<AmqpHealth>) {
    timeout(Duration::from_secs(30), health.wait_for(|now| now.connected)).await.unwrap().unwrap();
}

async fn listen(
    mut consumer: AmqpConsumer,
    queue: Queue,
    heard: Arc<Mutex<Vec<Heard>>>,
    (publisher, again): (AmqpPublisher, usize),
) {
    while let Some(message) = consumer.messages.recv().await {
        let new = Heard {
            exchange: queue.exchange,
            key: queue.key.clone(),
            id: message.message_id.clone().unwrap_or_default(),
            kind: message.kind.clone().unwrap_or_default(),
            body: message.body.clone(),
        };
        message.ack().await;
        let is_new = {
            let mut heard = heard.lock().unwrap();
            let is_new = heard.iter().all(|old| old.id != new.id);
            if is_new {
                heard.push(new.clone());
            }
            is_new
        };
        if is_new {
            for _ in 0..again {
                say(&publisher, &new).await;
            }
        }
    }
}

async fn say(publisher: &AmqpPublisher, heard: &Heard) {
    let message = Outgoing {
        exchange: heard.exchange.to_owned(),
        routing_key: heard.key.clone(),
        message_id: heard.id.clone(),
        kind: heard.kind.clone(),
        correlation_id: None,
        content_type: "application/json",
        body: heard.body.clone(),
        persistent: true,
    };
    assert_eq!(publisher.publish(vec![message]).await, [Ok(())]);
}
