//! The commands as a person or a script runs them: real processes, their output and their exit codes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

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

/// The command with a line on its standard input.
fn fed(args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadbroker"));
    let command = command.env_remove("LEADBROKER_CONFIG").args(args);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn what_a_person_logs_in_with_is_made_here_and_stands_in_the_registry() {
    use argon2::PasswordVerifier as _;
    let made = json(&fed(&["--json", "keys", "password"], "Sömmer rain \r\n".as_bytes()));
    let hash = made["password_argon2"].as_str().unwrap();
    let fits = |password: &str| {
        argon2::Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
    };
    assert!(fits("Sömmer rain ") && !fits("Sömmer rain"), "only the end of the line goes");
    let again = json(&fed(&["--json", "keys", "password"], "Sömmer rain ".as_bytes()));
    assert_ne!(again["password_argon2"], hash, "every hash has its own salt");
    for bad in [b"short\n".as_slice(), b"", b"\xff\xff\xff\xff\xff\xff\xff\xff\n"] {
        let refused = fed(&["keys", "password"], bad);
        assert!(!refused.status.success() && refused.stdout.is_empty());
        assert!(!stderr(&refused).contains("short"), "{}", stderr(&refused));
    }
    assert_eq!(leadbroker(&["keys", "password", "horse"]).status.code(), Some(64));

    let totp = json(&leadbroker(&["--json", "keys", "totp", "adler", "--issuer", "Sample Unit"]));
    let secret = totp["totp_secret"].as_str().unwrap();
    let read = totp_rs::Secret::try_from_base32(secret).unwrap();
    assert!(totp_rs::Builder::new().with_secret(read).build().is_ok(), "what a login reads");
    let uri = totp["uri"].as_str().unwrap();
    assert!(uri.starts_with(&format!("otpauth://totp/Sample%20Unit:adler?secret={secret}&")));

    // What is printed for people goes into the registry as it is.
    let example = include_str!("../config/registry.example.toml");
    let password = stdout(&fed(&["keys", "password"], b"correct horse\n"));
    let totp = stdout(&leadbroker(&["keys", "totp", "adler"]));
    let totp = totp.lines().next().unwrap();
    let lines = format!("[[accounts]]\n{totp}\n{password}");
    let folder = tempfile::tempdir().unwrap();
    let registry = example.replacen("[[accounts]]\n", &lines, 1);
    let file = write(&folder.path().join("registry.toml"), &registry, 0o600);
    json(&leadbroker(&["registry", "check", &file, "--json"]));
}

#[test]
fn serve_names_its_roles() {
    let roles =
        ["api", "intake", "check", "dispatch", "respond", "deliver", "relay", "sweep", "pager"];
    let help = stdout(&leadbroker(&["serve", "--help"]));
    let refused = leadbroker(&["serve", "--roles", "api,x"]);
    assert_eq!(refused.status.code(), Some(64));
    for role in roles {
        assert!(help.contains(role), "{role}: {help}");
        assert!(stderr(&refused).contains(role), "{role}: {}", stderr(&refused));
    }
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
fn the_brokers_authorities_are_read_before_the_broker_is() {
    let folder = tempfile::tempdir().unwrap();
    let empty = write(&folder.path().join("no.pem"), "no certificate", 0o600);
    let absent = folder.path().join("absent.pem").display().to_string();
    for (ca_file, says) in [(&empty, "holds no certificate"), (&absent, "cannot be read")] {
        let text = format!(
            "environment = \"test\"\n[messaging]\ntransport = \"amqp\"\n\
             url = \"amqps://leadbroker:secret@127.0.0.1/%2f\"\nca_file = \"{ca_file}\"\n"
        );
        let file = write(&folder.path().join("lb.toml"), &text, 0o600);
        let output = leadbroker(&["config", "check", "--config", &file]);
        let told = stderr(&output);
        assert!(told.contains("messaging.ca_file") && told.contains(says), "{told}");
    }
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
fn the_example_of_a_registry_is_sound() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/registry.example.toml");
    let checked = json(&leadbroker(&["registry", "check", file, "--json"]));
    assert_eq!(checked["counts"]["accounts"], 5);
    assert_eq!(checked["warnings"], serde_json::json!([]), "every step has its people");

    // A unit that would hang at the first difference is told so.
    let folder = tempfile::tempdir().unwrap();
    let example = std::fs::read_to_string(file).unwrap();
    let without = example.replace("role = \"adjudicator\"", "role = \"auditor\"");
    let file = write(&folder.path().join("without.toml"), &without, 0o600);
    let output = leadbroker(&["registry", "check", &file]);
    assert_eq!(output.status.code(), Some(0), "who is suspended must be able to leave");
    assert!(stdout(&output).contains("warning: units.lacris: nobody has the role `adjudicator`"));
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let output = leadbroker(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains("second-review"), "{shell}");
    }
}

/// `leadbroker … | head`: the reader goes away before the end, or before anything was printed.
#[test]
fn output_that_nobody_reads_on_ends_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let demo = ["demo", "--no-serve", "--out", out.to_str().unwrap()];
    let commands: [&[&str]; 10] = [
        &["completions", "bash"],
        &["completions", "zsh"],
        &["completions", "fish"],
        &["completions", "elvish"],
        &["--help"],
        &["openapi"],
        &["config", "reference"],
        &["policy", "clauses"],
        &["policy", "clauses", "--json"],
        &demo,
    ];
    for args in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadbroker"));
        command.env("LEADBROKER__LOG__LEVEL", "error").args(args).stdout(writer);
        let output = command.stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{args:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("pipe"), "{args:?}: {}", stderr(&output));
    }
    assert!(out.join("no-match.eml").is_file(), "the walk goes on to its end");
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
fn every_clause_of_the_sources_is_listed_and_answered() {
    let listed = json(&leadbroker(&["policy", "clauses", "--json"]));
    let listed = listed.as_array().unwrap();
    let own = ["core", "state-example", "ban-example"];
    let of_sources: BTreeSet<[&str; 3]> = listed
        .iter()
        .map(|clause| ["id", "pack", "lines"].map(|member| clause[member].as_str().unwrap()))
        .filter(|[_, pack, _]| !own.contains(pack))
        .collect();
    let table = include_str!("data/policy/clauses.tsv");
    let sources: BTreeSet<[&str; 3]> = table
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<_>>().try_into().unwrap())
        .collect();
    assert_eq!(sources.len(), 224);
    assert_eq!(of_sources, sources);
    for pack in own {
        assert!(listed.iter().any(|clause| clause["pack"] == pack), "{pack}");
    }
    for clause in listed {
        let members: BTreeSet<&str> =
            clause.as_object().unwrap().keys().map(String::as_str).collect();
        let all = ["answer", "by", "force", "id", "lines", "pack", "part", "test", "text"];
        assert_eq!(members, BTreeSet::from(all), "{clause}");
        let answered = !clause["by"].as_array().unwrap().is_empty() && clause["test"].is_string();
        assert!(answered != (clause["answer"] == "planned"), "{clause}");
        assert_eq!(clause["part"].is_string(), clause["answer"] == "planned", "{clause}");
    }
    let kinds: BTreeSet<&str> =
        listed.iter().map(|clause| clause["answer"].as_str().unwrap()).collect();
    let mut count = 0;
    for kind in kinds.into_iter().chain(["planned"]).collect::<BTreeSet<_>>() {
        let some = json(&leadbroker(&["policy", "clauses", "--answer", kind, "--json"]));
        let some = some.as_array().unwrap();
        assert!(some.iter().all(|clause| clause["answer"] == kind), "{kind}");
        count += some.len();
    }
    assert_eq!(count, listed.len());
    let output = leadbroker(&["policy", "clauses", "--answer", "perhaps"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("expected one of rule, statement"), "{}", stderr(&output));
}

