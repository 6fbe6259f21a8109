//! What a configuration must not say, whatever its types allow.

use super::sections::{Config, Environment, MailTransport, Transport};

impl Config {
    /// Everything that contradicts itself: `(key, what was expected)`.
    pub fn contradictions(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        self.check_server(&mut found);
        self.check_messaging(&mut found);
        self.check_mail(&mut found);
        let scheme = self.database.url.expose().split(':').next().unwrap_or_default();
        if !["sqlite", "postgres", "postgresql"].contains(&scheme) {
            found.push(("database.url", "begin with `sqlite:` or `postgres://`".to_owned()));
        }
        if !self.vault.images.starts_with("file:") && !self.vault.images.starts_with("s3://") {
            found.push(("vault.images", "begin with `file:` or `s3://`".to_owned()));
        }
        for (key, value, most) in [
            ("limits.images", self.limits.images, 50),
            ("limits.image_mib", self.limits.image_mib, 100),
            ("limits.form_mib", self.limits.form_mib, 500),
            ("limits.forms_per_second", self.limits.forms_per_second, 100_000),
            ("review.lease_minutes", self.review.lease_minutes, 10_080),
            ("review.offer_minutes", self.review.offer_minutes, 10_080),
            ("review.decision_hours", self.review.decision_hours, 8_760),
            ("review.expiry_days", self.review.expiry_days, 3_650),
        ] {
            if value == 0 || value > most {
                found.push((key, format!("lie between 1 and {most}")));
            }
        }
        found
    }

    fn check_server(&self, found: &mut Vec<(&'static str, String)>) {
        match self.server.listen.parse::<std::net::SocketAddr>() {
            Ok(address) if !address.ip().is_loopback() && !self.server.behind_tls_proxy => found
                .push((
                "server.listen",
                "be a loopback address such as `127.0.0.1:8400`, unless `behind_tls_proxy = true`"
                    .to_owned(),
            )),
            Ok(_) => {}
            Err(_) => found.push((
                "server.listen",
                "be an address with a port, such as `127.0.0.1:8400`".to_owned(),
            )),
        }
    }

    fn check_messaging(&self, found: &mut Vec<(&'static str, String)>) {
        let url = self.messaging.url.expose();
        match self.messaging.transport {
            Transport::Embedded if !url.is_empty() => {
                found
                    .push(("messaging.url", "be empty with `transport = \"embedded\"`".to_owned()));
            }
            Transport::Amqp if !url.starts_with("amqp://") && !url.starts_with("amqps://") => {
                found.push((
                    "messaging.url",
                    "begin with `amqps://` (or `amqp://` on this machine)".to_owned(),
                ));
            }
            Transport::Amqp => {
                let broker = Broker::of(url);
                if url.starts_with("amqp://") && !broker.is_local() {
                    found.push((
                        "messaging.url",
                        "be `amqps://` for a broker on another machine".to_owned(),
                    ));
                }
                // Without a name the broker's own default is `guest`.
                if ["", "guest"].contains(&broker.user) && self.environment != Environment::Test {
                    found.push((
                        "messaging.url",
                        "name a user of its own instead of `guest`".to_owned(),
                    ));
                }
            }
            Transport::Embedded => {}
        }
    }

    fn check_mail(&self, found: &mut Vec<(&'static str, String)>) {
        match self.mail.transport {
            MailTransport::File if self.environment == Environment::Production => found.push((
                "mail.transport",
                "be `smtp` in production: answers in a folder reach nobody".to_owned(),
            )),
            MailTransport::Smtp if self.mail.host.is_empty() => {
                found.push(("mail.host", "name the mail server".to_owned()));
            }
            MailTransport::File | MailTransport::Smtp => {}
        }
    }
}

/// Who logs in where, read from a broker's URL.
struct Broker<'u> {
    user: &'u str,
    host: &'u str,
}

impl<'u> Broker<'u> {
    fn of(url: &'u str) -> Self {
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        // The authority ends where path, query or fragment begin; an `@` behind that names nobody.
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (login, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        let host = match address.strip_prefix('[') {
            Some(inner) => inner.split(']').next().unwrap_or_default(),
            None => address.split(':').next().unwrap_or_default(),
        };
        Self { user: login.split(':').next().unwrap_or_default(), host }
    }

    /// This machine: `localhost`, or an address of the loopback range, and nothing that merely begins like it.
    fn is_local(&self) -> bool {
        self.host == "localhost"
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn faults(url: &str) -> usize {
        let mut config = Config { environment: Environment::Demo, ..Config::default() };
        config.messaging.transport = Transport::Amqp;
        config.messaging.url = Secret::new(url);
        config.contradictions().len()
    }

    #[test]
    fn a_broker_elsewhere_is_reached_over_tls_and_never_as_guest() {
        for good in [
            "amqp://leadbroker:x@127.0.0.1:5672/%2f",
            "amqp://leadbroker:x@[::1]/",
            "amqp://leadbroker:x@localhost",
            "amqps://leadbroker:x@broker.example.gov/",
        ] {
            assert_eq!(faults(good), 0, "{good}");
        }
        for bad in [
            "amqp://u:p@localhost.example.gov/",
            "amqp://u:p@127.example.gov/",
            "amqp://u:p@broker.example.gov/x@localhost",
            "amqps://guest@broker.example.gov/",
            "amqps://broker.example.gov/",
        ] {
            assert_eq!(faults(bad), 1, "{bad}");
        }
    }
}
