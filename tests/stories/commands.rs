//! The steps of agencies and people by the command line, and what has given up.

use leadbroker::domain::Role;
use serde_json::{Value, json};

use crate::site::patience::Patience;
use crate::site::people::{examination, lead};
use crate::site::{Setup, Site};

crate::both!(
    agencies_and_people_work_by_commands,
    a_command_that_gives_up_is_listed_replayed_or_dropped,
    an_answer_whose_delivery_was_dropped_is_delivered_after_its_deadline,
);

fn exam_file(site: &Site, exam: &Value) -> String {
    site.write("exam.json", exam.to_string())
}

async fn agencies_and_people_work_by_commands(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let agency = site.agency();
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let request = site.queued().await;
    let status = site.cli_json(&agency, &["status", &request]);
    assert_eq!((&status["state"], &status["outcome"]), (&json!("queued"), &Value::Null));
    let queue = site.cli_json(&first, &["queue"]);
    assert_eq!(queue["items"][0]["request"], request.as_str(), "{queue}");
    assert_eq!(site.cli_json(&first, &["queue", "--lane", "threat"])["items"], json!([]));

    let lease = site.cli_json(&first, &["claim", &request])["token"].to_string();
    assert_eq!(site.cli_json(&second, &["queue"])["items"], json!([]), "another holds it");
    let back =
        site.cli_json(&first, &["give-back", &request, "--token", &lease, "--reason", "workload"]);
    assert_eq!(back["request"], request.as_str());
    let again = ["give-back", &request, "--token", &lease, "--reason", "workload"];
    let again = site.cli(&first, &again);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("lease_lost"));

    // Two differ, and an adjudicator decides, by command.
    site.examine(&request, "conclude", &first, &lead("A1")).await;
    site.examine(&request, "second-review", &second, &examination("no_match")).await;
    let adjudicator = site.token(Role::Adjudicator, 0);
    let lease = site.cli_json(&adjudicator, &["claim", &request])["token"].to_string();
    let file = exam_file(&site, &examination("inconclusive"));
    let adjudicate = ["adjudicate", &request, "--token", &lease, "--file", &file];
    assert_eq!(site.cli_json(&adjudicator, &adjudicate)["state"], "awaiting_release");
    site.release(&request).await;
    site.until(&request, &["delivered"]).await;
    assert_eq!(site.cli_json(&agency, &["status", &request])["outcome"], "inconclusive");
    site.assert_ledger(&request, "by commands").await;

    // One is withdrawn, two are held and decided.
    let other = site.queued().await;
    let withdraw = ["withdraw", &other, "--reason", "The victim recognised the attacker."];
    assert_eq!(site.cli_json(&agency, &withdraw)["state"], "withdrawn");
    let again = site.cli(&agency, &withdraw);
    assert_eq!(again.status.code(), Some(1), "{}", String::from_utf8_lossy(&again.stderr));
    let administrator = site.administrator();
    let short = |form: &mut Value| form["justification"]["situation"] = json!("Theft.");
    for (decision, state) in [("--refuse", "rejected"), ("--allow", "accepted")] {
        let (_, receipt) = site.submit_changed(&short).await;
        let held = receipt["request"].as_str().unwrap().to_owned();
        let list = site.cli_json(&administrator, &["holds", "list"]);
        assert_eq!(list["items"][0]["request"], held.as_str(), "{list}");
        let decide = ["holds", "decide", &held, decision, "--clause", "CORE-NARRATIVE"];
        let reason = ["--reason", "The officer told the rest by telephone."];
        let told = site.cli_json(&administrator, &[&decide[..], &reason[..]].concat());
        assert_eq!(told["state"], state, "{told}");
        assert_eq!(site.cli_json(&administrator, &["holds", "list"])["items"], json!([]));
    }
    site.assert_sound("by commands").await;
}

/// A released request whose answer cannot be sealed, because the image store is away, until its command gives up.
async fn gives_up(site: &mut Site) -> (String, String) {
    let request = site.concluded(&examination("no_match")).await;
    site.serve_roles(Some("api")).await;
    site.release(&request).await;
    let letter = until_dead(site, &request, "respond").await;
    (request, letter)
}

/// The same, where the answer is sealed, and cannot be delivered.
async fn cannot_be_delivered(site: &mut Site) -> (String, String) {
    let request = site.concluded(&examination("no_match")).await;
    site.serve_roles(Some("api,respond,relay")).await;
    site.release(&request).await;
    site.until(&request, &["delivering"]).await;
    let letter = until_dead(site, &request, "deliver").await;
    (request, letter)
}

