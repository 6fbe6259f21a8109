//! The law on both sides of a request, through the API of a running demonstration: the agency's own and the unit's.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "support/site/patience.rs"]
mod patience;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::demo::{Sample, sample_form};
use leadbroker::policy::StatementView;
use leadbroker::report::samples;
use serde_json::{Value, json};

use patience::Patience;

/// A running demonstration, ended with the test.
struct Demo {
    child: Child,
    origin: String,
    secrets: Value,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Demo {
    fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("demo");
        let mut child = Command::new(env!("CARGO_BIN_EXE_leadbroker"))
            .args(["demo", "--listen", &free.to_string(), "--out", out.to_str().unwrap()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("The API listens")), "the walk broke off");
        let secrets = std::fs::read(out.join("demo.json")).unwrap();
        let secrets = serde_json::from_slice(&secrets).unwrap();
        let http = leadbroker::http::client(Duration::from_mins(1)).unwrap();
        Self { child, origin: format!("http://{free}"), secrets, http, _folder: folder }
    }

    async fn call(&self, token: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let url = format!("{}/api/v1/{path}", self.origin);
        let request = match body {
            None => self.http.get(url),
            Some(body) => self.http.post(url).json(body),
        };
        let answer = request.bearer_auth(token).send().await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    fn agency(&self, ori: &str) -> &str {
        self.secrets["agencies"][ori]["token"].as_str().unwrap()
    }

    /// Tokens of those in a role at a unit.
    fn people(&self, unit: &str, role: &str) -> Vec<&str> {
        let accounts = self.secrets["accounts"].as_array().unwrap().iter();
        accounts
            .filter(|account| account["unit"] == unit && account["role"] == role)
            .map(|account| account["token"].as_str().unwrap())
            .collect()
    }

    /// A fresh one-time code of whom this token belongs to.
    fn code(&self, token: &str) -> String {
        let mut accounts = self.secrets["accounts"].as_array().unwrap().iter();
        let account = accounts.find(|account| account["token"] == token).unwrap();
        let secret = account["totp_secret"].as_str().unwrap();
        let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
        totp.generate(u64::try_from(SystemClock.now().timestamp()).unwrap()).to_string()
    }

    /// A form for the unit that affirms what the unit asks this agency to affirm.
    async fn form(&self, (ori, unit): (&str, &str), case_number: &str) -> Value {
        let agency = self.agency(ori);
        let (status, asked) = self.call(agency, &format!("units/{unit}/form"), None).await;
        assert_eq!(status, 200, "{asked}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let statements = asked["statements"].as_array().unwrap().iter();
        let statements: Vec<StatementView> = statements
            .map(|shown| StatementView {
                statement: text(&shown["statement"]),
                text: text(&shown["text"]),
                text_sha256: text(&shown["text_sha256"]),
                clauses: Vec::new(),
                affirm: true,
            })
            .collect();
        let domain = self.secrets["agencies"][ori]["domain"].as_str().unwrap();
        let mut form = sample_form(&Sample {
            ori,
            email: &format!("jsample@{domain}"),
            case_number,
            probe: &samples::probe(case_number.len() as u64).unwrap(),
            at: SystemClock.now(),
            statements: &statements,
        });
        form["provider_unit"] = json!(unit);
        form["repositories"] = asked["repositories"].clone();
        form
    }

    /// Sends a form and waits until it was checked: status of the answer, and the receipt.
    async fn submit(&self, form: &Value) -> (u16, Value) {
        let ori = form["requesting_agency"].as_str().unwrap();
        let (status, receipt) = self.call(self.agency(ori), "search-requests", Some(form)).await;
        assert_ne!(status, 202, "the check took too long");
        (status, receipt)
    }

    async fn until(&self, ori: &str, request: &str, wanted: &str) {
        let mut last = Value::Null;
        let mut patience = Patience::new();
        while patience.lasts().await {
            let path = format!("search-requests/{request}");
            last = self.call(self.agency(ori), &path, None).await.1;
            if last["state"] == wanted {
                return;
            }
        }
        panic!("{request} did not become {wanted}: {last}");
    }

    async fn audit(&self, unit: &str, request: &str) -> Vec<Value> {
        let auditor = self.people(unit, "auditor")[0];
        let (status, shown) = self.call(auditor, &format!("audit/requests/{request}"), None).await;
        assert_eq!(status, 200, "{shown}");
        let entries = shown["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["event"].clone()).collect()
    }

    /// Nobody of any unit has the request on a worklist.
    async fn assert_no_queue_holds(&self, request: &str) {
        for account in self.secrets["accounts"].as_array().unwrap() {
            let token = account["token"].as_str().unwrap();
            for list in ["jobs", "holds"] {
                let (_, shown) = self.call(token, list, None).await;
                assert!(!shown.to_string().contains(request), "{}: {shown}", account["login"]);
            }
        }
    }
}

fn clauses(receipt: &Value) -> BTreeSet<&str> {
    let findings = receipt["findings"].as_array().unwrap_or_else(|| panic!("{receipt}"));
    findings.iter().map(|finding| finding["clause"].as_str().unwrap()).collect()
}

fn actions(entries: &[Value]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry["action"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_that_forbids_every_search_cannot_have_its_neighbour_search() {
    let demo = Demo::start();
    let mut form = demo.form(("CA0380100", "lacris"), "BAN-1").await;
    let threat = json!({
        "kind": "imminent_threat", "threat": "A child was taken an hour ago and is in danger.",
        "supervisor": { "name": "Sam Supervisor", "phone": "+12135550143" }
    });
    for purpose in [form["purpose"].clone(), threat] {
        form["purpose"] = purpose.clone();
        form["case_number"] = json!(format!("BAN-{}", purpose["kind"].as_str().unwrap().len()));
        let (status, problem) = demo.submit(&form).await;
        assert_eq!(status, 422, "{problem}");
        assert_eq!(problem["state"], "rejected");
        assert_eq!(clauses(&problem), BTreeSet::from(["EX-BAN-1"]), "the unit has no objection");
        assert_eq!(problem["findings"][0]["pack"], "ban-example");
        let request = problem["request"].as_str().unwrap();

        demo.assert_no_queue_holds(request).await;
        let entries = demo.audit("lacris", request).await;
        let refusal = entries.iter().find(|e| e["action"] == "search_request.rejected").unwrap();
        assert_eq!(refusal["clauses"], json!(["EX-BAN-1"]), "{refusal}");
        assert!(refusal["packs"].to_string().contains("ban-example@"), "{refusal}");
        assert!(actions(&entries).contains(&"search_request.received"), "the attempt is recorded");
        for later in ["search_request.accepted", "search_request.queued", "search_request.offered"]
        {
            assert!(!actions(&entries).contains(&later), "{later}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_is_bound_by_its_own_policy_where_the_unit_would_accept() {
    let demo = Demo::start();
    let form = demo.form(("CA0560400", "lacris"), "COAST-1").await;
    let affirmed = form["affirmations"].to_string();
    assert!(affirmed.contains("lacris/lead-only") && affirmed.contains("oxnard/lead-only"));
    let mut untrained = form.clone();
    untrained["requester"]["trained"] = json!(false);
    let (status, problem) = demo.submit(&untrained).await;
    assert_eq!((status, clauses(&problem)), (422, BTreeSet::from(["OX-461.3-0a"])), "{problem}");

    // The same from an agency without a policy of its own is accepted.
    let mut city = demo.form(("CA0194200", "lacris"), "CITY-1").await;
    city["requester"]["trained"] = json!(false);
    assert_eq!(demo.submit(&city).await.1["state"], "accepted");

    // A stop: the detention would last longer, so a named person decides.
    let mut stop = form.clone();
    stop["case_number"] = json!("COAST-2");
    stop["subject_present"] = json!({
        "detention_basis": "Stopped for a traffic violation", "detained_at": stop["signature"]["signed_at"],
        "prolongs_detention": true, "valid_id_presented": false, "force_used": false, "refused": false
    });
    let (status, receipt) = demo.submit(&stop).await;
    assert_eq!((status, clauses(&receipt)), (201, BTreeSet::from(["OX-461.3b"])), "{receipt}");
    assert_eq!(receipt["state"], "held");

    // Its own rules on training do not bind the unit's reviewers: the job is offered, and can be claimed.
    let mut good = form;
    good["case_number"] = json!("COAST-3");
    let (_, receipt) = demo.submit(&good).await;
    let request = receipt["request"].as_str().unwrap_or_else(|| panic!("{receipt}"));
    demo.until("CA0560400", request, "queued").await;
    let path = format!("jobs/{request}/claim");
    let reviewer = demo.people("lacris", "reviewer")[0];
    let (status, lease) = demo.call(reviewer, &path, Some(&json!({}))).await;
    assert_eq!(status, 200, "{lease}");
    let stranger = demo.people("oxnard", "reviewer")[0];
    assert_eq!(demo.call(stranger, &path, Some(&json!({}))).await.0, 404);
}

fn lead(candidate: &[u8]) -> Value {
    json!({
        "suitability": [{ "probe": 0, "suitable": true, "note": "Both eyes visible, even light." }],
        "searches": [{
            "repository": "NM-REPOSITORY", "system": "Sample search system", "vendor": "Sample vendor",
            "version": "4.2", "searched_at": SystemClock.now().to_rfc3339(), "candidates": 12
        }],
        "comparison": [{
            "feature": "Ears", "probe": "Attached", "candidate": "Attached", "agreement": "similar"
        }],
        "conclusion": "lead",
        "narrative": "Ear shape, nasal bridge and hair line agree; no feature speaks against the candidate.",
        "candidate": {
            "repository": "NM-REPOSITORY", "image": STANDARD.encode(candidate),
            "image_sha256": hex::encode(openssl::sha::sha256(candidate)), "name": "SAMPLE, CASEY",
            "date_of_birth": "1991-04-17", "sid": "N00000001"
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn albuquerque_holds_a_threat_and_answers_only_by_its_lieutenant() {
    let demo = Demo::start();
    let mut threat = demo.form(("NM0010100", "albuquerque"), "NM-THREAT").await;
    threat["purpose"] = json!({
        "kind": "imminent_threat", "threat": "A child was taken an hour ago and is in danger.",
        "supervisor": { "name": "Sam Supervisor", "phone": "+15055550143" }
    });
    let (status, receipt) = demo.submit(&threat).await;
    assert_eq!((status, clauses(&receipt)), (201, BTreeSet::from(["APD-2a"])), "{receipt}");
    assert_eq!(receipt["state"], "held");
    let lapsed = demo.form(("NM0010100", "lacris"), "NM-LAPSED").await;
    assert_eq!(clauses(&demo.submit(&lapsed).await.1), BTreeSet::from(["CORE-AGREEMENT"]));

    let form = demo.form(("CA0194200", "albuquerque"), "NM-LEAD").await;
    let (_, receipt) = demo.submit(&form).await;
    assert_eq!(receipt["state"], "accepted", "{receipt}");
    let request = receipt["request"].as_str().unwrap().to_owned();
    demo.until("CA0194200", &request, "queued").await;
    let reviewers = demo.people("albuquerque", "reviewer");
    let bare = lead(&samples::booking(11).unwrap());
    let mut whole = bare.clone();
    whole["suitability"][0]["frontal"] = json!(true);
    whole["verified_with"] = json!(["State driver records", "Jail management system"]);
    for (reviewer, step) in [(reviewers[0], "conclude"), (reviewers[1], "second-review")] {
        let path = format!("jobs/{request}");
        let claim = demo.call(reviewer, &format!("{path}/claim"), Some(&json!({}))).await;
        assert_eq!(claim.0, 200, "{}", claim.1);
        let record = |exam: &Value| json!({ "token": claim.1["token"], "examination": exam });
        let step = format!("{path}/{step}");
        let (status, refused) = demo.call(reviewer, &step, Some(&record(&bare))).await;
        let found = clauses(&refused);
        assert_eq!((status, found), (422, BTreeSet::from(["APD-3G2", "APD-4D5"])), "{refused}");
        let (status, done) = demo.call(reviewer, &step, Some(&record(&whole))).await;
        assert_eq!(status, 200, "{done}");
    }
    let officer = demo.people("albuquerque", "release_authority")[0];
    let url = format!("{}/api/v1/jobs/{request}/document", demo.origin);
    let answer = demo.http.get(url).bearer_auth(officer).send().await.unwrap();
    let sha256 = answer.headers()["Document-SHA256"].to_str().unwrap().to_owned();
    assert!(answer.bytes().await.unwrap().starts_with(b"%PDF-"));
    let body = json!({ "document_sha256": sha256, "code": demo.code(officer) });
    let (status, released) =
        demo.call(officer, &format!("jobs/{request}/release"), Some(&body)).await;
    assert_eq!(status, 200, "{released}");
    demo.until("CA0194200", &request, "delivered").await;
    let entries = demo.audit("albuquerque", &request).await;
    let release = entries.iter().find(|entry| entry["action"] == "answer.released").unwrap();
    assert!(release["clauses"].to_string().contains("APD-4C"), "{release}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sacramento_wants_the_review_for_bias_before_a_conclusion() {
    let demo = Demo::start();
    let form = demo.form(("CA0194200", "sacramento"), "CAPITAL-1").await;
    let (_, receipt) = demo.submit(&form).await;
    assert_eq!(receipt["state"], "accepted", "{receipt}");
    let request = receipt["request"].as_str().unwrap().to_owned();
    demo.until("CA0194200", &request, "queued").await;
    let mut exam = lead(&samples::booking(11).unwrap());
    exam["searches"][0]["repository"] = json!("LOCAL-MUGSHOT");
    exam["candidate"]["repository"] = json!("LOCAL-MUGSHOT");
    let reviewer = demo.people("sacramento", "reviewer")[0];
    let path = format!("jobs/{request}");
    let (status, claim) = demo.call(reviewer, &format!("{path}/claim"), Some(&json!({}))).await;
    assert_eq!(status, 200, "{claim}");
    let record = |exam: &Value| json!({ "token": claim["token"], "examination": exam });
    let step = format!("{path}/conclude");
    let (status, refused) = demo.call(reviewer, &step, Some(&record(&exam))).await;
    assert_eq!((status, clauses(&refused)), (422, BTreeSet::from(["SPD-AI-B3"])), "{refused}");
    exam["bias_review"] = json!("Candidates of every age were compared; none was favoured.");
    let (status, done) = demo.call(reviewer, &step, Some(&record(&exam))).await;
    assert_eq!((status, &done["state"]), (200, &json!("examined")), "{done}");
}
