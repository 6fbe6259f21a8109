//! Certificates near their end: the one that signs answers, and those that answers are encrypted to.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::timeout;

use super::Line;
use crate::app;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::mail::certificate::ends_at;
use crate::registry::Registry;
use crate::store::probe_registry;
use crate::vault::MasterKey;

/// So long before its end a certificate is told: an authority may need weeks for the next one.
const SOON: TimeDelta = TimeDelta::days(30);
/// A database that needs longer is away.
const PATIENCE: Duration = Duration::from_secs(5);
/// Recipients that are named; of more the number is told.
const NAMED: usize = 5;

/// The certificate that signs answers, whose key is known to fit.
pub(super) fn of_answers(pem: &[u8], now: DateTime<Utc>) -> Line {
    let check = "answers' certificate";
    let hint = "get the next one, set `mail.certificate_file` and `mail.key_file` to it, and start the server again: after its end no answer can be sealed";
    match ends_at(pem) {
        None => Line::warn(check, "its end cannot be read", "look at it with `openssl x509 -text`"),
        Some(end) if end < now => Line::fail(check, format!("it ended on {}", day(end)), hint),
        Some(end) if end < now + SOON => {
            Line::warn(check, format!("it ends on {}", day(end)), hint)
        }
        Some(end) => {
            Line::ok(check, format!("certificate and key belong together, until {}", day(end)))
        }
    }
}

/// The recipients' certificates in the registry in force. It is opened, and nothing of it is told but agencies and days.
pub(super) async fn of_recipients(config: &Config) -> Option<Line> {
    let master = MasterKey::from_hex(config.vault.master_key.expose()).ok()?;
    let url = app::read_only(config)?;
    let sealed = timeout(PATIENCE, probe_registry(&url)).await.ok()??;
    let Ok(registry) = master.open_registry::<Registry>(&sealed) else {
        return Some(Line::fail(
            "recipients' certificates",
            "the registry in force does not open with this master key",
            "bring the key back that sealed it: nothing else opens it, nor any record",
        ));
    };
    judge(&registry, SystemClock.now())
}

fn judge(registry: &Registry, now: DateTime<Utc>) -> Option<Line> {
    let check = "recipients' certificates";
    // What cannot be read comes first, then by the end.
    let mut ends: Vec<(Option<DateTime<Utc>>, String)> = registry
        .recipients
        .iter()
        .map(|one| (ends_at(one.certificate.as_bytes()), one.agency.to_string()))
        .collect();
    ends.sort();
    let (first, _) = ends.first()?;
    let late: Vec<String> = ends
        .iter()
        .filter_map(|(end, agency)| match *end {
            None => Some(format!("{agency}: unreadable")),
            Some(end) if end < now => Some(format!("{agency}: ended on {}", day(end))),
            Some(end) if end < now + SOON => Some(format!("{agency}: ends on {}", day(end))),
            Some(_) => None,
        })
        .collect();
    if late.is_empty() {
        let first = first.map(day).unwrap_or_default();
        return Some(Line::ok(check, format!("{}, the first ends on {first}", ends.len())));
    }
    let mut found: Vec<String> = late.iter().take(NAMED).cloned().collect();
    if late.len() > NAMED {
        found.push(format!("and {} more", late.len() - NAMED));
    }
    let hint = "ask the agency for the next one, put it in the registry, and `leadbroker registry import FILE`: an answer without one is held";
    Some(Line::warn(check, found.join(", "), hint))
}

fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use crate::id_source::SystemIds;
    use crate::mail::MailAddress;
    use crate::mail::authority::{Authority, CertificateUse, KeyKind, Validity};
    use crate::registry::Recipient;

    /// A certificate that ends so many days after `now`.
    fn certificate(now: DateTime<Utc>, days: i64) -> String {
        let validity = |days| Validity {
            from: now - TimeDelta::days(100),
            until: now + TimeDelta::days(days),
        };
        let authority = Authority::new("Sample", KeyKind::P256, validity(400), &SystemIds).unwrap();
        let address: MailAddress = "jsample@pd.example.gov".parse().unwrap();
        let usage = CertificateUse::MailEncryption(&address);
        let one = authority.issue(usage, KeyKind::P256, validity(days), &SystemIds).unwrap();
        String::from_utf8(one.certificate_pem().unwrap()).unwrap()
    }

    #[test]
    fn the_certificate_of_answers_is_told_a_month_before_its_end() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        for (days, state, says) in [
            (31, State::Ok, "until 2026-12-22"),
            (29, State::Warn, "it ends on 2026-12-20"),
            (-1, State::Fail, "it ended on 2026-11-20"),
        ] {
            let line = of_answers(certificate(now, days).as_bytes(), now);
            assert_eq!(line.state, state, "{line:?}");
            assert!(line.found.contains(says), "{line:?}");
        }
    }

    #[test]
    fn recipients_near_their_end_are_named_by_agency_and_no_address() {
        let now: DateTime<Utc> = "2026-11-21T12:00:00Z".parse().unwrap();
        let recipient = |certificate: String| Recipient {
            agency: "CA0194200".parse().unwrap(),
            email: "jsample@pd.example.gov".to_owned(),
            certificate,
            reads_gcm: false,
        };
        let mut registry = Registry::default();
        assert!(judge(&registry, now).is_none(), "nobody has one");
        registry.recipients.push(recipient(certificate(now, 200)));
        let line = judge(&registry, now).unwrap();
        assert_eq!(line.state, State::Ok, "{line:?}");
        for days in [29, -1] {
            registry.recipients.push(recipient(certificate(now, days)));
        }
        registry.recipients.push(recipient("no certificate".to_owned()));
        let line = judge(&registry, now).unwrap();
        assert_eq!(line.state, State::Warn);
        assert_eq!(
            line.found,
            "CA0194200: unreadable, CA0194200: ended on 2026-11-20, CA0194200: ends on 2026-12-20"
        );
        for _ in 0..4 {
            registry.recipients.push(recipient("no certificate".to_owned()));
        }
        let line = judge(&registry, now).unwrap();
        assert!(line.found.ends_with("and 2 more") && !line.found.contains('@'), "{line:?}");
    }
}
