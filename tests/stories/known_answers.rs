//! A unit tests its own examiners: nobody who works on a test can tell it from a request, nothing of it leaves the unit, and
//! what it came to is for the administrator and the auditor.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leadbroker::broker::topology::{AGENCIES, REVIEW};
use leadbroker::domain::Role;
use serde_json::{Value, json};

use crate::blind::{Answered, all_announced, paths, plain, undated};
use crate::repeats::compared;
use crate::site::forms::{AGENCY, REQUESTER};
use crate::site::patience::Patience;
use crate::site::people::{examination, lead};
use crate::site::{Setup, Site, service};
use crate::tap::Tap;

crate::both!(
    nobody_who_works_on_a_test_can_tell_it_from_a_request,
    a_test_stays_in_the_unit_and_so_does_what_it_came_to,
    a_test_that_ends_without_a_release_counts_what_was_concluded,
);

/// Injects a form as a test case: status and receipt.
async fn injected(site: &mut Site, form: &Value, expected: &Value) -> (u16, Value) {
    let administrator = site.administrator();
    let body = json!({ "form": form, "expected": expected });
    site.call(("POST", "known-answers"), &administrator, Some(&body)).await
}

/// A test case that waits for its first reviewer.
async fn test_case(site: &mut Site, expected: &Value) -> String {
    let form = site.form().await;
    let (status, receipt) = injected(site, &form, expected).await;
    assert_eq!((status, &receipt["state"]), (201, &json!("accepted")), "{receipt}");
    let request = receipt["request"].as_str().unwrap().to_owned();
    until_listed(site, &request).await;
    request
}

/// Waits until a reviewer may take the job. The agency is not asked: of a test it knows nothing.
async fn until_listed(site: &mut Site, request: &str) {
    let reviewer = site.reviewer(0);
    let mut patience = Patience::new();
    while patience.lasts().await {
        let (_, jobs) = site.call(("GET", "jobs"), &reviewer, None).await;
        if jobs["items"].as_array().unwrap().iter().any(|job| job["request"] == request) {
            return;
        }
    }
    panic!("{request} was never listed");
}

/// What the unit's tests came to, as this person reads it.
async fn results(site: &mut Site, token: &str) -> Value {
    let (status, told) = site.call(("GET", "known-answers"), token, None).await;
    assert_eq!(status, 200, "{told}");
    told
}

/// Waits until the test has ended so.
async fn until_ended(site: &mut Site, request: &str, state: &str) -> Value {
    let administrator = site.administrator();
    let mut told = Value::Null;
    let mut patience = Patience::new();
    while patience.lasts().await {
        told = results(site, &administrator).await;
        let mut cases = told["cases"].as_array().unwrap().iter();
        if cases.any(|case| case["request"] == request && case["state"] == state) {
            return told;
        }
    }
    panic!("{request} was never {state}: {told}");
}

/// Names and labels of the metrics, and how many requests there are. After a release the counts of mails and of the steps
/// that send them may tell: by then everybody has concluded.
fn measured(text: &str, released: bool) -> Value {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut kept: Vec<&str> = lines
        .map(|line| {
            let name = line.rsplit_once(' ').map_or(line, |(name, _)| name);
            if name.starts_with("leadbroker_requests") { line } else { name }
        })
        .filter(|line| !released || !line.starts_with("leadbroker_step_"))
        .collect();
    kept.sort_unstable();
    json!(kept)
}

