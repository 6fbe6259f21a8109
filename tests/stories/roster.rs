//! The duty roster by command: drafts, gaps, publication, and whom the next offer asks.

use serde_json::{Value, json};

use crate::site::{Setup, Site};

crate::both!(
    an_override_takes_effect_for_the_next_offer,
    gaps_need_a_reason_and_only_administrators_edit,
    a_calendar_comes_back_as_the_same_duty,
);

const REASON: &str = "The unit agreed on it by telephone this morning.";

/// Logins and accounts of the unit's reviewers: two on duty by the registry, one off duty, one untrained.
fn reviewers(site: &Site) -> Vec<(String, String)> {
    let shown = site.cli_json("", &["registry", "show"]);
    let people = shown["people"].as_array().unwrap();
    people
        .iter()
        .filter(|one| one["unit"] == "lacris" && one["role"] == "reviewer")
        .map(|one| {
            (one["login"].as_str().unwrap().to_owned(), one["account"].as_str().unwrap().to_owned())
        })
        .collect()
}

fn roster(site: &Site, arguments: &[&str]) -> Value {
    site.cli_json(&site.administrator(), &[&["roster"], arguments].concat())
}

/// Publishes whatever is drafted, with a reason for gaps, and waits until every process has read it.
async fn publish(site: &Site) -> Value {
    let done = roster(site, &["publish", "--accept-gaps", REASON]);
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    done
}

fn in_hours(hours: i64) -> String {
    use leadbroker::clock::Clock as _;
    let at = leadbroker::clock::SystemClock.now() + chrono::TimeDelta::hours(hours);
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn logins(duty: &Value) -> Vec<String> {
    let people = duty["people"].as_array().unwrap();
    people.iter().map(|one| one["login"].as_str().unwrap().to_owned()).collect()
}

/// Whom a new request is offered to.
async fn offered(site: &mut Site) -> String {
    let request = site.queued().await;
    site.until_audited(&request, "search_request.offered", 1).await;
    let entry = site.audited(&request, "search_request.offered").await.remove(0);
    entry["detail"]["reviewer"].as_str().unwrap().to_owned()
}

async fn an_override_takes_effect_for_the_next_offer(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let people = reviewers(&site);
    let ((first, first_id), (second, second_id), (third, third_id)) =
        (people[0].clone(), people[1].clone(), people[2].clone());
    let until = in_hours(3);
    let times = ["--until", until.as_str()];
    let asked = logins(&roster(&site, &["who"]));
    assert!(
        asked.contains(&first) && asked.contains(&second),
        "the registry's shifts are one source"
    );
    assert!(!asked.contains(&third));
    assert!([&first_id, &second_id].contains(&&offered(&mut site).await));

    // A draft counts for nothing.
    let draft = [&["add", "override", "--replace", &first, "--with", &third][..], &times].concat();
    let drafted = roster(&site, &draft);
    let replaced = drafted["entries"][0].as_str().unwrap().to_owned();
    assert!(!logins(&roster(&site, &["who"])).contains(&third));
    roster(&site, &[&["add", "override", "--remove", &second][..], &times].concat());
    let conflict = [&["roster", "add", "override", "--add", &first][..], &times].concat();
    let refused = site.cli(&site.administrator(), &conflict);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("override_conflict"));

    let done = publish(&site).await;
    assert_eq!((&done["number"], done["entries"].as_array().unwrap().len()), (&json!(1), 2));
    let duty = roster(&site, &["who"]);
    let now = logins(&duty);
    assert!(!now.contains(&first) && !now.contains(&second), "{now:?}");
    let people = duty["people"].as_array().unwrap();
    let placed = people.iter().find(|one| one["login"] == third.as_str()).unwrap();
    assert_eq!((&placed["rule"], &placed["entry"]), (&json!("replaced"), &json!(replaced)));
    assert_eq!(placed["in_place_of"], first.as_str());
    for _ in 0..3 {
        assert_eq!(offered(&mut site).await, third_id, "the next offer goes by the roster");
    }

    // Retracted, the registry's shift is back; what was known before stays known.
    roster(&site, &["retract", &replaced, "--reason", REASON]);
    let then = in_hours(0);
    publish(&site).await;
    let back = logins(&roster(&site, &["who"]));
    assert!(back.contains(&first) && !back.contains(&third), "{back:?}");
    assert_eq!(offered(&mut site).await, first_id);
    let thought = roster(&site, &["who", "--at", &then, "--known-at", &then]);
    assert!(logins(&thought).contains(&third) && !logins(&thought).contains(&first));
    site.assert_sound("roster").await;
}

