//! Passwords, one-time codes, and what a login is kept from after too many failures.
//!
//! Failures are counted in this process: a restart forgets them. Each one is an audit entry, so nothing is hidden. A code is
//! spent in the database: no process takes it twice.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::{Argon2, PasswordVerifier as _};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Semaphore;
use totp_rs::{Builder, Secret};

use crate::domain::AccountId;
use crate::registry::AccountEntry;
use crate::store::{Store, StoreError};

/// Failures that lock a login.
const FAILURES: usize = 5;
/// Within this time; so long the lock holds, counted from the last failure.
const WINDOW: TimeDelta = TimeDelta::minutes(15);
/// Logins that are remembered at most; the oldest failures go first.
const REMEMBERED: usize = 10_000;
/// Passwords that are verified at the same time: each costs 19 MiB and a core.
const AT_ONCE: usize = 2;

/// A hash (argon2id, RFC 9106) that no password fits: an unknown login costs what a known one costs.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5Li4ubm9ib2R5Lg$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What a login attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Password and code are right; this is the code's step in time.
    Right(u64),
    /// One of them is wrong, or there is no such account.
    Wrong,
}

/// Counts failures.
#[derive(Debug)]
pub(super) struct LoginGuard {
    failures: Mutex<HashMap<[u8; 32], Vec<DateTime<Utc>>>>,
    pub(super) verifying: Semaphore,
}

