//! Drives pages from the database: what is due is decided, written down, sent, and recorded. The broker has no part in
//! it, so an emergency pages with the broker down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::{AccountId, PageAttemptId};
use crate::mail::{Cause, DeliveryResult, MailAddress, PageMail, PageWords, Phase};
use crate::pager::{CallResult, Webhooks};
use crate::paging::Target;
use crate::paging::message::{PageMessage, PagedJob};
use crate::pipeline::page::{self, Told};
use crate::pipeline::{Context, PipelineError};
use crate::store::ClaimedAttempt;

/// Pages or attempts of one claim.
const BATCH: i64 = 200;
/// Messages under way at once.
const PARALLEL: usize = 128;
/// How long a claim holds: longer than a message may take.
const LEASE: TimeDelta = TimeDelta::minutes(2);
/// How long a message may take; a page that comes later is tried again.
const LONGEST: Duration = Duration::from_mins(1);
/// A safety net under the wake-ups, and how soon a due step is seen.
const SAFETY_POLL: Duration = Duration::from_millis(500);

/// The pager.
#[derive(Debug, Clone)]
pub struct Pager {
    /// What the stages use.
    pub ctx: Context,
    /// The site's destinations.
    pub webhooks: Webhooks,
    /// Where messages are sent from.
    pub tracker: TaskTracker,
    /// When to stop.
    pub stop: CancellationToken,
}

