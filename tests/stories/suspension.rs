//! Who may not act any more does not, from that moment; and people as a table.

use serde_json::{Value, json};

use crate::site::people::examination;
use crate::site::{Setup, Site};

crate::both!(
    a_suspended_reviewer_is_out_at_once_and_another_is_asked,
    a_table_of_people_is_taken_whole_or_not_at_all,
);

/// Login of the unit's nth reviewer.
async fn login(site: &mut Site, nth: usize) -> String {
    let mut logins = Vec::new();
    site.registry(|registry| {
        let accounts = registry.accounts.iter().map(|entry| &entry.account);
        let of_unit = accounts.filter(|account| {
            account.unit.as_str() == "lacris" && account.role == leadbroker::domain::Role::Reviewer
        });
        logins = of_unit.map(|account| account.login.clone()).collect();
    })
    .await;
    logins.swap_remove(nth)
}

async fn a_suspended_reviewer_is_out_at_once_and_another_is_asked(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let out = login(&mut site, 0).await;
    let request = site.queued().await;
    let lease = site.claimed(&request, &first).await;

    let reason = "Under inquiry since this morning.";
    let told = site.cli_json("", &["users", "suspend", &out, "--reason", reason]);
    assert!(told["reclaimed"].as_u64().unwrap() >= 1, "{told}");
    // No second passes before the token opens nothing, nor does the claim.
    let exam = examination("no_match");
    let (status, refused) = site.record((&request, "conclude"), &first, (lease, &exam)).await;
    assert_eq!((status, &refused["code"]), (401, &json!("unauthorized")), "{refused}");
    assert_eq!(site.records(&request).await, 0);
    assert_eq!(site.audited(&request, "lease.reclaimed").await.len(), 1);
    site.until_audited(&request, "search_request.offered", 2).await;
    let offers = site.audited(&request, "search_request.offered").await;
    let claimed = site.audited(&request, "job.claimed").await;
    let suspended = &claimed[0]["actor"]["account"];
    assert_ne!(&offers.last().unwrap()["detail"]["reviewer"], suspended);
    assert_eq!(site.examine(&request, "conclude", &second, &exam).await, "examined");

    // Nobody is suspended twice, and the reason stays out of the log.
    let again = site.cli("", &["users", "suspend", &out, "--reason", reason]);
    assert_eq!(again.status.code(), Some(65));
    let log = json!(site.audit("no reasons").await).to_string();
    assert!(log.contains("account.suspended") && !log.contains("inquiry"));

    // An import does not restore by the way: its file is from before the suspension.
    let file = site.registry_file();
    let refused = site.cli("", &["registry", "import", &file]);
    assert_eq!(refused.status.code(), Some(65));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("--restore-suspended") && told.contains(&out), "{told}");
    let refused =
        site.cli("", &["registry", "import", &file, "--restore-suspended", "--after", "1"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("version 1"), "{refused:?}");
    let (status, _) = site.call(("GET", "jobs"), &first, None).await;
    assert_eq!(status, 401);

    // Restored, the same token is good again.
    site.cli_json("", &["registry", "import", &file, "--restore-suspended"]);
    let log = site.audit("restored").await;
    let restored: Vec<&Value> =
        log.iter().filter(|entry| entry["action"] == "account.restored").collect();
    assert_eq!((restored.len(), &restored[0]["detail"]["account"]), (1, suspended));
    assert_eq!(site.examine(&request, "second-review", &first, &exam).await, "awaiting_release");

    // A process that died between the suspension and the end of the claims: the sweeper ends them.
    let request = site.queued().await;
    site.claimed(&request, &first).await;
    site.registry(|registry| {
        let of = |entry: &&mut leadbroker::registry::AccountEntry| entry.account.login == out;
        registry.accounts.iter_mut().find(of).unwrap().account.active = false;
    })
    .await;
    site.until_audited(&request, "lease.reclaimed", 1).await;
    site.claimed(&request, &second).await;
    site.assert_sound("suspended").await;
}

async fn a_table_of_people_is_taken_whole_or_not_at_all(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let file = site.path("people.csv").display().to_string();
    site.cli("", &["users", "export", "--out", &file]);
    let table = std::fs::read_to_string(&file).unwrap();
    assert!(table.starts_with("login,name,unit,role,active,"), "{table}");
    let same = site.cli_json("", &["users", "import", &file]);
    assert_eq!(same["taken"], json!(false), "nothing to change");

    // One wrong row: nothing of the table is taken, and every row says what became of it.
    let new = "newcomer,N. Newcomer,lacris,reviewer,true,,,FBI,Course,,quality,true,2026-01-01,2099-01-01,,Chief\n";
    let wrong = site.write(
        "wrong.csv",
        format!("{table}{new}{}", new.replace("newcomer,", "other,").replace("reviewer", "boss")),
    );
    let refused = site.cli("", &["users", "import", &wrong]);
    assert_eq!(refused.status.code(), Some(65));
    let report: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(report["taken"], json!(false));
    let faulty: Vec<&Value> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["faults"] != json!([]))
        .collect();
    assert_eq!((faulty.len(), &faulty[0]["login"]), (1, &json!("other")));
    let versions = "SELECT max(version) FROM registry_versions";
    assert_eq!(site.number(versions).await, 1);

    let right = site.write("right.csv", format!("{table}{new}"));
    let secrets = site.path("tokens.csv").display().to_string();
    assert_eq!(site.cli_json("", &["users", "import", "--check", &right])["taken"], json!(false));
    let report = site.cli_json("", &["users", "import", &right, "--secrets", &secrets]);
    assert_eq!(report["taken"], json!(true));
    assert_eq!(site.number(versions).await, 2, "a check changes nothing");
    let tokens = std::fs::read_to_string(&secrets).unwrap();
    let token = tokens.lines().nth(1).unwrap().split_once(',').unwrap().1.to_owned();
    let (status, page) = site.call(("GET", "jobs"), &token, None).await;
    assert_eq!(status, 200, "the newcomer's token is good: {page}");
    let log = json!(site.audit("no names").await).to_string();
    assert!(log.contains("users.imported") && log.contains("users.exported"));
    assert!(!log.contains("Newcomer"));
}
