//! Claims on jobs: kept, handed over, given back, lost; and how many of them one desk holds.

use leadbroker::domain::{Account, AccountId, Role, UnitDesk};
use leadbroker::registry::Registry;
use serde_json::{Value, json};

use crate::site::crowd::signal;
use crate::site::people::examination;
use crate::site::{Setup, Site};

crate::both!(
    a_claim_is_kept_handed_over_and_given_back,
    what_comes_too_late_is_kept_for_its_author_alone,
    a_desk_is_never_fuller_than_the_unit_says,
    who_is_close_to_the_case_is_neither_asked_nor_served,
    a_unit_that_is_offline_asks_nobody_and_keeps_the_job,
    the_queue_is_read_in_pages_and_watched,
);

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["code"].as_str().unwrap_or_default())
}

/// Sets how the people of the unit work.
fn desk(registry: &mut Registry, desk: &UnitDesk) {
    let unit = registry.units.iter_mut().find(|unit| unit.id.as_str() == "lacris").unwrap();
    unit.desk = desk.clone();
}

/// The accounts of the unit's first two reviewers, in the order of their tokens.
fn reviewers(registry: &Registry) -> Vec<(AccountId, String)> {
    let accounts = registry.accounts.iter().map(|entry| &entry.account);
    accounts
        .filter(|a| a.unit.as_str() == "lacris" && a.role == Role::Reviewer)
        .map(|a| (a.id, a.login.clone()))
        .collect()
}

async fn step(
    site: &mut Site,
    (request, step): (&str, &str),
    token: &str,
    body: Value,
) -> (u16, Value) {
    site.call(("POST", &format!("jobs/{request}/{step}")), token, Some(&body)).await
}

async fn a_claim_is_kept_handed_over_and_given_back(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let mut people = Vec::new();
    site.registry(|registry| people = reviewers(registry)).await;
    let (second_login, off_duty) = (people[1].1.clone(), people[2].1.clone());
    let request = site.queued().await;
    let lease = site.claimed(&request, &first).await;

    // Kept for longer, by its holder under its token alone.
    let renewed = site.cli_json(&first, &["renew", &request, "--token", &lease.to_string()]);
    assert_eq!(renewed["token"], lease);
    for (who, token) in [(&second, lease), (&first, lease + 1)] {
        let refused = step(&mut site, (&request, "renew"), who, json!({ "token": token })).await;
        assert_eq!(code(&refused), (409, "lease_lost"), "{}", refused.1);
    }
    // A claim that is as old as a claim may become is not renewed.
    let old = format!(
        "UPDATE search_requests SET stage_data = replace(stage_data, '\"since\":\"20', '\"since\":\"19') WHERE id = '{request}'"
    );
    assert_eq!(site.sql(&old).await, 1);
    let refused = step(&mut site, (&request, "renew"), &first, json!({ "token": lease })).await;
    assert_eq!(code(&refused), (409, "lease_limit"), "{}", refused.1);

    // Handed over to whom it could be offered, and to nobody else.
    let to = |login: &str| json!({ "token": lease, "to": login });
    for login in [off_duty.as_str(), "nobody", people[0].1.as_str()] {
        let refused = step(&mut site, (&request, "hand-over"), &first, to(login)).await;
        assert_eq!(code(&refused), (409, "not_eligible"), "{login}: {}", refused.1);
    }
    let token = lease.to_string();
    site.cli_json(&first, &["hand-over", &request, "--token", &token, "--to", &second_login]);
    let handed = site.audited(&request, "job.handed_over").await;
    assert_eq!(handed[0]["detail"]["to"], people[1].0.to_string());
    let own = site.record((&request, "conclude"), &first, (lease, &examination("no_match"))).await;
    assert_eq!(code(&own), (409, "lease_lost"), "what was handed over is no longer the first's");
    let lease = site.claimed(&request, &second).await;

    // Given back for a reason that stays: neither asked again nor served.
    let back = json!({ "token": lease, "reason": "conflict_of_interest", "text": "A neighbour." });
    let (status, told) = step(&mut site, (&request, "give-back"), &second, back).await;
    assert_eq!(status, 200, "{told}");
    let again = site.claim_by(&request, &second).await;
    assert_eq!(code(&again), (403, "gave_back"), "{}", again.1);
    site.until_audited(&request, "search_request.offered", 2).await;
    let offers = site.audited(&request, "search_request.offered").await;
    let last = &offers.last().unwrap()["detail"];
    assert_eq!(last["reviewer"], people[0].0.to_string());
    assert_eq!(last[format!("excluded.{}", people[1].0)], "gave_back", "{last}");
    let given = site.audited(&request, "job.given_back").await;
    assert_eq!(given[0]["detail"]["reason"], "conflict_of_interest");
    let export = site.audit("no words of people").await;
    assert!(!json!(export).to_string().contains("neighbour"));
    let unknown = step(&mut site, (&request, "give-back"), &first, json!({ "token": 1 })).await;
    assert_eq!(unknown.0, 422, "a reason is wanted: {}", unknown.1);
}

