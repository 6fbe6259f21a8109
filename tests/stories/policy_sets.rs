//! A running installation takes a new set of packs after two people, and never another way.

use std::collections::BTreeMap;
use std::time::Duration;

use leadbroker::domain::Role;
use leadbroker::policy::builtin;
use serde_json::{Value, json};

use crate::site::people::examination;
use crate::site::{Setup, Site};

crate::both!(
    a_new_set_decides_after_two_people,
    a_set_that_cannot_be_used_keeps_the_old_one,
    a_candidate_is_tried_on_what_is_stored,
    a_request_is_explained_to_its_units_people,
    an_answer_says_the_words_of_the_set_in_force,
    the_folder_is_read_again_at_a_hangup,
);

// Neither the database nor the broker has a part in it.
mod a_bad_pack_is_refused_at_the_start_and_changes_nothing_at_a_hangup {
    #[tokio::test(flavor = "multi_thread")]
    async fn embedded() {
        super::bad_packs_are_refused(crate::site::Setup::embedded()).await;
    }
}

/// The packs that come with the program, with one text of one file replaced, in a folder.
fn packs(site: &Site, name: &str, (path, from, to): (&str, &str, &str)) -> String {
    let mut files = builtin::files();
    let text = String::from_utf8(files[path].clone()).unwrap();
    assert!(text.contains(from), "{path} holds no {from}");
    files.insert(path.to_owned(), text.replacen(from, to, 1).into_bytes());
    written(site, name, &files)
}