impl Pager {
    /// Pages, until told to stop.
    pub async fn run(self) {
        let woken = self.ctx.store.woken();
        let room = Arc::new(Semaphore::new(PARALLEL));
        while !self.stop.is_cancelled() {
            let wake = woken.notified();
            match self.once(&room).await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => tracing::warn!(error = %error, "page"),
            }
            tokio::select! {
                () = wake => {}
                () = tokio::time::sleep(SAFETY_POLL) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// One look. Returns how many pages and messages there were.
    pub async fn once(&self, room: &Arc<Semaphore>) -> Result<usize, PipelineError> {
        let now = self.ctx.now();
        let pages = self.ctx.store.claim_pages(BATCH, now, now + LEASE).await?;
        let looked = pages.len();
        for page in pages {
            if let Err(error) = page::escalate(&self.ctx, &page).await {
                // The claim runs out by itself.
                tracing::warn!(page = %page.id, error = %error, "escalate a page");
            }
        }
        let free = room.available_permits();
        if free == 0 {
            return Ok(0);
        }
        let now = self.ctx.now();
        let attempts = self.ctx.store.claim_attempts(BATCH, now, now + LEASE).await?;
        let mut deliveries: BTreeMap<(String, Target), Vec<ClaimedAttempt>> = BTreeMap::new();
        for attempt in attempts {
            let key = (attempt.delivery.clone(), attempt.target.clone());
            deliveries.entry(key).or_default().push(attempt);
        }
        let sent = deliveries.len();
        for ((delivery, target), attempts) in deliveries {
            let Ok(place) = Arc::clone(room).acquire_owned().await else { break };
            let this = self.clone();
            self.tracker.spawn(async move {
                this.send(&delivery, &target, &attempts).await;
                drop(place);
            });
        }
        Ok(looked + sent)
    }

    async fn send(&self, delivery: &str, target: &Target, attempts: &[ClaimedAttempt]) {
        let sending = async {
            match target {
                Target::Account(account) => self.mail(delivery, *account, attempts).await,
                Target::Webhook(name) => self.webhook(delivery, name, attempts).await,
            }
        };
        let told = tokio::time::timeout(LONGEST, sending)
            .await
            .unwrap_or_else(|_| Told::Later("timeout".to_owned(), None));
        crate::crash_point!("pager.after_sent");
        if let Err(error) = page::told(&self.ctx, attempts, &told).await {
            // The claim runs out, and the same delivery id is sent again.
            tracing::warn!(delivery, error = %error, "record a page");
        }
    }

    async fn mail(&self, delivery: &str, account: AccountId, attempts: &[ClaimedAttempt]) -> Told {
        let never = |code: &str| Told::Never(code.to_owned());
        let Ok(registry) = self.ctx.registry().await else {
            return Told::Later("registry".to_owned(), None);
        };
        let address = registry
            .account(account)
            .filter(|account| account.active)
            .and_then(|account| account.pager_email.as_ref())
            .and_then(|email| email.expose().parse::<MailAddress>().ok());
        let Some(to) = address else { return never("no_address") };
        let settings = &self.ctx.paging;
        let from = settings.from.as_ref().and_then(|from| from.parse::<MailAddress>().ok());
        let Some(from) = from else { return never("no_sender") };
        let jobs = jobs(attempts);
        let Some(message) = message(&self.ctx, delivery, attempts, (&jobs, "")) else {
            return never("no_job");
        };
        let Ok((subject, body)) = settings.renderer.mail(&message) else {
            return never("template");
        };
        let Ok(id) = delivery.parse::<PageAttemptId>() else { return never("delivery") };
        let words = PageWords { subject: &subject, body: &body, domain: &settings.domain };
        match PageMail::new(from, to, id, &words, self.ctx.now()) {
            Ok(mail) => of_mail(self.ctx.mailer.page(&mail).await),
            Err(_) => never("mail"),
        }
    }

    async fn webhook(&self, delivery: &str, name: &str, attempts: &[ClaimedAttempt]) -> Told {
        let never = |code: &str| Told::Never(code.to_owned());
        let settings = &self.ctx.paging;
        let Some(destination) = settings.destination(name) else {
            return never("destination_unknown");
        };
        let jobs = jobs(attempts);
        let key = destination.service_key.as_str();
        let Some(message) = message(&self.ctx, delivery, attempts, (&jobs, key)) else {
            return never("no_job");
        };
        let Ok(body) = settings.renderer.webhook(&message, destination) else {
            return never("template");
        };
        match self.webhooks.call(name, delivery, body, self.ctx.now()).await {
            CallResult::Taken { code } => Told::Taken(code),
            CallResult::Later { code, not_before } => Told::Later(code, not_before),
            CallResult::Never { code } => Told::Never(code),
        }
    }
}

fn jobs(attempts: &[ClaimedAttempt]) -> Vec<PagedJob> {
    let mut jobs: Vec<PagedJob> = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        let page = &attempt.page;
        // Two steps of one page that were bundled are one job.
        if jobs.iter().all(|job| job.page != page.id) {
            jobs.push(PagedJob {
                page: page.id,
                request: page.request,
                cause: page.cause,
                lane: page.lane,
                opened_at: page.opened_at,
                due_at: attempt.due_at,
            });
        }
    }
    jobs
}

fn message<'a>(
    ctx: &'a Context,
    delivery: &'a str,
    attempts: &'a [ClaimedAttempt],
    (jobs, service_key): (&'a [PagedJob], &'a str),
) -> Option<PageMessage<'a>> {
    let unit = &attempts.first()?.page.unit;
    Some(PageMessage { delivery, unit, jobs, origin: &ctx.paging.origin, service_key })
}

/// A page that may have been taken is sent again: twice is better than never.
fn of_mail(result: DeliveryResult) -> Told {
    let code = |phase: Phase, cause: &Cause| {
        let phase: &'static str = phase.into();
        match cause {
            Cause::Reply(reply) => format!("{phase}:{}", reply.code),
            Cause::Timeout => format!("{phase}:timeout"),
            Cause::Connection
            | Cause::Protocol
            | Cause::NoAuthMechanism
            | Cause::UnsafeBytes
            | Cause::Storage
            | Cause::Panic => format!("{phase}:failed"),
        }
    };
    match result {
        DeliveryResult::Sent { reply } => Told::Taken(reply.code.to_string()),
        DeliveryResult::Refused { phase, cause } if !phase.is_before_mail() => {
            Told::Never(code(phase, &cause))
        }
        DeliveryResult::Refused { phase, cause }
        | DeliveryResult::Deferred { phase, cause }
        | DeliveryResult::Indeterminate { phase, cause } => Told::Later(code(phase, &cause), None),
        DeliveryResult::TlsRefused { reason } => {
            let reason: &'static str = reason.into();
            Told::Later(format!("tls:{reason}"), None)
        }
    }
}
