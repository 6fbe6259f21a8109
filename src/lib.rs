//! leadbroker: a broker between law-enforcement agencies for facial-recognition search requests.
//!
//! It compares no faces; trained people do. A request goes this way, one file a stage:
//!
//! ```text
//! accept -> check -> dispatch -> examine -> release -> respond -> retain
//! ```
//!
//! | module | what it holds | knows |
//! | --- | --- | --- |
//! | [`domain`] | the nouns: request, form, probe, agency, outcome | nothing else |
//! | [`policy`] | the rules: Cedar packs, clauses, findings, verdicts | `domain` |
//! | [`lifecycle`] | the one transition function | `domain` |
//! | [`messages`] | what travels between stages and to agencies | `domain` |
//! | [`audit`] | entries, Merkle log, offline verification | `domain` |
//! | [`roster`] | who is on duty, and who was | `domain` |
//! | [`images`] | what a probe file is, by its bytes | `domain` |
//! | [`paging`] | whom to page, when, and with which words; pure | `domain`, `lifecycle`, `registry` |
//! | [`pager`] | webhooks: the adapter | `paging` |
//! | [`pipeline`] | the stages: load, decide, apply | the above, `store`, `vault` |
//! | [`store`] | both databases, units of work | `domain`, `messages`, `audit` |
//! | [`vault`] | sealed records and images | `domain` |
//! | [`broker`] | topology, embedded and RabbitMQ drivers | `messages`, `store` |
//! | [`mail`] | S/MIME and SMTP | `domain` |
//! | [`report`] | the PDF documents | `domain` |
//! | [`worker`] | loops that drive stages | `pipeline`, `broker` |
//! | [`web`] | the HTTP API | `pipeline` |
//! | [`cli`] | the commands | everything, through [`app`] |

pub mod app;
pub mod audit;
pub mod broker;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crash;
pub mod demo;
pub mod domain;
pub mod http;
pub mod id_source;
pub mod images;
pub mod lifecycle;
pub mod mail;
pub mod messages;
pub mod pager;
pub mod paging;
pub mod pipeline;
pub mod policy;
pub mod registry;
pub mod report;
pub mod roster;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod vault;
pub mod web;
pub mod worker;
