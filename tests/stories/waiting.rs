//! Nobody can be asked: the agency is told why, the supervisor is paged, and the reason goes when it is over.

use std::time::Duration;

use chrono::TimeDelta;
use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::domain::{Account, Role};
use leadbroker::registry::Registry;
use serde_json::{Value, json};

use crate::paging::{until_paged, with_pagers};
use crate::site::patience::Patience;
use crate::site::{Setup, Site};

crate::both!(
    nobody_on_duty_is_told_and_paged_and_goes_when_somebody_comes,
    an_offline_unit_says_until_when,
    full_desks_and_missing_credentials_are_told_apart,
);

/// What the agency was told, event by event: the state, and the reason for the wait.
async fn told(site: &mut Site, request: &str) -> Vec<(String, Value)> {
    let path = format!("search-requests/{request}/events");
    let agency = site.agency();
    let (_, events) = site.call(("GET", &path), &agency, None).await;
    let events = events.as_array().unwrap().iter();
    events
        .map(|event| {
            let data = &event["data"];
            (data["state"].as_str().unwrap().to_owned(), data["waiting"].clone())
        })
        .collect()
}

/// Waits until the status has this reason.
async fn until_waiting(site: &mut Site, request: &str, reason: &Value) -> Value {
    let mut patience = Patience::new();
    while patience.lasts().await {
        let status = site.status(request).await;
        if status["waiting"]["reason"] == *reason {
            return status;
        }
    }
    panic!("`{reason}` wanted: {}", site.status(request).await);
}

/// Changes the people who review for the unit of the stories.
fn reviewers(registry: &mut Registry, change: impl Fn(&mut Account)) {
    for entry in &mut registry.accounts {
        if entry.account.role == Role::Reviewer && entry.account.unit.as_str() == "lacris" {
            change(&mut entry.account);
        }
    }
}

async fn nobody_on_duty_is_told_and_paged_and_goes_when_somebody_comes(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let mut shifts = Vec::new();
    site.registry(|registry| {
        with_pagers(registry);
        shifts = std::mem::take(&mut registry.shifts);
    })
    .await;
    let (_, receipt) = site.submit().await;
    let request = receipt["request"].as_str().unwrap().to_owned();
    let wanted = json!({ "reason": "nobody_on_duty" });
    let status = until_waiting(&mut site, &request, &wanted["reason"]).await;
    assert_eq!((&status["state"], &status["waiting"]), (&json!("queued"), &wanted));
    // The supervisor's page is opened in the transaction that queued it, and goes out.
    let cause = format!("SELECT cause FROM pages WHERE request = '{request}' AND state <> 'ended'");
    assert_eq!(site.column(&cause).await, ["nobody_available"]);
    let told_by_mail = until_paged(&site, 1).await;
    let supervisors = site.logins(Role::LocalAdministrator);
    assert!(told_by_mail.iter().all(|login| supervisors.contains(login)), "{told_by_mail:?}");
    let events = told(&mut site, &request).await;
    assert_eq!(events.last().unwrap(), &("queued".to_owned(), wanted.clone()));
    let queued = site.audited(&request, "search_request.queued").await;
    assert_eq!(queued[0]["detail"]["waiting"], "nobody_on_duty");
    // The same reason is told once, however often the queue is gone through.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(told(&mut site, &request).await, events);

    // Somebody comes: the job is offered, and the agency hears that the reason is gone, but not who was asked.
    site.registry(|registry| registry.shifts = shifts).await;
    let status = until_waiting(&mut site, &request, &Value::Null).await;
    assert_eq!((&status["state"], &status["waiting"]), (&json!("queued"), &Value::Null));
    let last = told(&mut site, &request).await.pop().unwrap();
    assert_eq!(last, ("queued".to_owned(), Value::Null));
    let agency = site.agency();
    let printed = site.cli(&agency, &["status", &request]);
    assert!(!String::from_utf8_lossy(&printed.stdout).contains("nobody_on_duty"));
    site.follow(&request).await;
}

async fn an_offline_unit_says_until_when(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let until = SystemClock.now() + TimeDelta::hours(8);
    site.registry(|registry| {
        for unit in &mut registry.units {
            unit.desk.offline_until = Some(until);
        }
    })
    .await;
    let (_, receipt) = site.submit().await;
    let request = receipt["request"].as_str().unwrap().to_owned();
    let status = until_waiting(&mut site, &request, &json!("unit_offline")).await;
    let shown: chrono::DateTime<chrono::Utc> =
        serde_json::from_value(status["waiting"]["until"].clone()).unwrap();
    assert_eq!(shown.timestamp(), until.timestamp());
    let last = told(&mut site, &request).await.pop().unwrap();
    assert_eq!(last, ("queued".to_owned(), status["waiting"].clone()));
    let cause = format!("SELECT cause FROM pages WHERE request = '{request}' AND state <> 'ended'");
    assert_eq!(site.column(&cause).await, ["nobody_available"]);

    // Back, but with nobody on duty: another reason, and its wait ends no later than before.
    let end = format!("SELECT deadline_at FROM search_requests WHERE id = '{request}'");
    let before = site.number(&end).await;
    site.registry(|registry| {
        for unit in &mut registry.units {
            unit.desk.offline_until = None;
        }
        registry.shifts.clear();
    })
    .await;
    until_waiting(&mut site, &request, &json!("nobody_on_duty")).await;
    assert_eq!(site.number(&end).await, before);
    let reasons: Vec<Value> =
        told(&mut site, &request).await.into_iter().map(|(_, why)| why["reason"].clone()).collect();
    assert!(reasons.ends_with(&[json!("unit_offline"), json!("nobody_on_duty")]), "{reasons:?}");
}

async fn full_desks_and_missing_credentials_are_told_apart(setup: Setup) {
    let mut site = Site::serving(setup).await;
    site.registry(|registry| {
        for unit in &mut registry.units {
            unit.desk.capacity = Some(1);
        }
    })
    .await;
    // Two are on duty, each with room for one.
    for _ in 0..2 {
        site.queued().await;
    }
    let (_, receipt) = site.submit().await;
    let full = receipt["request"].as_str().unwrap().to_owned();
    until_waiting(&mut site, &full, &json!("at_capacity")).await;
    let (_, withdrawn) = site.withdraw(&full).await;
    assert_eq!(withdrawn["state"], "withdrawn");
    assert_eq!(site.status(&full).await["waiting"], Value::Null, "it waits no longer");

    // Whoever could examine it has lost the credential.
    site.registry(|registry| {
        for unit in &mut registry.units {
            unit.desk.capacity = None;
        }
        reviewers(registry, |person| person.credentials.clear());
    })
    .await;
    let (_, receipt) = site.submit().await;
    let request = receipt["request"].as_str().unwrap().to_owned();
    until_waiting(&mut site, &request, &json!("nobody_qualified")).await;
}
