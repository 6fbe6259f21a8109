//! Who is told that a job waits, and who is told next.

use std::collections::BTreeSet;
use std::time::Duration;

use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::domain::escalation::EscalationStep;
use leadbroker::domain::{EscalationPolicy, Lane, PageCause, Personal, Role, Whom};
use leadbroker::paging::signed;
use leadbroker::registry::Registry;
use serde_json::{Value, json};
use strum::VariantArray as _;

use crate::site::patience::Patience;
use crate::site::people::{examination, lead};
use crate::site::{Setup, Site};

crate::both!(
    an_offer_goes_from_reviewer_to_reviewer_to_the_supervisor,
    an_acknowledgement_stops_it_for_a_while,
    nobody_on_duty_pages_the_supervisor,
    the_duty_desk_is_called_until_it_takes_the_page_and_may_acknowledge,
    a_hold_that_nobody_decides_pages_the_next_role,
    what_an_emergency_owes_pages_the_supervisor_until_it_is_done,
    every_step_after_the_first_examination_is_paged_until_it_is_taken,
    a_release_about_a_life_in_danger_is_paged_within_minutes,
);

/// Everybody of the unit has a pager, and pages are neither bundled nor throttled.
pub(crate) fn with_pagers(registry: &mut Registry) {
    for entry in &mut registry.accounts {
        let address = format!("{}@pagers.example.gov", entry.account.login);
        entry.account.pager_email = Some(Personal::new(address));
    }
    let step = |whom: Whom| EscalationStep { whom: vec![whom], wait_minutes: 10 };
    for unit in &mut registry.units {
        unit.escalations = vec![EscalationPolicy {
            lanes: Vec::new(),
            causes: Vec::new(),
            steps: vec![
                step(Whom::Owner),
                step(Whom::Owner),
                step(Whom::Role(Role::LocalAdministrator)),
            ],
            repeats: 0,
            acknowledge_minutes: 30,
            quiet: None,
            throttle: None,
            bundle_seconds: 0,
        }];
    }
}

/// A page mail that is written whole.
fn is_page(entry: &std::fs::DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy().into_owned();
    name.starts_with("page-") && entry.path().extension().is_some_and(|kind| kind == "eml")
}

/// Login names of those who got a page, one a mail.
fn paged(site: &Site) -> Vec<String> {
    let mails = std::fs::read_dir(site.path("mail")).unwrap().filter_map(Result::ok);
    mails
        .filter(is_page)
        .map(|entry| std::fs::read_to_string(entry.path()).unwrap())
        .map(|mail| {
            let to = mail.lines().find_map(|line| line.strip_prefix("To: ")).unwrap();
            to.split('@').next().unwrap().to_owned()
        })
        .collect()
}

/// Waits until so many pages have left.
pub(crate) async fn until_paged(site: &Site, number: usize) -> Vec<String> {
    let mut patience = Patience::new();
    while patience.lasts().await {
        let found = paged(site);
        if found.len() >= number {
            return found;
        }
    }
    panic!("{number} pages wanted, {:?} were sent", paged(site));
}

/// The wait of the page's step is over.
async fn wait_is_over(site: &Site) {
    site.sql("UPDATE pages SET step_at = 1, next_at = 1 WHERE state <> 'ended'").await;
}

