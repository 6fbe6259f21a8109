//! A request from form to delivered answer through the command line alone, against a running demonstration.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::similar_names,
    clippy::indexing_slicing,
    reason = "a test may panic, and its words are the field's"
)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use leadbroker::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

/// A running demonstration, ended with the test.
struct Demo {
    child: Child,
    server: String,
    folder: tempfile::TempDir,
    secrets: Value,
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
        Self { child, server: format!("http://{free}"), folder, secrets }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }

    fn tokens(&self, role: &str) -> Vec<String> {
        let accounts = self.secrets["accounts"].as_array().unwrap().iter();
        accounts
            .filter(|account| account["role"] == role)
            .map(|account| account["token"].as_str().unwrap().to_owned())
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

    fn agency(&self, ori: &str) -> String {
        self.secrets["agencies"][ori]["token"].as_str().unwrap().to_owned()
    }

    fn command(&self, token: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadbroker"));
        command.args(["--server", &self.server]).env("LEADBROKER_TOKEN", token);
        command
    }

    fn run(&self, token: &str, args: &[&str]) -> Output {
        self.command(token).arg("--json").args(args).output().unwrap()
    }

    fn json(&self, token: &str, args: &[&str]) -> Value {
        let output = self.run(token, args);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {told}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}"))
    }

    fn until(&self, request: &str, states: &[&str]) {
        for _ in 0..300 {
            let status = self.json(&self.agency("CA0194200"), &["status", request]);
            if states.iter().any(|state| status["state"] == *state) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{request} did not become {states:?}");
    }
}

/// A form whose one image waits for its file.
fn form(ori: &str, email: &str, probe: &[u8]) -> Vec<u8> {
    let now = SystemClock.now();
    let policies = leadbroker::policy::builtin::load(now).unwrap();
    let statements = policies.statements(&["lacris".parse().unwrap()]);
    let case_number = "24-007001";
    let sample = leadbroker::demo::Sample {
        ori,
        email,
        case_number,
        probe,
        at: now,
        statements: &statements,
    };
    let mut form = leadbroker::demo::sample_form(&sample);
    let image = form["images"][0].as_object_mut().unwrap();
    image.remove("content");
    image.remove("sha256");
    form.as_object_mut().unwrap().remove("images_attached");
    serde_json::to_vec(&form).unwrap()
}

fn lead() -> Value {
    let feature = |name: &str| json!({ "feature": name, "probe": "attached lobes", "candidate": "attached lobes", "agreement": "similar" });
    json!({
        "suitability": [{ "probe": 0, "suitable": true, "note": "Frontal view, both eyes visible, even light." }],
        "searches": [{
            "repository": "DMS", "system": "Sample search system", "vendor": "Sample vendor", "version": "4.2",
            "searched_at": "2024-05-03T10:12:00Z", "candidates": 24
        }],
        "comparison": [feature("Ears"), feature("Nose"), feature("Hair line")],
        "conclusion": "lead",
        "narrative": "Ear shape, nasal bridge and hair line agree; no feature speaks against the candidate.",
        "candidate": {
            "repository": "DMS", "name": "SAMPLE, CASEY", "date_of_birth": "1991-04-17", "cdl": "X0000000",
            "main_number": "0000001", "sid": "A00000001", "booking_number": "5550001", "comments": ""
        }
    })
}

/// Claims the job as the first of these people who may, and records the examination. Returns who it was.
fn examine(demo: &Demo, request: &str, step: &str, people: &[String]) -> String {
    let claim = |token: &String| {
        let output = demo.run(token, &["claim", request]);
        output.status.success().then(|| (token.clone(), output))
    };
    let (person, output) = people.iter().find_map(claim).expect("nobody could claim the job");
    let claim: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lease = claim["token"].to_string();
    let images = demo.path(step);
    let shown = demo.run(&person, &["show", request, "--images", images.to_str().unwrap()]);
    assert_eq!(shown.status.code(), Some(0), "{}", String::from_utf8_lossy(&shown.stderr));
    let original = std::fs::read(images.join("probe-0.jpg")).unwrap();
    assert_eq!(original, std::fs::read(demo.path("frame.jpg")).unwrap());
    let exam = demo.file("exam.json", &serde_json::to_vec(&lead()).unwrap());
    let booking = leadbroker::report::samples::booking(11).unwrap();
    let candidate = demo.file("booking.jpg", &booking);
    let args = [step, request, "--token", &lease, "--file", &exam, "--candidate", &candidate];
    demo.json(&person, &args);
    person
}