fn written(site: &Site, name: &str, files: &BTreeMap<String, Vec<u8>>) -> String {
    let folder = site.path(name);
    for (path, bytes) in files {
        let file = folder.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    folder.display().to_string()
}

/// Every theft is refused from now on.
const STRICTER: (&str, &str, &str) = (
    "lacris/rules.cedar",
    "when {\n  context.form.predictive_analysis\n};",
    "when {\n  context.form.predictive_analysis || context.form.purpose == \"active_investigation\"\n};",
);

/// An administrator, who proposes, and an officer, who confirms.
fn two(site: &Site) -> (String, String) {
    (site.token(Role::LocalAdministrator, 0), site.token(Role::ReleaseAuthority, 0))
}

fn refused(site: &Site, token: &str, arguments: &[&str]) -> String {
    let output = site.cli(token, arguments);
    assert_ne!(output.status.code(), Some(0), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn proposed(site: &Site, token: &str, dir: &str) -> (String, String) {
    let answer = site.cli_json(token, &["policy", "activate", dir]);
    assert_eq!(answer["state"], "proposed");
    (answer["version"].to_string(), answer["sha256"].as_str().unwrap().to_owned())
}

fn confirmed(site: &Site, token: &str, (version, digest): (&str, &str)) -> Value {
    site.cli_json(token, &["policy", "activate", "--confirm", version, "--digest", digest])
}

async fn of_action(site: &mut Site, action: &str) -> Vec<Value> {
    let entries = site.audit("policy sets").await;
    entries.into_iter().filter(|entry| entry["action"] == action).collect()
}

async fn a_new_set_decides_after_two_people(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (keeper, _) = two(&site);
    let (status, receipt) = site.submit().await;
    assert_eq!(status, 201, "{receipt}");
    let before = receipt["request"].as_str().unwrap().to_owned();
    let dir = packs(&site, "stricter", STRICTER);

    let (version, digest) = proposed(&site, &keeper, &dir);
    assert_eq!(version, "1");
    let (status, receipt) = site.submit().await;
    assert_eq!(status, 201, "a proposal decides nothing: {receipt}");

    not_everybody_confirms_and_nothing_but_the_very_set(&site, (&dir, &digest));
    reads_and_confirms(&site, (&version, &digest));
    let auditor = site.token(Role::Auditor, 0);

    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (status, receipt) = site.submit().await;
    assert_eq!(status, 422, "{receipt}");
    let clauses = receipt["findings"].as_array().unwrap();
    assert!(clauses.iter().any(|finding| finding["clause"] == "LACRIS-PRO-3"), "{receipt}");
    let refusal = receipt["request"].as_str().unwrap().to_owned();

    // Every decision says which set made it.
    let set = |entry: &Value| entry["detail"]["policy_set"].as_str().unwrap().to_owned();
    let entries = site.audited(&before, "search_request.accepted").await;
    assert!(set(&entries[0]).starts_with("built_in:"), "{entries:?}");
    let entries = site.audited(&refusal, "search_request.rejected").await;
    let named = set(&entries[0]);
    assert!(named.strip_prefix("1:").is_some_and(|start| digest.starts_with(start)), "{named}");

    the_set_in_force_is_checked_and_listed(&site, &digest);
    a_newer_proposal_takes_the_place_of_an_older_one(&mut site, &dir).await;
    let proposals = of_action(&mut site, "policy_set.proposed").await;
    assert_eq!(proposals.len(), 3);
    assert_eq!(proposals[0]["detail"]["digest"], digest.as_str());
    assert_eq!(of_action(&mut site, "policy_set.confirmed").await.len(), 2);
    // What was put in force outlives the process.
    site.start(None).await;
    let sets = site.cli_json(&auditor, &["policy", "sets"]);
    assert_eq!(sets["in_force"]["origin"], json!({ "activated": 3 }));
    site.assert_sound("policy sets").await;
}

/// Nobody confirms an own proposal, nothing but the very set, and not everybody may.
fn not_everybody_confirms_and_nothing_but_the_very_set(site: &Site, (dir, digest): (&str, &str)) {
    let (keeper, officer) = two(site);
    let zeros = "0".repeat(64);
    let very = ["policy", "activate", "--confirm", "1", "--digest", digest];
    let another = ["policy", "activate", "--confirm", "1", "--digest", &zeros];
    let propose = ["policy", "activate", dir];
    for (token, arguments, code) in [
        (keeper, very.as_slice(), "separation_of_duties"),
        (officer.clone(), &another, "policy_set_changed"),
        (site.token(Role::Reviewer, 0), &very, "role"),
        (site.token(Role::Auditor, 0), &very, "role"),
        (officer, &propose, "role"),
    ] {
        let told = refused(site, &token, arguments);
        assert!(told.contains(code), "{code}: {told}");
    }
}

/// Without a server's help: what is checked and listed is what decides, and what is due for review is told.
fn the_set_in_force_is_checked_and_listed(site: &Site, digest: &str) {
    let set = json!({ "origin": { "activated": 1 }, "sha256": digest });
    let checked = site.cli_json("", &["policy", "check", "--in-force"]);
    assert_eq!((&checked["sound"], &checked["set"]), (&json!(true), &set));
    let due = |review: &Value| review["pack"] == "albuquerque" && review["overdue"] == true;
    assert!(checked["reviews"].as_array().unwrap().iter().any(due), "{checked}");
    let own = site.cli_json("", &["policy", "check"]);
    assert_eq!(own["set"]["origin"], "built_in");
    let plain = |arguments: &[&str]| {
        let config = site.path("leadbroker.toml").display().to_string();
        let told = std::process::Command::new(env!("CARGO_BIN_EXE_leadbroker"))
            .args(["--config", &config])
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8(told.stdout).unwrap()
    };
    let checked = plain(&["policy", "check", "--in-force"]);
    let warning = "warning: the review of `albuquerque` was due on 2023-10-20";
    assert!(checked.contains(warning), "{checked}");
    for (arguments, which) in [
        (&["policy", "clauses", "--in-force"][..], "version 1, which two people put in force"),
        (&["policy", "clauses"], "the packs that come with the program"),
    ] {
        let first = plain(arguments).lines().next().unwrap().to_owned();
        assert!(first.starts_with(which), "{arguments:?}: {first}");
        assert_eq!(first.contains(digest), which.starts_with("version"), "{first}");
    }
    let doctor: Value = serde_json::from_slice(&site.cli("", &["doctor"]).stdout).unwrap();
    let lines = doctor["checks"].as_array().unwrap();
    let reviews = lines.iter().find(|line| line["check"] == "policy reviews").unwrap();
    assert_eq!(reviews["state"], "warn");
    assert!(reviews["found"].as_str().unwrap().contains("`albuquerque` was due"), "{reviews}");
}

/// The other person reads exactly what was proposed, and confirms it, once.
fn reads_and_confirms(site: &Site, (version, digest): (&str, &str)) {
    let (_, officer) = two(site);
    let out = site.path("read").display().to_string();
    let saved = site.cli_json(&officer, &["policy", "sets", "--save", version, "--out", &out]);
    assert_eq!(saved["sha256"], digest);
    let rules = std::fs::read_to_string(site.path("read/lacris/rules.cedar")).unwrap();
    assert!(rules.contains(STRICTER.2));
    let answer = confirmed(site, &officer, (version, digest));
    assert_eq!(answer["state"], "in_force");
    let overdue = |due: &Value| due["pack"] == "albuquerque" && due["overdue"] == true;
    assert!(answer["reviews"].as_array().unwrap().iter().any(overdue), "{answer}");
    let again = ["policy", "activate", "--confirm", version, "--digest", digest];
    assert!(refused(site, &officer, &again).contains("policy_set_confirmed"));
}

async fn a_newer_proposal_takes_the_place_of_an_older_one(site: &mut Site, dir: &str) {
    let (keeper, officer) = two(site);
    let (second, digest) = proposed(site, &keeper, dir);
    let loose = written(site, "loose", &builtin::files());
    let (third, newer) = proposed(site, &keeper, &loose);
    let late = ["policy", "activate", "--confirm", &second, "--digest", &digest];
    assert!(refused(site, &officer, &late).contains("policy_set_superseded"));
    confirmed(site, &officer, (&third, &newer));
    let sets = site.cli_json(&officer, &["policy", "sets"]);
    let states: Vec<&str> = sets["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| set["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["in_force", "superseded", "replaced"]);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(site.submit().await.0, 201);
    // A version is the newest one's successor, or none.
    let body = json!({ "version": 7, "files": [{ "path": "core/pack.toml", "content": "" }] });
    let (got, answer) = site.call(("POST", "policy-sets"), &keeper, Some(&body)).await;
    assert_eq!((got, &answer["code"]), (422, &json!("shape")), "{answer}");
    let files: Vec<Value> = builtin::files()
        .into_iter()
        .map(|(path, text)| json!({ "path": path, "content": String::from_utf8(text).unwrap() }))
        .collect();
    let body = json!({ "version": 7, "files": files });
    let (got, answer) = site.call(("POST", "policy-sets"), &keeper, Some(&body)).await;
    assert_eq!((got, &answer["code"]), (409, &json!("policy_set_version")), "{answer}");
}

async fn a_set_that_cannot_be_used_keeps_the_old_one(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (keeper, officer) = two(&site);
    // A bad folder is not even proposed: file and rule are told.
    let bad = ("lacris/rules.cedar", "context.form.predictive_analysis", "context.form.unknown");
    let dir = packs(&site, "bad", bad);
    let told = refused(&site, &keeper, &["policy", "activate", &dir]);
    assert!(told.contains("lacris/rules.cedar, line") && told.contains("`lacris-pro-3`"), "{told}");
    // Nor one without a pack that the registry has in force.
    let mut files = builtin::files();
    files.retain(|path, _| !path.starts_with("oxnard/"));
    let dir = written(&site, "without", &files);
    let told = refused(&site, &keeper, &["policy", "activate", &dir]);
    assert!(told.contains("`oxnard`"), "{told}");

    let dir = packs(&site, "stricter", STRICTER);
    let (version, digest) = proposed(&site, &keeper, &dir);
    confirmed(&site, &officer, (&version, &digest));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(site.submit().await.0, 422);

    // Somebody changes the next one where it is stored, after two people agreed on it.
    let loose = written(&site, "loose", &builtin::files());
    let (version, digest) = proposed(&site, &keeper, &loose);
    site.sql(
        "UPDATE policy_sets SET digest = (SELECT digest FROM policy_sets WHERE version = 1),
             confirmed_by = 'p-00000000000000000000000000000001', confirmed_at = 1
         WHERE version = 2",
    )
    .await;
    assert_eq!((version.as_str(), digest.len()), ("2", 64));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (status, receipt) = site.submit().await;
    assert_eq!(status, 422, "the old set decides: {receipt}");
    let sets = site.cli_json(&officer, &["policy", "sets"]);
    assert_eq!(sets["in_force"]["origin"], json!({ "activated": 1 }));
    assert_eq!(sets["refused"]["version"], 2);
    assert!(sets["refused"]["reasons"][0].as_str().unwrap().contains("digest"), "{sets}");
    let ready = site.ready().await;
    assert_eq!(ready["status"], "degraded");
    assert_eq!(ready["checks"]["policies"], "kept_old");
    assert_eq!(ready["checks"]["policy_set_refused"], 2);
    let doctor = site.cli("", &["doctor"]);
    let checks: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let line = checks["checks"].as_array().unwrap().iter().find(|one| one["check"] == "policy set");
    assert_eq!(line.unwrap()["state"], "fail", "{checks}");
    for command in ["check", "clauses"] {
        let told = refused(&site, "", &["policy", command, "--in-force"]);
        assert!(told.contains("version 2 is in force and this program cannot use it"), "{told}");
    }

    // A third one, by two people, mends it.
    let (version, digest) = proposed(&site, &keeper, &loose);
    confirmed(&site, &officer, (&version, &digest));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(site.submit().await.0, 201);
    assert_eq!(site.ready().await["checks"]["policies"], "ok");
}

async fn a_candidate_is_tried_on_what_is_stored(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let form = site.form().await;
    let (status, receipt) = site.send(&form).await;
    assert_eq!(status, 201, "{receipt}");
    let request = receipt["request"].as_str().unwrap();
    let dir = packs(&site, "stricter", STRICTER);
    let replay = |more: &[&str]| {
        let arguments = [&["policy", "replay", "--candidate", &dir], more].concat();
        site.cli_json("", &arguments)
    };
    let told = replay(&[]);
    assert_eq!((&told["decided"], &told["changed"]), (&json!(1), &json!(1)), "{told}");
    assert_eq!(told["with_newest_registry"], 0);
    let verdict = &told["verdicts"][0];
    assert_eq!((&verdict["from"], &verdict["to"]), (&json!("accept"), &json!("reject")));
    assert_eq!(verdict["requests"], json!([request]));
    let clause = &told["clauses"][0];
    for (member, value) in [
        ("clause", "LACRIS-PRO-3"),
        ("pack", "lacris"),
        ("gate", "submit+use_probe"),
        ("verdict", "reject"),
        ("change", "found"),
    ] {
        assert_eq!(clause[member], value, "{told}");
    }
    for personal in ["/requester/name", "/requester/email", "/case_number"] {
        let personal = form.pointer(personal).unwrap().as_str().unwrap();
        assert!(!told.to_string().contains(personal), "{personal}");
    }
    assert_eq!(replay(&["--since", "2031-01-01"])["decided"], 0);
    // The packs that decide would have decided the same.
    let same = written(&site, "same", &builtin::files());
    let told = site.cli_json("", &["policy", "replay", "--candidate", &same]);
    assert_eq!((&told["decided"], &told["changed"]), (&json!(1), &json!(0)), "{told}");
    let bad = packs(&site, "bad", ("lacris/rules.cedar", "when {", "when ["));
    assert!(
        refused(&site, "", &["policy", "replay", "--candidate", &bad])
            .contains("lacris/rules.cedar")
    );
    // Nothing was decided by it, and each run is an entry.
    assert_eq!(site.status(request).await["findings"], json!([]));
    let entries = of_action(&mut site, "policy.replayed").await;
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[0]["detail"]["requests"], "1");
}

async fn a_request_is_explained_to_its_units_people(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (keeper, officer) = two(&site);
    let (_, receipt) = site.submit().await;
    let request = receipt["request"].as_str().unwrap().to_owned();
    let path = format!("search-requests/{request}/explanation");
    let (status, told) = site.call(("GET", &path), &keeper, None).await;
    assert_eq!((status, &told["verdict"]), (200, &json!("accept")), "{told}");
    let by_command = site.cli_json("", &["policy", "explain", &request]);
    assert_eq!(told, by_command);
    let auditor = site.token(Role::Auditor, 0);
    let (status, told) = site.call(("GET", &format!("{path}?gate=dispatch")), &auditor, None).await;
    assert_eq!(status, 200);
    let gates = told["rules"].as_array().unwrap().iter().map(|rule| rule["gate"].as_str().unwrap());
    assert!(gates.into_iter().all(|gate| gate == "dispatch"));
    for (query, token, status, code) in [
        ("", officer.clone(), 403, "role"),
        ("", site.token(Role::Reviewer, 0), 403, "role"),
        ("", site.token_of("oxnard", Role::LocalAdministrator), 404, "not_found"),
        ("?gate=conclude", keeper.clone(), 400, "query"),
        ("?gate=entry", keeper.clone(), 400, "query"),
    ] {
        let (got, answer) = site.call(("GET", &format!("{path}{query}")), &token, None).await;
        assert_eq!((got, answer["code"].as_str().unwrap()), (status, code), "{query}");
    }
    // One entry for each reading, and none for those that got nothing.
    site.until_audited(&request, "search_request.explained", 3).await;

    // A form as though another agency sent it to another unit, under a pack of the writer's choice.
    let form = site.form().await;
    let file = site.write("form.json", form.to_string());
    let explain =
        |more: &[&str]| site.cli_json("", &[&["policy", "explain", file.as_str()], more].concat());
    let packs = |told: &Value| -> Vec<String> {
        let packs = told["packs"].as_array().unwrap().iter();
        packs.map(|pack| pack["pack"].as_str().unwrap().to_owned()).collect()
    };
    let told = explain(&["--unit", "oxnard", "--agency", "CA0560400"]);
    assert_eq!(packs(&told), ["core", "oxnard"]);
    let told = explain(&["--pack", "albuquerque", "--pack", "oxnard"]);
    assert_eq!(packs(&told), ["albuquerque", "core", "oxnard"]);
    let told = explain(&["--agency", "CA0380100"]);
    assert_eq!(told["verdict"], "reject", "the agency's own law forbids every search");
    let told = refused(&site, "", &["policy", "explain", &request, "--unit", "oxnard"]);
    assert!(told.contains("a stored request has its own"), "{told}");
}

/// The packs with another contact in the footer of every document, approved anew.
fn other_footer(site: &Site) -> String {
    let mut files = builtin::files();
    let path = "lacris/statements/footer.txt";
    let before = String::from_utf8(files[path].clone()).unwrap();
    let after = before.replace("facial-recognition@unit", "answers@unit");
    let sha256 =
        |text: &str| hex::encode(openssl::sha::sha256(text.trim_end_matches('\n').as_bytes()));
    let manifest = String::from_utf8(files["lacris/pack.toml"].clone()).unwrap();
    assert!(before != after && manifest.contains(&sha256(&before)));
    let manifest = manifest.replace(&sha256(&before), &sha256(&after));
    files.insert(path.to_owned(), after.into_bytes());
    files.insert("lacris/pack.toml".to_owned(), manifest.into_bytes());
    written(site, "footer", &files)
}

/// What an officer has read under the old words cannot leave under the new ones.
async fn an_answer_says_the_words_of_the_set_in_force(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (keeper, officer) = two(&site);
    let request = site.concluded(&examination("no_match")).await;
    let hash = |pdf: &[u8]| hex::encode(openssl::sha::sha256(pdf));
    let before = hash(&site.document(&request).await);
    let dir = other_footer(&site);
    let (version, digest) = proposed(&site, &keeper, &dir);
    confirmed(&site, &officer, (&version, &digest));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (status, told) = site.release_document(&request, &before).await;
    assert_eq!((status, &told["code"]), (409, &json!("document_changed")), "{told}");
    assert_ne!(hash(&site.document(&request).await), before);
    site.release(&request).await;
    site.sent(&request).await;
}

async fn the_folder_is_read_again_at_a_hangup(setup: Setup) {
    let mut site = Site::new(setup);
    let same = written(&site, "folder", &builtin::files());
    let config = std::fs::read_to_string(site.path("leadbroker.toml")).unwrap();
    site.write("leadbroker.toml", format!("{config}\n[policy]\ndirectory = {same:?}\n"));
    site.start(None).await;
    assert_eq!(site.submit().await.0, 201);

    packs(&site, "folder", STRICTER);
    site.hang_up("policies are in force").await;
    assert_eq!(site.submit().await.0, 422, "the folder was read again");
    let bad = ("lacris/rules.cedar", "when {", "when [");
    packs(&site, "folder", bad);
    site.hang_up("the one before stays in force").await;
    assert_eq!(site.ready().await["checks"]["policies"], "kept_old");
    assert_eq!(site.submit().await.0, 422, "the packs from before decide");
    assert_eq!(site.ready().await["status"], "degraded");
    written(&site, "folder", &builtin::files());
    site.hang_up("policies are in force").await;
    assert_eq!(site.ready().await["checks"]["policies"], "ok");
    assert_eq!(site.submit().await.0, 201);

    // Where two people have put a set in force, the folder decides nothing.
    let (keeper, officer) = two(&site);
    let (version, digest) = proposed(&site, &keeper, &same);
    confirmed(&site, &officer, (&version, &digest));
    packs(&site, "folder", STRICTER);
    site.hang_up("the activated set stays in force").await;
    assert_eq!(site.submit().await.0, 201);
}

/// Every kind of bad pack: the file, what is replaced by what, and what is said of it.
const BAD: [(&str, &str, &str, &str); 9] = [
    // A clause that nobody knows.
    (
        "lacris/rules.cedar",
        "@clause(\"LACRIS-PUR-2a\")",
        "@clause(\"LACRIS-PUR-9\")",
        "clause `LACRIS-PUR-9` is cited",
    ),
    // A clause without an answer.
    ("lacris/clauses.toml", "answer = \"rule\"\n", "", "missing field `answer`"),
    // A template that nobody filled in.
    ("lacris/pack.toml", "Sample Regional Unit", "[Insert agency name here]", "`[insert`"),
    ("lacris/pack.toml", "SAMPLE-600", "XXX", "`xxx`"),
    // An attribute that the program does not give.
    ("lacris/rules.cedar", "context.form.purpose", "context.form.purpoze", "purpoze"),
    // Words that nobody approved.
    ("lacris/statements/no-match.txt", "Sample", "Example", "which is not the approved one"),
    // A policy of tomorrow.
    ("lacris/pack.toml", "effective = 2024-01-01", "effective = 2124-01-01", "in the future"),
    // Packs that import one another.
    (
        "lacris/pack.toml",
        "id = \"lacris\"",
        "id = \"lacris\"\nextends = [\"core\"]",
        "packs do not import one another",
    ),
    // Two rules with one id.
    ("lacris/rules.cedar", "@id(\"lacris-pur-2a\")", "@id(\"lacris-pro-3\")", "used twice"),
];

async fn bad_packs_are_refused(setup: Setup) {
    let mut site = Site::new(setup);
    let folder = site.path("folder").display().to_string();
    let config = std::fs::read_to_string(site.path("leadbroker.toml")).unwrap();
    site.write("leadbroker.toml", format!("{config}\n[policy]\ndirectory = {folder:?}\n"));
    for (path, from, to, says) in BAD {
        packs(&site, "folder", (path, from, to));
        let told = refused(&site, "", &["serve"]);
        assert!(told.contains(path) && told.contains(says), "{path}, {says}: {told}");
        written(&site, "folder", &builtin::files());
    }
    site.start(None).await;
    assert_eq!(site.submit().await.0, 201);
    for (path, from, to, says) in BAD {
        packs(&site, "folder", (path, from, to));
        site.hang_up("the one before stays in force").await;
        assert_eq!(site.ready().await["checks"]["policies"], "kept_old");
        let auditor = site.token(Role::Auditor, 0);
        let sets = site.cli_json(&auditor, &["policy", "sets"]);
        let reasons = sets["refused"]["reasons"].to_string();
        assert!(reasons.contains(path) && reasons.contains(says), "{path}, {says}: {sets}");
        assert_eq!(site.submit().await.0, 201, "the packs from before decide: {says}");
        written(&site, "folder", &builtin::files());
        site.hang_up("policies are in force").await;
        assert_eq!(site.ready().await["checks"]["policies"], "ok");
    }
}