async fn an_offer_goes_from_reviewer_to_reviewer_to_the_supervisor(setup: Setup) {
    let mut site = Site::serving(setup).await;
    site.registry(with_pagers).await;
    let request = site.queued().await;
    let first = until_paged(&site, 1).await;
    // The reviewer does not answer; the job is offered to the next, who is paged at once.
    site.deadline_passes(&request).await;
    let both = until_paged(&site, 2).await;
    let reviewers: BTreeSet<&String> = both.iter().collect();
    assert_eq!(reviewers.len(), 2, "two different reviewers: {both:?}");
    assert!(both.contains(&first[0]));
    // The next one is reminded, then the supervisor is told.
    wait_is_over(&site).await;
    until_paged(&site, 3).await;
    wait_is_over(&site).await;
    let all = until_paged(&site, 4).await;
    assert_eq!(all.iter().filter(|who| !reviewers.contains(who)).count(), 1, "{all:?}");
    let escalated = site.audited(&request, "page.escalated").await;
    assert_eq!(escalated.len(), 4);
    assert!(escalated.iter().all(|e| e["detail"]["policy"] == "escalations.0"), "{escalated:?}");
    site.until_audited(&request, "page.sent", 4).await;

    // Taking the job ends the page, and nobody further is told.
    let reviewer = site.reviewer(0);
    site.claimed(&request, &reviewer).await;
    let pages = site.cli_json(&reviewer, &["pages", "list", "--all"]);
    assert_eq!(pages["items"][0]["state"], "ended", "{pages}");
    assert_eq!(site.cli_json(&reviewer, &["pages", "list"])["items"], json!([]));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(paged(&site).len(), 4);
    // No page says more than that a job waits.
    let form = "sample";
    for entry in std::fs::read_dir(site.path("mail")).unwrap().filter_map(Result::ok) {
        if is_page(&entry) {
            let mail = std::fs::read_to_string(entry.path()).unwrap();
            assert!(!mail.contains(&request) && !mail.to_lowercase().contains(form), "{mail}");
        }
    }
}

async fn an_acknowledgement_stops_it_for_a_while(setup: Setup) {
    let mut site = Site::serving(setup).await;
    site.registry(with_pagers).await;
    let request = site.queued().await;
    until_paged(&site, 1).await;
    let (reviewer, agency) = (site.reviewer(0), site.agency());
    let listed = site.cli_json(&reviewer, &["pages", "list"]);
    let page = listed["items"][0]["page"].as_str().unwrap().to_owned();
    assert_eq!(listed["items"][0]["cause"], "job_offered");
    // The link shows and changes nothing; without a person's token it shows nothing.
    let path = format!("pages/{page}");
    let (status, shown) = site.call(("GET", &path), &reviewer, None).await;
    assert_eq!((status, shown["state"].as_str()), (200, Some("open")), "{shown}");
    assert_eq!(site.call(("GET", &path), &agency, None).await.0, 401);
    let acknowledged = site.cli_json(&reviewer, &["page", "ack", &page]);
    assert_eq!(acknowledged["state"], "acknowledged");
    assert_eq!(site.audited(&request, "page.acknowledged").await.len(), 1);
    // The job is not taken by it.
    assert_eq!(site.status(&request).await["state"], "queued");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(paged(&site).len(), 1);
    // Who has seen it does not take it, and it is offered to another: that one has seen nothing yet.
    site.deadline_passes(&request).await;
    let both: BTreeSet<String> = until_paged(&site, 2).await.into_iter().collect();
    assert_eq!(both.len(), 2, "{both:?}");
    // Nobody took the job until the acknowledgement's time was over: it goes on.
    wait_is_over(&site).await;
    until_paged(&site, 3).await;
    let shown = site.cli_json(&site.administrator(), &["pages", "show", &page]);
    assert_eq!(shown["state"], "open");
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 3, "{shown}");
    // Withdrawn, it ends; what has ended is not acknowledged.
    assert_eq!(site.withdraw(&request).await.0, 200);
    let again = format!("pages/{page}/acknowledgement");
    let (status, told) = site.call(("POST", &again), &reviewer, None).await;
    assert_eq!((status, told["code"].as_str()), (409, Some("page_ended")), "{told}");
}

async fn nobody_on_duty_pages_the_supervisor(setup: Setup) {
    let mut site = Site::serving(setup).await;
    site.registry(|registry| {
        with_pagers(registry);
        registry.shifts.clear();
    })
    .await;
    let request = site.queued().await;
    let told = until_paged(&site, 1).await;
    let supervisors = site.logins(Role::LocalAdministrator);
    assert!(told.iter().all(|login| supervisors.contains(login)), "{told:?}");
    let escalated = site.audited(&request, "page.escalated").await;
    assert_eq!(escalated[0]["detail"]["cause"], "nobody_available");
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What the desk was told: the delivery's id, and the body.
type Calls = std::sync::Arc<std::sync::Mutex<Vec<(String, Value)>>>;

/// A duty desk on the loopback that fails the first call; its URL.
async fn desk(calls: Calls) -> String {
    use axum::http::{HeaderMap, StatusCode};
    let take = move |headers: HeaderMap, body: axum::body::Bytes| async move {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let (stamp, signature) = (header(signed::TIMESTAMP), header(signed::SIGNATURE));
        let now = SystemClock.now();
        signed::verify(SECRET.as_bytes(), (&stamp, &signature), &body, now).unwrap();
        let mut calls = calls.lock().unwrap();
        calls.push((header(signed::DELIVERY), serde_json::from_slice(&body).unwrap()));
        if calls.len() == 1 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::ACCEPTED }
    };
    let app = axum::Router::new().fallback(take);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, app).await });
    // It answers until the test's runtime ends.
    std::mem::forget(tasks);
    format!("http://127.0.0.1:{port}/pages")
}

