//! A real installation under test, driven through its front door: real program, real configuration, real services.

#[path = "site/crowd.rs"]
pub mod crowd;
#[path = "site/database.rs"]
mod database;
#[path = "site/forms.rs"]
pub mod forms;
#[path = "site/free_text.rs"]
mod free_text;
#[path = "site/ledger.rs"]
mod ledger;
#[path = "site/patience.rs"]
pub mod patience;
#[path = "site/people.rs"]
pub mod people;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::Duration;

use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::demo::{DemoWorld, Keys, world};
use leadbroker::domain::Role;
use leadbroker::id_source::SystemIds;
use leadbroker::registry::Registry;
use serde_json::{Value, json};

use forms::{AGENCY, REQUESTER};
use free_text::FreeText;
use patience::Patience;

/// Where `scripts/test` put a service.
pub fn service(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run: scripts/test"))
}

/// A receipt waits so long for the check, in ms: a story expects what the check says. Less than a client's patience.
pub const PATIENT: u32 = 20_000;

/// What an installation is made of.
#[derive(Debug, Clone)]
pub struct Setup {
    /// PostgreSQL and the tests' broker, or SQLite alone.
    pub distributed: bool,
    /// The program with crash points.
    pub crash_points: bool,
    /// A mail server on the loopback, and the PEM of the authority to trust; else a folder.
    pub smtp: Option<(u16, Vec<u8>)>,
    /// Seconds for each phase of the dialogue with it.
    pub smtp_deadline: u32,
}

impl Setup {
    pub fn embedded() -> Self {
        Self { distributed: false, crash_points: false, smtp: None, smtp_deadline: 5 }
    }

    pub fn distributed() -> Self {
        Self { distributed: true, ..Self::embedded() }
    }

    pub fn with_crash_points(self) -> Self {
        Self { crash_points: true, ..self }
    }

    pub fn with_smtp(self, port: u16, authority: &[u8]) -> Self {
        Self { smtp: Some((port, authority.to_vec())), ..self }
    }
}

/// Two tests of one story: on SQLite alone, and on PostgreSQL with RabbitMQ.
#[macro_export]
macro_rules! both {
    ($($story:ident),+ $(,)?) => {$(
        mod $story {
            #[tokio::test(flavor = "multi_thread")]
            async fn embedded() {
                super::$story(super::Setup::embedded()).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn distributed() {
                super::$story(super::Setup::distributed()).await;
            }
        }
    )+};
}

/// A real installation: configuration, keys, registry, and the program that serves it.
pub struct Site {
    setup: Setup,
    folder: tempfile::TempDir,
    world: DemoWorld,
    database: String,
    origin: String,
    http: reqwest::Client,
    child: Option<Child>,
    roles: Option<&'static str>,
    /// Times that the program was found dead and started again.
    pub crashes: u32,
    /// Requests that got an id, with their case numbers.
    requests: BTreeMap<String, String>,
    /// SHA-256 of the documents that were released.
    released: BTreeMap<String, String>,
    forms: u64,
    free_text: FreeText,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill();
        self.close();
    }
}

impl Site {
    pub fn new(setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let now = SystemClock.now();
        let keys = Keys::make(&at("keys"), REQUESTER, &SystemIds, now).unwrap();
        let mut world = world(&SystemIds, now, &keys.recipient_pem).unwrap();
        // A code works once in 30 seconds; the story of the second factor gives the officers theirs back. The stories of
        // paging give people their pagers, so that no page comes between the mails of the others.
        for entry in &mut world.registry.accounts {
            entry.account.pager_email = None;
            if entry.account.role == Role::ReleaseAuthority {
                entry.totp_secret = None;
            }
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let database = if setup.distributed {
            database::create()
        } else {
            format!("sqlite:{}", at("leadbroker.db").display())
        };
        std::fs::write(at("destinations.toml"), "").unwrap();
        std::fs::write(at("leadbroker.toml"), config(&setup, &keys, (&at("."), port, &database)))
            .unwrap();
        let site = Self {
            setup,
            folder,
            world,
            database,
            origin: format!("http://127.0.0.1:{port}"),
            http: leadbroker::http::client(Duration::from_secs(30)).unwrap(),
            child: None,
            roles: None,
            crashes: 0,
            requests: BTreeMap::new(),
            released: BTreeMap::new(),
            forms: 0,
            free_text: FreeText::default(),
        };
        site.import();
        site
    }

    /// A new installation that serves.
    pub async fn serving(setup: Setup) -> Self {
        let mut site = Self::new(setup);
        site.start(None).await;
        site
    }

    pub fn is_distributed(&self) -> bool {
        self.setup.distributed
    }

    fn program(&self) -> PathBuf {
        if self.setup.crash_points {
            PathBuf::from(service("LEADBROKER_TEST_FAULTS"))
        } else {
            PathBuf::from(env!("CARGO_BIN_EXE_leadbroker"))
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name).display().to_string()
    }

    /// A file that only its owner may read.
    pub fn secret(&self, name: &str, text: &str) -> String {
        secret(&self.path(name), text)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program());
        command.arg("--config").arg(self.path("leadbroker.toml")).args(arguments);
        command
    }

