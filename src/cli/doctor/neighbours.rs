//! What leadbroker depends on: database, image store, mail server, broker.

use std::time::Duration;

use rustix::fs::Access;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Line;
use super::machine::folder;
use crate::app;
use crate::broker::amqp::{AmqpUrl, depths, log_in};
use crate::broker::topology::dead_queues;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, MailTransport, Transport};
use crate::mail::{Cause, DeliveryResult, Phase};
use crate::pipeline::{policy_sets, policy_source};
use crate::store::{Probe, Schema, probe, probe_policy_set};

/// A neighbour that needs longer is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks into the database without changing it, not even its version.
pub(super) async fn database(config: &Config) -> Vec<Line> {
    let Some(read_only) = app::read_only(config) else {
        let hint = "`leadbroker migrate` makes it, or correct `database.url`";
        return vec![Line::warn("database", "its file is not there yet", hint)];
    };
    match timeout(PATIENCE, probe(&read_only)).await.unwrap_or(Probe::Away) {
        Probe::Away => {
            let hint = "start it, or correct `database.url` and its password";
            vec![Line::fail("database", "it does not answer", hint)]
        }
        Probe::Empty => vec![Line::fail(
            "database",
            "it answers, but has no tables",
            "run `leadbroker migrate`",
        )],
        Probe::Ready { registries, schema } => vec![
            version(schema),
            if registries == 0 {
                let hint = "run `leadbroker registry import FILE`";
                Line::warn("registry", "none is in force: nobody may do anything", hint)
            } else {
                Line::ok("registry", format!("version {registries} is in force"))
            },
        ],
    }
}

/// Whether this program and the database fit.
fn version(schema: Schema) -> Line {
    match schema {
        Schema::Same => Line::ok("database", "it answers, and has this program's version"),
        Schema::Older(steps) => Line::warn(
            "database",
            format!("it is older than this program; steps to go: {steps}"),
            "stop every server, make a backup, then run `leadbroker migrate` (docs/OPERATIONS.md, Upgrade)",
        ),
        Schema::Newer => Line::fail(
            "database",
            "a newer program has changed it",
            "run that program; this one needs the backup from before the upgrade",
        ),
    }
}

/// The policy set that two people put in force, if there is one, read as this program would read it.
pub(super) async fn policy_set(config: &Config) -> Option<Line> {
    let url = app::read_only(config)?;
    let stored = timeout(PATIENCE, probe_policy_set(&url)).await.ok()?.ok()??;
    let (version, digest, files) = stored;
    let read = policy_source::read(version, (&digest, &files), SystemClock.now());
    Some(match read {
        Ok(set) => Line::ok("policy set", format!("version {version} decides: {}", set.set())),
        Err(reasons) => Line::fail(
            "policy set",
            format!(
                "version {version} is in force and this program cannot use it: {}",
                reasons.join("; ")
            ),
            "activate a sound version with the program that runs now; this one would not start",
        ),
    })
}

/// Reviews of the set in force that are due; none: nobody needs to look, or another line says why it cannot be told.
pub(super) async fn reviews(config: &Config) -> Option<Line> {
    let set = app::policies_in_force(config, &SystemClock).await.ok()?;
    let due = policy_sets::reviews(&set, SystemClock.now().date_naive());
    let told: Vec<String> = due.iter().map(ToString::to_string).collect();
    (!due.is_empty()).then(|| {
        Line::warn(
            "policy reviews",
            told.join("; "),
            "the packs decide all the same; read the policy's newest edition, and activate a set with it",
        )
    })
}

