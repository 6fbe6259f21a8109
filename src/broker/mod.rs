//! What carries messages between machines: the names (pure data) and the RabbitMQ adapter.
//!
//! Embedded, the database's delivery rows are the queue and nothing here is needed but [`topology`].

pub mod amqp;
pub mod topology;
