//! Which rules are asked about a form, and what each says, by the operator's command.

use std::collections::BTreeSet;
use std::process::Output;

use leadbroker::domain::AgencyStanding;
use serde_json::{Value, json};

use crate::site::{Setup, Site};

crate::both!(a_form_is_explained_rule_by_rule, a_stored_request_is_explained_and_that_is_recorded);

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
        (&["x.json", "--gate", "lease"][..], 64, "`leadbroker audit show REQUEST`"),
        (&["x.json", "--gate", "read"][..], 64, "only while somebody acts"),
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