async fn the_duty_desk_is_called_until_it_takes_the_page_and_may_acknowledge(setup: Setup) {
    let mut site = Site::new(setup);
    let calls = Calls::default();
    let url = desk(calls.clone()).await;
    let secret = site.secret("desk.secret", SECRET);
    site.write(
        "destinations.toml",
        format!(
            "[[destinations]]\nname = \"duty-desk\"\nurl = \"{url}\"\nsecret_file = \"{secret}\"\n\
             template = \"generic\"\nallow_private = true\n"
        ),
    );
    site.registry(|registry| {
        with_pagers(registry);
        for policy in registry.units.iter_mut().flat_map(|unit| &mut unit.escalations) {
            policy.steps[0].whom = vec!["webhook:duty-desk".parse().unwrap()];
        }
    })
    .await;
    site.start(None).await;
    let request = site.queued().await;
    site.until_audited(&request, "page.sent", 1).await;
    let told = calls.lock().unwrap().clone();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].0, told[1].0, "the same delivery");
    assert_eq!(told[0].1, told[1].1, "the same words");
    let short = format!("r-..{}", request.get(request.len() - 8..).unwrap());
    assert_eq!(told[1].1["jobs"][0]["request"], short.as_str());
    assert!(!told[1].1.to_string().contains(&request));
    assert_eq!(site.audited(&request, "page.deferred").await.len(), 1);

    let page = told[1].1["jobs"][0]["page"].clone();
    let body = json!({ "page": page, "action": "acknowledge" });
    let now = SystemClock.now();
    let signature = signed::sign(SECRET.as_bytes(), now, body.to_string().as_bytes()).unwrap();
    let headers =
        [(signed::TIMESTAMP, now.timestamp().to_string()), (signed::SIGNATURE, signature)];
    let path = "page-callbacks/duty-desk";
    let (status, answer) = site.post_with(path, &headers, &body).await;
    assert_eq!((status, answer["state"].as_str()), (200, Some("acknowledged")), "{answer}");
    let (status, answer) = site.post_with(path, &headers, &body).await;
    assert_eq!((status, answer["code"].as_str()), (409, Some("replayed")), "{answer}");
}

/// Everybody of the unit has a pager, and the unit has written no policy of its own.
pub(crate) fn with_pagers_only(registry: &mut Registry) {
    with_pagers(registry);
    for unit in &mut registry.units {
        unit.escalations.clear();
    }
}

/// The standard policies, as a unit would write them itself; pages are neither bundled nor throttled.
pub(crate) fn with_standard_steps(registry: &mut Registry) {
    with_pagers_only(registry);
    let offer = chrono::TimeDelta::minutes(10);
    let every = Lane::VARIANTS
        .iter()
        .flat_map(|lane| PageCause::VARIANTS.iter().map(move |cause| (*lane, *cause)));
    let policies = every.map(|(lane, cause)| EscalationPolicy {
        lanes: vec![lane],
        causes: vec![cause],
        throttle: None,
        bundle_seconds: 0,
        ..EscalationPolicy::standard(lane, cause, offer)
    });
    let policies: Vec<EscalationPolicy> = policies.collect();
    for unit in &mut registry.units {
        unit.escalations.clone_from(&policies);
    }
}

/// The words of every page to a person.
fn words_to(site: &Site, login: &str) -> Vec<String> {
    let mails = std::fs::read_dir(site.path("mail")).unwrap().filter_map(Result::ok);
    mails
        .filter(is_page)
        .map(|entry| std::fs::read_to_string(entry.path()).unwrap())
        .filter(|mail| mail.contains(&format!("To: {login}@")))
        .map(|mail| mail.replace("=\r\n", "").replace("=\n", ""))
        .collect()
}