#[test]
fn a_request_goes_from_form_to_delivered_answer_by_commands() {
    let demo = Demo::start();
    let probe = leadbroker::report::samples::probe(77).unwrap();
    let image = demo.file("frame.jpg", &probe);
    let agency = demo.agency("CA0194200");

    let text = form("CA0194200", "jsample@pd.example.gov", &probe);
    let file = demo.file("form.json", &text);
    let submit = ["submit", &file, "--image", &image];
    let receipt = demo.json(&agency, &submit);
    assert_eq!(receipt["state"], "accepted", "{receipt}");
    let request = receipt["request"].as_str().unwrap().to_owned();
    assert_eq!(
        demo.json(&agency, &submit)["request"],
        request.as_str(),
        "the key is the form's hash"
    );

    demo.until(&request, &["queued"]);
    let reviewers = demo.tokens("reviewer");
    let first = examine(&demo, &request, "conclude", &reviewers);
    let others: Vec<String> = reviewers.into_iter().filter(|token| *token != first).collect();
    examine(&demo, &request, "second-review", &others);

    let officer = &demo.tokens("release_authority")[0];
    let pdf = demo.path("answer.pdf");
    let preview = demo.json(officer, &["release", &request, "--preview", pdf.to_str().unwrap()]);
    assert!(std::fs::read(&pdf).unwrap().starts_with(b"%PDF-"));
    let hash = preview["document_sha256"].as_str().unwrap();
    let wrong = demo.run(officer, &["release", &request, "--sha256", &"0".repeat(64)]);
    assert_eq!(wrong.status.code(), Some(1), "another document is not released");
    demo.json(officer, &["release", &request, "--sha256", hash, "--code", &demo.code(officer)]);
    demo.until(&request, &["delivered"]);

    let auditor = &demo.tokens("auditor")[0];
    let entries = demo.json(auditor, &["audit", "show", &request])["entries"].to_string();
    assert!(entries.contains("answer.released") && entries.contains("LACRIS-AUD-2"));
    assert_logins(&demo, (auditor, &request), &[&first, officer]);
    let export = demo.path("audit.jsonl");
    demo.json(auditor, &["audit", "export", "--out", export.to_str().unwrap()]);
    demo.json("", &["audit", "verify", export.to_str().unwrap()]);

    assert_eq!(demo.run(&agency, &["queue"]).status.code(), Some(77), "an agency has no worklist");
    refused(&demo, &probe, &image);
}

/// The audit's tables say who these people are, beside the ids of their accounts.
fn assert_logins(demo: &Demo, (auditor, request): (&str, &str), people: &[&String]) {
    for command in ["show", "who"] {
        let output = demo.command(auditor).args(["audit", command, request]).output().unwrap();
        let table = String::from_utf8(output.stdout).unwrap();
        for token in people {
            let mut accounts = demo.secrets["accounts"].as_array().unwrap().iter();
            let account = accounts.find(|account| account["token"] == token.as_str()).unwrap();
            let login = format!(" ({})", account["login"].as_str().unwrap());
            assert!(table.contains("person p-") && table.contains(&login), "{login}: {table}");
        }
    }
}

/// The second agency's agreement has run out.
fn refused(demo: &Demo, probe: &[u8], image: &str) {
    let text = form("NM0010100", "rstone@desert.example.gov", probe);
    let file = demo.file("foreign.json", &text);
    let output = demo.run(&demo.agency("NM0010100"), &["submit", &file, "--image", image]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("CORE-AGREEMENT") && told.contains("-> "), "{told}");
}
