//! From a due delivery to its stage and back: done, again later, or given up.
//!
//! With a broker, the announcement only says which message to claim; the claim, its count of attempts and its lease
//! live in the database, so a delivery is acknowledged at once and never held for slow work.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::broker::topology::retry_after;
use crate::domain::MessageId;
use crate::messages::{Body, Step};
use crate::pipeline::{Context, Disposition, PipelineError, check, dispatch, respond};
use crate::store::{Again, Claimed, Due};

/// Deliveries of one step in work at once, if the step says nothing else.
const PARALLEL: usize = 64;
/// How long announced messages wait for a place. Then they are announced again: a broker's delivery is not held for slow work.
const ROOM: Duration = Duration::from_mins(1);
/// How long a claim holds: longer than the step takes. A worker that dies is replaced when it ends.
const fn lease(step: Step) -> TimeDelta {
    match step {
        Step::Check | Step::Dispatch => TimeDelta::seconds(30),
        // Signing and a slow image store.
        Step::Respond => TimeDelta::minutes(2),
        // The longest attempt, and what comes before and after it.
        Step::Deliver => TimeDelta::minutes(20),
    }
}
/// A safety net under the wake-ups, not the way messages are found.
const SAFETY_POLL: Duration = Duration::from_secs(1);

/// Drives one step.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// What the stage may use.
    pub ctx: Context,
    /// Which step.
    pub step: Step,
    /// Where work is spawned.
    pub tracker: TaskTracker,
    /// When to stop.
    pub stop: CancellationToken,
}

