//! The second review is blind: a client with the second reviewer's token gets nothing of the first examination, by any path,
//! before its own is recorded. What it gets after a lead, after no match, and after an unsuitable probe is the same.

use std::collections::BTreeSet;

use leadbroker::broker::topology::REVIEW;
use leadbroker::domain::{Account, Differences, Role, TrainerDesignation};
use leadbroker::registry::Registry;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::site::patience::Patience;
use crate::site::people::{examination, lead};
use crate::site::{Setup, Site, service};
use crate::tap::Tap;

crate::both!(
    a_second_reviewer_is_shown_nothing_of_the_first_examination,
    nothing_of_the_first_examination_is_even_read,
    a_page_to_the_second_reviewer_is_the_same_whatever_the_first_concluded,
    who_recorded_an_examination_may_read_the_other,
    nobody_reviews_their_own_examination_under_another_account,
    where_the_unit_has_no_adjudicator_two_that_differ_are_inconclusive,
    a_second_review_is_waived_where_every_pack_allows_it_and_nowhere_else,
);

/// What one call was answered: path, status, headers, body; without ids and times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answered {
    pub(crate) moment: &'static str,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

/// Without what differs between any two requests: ids, times, and the picture of the body's length that they make.
pub(crate) fn plain(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let id = {
                Uuid::parse_str(&text).is_ok()
                    || text.split_once('-').is_some_and(|(_, id)| Uuid::parse_str(id).is_ok())
            };
            if id {
                json!(format!("id of {} letters", text.len()))
            } else if chrono::DateTime::parse_from_rfc3339(&text).is_ok() {
                json!("time")
            } else {
                json!(text)
            }
        }
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, member)| (name, plain(member))).collect())
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
    }
}

/// The lines of the metrics that count requests, and the names of all others.
fn counted(text: &str) -> Value {
    let kept = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let name = line.rsplit_once(' ').map_or(line, |(name, _)| name);
        if name.starts_with("leadbroker_requests") { line } else { name }
    });
    let concluded = |line: &&str| line.contains("_sum{") && line.contains("{id}/conclude\"");
    let times: Vec<&str> = text.lines().filter(concluded).collect();
    assert!(!times.is_empty() && times.iter().all(|line| line.ends_with(" 0")), "{times:?}");
    let mut kept: Vec<&str> = kept.filter(|line| !line.starts_with("leadbroker_step_")).collect();
    kept.sort_unstable();
    json!(kept)
}

/// The properties of a calendar: its times and ids are of the installation's own day and people.
pub(crate) fn undated(text: &str) -> Value {
    let properties = text.lines().filter(|line| !line.starts_with(' '));
    json!(properties.map(|line| line.split([':', ';']).next().unwrap()).collect::<Vec<_>>())
}

