//! `leadbroker serve` as an operator runs it: health, metrics, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::demo::Keys;
use leadbroker::id_source::{IdSource as _, SystemIds};

struct Instance {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Instance {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("lb.db").display());
        Self::start_on(folder, &database)
    }

    fn start_on(folder: tempfile::TempDir, database: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let file = configuration(folder.path(), &address, database);
        let child = leadbroker()
            .args(["serve", "--config"])
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut instance = Self { child, address, _folder: folder };
        instance.wait("it serves", |this| TcpStream::connect(&this.address).is_ok());
        instance
    }

    fn wait(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let started = Instant::now();
        while !done(self) {
            assert!(started.elapsed() < Duration::from_secs(20), "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// A log-in whose body has not come yet: work under way.
    fn begun(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(
            stream,
            "POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 22\r\nExpect: 100-continue\r\n\r\n"
        )
        .unwrap();
        // It asks for the body, so it is at work on it.
        let mut head = *b"HTTP/1.1 100 Continue\r\n\r\n";
        head.fill(0);
        stream.read_exact(&mut head).unwrap();
        assert_eq!(String::from_utf8_lossy(&head), "HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"{").unwrap();
        stream
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    fn refuses(&mut self) {
        self.wait("it takes nothing new", |this| TcpStream::connect(&this.address).is_err());
    }

    fn exit_code(&mut self) -> Option<i32> {
        let mut code = None;
        self.wait("it ends", |this| {
            let status = this.child.try_wait().unwrap();
            code = status.and_then(|status| status.code());
            status.is_some()
        });
        code
    }
}

/// A sound configuration of an embedded installation, with keys of its own.
fn configuration(folder: &Path, address: &str, database: &str) -> PathBuf {
    let at = |name: &str| folder.join(name).display().to_string();
    let now = SystemClock.now();
    let mail = "jsample@pd.example.gov";
    let keys = Keys::make(&folder.join("keys"), mail, &SystemIds, now).unwrap();
    let text = format!(
        "environment = \"test\"\n[server]\nlisten = \"{address}\"\n[database]\nurl = \"{database}\"\n\
         [vault]\nimages = \"file:{}\"\nmaster_key = \"{}\"\n[audit]\nsigning_key = '''{}'''\n\
         [mail]\ndirectory = \"{}\"\nfrom = \"answers@leadbroker.example.gov\"\n\
         certificate_file = \"{}\"\nkey = '''{}'''\n",
        at("images"),
        keys.master_key,
        keys.signing_key,
        at("mail"),
        keys.unit_certificate.display(),
        keys.unit_key,
    );
    let file = folder.join("lb.toml");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let checked = leadbroker().args(["config", "check", "--config"]).arg(&file).output();
    let checked = checked.unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    file
}

fn leadbroker() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadbroker"));
    for (name, _) in std::env::vars() {
        if name.starts_with("LEADBROKER") {
            command.env_remove(name);
        }
    }
    command
}

#[test]
fn a_signal_lets_what_is_begun_finish() {
    for name in ["-TERM", "-INT"] {
        let mut instance = Instance::start();
        let mut stream = instance.begun();
        instance.signal(name);
        instance.refuses();
        assert!(instance.child.try_wait().unwrap().is_none(), "it waits for what is begun");
        stream.write_all(b"\"login\": \"x\", \"y\": 1}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
        assert_eq!(instance.exit_code(), Some(0), "{name}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once_with_its_own_code() {
    let mut instance = Instance::start();
    let stream = instance.begun();
    instance.signal("-TERM");
    instance.refuses();
    assert!(instance.child.try_wait().unwrap().is_none(), "it waits for what is begun");
    let second = Instant::now();
    instance.signal("-TERM");
    assert_eq!(instance.exit_code(), Some(leadbroker::shutdown::INTERRUPTED));
    assert!(second.elapsed() < Duration::from_secs(5), "at once");
    drop(stream);
}

fn psql(url: &str, sql: &str) -> String {
    let output = Command::new("psql").args([url, "-Atqc", sql]).output().unwrap();
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how a test finds its database")]
fn on_postgres_a_database_that_is_away_ends_no_instance_and_a_second_instance_does() {
    let server = std::env::var("LEADBROKER_TEST_POSTGRES_URL").unwrap();
    let name = format!("operate_{}", SystemIds.id().simple());
    psql(&server, &format!("CREATE DATABASE {name}"));
    let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    let mut instance = Instance::start_on(tempfile::tempdir().unwrap(), &url);
    let beat = || psql(&url, "SELECT heartbeat_at FROM instances");
    psql(&url, "ALTER TABLE instances RENAME TO away");
    std::thread::sleep(Duration::from_secs(7));
    assert!(instance.child.try_wait().unwrap().is_none(), "nobody took its place");
    psql(&url, "ALTER TABLE away RENAME TO instances");
    let before = beat();
    instance.wait("it keeps its place", |_| beat() != before);

    psql(&url, "UPDATE instances SET owner = 'another', heartbeat_at = 9000000000000000");
    assert_eq!(instance.exit_code(), Some(1), "a supervisor is told");
}

/// Every gauge of an installation without a broker is there from the first question on.
#[test]
fn the_metrics_are_served() {
    let instance = Instance::start();
    let before = instance.get("/api/v1/openapi.json");
    assert!(before.contains("\"openapi\":\"3.1.0\""), "{before}");
    let text = instance.get("/metrics");
    let of_work = [
        "leadbroker_step_seconds",
        "leadbroker_submissions_total",
        "leadbroker_pages_total",
        "leadbroker_page_seconds",
        "leadbroker_page_acknowledge_seconds",
        "leadbroker_pages_nobody_total",
    ];
    let of_units = ["leadbroker_requests", "leadbroker_holds_open"];
    let of_broker = ["leadbroker_broker_connected", "leadbroker_broker_dead_messages"];
    for (name, _) in leadbroker::telemetry::METRICS {
        let later = of_work.contains(name) || of_units.contains(name) || of_broker.contains(name);
        let sample = text.lines().any(|line| line.starts_with(name));
        assert_eq!(sample, !later, "{name}\n{text}");
    }
    let line = |start: &str| -> String {
        let found = text.lines().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("{start}\n{text}")).to_owned()
    };
    assert!(line("leadbroker_build_info{").contains(env!("CARGO_PKG_VERSION")));
    let counted = "leadbroker_http_seconds_count{method=\"GET\",route=\"/api/v1/openapi.json\",status=\"200\"}";
    assert_eq!(line(counted).rsplit(' ').next(), Some("1"));
    assert_eq!(line("leadbroker_dead_letters{step=\"deliver\"}").rsplit(' ').next(), Some("0"));
}

#[test]
fn the_registry_in_force_is_shown_without_what_opens_doors() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("lb.db").display());
    let config = configuration(folder.path(), "127.0.0.1:8400", &database);
    let run =
        |args: &[&str]| leadbroker().args(args).arg("--config").arg(&config).output().unwrap();
    let token = "5e".repeat(32);
    let text = format!(
        r#"
[[units]]
id = "lacris"
name = "Sample Regional Unit"
packs = ["lacris"]
contact = "unit@leadbroker.example.gov"
repositories = [{{ id = "DMS", kind = "mugshot" }}]

[[agencies]]
token_sha256 = "{token}"
[agencies.agency]
ori = "CA0194200"
name = "Sample City Police"
domains = ["pd.example.gov"]
standing = "active"
packs = []
call_back = "+12135550100"
agreements = []

[[accounts]]
token_sha256 = "{token}"
[accounts.account]
id = "p-00000000000000000000000000000001"
login = "rsample"
name = "Robin Sample"
unit = "lacris"
role = "reviewer"
active = true
credentials = []
"#
    );
    let file = folder.path().join("registry.toml");
    std::fs::write(&file, text).unwrap();
    let imported = run(&["registry", "import", file.to_str().unwrap()]);
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let shown = run(&["registry", "show", "--json"]);
    let value: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(value["people"][0]["login"], "rsample");
    assert_eq!(value["people"][0]["second_factor"], false);
    assert_eq!(value["agencies"][0]["ori"], "CA0194200");
    let table = String::from_utf8(run(&["registry", "show"]).stdout).unwrap();
    assert!(table.contains("rsample") && table.contains("DMS"), "{table}");
    assert!(table.contains("p-00000000000000000000000000000001"), "{table}");
    for hidden in [&token, "Robin", "+1213", "unit@"] {
        assert!(!table.contains(hidden) && !value.to_string().contains(hidden), "{hidden}");
    }
}