/// The image store: a folder to write to, or a server that listens.
pub(super) async fn images(config: &Config) -> Line {
    let check = "image store";
    let Some(rest) = config.vault.images.strip_prefix("file:") else {
        let hint = "start it, or correct `vault.s3_endpoint`";
        return endpoint((check, hint), &config.vault.s3_endpoint, |scheme| match scheme {
            "http" => 80,
            _ => 443,
        })
        .await;
    };
    let path = folder(rest);
    if !path.exists() {
        return Line::warn(
            check,
            "its folder is not there yet",
            "the first start makes it; is `vault.images` right?",
        );
    }
    match rustix::fs::access(&path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) if path.is_dir() => Line::ok(check, "its folder can be read and written"),
        Ok(()) => Line::fail(check, "its path is no folder", "correct `vault.images`"),
        Err(error) => {
            let hint = "give leadbroker's user the right to read and write it";
            Line::fail(check, format!("its folder cannot be used: {error}"), hint)
        }
    }
}

/// The mail server, if there is one: TLS and log-in as for a mail.
pub(super) async fn mail(config: &Config) -> Option<Line> {
    let check = "mail server";
    match config.mail.transport {
        MailTransport::File => None,
        MailTransport::Smtp => Some(match app::smtp_mailer(config) {
            Err(error) => Line::fail(check, error.to_string(), "correct the section `mail`"),
            Ok(mailer) => match timeout(PATIENCE, mailer.probe()).await {
                Ok(Ok(())) => Line::ok(check, "it lets leadbroker in; its certificate is verified"),
                Ok(Err(result)) => {
                    let (found, hint) = mail_fault(&result);
                    Line::fail(check, found, hint)
                }
                Err(_) => {
                    let hint = "start it, or correct `mail.host` and `mail.port`";
                    Line::fail(check, "it does not answer within 5 seconds", hint)
                }
            },
        }),
    }
}

/// Pure: what a probe of the mail server came to, and what to do.
fn mail_fault(result: &DeliveryResult) -> (String, &'static str) {
    let word = |value: Option<serde_json::Value>| -> String {
        value.as_ref().and_then(|value| value.as_str()).unwrap_or("unknown").replace('_', " ")
    };
    match result {
        DeliveryResult::TlsRefused { reason } => (
            format!("no verified TLS: {}", word(serde_json::to_value(reason).ok())),
            "correct `mail.ca_file`, `mail.server_name` or `mail.tls`; nothing is sent without verified TLS",
        ),
        DeliveryResult::Deferred { phase, cause }
        | DeliveryResult::Refused { phase, cause }
        | DeliveryResult::Indeterminate { phase, cause } => {
            let why = match cause {
                Cause::Reply(reply) => format!("it answered {}", reply.code),
                Cause::Timeout
                | Cause::Connection
                | Cause::Protocol
                | Cause::NoAuthMechanism
                | Cause::UnsafeBytes
                | Cause::Storage
                | Cause::Panic => word(serde_json::to_value(cause).ok()),
            };
            let hint = match phase {
                Phase::Connect => "start it, or correct `mail.host` and `mail.port`",
                Phase::Auth => "correct `mail.username` and `mail.password`",
                Phase::Internal
                | Phase::Greeting
                | Phase::Ehlo
                | Phase::StartTls
                | Phase::Tls
                | Phase::Reset
                | Phase::Mail
                | Phase::Rcpt
                | Phase::Data
                | Phase::Body
                | Phase::FinalDot => "ask the mail server's administrator",
            };
            (format!("{}: {why}", <&str>::from(*phase).replace('_', " ")), hint)
        }
        DeliveryResult::Sent { .. } => ("it answers".to_owned(), ""),
    }
}

/// The broker, if there is one: address, user and password.
pub(super) async fn broker(config: &Config) -> Vec<Line> {
    let check = "broker";
    match config.messaging.transport {
        Transport::Embedded => Vec::new(),
        Transport::Amqp => {
            let hint = "start it, or correct address, user and password in `messaging.url`";
            let Ok(url) = config.messaging.url.expose().parse() else {
                return vec![Line::fail(check, "its address is no AMQP URL", hint)];
            };
            let authorities = match app::broker_authorities(config) {
                Ok(authorities) => authorities,
                Err(error) => {
                    let hint = "correct `messaging.ca_file`";
                    return vec![Line::fail(check, error.to_string(), hint)];
                }
            };
            match timeout(PATIENCE, log_in(&url, authorities.clone())).await {
                Ok(Ok(())) => {
                    let well = Line::ok(check, "it lets leadbroker in");
                    vec![well, given_up(&url, authorities).await]
                }
                Ok(Err(error)) => vec![Line::fail(check, error.to_string(), hint)],
                Err(_) => vec![Line::fail(check, "it does not answer within 5 seconds", hint)],
            }
        }
    }
}

