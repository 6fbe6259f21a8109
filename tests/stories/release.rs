//! What a release needs: a fresh second factor, credentials in force, no open placeholder.

use chrono::{DateTime, Utc};
use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::domain::Role;
use serde_json::{Value, json};

use crate::site::people::lead;
use crate::site::{Setup, Site};

crate::both!(
    a_release_spends_a_fresh_code,
    nothing_is_released_with_a_lapsed_credential_or_an_open_placeholder,
);

fn code(secret: &str, at: DateTime<Utc>) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    totp.generate(u64::try_from(at.timestamp()).unwrap()).to_string()
}

async fn released(site: &mut Site, (request, hash): (&str, &str), code: Value) -> (u16, Value) {
    let officer = site.officer();
    let body = json!({ "document_sha256": hash, "code": code });
    site.call(("POST", &format!("jobs/{request}/release")), &officer, Some(&body)).await
}

async fn a_release_spends_a_fresh_code(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let secret = site.totp_secret(Role::ReleaseAuthority, 0);
    let own = secret.clone();
    site.registry(move |registry| {
        let of_unit = |e: &&mut leadbroker::registry::AccountEntry| {
            e.account.role == Role::ReleaseAuthority && e.account.unit.as_str() == "lacris"
        };
        registry.accounts.iter_mut().find(of_unit).unwrap().totp_secret = Some(own);
    })
    .await;
    let mut hashes = Vec::new();
    for _ in 0..2 {
        let request = site.concluded(&lead("A1")).await;
        let pdf = site.document(&request).await;
        hashes.push((request, hex::encode(openssl::sha::sha256(&pdf))));
    }
    let [(one, first), (two, second)] = hashes.as_slice() else { panic!("two") };
    let now = SystemClock.now();
    let fresh = code(&secret, now);
    for wrong in [
        Value::Null,
        json!("000000"),
        json!(""),
        json!(code(&secret, now - chrono::TimeDelta::minutes(10))),
    ] {
        let (status, told) = released(&mut site, (one, first), wrong).await;
        assert_eq!((status, &told["code"]), (403, &json!("second_factor")), "{told}");
    }
    // A document that cannot be released costs no code.
    let (status, told) = released(&mut site, (one, &"0".repeat(64)), json!(fresh)).await;
    assert_eq!((status, &told["code"]), (409, &json!("document_changed")), "{told}");
    let (status, told) = released(&mut site, (one, first), json!(fresh)).await;
    assert_eq!((status, &told["state"]), (200, &json!("released")), "{told}");
    let (status, told) = released(&mut site, (two, second), json!(fresh)).await;
    assert_eq!(
        (status, &told["code"]),
        (403, &json!("second_factor")),
        "a code works once: {told}"
    );
    // Whoever knows a login can lock the log-in, and stops no release.
    let login = site.logins(Role::ReleaseAuthority)[0].clone();
    let guess = json!({ "login": login, "password": "a guess", "code": "000000" });
    for wanted in [401, 401, 401, 401, 401, 429] {
        let (status, told) = site.call(("POST", "sessions"), "", Some(&guess)).await;
        assert_eq!(status, wanted, "{told}");
    }
    let next = code(&secret, now + chrono::TimeDelta::seconds(30));
    let (status, told) = released(&mut site, (two, second), json!(next)).await;
    assert_eq!((status, &told["state"]), (200, &json!("released")), "{told}");
    assert_eq!(site.audited(one, "second_factor.refused").await.len(), 3);
    assert_eq!(site.audited(two, "second_factor.refused").await.len(), 1);
}

async fn nothing_is_released_with_a_lapsed_credential_or_an_open_placeholder(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let request = site.concluded(&lead("A1")).await;
    let second = hex::encode(openssl::sha::sha256(site.reviewer(1).as_bytes()));
    let mut until = SystemClock.now();
    let (token, lapsed) = (second.clone(), until - chrono::TimeDelta::minutes(1));
    site.registry(|registry| {
        let mut entries = registry.accounts.iter_mut();
        let entry = entries.find(|e| e.token_sha256.as_deref() == Some(token.as_str())).unwrap();
        until = entry.account.credentials[0].expires_at;
        entry.account.credentials[0].expires_at = lapsed;
        let unit = registry.units.iter_mut().find(|unit| unit.id.as_str() == "lacris").unwrap();
        "Sample unit (insert name)".clone_into(&mut unit.name);
    })
    .await;
    let pdf = site.document(&request).await;
    let hash = hex::encode(openssl::sha::sha256(&pdf));
    let (status, told) = site.release_document(&request, &hash).await;
    let clauses: Vec<&Value> =
        told["findings"].as_array().unwrap().iter().map(|f| &f["clause"]).collect();
    assert_eq!(status, 422, "{told}");
    assert_eq!(clauses, [&json!("CORE-CREDENTIAL"), &json!("CORE-PLACEHOLDER")], "{told}");
    site.registry(|registry| {
        let mut entries = registry.accounts.iter_mut();
        let entry = entries.find(|e| e.token_sha256.as_deref() == Some(second.as_str())).unwrap();
        entry.account.credentials[0].expires_at = until;
        let unit = registry.units.iter_mut().find(|unit| unit.id.as_str() == "lacris").unwrap();
        "Sample unit".clone_into(&mut unit.name);
    })
    .await;
    // The officer reads what will leave: the document has another name on it now.
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
}
