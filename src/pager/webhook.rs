//! Signed calls to a site's destinations: checked addresses, no redirects, no proxy, a deadline, a circuit each.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::address::{AddressRefused, CheckedResolver, is_public};
use crate::paging::Destination;
use crate::paging::breaker::Breaker;
use crate::paging::signed::{self, DELIVERY, SIGNATURE, TIMESTAMP};

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallResult {
    /// The destination took it.
    Taken {
        /// Its status.
        code: String,
    },
    /// Not now; the same call may be made again.
    Later {
        /// Why.
        code: String,
        /// Not before.
        not_before: Option<DateTime<Utc>>,
    },
    /// The same call will never be taken.
    Never {
        /// Why.
        code: String,
    },
}

/// A destination that cannot be called.
#[derive(Debug, thiserror::Error)]
#[error("use the destination `{name}`: {message}")]
pub struct WebhookError {
    name: String,
    message: String,
}

/// Every destination with its client and its circuit.
#[derive(Debug, Clone, Default)]
pub struct Webhooks {
    hooks: Arc<BTreeMap<String, Hook>>,
}

#[derive(Debug)]
struct Hook {
    destination: Destination,
    url: reqwest::Url,
    client: reqwest::Client,
    breaker: Mutex<Breaker>,
}

impl Webhooks {
    /// Makes the clients; nothing is connected yet.
    pub fn new(destinations: &[Destination]) -> Result<Self, WebhookError> {
        let mut hooks = BTreeMap::new();
        for destination in destinations {
            hooks.insert(destination.name.clone(), Hook::new(destination)?);
        }
        Ok(Self { hooks: Arc::new(hooks) })
    }

    /// One call with a body that is JSON. `delivery` is the same in every attempt.
    pub async fn call(
        &self,
        name: &str,
        delivery: &str,
        body: Vec<u8>,
        now: DateTime<Utc>,
    ) -> CallResult {
        let Some(hook) = self.hooks.get(name) else {
            return CallResult::Never { code: "destination_unknown".to_owned() };
        };
        if let Err(at) = hook.lock().ask(now) {
            return CallResult::Later { code: "circuit_open".to_owned(), not_before: Some(at) };
        }
        let result = hook.call(delivery, body, now).await;
        // A refusal is an answer: the destination lives.
        hook.lock().record(!matches!(result, CallResult::Later { .. }), now);
        result
    }
}

impl Hook {
    fn new(destination: &Destination) -> Result<Self, WebhookError> {
        let fault = |message: String| WebhookError { name: destination.name.clone(), message };
        let url: reqwest::Url =
            destination.url.parse().map_err(|_| fault("`url` is no URL".to_owned()))?;
        if url.host_str().is_none() || !url.username().is_empty() || url.password().is_some() {
            return Err(fault("`url` names a host and no user".to_owned()));
        }
        let resolver = CheckedResolver { allow_private: destination.allow_private };
        let mut builder = reqwest::Client::builder()
            .timeout(Duration::from_secs(destination.timeout_seconds.into()))
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .https_only(!destination.allow_private)
            .dns_resolver(Arc::new(resolver))
            .user_agent(concat!("leadbroker/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = &destination.authorities {
            let authorities = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|_| fault("`ca_file` must hold PEM certificates".to_owned()))?;
            builder = builder.tls_certs_only(authorities);
        }
        let client = builder.build().map_err(|_| fault("TLS could not be set up".to_owned()))?;
        Ok(Self { destination: destination.clone(), url, client, breaker: Mutex::default() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call(&self, delivery: &str, body: Vec<u8>, now: DateTime<Utc>) -> CallResult {
        // An address in the URL is never looked up, so the resolver does not see it.
        if !self.destination.allow_private && self.literal().is_some_and(|ip| !is_public(ip)) {
            return CallResult::Never { code: "address_refused".to_owned() };
        }
        let Ok(signature) = signed::sign(&self.destination.secret, now, &body) else {
            return later("signature");
        };
        let call = self
            .client
            .post(self.url.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .header(TIMESTAMP, now.timestamp().to_string())
            .header(SIGNATURE, signature)
            .header(DELIVERY, delivery)
            .body(body);
        // The answer's body is never read: its status is all that counts.
        match call.send().await {
            Ok(answer) => of_status(answer.status().as_u16()),
            Err(error) => of_error(&error),
        }
    }

    fn literal(&self) -> Option<IpAddr> {
        self.url.host_str()?.trim_matches(['[', ']']).parse().ok()
    }
}

fn later(code: &str) -> CallResult {
    CallResult::Later { code: code.to_owned(), not_before: None }
}

fn of_status(status: u16) -> CallResult {
    let code = status.to_string();
    match status {
        200..300 => CallResult::Taken { code },
        408 | 425 | 429 | 500.. => CallResult::Later { code, not_before: None },
        // A redirect is not followed: it could lead anywhere.
        _ => CallResult::Never { code },
    }
}

fn of_error(error: &reqwest::Error) -> CallResult {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<AddressRefused>() {
            return CallResult::Never { code: "address_refused".to_owned() };
        }
        source = cause.source();
    }
    if error.is_timeout() {
        return later("timeout");
    }
    later(if error.is_connect() { "connect" } else { "broken" })
}
