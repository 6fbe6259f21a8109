//! Every name the broker knows, as data. No other file spells an exchange, a queue or a routing key.
//!
//! There are no delay queues. A retry waits as a due time in the database with both drivers: the database is the
//! truth and the broker may lose all it has; a delay held only there would be lost with it, could not be listed or
//! cut short, and per-message delays block the head of a queue (measured). The relay publishes when the time comes.
//!
//! Queue arguments are part of the contract: a queue cannot be declared again with other ones. Whoever changes them
//! gives the queue a new name.

mod asyncapi;
mod definitions;

use std::time::Duration;

use strum::VariantArray;

use crate::domain::{Lane, Ori, UnitId};
use crate::messages::{Route, Step};

pub use asyncapi::asyncapi;
pub use definitions::{BrokerUser, PasswordHash, definitions};

/// Where agencies publish their forms.
pub const INTAKE: &str = "leadbroker.intake";
/// Between leadbroker's own steps.
pub const WORK: &str = "leadbroker.work";
/// To reviewers' tools.
pub const REVIEW: &str = "leadbroker.review";
/// To agencies.
pub const AGENCIES: &str = "leadbroker.agencies";
/// What a queue gave up.
pub const DEAD: &str = "leadbroker.dead";
/// Every exchange. All are durable topic exchanges.
pub const EXCHANGES: [&str; 5] = [INTAKE, WORK, REVIEW, AGENCIES, DEAD];

/// The one routing key agencies publish with.
pub const INTAKE_KEY: &str = "search_request.v1";
/// Deliveries of one message before a queue gives it up. The database counts attempts itself; this bounds a consumer
/// that dies on a message before it can count.
pub const DELIVERY_LIMIT: i64 = 5;
/// Bodies above this are refused everywhere but at intake: messages hold ids, not records.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// What a consumer may hold unacknowledged of forms, which carry their images.
pub const INTAKE_PREFETCH: u16 = 4;

const WORK_MAX_LENGTH: i64 = 100_000;
const INTAKE_MAX_LENGTH: i64 = 1_000;
const REVIEW_MAX_LENGTH: i64 = 1_000;
const DEAD_MAX_LENGTH: i64 = 10_000;
const DIRECT_REPLY: &str = "amq.rabbitmq.reply-to.";

/// Pauses before the second to the sixth attempt.
pub const RETRY_TIERS: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_hours(1),
];

/// The pause after so many failed attempts; `None`: give up (dead letter).
pub fn retry_after(attempts: i64) -> Option<Duration> {
    let tier = usize::try_from(attempts.max(1) - 1).ok()?;
    RETRY_TIERS.get(tier).copied()
}

/// Exchange and routing key of a route.
pub fn address(route: &Route) -> (&'static str, String) {
    match route {
        Route::Step { step } => (WORK, step.as_str().to_owned()),
        Route::Reviewers { unit, lane } => (REVIEW, review_key(unit, *lane)),
        Route::Agency { ori, event } => (AGENCIES, format!("{ori}.{event}")),
    }
}

/// Whether somebody must be listening: false where a message to nobody is normal.
pub fn must_arrive(route: &Route) -> bool {
    match route {
        Route::Step { .. } => true,
        Route::Reviewers { .. } | Route::Agency { .. } => false,
    }
}

/// The queue of a step.
pub fn step_queue(step: Step) -> String {
    format!("leadbroker.{}", step.as_str())
}

/// The queues of what the broker gave up, one for each queue that loses nothing.
pub fn dead_queues() -> Vec<String> {
    let dead = |queue: Queue| (queue.exchange == DEAD).then_some(queue.name);
    Topology::default().queues().into_iter().filter_map(dead).collect()
}

/// The queue of forms that agencies publish.
pub fn intake_queue() -> String {
    format!("{INTAKE}.{INTAKE_KEY}")
}

/// The queue that tells the reviewers of a unit about jobs of a lane.
pub fn review_queue(unit: &UnitId, lane: Lane) -> String {
    format!("{REVIEW}.{}", review_key(unit, lane))
}

/// What the names of an agency's own queues begin with.
pub fn agency_prefix(ori: &Ori) -> String {
    format!("leadbroker.agency.{ori}.")
}

/// Whether a reply may go to `reply_to`: to the connection that asked, or to a queue of that agency. Anything else
/// would let one agency have leadbroker write into the queue of another, or into leadbroker's own.
pub fn reply_allowed(ori: &Ori, reply_to: &str) -> bool {
    let names_more =
        |prefix: &str| reply_to.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
    reply_to.len() <= 255 && (names_more(DIRECT_REPLY) || names_more(&agency_prefix(ori)))
}

fn review_key(unit: &UnitId, lane: Lane) -> String {
    let lane: &'static str = lane.into();
    format!("{unit}.{lane}")
}

/// The value of a queue argument.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum Argument {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A durable quorum queue and its one binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// The exchange it is bound to.
    pub exchange: &'static str,
    /// The binding's key.
    pub key: String,
    /// Its arguments.
    pub arguments: Vec<(&'static str, Argument)>,
}

impl Queue {
    /// A queue that loses nothing: full, it refuses; hopeless messages go to its dead-letter queue.
    pub fn lossless(name: String, exchange: &'static str, key: String, max_length: i64) -> Self {
        let arguments = vec![
            ("x-queue-type", "quorum".into()),
            ("x-delivery-limit", Argument::Number(DELIVERY_LIMIT)),
            ("x-max-length", Argument::Number(max_length)),
            ("x-overflow", "reject-publish".into()),
            ("x-dead-letter-exchange", DEAD.into()),
            ("x-dead-letter-routing-key", Argument::Text(name.clone())),
            ("x-dead-letter-strategy", "at-least-once".into()),
        ];
        Self { name, exchange, key, arguments }
    }

