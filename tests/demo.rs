//! The front door, as a newcomer uses it: the real program, embedded and distributed, and clients that know only docs.
//!
//! The distributed half needs services: `scripts/services -- cargo nextest run --test demo`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may panic, and reads where its services are"
)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use leadbroker::id_source::{IdSource as _, SystemIds};

const PROGRAM: &str = env!("CARGO_BIN_EXE_leadbroker");

fn service(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; run: scripts/test -E 'binary(demo)'"))
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> Output {
    Command::new(program).args(arguments).current_dir(folder).output().unwrap_or_else(|e| {
        panic!("{program}: {e}");
    })
}

fn succeeded(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The mail opens with a stock tool, its signature verifies, and the PDF in it is the released one.
fn assert_mail_opens(out: &Path, name: &str) {
    let decrypted = run(
        "openssl",
        &[
            "cms",
            "-decrypt",
            "-in",
            &format!("{name}.eml"),
            "-inkey",
            "keys/recipient.key",
            "-recip",
            "keys/recipient.pem",
            "-out",
            &format!("{name}.signed"),
        ],
        out,
    );
    succeeded(&decrypted);
    let verified = run(
        "openssl",
        &[
            "cms",
            "-verify",
            "-in",
            &format!("{name}.signed"),
            "-CAfile",
            "keys/ca.pem",
            "-out",
            &format!("{name}.mime"),
        ],
        out,
    );
    succeeded(&verified);
    let mime = std::fs::read_to_string(out.join(format!("{name}.mime"))).unwrap();
    let part = mime.split("application/pdf").nth(1).unwrap();
    let body = part.split("\r\n\r\n").nth(1).unwrap();
    let base64: String = body.lines().take_while(|line| !line.starts_with("--")).collect();
    let pdf = openssl::base64::decode_block(&base64).unwrap();
    assert_eq!(pdf, std::fs::read(out.join(format!("{name}.pdf"))).unwrap());
}

fn assert_documents(out: &Path) {
    let lead = succeeded(&run("pdftotext", &["-layout", "lead.pdf", "-"], out));
    let words: String = lead.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("THIS IS NOT A POSITIVE IDENTIFICATION"), "{words}");
    let images = succeeded(&run("pdfimages", &["-list", "lead.pdf"], out));
    assert_eq!(images.lines().filter(|line| line.contains(" image ")).count(), 2, "{images}");
    let notice = succeeded(&run("pdftotext", &["-layout", "no-match.pdf", "-"], out));
    assert!(notice.contains("did not result in a possible match"), "{notice}");
    assert!(!notice.contains("SAMPLE, CASEY"));
}

/// The export verifies; any change is found and the entry named.
fn assert_audit(out: &Path) {
    let sound = succeeded(&run(PROGRAM, &["audit", "verify", "audit.jsonl"], out));
    assert!(sound.starts_with("sound: "), "{sound}");
    let text = std::fs::read_to_string(out.join("audit.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let write = |name: &str, lines: Vec<String>| {
        std::fs::write(out.join(name), lines.join("\n") + "\n").unwrap();
        let output = run(PROGRAM, &["audit", "verify", name], out);
        assert_eq!(output.status.code(), Some(65), "{name}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let owned = || lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let mut changed = owned();
    changed[5] = changed[5].replacen("search_request", "search_requesT", 1).replacen(
        "examination",
        "examinatioN",
        1,
    );
    if changed[5] == lines[5] {
        changed[5] = changed[5].replacen("\"at\":\"2", "\"at\":\"3", 1);
    }
    assert!(write("changed.jsonl", changed).contains("entry 4"));
    let mut deleted = owned();
    deleted.remove(6);
    assert!(write("deleted.jsonl", deleted).contains("entry 5"));
    let mut added = owned();
    added.insert(4, lines[7].to_owned());
    assert!(write("added.jsonl", added).contains("entry 3"));
    let mut swapped = owned();
    swapped.swap(2, 9);
    assert!(write("swapped.jsonl", swapped).contains("entry 1"));
}

/// A reviewer is paged by a mail of its own kind, and everything else in the folder is sealed.
fn assert_pages(out: &Path, told: &str) {
    assert!(told.contains("is told by mail"), "{told}");
    let mails = std::fs::read_dir(out.join("mail")).unwrap().map(|entry| entry.unwrap().path());
    let (pages, answers): (Vec<PathBuf>, Vec<PathBuf>) =
        mails.partition(|path| path.file_name().unwrap().to_string_lossy().starts_with("page-"));
    assert!(!pages.is_empty() && answers.len() == 2, "{pages:?} {answers:?}");
    for page in pages {
        let mail = std::fs::read_to_string(page).unwrap();
        assert!(mail.contains("@unit.example.gov") && mail.contains("leadbroker pages ack pg-"));
        assert!(!mail.contains("24-0018") && !mail.contains("24-0019"), "{mail}");
    }
    for answer in answers {
        assert!(std::fs::read_to_string(answer).unwrap().contains("application/pkcs7-mime"));
    }
}

/// What it prints. Embedded, nothing of it is a warning.
fn demo(out: &Path, more: &[&str]) -> String {
    let folder = out.parent().unwrap();
    let mut arguments = vec!["demo", "--no-serve", "--out", out.to_str().unwrap()];
    arguments.extend(more);
    let output = run(PROGRAM, &arguments, folder);
    let warned = String::from_utf8_lossy(&output.stderr);
    let quiet = !warned.contains("WARN") && !warned.contains("ERROR");
    assert!(quiet || !more.is_empty(), "{warned}");
    succeeded(&output)
}

fn fresh_database() -> String {
    let url = service("LEADBROKER_TEST_POSTGRES_URL");
    let name = format!("demo_{}", SystemIds.id().simple());
    succeeded(&run("psql", &[&url, "-qc", &format!("CREATE DATABASE {name}")], Path::new("/")));
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

#[test]
fn embedded_the_demonstration_walks_both_answers_to_mails_that_open() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let told = demo(&out, &[]);
    assert!(told.contains("CORE-AGREEMENT"), "{told}");
    assert!(told.contains("under 1 signed checkpoint;"), "{told}");
    assert_pages(&out, &told);
    for name in ["lead", "no-match"] {
        assert_mail_opens(&out, name);
    }
    assert_documents(&out);
    assert_audit(&out);
    // Again into the same folder; a stranger's folder is left alone.
    let refused =
        run(PROGRAM, &["demo", "--no-serve", "--out", out.to_str().unwrap()], folder.path());
    assert!(!refused.status.success(), "this test has put files of its own there");
    for name in [
        "added.jsonl",
        "changed.jsonl",
        "deleted.jsonl",
        "swapped.jsonl",
        "lead.signed",
        "no-match.signed",
    ] {
        std::fs::remove_file(out.join(name)).unwrap();
    }
    demo(&out, &[]);
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("mine.txt"), "mine").unwrap();
    let refused =
        run(PROGRAM, &["demo", "--no-serve", "--out", other.to_str().unwrap()], folder.path());
    assert!(!refused.status.success());
    assert!(other.join("mine.txt").is_file());
}

#[test]
fn distributed_the_demonstration_walks_over_postgres_rabbitmq_and_postfix() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let smtp = format!(
        "smtp://{}:{}?ca={}",
        service("LEADBROKER_TEST_SMTP_HOST"),
        service("LEADBROKER_TEST_SMTP_PORT"),
        service("LEADBROKER_TEST_SMTP_CA")
    );
    let database = fresh_database();
    let amqp = service("LEADBROKER_TEST_AMQP_URL");
    demo(&out, &["--database", &database, "--amqp", &amqp, "--smtp", &smtp]);
    for name in ["lead", "no-match"] {
        assert_mail_opens(&out, name);
    }
    assert_documents(&out);
    assert_audit(&out);
    let sent = std::fs::read(out.join("lead.eml")).unwrap();
    let head = String::from_utf8_lossy(&sent).into_owned();
    let id = head.lines().find(|line| line.starts_with("Message-ID:")).unwrap().to_owned();
    let inbox = PathBuf::from(service("LEADBROKER_TEST_SMTP_MAILDIR")).join("new");
    let arrived = || {
        std::fs::read_dir(&inbox).into_iter().flatten().filter_map(Result::ok).any(|entry| {
            std::fs::read(entry.path())
                .is_ok_and(|mail| String::from_utf8_lossy(&mail).contains(&id))
        })
    };
    for _ in 0..100 {
        if arrived() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("the mail server delivered no mail with {id}");
}

/// A demonstration that goes on serving; it ends by its own process id.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

fn serve(out: &Path, more: &[&str]) -> Served {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let mut child = Command::new(PROGRAM)
        .args(["demo", "--out", out.to_str().unwrap(), "--listen", &listen])
        .args(more)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(child.stdout.take().unwrap());
    let served = Served(child);
    for line in told.lines() {
        if line.unwrap().starts_with("The API listens") {
            return served;
        }
    }
    panic!("the demonstration ended before it served");
}

fn python_client(out: &Path) {
    let python = service("LEADBROKER_TEST_PYTHON");
    let folder = out.parent().unwrap();
    std::fs::write(folder.join("probe.jpg"), leadbroker::report::samples::probe(77).unwrap())
        .unwrap();
    std::fs::write(folder.join("lead.jpg"), leadbroker::report::samples::booking(77).unwrap())
        .unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python)
        .arg(root.join("tests/python/client.py"))
        .arg(out.join("demo.json"))
        .arg(root.join("tests/data/forms/search_request.v1.example.json"))
        .args([folder.join("probe.jpg"), folder.join("lead.jpg")])
        .output()
        .unwrap();
    let told = succeeded(&output);
    assert!(told.lines().count() > 15 && !told.contains("\"ok\": false"), "{told}");
}

#[test]
fn embedded_a_python_client_that_knows_only_the_documents_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let served = serve(&out, &[]);
    python_client(&out);
    drop(served);
}

#[test]
fn distributed_a_python_client_that_knows_only_the_documents_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let definitions = folder.path().join("definitions.json");
    let printed = succeeded(&run(PROGRAM, &["topology", "definitions", "--demo"], folder.path()));
    let mut printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    // The tests' own user of this name stays as it is.
    for list in ["users", "permissions", "topic_permissions"] {
        let own = |entry: &serde_json::Value| {
            let name = if list == "users" { "name" } else { "user" };
            entry[name] != "leadbroker"
        };
        printed[list].as_array_mut().unwrap().retain(own);
    }
    std::fs::write(&definitions, printed.to_string()).unwrap();
    let control = service("LEADBROKER_TEST_RABBITMQ");
    succeeded(&run(&control, &["import", definitions.to_str().unwrap()], folder.path()));
    let database = fresh_database();
    let amqp = service("LEADBROKER_TEST_AMQP_URL");
    let served = serve(&out, &["--database", &database, "--amqp", &amqp]);
    python_client(&out);
    drop(served);
}