/// What the broker gave up waits in queues that no command of leadbroker reads.
async fn given_up(url: &AmqpUrl, authorities: Option<String>) -> Line {
    let check = "broker's dead queues";
    let queues = dead_queues();
    let Ok(Ok(found)) = timeout(PATIENCE, depths(url, authorities, &queues)).await else {
        let hint = "look at the broker's log, and run `leadbroker doctor` again";
        return Line::warn(check, "they could not be counted", hint);
    };
    let full: Vec<String> = found
        .into_iter()
        .filter(|(_, depth)| *depth > 0)
        .map(|(queue, depth)| format!("{queue}: {depth}"))
        .collect();
    if full.is_empty() {
        return Line::ok(check, "they are empty");
    }
    let hint = "see \"What the broker gave up\" in docs/OPERATIONS.md";
    Line::warn(check, full.join(", "), hint)
}

async fn endpoint(
    (check, hint): (&'static str, &'static str),
    url: &str,
    default_port: impl Fn(&str) -> u16,
) -> Line {
    let Ok(url) = url.parse::<reqwest::Url>() else {
        return Line::fail(check, "its address is no URL", hint);
    };
    let port = url.port().unwrap_or_else(|| default_port(url.scheme()));
    reach((check, hint), url.host_str().unwrap_or_default(), port).await
}

/// Whether something listens. Host and port only: an address may hold a password.
async fn reach((check, hint): (&'static str, &'static str), host: &str, port: u16) -> Line {
    let bare = host.trim_matches(['[', ']']);
    match timeout(PATIENCE, TcpStream::connect((bare, port))).await {
        Ok(Ok(_)) => Line::ok(check, format!("something listens on {host}:{port}")),
        Ok(Err(error)) => Line::fail(check, format!("{host}:{port}: {}", error.kind()), hint),
        Err(_) => {
            Line::fail(check, format!("{host}:{port} does not answer within 5 seconds"), hint)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use crate::config::Secret;
    use crate::mail::TlsRefusal;

    #[tokio::test]
    async fn a_port_where_nobody_listens_fails_and_tells_no_password() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("https://user:secret@127.0.0.1:{port}/");
        let line = endpoint(("image store", "start it"), &url, |_| 1).await;
        assert_eq!(line.state, State::Ok, "{line:?}");
        drop(listener);
        let mut config = Config::default();
        config.messaging.transport = Transport::Amqp;
        config.messaging.url = Secret::new(format!("amqp://user:secret@127.0.0.1:{port}/%2f"));
        config.mail.transport = MailTransport::Smtp;
        "127.0.0.1".clone_into(&mut config.mail.host);
        config.mail.port = port;
        let lines = [
            endpoint(("image store", "start it"), &url, |_| 1).await,
            broker(&config).await.remove(0),
            mail(&config).await.unwrap(),
        ];
        for line in lines {
            assert_eq!(line.state, State::Fail, "{line:?}");
            assert!(!format!("{line:?}").contains("secret"));
        }
    }

    #[test]
    fn a_mail_server_that_does_not_let_us_in_is_told_with_what_to_do() {
        let (found, hint) =
            mail_fault(&DeliveryResult::TlsRefused { reason: TlsRefusal::CertificateName });
        assert_eq!(found, "no verified TLS: certificate name");
        assert!(hint.contains("mail.server_name"));
        let refused = DeliveryResult::of(Phase::Auth, Cause::NoAuthMechanism);
        let (found, hint) = mail_fault(&refused);
        assert_eq!(found, "auth: no auth mechanism");
        assert!(hint.contains("mail.username"));
    }
}