async fn what_comes_too_late_is_kept_for_its_author_alone(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let request = site.queued().await;
    let exam = examination("no_match");
    let lease = site.claimed(&request, &first).await;
    // Who never had a claim has nothing to be kept.
    let stranger = site.record((&request, "conclude"), &second, (lease, &exam)).await;
    assert_eq!(code(&stranger), (409, "lease_lost"), "{}", stranger.1);
    site.deadline_passes(&request).await;
    site.until_audited(&request, "lease.expired", 1).await;
    let other = site.claimed(&request, &second).await;

    // Twice the same text: one draft.
    let mut names = Vec::new();
    for _ in 0..2 {
        let late = site.record((&request, "conclude"), &first, (lease, &exam)).await;
        assert_eq!(code(&late), (409, "lease_lost"), "{}", late.1);
        let detail = late.1["detail"].as_str().unwrap();
        names.push(detail.split('`').nth(1).unwrap().to_owned());
    }
    assert_eq!(names[0], names[1]);
    let draft = names[0].clone();
    assert_eq!(site.records(&request).await, 1);

    // Nobody else finds or reads it, not even who holds the job.
    assert_eq!(site.cli_json(&second, &["drafts", "list"])["items"], json!([]));
    for token in [&second, &site.administrator(), &site.officer()] {
        let (status, told) = site.call(("GET", &format!("drafts/{draft}")), token, None).await;
        assert_eq!(status, 404, "{told}");
    }
    let (_, case) = site.call(("GET", &format!("jobs/{request}")), &second, None).await;
    assert!(!case.to_string().contains(&draft));

    // Nor does its author in another unit or another role, who is offered no draft for a late text either.
    let author = site.audited(&request, "draft.kept").await[0]["actor"]["account"].clone();
    let mut before = Registry::default();
    site.registry(|registry| before = registry.clone()).await;
    let moved = async |site: &mut Site, unit: &str, role| {
        site.registry(|registry| {
            let is_author = |account: &Account| json!(account.id) == author;
            let mut accounts = registry.accounts.iter_mut().map(|entry| &mut entry.account);
            let account = accounts.find(|account| is_author(account)).unwrap();
            account.unit = unit.parse().unwrap();
            account.role = role;
            // Who moves has no shift in the old unit.
            let moved = account.id;
            registry.shifts.retain(|shift| shift.account != moved);
        })
        .await;
    };
    for (unit, role, status) in
        [("oxnard", Role::Reviewer, 404), ("lacris", Role::ReleaseAuthority, 409)]
    {
        moved(&mut site, unit, role).await;
        let (found, _) = site.call(("GET", &format!("drafts/{draft}")), &first, None).await;
        assert_eq!(found, 404, "{unit}");
        assert_eq!(site.cli_json(&first, &["drafts", "list"])["items"], json!([]));
        let late = site.record((&request, "conclude"), &first, (lease, &exam)).await;
        assert_eq!(late.0, status, "{}", late.1);
        assert!(!late.1.to_string().contains(&draft), "{}", late.1);
    }
    site.registry(|registry| *registry = before).await;

    // Its author finds it with the next claim, and submits it.
    let back = json!({ "token": other, "reason": "workload" });
    step(&mut site, (&request, "give-back"), &second, back).await;
    let (status, claimed) = site.claim_by(&request, &first).await;
    assert_eq!((status, &claimed["drafts"][0]["draft"]), (200, &json!(draft)), "{claimed}");
    let file = site.path("draft.json").display().to_string();
    site.cli_json(&first, &["drafts", "show", &draft, "--out", &file]);
    let token = claimed["token"].to_string();
    let conclude = ["conclude", &request, "--token", &token, "--file", &file];
    assert_eq!(site.cli_json(&first, &conclude)["state"], "examined");
    assert_eq!(site.examine(&request, "second-review", &second, &exam).await, "awaiting_release");
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
    site.assert_ledger(&request, "a draft is no part of the answer").await;
    let kept = [("draft.kept", 1), ("draft.read", 1), ("lease.expired", 1)];
    site.assert_times(&request, "late", &kept).await;
}