/// Every path of the API that is read.
pub(crate) async fn paths(site: &mut Site, token: &str, request: &str) -> Vec<String> {
    let (_, document) = site.call(("GET", "openapi.json"), token, None).await;
    let paths = document["paths"].as_object().unwrap();
    let read = paths.iter().filter(|(_, verbs)| verbs.get("get").is_some());
    let filled = read.map(|(path, _)| {
        let nobody = Uuid::from_u128(7);
        let parts = path.split('/').map(|part| match part {
            "{n}" => "0".to_owned(),
            "{unit}" => "lacris".to_owned(),
            "{message}" => format!("m-{nobody}"),
            "{id}" | "{request}" => request.to_owned(),
            part if part.starts_with('{') => nobody.to_string(),
            part => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    });
    filled.collect()
}

async fn ask(
    site: &mut Site,
    (moment, token, request): (&'static str, &str, &str),
) -> Vec<Answered> {
    let mut all = Vec::new();
    for path in paths(site, token, request).await {
        let (status, mut headers, bytes) = site.get_raw(&path, token).await;
        // The date and the id of the call; the length is that of the body, which is compared itself.
        headers.retain(|(name, _)| {
            !["date", "x-request-id", "content-length"].contains(&name.as_str())
        });
        // A tag is a hash of the body, in which ids and times differ, and of nothing else.
        let hash = hex::encode(openssl::sha::sha256(&bytes));
        if let Some((_, tag)) = headers.iter_mut().find(|(name, _)| name == "etag") {
            assert_eq!(*tag, format!("\"{}\"", hash.get(..32).unwrap()));
            "of the body".clone_into(tag);
        }
        let body = match serde_json::from_slice(&bytes) {
            Ok(json) => plain(json),
            Err(_) if path == "/metrics" => counted(&String::from_utf8(bytes).unwrap()),
            Err(_) if path.ends_with("/calendar") => undated(&String::from_utf8(bytes).unwrap()),
            Err(_) => json!(hash),
        };
        let path = path.replace(request, "{id}");
        all.push(Answered { moment, path, status, headers, body });
    }
    // What it may try, and may not do yet.
    for (step, body) in [
        ("conclude", json!({ "token": 1, "examination": examination("no_match") })),
        ("second-review", json!({ "token": 0, "examination": examination("no_match") })),
        ("adjudicate", json!({ "token": 1, "examination": lead("A1") })),
        ("give-back", json!({ "token": 0 })),
        ("release", json!({ "document_sha256": "00" })),
    ] {
        let path = format!("jobs/{request}/{step}");
        let (status, told) = site.call(("POST", &path), token, Some(&body)).await;
        assert!(status >= 400, "{step}: {told}");
        let path = path.replace(request, "{id}");
        all.push(Answered { moment, path, status, headers: Vec::new(), body: plain(told) });
    }
    all
}

/// A request whose first examination ends so, up to the moment before the second reviewer's own conclusion.
async fn seen_by_the_second(site: &mut Site, first_exam: &Value) -> (String, Vec<Answered>) {
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let request = site.queued().await;
    // That nobody has a pager is counted, and a claim may come before.
    site.until_audited(&request, "page.nobody", 1).await;
    assert_eq!(site.examine(&request, "conclude", &first, first_exam).await, "examined");
    let mut seen = ask(site, ("waiting", &second, &request)).await;
    let lease = site.claimed(&request, &second).await;
    seen.extend(ask(site, ("claimed", &second, &request)).await);
    let back = json!({ "token": lease });
    site.call(("POST", &format!("jobs/{request}/give-back")), &second, Some(&back)).await;
    let (_, claim) = site.claim_by(&request, &second).await;
    seen.push(Answered {
        moment: "claim",
        path: String::new(),
        status: 200,
        headers: Vec::new(),
        body: plain(claim),
    });
    (request, seen)
}

/// What goes to the unit's own tools about a request.
pub(crate) fn announced(tap: &Tap, request: &str) -> Vec<Value> {
    let heard = tap.heard().into_iter().filter(|heard| heard.exchange == REVIEW);
    let about = heard.filter(|heard| String::from_utf8_lossy(&heard.body).contains(request));
    about
        .map(|heard| {
            let body: Value = serde_json::from_slice(&heard.body).unwrap();
            json!([heard.kind, heard.body.len(), plain(body)])
        })
        .collect()
}

/// The same, once the tap has heard of a later request: what was said of this one came before.
pub(crate) async fn all_announced(site: &mut Site, tap: &Tap, request: &str) -> Vec<Value> {
    let later = site.queued().await;
    let mut patience = Patience::new();
    while patience.lasts().await && announced(tap, &later).is_empty() {}
    assert_ne!(announced(tap, &later), [Value::Null; 0]);
    announced(tap, request)
}

async fn a_second_reviewer_is_shown_nothing_of_the_first_examination(setup: Setup) {
    let mut reference: Option<(Vec<Answered>, Vec<Value>)> = None;
    for exam in [lead("A1"), examination("no_match"), examination("unsuitable_probe")] {
        let tap = if setup.distributed {
            let url = service("LEADBROKER_TEST_AMQP_URL");
            Some(Tap::start(&url, &[(REVIEW, "#")], 0).await)
        } else {
            None
        };
        // An installation of its own each: not even a count tells one from the other.
        let mut site = Site::serving(setup.clone()).await;
        let (request, seen) = seen_by_the_second(&mut site, &exam).await;
        assert!(seen.len() > 40, "{}", seen.len());
        let events = match &tap {
            Some(tap) => all_announced(&mut site, tap, &request).await,
            None => Vec::new(),
        };
        let conclusion = exam["conclusion"].as_str().unwrap();
        let Some((answers, said)) = &reference else {
            reference = Some((seen, events));
            continue;
        };
        assert_eq!(answers.len(), seen.len());
        for (one, other) in answers.iter().zip(&seen) {
            assert_eq!(one, other, "{conclusion}");
        }
        assert_eq!(*said, events, "{conclusion}");
    }
}

async fn nothing_of_the_first_examination_is_even_read(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let request = site.queued().await;
    site.examine(&request, "conclude", &first, &lead("A1")).await;
    // What nobody can open: whatever reads the record fails. No answer's time or size can depend on it.
    let broken = format!(
        "UPDATE case_records SET sealed = form FROM search_requests
        WHERE search_requests.id = case_records.request AND case_records.request = '{request}'"
    );
    assert_eq!(site.sql(&broken).await, 1);
    let waiting = ask(&mut site, ("waiting", &second, &request)).await;
    let lease = site.claimed(&request, &second).await;
    let claimed = ask(&mut site, ("claimed", &second, &request)).await;
    for answered in waiting.iter().chain(&claimed) {
        assert!(answered.status < 500, "{answered:?}");
    }
    // A record of one's own that is refused is judged by itself.
    let mut short = examination("no_match");
    short["suitability"] = json!([]);
    let (status, told) = site.record((&request, "second-review"), &second, (lease, &short)).await;
    assert_eq!((status, &told["code"]), (422, &json!("shape")), "{told}");
}

/// Subject and text of a page, without ids and times.
fn words_of(mail: &str) -> String {
    let plain = mail.replace("=\r\n", "").replace('\r', "");
    let subject = plain.lines().find(|line| line.starts_with("Subject: ")).unwrap().to_owned();
    let body = plain.split_once("\n\n").unwrap().1;
    let digit = |c: char| if c.is_ascii_digit() || ('a'..='f').contains(&c) { '0' } else { c };
    format!("{subject}\n{body}").chars().map(digit).collect()
}

async fn a_page_to_the_second_reviewer_is_the_same_whatever_the_first_concluded(setup: Setup) {
    let mut site = Site::serving(setup).await;
    site.registry(crate::paging::with_standard_steps).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let mut seen: Vec<(String, Vec<String>, usize)> = Vec::new();
    for (nth, exam) in
        [lead("A1"), examination("no_match"), examination("declined")].iter().enumerate()
    {
        let request = site.queued().await;
        assert_eq!(site.examine(&request, "conclude", &first, exam).await, "examined");
        let due = "waits for its second reviewer";
        let mails = crate::paging::until_said(&site, due, nth + 1).await;
        let texts: BTreeSet<String> = mails.iter().map(|mail| words_of(mail)).collect();
        assert_eq!(texts.len(), 1, "{texts:?}");
        let when = format!(
            "SELECT cause FROM pages p WHERE p.request = '{request}' AND p.opened_at = (
                 SELECT max(r.written_at) FROM case_records r WHERE r.request = p.request)"
        );
        let entries = site.audited(&request, "page.escalated").await;
        let steps = entries.iter().filter(|entry| entry["detail"]["cause"] == "second_review_due");
        let text = texts.into_iter().next().unwrap();
        seen.push((text, site.column(&when).await, steps.count()));
        let lease = site.claimed(&request, &second).await;
        let exam = examination("no_match");
        let (status, told) =
            site.record((&request, "second-review"), &second, (lease, &exam)).await;
        assert_eq!(status, 200, "{told}");
        site.withdraw(&request).await;
    }
    assert_eq!(seen[0].1, ["second_review_due"]);
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
}

async fn who_recorded_an_examination_may_read_the_other(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let request = site.queued().await;
    let path = format!("jobs/{request}/examinations");
    let refused = |(status, told): (u16, Value)| {
        assert_eq!((status, &told["code"]), (403, &json!("not_revealed")), "{told}");
    };
    refused(site.call(("GET", &path), &first, None).await);
    site.examine(&request, "conclude", &first, &lead("A1")).await;
    // Nor is the first reviewer shown anything, or would be able to tell.
    for person in [&first, &second] {
        refused(site.call(("GET", &path), person, None).await);
    }
    let lease = site.claimed(&request, &second).await;
    refused(site.call(("GET", &path), &second, None).await);
    let exam = examination("no_match");
    let (status, told) = site.record((&request, "second-review"), &second, (lease, &exam)).await;
    assert_eq!(status, 200, "{told}");
    for person in [&first, &second] {
        let (status, told) = site.call(("GET", &path), person, None).await;
        assert_eq!(status, 200, "{told}");
        let shown: Vec<_> = told["examinations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (e["which"].clone(), e["examination"]["conclusion"].clone()))
            .collect();
        let wanted = [(json!("first"), json!("lead")), (json!("second"), json!("no_match"))];
        assert_eq!(shown, wanted);
    }
    let stranger = site.administrator();
    refused(site.call(("GET", &path), &stranger, None).await);
    // Who saw this, why, under which clause: one command.
    let auditor = site.token(Role::Auditor, 0);
    let who = site.cli_json(&auditor, &["audit", "who", &request]);
    let reads = who["reads"].as_array().unwrap().iter().map(|read| &read["event"]);
    let compared: Vec<&Value> =
        reads.filter(|read| read["detail"]["purpose"] == "compare").collect();
    assert_eq!(compared.len(), 2, "{who}");
    assert!(compared.iter().all(|read| read["clauses"].to_string().contains("LACRIS-AUD-2")));
}

fn named<'r>(registry: &'r mut Registry, token: &str) -> &'r mut Account {
    let hash = hex::encode(openssl::sha::sha256(token.as_bytes()));
    let mut entries = registry.accounts.iter_mut();
    let entry = entries.find(|entry| entry.token_sha256.as_deref() == Some(hash.as_str()));
    &mut entry.unwrap().account
}

async fn nobody_reviews_their_own_examination_under_another_account(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second, officer) = (site.reviewer(0), site.reviewer(1), site.officer());
    let (one, other, third) = (first.clone(), second.clone(), officer.clone());
    site.registry(move |registry| {
        named(registry, &one).person = Some("p-1".to_owned());
        named(registry, &other).person = Some("p-1".to_owned());
        let name = named(registry, &one).name.to_uppercase();
        named(registry, &third).name = name;
    })
    .await;
    let request = site.queued().await;
    site.examine(&request, "conclude", &first, &lead("A1")).await;
    let (status, told) = site.claim_by(&request, &second).await;
    assert_eq!((status, &told["code"]), (403, &json!("separation_of_duties")), "{told}");
    let other = second.clone();
    site.registry(move |registry| named(registry, &other).person = Some("p-2".to_owned())).await;
    site.examine(&request, "second-review", &second, &lead("A1")).await;
    // The officer prints the first reviewer's name, and nothing tells them apart.
    let pdf = site.document(&request).await;
    let hash = hex::encode(openssl::sha::sha256(&pdf));
    let (status, told) = site.release_document(&request, &hash).await;
    assert_eq!(
        (status, &told["findings"][0]["clause"]),
        (422, &json!("CORE-SEPARATION")),
        "{told}"
    );
    site.registry(move |registry| named(registry, &officer).person = Some("p-3".to_owned())).await;
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
}