/// What a document says, without its numbers: they hold ids and times.
fn words(site: &Site, pdf: &[u8]) -> Value {
    let file = site.write("looked.pdf", pdf);
    let output = std::process::Command::new("pdftotext").args([&file, "-"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let plain = |word: &&str| !word.contains(|c: char| c.is_ascii_digit());
    let words: Vec<&str> = text.split_whitespace().filter(plain).collect();
    assert!(words.len() > 50, "{words:?}");
    json!(words)
}

/// All that a person can read, and what the person is told who tries every step.
async fn looked(
    site: &mut Site,
    (moment, token, request): (&'static str, &str, &str),
) -> Vec<Answered> {
    let released = moment == "released";
    let mut all = Vec::new();
    for path in paths(site, token, request).await {
        let (status, mut headers, bytes) = site.get_raw(&path, token).await;
        // Times and ids differ between any two requests, and with them hashes and the length of a number; the body itself is
        // compared.
        let of_any = ["date", "x-request-id", "etag", "content-length", "document-sha256"];
        headers.retain(|(name, _)| !of_any.contains(&name.as_str()));
        for (_, value) in &mut headers {
            *value = value.replace(request, "{id}");
        }
        let body = match serde_json::from_slice(&bytes) {
            Ok(json) => plain(json),
            Err(_) if path == "/metrics" => measured(&String::from_utf8(bytes).unwrap(), released),
            Err(_) if path.ends_with("/calendar") => undated(&String::from_utf8(bytes).unwrap()),
            Err(_) if path.ends_with("/document") => words(site, &bytes),
            Err(_) => json!(hex::encode(openssl::sha::sha256(&bytes))),
        };
        all.push(Answered { moment, path: path.replace(request, "{id}"), status, headers, body });
    }
    for (step, body) in [
        ("claim", json!({})),
        ("conclude", json!({ "token": 0, "examination": examination("no_match") })),
        ("release", json!({ "document_sha256": "00" })),
        ("destroy", json!({ "reason": "Nobody needs it any more.", "clause": "CORE-RETENTION" })),
    ] {
        if step == "claim" && !released {
            continue;
        }
        let path = format!("jobs/{request}/{step}");
        let (status, told) = site.call(("POST", &path), token, Some(&body)).await;
        let path = path.replace(request, "{id}");
        all.push(Answered { moment, path, status, headers: Vec::new(), body: plain(told) });
    }
    all
}

/// Waits until the request has come to its end, seen by nobody but the database.
async fn until_delivered(site: &Site, request: &str) {
    let query = format!("SELECT stage FROM search_requests WHERE id = '{request}'");
    let mut patience = Patience::new();
    while patience.lasts().await {
        if site.column(&query).await == ["delivered"] {
            return;
        }
    }
    panic!("{request} was never delivered");
}

/// A job from its arrival to its end, and all that those who work on it are shown.
async fn worked_on(site: &mut Site, request: &str) -> Vec<Answered> {
    let (first, second, officer) = (site.reviewer(0), site.reviewer(1), site.officer());
    // The comparison of pictures runs beside all else, and a case file says how far it is.
    let _ = compared(site, request).await;
    let mut seen = looked(site, ("waiting", &first, request)).await;
    let lease = site.claimed(request, &first).await;
    seen.extend(looked(site, ("claimed", &first, request)).await);
    let exam = lead("A1");
    let (status, told) = site.record((request, "conclude"), &first, (lease, &exam)).await;
    assert_eq!(status, 200, "{told}");
    seen.extend(looked(site, ("examined", &second, request)).await);
    let lease = site.claimed(request, &second).await;
    seen.extend(looked(site, ("second", &second, request)).await);
    let (status, told) = site.record((request, "second-review"), &second, (lease, &exam)).await;
    assert_eq!(status, 200, "{told}");
    for person in [&first, &officer] {
        seen.extend(looked(site, ("awaiting", person, request)).await);
    }
    site.release(request).await;
    until_delivered(site, request).await;
    for person in [&first, &second, &officer] {
        seen.extend(looked(site, ("released", person, request)).await);
    }
    seen
}

async fn nobody_who_works_on_a_test_can_tell_it_from_a_request(setup: Setup) {
    let mut reference: Option<(Vec<Answered>, Vec<Value>)> = None;
    for is_test in [false, true] {
        let tap = if setup.distributed {
            let url = service("LEADBROKER_TEST_AMQP_URL");
            Some(Tap::start(&url, &[(REVIEW, "#")], 0).await)
        } else {
            None
        };
        // An installation of its own each, with the same form: not even a count tells one from the other.
        let mut site = Site::serving(setup.clone()).await;
        let request = if is_test {
            test_case(&mut site, &json!({ "outcome": "lead", "sid": "A1" })).await
        } else {
            let (_, receipt) = site.submit().await;
            let request = receipt["request"].as_str().unwrap().to_owned();
            until_listed(&mut site, &request).await;
            request
        };
        let seen = worked_on(&mut site, &request).await;
        assert!(seen.len() > 200, "{}", seen.len());
        let events = match &tap {
            Some(tap) => all_announced(&mut site, tap, &request).await,
            None => Vec::new(),
        };
        let Some((answers, said)) = &reference else {
            reference = Some((seen, events));
            continue;
        };
        assert_eq!(answers.len(), seen.len());
        for (real, test) in answers.iter().zip(&seen) {
            assert_eq!(real, test);
        }
        assert_eq!(*said, events);
    }
}

/// The agency finds nothing of the request, by whatever path.
async fn unknown_to_its_agency(site: &mut Site, request: &str) {
    let agency = site.agency();
    for path in [format!("search-requests/{request}"), format!("search-requests/{request}/events")]
    {
        let (status, told) = site.call(("GET", &path), &agency, None).await;
        assert_eq!((status, &told["code"]), (404, &json!("not_found")), "{path}");
    }
    let (status, _) = site.withdraw(request).await;
    assert_eq!(status, 404);
    let path = format!("search-requests/{request}/emergency-confirmation");
    let confirmation = json!({ "name": "Sam Supervisor", "title": "Sergeant", "statement": "Yes, we asked for it." });
    let (status, _) = site.call(("POST", &path), &agency, Some(&confirmation)).await;
    assert_eq!(status, 404);
    let (_, list) = site.call(("GET", "search-requests?limit=200"), &agency, None).await;
    assert!(!list.to_string().contains(request), "{list}");
    // Nor does the agency's token open the door for people.
    let (status, _) = site.call(("GET", "known-answers"), &agency, None).await;
    assert_eq!(status, 401);
}

fn comparisons(told: &Value, request: &str) -> Vec<(String, String)> {
    let mut cases = told["cases"].as_array().unwrap().iter();
    let case = cases.find(|case| case["request"] == request).unwrap_or_else(|| panic!("{told}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let conclusions = case["conclusions"].as_array().unwrap().iter();
    conclusions.map(|one| (text(&one["step"]), text(&one["comparison"]))).collect()
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    wanted.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}

async fn a_test_stays_in_the_unit_and_so_does_what_it_came_to(setup: Setup) {
    let tap = if setup.distributed {
        let url = service("LEADBROKER_TEST_AMQP_URL");
        Some(Tap::start(&url, &[(AGENCIES, "#")], 0).await)
    } else {
        None
    };
    let mut site = Site::serving(setup).await;
    let (first, second, officer) = (site.reviewer(0), site.reviewer(1), site.officer());
    let (administrator, auditor) = (site.administrator(), site.token(Role::Auditor, 0));
    let form = site.form().await;
    let expected = json!({ "outcome": "lead", "sid": "A1" });
    refused_injections(&mut site, &form).await;

    // By the command line, with its image as a file.
    let mut sent = form.clone();
    let content = sent["images"][0].as_object_mut().unwrap().remove("content").unwrap();
    let image = site.write("probe.png", STANDARD.decode(content.as_str().unwrap()).unwrap());
    let file = site.write("form.json", sent.to_string());
    let answer = site.secret("expected.json", &expected.to_string());
    let inject = ["known-answer", "inject", &file, "--image", &image, "--expected", &answer];
    let receipt = site.cli_json(&administrator, &inject);
    assert_eq!(receipt["state"], "accepted", "{receipt}");
    let request = receipt["request"].as_str().unwrap().to_owned();
    until_listed(&mut site, &request).await;
    let (status, told) = injected(&mut site, &form, &expected).await;
    assert_eq!((status, &told["code"]), (409, &json!("repeat")), "{told}");

    unknown_to_its_agency(&mut site, &request).await;
    assert_eq!(site.examine(&request, "conclude", &first, &lead("A1")).await, "examined");
    let told = results(&mut site, &administrator).await;
    assert_eq!(comparisons(&told, &request), pairs(&[]), "it is open");
    let missed = examination("no_match");
    let state = site.examine(&request, "second-review", &second, &missed).await;
    assert_eq!(state, "adjudication_due");
    let adjudicator = site.token(Role::Adjudicator, 0);
    let state = site.examine(&request, "adjudicate", &adjudicator, &lead("B2")).await;
    assert_eq!(state, "awaiting_release");
    site.release(&request).await;
    let told = until_ended(&mut site, &request, "delivered").await;
    let wanted =
        pairs(&[("first", "agrees"), ("second", "missed"), ("adjudication", "false_lead")]);
    assert_eq!(comparisons(&told, &request), wanted);
    assert_eq!(told["people"].as_array().unwrap().len(), 3, "{told}");
    for person in told["people"].as_array().unwrap() {
        assert_eq!((&person["conclusions"], &person["error_rate"]["of"]), (&json!(1), &json!(1)));
    }
    assert_eq!(site.cli_json(&auditor, &["known-answer", "results"]), told);
    assert_eq!(told["unit"], "lacris");

    // Who examines or releases reads none of it, nor does another unit.
    for person in [&first, &second, &adjudicator, &officer] {
        for body in [None, Some(json!({ "form": form, "expected": expected }))] {
            let method = if body.is_some() { "POST" } else { "GET" };
            let (status, told) = site.call((method, "known-answers"), person, body.as_ref()).await;
            assert_eq!((status, &told["code"]), (403, &json!("role")), "{told}");
        }
    }
    let elsewhere = site.token_of("oxnard", Role::LocalAdministrator);
    let told = results(&mut site, &elsewhere).await;
    assert_eq!((&told["cases"], &told["people"]), (&json!([]), &json!([])));

    nothing_left(&mut site, &request).await;
    if let Some(tap) = &tap {
        // An event of a real request comes through the same relay, later.
        let real = site.queued().await;
        let mut patience = Patience::new();
        while patience.lasts().await {
            if tap.heard().iter().any(|h| String::from_utf8_lossy(&h.body).contains(&real)) {
                break;
            }
        }
        let heard = tap.heard();
        let about = |id: &str| heard.iter().any(|h| String::from_utf8_lossy(&h.body).contains(id));
        assert!(about(&real) && !about(&request), "no agency hears of a test");
    }
    what_is_shown_of_a_test_later(&mut site, &request, &form).await;

    // The end of the case is not the end of what it said about the examiners.
    let past = format!("UPDATE search_requests SET updated_at = 0 WHERE id = '{request}'");
    assert_eq!(site.sql(&past).await, 1);
    let why = ["--reason", "The retention period is over.", "--clause", "CORE-RETENTION"];
    let destroy: Vec<&str> = ["destroy", &request].into_iter().chain(why).collect();
    site.cli_json(&administrator, &destroy);
    let told = results(&mut site, &administrator).await;
    assert_eq!(comparisons(&told, &request), wanted);
    let kept = format!(
        "SELECT count(*) FROM known_answers WHERE request = '{request}' AND expected IS NULL"
    );
    assert_eq!(site.number(&kept).await, 1);
    unknown_to_its_agency(&mut site, &request).await;
}

/// What is no test, or would harm somebody.
async fn refused_injections(site: &mut Site, form: &Value) {
    let expected = json!({ "outcome": "no_match" });
    let changed = |pointer: &str, value: Value| {
        let mut form = form.clone();
        *form.pointer_mut(pointer).unwrap() = value;
        form
    };
    let threat = json!({
        "kind": "imminent_threat", "threat": "An armed person is in the school.",
        "supervisor": { "name": "Sam Supervisor", "phone": "+12135550100" },
    });
    for (form, pointer) in [
        (changed("/purpose", threat), "/form/purpose"),
        (changed("/requesting_agency", json!("CA0199999")), "/form/requesting_agency"),
        (changed("/provider_unit", json!("oxnard")), "/form/provider_unit"),
        (changed("/signature/method", json!("cms")), "/form/signature/method"),
        (changed("/crime_type", json!(7)), "/form/crime_type"),
    ] {
        let (status, told) = injected(site, &form, &expected).await;
        let pointers: Vec<&Value> =
            told["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
        assert_eq!((status, &told["code"]), (422, &json!("shape")), "{told}");
        assert!(pointers.contains(&&json!(pointer)), "{told}");
    }
    let (status, told) = injected(site, form, &json!({ "outcome": "lead", "sid": " " })).await;
    assert_eq!((status, &told["errors"][0]["pointer"]), (422, &json!("/expected/sid")), "{told}");
    // The policies decide as for every form.
    let late = changed("/signature/signed_at", json!("2024-05-03T09:02:11-07:00"));
    let late = json!({ "case_number": "24-999999" }).as_object().unwrap().iter().fold(
        late,
        |mut form, (name, value)| {
            form[name] = value.clone();
            form
        },
    );
    let (status, told) = injected(site, &late, &expected).await;
    assert_eq!(
        (status, &told["code"], &told["state"]),
        (422, &json!("rejected"), &json!("rejected"))
    );
    assert_ne!(told["findings"], json!([]), "{told}");
    let agency = site.agency();
    let (_, list) = site.call(("GET", "search-requests"), &agency, None).await;
    assert_eq!(list["items"], json!([]), "the agency reads nothing of a rejected test either");
}

/// No mail, no event, no answer passed on; and the log says who did what.
async fn nothing_left(site: &mut Site, request: &str) {
    let mailings = format!("SELECT count(*) FROM mailings WHERE request = '{request}'");
    assert_eq!(site.number(&mailings).await, 0);
    assert!(site.mails_with("").is_empty(), "no mail was written");
    let leaving = format!(
        "SELECT count(*) FROM messages WHERE request = '{request}' AND publish_at IS NOT NULL AND route LIKE '%agency%'"
    );
    assert_eq!(site.number(&leaving).await, 0);
    let officer = site.officer();
    let order = json!({
        "recipient_ori": AGENCY, "recipient_email": REQUESTER,
        "purpose": "A joint investigation of both agencies.",
        "right_to_know": "A sworn investigator of the agency.",
        "need_to_know": "Assigned to the same series of cases.",
    });
    let path = format!("jobs/{request}/disclose");
    let (status, told) = site.call(("POST", &path), &officer, Some(&order)).await;
    assert_eq!((status, &told["code"]), (409, &json!("kept_in_unit")), "{told}");
    let entries = site.audit("a test").await;
    let mut of_test = entries.iter().filter(|entry| entry["request"] == request);
    let entry = of_test.find(|entry| entry["action"] == "known_answer.injected").unwrap();
    assert_eq!(entry["detail"]["sent_by_agency"], "no", "{entry}");
    for entry in entries.iter().filter(|entry| entry["request"] == request) {
        assert_ne!(entry["actor"]["kind"], "agency", "{entry}");
        let told = entry.to_string();
        assert!(!told.contains("A1") && !told.contains("false_lead"), "{entry}");
    }
    for (action, times) in [
        ("known_answer.kept", 1),
        ("answer.released", 1),
        ("search_request.received", 0),
        ("answer.sealed", 0),
        ("answer.delivered", 0),
    ] {
        assert_eq!(site.audited(request, action).await.len(), times, "{action}");
    }
    assert!(site.audit("a test").await.iter().any(|e| e["action"] == "known_answers.read"));
}

/// A later request with the same image and case is no repeat for the agency; the unit's reviewers are shown the earlier job, like
/// any other, and another unit's are not.
async fn what_is_shown_of_a_test_later(site: &mut Site, request: &str, form: &Value) {
    let (status, receipt) = site.send(form).await;
    assert_eq!((status, &receipt["duplicate_of"]), (201, &Value::Null), "{receipt}");
    let real = receipt["request"].as_str().unwrap().to_owned();
    assert_ne!(real, request);
    let administrator = site.administrator();
    let path = format!("audit/requests/{real}/repeats");
    let (_, told) = site.call(("GET", &path), &administrator, None).await;
    assert_eq!(told["repeats"][0]["request"], request, "{told}");
    assert_eq!(told["repeats"][0]["outcome"], "lead", "{told}");
    let elsewhere = format!("UPDATE search_requests SET unit = 'oxnard' WHERE id = '{real}'");
    assert_eq!(site.sql(&elsewhere).await, 1);
    let other = site.token_of("oxnard", Role::LocalAdministrator);
    let (status, told) = site.call(("GET", &path), &other, None).await;
    assert_eq!((status, &told["repeats"]), (200, &json!([])), "{told}");
}

async fn a_test_that_ends_without_a_release_counts_what_was_concluded(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let first = site.reviewer(0);
    let request = test_case(&mut site, &json!({ "outcome": "unsuitable_probe" })).await;
    let unsure = examination("inconclusive");
    assert_eq!(site.examine(&request, "conclude", &first, &unsure).await, "examined");
    let expired = format!("UPDATE search_requests SET deadline_at = 1 WHERE id = '{request}'");
    assert_eq!(site.sql(&expired).await, 1);
    let told = until_ended(&mut site, &request, "expired").await;
    assert_eq!(comparisons(&told, &request), pairs(&[("first", "inconclusive")]));
    let person = &told["people"][0];
    assert_eq!((&person["inconclusive"], &person["error_rate"]["of"]), (&json!(1), &json!(0)));
    assert_eq!(person["error_rate"]["high"], Value::Null, "nothing follows from nothing");
    unknown_to_its_agency(&mut site, &request).await;
}