    /// Where the hopeless messages of the queue `name` wait for a person.
    fn dead(name: &str) -> Self {
        let arguments = vec![
            ("x-queue-type", "quorum".into()),
            ("x-max-length", Argument::Number(DEAD_MAX_LENGTH)),
            ("x-overflow", "reject-publish".into()),
        ];
        Self { name: format!("{name}.dead"), exchange: DEAD, key: name.to_owned(), arguments }
    }

    /// A queue of announcements: the newest count, the database knows the rest.
    fn announcements(unit: &UnitId, lane: Lane) -> Self {
        let arguments = vec![
            ("x-queue-type", "quorum".into()),
            ("x-max-length", Argument::Number(REVIEW_MAX_LENGTH)),
            ("x-overflow", "drop-head".into()),
        ];
        Self {
            name: review_queue(unit, lane),
            exchange: REVIEW,
            key: review_key(unit, lane),
            arguments,
        }
    }
}

/// What leadbroker declares.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    /// The units whose reviewers have queues.
    pub units: Vec<UnitId>,
    /// Queues beyond the product's own: with their own names, a test has them to itself.
    pub extra: Vec<Queue>,
}

impl Topology {
    /// The topology for `units`.
    pub fn new(units: Vec<UnitId>) -> Self {
        Self { units, extra: Vec::new() }
    }

    /// Every queue, in the order of declaration: a dead-letter queue before the queue that feeds it.
    pub fn queues(&self) -> Vec<Queue> {
        let mut queues = Vec::new();
        let mut with_dead = |queue: Queue| {
            queues.push(Queue::dead(&queue.name));
            queues.push(queue);
        };
        with_dead(Queue::lossless(
            intake_queue(),
            INTAKE,
            INTAKE_KEY.to_owned(),
            INTAKE_MAX_LENGTH,
        ));
        for step in Step::VARIANTS {
            let key = step.as_str().to_owned();
            with_dead(Queue::lossless(step_queue(*step), WORK, key, WORK_MAX_LENGTH));
        }
        for unit in &self.units {
            for lane in Lane::VARIANTS {
                queues.push(Queue::announcements(unit, *lane));
            }
        }
        queues.extend(self.extra.iter().cloned());
        queues
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ori() -> Ori {
        "CA0194200".parse().unwrap()
    }

    #[test]
    fn the_table_is_what_is_deployed() {
        let topology = Topology::new(vec!["lacris".parse().unwrap()]);
        let table: Vec<String> = topology
            .queues()
            .iter()
            .map(|queue| {
                let arguments: Vec<String> = queue
                    .arguments
                    .iter()
                    .map(|(name, value)| format!("{name}={}", serde_json::to_value(value).unwrap()))
                    .collect();
                format!(
                    "{} <- {} {} [{}]",
                    queue.name,
                    queue.exchange,
                    queue.key,
                    arguments.join(" ")
                )
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"));
    }

    #[test]
    fn every_queue_is_found_by_the_address_of_its_route() {
        let unit: UnitId = "lacris".parse().unwrap();
        let queues = Topology::new(vec![unit.clone()]).queues();
        let bound = |route: &Route| {
            let (exchange, key) = address(route);
            queues
                .iter()
                .find(|queue| queue.exchange == exchange && queue.key == key)
                .map(|queue| queue.name.clone())
        };
        for step in Step::VARIANTS {
            assert_eq!(bound(&Route::Step { step: *step }), Some(step_queue(*step)));
        }
        for lane in Lane::VARIANTS {
            let route = Route::Reviewers { unit: unit.clone(), lane: *lane };
            assert_eq!(bound(&route), Some(review_queue(&unit, *lane)));
        }
        let route = Route::Agency { ori: ori(), event: "accepted".to_owned() };
        assert_eq!(address(&route), (AGENCIES, "CA0194200.accepted".to_owned()));
    }

    #[test]
    fn every_dead_letter_has_a_queue() {
        let queues = Topology::default().queues();
        for queue in queues.iter().filter(|queue| queue.exchange != DEAD) {
            let key = queue
                .arguments
                .iter()
                .find(|(name, _)| *name == "x-dead-letter-routing-key")
                .unwrap();
            assert!(
                queues
                    .iter()
                    .any(|dead| dead.exchange == DEAD && Argument::Text(dead.key.clone()) == key.1)
            );
            assert!(dead_queues().contains(&format!("{}.dead", queue.name)));
        }
        assert_eq!(dead_queues().len(), 1 + Step::VARIANTS.len());
    }

    #[test]
    fn retries_end() {
        assert_eq!(retry_after(1), Some(Duration::from_secs(5)));
        assert_eq!(retry_after(5), Some(Duration::from_hours(1)));
        assert_eq!(retry_after(6), None);
        assert_eq!(retry_after(i64::MAX), None);
        assert_eq!(retry_after(i64::MIN), Some(Duration::from_secs(5)));
    }

    #[test]
    fn a_reply_goes_only_to_who_asked() {
        let ori = ori();
        assert!(reply_allowed(&ori, "amq.rabbitmq.reply-to.g1h2a3"));
        assert!(reply_allowed(&ori, "leadbroker.agency.CA0194200.answers"));
        for other in [
            "",
            "amq.rabbitmq.reply-to",
            "amq.rabbitmq.reply-to.",
            "leadbroker.agency.CA0194200.",
            "leadbroker.agency.CA0194201.answers",
            "leadbroker.agency.CA01942000.answers",
            "leadbroker.check",
            " leadbroker.agency.CA0194200.answers",
        ] {
            assert!(!reply_allowed(&ori, other), "{other}");
        }
        assert!(!reply_allowed(&ori, &format!("amq.rabbitmq.reply-to.{}", "a".repeat(250))));
    }
}
