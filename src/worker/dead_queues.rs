//! What the broker itself gave up, for the metrics: no table knows of it.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::gauge;
use tokio_util::sync::CancellationToken;

use crate::broker::amqp::{AmqpLink, depths};
use crate::broker::topology::dead_queues;
use crate::telemetry::name;

const EVERY: Duration = Duration::from_secs(30);

/// Looks again and again until it is told to stop. While the broker is away the last numbers stay.
pub async fn run(link: AmqpLink, stop: CancellationToken) {
    let queues = dead_queues();
    let mut known = BTreeMap::new();
    while !stop.is_cancelled() {
        let counted = tokio::select! {
            counted = depths(&link.url, link.authorities.clone(), &queues) => counted,
            () = stop.cancelled() => return,
        };
        match counted {
            Ok(found) => {
                for (queue, depth) in found {
                    if known.insert(queue.clone(), depth).unwrap_or(0) < depth {
                        tracing::warn!(queue, depth, "the broker gave up messages");
                    }
                    gauge!(name::BROKER_DEAD, "queue" => queue).set(f64::from(depth));
                }
            }
            Err(error) => tracing::debug!(error = %error, "count what the broker gave up"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}
