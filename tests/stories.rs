//! What becomes of requests, through the front door: how they end, who may do what, what is refused. Each story runs on
//! SQLite alone and on PostgreSQL with RabbitMQ.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]
#![expect(
    clippy::cognitive_complexity,
    clippy::too_many_lines,
    reason = "a story is read from its beginning to its end"
)]

#[path = "support/site.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test may panic, reads where its services are, and uses what it needs of the site"
)]
mod site;

#[path = "stories/blind.rs"]
mod blind;
#[path = "stories/commands.rs"]
mod commands;
#[path = "stories/destroy.rs"]
mod destroy;
#[path = "stories/disclose.rs"]
mod disclose;
#[path = "stories/emergency.rs"]
mod emergency;
#[path = "stories/explain.rs"]
mod explain;
#[path = "stories/holds.rs"]
mod holds;
#[path = "stories/intake.rs"]
mod intake;
#[path = "stories/known_answers.rs"]
mod known_answers;
#[path = "stories/leases.rs"]
mod leases;
#[path = "stories/outcomes.rs"]
mod outcomes;
#[path = "stories/paging.rs"]
mod paging;
#[path = "stories/policy_sets.rs"]
mod policy_sets;
#[path = "stories/races.rs"]
mod races;
#[path = "stories/reads.rs"]
mod reads;
#[path = "stories/record.rs"]
mod record;
#[path = "stories/redelivery.rs"]
mod redelivery;
#[path = "stories/refusals.rs"]
mod refusals;
#[path = "stories/release.rs"]
mod release;
#[path = "stories/repeats.rs"]
mod repeats;
#[path = "stories/roster.rs"]
mod roster;
#[path = "stories/service.rs"]
mod service;
#[path = "stories/suspension.rs"]
mod suspension;
#[path = "support/tap.rs"]
mod tap;
#[path = "stories/waiting.rs"]
mod waiting;
#[path = "stories/wording.rs"]
mod wording;
