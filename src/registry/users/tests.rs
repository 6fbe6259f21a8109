use uuid::Uuid;

use super::*;
use crate::demo::world;
use crate::domain::Personal;
use crate::id_source::{IdSource as _, SystemIds};

fn registry() -> Registry {
    world(&SystemIds, "2026-03-01T12:00:00Z".parse().unwrap(), "").unwrap().registry
}

fn id() -> Uuid {
    Uuid::from_u128(77)
}

const HEAD: &str = "login,name,unit,role,active,positions,relatives,issuer,course,topics,capabilities,cjis_minimum,issued_at,expires_at,refresher_due,approved_by\n";

#[test]
fn what_is_exported_is_imported_as_it_was() {
    let mut registry = registry();
    registry.accounts[0].account.relatives =
        vec!["Sample, Alex".to_owned(), "J. Sample".to_owned()];
    registry.accounts[0].account.person = Some("p-17".to_owned());
    registry.accounts[0].account.pager_email = Some(Personal::new("j@unit.example.gov".to_owned()));
    let mut second = registry.accounts[0].account.credentials[0].clone();
    second.topics = vec!["ethics".to_owned(), "quality".to_owned()];
    second.refresher_due = Some(second.issued_at + chrono::TimeDelta::days(300));
    registry.accounts[0].account.credentials.push(second);
    let text = export(&registry).unwrap();
    assert!(text.starts_with(HEAD));
    assert!(!text.contains("token") && !text.contains("argon2"), "no secret leaves");
    assert!(
        !text.contains("p-17") && !text.contains("j@unit"),
        "what has no column stays as it is"
    );
    let taken = import(&registry, &text, id).unwrap();
    assert_eq!(taken.registry, registry);
    assert!(taken.rows.iter().all(|row| row.result == RowResult::Unchanged));
    assert_eq!(taken.rows.len(), registry.accounts.len() + 1, "one row a credential");
}

#[test]
fn a_table_adds_and_changes_and_leaves_the_others() {
    let registry = registry();
    let known = &registry.accounts[0].account;
    let text = format!(
        "\u{feff}{HEAD}{},{},{},reviewer,true,,,FBI,Course,,quality;one_to_one,true,2026-01-01,2028-01-01,2027-01-01,Chief\n\
         new.one,N. One,lacris,auditor,true,,,,,,,,,,,\n",
        known.login, known.name, known.unit
    );
    let taken = import(&registry, &text, id).unwrap();
    let results: Vec<RowResult> = taken.rows.iter().map(|row| row.result).collect();
    assert_eq!(results, [RowResult::Changed, RowResult::Added]);
    assert_eq!(taken.added, [("new.one".to_owned(), AccountId::new(id()))]);
    let changed = taken.registry.account(known.id).unwrap();
    assert_eq!(changed.credentials.len(), 1, "the table has all of a person's credentials");
    let credential = &changed.credentials[0];
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    assert!(credential.in_force(at("2026-12-31T23:59:59Z")));
    assert!(!credential.in_force(at("2027-01-01T00:00:00Z")), "the refresher is overdue");
    assert_eq!(taken.registry.accounts[1..registry.accounts.len()], registry.accounts[1..]);
    let entry = taken.registry.entry_by_login("new.one").unwrap();
    assert_eq!((entry.token_sha256.as_ref(), entry.account.role), (None, Role::Auditor));
}

#[test]
fn every_fault_of_every_row_is_told_and_nothing_is_taken() {
    let registry = registry();
    let text = format!(
        "{HEAD}a b,,nowhere,boss,false,,,,,,,,,,,\n\
         two,T. Two,lacris,reviewer,true,Big Chief,,FBI,,,telepathy,yes,2026-13-01,2025-01-01,,\n\
         three,T. Three,lacris,reviewer,true,,,FBI,C,,quality,true,2026-01-02,2026-01-01,,Chief\n\
         three,T. Third,lacris,reviewer,true,,,,,,,,,,,\n\
         four,F. Four,nowhere,auditor,true,,,,,,,,,,,\n"
    );
    let Err(UsersError::Rows(rows)) = import(&registry, &text, || SystemIds.id()) else {
        panic!("taken")
    };
    let faults: Vec<(u64, usize)> = rows.iter().map(|row| (row.line, row.faults.len())).collect();
    assert_eq!(faults, [(2, 4), (3, 6), (4, 1), (5, 1), (6, 1)], "{rows:#?}");
    assert!(!format!("{rows:?}").contains("T. Two"), "no names in a report");
    assert!(matches!(import(&registry, "login,name\nx,y\n", id), Err(UsersError::Table(_))));
}

#[test]
fn a_suspension_has_its_reason_and_a_table_does_not_lift_it() {
    let registry = registry();
    let account = registry.accounts[0].account.clone();
    let suspension = || Suspension {
        at: "2026-03-02T00:00:00Z".parse().unwrap(),
        reason: Personal::new("Under inquiry.".to_owned()),
    };
    let (suspended, who) = suspend(&registry, &account.login, suspension()).unwrap();
    assert_eq!((who.id, who.active), (account.id, false));
    assert_eq!(suspended.accounts[0].suspension, Some(suspension()));
    let hash = suspended.accounts[0].token_sha256.clone().unwrap();
    let hash: [u8; 32] = hex::decode(hash).unwrap().try_into().unwrap();
    assert!(suspended.account_by_token(&hash).is_none(), "the token opens nothing");
    let again = suspend(&suspended, &account.login, suspension()).unwrap_err();
    assert_eq!(again, UsersError::Already(account.login.clone(), "suspended"));
    let table = export(&registry).unwrap();
    assert!(matches!(import(&suspended, &table, id), Err(UsersError::Rows(_))));
    let (restored, _) = restore(&suspended, &account.login).unwrap();
    // An import that makes the account active again is seen, under a new id too.
    let revived = |after: &Registry| revived(&suspended, after).len();
    assert_eq!((revived(&restored), revived(&suspended)), (1, 0));
    let mut renamed = restored.clone();
    renamed.accounts[0].account.id = AccountId::new(id());
    assert_eq!(revived(&renamed), 1);
    renamed.accounts[0].account.login = "somebody-else".to_owned();
    assert_eq!(revived(&renamed), 0);
    assert_eq!(restored, registry);
    assert!(matches!(restore(&registry, "nobody"), Err(UsersError::Unknown(_))));
}