/// Waits until this was said in so many pages, to whomever: their mails.
pub(crate) async fn until_said(site: &Site, words: &str, times: usize) -> Vec<String> {
    let said = || -> Vec<String> {
        let everybody: BTreeSet<String> = paged(site).into_iter().collect();
        let mails = everybody.iter().flat_map(|login| words_to(site, login));
        mails.filter(|mail| mail.contains(words)).collect()
    };
    let mut patience = Patience::new();
    while patience.lasts().await {
        let found = said();
        if found.len() >= times {
            return found;
        }
    }
    panic!("`{words}` was to be said {times} times: {:?}", said());
}

/// Waits until a person was told this, so many times.
async fn until_told(site: &Site, login: &str, (words, times): (&str, usize)) -> Vec<String> {
    let told = || -> Vec<String> {
        words_to(site, login).into_iter().filter(|mail| mail.contains(words)).collect()
    };
    let mut patience = Patience::new();
    while patience.lasts().await {
        let found = told();
        if found.len() >= times {
            return found;
        }
    }
    panic!("`{login}` was to be told `{words}`: {:?}", words_to(site, login));
}

fn says_nothing_of(mails: &[String], request: &str, form: &Value) {
    for mail in mails {
        assert!(!mail.contains(request), "{mail}");
        for personal in ["/requester/name", "/requester/email", "/case_number"] {
            let personal = form.pointer(personal).unwrap().as_str().unwrap();
            assert!(!mail.contains(personal), "{personal}: {mail}");
        }
    }
}

/// Causes of the open pages, as the administrator lists them.
fn causes(site: &Site) -> BTreeSet<String> {
    let listed = site.cli_json(&site.administrator(), &["pages", "list"]);
    let items = listed["items"].as_array().unwrap().iter();
    items.map(|page| page["cause"].as_str().unwrap().to_owned()).collect()
}

async fn a_hold_that_nobody_decides_pages_the_next_role(setup: Setup) {
    let mut site = Site::serving(setup).await;
    site.registry(with_pagers).await;
    let mut form = site.form().await;
    form["justification"]["situation"] = json!("Theft.");
    let (_, receipt) = site.send(&form).await;
    let late = receipt["request"].as_str().unwrap().to_owned();
    let supervisor = site.logins(Role::LocalAdministrator).remove(0);
    until_told(&site, &supervisor, ("waits for a decision", 1)).await;
    // A hold of another role: no pack in force here gives one, so the row is written as such a pack would.
    let role = format!(
        "UPDATE search_requests SET stage_data = replace(stage_data, 'local_administrator', 'release_authority')
         WHERE id = '{late}'"
    );
    assert_eq!(site.sql(&role).await, 1);
    site.deadline_passes(&late).await;
    let words = "was not decided in time and waits for you now";
    let mails = until_told(&site, &supervisor, (words, 1)).await;
    says_nothing_of(&mails, &late, &form);
    assert_eq!(causes(&site), BTreeSet::from(["hold_escalated".to_owned()]));
    let entry = site.audited(&late, "page.escalated").await.pop().unwrap();
    assert_eq!(entry["detail"]["cause"], "hold_escalated");
    let text = site.get_raw("/metrics", "").await.2;
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("leadbroker_holds_overdue 1"),
        "it is late for the next role, too: {text}"
    );
    // Decided, nobody is paged further.
    let (status, answer) = site.decide(&late, true, "CORE-NARRATIVE").await;
    assert_eq!(status, 200, "{answer}");
    assert!(!causes(&site).contains("hold_escalated"));
}

