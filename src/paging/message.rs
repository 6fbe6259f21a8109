//! What a page says: unit, lane, the short form of each request, a link, the due time. Nothing of a case, nobody's name.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use tera::{Context, Tera};

use super::settings::{Destination, Template};
use crate::domain::escalation::PageCause;
use crate::domain::{Lane, PageId, RequestId, UnitId};

const BUILT_IN: [(&str, &str); 6] = [
    ("subject.txt", include_str!("../../templates/pages/subject.txt.tera")),
    ("body.txt", include_str!("../../templates/pages/body.txt.tera")),
    ("generic.json", include_str!("../../templates/pages/generic.json.tera")),
    ("events-v2.json", include_str!("../../templates/pages/events-v2.json.tera")),
    ("alerts.json", include_str!("../../templates/pages/alerts.json.tera")),
    ("chat.json", include_str!("../../templates/pages/chat.json.tera")),
];

/// Most bytes of a webhook's body.
pub const BODY_BYTES: usize = 64 * 1024;

/// Jobs that a page lists; of more it tells the number.
const LISTED: usize = 20;

/// A job that somebody is paged for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagedJob {
    /// The page.
    pub page: PageId,
    /// The request.
    pub request: RequestId,
    /// Why.
    pub cause: PageCause,
    /// How urgent.
    pub lane: Lane,
    /// Since when.
    pub opened_at: DateTime<Utc>,
    /// Until when its owner has time.
    pub due_at: Option<DateTime<Utc>>,
}

/// One message to one target; more than one job where they were bundled.
#[derive(Debug, Clone)]
pub struct PageMessage<'a> {
    /// Id of the delivery, the same in every attempt.
    pub delivery: &'a str,
    /// Unit.
    pub unit: &'a UnitId,
    /// The jobs; at least one.
    pub jobs: &'a [PagedJob],
    /// Origin that links begin with.
    pub origin: &'a str,
    /// The key that the service wants inside the message.
    pub service_key: &'a str,
}

/// What the templates see; what is not here cannot stand in a page.
#[derive(Serialize)]
struct Words<'a> {
    delivery: &'a str,
    service_key: &'a str,
    unit: &'a str,
    lane: &'static str,
    severity: &'static str,
    summary: String,
    link: String,
    more: usize,
    jobs: Vec<Job>,
}

#[derive(Serialize)]
struct Job {
    page: String,
    request: String,
    lane: &'static str,
    cause: &'static str,
    words: &'static str,
    opened_at: String,
    due_at: String,
    link: String,
}

/// A template that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fill in the page template `{name}`: {message}")]
pub struct TemplateFault {
    /// Which.
    pub name: String,
    /// Why.
    pub message: String,
}

/// The templates, loaded and tried once.
pub struct PageRenderer {
    tera: Tera,
}

impl std::fmt::Debug for PageRenderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageRenderer").finish_non_exhaustive()
    }
}

impl PageRenderer {
    /// Loads the built-in templates and fills each in, so that a faulty one ends the start and not a page.
    pub fn load() -> Result<Self, TemplateFault> {
        let mut tera = Tera::new();
        tera.set_escape_fn(json_escape);
        tera.autoescape_on([".json"]);
        for (name, text) in BUILT_IN {
            tera.add_raw_template(name, text).map_err(|error| fault(name, &error))?;
        }
        let renderer = Self { tera };
        renderer.try_out("subject.txt", false)?;
        renderer.try_out("body.txt", false)?;
        for name in ["generic.json", "events-v2.json", "alerts.json", "chat.json"] {
            renderer.try_out(name, true)?;
        }
        Ok(renderer)
    }

    /// Adds the template of a destination of the site.
    pub fn add(&mut self, destination: &str, text: &str) -> Result<(), TemplateFault> {
        let name = custom(destination);
        self.tera.add_raw_template(&name, text).map_err(|error| fault(&name, &error))?;
        self.try_out(&name, true)
    }

    /// Subject and body of a page by mail.
    pub fn mail(&self, message: &PageMessage<'_>) -> Result<(String, String), TemplateFault> {
        let subject = self.fill("subject.txt", message)?;
        let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok((subject, self.fill("body.txt", message)?))
    }

