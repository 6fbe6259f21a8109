//! The commands as a person or a script runs them: real processes, their output and their exit codes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn leadbroker(args: &[&str]) -> Output {
    run(args, &[])
}

fn run(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadbroker"));
    for (name, _) in std::env::vars() {
        if name.starts_with("LEADBROKER") {
            command.env_remove(name);
        }
    }
    command.args(args).envs(variables.iter().copied()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn write(path: &Path, text: &str, mode: u32) -> String {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    path.display().to_string()
}

const REGISTRY: &str = r#"
[[units]]
id = "lacris"
name = "Sample Regional Unit"
packs = ["lacris"]
contact = "unit@leadbroker.example.gov"
repositories = [{ id = "DMS", kind = "mugshot" }]

[[agencies]]
token_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[agencies.agency]
ori = "CA0194200"
name = "Sample City Police"
domains = ["pd.example.gov"]
standing = "active"
packs = []
amqp_user = "ca0194200"
agreements = []
"#;

#[test]
fn keys_are_the_owners_alone_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("keys");
    let args = ["--json", "keys", "generate", "--dir", dir.to_str().unwrap()];
    let made = json(&leadbroker(&args));
    assert_eq!(made["public_key"].as_str().unwrap().len(), 64);
    let master = std::fs::read_to_string(dir.join("master.key")).unwrap();
    assert!(master.len() == 65 && master.trim().chars().all(|c| c.is_ascii_hexdigit()));
    assert_eq!((mode(&dir.join("master.key")), mode(&dir.join("signing.pem"))), (0o600, 0o600));
    let again = leadbroker(&args);
    assert_eq!(again.status.code(), Some(65));
    assert_eq!(std::fs::read_to_string(dir.join("master.key")).unwrap(), master);
}

#[test]
fn a_wrong_configuration_is_told_whole() {
    let folder = tempfile::tempdir().unwrap();
    let text = "environment = \"test\"\n[limits]\nimagse = 7\nimages = \"many\"\n";
    let file = write(&folder.path().join("lb.toml"), text, 0o600);
    let output = leadbroker(&["config", "check", "--config", &file]);
    assert_eq!(output.status.code(), Some(78));
    let told = stderr(&output);
    assert!(told.contains("the nearest one is `limits.images`"), "{told}");
    assert!(told.contains("`limits.images` must be a whole number"), "{told}");
}

#[test]
fn a_printed_configuration_tells_places_and_no_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let text = "environment = \"test\"\n[vault]\nmaster_key = \"feedbeef\"\n[limits]\nimages = 7\n";
    let file = write(&folder.path().join("lb.toml"), text, 0o600);
    let variables = [("LEADBROKER_CONFIG", file.as_str()), ("LEADBROKER__LIMITS__IMAGES", "9")];
    let output = run(&["config", "print", "--json"], &variables);
    let settings = json(&output);
    assert_eq!(settings["limits.images"]["value"], 9);
    assert_eq!(settings["limits.images"]["from"], "LEADBROKER__LIMITS__IMAGES");
    assert_eq!(settings["vault.master_key"]["value"], "(secret)");
    assert!(!stdout(&output).contains("feedbeef"));
}

#[test]
fn a_registry_is_checked_before_it_counts() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(&folder.path().join("good.toml"), REGISTRY, 0o600);
    let checked = json(&leadbroker(&["registry", "check", &file, "--json"]));
    assert_eq!(checked["counts"]["agencies"], 1);
    let broken = REGISTRY
        .replace("kind = \"mugshot\"", "kind = \"dmv\"")
        .replace("packs = [\"lacris\"]", "packs = []");
    let file = write(&folder.path().join("bad.toml"), &broken, 0o600);
    let output = leadbroker(&["registry", "check", &file]);
    assert_eq!(output.status.code(), Some(65), "{}", stdout(&output));
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let output = leadbroker(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains("second-review"), "{shell}");
    }
}

