//! The program as it is installed: real configuration, real registry, its own process.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::demo::{DemoWorld, Keys, world};
use leadbroker::domain::Role;
use leadbroker::id_source::SystemIds;
use serde_json::{Value, json};

/// The two ways to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stack {
    Embedded,
    Distributed,
}

impl Stack {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Embedded => "SQLite",
            Self::Distributed => "PostgreSQL+RabbitMQ",
        }
    }
}

/// Where `scripts/bench` put a service.
pub(crate) fn service(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run: scripts/bench"))
}

/// A database of its own.
pub(crate) fn new_database() -> String {
    let server = service("LEADBROKER_TEST_POSTGRES_URL");
    let name = format!("bench_{}", uuid::Uuid::now_v7().simple());
    let made =
        Command::new("psql").args([&server, "-qc", &format!("CREATE DATABASE {name}")]).status();
    assert!(made.unwrap().success());
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

/// A file that only its owner may read.
fn secret(path: &std::path::Path, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

/// An installation, started.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) origin: String,
    pub(crate) database: String,
    pub(crate) world: DemoWorld,
    pub(crate) stack: Stack,
    child: Option<Child>,
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Installation {
    /// Keys, registry and configuration in a new folder, mail by the given server. Not started.
    pub(crate) fn new(stack: Stack) -> Self {
        Self::with_desk(stack, None)
    }

    /// The same, with a duty desk at this URL that is paged for every job.
    pub(crate) fn with_desk(stack: Stack, desk: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let now = SystemClock.now();
        let keys = Keys::make(&at("keys"), "jsample@pd.example.gov", &SystemIds, now).unwrap();
        let mut world = world(&SystemIds, now, &keys.recipient_pem).unwrap();
        // An officer's code works once in 30 seconds; what is measured is the release. Who is paged is said below.
        for entry in &mut world.registry.accounts {
            entry.account.pager_email = None;
            entry.totp_secret = None;
        }
        if desk.is_some() {
            super::pages::page_the_desk(&mut world.registry);
        }
        std::fs::write(at("registry.toml"), toml::to_string(&world.registry).unwrap()).unwrap();
        let secret = |name: &str, text: &str| secret(&at(name), text);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (database, messaging) = match stack {
            Stack::Embedded => (
                format!("sqlite:{}", at("leadbroker.db").display()),
                json!({ "transport": "embedded" }),
            ),
            Stack::Distributed => (
                new_database(),
                json!({ "transport": "amqp", "url": service("LEADBROKER_TEST_AMQP_URL") }),
            ),
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
                "transport": "smtp",
                "host": service("LEADBROKER_TEST_SMTP_HOST"),
                "port": service("LEADBROKER_TEST_SMTP_PORT").parse::<u16>().unwrap(),
                "ca_file": service("LEADBROKER_TEST_SMTP_CA"),
                "from": "answers@leadbroker.example.gov",
                "certificate_file": keys.unit_certificate.display().to_string(),
                "key_file": secret("answers.key", &keys.unit_key),
            },
            "paging": { "destinations": at("destinations.toml").display().to_string() },
            "limits": { "forms_per_second": 100_000 },
            "log": { "level": "error", "format": "text" },
        }))
        .unwrap();
        std::fs::write(at("leadbroker.toml"), config).unwrap();
        let key = secret("desk.secret", super::pages::SECRET);
        let destinations = desk.map(|url| super::pages::destination(url, &key)).unwrap_or_default();
        std::fs::write(at("destinations.toml"), destinations).unwrap();
        let origin = format!("http://127.0.0.1:{port}");
        let this = Self { folder, origin, database, world, stack, child: None };
        let registry = this.folder.path().join("registry.toml");
        let imported =
            this.command(&["registry", "import", registry.to_str().unwrap()]).output().unwrap();
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        this
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_leadbroker"));
        let mut command = Command::new(program);
        command.arg("--config").arg(self.folder.path().join("leadbroker.toml")).args(arguments);
        command
    }

    /// Starts it; the time until it says that it is ready.
    pub(crate) async fn start(&mut self) -> Duration {
        let started = Instant::now();
        self.child = Some(self.command(&["serve"]).spawn().unwrap());
        let http = leadbroker::http::client(Duration::from_secs(5)).unwrap();
        let ready = format!("{}/readyz", self.origin);
        loop {
            if http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return started.elapsed();
            }
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "the program is not ready after a minute"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Memory that it holds, and the most it ever held, in MB.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let id = self.child.as_ref().unwrap().id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let of = |name: &str| -> f64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            kib * 1024.0 / 1e6
        };
        (of("VmRSS:"), of("VmHWM:"))
    }

    /// The agency's token.
    pub(crate) fn agency(&self) -> String {
        self.world.secrets.agencies["CA0194200"].token.clone()
    }

    /// The token of the nth account of the unit in this role.
    pub(crate) fn token(&self, role: Role, nth: usize) -> String {
        let mut of_role = self
            .world
            .secrets
            .accounts
            .iter()
            .filter(|account| account.role == role && account.unit.as_str() == "lacris");
        of_role.nth(nth).unwrap().token.clone()
    }

    /// Adds up a column of a table of the database.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        use sqlx::Row as _;
        sqlx::any::install_default_drivers();
        let mut connection =
            <sqlx::AnyConnection as sqlx::Connection>::connect(&self.database).await.unwrap();
        let row = sqlx::query(sql).fetch_one(&mut connection).await.unwrap();
        row.try_get(0).unwrap()
    }

    /// Statements that a form affirms.
    pub(crate) async fn statements(
        &self,
        http: &reqwest::Client,
    ) -> Vec<leadbroker::policy::StatementView> {
        let url = format!("{}/api/v1/units/lacris/form", self.origin);
        let answer = http.get(url).bearer_auth(self.agency()).send().await.unwrap();
        let asked: Value = answer.json().await.unwrap();
        let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
        asked["statements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|statement| leadbroker::policy::StatementView {
                statement: text(statement, "statement"),
                text: String::new(),
                text_sha256: text(statement, "text_sha256"),
                clauses: Vec::new(),
                affirm: true,
            })
            .collect()
    }
}
