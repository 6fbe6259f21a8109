//! Which rules are asked about a form, and what each says, by the operator's command.

use std::collections::BTreeSet;
use std::process::Output;

use leadbroker::domain::{AgencyStanding, Role};
use serde_json::{Value, json};

use crate::site::{Setup, Site};

crate::both!(
    a_form_is_explained_rule_by_rule,
    a_stored_request_is_explained_and_that_is_recorded,
    an_act_is_explained_as_its_gate_would_decide,
);

fn explained(site: &Site, subject: &str, gate: Option<&str>) -> Value {
    let mut arguments = vec!["policy", "explain", subject];
    arguments.extend(gate.iter().flat_map(|gate| ["--gate", gate]));
    site.cli_json("", &arguments)
}

fn rules<'e>(explained: &'e Value, verdict: &str) -> Vec<&'e Value> {
    let rules = explained["rules"].as_array().unwrap().iter();
    rules.filter(|rule| rule["verdict"] == verdict).collect()
}

fn names<'e>(rules: &[&'e Value], member: &str) -> BTreeSet<&'e str> {
    rules.iter().map(|rule| rule[member].as_str().unwrap()).collect()
}

/// For a person, without `--json`.
fn told(site: &Site, arguments: &[&str]) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_leadbroker"))
        .arg("--config")
        .arg(site.path("leadbroker.toml"))
        .args(arguments)
        .output()
        .unwrap()
}

fn no_words_of(form: &Value, text: &str) {
    for personal in
        ["/requester/name", "/requester/email", "/case_number", "/justification/situation"]
    {
        let personal = form.pointer(personal).unwrap().as_str().unwrap();
        assert!(!text.contains(personal), "{personal}");
    }
}

async fn a_form_is_explained_rule_by_rule(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let mut form = site.form().await;
    let file = site.write("form.json", form.to_string());
    let sound = explained(&site, &file, None);
    assert_eq!((&sound["verdict"], &sound["engine"]), (&json!("accept"), &json!([])));
    let kept = rules(&sound, "accept");
    assert_eq!(kept.len(), sound["rules"].as_array().unwrap().len());
    assert_eq!(names(&kept, "pack"), BTreeSet::from(["core", "lacris"]));
    assert_eq!(names(&kept, "gate"), BTreeSet::from(["submit", "use_probe"]));
    assert_eq!(sound["packs"][1]["sha256"].as_str().unwrap().len(), 64);
    for gate in ["submit", "use_probe", "dispatch"] {
        let one = explained(&site, &file, Some(gate));
        assert_eq!(names(&rules(&one, "accept"), "gate"), BTreeSet::from([gate]));
    }

    form["predictive_analysis"] = json!(true);
    form["justification"]["situation"] = json!("Theft.");
    let file = site.write("form.json", form.to_string());
    let refused = explained(&site, &file, None);
    no_words_of(&form, &refused.to_string());
    let verdicts: Vec<&str> = refused["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["verdict"].as_str().unwrap())
        .collect();
    let order = |verdict: &&str| ["reject", "hold", "accept"].iter().position(|v| v == verdict);
    assert!(verdicts.is_sorted_by_key(order), "{verdicts:?}");
    let broken = rules(&refused, "reject");
    let rule = broken.iter().find(|rule| rule["rule"] == "lacris-pro-3").unwrap();
    for (member, value) in [
        ("clause", "LACRIS-PRO-3"),
        ("clause_text", "No predictive analysis (no exception)"),
        ("clause_lines", "44"),
        ("field", "/predictive_analysis"),
        ("message", "facial recognition is not used for predictive analysis"),
        ("remedy", "withdraw the request; the policy knows no exception"),
    ] {
        assert_eq!(rule[member], value, "{rule}");
    }
    assert!(rule["place"].as_str().unwrap().starts_with("lacris/rules.cedar:"), "{rule}");
    assert!(!rules(&refused, "hold").is_empty());
    let text = told(&site, &["policy", "explain", &file]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("reject; packs in force: core@"), "{text}");
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    assert!(place("lacris-pro-3") < place("core-agency-suspended"), "{text}");
    no_words_of(&form, &text);
    // What the command says is what the agency is told.
    let (_, receipt) = site.send(&form).await;
    let findings = receipt["findings"].as_array().unwrap();
    let clauses: BTreeSet<&str> =
        findings.iter().map(|finding| finding["clause"].as_str().unwrap()).collect();
    let mut said = names(&broken, "clause");
    said.extend(names(&rules(&refused, "hold"), "clause"));
    assert_eq!(said, clauses);

    wrong_questions(&site);
}

fn wrong_questions(site: &Site) {
    let request = "r-00000000000000000000000000000001";
    let empty = site.write("empty.json", "{}");
    for (arguments, code, says) in [
        (&["x.json", "--gate", "release"][..], 64, "`leadbroker audit show REQUEST`"),
        (&["x.json", "--gate", "lease"][..], 64, "asked about a stored request"),
        (&["x.json", "--gate", "read"][..], 64, "asked about a stored request"),
        (&["x.json", "--gate", "dispatch", "--as", "x"][..], 64, "`as` is for the gate `lease`"),
        (&["x.json", "--to", "CA0194200"][..], 64, "`to` is for the gate `disclose`"),
        (&["x.json", "--gate", "entry"][..], 64, "expected one of submit, use_probe"),
        (&[request][..], 65, "there is no request"),
        (&["/nowhere/form.json"][..], 1, "expected the file of a form"),
        (&[empty.as_str()][..], 2, "/images"),
    ] {
        let output = told(site, &[&["policy", "explain"], arguments].concat());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(says), "{arguments:?}: {text}");
    }
}