impl Consumer {
    /// Claims and handles what is due in this database, until told to stop.
    pub async fn run(self) {
        let woken = self.ctx.store.woken();
        let room = self.room();
        while !self.stop.is_cancelled() {
            let wake = woken.notified();
            match self.claim(Vec::new(), &room).await {
                Ok(0) => self.wait(wake).await,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(step = self.step.as_str(), error = %error, "claim deliveries");
                    self.pause().await;
                }
            }
        }
    }

    /// Room for this step's work. A mail that waited for a connection would wait in its claim.
    pub fn room(&self) -> Arc<Semaphore> {
        let places = match self.step {
            Step::Check | Step::Dispatch | Step::Respond => PARALLEL,
            Step::Deliver => self.ctx.mailer.at_once(),
        };
        Arc::new(Semaphore::new(places.max(1)))
    }

    /// Claims and handles the announced messages, as fast as there is room for them. For which there is none, the sweeper
    /// announces again.
    pub async fn announced(
        &self,
        ids: Vec<MessageId>,
        room: &Arc<Semaphore>,
    ) -> Result<(), PipelineError> {
        let mut rest = ids.as_slice();
        let until = tokio::time::Instant::now() + ROOM;
        while !rest.is_empty() {
            let Ok(places) = tokio::time::timeout_at(until, free(room)).await else {
                return Ok(());
            };
            let (now, later) = rest.split_at(places.min(rest.len()));
            self.claim(now.to_vec(), room).await?;
            rest = later;
        }
        Ok(())
    }

    async fn wait(&self, wake: tokio::sync::futures::Notified<'_>) {
        tokio::select! {
            () = wake => {}
            () = tokio::time::sleep(SAFETY_POLL) => {}
            () = self.stop.cancelled() => {}
        }
    }

    async fn pause(&self) {
        tokio::select! {
            () = tokio::time::sleep(SAFETY_POLL) => {}
            () = self.stop.cancelled() => {}
        }
    }

    async fn claim(
        &self,
        only: Vec<MessageId>,
        room: &Arc<Semaphore>,
    ) -> Result<usize, PipelineError> {
        // Nothing is claimed that has to wait: its lease would run out in the queue.
        let limit = i64::try_from(free(room).await).unwrap_or(1);
        let now = self.ctx.now();
        let due = Due { step: self.step, limit, now, until: now + lease(self.step), only };
        let claimed = self.ctx.store.claim_due(due).await?;
        let count = claimed.len();
        for delivery in claimed {
            let Ok(place) = Arc::clone(room).acquire_owned().await else {
                break;
            };
            let this = self.clone();
            self.tracker.spawn(async move {
                this.handle(delivery).await;
                drop(place);
            });
        }
        Ok(count)
    }

    /// One delivery. A panic in a stage is this delivery's failure, nobody else's.
    async fn handle(&self, delivery: Claimed) {
        let started = tokio::time::Instant::now();
        let mut attempts = 0;
        let result = loop {
            let this = self.clone();
            let (id, body) = (delivery.id, delivery.body.clone());
            let joined = self.tracker.spawn(async move { this.dispatch(id, &body).await }).await;
            let result = joined.unwrap_or_else(|_| {
                Ok(Disposition::Retry { after: None, reason: "panic".to_owned() })
            });
            attempts += 1;
            // The request moved while it was decided about: decide again at once, but not for ever.
            let stale =
                matches!(&result, Ok(Disposition::Retry { after: Some(d), .. }) if d.is_zero());
            if !stale || attempts >= 5 {
                break result;
            }
        };
        metrics::histogram!(crate::telemetry::name::STEP_SECONDS, "step" => self.step.as_str())
            .record(started.elapsed().as_secs_f64());
        let disposition = result.unwrap_or_else(|error| {
            tracing::warn!(step = self.step.as_str(), message = %delivery.id, error = %error, "a step failed");
            Disposition::Retry { after: None, reason: code_of(&error).to_owned() }
        });
        if let Err(error) = self.settle(&delivery, disposition).await {
            // The claim runs out by itself and the delivery is due again.
            tracing::warn!(step = self.step.as_str(), message = %delivery.id, error = %error, "settle a delivery");
        }
    }

    async fn dispatch(&self, id: MessageId, body: &Body) -> Result<Disposition, PipelineError> {
        match body {
            Body::CheckSearchRequest { request } => check::handle(&self.ctx, id, *request).await,
            Body::DispatchSearchRequest { request } => {
                dispatch::handle(&self.ctx, id, *request).await
            }
            Body::RespondSearchRequest { request } => {
                respond::handle(&self.ctx, id, *request).await
            }
            Body::DeliverAnswer { request, mailing } => {
                respond::deliver::handle(&self.ctx, id, *request, *mailing).await
            }
            Body::JobWaiting { .. } | Body::AgencyEvent(_) => {
                Ok(Disposition::DeadLetter { reason: "no_step_takes_this".to_owned() })
            }
        }
    }

    async fn settle(
        &self,
        delivery: &Claimed,
        disposition: Disposition,
    ) -> Result<(), PipelineError> {
        let now = self.ctx.now();
        match disposition {
            Disposition::Done => Ok(()),
            Disposition::Retry { after, reason } => {
                // A stage that names its own pause has done its work: a mail that was deferred is no failure of ours.
                let worked = after.is_some_and(|pause| !pause.is_zero());
                let delay = match after {
                    Some(delay) => Some(delay.max(Duration::from_millis(100))),
                    None => retry_after(delivery.attempts),
                };
                let Some(delay) = delay else {
                    return self.bury(delivery, reason).await;
                };
                let at = now + TimeDelta::from_std(delay).unwrap_or(TimeDelta::hours(1));
                let again = Again { at, reason, worked };
                Ok(self.ctx.store.retry(delivery.id, self.step, again).await?)
            }
            Disposition::DeadLetter { reason } => self.bury(delivery, reason).await,
        }
    }

    async fn bury(&self, delivery: &Claimed, reason: String) -> Result<(), PipelineError> {
        let event = self
            .ctx
            .event(self.step.as_str(), "message.dead", self.ctx.now())
            .request(delivery.body.request())
            .detail("message", &delivery.id.to_string())
            .detail("reason", &reason)
            .detail("attempts", &delivery.attempts.to_string());
        tracing::error!(step = self.step.as_str(), message = %delivery.id, reason, "a message was given up; see `leadbroker dead-letters list`");
        Ok(self.ctx.store.bury(delivery.id, self.step, reason, event).await?)
    }
}

/// Waits for a free place and says how many there are.
async fn free(room: &Arc<Semaphore>) -> usize {
    drop(room.acquire().await);
    room.available_permits().max(1)
}

/// A stable code of a failure, for rows and metrics.
fn code_of(error: &PipelineError) -> &'static str {
    match error {
        PipelineError::Refused(_) => "refused",
        PipelineError::Store(_) => "store",
        PipelineError::Vault(_) => "vault",
        PipelineError::Registry(_) => "registry",
        PipelineError::Document(_) => "document",
        PipelineError::Mail(_) => "mail",
        PipelineError::Randomness(_) => "randomness",
        PipelineError::Inconsistent(_) => "inconsistent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::LONGEST_ATTEMPT;
    use crate::pipeline::respond::deliver::LONGEST_BEFORE;

    #[test]
    fn a_claim_outlasts_the_longest_attempt() {
        let longest = TimeDelta::from_std(LONGEST_BEFORE + LONGEST_ATTEMPT).unwrap();
        assert!(lease(Step::Deliver) > longest);
    }
}