async fn what_an_emergency_owes_pages_the_supervisor_until_it_is_done(setup: Setup) {
    let mut site = Site::serving(setup).await;
    site.registry(with_pagers_only).await;
    let mut form = site.form().await;
    form["purpose"] = json!({
        "kind": "imminent_threat", "threat": "A child was taken an hour ago and is in danger.",
        "supervisor": { "name": "Sam Supervisor", "phone": "+12135550143" }, "call_back": "+12135559999"
    });
    let (status, receipt) = site.send(&form).await;
    assert_eq!(status, 201, "{receipt}");
    let request = receipt["request"].as_str().unwrap().to_owned();
    let supervisor = site.logins(Role::LocalAdministrator).remove(0);
    let mut mails = until_told(&site, &supervisor, ("call the agency back", 1)).await;
    // The job is taken; the call-back is still owed, until it is recorded.
    site.until(&request, &["queued"]).await;
    let reviewer = site.reviewer(0);
    site.claimed(&request, &reviewer).await;
    assert_eq!(causes(&site), BTreeSet::from(["emergency_begun".to_owned()]));
    let called = ["--outcome", "confirmed", "--spoke-to-name", "Desk Sample"];
    let called = [&["emergency", "call-back", &request], &called[..]].concat();
    let _ = site.cli_json(&reviewer, &called);
    assert_eq!(causes(&site), BTreeSet::new());

    // The supervisor's word is nearly due, and then it is overdue: once each, and the second ends the first.
    let due = async |site: &Site, at: i64| {
        let due = format!(
            "UPDATE emergency_duties SET due_at = {at} WHERE request = '{request}' AND kind = 'confirmation'"
        );
        assert_eq!(site.sql(&due).await, 1);
    };
    let soon = SystemClock.now() + chrono::TimeDelta::hours(1);
    due(&site, soon.timestamp_micros()).await;
    mails.extend(until_told(&site, &supervisor, ("is due soon", 1)).await);
    assert_eq!(causes(&site), BTreeSet::from(["duty_due".to_owned()]));
    due(&site, 1).await;
    mails.extend(until_told(&site, &supervisor, ("is overdue", 1)).await);
    site.until_audited(&request, "emergency.stopped", 1).await;
    let open = causes(&site);
    assert!(open.contains("duty_overdue") && !open.contains("duty_due"), "{open:?}");
    for action in ["emergency.due", "emergency.overdue"] {
        let entries = site.audited(&request, action).await;
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0]["detail"]["duty"], "confirmation");
        assert_eq!(entries[0]["clauses"], json!(["CORE-EMERGENCY"]));
    }
    says_nothing_of(&mails, &request, &form);

    // Nobody can take what is overdue: whoever has seen it ends the page.
    let administrator = site.administrator();
    let listed = site.cli_json(&administrator, &["pages", "list"]);
    let pages = listed["items"].as_array().unwrap();
    let page = pages.iter().find(|page| page["cause"] == "duty_overdue").unwrap();
    let page = page["page"].as_str().unwrap();
    let seen = site.cli_json(&administrator, &["page", "ack", page]);
    assert_eq!((&seen["state"], &seen["next_at"]), (&json!("ended"), &Value::Null), "{seen}");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(!causes(&site).contains("duty_overdue"), "it is not opened again");
}

/// The open page about this request was opened when its newest record was written, so in the same transaction.
async fn opened_with_the_record(site: &Site, request: &str, cause: &str) {
    let same = format!(
        "SELECT count(*) FROM pages p WHERE p.request = '{request}' AND p.cause = '{cause}' AND p.state <> 'ended'
             AND p.opened_at = (SELECT max(r.written_at) FROM case_records r WHERE r.request = p.request)"
    );
    assert_eq!(site.number(&same).await, 1, "{cause}");
}