async fn a_stored_request_is_explained_and_that_is_recorded(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let mut form = site.form().await;
    form["justification"]["situation"] = json!("Theft.");
    let (_, receipt) = site.send(&form).await;
    let held = receipt["request"].as_str().unwrap().to_owned();
    let why = explained(&site, &held, None);
    assert_eq!(why["verdict"], "hold");
    let clauses = BTreeSet::from(["CORE-NARRATIVE", "LACRIS-AUD-8a"]);
    assert_eq!(names(&rules(&why, "hold"), "clause"), clauses);
    no_words_of(&form, &why.to_string());
    assert_eq!(site.audited(&held, "search_request.explained").await.len(), 1);

    // Today's standing counts.
    assert_eq!(explained(&site, &held, Some("dispatch"))["verdict"], "accept");
    let suspend = |registry: &mut leadbroker::registry::Registry| {
        let mut agencies = registry.agencies.iter_mut();
        let entry = agencies.find(|entry| entry.agency.ori.as_str() == "CA0194200").unwrap();
        entry.agency.standing = AgencyStanding::Suspended;
    };
    assert_eq!(site.status(&held).await["state"], "held", "explaining decides nothing");
    site.registry(suspend).await;
    let why = explained(&site, &held, Some("dispatch"));
    assert_eq!(names(&rules(&why, "reject"), "rule"), BTreeSet::from(["core-agency-suspended"]));
    assert_eq!(site.audited(&held, "search_request.explained").await.len(), 3);
}

/// What the command says about an act.
fn act(site: &Site, request: &str, arguments: &[&str]) -> Value {
    site.cli_json("", &[&["policy", "explain", request, "--gate"], arguments].concat())
}

fn broken(explained: &Value) -> BTreeSet<&str> {
    let rules = explained["rules"].as_array().unwrap().iter();
    let broken = rules.filter(|rule| rule["verdict"] != "accept");
    broken.map(|rule| rule["clause"].as_str().unwrap()).collect()
}