/// The image store goes away, and the request's command gives up: its dead letter.
async fn until_dead(site: &mut Site, request: &str, queue: &str) -> String {
    std::fs::rename(site.path("images"), site.path("away")).unwrap();
    site.serve_roles(None).await;
    for _ in 0..5 {
        site.retry_is_due(request).await;
    }
    let administrator = site.administrator();
    let mut patience = Patience::new();
    while patience.lasts().await {
        let letters = site.cli_json(&administrator, &["dead-letters", "list"]);
        if let Some(letter) = letters["items"].as_array().unwrap().first() {
            assert_eq!((&letter["request"], &letter["queue"]), (&json!(request), &json!(queue)));
            assert_eq!((&letter["attempts"], &letter["reason"]), (&json!(6), &json!("vault")));
            return letter["message"].as_str().unwrap().to_owned();
        }
    }
    panic!("the command never gave up");
}

fn store_is_back(site: &Site) {
    let _ = std::fs::remove_dir_all(site.path("images"));
    std::fs::rename(site.path("away"), site.path("images")).unwrap();
}

async fn a_command_that_gives_up_is_listed_replayed_or_dropped(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let administrator = site.administrator();
    let (request, message) = gives_up(&mut site).await;
    let shown = site.cli_json(&administrator, &["dead-letters", "show", &message]);
    assert_eq!(shown["body"]["request"], request.as_str(), "{shown}");
    assert_eq!(site.audited(&request, "message.dead").await.len(), 1);

    // It stands still until a person acts: the sweeper puts no second command beside it.
    site.deadline_passes(&request).await;
    site.until_audited(&request, "step.overdue", 1).await;
    let commands = format!(
        "SELECT count(*) FROM messages WHERE request = '{request}' AND route LIKE '%respond%'"
    );
    assert_eq!(site.number(&commands).await, 1);
    assert_eq!(site.status(&request).await["state"], "released");

    store_is_back(&site);
    let reviewer = site.reviewer(0);
    let denied = site.cli(&reviewer, &["dead-letters", "replay", &message]);
    assert_eq!(denied.status.code(), Some(77));
    let told = site.cli_json(&administrator, &["dead-letters", "replay", &message]);
    assert_eq!(told["state"], "replayed");
    site.until(&request, &["delivered"]).await;
    site.open_answer(&request).await;
    site.assert_ledger(&request, "replayed").await;

    let (request, message) = gives_up(&mut site).await;
    store_is_back(&site);
    let short = site.cli(&administrator, &["dead-letters", "drop", &message, "--reason", "so"]);
    assert_eq!(short.status.code(), Some(2), "{}", String::from_utf8_lossy(&short.stderr));
    let drop =
        ["dead-letters", "drop", &message, "--reason", "The image store was away that night."];
    assert_eq!(site.cli_json(&administrator, &drop)["state"], "dropped");
    assert_eq!(site.cli_json(&administrator, &["dead-letters", "list"])["items"], json!([]));
    let dropped = site.audited(&request, "dead_letter.dropped").await;
    assert_eq!(dropped[0]["detail"]["reason_letters"], "29", "{}", dropped[0]);
    // The command is gone, the request is not: at its deadline it is given a new one.
    site.deadline_passes(&request).await;
    site.until(&request, &["delivered"]).await;
    site.assert_ledger(&request, "dropped").await;
}

async fn an_answer_whose_delivery_was_dropped_is_delivered_after_its_deadline(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let administrator = site.administrator();
    let (request, message) = cannot_be_delivered(&mut site).await;
    assert_eq!(site.mailing_status(&request).await, ["queued"], "no attempt was begun");
    // It waits for a person: the sweeper puts no second command beside it.
    site.deadline_passes(&request).await;
    site.until_audited(&request, "delivery.overdue", 1).await;
    let commands = format!(
        "SELECT count(*) FROM messages WHERE request = '{request}' AND route LIKE '%deliver\"%'"
    );
    assert_eq!(site.number(&commands).await, 1);
    store_is_back(&site);
    let drop =
        ["dead-letters", "drop", &message, "--reason", "The image store was away that night."];
    assert_eq!(site.cli_json(&administrator, &drop)["state"], "dropped");
    assert_eq!(site.number(&commands).await, 0);
    assert_eq!(site.status(&request).await["state"], "delivering");
    site.deadline_passes(&request).await;
    site.until(&request, &["delivered"]).await;
    site.open_answer(&request).await;
    site.assert_ledger(&request, "a delivery that was dropped").await;
}