    /// Body of a page by webhook: JSON.
    pub fn webhook(
        &self,
        message: &PageMessage<'_>,
        destination: &Destination,
    ) -> Result<Vec<u8>, TemplateFault> {
        let name = match destination.template {
            Template::Generic | Template::EventsV2 | Template::Alerts | Template::Chat => {
                format!("{}.json", <&'static str>::from(destination.template))
            }
            Template::Custom => custom(&destination.name),
        };
        self.json(&name, message)
    }

    fn json(&self, name: &str, message: &PageMessage<'_>) -> Result<Vec<u8>, TemplateFault> {
        let told =
            |message: &str| TemplateFault { name: name.to_owned(), message: message.to_owned() };
        let text = self.fill(name, message)?;
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|_| told("it does not become JSON"))?;
        let body = value.to_string().into_bytes();
        if body.len() > BODY_BYTES {
            return Err(told("it becomes longer than 64 KiB"));
        }
        Ok(body)
    }

    fn try_out(&self, name: &str, json: bool) -> Result<(), TemplateFault> {
        let unit: UnitId = "sample".parse().map_err(|_| TemplateFault {
            name: name.to_owned(),
            message: "the sample cannot be made".to_owned(),
        })?;
        let job = PagedJob {
            page: PageId::new(uuid::Uuid::from_u128(7)),
            request: RequestId::new(uuid::Uuid::from_u128(7)),
            cause: PageCause::JobOffered,
            lane: Lane::Routine,
            opened_at: DateTime::UNIX_EPOCH,
            due_at: None,
        };
        let message = PageMessage {
            delivery: "pa-0",
            unit: &unit,
            jobs: &[job],
            origin: "https://leadbroker.example.gov",
            service_key: "key",
        };
        if json { self.json(name, &message).map(drop) } else { self.fill(name, &message).map(drop) }
    }

    fn fill(&self, name: &str, message: &PageMessage<'_>) -> Result<String, TemplateFault> {
        Context::from_serialize(&words(message))
            .and_then(|context| self.tera.render(name, &context))
            .map_err(|error| fault(name, &error))
    }
}

fn custom(destination: &str) -> String {
    format!("custom/{destination}.json")
}

fn fault(name: &str, error: &tera::Error) -> TemplateFault {
    TemplateFault { name: name.to_owned(), message: error.to_string() }
}

/// What stands between quotation marks in JSON.
fn json_escape(text: &str, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    let quoted = serde_json::Value::from(text).to_string();
    out.write_all(quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default().as_bytes())
}

/// The last eight digits: enough to find the job in a list, and no number that another system keeps.
pub fn short(request: RequestId) -> String {
    let whole = request.to_string();
    format!("r-..{}", whole.get(whole.len().saturating_sub(8)..).unwrap_or_default())
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn in_words(cause: PageCause) -> &'static str {
    match cause {
        PageCause::JobOffered => "a job is offered to you",
        PageCause::NobodyAvailable => "a job waits and no reviewer is available",
        PageCause::HoldWaiting => "a request is held and waits for a decision",
        PageCause::HoldEscalated => "a hold was not decided in time and waits for you now",
        PageCause::Emergency => "an emergency waits for a reviewer",
        PageCause::EmergencyBegun => "an emergency has begun: call the agency back",
        PageCause::DutyDue => "an emergency's call-back or confirmation is due soon",
        PageCause::DutyOverdue => "an emergency's call-back or confirmation is overdue",
        PageCause::SecondReviewDue => "a request waits for its second reviewer",
        PageCause::AdjudicationDue => "a request waits for an adjudicator",
        PageCause::ReleaseDue => "an answer waits for its release",
        PageCause::ReleaseOverdue => "an answer was not released in time",
        PageCause::ServiceDue => "a request nears the end of the unit's time for it",
        PageCause::ServiceOverdue => "a request was not answered in the unit's time for it",
    }
}