async fn an_act_is_explained_as_its_gate_would_decide(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let request = site.queued().await;
    let reviewer = site.logins(Role::Reviewer).remove(0);
    let (administrator, officer) = (
        site.logins(Role::LocalAdministrator).remove(0),
        site.logins(Role::ReleaseAuthority).remove(0),
    );
    let reads = |site: &Site, who: &str, what: &str| {
        act(site, &request, &["read", "--as", who, "--what", what])
    };
    // Read: the claim is what opens the case, and every rule of the gate is told with its clause and lines.
    let before = reads(&site, &reviewer, "case_file");
    assert_eq!((&before["verdict"], &before["assumed"]), (&json!("reject"), &json!([])));
    assert!(broken(&before).contains("CORE-READ-NEED"), "{before}");
    let rules = before["rules"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule["gate"] == "read"), "{before}");
    assert!(rules.iter().any(|rule| rule["rule"] == "core-read-blind"), "kept rules are told, too");
    let need = rules.iter().find(|rule| rule["clause"] == "CORE-READ-NEED").unwrap();
    assert!(!need["clause_text"].as_str().unwrap().is_empty(), "{need}");
    assert!(need["place"].as_str().unwrap().starts_with("core/rules.cedar:"), "{need}");
    let token = site.reviewer(0);
    // Lease: as it lets the one claim who may, and nobody whose training has lapsed.
    assert_eq!(act(&site, &request, &["lease", "--as", &reviewer])["verdict"], "accept");
    let claims = act(&site, &request, &["lease", "--as", &administrator]);
    assert_eq!(claims["verdict"], "reject", "{claims}");
    let leaves = act(&site, &request, &["deliver"]);
    assert_eq!(leaves["verdict"], "accept", "{leaves}");
    assert_eq!(leaves["assumed"], json!(["an officer has released the answer"]));
    let _ = site.claimed(&request, &token).await;
    assert_eq!(reads(&site, &reviewer, "case_file")["verdict"], "accept");
    assert_eq!(act(&site, &request, &["read", "--as", &reviewer])["verdict"], "accept");
    assert_eq!(reads(&site, &reviewer, "audit")["verdict"], "reject");
    assert_eq!(reads(&site, "CA0194200", "status")["verdict"], "accept");
    assert!(broken(&reads(&site, "CA0560400", "status")).contains("CORE-READ-AGENCY"));
    // The command says what the door does.
    let path = format!("jobs/{request}");
    let another = site.reviewer(1);
    let other = site.logins(Role::Reviewer).remove(1);
    assert_eq!(site.call(("GET", &path), &another, None).await.0, 403);
    assert_eq!(reads(&site, &other, "case_file")["verdict"], "reject");

    // Disclose and destroy: what the act itself will say is taken for granted, and told.
    let passed = act(&site, &request, &["disclose", "--as", &officer, "--to", "CA0560400"]);
    assert_eq!(passed["verdict"], "reject");
    assert!(broken(&passed).contains("CORE-DISCLOSE-ANSWERED"), "{passed}");
    assert_eq!(passed["assumed"].as_array().unwrap().len(), 2);
    let address = ["disclose", "--as", &officer, "--to", "nobody@coast.example.gov"];
    let unregistered = act(&site, &request, &address);
    assert!(broken(&unregistered).contains("CORE-DISCLOSE-RECIPIENT"), "{unregistered}");
    assert!(!unregistered.to_string().contains("nobody@"), "an address is told to nobody");
    let open = act(&site, &request, &["destroy", "--as", &administrator]);
    assert!(broken(&open).contains("CORE-DESTROY-OPEN"), "{open}");
    assert!(!broken(&open).contains("CORE-DESTROY-CLAUSE"), "{open}");
    let cited = ["destroy", "--as", &administrator, "--clause", "NO-SUCH-CLAUSE"];
    let cited = act(&site, &request, &cited);
    assert!(broken(&cited).contains("CORE-DESTROY-CLAUSE"), "{cited}");
    assert_eq!(cited["assumed"], json!([]));

    for (arguments, says) in [
        (&["read"][..], "asks who acts"),
        (&["read", "--as", "nobody"], "there is no such account"),
        (&["read", "--as", &reviewer, "--what", "form"], "`what` is one of status"),
        (&["disclose", "--as", &officer], "asks who receives"),
        (&["disclose", "--as", &officer, "--to", "x@nowhere.example.net"], "the agency of"),
        (&["destroy", "--as", &officer, "--to", "CA0560400"], "`to` is for the gate `disclose`"),
    ] {
        let output = told(&site, &[&["policy", "explain", &request, "--gate"], arguments].concat());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {text}");
        assert!(text.contains(says), "{arguments:?}: {text}");
    }
    let audited = explained_over_http(&mut site, &request, &reviewer).await;
    let entries = site.audited(&request, "search_request.explained").await;
    assert_eq!(entries.len(), 14 + audited, "each explanation, and nothing else, is an entry");
    let first = &entries[0]["detail"];
    assert_eq!((&first["explained"], &first["what"]), (&json!("read"), &json!("case_file")));
    assert!(first["as"].as_str().unwrap().starts_with("p-"), "{first}");
    let state = site.status(&request).await["state"].clone();
    assert_eq!(state, "leased", "explaining changes nothing");
}

async fn over_http(site: &mut Site, token: &str, asked: (&str, &str)) -> (u16, Value) {
    let path = format!("search-requests/{}/explanation?gate={}", asked.0, asked.1);
    site.call(("GET", &path), token, None).await
}

/// Over HTTP, whoever asks acts where nobody is named. Returns how often it was explained.
async fn explained_over_http(site: &mut Site, request: &str, reviewer: &str) -> usize {
    let (administrator, auditor) = (site.administrator(), site.token(Role::Auditor, 0));
    let (status, own) = over_http(site, &auditor, (request, "read&what=audit")).await;
    assert_eq!((status, &own["verdict"]), (200, &json!("accept")), "{own}");
    let others = format!("read&as={reviewer}");
    let (_, others) = over_http(site, &auditor, (request, &others)).await;
    assert_eq!(others["verdict"], "accept", "{others}");
    let (status, ended) = over_http(site, &administrator, (request, "destroy")).await;
    assert_eq!((status, broken(&ended).contains("CORE-DESTROY-OPEN")), (200, true));
    let (status, _) = over_http(site, &administrator, (request, "disclose&to=CA0560400")).await;
    assert_eq!(status, 200);
    for (more, says) in [
        ("release", "exist only while somebody acts"),
        ("disclose", "asks who receives"),
        ("disclose&to=records@coast.example.gov", "the ORI of the agency"),
        ("read&as=nobody", "no such account"),
        ("dispatch&what=audit", "`what` is for the gate `read`"),
    ] {
        let (status, problem) = over_http(site, &administrator, (request, more)).await;
        assert_eq!(status, 400, "{more}: {problem}");
        assert!(problem.to_string().contains(says), "{more}: {problem}");
    }
    let token = site.reviewer(0);
    assert_eq!(over_http(site, &token, (request, "read")).await.0, 403);
    4
}
