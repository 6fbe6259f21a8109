//! What a configuration must not say, whatever its types allow.

use std::ops::RangeInclusive;

use toml::Value;

use super::sections::{Config, Environment, MailTransport, Transport};

/// Least and greatest value of every number. A range that begins with zero says in the setting's meaning what zero does.
pub(super) const RANGES: &[(&str, RangeInclusive<i64>)] = &[
    ("server.max_connections", 1..=100_000),
    ("server.shutdown_seconds", 1..=3_600),
    ("server.check_wait_ms", 0..=60_000),
    ("database.readers", 1..=1_000),
    ("messaging.prefetch", 1..=10_000),
    ("audit.checkpoint_seconds", 1..=86_400),
    ("mail.port", 1..=65_535),
    ("mail.connections", 1..=1_000),
    ("mail.deadline_seconds", 0..=600),
    ("limits.images", 1..=50),
    ("limits.image_mib", 1..=100),
    ("limits.form_mib", 1..=500),
    ("limits.forms_per_second", 1..=100_000),
    ("limits.signature_max_age_hours", 1..=8_760),
    ("limits.signature_skew_minutes", 0..=1_440),
    ("limits.situation_letters", 1..=4_000),
    ("limits.suspicion_letters", 1..=4_000),
    ("review.lease_minutes", 1..=10_080),
    ("review.lease_most_hours", 1..=720),
    ("review.offer_minutes", 1..=10_080),
    ("review.decision_hours", 1..=8_760),
    ("review.threat_decision_minutes", 1..=1_440),
    ("review.emergency_hours", 1..=168),
    ("review.expiry_days", 1..=3_650),
    ("retention.days", 1..=36_500),
];

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
        if self.limits.image_mib > self.limits.form_mib {
            found.push((
                "limits.image_mib",
                "be at most `limits.form_mib`: an image travels in a form".to_owned(),
            ));
        }
        if self.review.lease_minutes > self.review.lease_most_hours.saturating_mul(60) {
            found.push((
                "review.lease_minutes",
                "be at most `review.lease_most_hours`: a claim cannot hold longer than that in all"
                    .to_owned(),
            ));
        }
        self.check_ranges(&mut found);
        found
    }

    /// A number outside of its range would stop the work (no connection, no time) or overflow it.
    fn check_ranges(&self, found: &mut Vec<(&'static str, String)>) {
        let Ok(all) = Value::try_from(self) else { return };
        for (key, range) in RANGES {
            let number = key
                .split_once('.')
                .and_then(|(section, name)| all.get(section)?.get(name)?.as_integer());
            if !number.is_some_and(|number| range.contains(&number)) {
                found.push((key, format!("lie between {} and {}", range.start(), range.end())));
            }
        }
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
    use crate::config::{Kind, Secret};

    #[test]
    fn every_number_has_a_range_and_every_range_a_number() {
        let numbers = Config::settings().filter(|(_, key)| key.kind == Kind::Number);
        let numbers: Vec<String> = numbers.map(|(key, _)| key).collect();
        let ranged: Vec<&str> = RANGES.iter().map(|(key, _)| *key).collect();
        assert_eq!(numbers, ranged);
        for (key, setting) in Config::settings() {
            let zero = RANGES.iter().any(|(of, range)| *of == key && *range.start() == 0);
            assert_eq!(zero, setting.meaning.contains("; 0: "), "{key} says what zero does");
        }
    }

    #[test]
    fn zero_and_too_much_are_refused_where_they_make_no_sense() {
        let all = Value::try_from(Config::default()).unwrap();
        for (key, range) in RANGES {
            let (section, name) = key.split_once('.').unwrap();
            let with = |number: i64| {
                let mut all = all.clone();
                let setting = all.get_mut(section).and_then(|section| section.get_mut(name));
                *setting.unwrap() = Value::Integer(number);
                Value::try_into::<Config>(all)
                    .map(|config| config.contradictions().iter().any(|(found, _)| found == key))
            };
            if *range.start() > 0 {
                assert!(with(0).unwrap(), "{key} = 0");
            }
            // A port above the type's own range is refused before.
            assert!(with(range.end() + 1).unwrap_or(true), "{key} above {}", range.end());
        }
    }

    #[test]
    fn an_image_fits_into_a_form() {
        let mut config = Config { environment: Environment::Demo, ..Config::default() };
        config.limits.form_mib = 10;
        let found = config.contradictions();
        assert_eq!(found.first().map(|(key, _)| *key), Some("limits.image_mib"));
    }

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
