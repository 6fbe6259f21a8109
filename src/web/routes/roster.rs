//! Operations of a unit's duty roster. `own` in place of the unit is the person's own.

use super::Content::{Json, Media};
use super::{Operation, Who, get, handler, post, routing};

const EDIT: &[(u16, &str)] = &[(403, "role"), (409, "clock"), (409, "moved_on"), (422, "reason")];

pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "/api/v1/units/{unit}/roster",
        "readRoster",
        "Who is on duty over a time, lane by lane; a week from now by default.",
        handler!(get api::v1::roster_read::show),
    )
    .who(Who::Person)
    .query(&[("lane", "Lane"), ("from", "Time"), ("to", "Time")])
    .answers(&[(200, Json("Roster"))]),
    get(
        "/api/v1/units/{unit}/roster/who",
        "whoIsOnDuty",
        "Who is on duty at an instant, and who was thought to be.",
        handler!(get api::v1::roster_read::who),
    )
    .who(Who::Person)
    .query(&[("lane", "Lane"), ("at", "Time"), ("known_at", "Time")])
    .answers(&[(200, Json("OnDuty"))])
    .refuses(&[(422, "shape")]),
    get(
        "/api/v1/units/{unit}/roster/gaps",
        "listGaps",
        "Times without anybody, or without a trained reviewer, as they would be with the drafts.",
        handler!(get api::v1::roster_read::gaps),
    )
    .who(Who::Person)
    .query(&[("from", "Time"), ("to", "Time")])
    .answers(&[(200, Json("Gaps"))]),
    get(
        "/api/v1/units/{unit}/roster/calendar",
        "readCalendar",
        "The duty as an iCalendar file (RFC 5545); four weeks from now by default.",
        handler!(get api::v1::roster_read::calendar),
    )
    .who(Who::Person)
    .query(&[("from", "Time"), ("to", "Time"), ("person", "Login")])
    .answers(&[(200, Media(&["text/calendar"]))]),
    get(
        "/api/v1/units/{unit}/roster/entries",
        "listRosterEntries",
        "The record: drafts, what was published, what was withdrawn.",
        handler!(get api::v1::roster_read::entries),
    )
    .who(Who::Person)
    .answers(&[(200, Json("RosterEntries"))]),
    post(
        "/api/v1/units/{unit}/roster/entries",
        "draftRosterEntries",
        "Drafts entries, all or none.",
        handler!(post api::v1::roster_edit::draft),
    )
    .who(Who::Person)
    .body("RosterDrafts")
    .answers(&[(201, Json("Drafted"))])
    .refuses(EDIT),
    post(
        "/api/v1/units/{unit}/roster/entries/{entry}/retract",
        "retractRosterEntry",
        "Withdraws a draft, or drafts the end of what is in force.",
        handler!(post api::v1::roster_edit::retract),
    )
    .who(Who::Person)
    .body("Retraction")
    .answers(&[(201, Json("Drafted"))])
    .refuses(EDIT),
    post(
        "/api/v1/units/{unit}/roster/import",
        "importCalendar",
        "Drafts the events of an iCalendar file as shifts, all or none.",
        handler!(post api::v1::roster_edit::import),
    )
    .who(Who::Person)
    .body("CalendarImport")
    .answers(&[(201, Json("Drafted"))])
    .refuses(EDIT),
    post(
        "/api/v1/units/{unit}/roster/publish",
        "publishRoster",
        "Puts every draft in force; gaps of the coming two weeks need a reason.",
        handler!(post api::v1::roster_edit::publish),
    )
    .who(Who::Person)
    .body("Publish")
    .answers(&[(200, Json("Published"))])
    .refuses(&[
        (403, "role"),
        (409, "clock"),
        (409, "moved_on"),
        (409, "nothing_drafted"),
        (409, "roster_gaps"),
        (422, "reason"),
    ]),
];
