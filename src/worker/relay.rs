//! Hands stored messages to the broker and notes what it confirmed.
//!
//! The row stays until the effect of its message is visible, so whatever the broker loses is published again.

use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::broker::amqp::{AmqpPublisher, Outgoing, PublishError};
use crate::broker::topology::{address, must_arrive};
use crate::domain::MessageId;
use crate::messages::{Body, cloud_event};
use crate::pipeline::{Context, PipelineError};
use crate::store::StoredEvent;

/// Messages in one window of confirms.
const BATCH: i64 = 500;
/// Another relay may take a message that this one has not finished after so long.
const CLAIM: TimeDelta = TimeDelta::seconds(30);
/// How soon a message that the broker did not take is tried again.
const PAUSE: TimeDelta = TimeDelta::seconds(1);
/// A safety net under the wake-ups; also how soon a due retry is published.
const SAFETY_POLL: Duration = Duration::from_millis(500);

/// Publishes what is due, until told to stop.
pub async fn run(ctx: Context, publisher: AmqpPublisher, stop: CancellationToken) {
    let woken = ctx.store.woken();
    while !stop.is_cancelled() {
        let wake = woken.notified();
        let taken = once(&ctx, &publisher).await.unwrap_or_else(|error| {
            tracing::warn!(error = %error, "relay messages");
            0
        });
        if taken == 0 {
            tokio::select! {
                () = wake => {}
                () = tokio::time::sleep(SAFETY_POLL) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// Publishes one batch. Returns how many the broker took.
pub async fn once(ctx: &Context, publisher: &AmqpPublisher) -> Result<usize, PipelineError> {
    let now = ctx.now();
    if !publisher.health().borrow().connected {
        return Ok(0);
    }
    let due = ctx.store.to_publish(BATCH, now, now + CLAIM).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let batch = due.iter().map(outgoing).collect();
    let answers = publisher.publish(batch).await;
    let mut taken: Vec<MessageId> = Vec::with_capacity(due.len());
    let mut left: Vec<MessageId> = Vec::new();
    for (message, answer) in due.iter().zip(answers) {
        match answer {
            Ok(()) => taken.push(message.id),
            // Nobody listens to this announcement; the row tells it to whoever asks.
            Err(PublishError::Unroutable) if !must_arrive(&message.route) => taken.push(message.id),
            Err(error) => {
                left.push(message.id);
                tracing::warn!(message = %message.id, error = %error, "publish a message");
            }
        }
    }
    crate::crash_point!("relay.before_published");
    if !left.is_empty() {
        ctx.store.publish_later(left, now + PAUSE).await?;
    }
    let count = taken.len();
    if count > 0 {
        ctx.store.published(taken).await?;
    }
    Ok(count)
}

fn outgoing(message: &StoredEvent) -> Outgoing {
    let (exchange, routing_key) = address(&message.route);
    let (content_type, body) = if let Body::AgencyEvent(event) = &message.body {
        ("application/cloudevents+json", cloud_event(message.id, message.at, event).to_string())
    } else {
        ("application/json", serde_json::to_string(&message.body).unwrap_or_default())
    };
    Outgoing {
        exchange: exchange.to_owned(),
        routing_key,
        message_id: message.id.to_string(),
        kind: message.body.kind().to_owned(),
        correlation_id: Some(message.body.request().to_string()),
        content_type,
        body: body.into_bytes(),
        persistent: true,
    }
}
