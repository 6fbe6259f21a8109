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
                let host = url.rsplit_once('@').map_or("", |(_, host)| host);
                let local =
                    ["127.", "localhost", "[::1]"].iter().any(|name| host.starts_with(name));
                if url.starts_with("amqp://") && !local {
                    found.push((
                        "messaging.url",
                        "be `amqps://` for a broker on another machine".to_owned(),
                    ));
                }
                if url.contains("//guest:") && self.environment != Environment::Test {
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
