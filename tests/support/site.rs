//! A real installation under test, driven through its front door.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::demo::{DemoWorld, Keys, Sample, sample_form, world};
use leadbroker::domain::Role;
use leadbroker::id_source::SystemIds;
use leadbroker::policy::StatementView;
use leadbroker::registry::Registry;
use leadbroker::report::samples;
use serde_json::{Value, json};

/// Where `scripts/test` put a service.
pub fn service(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run: scripts/test"))
}

/// A real installation: configuration, keys, registry, and the program that serves it.
pub struct Site {
    folder: tempfile::TempDir,
    world: DemoWorld,
    origin: String,
    http: reqwest::Client,
    child: Option<Child>,
    /// Times that the program was found dead and started again.
    pub crashes: u32,
    program: PathBuf,
    /// What a test changes in the form before it is sent.
    pub form: fn(&mut Value),
    /// What a test changes in the reviewers' records.
    pub examination: fn(&mut Value),
    /// The document that was released last.
    pub document: Vec<u8>,
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
    /// The program with crash points, on SQLite alone.
    pub fn with_crash_points() -> Self {
        Self::new(PathBuf::from(service("LEADBROKER_TEST_FAULTS")), None, |_| {})
    }

    /// The program as it is shipped, on SQLite alone, with another registry.
    pub fn with_registry(change: fn(&mut Registry)) -> Self {
        Self::new(PathBuf::from(env!("CARGO_BIN_EXE_leadbroker")), None, change)
    }

    /// The program as it is shipped, on a database of its own and the tests' broker.
    pub fn distributed() -> Self {
        let server = service("LEADBROKER_TEST_POSTGRES_URL");
        let name = format!("site_{}", std::process::id());
        let made = Command::new("psql")
            .args([&server, "-qc", &format!("CREATE DATABASE {name}")])
            .status();
        assert!(made.unwrap().success());
        let database = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        let broker = service("LEADBROKER_TEST_AMQP_URL");
        let program = PathBuf::from(env!("CARGO_BIN_EXE_leadbroker"));
        Self::new(program, Some((database, broker)), |_| {})
    }

    fn new(
        program: PathBuf,
        distributed: Option<(String, String)>,
        change: fn(&mut Registry),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let now = SystemClock.now();
        let keys = Keys::make(&at("keys"), "jsample@pd.example.gov", &SystemIds, now).unwrap();
        let mut world = world(&SystemIds, now, &keys.recipient_pem).unwrap();
        change(&mut world.registry);
        std::fs::write(at("registry.toml"), toml::to_string(&world.registry).unwrap()).unwrap();
        let secret = |name: &str, text: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::write(at(name), text).unwrap();
            std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(0o600)).unwrap();
            at(name).display().to_string()
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let embedded = format!("sqlite:{}", at("leadbroker.db").display());
        let (database, messaging) = match distributed {
            None => (embedded, json!({ "transport": "embedded" })),
            Some((database, broker)) => (database, json!({ "transport": "amqp", "url": broker })),
        };
        let config = toml::to_string(&json!({
            "environment": "demo",
            "server": { "listen": format!("127.0.0.1:{port}") },
            "database": { "url": database },
            "messaging": messaging,
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
        let site = Self {
            folder,
            world,
            origin,
            http,
            child: None,
            crashes: 0,
            program,
            form: |_| {},
            examination: |_| {},
            document: Vec::new(),
        };
        let registry = site.folder.path().join("registry.toml");
        let imported =
            site.command(&["registry", "import", registry.to_str().unwrap()]).output().unwrap();
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        site
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        let config = self.folder.path().join("leadbroker.toml");
        command.arg("--config").arg(config).args(arguments);
        command
    }

    pub async fn start(&mut self, crash: Option<&str>) {
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

    pub async fn submit(&mut self) -> (u16, Value) {
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
        let mut form = sample_form(&Sample {
            ori: "CA0194200",
            email: "jsample@pd.example.gov",
            case_number: "24-000001",
            probe: &probe,
            at: SystemClock.now(),
            statements: &statements,
        });
        (self.form)(&mut form);
        self.call("POST", "search-requests", &agency, Some(&form)).await
    }

    /// Does whatever the request's state asks for next, until it is delivered.
    pub async fn drive(&mut self) -> String {
        let (_, receipt) = self.submit().await;
        // A submission that was cut off is sent again under its key; signed anew it is a repeat of the same case.
        let request = receipt["request"].as_str().unwrap_or_else(|| panic!("{receipt}")).to_owned();
        self.follow(&request).await;
        request
    }

    /// The people's steps, until the answer is delivered.
    pub async fn follow(&mut self, request: &str) {
        let agency = self.world.secrets.agencies["CA0194200"].token.clone();
        for _ in 0..1600 {
            let (_, status) =
                self.call("GET", &format!("search-requests/{request}"), &agency, None).await;
            match status["state"].as_str().unwrap_or_default() {
                "delivered" => return,
                "queued" => self.claim(request, 0).await,
                "leased" => self.conclude(request, "conclude", 0).await,
                "examined" => self.claim(request, 1).await,
                "second_review" => self.conclude(request, "second-review", 1).await,
                "awaiting_release" => self.release(request).await,
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
        let mut examination = json!({
            "suitability": [{ "probe": 0, "suitable": true, "note": "Frontal, even light." }],
            "searches": [search],
            "comparison": [{ "feature": "Ears", "probe": "Attached", "candidate": "Free", "agreement": "dissimilar" }],
            "conclusion": "no_match",
            "narrative": "None of the listed candidates agrees with the probe in ears, nose and hair line."
        });
        (self.examination)(&mut examination);
        let body = json!({ "token": case["lease"]["token"], "examination": examination });
        self.call("POST", &format!("jobs/{request}/{step}"), &token, Some(&body)).await;
    }

    async fn release(&mut self, request: &str) {
        let token = self.token(Role::ReleaseAuthority, 0);
        let url = format!("{}/api/v1/jobs/{request}/document", self.origin);
        let Ok(answer) = self.http.get(url).bearer_auth(&token).send().await else { return };
        let Ok(pdf) = answer.bytes().await else { return };
        let body = json!({ "document_sha256": hex::encode(openssl::sha::sha256(&pdf)) });
        self.document = pdf.to_vec();
        self.call("POST", &format!("jobs/{request}/release"), &token, Some(&body)).await;
    }

    /// The audit log.
    pub async fn log(&mut self) -> String {
        let auditor = self.token(Role::Auditor, 0);
        let (_, export) = self.call("GET", "audit/export", &auditor, None).await;
        export.as_str().unwrap().to_owned()
    }

    /// Nothing lost, nothing twice, and the log proves it.
    pub async fn assert_ledger(&mut self, request: &str, plan: &str) {
        let agency = self.world.secrets.agencies["CA0194200"].token.clone();
        let (_, list) = self.call("GET", "search-requests", &agency, None).await;
        assert_eq!(list["items"].as_array().unwrap().len(), 1, "{plan}: one request");
        let administrator = self.token(Role::LocalAdministrator, 0);
        let (_, dead) = self.call("GET", "dead-letters", &administrator, None).await;
        assert_eq!(dead["items"], json!([]), "{plan}: no dead letters");
        let export = self.log().await;
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