async fn where_the_unit_has_no_adjudicator_two_that_differ_are_inconclusive(setup: Setup) {
    let mut site = Site::serving(setup).await;
    site.registry(|registry| {
        let unit = registry.units.iter_mut().find(|unit| unit.id.as_str() == "lacris").unwrap();
        unit.differences = Differences::Inconclusive;
    })
    .await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let both = format!("{} and {}", site.name(&first), site.name(&second));
    let cases = [
        (lead("A1"), examination("no_match")),
        // The request ends as one of them concluded; that is no agreement.
        (examination("inconclusive"), lead("A1")),
        (lead("A1"), examination("inconclusive")),
    ];
    for (one, other) in cases {
        let request = site.queued().await;
        site.examine(&request, "conclude", &first, &one).await;
        let state = site.examine(&request, "second-review", &second, &other).await;
        assert_eq!(state, "awaiting_release");
        site.release(&request).await;
        let status = site.until(&request, &["delivered"]).await;
        assert_eq!(status["outcome"], "inconclusive");
        let words = site.open_answer(&request).await;
        assert!(words.contains("differed; the answer is therefore inconclusive"), "{words}");
        assert!(!words.contains("came to"), "{words}");
        let author = format!("Face Reviewer: Agency Case Number: {both} ");
        assert!(words.contains(&author), "`{author}` is missing in: {words}");
        assert_eq!(words.matches("Sample search system").count(), 2, "both searched: {words}");
        assert!(!words.contains("SAMPLE, CASEY"), "{words}");
    }
}

