//! Forms that agencies publish to the broker: accepted like any other, answered with the receipt.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use crate::broker::amqp::{
    AmqpConsumer, AmqpPublisher, Incoming, Outgoing, PublishError, Subscription,
};
use crate::broker::topology::{INTAKE_PREFETCH, intake_queue, reply_allowed};
use crate::domain::{Agency, ShapeError};
use crate::pipeline::accept::{
    Receipt, ReceiptState, Submission, Submitted, accept, refuse_stranger, unreadable,
};
use crate::pipeline::{Context, PipelineError, Refusal};

/// Between two tries while database or broker are away.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(5);

/// What to consume. No body is too large to be answered: it is in memory when its size is known, and the check of its shape says
/// so. The broker's own limit (`max_message_size`) keeps out what is larger still.
pub fn subscription() -> Subscription {
    Subscription { queue: intake_queue(), prefetch: INTAKE_PREFETCH, max_body: usize::MAX }
}

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

async fn one(ctx: &Context, publisher: &AmqpPublisher, mut message: Incoming) {
    let body = Arc::new(std::mem::take(&mut message.body));
    let mut answered = None;
    // Each of the few forms that the broker hands out at a time keeps its place until it is answered; one that was given up
    // here would keep it for as long as the connection lives.
    while message.is_current() {
        if answered.is_none() {
            match answer(ctx, &message, &body).await {
                Ok(answer) => answered = Some(answer),
                Err(error) => tracing::warn!(error = %error, "take a form from the broker"),
            }
        }
        if let Some((agency, receipt)) = &answered
            && reply(publisher, &message, agency.as_ref(), receipt).await
        {
            return message.ack().await;
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
    body: &Arc<Vec<u8>>,
) -> Result<(Option<Agency>, Value), PipelineError> {
    let registry = ctx.registry().await?;
    let user = message.user_id.as_deref().unwrap_or_default();
    let Some(agency) = registry.agency_by_amqp_user(user).cloned() else {
        let code = "user_unknown";
        refuse_stranger(ctx, code).await?;
        return Ok((None, refusal(code, "set `user_id` to your agency's user at the broker")));
    };
    ctx.form_rate.wait(&agency.ori).await;
    let visible = |key: &str| key.len() <= 64 && key.bytes().all(|byte| byte.is_ascii_graphic());
    let Some(key) = message.message_id.clone().filter(|key| !key.is_empty() && visible(key)) else {
        let code = "message_id";
        unreadable(ctx, &agency, code).await?;
        let receipt = refusal(
            code,
            "set `message_id` to a key of your own, at most 64 visible ASCII characters; it makes a repeat harmless",
        );
        return Ok((Some(agency), receipt));
    };
    let submission = Submission {
        agency: agency.clone(),
        body: Arc::clone(body),
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
        // The same form is being stored for an earlier delivery of this message: its receipt is the answer, a moment later.
        Err(race @ PipelineError::Refused(Refusal::Conflict { code: "idempotency_race", .. })) => {
            return Err(race);
        }
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