#[test]
fn the_built_in_packs_are_sound_and_a_broken_one_is_told() {
    let checked = json(&leadbroker(&["policy", "check", "--json"]));
    let packs = checked["packs"].as_array().unwrap();
    assert!(packs.iter().any(|pack| pack["pack"] == "lacris"));
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("stray.txt"), "nobody names me", 0o600);
    let output = leadbroker(&["policy", "check", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(65));
    assert!(stderr(&output).contains("the pack `core` is always in force"), "{}", stderr(&output));
}

#[test]
fn clauses_tell_how_each_is_answered() {
    let clauses = json(&leadbroker(&["policy", "clauses", "--pack", "lacris", "--json"]));
    let clauses = clauses.as_array().unwrap();
    let known = clauses.iter().find(|clause| clause["id"] == "LACRIS-AUD-2").unwrap();
    assert_eq!(known["pack"], "lacris");
    assert!(known["answer"].is_string() && known["text"].is_string());
    let output = leadbroker(&["policy", "clauses", "--pack", "nobody"]);
    assert_eq!(output.status.code(), Some(65));
}

#[test]
fn definitions_are_json_with_users_of_agencies_only_and_hashed_passwords() {
    let demo = leadbroker(&["topology", "definitions", "--demo"]);
    let names = |value: &Value| -> Vec<String> {
        let users = value["users"].as_array().unwrap().iter();
        users.map(|user| user["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&json(&demo)), ["leadbroker", "ca0194200", "nm0010100"]);
    assert!(!stdout(&demo).contains("demo-ca0194200"));

    let folder = tempfile::tempdir().unwrap();
    let registry = write(&folder.path().join("registry.toml"), REGISTRY, 0o600);
    let text = "leadbroker = \"one\"\nca0194200 = \"two\"\n";
    let passwords = write(&folder.path().join("passwords.toml"), text, 0o600);
    let args = ["topology", "definitions", "--registry", &registry, "--passwords", &passwords];
    assert_eq!(names(&json(&leadbroker(&args))), ["leadbroker", "ca0194200"]);

    write(&folder.path().join("passwords.toml"), "leadbroker = \"one\"\n", 0o600);
    let output = leadbroker(&args);
    assert_eq!(output.status.code(), Some(65));
    assert!(stderr(&output).contains("none for ca0194200"), "{}", stderr(&output));

    write(&folder.path().join("passwords.toml"), text, 0o644);
    let output = leadbroker(&args);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("chmod 600"), "{}", stderr(&output));
}

#[test]
fn the_asyncapi_document_holds_form_and_receipt() {
    let document = json(&leadbroker(&["topology", "asyncapi"]));
    assert_eq!(document["asyncapi"], "3.0.0");
    assert!(document.to_string().contains("duplicate_of"));
}

#[test]
fn a_database_is_made_and_the_doctor_sees_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("lb.db");
    let text = format!(
        "environment = \"test\"\n[database]\nurl = \"sqlite:{}\"\n[vault]\nimages = \"file:{}\"\n",
        database.display(),
        folder.path().join("images").display()
    );
    let file = write(&folder.path().join("lb.toml"), &text, 0o600);
    let state = |check: &str| -> String {
        let output = leadbroker(&["doctor", "--json", "--config", &file]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut lines = told["checks"].as_array().unwrap().iter();
        let line = lines.find(|line| line["check"] == check).unwrap();
        line["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state("database"), "warn");
    assert!(!database.exists(), "the doctor changes nothing");
    json(&leadbroker(&["migrate", "--json", "--config", &file]));
    assert_eq!(state("database"), "ok");
    assert_eq!(state("registry"), "warn");
    assert_eq!(state("master key"), "fail");
    assert_eq!(state("policy packs"), "ok");
}

#[test]
fn a_server_that_is_away_and_a_missing_token_have_their_exit_codes() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = run(&["list", "--server", &server], &[("LEADBROKER_TOKEN", "sample")]);
    assert_eq!(output.status.code(), Some(69), "{}", stderr(&output));
    let output = run(&["list", "--json"], &[]);
    assert_eq!(output.status.code(), Some(77));
    let told: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(told["error"]["code"], "token_missing");
}