    /// A command of the command line, as its user types it.
    pub fn cli(&self, token: &str, arguments: &[&str]) -> Output {
        self.free_text.arguments(arguments);
        self.command(&["--json", "--server", &self.origin])
            .args(arguments)
            .env("LEADBROKER_TOKEN", token)
            .output()
            .unwrap()
    }

    /// A command that must succeed: what it prints.
    pub fn cli_json(&self, token: &str, arguments: &[&str]) -> Value {
        let output = self.cli(token, arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {told}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e}"))
    }

    /// Puts the registry in force, with the operator's command.
    fn import(&self) {
        let file = self.registry_file();
        let imported = self.command(&["registry", "import", &file]).output().unwrap();
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    }

    /// The registry that this site has imported last, as a file.
    pub fn registry_file(&self) -> String {
        self.write("registry.toml", toml::to_string(&self.world.registry).unwrap())
    }

    /// Changes the registry, and waits until a running program has read it.
    pub async fn registry(&mut self, change: impl FnOnce(&mut Registry)) {
        change(&mut self.world.registry);
        self.import();
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }

    /// A receipt waits so long for the check, from the next start on; by default longer than the check ever takes.
    pub fn check_wait(&self, milliseconds: u32) {
        let config = std::fs::read_to_string(self.path("leadbroker.toml")).unwrap();
        let (before, after) = config.split_once("check_wait_ms = ").unwrap();
        let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        self.write("leadbroker.toml", format!("{before}check_wait_ms = {milliseconds}{rest}"));
    }

    /// Serves, and is killed when it passes the point of the plan.
    pub async fn start(&mut self, crash: Option<&str>) {
        self.kill();
        let mut command = self.command(&["serve"]);
        if let Some(roles) = self.roles {
            command.args(["--roles", roles]);
        }
        if let Some(plan) = crash {
            command.env("LEADBROKER_CRASH", plan);
        }
        self.child = Some(command.stderr(self.log()).spawn().unwrap());
        let mut patience = Patience::new();
        while patience.lasts().await {
            if self.http.get(format!("{}/livez", self.origin)).send().await.is_ok()
                || self.is_dead()
            {
                return;
            }
        }
        panic!("the program did not start");
    }

    /// Serves only these roles from now on (everything if `None`).
    pub async fn serve_roles(&mut self, roles: Option<&'static str>) {
        self.roles = roles;
        self.kill();
        self.release_claims_of_the_dead().await;
        self.start(None).await;
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn is_dead(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some())
    }

    /// One call: status and body. A dead program is started again and the call repeated, as a client does.
    pub async fn call(
        &mut self,
        (method, path): (&str, &str),
        token: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let body = body.map(|body| (body.to_string(), String::new()));
        self.call_with((method, path), token, body).await
    }

    async fn call_with(
        &mut self,
        (method, path): (&str, &str),
        token: &str,
        body: Option<(String, String)>,
    ) -> (u16, Value) {
        if let Some((body, _)) = &body {
            self.free_text.body(body);
        }
        let mut patience = Patience::new();
        while patience.lasts().await {
            if self.is_dead() {
                self.crashes += 1;
                self.release_claims_of_the_dead().await;
                self.start(None).await;
            }
            let url = format!("{}/api/v1/{path}", self.origin);
            let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(token);
            if let Some((body, key)) = &body {
                request = request.header("Content-Type", "application/json").body(body.clone());
                if !key.is_empty() {
                    request = request.header("Idempotency-Key", key);
                }
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
        }
        panic!("no answer to {method} {path}");
    }

    /// What a path is answered, byte for byte: status, headers, body. The path begins at the root.
    pub async fn get_raw(&self, path: &str, token: &str) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let url = format!("{}{path}", self.origin);
        let answer = self.http.get(url).bearer_auth(token).send().await.unwrap();
        let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
        let headers =
            answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        (answer.status().as_u16(), headers, answer.bytes().await.unwrap().to_vec())
    }