fn words<'a>(message: &PageMessage<'a>) -> Words<'a> {
    let link = |page: &PageId| format!("{}/api/v1/pages/{page}", message.origin);
    let urgent = message.jobs.iter().map(|job| job.lane).min().unwrap_or(Lane::Routine);
    let mut summary = format!("leadbroker {}: ", message.unit);
    match message.jobs {
        [one] => {
            let lane: &'static str = one.lane.into();
            let _ = write!(summary, "{} ({lane}, {})", in_words(one.cause), short(one.request));
        }
        more => {
            let _ = write!(summary, "{} jobs wait", more.len());
        }
    }
    let job = |job: &PagedJob| Job {
        page: job.page.to_string(),
        request: short(job.request),
        lane: job.lane.into(),
        cause: job.cause.into(),
        words: in_words(job.cause),
        opened_at: time(job.opened_at),
        due_at: job.due_at.map(time).unwrap_or_default(),
        link: link(&job.page),
    };
    let first = message.jobs.first().map(|job| link(&job.page));
    Words {
        delivery: message.delivery,
        service_key: message.service_key,
        unit: message.unit.as_str(),
        lane: urgent.into(),
        severity: if urgent == Lane::Threat { "critical" } else { "warning" },
        summary,
        link: first
            .filter(|_| message.jobs.len() == 1)
            .unwrap_or_else(|| format!("{}/api/v1/pages", message.origin)),
        more: message.jobs.len().saturating_sub(LISTED),
        jobs: message.jobs.iter().take(LISTED).map(job).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(n: u128, lane: Lane) -> PagedJob {
        PagedJob {
            page: PageId::new(uuid::Uuid::from_u128(n)),
            request: RequestId::new(uuid::Uuid::from_u128(n + 0xabc0_0000_0000)),
            cause: PageCause::JobOffered,
            lane,
            opened_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            due_at: DateTime::from_timestamp(1_800_000_600, 0),
        }
    }

    fn message<'a>(unit: &'a UnitId, jobs: &'a [PagedJob]) -> PageMessage<'a> {
        let origin = "https://leadbroker.example.gov";
        PageMessage { delivery: "pa-1", unit, jobs, origin, service_key: "k\"ey" }
    }

    #[test]
    fn a_page_by_mail_reads_so() {
        let unit: UnitId = "lacris".parse().unwrap();
        let jobs = [job(1, Lane::Routine)];
        let (subject, body) = PageRenderer::load().unwrap().mail(&message(&unit, &jobs)).unwrap();
        insta::assert_snapshot!(subject, @"leadbroker lacris: a job is offered to you (routine, r-..00000001)");
        insta::assert_snapshot!(body, @r"
        leadbroker lacris: a job is offered to you (routine, r-..00000001)

        r-..00000001  routine  a job is offered to you
          since 2027-01-15T08:00:00Z, due 2027-01-15T08:10:00Z
          leadbroker pages ack pg-00000000000000000000000000000001

        https://leadbroker.example.gov/api/v1/pages/pg-00000000000000000000000000000001
        (an address of the HTTP API; it answers to your token, and to no browser)

        Reading this page changes nothing. Acknowledge it with the command above and your token; that
        stops further pages for a while and does not take the job.
        ");
    }

    #[test]
    fn every_template_becomes_json_whatever_stands_in_it() {
        let unit: UnitId = "lacris".parse().unwrap();
        let jobs: Vec<PagedJob> = (1..=30).map(|n| job(n, Lane::Priority)).collect();
        let renderer = PageRenderer::load().unwrap();
        for template in ["generic", "events-v2", "alerts", "chat"] {
            let body = renderer.json(&format!("{template}.json"), &message(&unit, &jobs)).unwrap();
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert!(value.to_string().contains("30 jobs wait"), "{template}");
        }
        let events = renderer.json("events-v2.json", &message(&unit, &jobs)).unwrap();
        let events: serde_json::Value = serde_json::from_slice(&events).unwrap();
        assert_eq!(events["routing_key"], "k\"ey");
        assert_eq!(events["payload"]["severity"], "warning");
        assert_eq!(events["links"][0]["text"], "With a token: leadbroker pages list");
        let threat = [job(1, Lane::Threat), job(2, Lane::Routine)];
        let events = renderer.json("events-v2.json", &message(&unit, &threat)).unwrap();
        assert!(String::from_utf8(events).unwrap().contains("critical"));
        let events = renderer.json("events-v2.json", &message(&unit, &jobs[..1])).unwrap();
        let page = "leadbroker pages ack pg-00000000000000000000000000000001";
        assert!(String::from_utf8(events).unwrap().contains(page));
    }
}