async fn a_second_review_is_waived_where_every_pack_allows_it_and_nowhere_else(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second, administrator) = (site.reviewer(0), site.reviewer(1), site.administrator());
    let request = site.queued().await;
    let path = format!("jobs/{request}/waive-second-review");
    let note = "Nobody else is on duty this night.";
    let body = json!({ "reason": "no_second_reviewer", "note": note });
    let (status, told) = site.call(("POST", &path), &administrator, Some(&body)).await;
    assert_eq!((status, &told["code"]), (409, &json!("state")), "{told}");
    site.examine(&request, "conclude", &first, &lead("A1")).await;
    for person in [&first, &second] {
        let (status, told) = site.call(("POST", &path), person, Some(&body)).await;
        assert_eq!((status, &told["code"]), (403, &json!("role")), "{told}");
    }
    // The pack `lacris` lists no reason.
    let (status, told) = site.call(("POST", &path), &administrator, Some(&body)).await;
    assert_eq!(status, 422, "{told}");
    assert_eq!(told["findings"][0]["clause"], "CORE-SECOND-REVIEW", "{told}");

    // The unit is put under the one pack that does; its people's training is that pack's, too.
    site.registry(|registry| {
        let unit = registry.units.iter_mut().find(|unit| unit.id.as_str() == "lacris").unwrap();
        unit.packs = vec!["oxnard".parse().unwrap()];
        for entry in &mut registry.accounts {
            for credential in &mut entry.account.credentials {
                "Sample trainer".clone_into(&mut credential.issuer);
            }
        }
        unit.trainers = vec![TrainerDesignation {
            issuer: "Sample trainer".to_owned(),
            designated_by: "investigations-bureau-commander".to_owned(),
            from: chrono::DateTime::UNIX_EPOCH,
            until: None,
        }];
    })
    .await;
    for (member, value, code) in [
        ("note", "so.", "note"),
        ("reason", "it_is_late", "shape"),
        ("note", "The candidate was identified as the robber.", "identification"),
    ] {
        let mut wrong = body.clone();
        wrong[member] = json!(value);
        let (status, told) = site.call(("POST", &path), &administrator, Some(&wrong)).await;
        assert_eq!((status, &told["code"]), (422, &json!(code)), "{told}");
    }
    let (status, told) = site.call(("POST", &path), &administrator, Some(&body)).await;
    assert_eq!((status, &told["state"]), (200, &json!("awaiting_release")), "{told}");
    assert_eq!(site.audited(&request, "second_review.waived").await.len(), 1);
    let (status, told) = site.claim_by(&request, &second).await;
    assert_ne!(status, 200, "{told}");
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
    let words = site.open_answer(&request).await;
    assert!(words.contains("Second review waived by"), "{words}");
    assert!(words.contains("no second reviewer was to be had"), "{words}");
    assert!(!words.contains("this night"), "the note stays with the case");
}
