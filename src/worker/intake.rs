//! Forms that agencies publish to the broker: accepted like any other, answered with the receipt.

use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use crate::broker::amqp::{AmqpConsumer, AmqpPublisher, Incoming, Outgoing, PublishError};
use crate::broker::topology::reply_allowed;
use crate::domain::{Agency, ShapeError};
use crate::pipeline::accept::{Receipt, ReceiptState, Submission, Submitted, accept};
use crate::pipeline::{Context, PipelineError, Refusal};

/// Tries while database or broker are away, well within the broker's time for an acknowledgement.
const MOST_TRIES: u32 = 60;
const PAUSE: std::time::Duration = std::time::Duration::from_secs(5);

/// Takes forms until the connection's supervisor ends. Each is acknowledged after its receipt is published; a form
/// that comes twice has the same `message_id` and gets the same receipt.
pub async fn run(
    ctx: Context,
    mut amqp: AmqpConsumer,
    publisher: AmqpPublisher,
    tracker: TaskTracker,
) {
    while let Some(message) = amqp.messages.recv().await {
        let (ctx, publisher) = (ctx.clone(), publisher.clone());
        tracker.spawn(async move { one(&ctx, &publisher, message).await });
    }
}

async fn one(ctx: &Context, publisher: &AmqpPublisher, message: Incoming) {
    for _ in 0..MOST_TRIES {
        match answer(ctx, &message).await {
            Ok((agency, receipt)) => {
                if reply(publisher, &message, agency.as_ref(), &receipt).await {
                    return message.ack().await;
                }
            }
            Err(error) => tracing::warn!(error = %error, "take a form from the broker"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    // Unanswered, the form stays with the broker and comes again with the next connection.
    drop(message);
}

/// The receipt, or the fault that keeps us from giving one.
async fn answer(
    ctx: &Context,
    message: &Incoming,
) -> Result<(Option<Agency>, Value), PipelineError> {
    let registry = ctx.registry().await?;
    let user = message.user_id.as_deref().unwrap_or_default();
    let Some(agency) = registry.agency_by_amqp_user(user).cloned() else {
        return Ok((
            None,
            refusal("user_unknown", "set `user_id` to your agency's user at the broker"),
        ));
    };
    let visible = |key: &str| key.len() <= 64 && key.bytes().all(|byte| byte.is_ascii_graphic());
    let Some(key) = message.message_id.clone().filter(|key| !key.is_empty() && visible(key)) else {
        let receipt = refusal(
            "message_id",
            "set `message_id` to a key of your own, at most 64 visible ASCII characters; it makes a repeat harmless",
        );
        return Ok((Some(agency), receipt));
    };
    let submission = Submission {
        agency: agency.clone(),
        body: message.body.clone(),
        parts: std::collections::BTreeMap::new(),
        key: Some(key),
    };
    let receipt = match accept(ctx, submission).await {
        Ok(
            Submitted::New(receipt)
            | Submitted::Before(receipt)
            | Submitted::Malformed(receipt)
            | Submitted::Misshapen(receipt),
        ) => json!(receipt),
        Err(PipelineError::Refused(
            Refusal::Forbidden { code, message } | Refusal::Conflict { code, message },
        )) => refusal(code, &message),
        Err(PipelineError::Refused(Refusal::Shape(errors))) => json!(rejected(errors)),
        Err(error) => return Err(error),
    };
    Ok((Some(agency), receipt))
}

fn rejected(errors: Vec<ShapeError>) -> Receipt {
    Receipt {
        request: None,
        state: ReceiptState::Rejected,
        findings: Vec::new(),
        errors,
        duplicate_of: None,
    }
}

fn refusal(code: &str, message: &str) -> Value {
    json!(rejected(vec![ShapeError::new(code, "", message)]))
}

/// Publishes the receipt. `false` if the broker did not take it. A `reply_to` that is not the agency's own is not
/// served: it could be a reviewer's queue.
async fn reply(
    publisher: &AmqpPublisher,
    message: &Incoming,
    agency: Option<&Agency>,
    receipt: &Value,
) -> bool {
    let (Some(reply_to), Some(agency)) = (message.reply_to.as_deref(), agency) else {
        return true;
    };
    if !reply_allowed(&agency.ori, reply_to) {
        tracing::warn!(agency = %agency.ori, "a form names a reply queue that is not its agency's");
        return true;
    }
    let outgoing = Outgoing {
        exchange: String::new(),
        routing_key: reply_to.to_owned(),
        message_id: message.message_id.clone().unwrap_or_default(),
        kind: "search_request.receipt.v1".to_owned(),
        correlation_id: message.correlation_id.clone(),
        content_type: "application/json",
        body: receipt.to_string().into_bytes(),
        persistent: true,
    };
    match publisher.publish(vec![outgoing]).await.pop() {
        // Nobody waits any more: the sender can ask again under the same id.
        Some(Ok(()) | Err(PublishError::Unroutable)) => true,
        Some(Err(error)) => {
            tracing::warn!(error = %error, "publish a receipt");
            false
        }
        None => false,
    }
}