async fn a_desk_is_never_fuller_than_the_unit_says(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let one = UnitDesk { capacity: Some(1), ..UnitDesk::default() };
    site.registry(|registry| desk(registry, &one)).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let mut requests = Vec::new();
    for _ in 0..3 {
        requests.push(site.queued().await);
    }
    // Two reviewers, one job each: the third waits, and the log says why.
    assert_eq!(site.audited(&requests[2], "search_request.offered").await, Vec::<Value>::new());
    let queued = site.audited(&requests[2], "search_request.queued").await;
    assert_eq!(queued[0]["detail"]["passed_over.full"], "2", "{queued:?}");
    let lease = site.claimed(&requests[0], &first).await;
    let more = site.claim_by(&requests[1], &first).await;
    assert_eq!(code(&more), (409, "capacity"), "{}", more.1);
    site.claimed(&requests[1], &second).await;
    // As soon as a desk has room the next one is offered.
    site.record((&requests[0], "conclude"), &first, (lease, &examination("no_match"))).await;
    site.until_audited(&requests[2], "search_request.offered", 1).await;
    site.claimed(&requests[2], &first).await;
}

async fn who_is_close_to_the_case_is_neither_asked_nor_served(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let form = site.form().await;
    let requester = form["requester"]["name"].as_str().unwrap().to_uppercase();
    let mut people = Vec::new();
    site.registry(|registry| {
        people = reviewers(registry);
        let of = |entry: &&mut leadbroker::registry::AccountEntry| entry.account.id == people[0].0;
        registry.accounts.iter_mut().find(of).unwrap().account.relatives = vec![requester];
    })
    .await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let request = site.queued().await;
    let offer = site.audited(&request, "search_request.offered").await.remove(0);
    assert_eq!(offer["detail"]["reviewer"], people[1].0.to_string());
    assert_eq!(offer["detail"][format!("excluded.{}", people[0].0)], "relative", "{offer}");
    let refused = site.claim_by(&request, &first).await;
    assert_eq!(code(&refused), (403, "conflict_of_interest"), "{}", refused.1);
    let denied = site.audited(&request, "authz.denied").await;
    assert_eq!(denied[0]["detail"]["code"], "conflict_of_interest");
    site.claimed(&request, &second).await;
}

async fn a_unit_that_is_offline_asks_nobody_and_keeps_the_job(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let until = "2099-01-01T00:00:00Z".parse().unwrap();
    let offline = UnitDesk { offline_until: Some(until), ..UnitDesk::default() };
    site.registry(|registry| desk(registry, &offline)).await;
    let request = site.queued().await;
    let queued = site.audited(&request, "search_request.queued").await;
    assert_eq!(queued[0]["detail"]["nobody"], "offline", "{queued:?}");
    let agency = site.agency();
    let path = format!("search-requests/{request}/events");
    let (_, events) = site.call(("GET", &path), &agency, None).await;
    assert!(events.to_string().contains("gov.leadbroker.search_request.queued.v1"), "{events}");
    site.registry(|registry| desk(registry, &UnitDesk::default())).await;
    site.until_audited(&request, "search_request.offered", 1).await;
}

async fn the_queue_is_read_in_pages_and_watched(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let first = site.reviewer(0);
    let mut requests = Vec::new();
    for _ in 0..3 {
        requests.push(site.queued().await);
    }
    let page = site.cli_json(&first, &["queue", "--limit", "2"]);
    let of = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["request"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of(&page), requests[..2], "the oldest first");
    let next = page["next"].as_str().unwrap();
    let rest = site.cli_json(&first, &["queue", "--limit", "2", "--cursor", next]);
    assert_eq!((of(&rest).as_slice(), &rest["next"]), (&requests[2..], &Value::Null));
    let (status, told) = site.call(("GET", "jobs?limit=201"), &first, None).await;
    assert_eq!((status, &told["code"]), (400, &json!("query")));

    // Who watches is told a change once, and ends with Ctrl-C in good order.
    let mut watch = site.typed(&first, &["queue", "--watch"]);
    let output = watch.stdout.take().unwrap();
    let mut told = serde_json::Deserializer::from_reader(output).into_iter::<Value>();
    assert_eq!(of(&told.next().unwrap().unwrap()).len(), 3);
    let looks = std::time::Duration::from_secs(5);
    tokio::time::sleep(looks).await;
    let second = site.reviewer(1);
    site.claimed(&requests[0], &second).await;
    assert_eq!(of(&told.next().unwrap().unwrap()).len(), 2);
    tokio::time::sleep(looks).await;
    signal(&watch, "INT");
    let ended = watch.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(told.next().is_none(), "nothing had changed");
}
