//! Pull the plug between any two steps: nothing is lost, nothing happens twice.
//!
//! The real program, built with the feature `faults`, serves a real configuration and is killed (SIGKILL, no flush) when
//! it passes a named point for the n-th time. It is started again, the clients go on where they were, and the ledger is
//! balanced at the end. `scripts/test` builds the program and says where it is (`LEADBROKER_TEST_FAULTS`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may panic, and reads where its program is"
)]

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::demo::{DemoWorld, Keys, Sample, sample_form, world};
use leadbroker::domain::Role;
use leadbroker::id_source::SystemIds;
use leadbroker::policy::StatementView;
use leadbroker::report::samples;
use serde_json::{Value, json};

fn program() -> PathBuf {
    std::env::var("LEADBROKER_TEST_FAULTS").map(PathBuf::from).unwrap_or_else(|_| {
        panic!(
            "LEADBROKER_TEST_FAULTS is not set: build with `--features faults` and name the program"
        );
    })
}

struct Site {
    folder: tempfile::TempDir,
    world: DemoWorld,
    origin: String,
    http: reqwest::Client,
    child: Option<Child>,
    crashes: u32,
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let now = SystemClock.now();
        let keys = Keys::make(&at("keys"), "jsample@pd.example.gov", &SystemIds, now).unwrap();
        let world = world(&SystemIds, now, &keys.recipient_pem).unwrap();
        std::fs::write(at("registry.toml"), toml::to_string(&world.registry).unwrap()).unwrap();
        let secret = |name: &str, text: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::write(at(name), text).unwrap();
            std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(0o600)).unwrap();
            at(name).display().to_string()
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = toml::to_string(&json!({
            "environment": "demo",
            "server": { "listen": format!("127.0.0.1:{port}") },
            "database": { "url": format!("sqlite:{}", at("leadbroker.db").display()) },
            "vault": {
                "images": format!("file:{}", at("images").display()),
                "master_key_file": secret("master.key", &keys.master_key),
            },
            "audit": { "signing_key_file": secret("signing.pem", &keys.signing_key) },
            "mail": {
                "directory": at("mail").display().to_string(),
                "from": "answers@leadbroker.example.gov",
                "certificate_file": keys.unit_certificate.display().to_string(),
                "key_file": secret("answers.key", &keys.unit_key),
            },
            "log": { "level": "error", "format": "text" },
        }))
        .unwrap();
        std::fs::write(at("leadbroker.toml"), config).unwrap();
        let http = leadbroker::http::client(Duration::from_secs(30)).unwrap();
        let origin = format!("http://127.0.0.1:{port}");
        let site = Self { folder, world, origin, http, child: None, crashes: 0 };
        let registry = site.folder.path().join("registry.toml");
        let imported =
            site.command(&["registry", "import", registry.to_str().unwrap()]).output().unwrap();
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        site
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        let config = self.folder.path().join("leadbroker.toml");
        command.arg("--config").arg(config).args(arguments);
        command
    }

    async fn start(&mut self, crash: Option<&str>) {
        let mut command = self.command(&["serve"]);
        if let Some(plan) = crash {
            command.env("LEADBROKER_CRASH", plan);
        }
        self.child = Some(command.spawn().unwrap());
        for _ in 0..200 {
            if self.http.get(format!("{}/livez", self.origin)).send().await.is_ok()
                || self.is_dead()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the program did not start");
    }

    fn is_dead(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some())
    }

    /// One call. A dead program is started again, and the call repeated, as a client does.
    async fn call(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        for _ in 0..100 {
            if self.is_dead() {
                self.crashes += 1;
                self.start(None).await;
            }
            let url = format!("{}/api/v1/{path}", self.origin);
            let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(token);
            if let Some(body) = body {
                request = request.header("Content-Type", "application/json").body(body.to_string());
            }
            if path == "search-requests" {
                request = request.header("Idempotency-Key", "one-key");
            }
            if let Ok(answer) = request.send().await {
                let status = answer.status().as_u16();
                if let Ok(bytes) = answer.bytes().await
                    && status < 500
                {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    return (status, serde_json::from_slice(&bytes).unwrap_or(Value::String(text)));
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no answer to {method} {path}");
    }

    fn token(&self, role: Role, nth: usize) -> String {
        let mut of_role = self.world.secrets.accounts.iter().filter(|account| account.role == role);
        of_role.nth(nth).unwrap().token.clone()
    }

    async fn submit(&mut self) -> (u16, Value) {
        let agency = self.world.secrets.agencies["CA0194200"].token.clone();
        let (_, asked) = self.call("GET", "units/lacris/form", &agency, None).await;
        let statements: Vec<StatementView> = asked["statements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|statement| StatementView {
                statement: statement["statement"].as_str().unwrap().to_owned(),
                text: String::new(),
                text_sha256: statement["text_sha256"].as_str().unwrap().to_owned(),
                clauses: Vec::new(),
                affirm: true,
            })
            .collect();
        let probe = samples::probe(5).unwrap();
        let form = sample_form(&Sample {
            ori: "CA0194200",
            email: "jsample@pd.example.gov",
            case_number: "24-000001",
            probe: &probe,
            at: SystemClock.now(),
            statements: &statements,
        });
        self.call("POST", "search-requests", &agency, Some(&form)).await
    }

    /// Does whatever the request's state asks for next, until it is delivered.
    async fn drive(&mut self) -> String {
        let agency = self.world.secrets.agencies["CA0194200"].token.clone();
        let (_, receipt) = self.submit().await;
        // A submission that was cut off is sent again under its key; signed anew it is a repeat of the same case.
        let request = receipt["request"].as_str().unwrap_or_else(|| panic!("{receipt}")).to_owned();
        for _ in 0..400 {
            let (_, status) =
                self.call("GET", &format!("search-requests/{request}"), &agency, None).await;
            match status["state"].as_str().unwrap_or_default() {
                "delivered" => return request,
                "queued" => self.claim(&request, 0).await,
                "leased" => self.conclude(&request, "conclude", 0).await,
                "examined" => self.claim(&request, 1).await,
                "second_review" => self.conclude(&request, "second-review", 1).await,
                "awaiting_release" => self.release(&request).await,
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        panic!("the request was never delivered");
    }

    async fn claim(&mut self, request: &str, nth: usize) {
        let token = self.token(Role::Reviewer, nth);
        self.call("POST", &format!("jobs/{request}/claim"), &token, None).await;
    }

    async fn conclude(&mut self, request: &str, step: &str, nth: usize) {
        let token = self.token(Role::Reviewer, nth);
        let (_, case) = self.call("GET", &format!("jobs/{request}"), &token, None).await;
        let search = json!({
            "repository": "DMS", "system": "Sample search system", "vendor": "Sample vendor", "version": "4.2",
            "searched_at": SystemClock.now().to_rfc3339(), "candidates": 4
        });
        let examination = json!({
            "suitability": [{ "probe": 0, "suitable": true, "note": "Frontal, even light." }],
            "searches": [search],
            "comparison": [{ "feature": "Ears", "probe": "Attached", "candidate": "Free", "agreement": "dissimilar" }],
            "conclusion": "no_match",
            "narrative": "None of the listed candidates agrees with the probe in ears, nose and hair line."
        });
        let body = json!({ "token": case["lease"]["token"], "examination": examination });
        self.call("POST", &format!("jobs/{request}/{step}"), &token, Some(&body)).await;
    }

    async fn release(&mut self, request: &str) {
        let token = self.token(Role::ReleaseAuthority, 0);
        let url = format!("{}/api/v1/jobs/{request}/document", self.origin);
        let Ok(answer) = self.http.get(url).bearer_auth(&token).send().await else { return };
        let Ok(pdf) = answer.bytes().await else { return };
        let body = json!({ "document_sha256": hex::encode(openssl::sha::sha256(&pdf)) });
        self.call("POST", &format!("jobs/{request}/release"), &token, Some(&body)).await;
    }

    /// Nothing lost, nothing twice, and the log proves it.
    async fn assert_ledger(&mut self, request: &str, plan: &str) {
        let agency = self.world.secrets.agencies["CA0194200"].token.clone();
        let (_, list) = self.call("GET", "search-requests", &agency, None).await;
        assert_eq!(list["items"].as_array().unwrap().len(), 1, "{plan}: one request");
        let administrator = self.token(Role::LocalAdministrator, 0);
        let (_, dead) = self.call("GET", "dead-letters", &administrator, None).await;
        assert_eq!(dead["items"], json!([]), "{plan}: no dead letters");
        let auditor = self.token(Role::Auditor, 0);
        let (_, export) = self.call("GET", "audit/export", &auditor, None).await;
        let export = export.as_str().unwrap().to_owned();
        leadbroker::audit::verify(export.lines(), None, &[])
            .unwrap_or_else(|e| panic!("{plan}: {e}"));
        for (action, times) in [
            ("search_request.received", 1),
            ("search_request.accepted", 1),
            ("examination.concluded", 1),
            ("second_review.concluded", 1),
            ("answer.released", 1),
            ("answer.sealed", 1),
            ("answer.delivered", 1),
        ] {
            let line = format!("\"action\":\"{action}\"");
            let found = export.lines().filter(|l| l.contains(&line) && l.contains(request)).count();
            assert_eq!(found, times, "{plan}: {action}");
        }
        let mails: Vec<_> = std::fs::read_dir(self.folder.path().join("mail"))
            .unwrap()
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "eml"))
            .collect();
        assert_eq!(mails.len(), 1, "{plan}: one mail, whatever the number of attempts");
    }
}

async fn story(plan: &str) -> u32 {
    let mut site = Site::new();
    site.start(Some(plan)).await;
    let request = site.drive().await;
    site.assert_ledger(&request, plan).await;
    site.crashes
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_named_point_nothing_is_lost_and_nothing_happens_twice() {
    for point in [
        "accept.after_images",
        "accept.after_commit",
        "respond.after_mail_stored",
        "deliver.before_send",
        "deliver.after_send",
    ] {
        assert_eq!(story(&format!("{point}:1")).await, 1, "{point} was passed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_any_commit_nothing_is_lost_and_nothing_happens_twice() {
    let mut crashes = 0;
    for pass in 1..=14 {
        crashes += story(&format!("store.before_commit:{pass}")).await;
    }
    assert!(crashes >= 12, "{crashes} kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_commit_nothing_is_lost_and_nothing_happens_twice() {
    let mut crashes = 0;
    for pass in 1..=14 {
        crashes += story(&format!("store.after_commit:{pass}")).await;
    }
    assert!(crashes >= 12, "{crashes} kills");
}