async fn every_step_after_the_first_examination_is_paged_until_it_is_taken(setup: Setup) {
    let mut site = Site::serving(setup).await;
    site.registry(with_standard_steps).await;
    let form = site.form().await;
    let (_, receipt) = site.send(&form).await;
    let request = receipt["request"].as_str().unwrap().to_owned();
    site.until(&request, &["queued"]).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let adjudicator = site.token(Role::Adjudicator, 0);
    let (one, two) = (site.login(&first), site.login(&second));
    let (third, officer) = (site.login(&adjudicator), site.login(&site.officer()));

    // The second reviewer on duty is asked; the first is not, and nobody off duty is.
    let due = "waits for its second reviewer";
    assert_eq!(site.examine(&request, "conclude", &first, &lead("A1")).await, "examined");
    opened_with_the_record(&site, &request, "second_review_due").await;
    let mut mails = until_told(&site, &two, (due, 1)).await;
    assert_eq!(causes(&site), BTreeSet::from(["second_review_due".to_owned()]));
    // Given back, it is a page of its own again, and again when the wait is over.
    let lease = site.claimed(&request, &second).await;
    assert_eq!(causes(&site), BTreeSet::new(), "taken, nobody is paged further");
    let back = json!({ "token": lease, "reason": "shift_ends" });
    let (status, told) =
        site.call(("POST", &format!("jobs/{request}/give-back")), &second, Some(&back)).await;
    assert_eq!(status, 200, "{told}");
    until_told(&site, &two, (due, 2)).await;
    wait_is_over(&site).await;
    until_told(&site, &two, (due, 3)).await;
    wait_is_over(&site).await;
    let supervisor = site.logins(Role::LocalAdministrator).remove(0);
    mails.extend(until_told(&site, &supervisor, (due, 1)).await);
    let reviewers = site.logins(Role::Reviewer);
    for other in reviewers.iter().filter(|login| **login != two) {
        assert!(words_to(&site, other).iter().all(|mail| !mail.contains(due)), "{other}");
    }

    // They differ: the adjudicator is asked.
    let state = site.examine(&request, "second-review", &second, &examination("no_match")).await;
    assert_eq!(state, "adjudication_due");
    opened_with_the_record(&site, &request, "adjudication_due").await;
    mails.extend(until_told(&site, &third, ("waits for an adjudicator", 1)).await);
    assert_eq!(causes(&site), BTreeSet::from(["adjudication_due".to_owned()]));
    site.examine(&request, "adjudicate", &adjudicator, &lead("A1")).await;

    // The release authority is asked, and when its time is over the supervisor, too.
    opened_with_the_record(&site, &request, "release_due").await;
    mails.extend(until_told(&site, &officer, ("waits for its release", 1)).await);
    assert_eq!(causes(&site), BTreeSet::from(["release_due".to_owned()]));
    site.deadline_passes(&request).await;
    let late = "was not released in time";
    for login in [&officer, &supervisor] {
        mails.extend(until_told(&site, login, (late, 1)).await);
    }
    assert_eq!(causes(&site), BTreeSet::from(["release_overdue".to_owned()]));
    site.until_audited(&request, "release.overdue", 1).await;
    says_nothing_of(&mails, &request, &form);
    for mail in &mails {
        for word in ["lead", "match", "A1", "SAMPLE"] {
            let said = mail.replace("leadbroker", "");
            assert!(!said.contains(word), "{word}: {mail}");
        }
    }
    for asked in [&one, &two, &third] {
        let told = words_to(&site, asked);
        assert!(told.iter().all(|mail| !mail.contains("release")), "{told:?}");
    }
    site.release(&request).await;
    assert_eq!(causes(&site), BTreeSet::new());
    site.until(&request, &["delivered"]).await;
    site.assert_ledger(&request, "paged at every step").await;
}

async fn a_release_about_a_life_in_danger_is_paged_within_minutes(setup: Setup) {
    let mut site = Site::serving(setup).await;
    site.registry(with_standard_steps).await;
    let mut form = site.form().await;
    form["purpose"] = json!({
        "kind": "imminent_threat", "threat": "A child was taken an hour ago and is in danger.",
        "supervisor": { "name": "Sam Supervisor", "phone": "+12135550143" }, "call_back": "+12135559999"
    });
    let (_, receipt) = site.send(&form).await;
    let request = receipt["request"].as_str().unwrap().to_owned();
    site.until(&request, &["queued"]).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    site.examine(&request, "conclude", &first, &lead("A1")).await;
    let supervisor = site.logins(Role::LocalAdministrator).remove(0);
    let due = ("waits for its second reviewer", 1);
    until_told(&site, &site.login(&second), due).await;
    wait_is_over(&site).await;
    until_told(&site, &supervisor, due).await;
    let state = site.examine(&request, "second-review", &second, &lead("A1")).await;
    assert_eq!(state, "awaiting_release");
    let term = async |site: &Site| {
        let left = format!(
            "SELECT deadline_at - updated_at FROM search_requests WHERE id = '{request}' AND stage = 'awaiting_release'"
        );
        site.number(&left).await / 60_000_000
    };
    assert_eq!(term(&site).await, 15, "a life in danger waits for no day");
    site.deadline_passes(&request).await;
    until_told(&site, &supervisor, ("was not released in time", 1)).await;
    assert_eq!(term(&site).await, 15, "and is looked at again as soon");
}