#[test]
fn definitions_are_json_with_users_of_agencies_only_and_hashed_passwords() {
    let demo = leadbroker(&["topology", "definitions", "--demo"]);
    let names = |value: &Value| -> Vec<String> {
        let users = value["users"].as_array().unwrap().iter();
        users.map(|user| user["name"].as_str().unwrap().to_owned()).collect()
    };
    let users = ["leadbroker", "ca0194200", "ca0380100", "ca0560400", "nm0010100"];
    assert_eq!(names(&json(&demo)), users);
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
    let change = |sql: &'static str| {
        use sqlx::Connection as _;
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            sqlx::any::install_default_drivers();
            let url = format!("sqlite:{}", database.display());
            let mut connection = sqlx::AnyConnection::connect(&url).await.unwrap();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    };
    change("DELETE FROM _sqlx_migrations WHERE version > 20261121090000");
    assert_eq!(state("database"), "warn", "older than the program");
    change("UPDATE _sqlx_migrations SET version = version + 80000000000000");
    assert_eq!(state("database"), "fail", "newer than the program");
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

#[test]
fn a_check_of_the_configuration_finds_missing_empty_and_open_key_files() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("keys");
    json(&leadbroker(&["--json", "keys", "generate", "--dir", dir.to_str().unwrap()]));
    let told = |master: &str, signing: &str| -> Vec<String> {
        let text = format!(
            "environment = \"test\"\n[vault]\nmaster_key_file = \"{master}\"\n[audit]\nsigning_key_file = \"{signing}\"\n"
        );
        let file = write(&folder.path().join("lb.toml"), &text, 0o600);
        let output = leadbroker(&["config", "check", "--config", &file]);
        assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
        stderr(&output).lines().map(str::to_owned).collect()
    };
    let path = |name: &str| dir.join(name).display().to_string();
    let good = told(&path("master.key"), &path("signing.pem"));
    assert_eq!(good.len(), 1, "only the certificate is missing: {good:#?}");
    assert!(good[0].contains("`mail.certificate_file` must name"), "{good:#?}");
    let empty = write(&folder.path().join("empty"), "\n", 0o600);
    let wide = write(&folder.path().join("wide"), "x", 0o644);
    let faults = told(&empty, &wide).join("\n");
    assert!(faults.contains("`vault.master_key_file` names") && faults.contains("is empty"));
    assert!(faults.contains("`audit.signing_key_file` names") && faults.contains("chmod 600"));
    assert!(told(&path("gone"), &path("signing.pem"))[0].contains("cannot be read"));
    let swapped = told(&path("signing.pem"), &path("master.key")).join("\n");
    assert!(swapped.contains("`vault.master_key` is no master key"), "{swapped}");
    assert!(swapped.contains("`audit.signing_key` is no signing key"), "{swapped}");
}

