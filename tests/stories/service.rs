//! The service clock: a request says when its answer is due and why, the unit is reminded, a late answer is told to the
//! agency, each once.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::site::patience::Patience;
use crate::site::{Setup, Site};

crate::both!(an_answer_that_is_late_is_told_once,);

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// The request was received earlier by so much, and its clock is looked at now.
async fn received_earlier(site: &Site, request: &str, by: TimeDelta) {
    let by = by.num_microseconds().unwrap();
    let moved = format!(
        "UPDATE search_requests SET received_at = received_at - {by} WHERE id = '{request}'"
    );
    let now = format!(
        "UPDATE service_clocks SET look_at = 1 WHERE request = '{request}' AND look_at IS NOT NULL"
    );
    // The sweep sees both or nothing.
    site.sql_at_once(&[&moved, &now]).await;
}

/// Pages about the service target, with their states.
async fn service_pages(site: &Site, request: &str) -> Vec<String> {
    let pages = format!(
        "SELECT cause || ' ' || state FROM pages WHERE request = '{request}' AND cause LIKE 'service_%' ORDER BY cause"
    );
    site.column(&pages).await
}

async fn an_answer_that_is_late_is_told_once(setup: Setup) {
    let mut site = Site::new(setup);
    site.registry(|registry| {
        let terms = registry.units.iter_mut().filter_map(|unit| unit.service.as_mut());
        for target in terms.flat_map(|terms| &mut terms.targets) {
            (target.minutes, target.around_the_clock) = (480, true);
        }
    })
    .await;
    site.registry(crate::paging::with_standard_steps).await;
    site.start(None).await;
    let request = site.queued().await;
    site.until_audited(&request, "page.escalated", 1).await;
    let status = site.status(&request).await;
    let clock = &status["service"];
    assert_eq!(clock["state"], "running", "{status}");
    let (received, due) = (time(&status["received_at"]), time(&clock["due_at"]));
    assert_eq!(due - received, TimeDelta::hours(8), "around the clock");
    assert!(clock["why"].as_str().unwrap().starts_with("routine: 8 h around the clock"), "{clock}");
    let reviewer = site.reviewer(0);
    site.claimed(&request, &reviewer).await;
    let (_, case) = site.call(("GET", &format!("jobs/{request}")), &reviewer, None).await;
    assert_eq!(time(&case["service_due_at"]), due);

    received_earlier(&site, &request, TimeDelta::hours(7)).await;
    site.until_audited(&request, "service.reminder", 1).await;
    // The supervisors are told, and of the reviewers nobody.
    site.until_audited(&request, "page.escalated", 2).await;
    assert_eq!(service_pages(&site, &request).await, ["service_due open"]);
    received_earlier(&site, &request, TimeDelta::minutes(1)).await;
    let pending =
        format!("SELECT count(*) FROM service_clocks WHERE request = '{request}' AND look_at = 1");
    let mut patience = Patience::new();
    while patience.lasts().await && site.number(&pending).await > 0 {}
    assert_eq!(site.number(&pending).await, 0, "it was looked at");
    received_earlier(&site, &request, TimeDelta::hours(2)).await;
    site.until_audited(&request, "service.overdue", 1).await;
    // What is overdue is not due any more; nobody can take it, so whoever has seen it ends its page.
    let pages = service_pages(&site, &request).await;
    assert_eq!(pages, ["service_due ended", "service_overdue open"]);
    site.until_audited(&request, "page.escalated", 3).await;
    let told = site.audited(&request, "page.escalated").await;
    let of_service =
        |entry: &&Value| entry["detail"]["cause"].as_str().unwrap().starts_with("service_");
    let told: Vec<&Value> =
        told.iter().filter(of_service).map(|entry| &entry["detail"]["target"]).collect();
    let supervisor = site.administrator();
    let account = site.account(&supervisor);
    assert_eq!(told, [account.as_str(), account.as_str()]);
    let listed = site.cli_json(&supervisor, &["pages", "list"]);
    let page = listed["items"][0]["page"].as_str().unwrap().to_owned();
    let seen = site.cli_json(&supervisor, &["page", "ack", &page]);
    assert_eq!(seen["state"], "ended", "{seen}");
    let entry = &site.audited(&request, "service.overdue").await[0];
    assert_eq!(entry["detail"]["lane"], "routine", "{entry}");
    let looks = format!(
        "SELECT count(*) FROM service_clocks WHERE request = '{request}' AND look_at IS NULL"
    );
    assert_eq!(site.number(&looks).await, 1, "nothing is left to tell");
    let agency = site.agency();
    let path = format!("search-requests/{request}/events");
    let (_, events) = site.call(("GET", &path), &agency, None).await;
    let late = events
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "gov.leadbroker.search_request.overdue.v1");
    assert_eq!(late.count(), 1, "{events}");
    site.assert_times(&request, "service", &[("service.reminder", 1), ("service.overdue", 1)])
        .await;

    // An answer stops the clock, and it says that it came late.
    site.follow(&request).await;
    let status = site.until(&request, &["delivered"]).await;
    assert_eq!(status["service"]["state"], json!("stopped"));
    assert!(status["service"]["why"].as_str().unwrap().contains("after it"), "{status}");
    site.assert_ledger(&request, "service").await;
}