    /// A call without a token, with headers of its own: status and body.
    pub async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, String)],
        body: &Value,
    ) -> (u16, Value) {
        let url = format!("{}/api/v1/{path}", self.origin);
        let call = self.http.post(url).header("Content-Type", "application/json");
        let call = headers.iter().fold(call, |call, (name, value)| call.header(*name, value));
        let answer = call.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The same call by each of these, all at once: what each was answered.
    pub async fn at_once(
        &self,
        (method, path): (&str, &str),
        tokens: &[String],
        body: Option<&Value>,
    ) -> Vec<(u16, Value)> {
        let body = body.map(|body| (body.to_string(), ""));
        self.crowd((method, path), tokens, body).await
    }

    async fn crowd(
        &self,
        (method, path): (&str, &str),
        tokens: &[String],
        body: Option<(String, &str)>,
    ) -> Vec<(u16, Value)> {
        let calls = tokens.iter().map(|token| {
            let url = format!("{}/api/v1/{path}", self.origin);
            let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(token);
            if let Some((body, key)) = &body {
                request = request.header("Content-Type", "application/json").body(body.clone());
                if !key.is_empty() {
                    request = request.header("Idempotency-Key", *key);
                }
            }
            async move {
                let answer = request.send().await.unwrap();
                let status = answer.status().as_u16();
                (status, answer.json().await.unwrap())
            }
        });
        futures_util::future::join_all(calls).await
    }

    /// The nth person of the unit with this role.
    pub fn token(&self, role: Role, nth: usize) -> String {
        let accounts = self.world.secrets.accounts.iter();
        let mut of_role = accounts.filter(|a| a.role == role && a.unit.as_str() == "lacris");
        of_role.nth(nth).unwrap().token.clone()
    }

    /// The printed name of the person with this token.
    pub fn name(&self, token: &str) -> String {
        let mut accounts = self.world.secrets.accounts.iter();
        accounts.find(|account| account.token == token).unwrap().name.clone()
    }

    /// The account's id of the person with this token.
    pub fn account(&self, token: &str) -> String {
        let login = self.login(token);
        self.world.registry.entry_by_login(&login).unwrap().account.id.to_string()
    }

    /// The login name of the person with this token.
    pub fn login(&self, token: &str) -> String {
        let mut accounts = self.world.secrets.accounts.iter();
        accounts.find(|account| account.token == token).unwrap().login.clone()
    }

    /// The secret of one-time codes of the nth person with this role.
    pub fn totp_secret(&self, role: Role, nth: usize) -> String {
        let accounts = self.world.secrets.accounts.iter();
        let mut of_role = accounts.filter(|a| a.role == role && a.unit.as_str() == "lacris");
        of_role.nth(nth).unwrap().totp_secret.clone()
    }

    /// The first person of another unit with this role.
    pub fn token_of(&self, unit: &str, role: Role) -> String {
        let mut accounts = self.world.secrets.accounts.iter();
        let of = accounts.find(|a| a.role == role && a.unit.as_str() == unit);
        of.unwrap().token.clone()
    }

    /// Sends SIGHUP, and waits until the log says what came of it.
    pub async fn hang_up(&self, wanted: &str) {
        let said =
            || std::fs::read_to_string(self.path("server.log")).unwrap().matches(wanted).count();
        let before = said();
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
        let mut patience = Patience::new();
        while patience.lasts().await {
            if said() > before {
                return;
            }
        }
        panic!("the log did not say: {wanted}");
    }

    /// What readiness says.
    pub async fn ready(&self) -> Value {
        let answer = self.http.get(format!("{}/readyz", self.origin)).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Login names of the unit's people with this role.
    pub fn logins(&self, role: Role) -> Vec<String> {
        let accounts = self.world.registry.accounts.iter().map(|entry| &entry.account);
        let of_role = accounts.filter(|a| a.role == role && a.unit.as_str() == "lacris");
        of_role.map(|account| account.login.clone()).collect()
    }

    pub fn agency(&self) -> String {
        self.world.secrets.agencies[AGENCY].token.clone()
    }

    pub fn other_agency(&self) -> String {
        self.agency_of("NM0010100")
    }

    /// The token of an agency.
    pub fn agency_of(&self, ori: &str) -> String {
        self.world.secrets.agencies[ori].token.clone()
    }
}

/// Makes a file with a secret, which only its owner may read.
fn secret(path: &Path, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

fn config(setup: &Setup, keys: &Keys, (folder, port, database): (&Path, u16, &str)) -> String {
    let at = |name: &str| folder.join(name);
    let messaging = if setup.distributed {
        json!({ "transport": "amqp", "url": service("LEADBROKER_TEST_AMQP_URL") })
    } else {
        json!({ "transport": "embedded" })
    };
    let mut mail = json!({
        "from": "answers@leadbroker.example.gov",
        "certificate_file": keys.unit_certificate.display().to_string(),
        "key_file": secret(&at("answers.key"), &keys.unit_key),
    });
    let how = if let Some((port, authority)) = &setup.smtp {
        std::fs::write(at("mail-ca.pem"), authority).unwrap();
        json!({
            "transport": "smtp", "host": "127.0.0.1", "port": port, "server_name": "mail.example.gov",
            "ca_file": at("mail-ca.pem").display().to_string(), "deadline_seconds": setup.smtp_deadline
        })
    } else {
        json!({ "transport": "file", "directory": at("mail").display().to_string() })
    };
    mail.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
    toml::to_string(&json!({
        "environment": "demo",
        "server": { "listen": format!("127.0.0.1:{port}"), "check_wait_ms": PATIENT },
        "database": { "url": database },
        "messaging": messaging,
        "vault": {
            "images": format!("file:{}", at("images").display()),
            "master_key_file": secret(&at("master.key"), &keys.master_key),
        },
        "audit": { "signing_key_file": secret(&at("signing.pem"), &keys.signing_key) },
        "mail": mail,
        "paging": { "destinations": at("destinations.toml").display().to_string() },
        "log": { "level": "info,leadbroker=debug", "format": "text" },
    }))
    .unwrap()
}
