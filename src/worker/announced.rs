//! With a broker: an announcement says which message is due; the database says what it is and who has it.
//!
//! The delivery is acknowledged as soon as the claim is durable. From then on the claim's lease guards the work, and
//! the sweeper publishes again what lost its worker.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::consume::Consumer;
use crate::broker::amqp::{AmqpConsumer, Incoming, ack_all};
use crate::domain::MessageId;

/// Announcements that are claimed in one statement.
const BATCH: usize = 128;

/// Works on announcements until the connection's supervisor ends.
pub async fn run(consumer: Consumer, mut amqp: AmqpConsumer) {
    let room = consumer.room();
    let mut waiting = Vec::with_capacity(BATCH);
    while amqp.messages.recv_many(&mut waiting, BATCH).await > 0 {
        batch(&consumer, &room, std::mem::take(&mut waiting)).await;
    }
}

async fn batch(consumer: &Consumer, room: &Arc<Semaphore>, messages: Vec<Incoming>) {
    let mut known = Vec::with_capacity(messages.len());
    let mut ids: Vec<MessageId> = Vec::with_capacity(messages.len());
    for message in messages {
        if let Some(id) = message.message_id.as_deref().and_then(|id| id.parse().ok()) {
            ids.push(id);
            known.push(message);
        } else {
            // Only leadbroker may write to this queue; what has no id of ours goes to the dead letters.
            tracing::error!(
                step = consumer.step.as_str(),
                "a message without an id of leadbroker's arrived"
            );
            message.reject().await;
        }
    }
    if ids.is_empty() {
        return;
    }
    if let Err(error) = consumer.announced(ids, room).await {
        tracing::warn!(step = consumer.step.as_str(), error = %error, "claim announced deliveries");
    }
    // Claimed or not: the rows are the truth, and the sweeper announces again what nobody claimed.
    ack_all(known).await;
}