async fn gaps_need_a_reason_and_only_administrators_edit(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let people = reviewers(&site);
    let (administrator, until) = (site.administrator(), in_hours(2));
    let remove = |login: &str| {
        ["roster", "add", "override", "--remove", login, "--until", &until]
            .map(str::to_owned)
            .to_vec()
    };
    let before = logins(&roster(&site, &["who"]));
    for login in &before {
        let arguments = remove(login);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let refused = site.cli(&site.reviewer(0), &arguments);
        assert_eq!(refused.status.code(), Some(77), "a reviewer does not edit");
        site.cli_json(&administrator, &arguments);
    }
    let gaps = roster(&site, &["gaps", "--from", &in_hours(1), "--to", &in_hours(3)]);
    let first = &gaps["items"][0];
    assert_eq!((&first["gap"], &first["lane"]), (&json!("nobody"), &json!("threat")), "{gaps}");
    let refused = site.cli(&administrator, &["roster", "publish"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("roster_gaps"));
    let short = site.cli(&administrator, &["roster", "publish", "--accept-gaps", "because"]);
    assert!(String::from_utf8_lossy(&short.stderr).contains("reason"));
    assert_eq!(logins(&roster(&site, &["who"])), before, "nothing was published");
    publish(&site).await;
    assert_eq!(logins(&roster(&site, &["who"])), Vec::<String>::new());

    // A correction of the past has a reason, and is shown as one; what was thought stays.
    let (from, until) = (in_hours(-5), in_hours(-3));
    let (login, _) = &people[2];
    let add = ["add", "shift", "--person", login, "--from", &from, "--until", &until];
    let arguments = [&["roster"][..], &add].concat();
    let refused = site.cli(&administrator, &arguments);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("reason"));
    roster(&site, &[&add[..], &["--reason", REASON]].concat());
    publish(&site).await;
    let duty = roster(&site, &["who", "--at", &in_hours(-4)]);
    assert!(logins(&duty).contains(login));
    assert_eq!(duty["corrected"], true, "{duty}");
    assert!(!logins(&duty["thought"]).contains(login));
    let record = roster(&site, &["list"]);
    let items = record["items"].as_array().unwrap();
    let corrections: Vec<&Value> = items.iter().filter(|one| one["correction"] == true).collect();
    assert_eq!(corrections.len(), 1);
    assert_eq!(corrections[0]["reason"], REASON);
    let entries = site.assert_sound("roster").await;
    let of = |action: &str| entries.iter().filter(|one| one.to_string().contains(action)).count();
    assert_eq!((of("roster.published"), of("roster.drafted")), (2, before.len() + 1));
    assert_eq!(of("roster.reasons_read"), 1);
    assert!(!json!(entries).to_string().contains("by telephone"), "no free text in the log");
}

async fn a_calendar_comes_back_as_the_same_duty(setup: Setup) {
    let site = Site::serving(setup).await;
    let people = reviewers(&site);
    let pair = format!("{},{}", people[0].0, people[2].0);
    let rotation = [
        "add",
        "rotation",
        "--name",
        "nights",
        "--people",
        &pair,
        "--every",
        "12h",
        "--time",
        "08:00",
        "--zone",
        "America/Los_Angeles",
        "--starts-on",
        "2026-01-05",
        "--level",
        "secondary",
        "--lanes",
        "threat,routine",
    ];
    roster(&site, &rotation);
    publish(&site).await;
    let (from, to) = (in_hours(24), in_hours(24 * 6));
    let export = ["roster", "export", "--ics", "--from", &from, "--to", &to];
    let exported = site.cli(&site.administrator(), &export);
    assert_eq!(exported.status.code(), Some(0));
    let show = ["show", "--from", from.as_str(), "--to", to.as_str()];
    let duty = |shown: &Value| -> Vec<Value> {
        let lanes = shown["lanes"].as_array().unwrap();
        let spans = lanes.iter().flat_map(|lane| lane["spans"].as_array().unwrap());
        spans
            .map(|span| {
                let people = span["people"].as_array().unwrap();
                let people: Vec<Value> =
                    people.iter().map(|one| json!([one["login"], one["level"]])).collect();
                json!([span["from"], span["until"], people])
            })
            .collect()
    };
    let before = duty(&roster(&site, &show));
    let listed = roster(&site, &["list"]);
    let entry = listed["items"][0]["entry"].as_str().unwrap().to_owned();
    roster(&site, &["retract", &entry, "--reason", REASON]);
    let text = String::from_utf8(exported.stdout).unwrap();
    let file = site.write("roster.ics", &text);
    roster(&site, &["import", &file]);
    publish(&site).await;
    assert_eq!(duty(&roster(&site, &show)), before);
    let broken = site.write("broken.ics", text.replace("LOGIN:", "LOGIN:nobody-"));
    let refused = site.cli(&site.administrator(), &["roster", "import", &broken]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("/calendar/events/0"));
}