impl Default for LoginGuard {
    fn default() -> Self {
        Self { failures: Mutex::default(), verifying: Semaphore::new(AT_ONCE) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LoginGuard {
    /// How long a login stays locked.
    pub(super) fn locked(&self, login: &str, now: DateTime<Utc>) -> Option<Duration> {
        let failures = lock(&self.failures);
        let recent = failures.get(&openssl::sha::sha256(login.as_bytes()))?;
        let recent: Vec<_> = recent.iter().filter(|at| now - **at < WINDOW).collect();
        if recent.len() < FAILURES {
            return None;
        }
        recent.last().and_then(|at| (**at + WINDOW - now).to_std().ok())
    }

    /// Counts a failure. True if it locks the login.
    pub(super) fn failed(&self, login: &str, now: DateTime<Utc>) -> bool {
        let mut failures = lock(&self.failures);
        if failures.len() >= REMEMBERED {
            failures.retain(|_, times| times.last().is_some_and(|at| now - *at < WINDOW));
        }
        if failures.len() >= REMEMBERED {
            let oldest =
                failures.iter().min_by_key(|(_, times)| times.last().copied()).map(|(key, _)| *key);
            oldest.map(|key| failures.remove(&key));
        }
        let times = failures.entry(openssl::sha::sha256(login.as_bytes())).or_default();
        times.retain(|at| now - *at < WINDOW);
        times.push(now);
        times.len() == FAILURES
    }

    /// A login succeeded: its failures are forgotten.
    pub(super) fn succeeded(&self, login: &str) {
        lock(&self.failures).remove(&openssl::sha::sha256(login.as_bytes()));
    }
}

/// Spends the code of a step in time; false if it was spent before.
pub(super) async fn spend(
    store: &Store,
    account: AccountId,
    step: Option<u64>,
) -> Result<bool, StoreError> {
    let Some(step) = step.and_then(|step| i64::try_from(step).ok()) else { return Ok(false) };
    store.spend_code(account, step).await
}

/// Verifies a password and a code. CPU work: call it off the event loop. An account without a password, without a
/// second factor, or switched off cannot log in, and neither answer nor cost tell it from a wrong password.
pub(super) fn prove(
    entry: Option<&AccountEntry>,
    password: &str,
    code: &str,
    now: DateTime<Utc>,
) -> Proof {
    let hash = entry.and_then(|entry| entry.password_argon2.as_deref()).unwrap_or(NOBODY);
    let password = Argon2::default().verify_password(password.as_bytes(), hash).is_ok();
    let secret = entry.and_then(|entry| entry.totp_secret.as_deref());
    let step = secret.and_then(|secret| code_step(secret, code, now));
    let active = entry.is_some_and(|entry| entry.account.active);
    match step {
        Some(step) if password && active => Proof::Right(step),
        Some(_) | None => Proof::Wrong,
    }
}

/// The step in time of a one-time code (RFC 6238), if it is one of this secret's and of now.
pub(super) fn code_step(secret: &str, code: &str, now: DateTime<Utc>) -> Option<u64> {
    let secret = Secret::try_from_base32(secret).ok()?;
    let totp = Builder::new().with_secret(secret).build().ok()?;
    totp.check(code, u64::try_from(now.timestamp()).ok()?)
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHasher as _;
    use uuid::Uuid;

    use super::*;

    const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

    fn entry() -> AccountEntry {
        let hash: argon2::PasswordHash = Argon2::default()
            .hash_password_with_salt(b"correct horse", b"0123456789abcdef")
            .unwrap();
        let account = serde_json::json!({
            "id": AccountId::new(Uuid::from_u128(1)), "login": "sample", "name": "R. Sample",
            "unit": "lacris", "role": "reviewer", "active": true, "credentials": [],
        });
        AccountEntry {
            account: serde_json::from_value(account).unwrap(),
            token_sha256: None,
            password_argon2: Some(hash.to_string()),
            totp_secret: Some(SECRET.to_owned()),
            suspension: None,
        }
    }

    fn code(at: DateTime<Utc>) -> String {
        let totp =
            Builder::new().with_secret(Secret::try_from_base32(SECRET).unwrap()).build().unwrap();
        totp.generate(u64::try_from(at.timestamp()).unwrap()).to_string()
    }

    #[test]
    fn both_factors_of_an_active_account_are_needed() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let (good, code) = (entry(), code(now));
        assert!(matches!(prove(Some(&good), "correct horse", &code, now), Proof::Right(_)));
        assert_eq!(prove(Some(&good), "wrong horse", &code, now), Proof::Wrong);
        assert_eq!(prove(Some(&good), "correct horse", "000000", now), Proof::Wrong);
        assert_eq!(prove(None, "correct horse", &code, now), Proof::Wrong);
        let later = now + TimeDelta::minutes(5);
        assert_eq!(prove(Some(&good), "correct horse", &code, later), Proof::Wrong);
        let mut left = good.clone();
        left.account.active = false;
        assert_eq!(prove(Some(&left), "correct horse", &code, now), Proof::Wrong);
        let mut single = good;
        single.totp_secret = None;
        assert_eq!(prove(Some(&single), "correct horse", &code, now), Proof::Wrong);
    }

    #[test]
    fn the_hash_that_stands_for_nobody_costs_what_a_real_one_costs() {
        let parsed = argon2::PasswordHash::new(NOBODY).unwrap();
        let params = argon2::Params::try_from(&parsed).unwrap();
        let real = argon2::Params::default();
        let cost = |params: &argon2::Params| (params.m_cost(), params.t_cost(), params.p_cost());
        assert_eq!(cost(&params), cost(&real));
    }

    #[test]
    fn five_failures_lock_for_a_quarter_of_an_hour() {
        let guard = LoginGuard::default();
        let start = DateTime::<Utc>::UNIX_EPOCH;
        for minute in 0..4 {
            assert!(!guard.failed("a", start + TimeDelta::minutes(minute)));
        }
        assert_eq!(guard.locked("a", start + TimeDelta::minutes(4)), None);
        assert!(guard.failed("a", start + TimeDelta::minutes(4)));
        assert!(guard.locked("a", start + TimeDelta::minutes(5)).is_some());
        assert_eq!(guard.locked("b", start + TimeDelta::minutes(5)), None);
        assert_eq!(guard.locked("a", start + TimeDelta::minutes(19)), None);
    }

    #[test]
    fn a_login_that_succeeds_forgets_its_failures() {
        let guard = LoginGuard::default();
        let start = DateTime::<Utc>::UNIX_EPOCH;
        for _ in 0..4 {
            assert!(!guard.failed("a", start));
        }
        guard.succeeded("a");
        assert!(!guard.failed("a", start));
        assert_eq!(guard.locked("a", start), None);
    }

    #[test]
    fn a_flood_of_logins_is_forgotten_from_its_oldest_end() {
        let guard = LoginGuard::default();
        let start = DateTime::<Utc>::UNIX_EPOCH;
        for number in 0..REMEMBERED {
            guard.failed(
                &number.to_string(),
                start + TimeDelta::microseconds(i64::try_from(number).unwrap()),
            );
        }
        guard.failed("one more", start + TimeDelta::seconds(1));
        let failures = lock(&guard.failures);
        assert_eq!(failures.len(), REMEMBERED);
        assert!(!failures.contains_key(&openssl::sha::sha256(b"0")));
    }
}