#[test]
fn what_is_no_text_is_told_and_ends_nothing() {
    use std::os::unix::ffi::OsStrExt as _;
    let broken = std::ffi::OsStr::from_bytes(b"x\xff");
    let run = |command: &mut Command| command.env_remove("LEADBROKER_CONFIG").output().unwrap();
    let program = env!("CARGO_BIN_EXE_leadbroker");
    let args = ["config", "check"];
    let output = run(Command::new(program).args(args).env("LEADBROKER__LOG__LEVEL", broken));
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("`LEADBROKER__LOG__LEVEL` must be UTF-8"));
    let output = run(Command::new(program).arg("list").env("LEADBROKER_TOKEN", broken));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("`LEADBROKER_TOKEN` must be UTF-8"), "{}", stderr(&output));
    for args in [vec![broken], vec!["status".as_ref(), broken]] {
        let output = run(Command::new(program).args(args));
        assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
    }
}

#[test]
fn the_reference_of_settings_is_printed() {
    let output = leadbroker(&["config", "reference"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), include_str!("../docs/CONFIGURATION.md"));
}

#[test]
fn the_documents_for_programs_are_what_is_printed() {
    let kept = [
        (["openapi"].as_slice(), include_str!("../docs/openapi.json"), "docs/openapi.json"),
        (&["topology", "asyncapi"], include_str!("../docs/asyncapi.json"), "docs/asyncapi.json"),
    ];
    for (command, text, file) in kept {
        let printed = stdout(&leadbroker(command));
        assert!(printed == text, "run: leadbroker {} > {file}", command.join(" "));
    }
}

/// An export of three entries, the second with this detail, signed whole; and its checkpoint.
fn audit_export(detail: &str) -> (String, String) {
    use leadbroker::audit::{
        Actor, AuditEntry, AuditEvent, Checkpoint, Frontier, Header, entry_line, header_line,
        leaf_hash, note_line,
    };
    let key = openssl::pkey::PKey::private_key_from_raw_bytes(&[7; 32], openssl::pkey::Id::ED25519);
    let key = key.unwrap();
    let origin = "log.example.gov";
    let header = Header::new(origin, &key.raw_public_key().unwrap());
    let mut text = header_line(&header).unwrap() + "\n";
    let mut frontier = Frontier::default();
    for (seq, detail) in ["a", detail, "c"].into_iter().enumerate() {
        let actor = Actor::System { stage: "check".to_owned() };
        let at = chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let event = AuditEvent::new(at, actor, "case.read").detail("n", detail);
        let body = AuditEntry::new(u64::try_from(seq).unwrap(), event).canonical().unwrap();
        frontier.append(leaf_hash(&body));
        text += &(entry_line(std::str::from_utf8(&body).unwrap()).unwrap() + "\n");
    }
    let checkpoint = Checkpoint { origin: origin.to_owned(), size: 3, root: frontier.root() };
    let note = checkpoint.sign(&key).unwrap();
    text += &(note_line(&note).unwrap() + "\n");
    (text, note.as_str().to_owned())
}

#[test]
fn a_log_written_anew_by_the_holder_of_the_key_is_shown_by_a_checkpoint_held_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (true_log, held) = audit_export("b");
    let (rewritten, other) = audit_export("x");
    let log = write(&at("true.jsonl"), &true_log, 0o600);
    let forged = write(&at("forged.jsonl"), &rewritten, 0o600);
    let held = write(&at("held.note"), &held, 0o600);
    let other = write(&at("other.note"), &other, 0o600);
    let verify = |log: &str, notes: &[&str]| {
        let mut args = vec!["audit", "verify", log];
        if !notes.is_empty() {
            args.push("--checkpoints");
            args.extend_from_slice(notes);
        }
        leadbroker(&args)
    };
    assert_eq!(verify(&log, &[]).status.code(), Some(0));
    assert_eq!(verify(&forged, &[]).status.code(), Some(0), "alone it looks sound");
    let sound = verify(&log, &[&held]);
    assert_eq!(sound.status.code(), Some(0), "{}", stderr(&sound));
    assert!(stdout(&sound).contains("every checkpoint that you hold (1)"));
    let found = verify(&forged, &[&held]);
    assert_eq!(found.status.code(), Some(65));
    assert!(stderr(&found).contains("was rewritten"), "{}", stderr(&found));
    assert_eq!(verify(&log, &[&held, &other]).status.code(), Some(65), "each must fit");
    let broken = write(&at("broken.note"), "log.example.gov\n3\n", 0o600);
    let told = verify(&log, &[&broken]);
    assert_eq!(told.status.code(), Some(65));
    assert!(stderr(&told).contains("broken.note"), "{}", stderr(&told));
}
