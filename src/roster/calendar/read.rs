//! Reading a calendar: all of it or nothing, with every fault named by its event.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use icalendar::parser::{Component, Property, read_calendar, unfold};
use rrule::RRuleSet;

use super::{LANES, LEVEL, LOGIN};
use crate::domain::{AccountId, Lane, ShapeError};
use crate::roster::{Level, Period, Shift, instant};

/// Most shifts that one file may become.
const MOST: usize = 5_000;

/// Most occurrences of one event.
const OCCURRENCES: u16 = 2_000;

/// Why an event is not taken: a code, and what to do.
type Fault = (&'static str, &'static str);

const TIMES: Fault =
    ("event_time", "give DTSTART and DTEND as times in UTC or with a TZID of the IANA database");
const RECURRENCE: Fault = (
    "event_recurrence",
    "give a recurrence that RFC 5545 allows, with COUNT or UNTIL, of 2000 occurrences at most",
);

/// The shifts of a calendar. `account` finds a person by login name.
///
/// A person is named by `X-LEADBROKER-LOGIN`, else by the addresses of ATTENDEE, else by ORGANIZER's: the part before `@`
/// is the login name. Cancelled events are left out.
pub fn import(
    text: &str,
    account: &dyn Fn(&str) -> Option<AccountId>,
) -> Result<Vec<Shift>, Vec<ShapeError>> {
    let whole = |text: &str| vec![ShapeError::new("calendar", "/calendar", text)];
    let unfolded = unfold(text);
    let calendar = read_calendar(&unfolded)
        .map_err(|_| whole("send an iCalendar file as RFC 5545 describes it"))?;
    let (mut shifts, mut faults) = (Vec::new(), Vec::new());
    let events = calendar.components.iter().filter(|component| component.name == "VEVENT");
    for (n, event) in events.enumerate() {
        match of_event(event, account) {
            Ok(found) => shifts.extend(found),
            Err((code, message)) => {
                faults.push(ShapeError::new(code, format!("/calendar/events/{n}"), message));
            }
        }
        if shifts.len() > MOST {
            return Err(whole("send fewer events: a file becomes 5000 shifts at most"));
        }
    }
    if faults.is_empty() { Ok(shifts) } else { Err(faults) }
}

fn of_event(
    event: &Component<'_>,
    account: &dyn Fn(&str) -> Option<AccountId>,
) -> Result<Vec<Shift>, Fault> {
    if value(event, "STATUS").is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED")) {
        return Ok(Vec::new());
    }
    if event.find_prop("RECURRENCE-ID").is_some() {
        let text = "leave changed occurrences out of the recurrence with EXDATE, and send each as an event of its own";
        return Err(("event_recurrence", text));
    }
    let people = people(event, account)?;
    let level = match value(event, LEVEL) {
        None => Level::Primary,
        Some(name) => {
            name.parse().map_err(|_| ("event_level", "give the level `primary` or `secondary`"))?
        }
    };
    let lanes = lanes(event)?;
    let times = times(event)?;
    let shift = |(person, period): (&AccountId, &Period)| Shift {
        lanes: lanes.clone(),
        level,
        person: *person,
        period: *period,
    };
    Ok(times.iter().flat_map(|time| people.iter().map(move |one| shift((one, time)))).collect())
}

fn value<'e>(event: &'e Component<'_>, name: &str) -> Option<&'e str> {
    event.find_prop(name).map(|property| property.val.as_str().trim())
}

fn people(
    event: &Component<'_>,
    account: &dyn Fn(&str) -> Option<AccountId>,
) -> Result<Vec<AccountId>, Fault> {
    let unknown = (
        "event_person",
        "name people of this unit by login name, in X-LEADBROKER-LOGIN, or before the @ of ATTENDEE or ORGANIZER",
    );
    if let Some(login) = value(event, LOGIN) {
        return account(login).map(|found| vec![found]).ok_or(unknown);
    }
    let addresses = |name: &str| -> Vec<String> {
        let named = event.properties.iter().filter(|property| property.name == name);
        named.map(|property| property.val.as_str().trim().to_lowercase()).collect()
    };
    let mut given = addresses("ATTENDEE");
    if given.is_empty() {
        given = addresses("ORGANIZER");
    }
    let mut people = Vec::new();
    for address in &given {
        let address = address.strip_prefix("mailto:").unwrap_or(address);
        let login = address.split('@').next().unwrap_or_default();
        people.push(account(login).ok_or(unknown)?);
    }
    people.sort_unstable();
    people.dedup();
    if people.is_empty() { Err(unknown) } else { Ok(people) }
}

fn lanes(event: &Component<'_>) -> Result<Vec<Lane>, Fault> {
    let Some(names) = value(event, LANES) else { return Ok(Vec::new()) };
    let lane = |name: &str| {
        serde_json::from_value(name.trim().into())
            .map_err(|_| ("event_lanes", "give lanes as `threat`, `priority` or `routine`"))
    };
    // A comma of a text is escaped.
    names.replace('\\', "").split(',').map(lane).collect()
}

/// A property that is a time.
fn time(property: &Property<'_>) -> Option<DateTime<Utc>> {
    let text = property.val.as_str().trim();
    if let Some(utc) = text.strip_suffix('Z') {
        return Some(naive(utc)?.and_utc());
    }
    Some(instant(zone(property)?, naive(text)?))
}

fn naive(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok()
}

fn zone(property: &Property<'_>) -> Option<Tz> {
    let named = property.params.iter().find(|parameter| parameter.key == "TZID")?;
    named.val.as_ref()?.as_str().trim_matches('"').parse().ok()
}

/// The times of an event: one, or one an occurrence.
fn times(event: &Component<'_>) -> Result<Vec<Period>, Fault> {
    let start = event.find_prop("DTSTART").ok_or(TIMES)?;
    let first = time(start).ok_or(TIMES)?;
    let length = match event.find_prop("DTEND") {
        Some(end) => time(end).ok_or(TIMES)? - first,
        None => return Err(TIMES),
    };
    if length <= TimeDelta::zero() || length > TimeDelta::days(366) {
        return Err(("event_time", "let the event end after it starts, within a year"));
    }
    let starts = if event.find_prop("RRULE").is_some() || event.find_prop("RDATE").is_some() {
        occurrences(event, start)?
    } else {
        vec![first]
    };
    Ok(starts.into_iter().map(|from| Period { from, until: from + length }).collect())
}

/// The starts of a recurring event. `rrule` counts on the clock of DTSTART's zone.
fn occurrences(event: &Component<'_>, start: &Property<'_>) -> Result<Vec<DateTime<Utc>>, Fault> {
    let mut text = line("DTSTART", start);
    for name in ["RRULE", "RDATE", "EXDATE"] {
        for property in event.properties.iter().filter(|property| property.name == name) {
            let value = property.val.as_str();
            let ends = value.contains("COUNT=") || value.contains("UNTIL=");
            if name == "RRULE" && !ends {
                return Err(RECURRENCE);
            }
            text.push('\n');
            text.push_str(&line(name, property));
        }
    }
    let set: RRuleSet = text.parse().map_err(|_| RECURRENCE)?;
    let result = set.all(OCCURRENCES);
    if result.limited || result.dates.is_empty() {
        return Err(RECURRENCE);
    }
    Ok(result.dates.iter().map(DateTime::to_utc).collect())
}

fn line(name: &str, property: &Property<'_>) -> String {
    let value = property.val.as_str().trim();
    match zone(property) {
        Some(zone) if !value.ends_with('Z') => format!("{name};TZID={zone}:{value}"),
        Some(_) | None => format!("{name}:{value}"),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn file(event: &str) -> String {
        let event = event.replace('\n', "\r\n");
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    }

    fn read(event: &str) -> Result<Vec<Shift>, Vec<ShapeError>> {
        import(&file(event), &|login| match login {
            "rev-a" => Some(AccountId::new(Uuid::from_u128(1))),
            "rev-b" => Some(AccountId::new(Uuid::from_u128(2))),
            _ => None,
        })
    }

    fn refused(event: &str) -> Vec<String> {
        let faults = read(event).unwrap_err();
        faults.into_iter().map(|fault| format!("{} {}", fault.code, fault.pointer)).collect()
    }

    const WEEKLY: &str =
        "DTSTART;TZID=Europe/Berlin:20260316T080000\nDTEND;TZID=Europe/Berlin:20260316T160000";

    #[test]
    fn a_recurring_event_keeps_its_local_time() {
        let rule = "RRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;TZID=Europe/Berlin:20260323T080000";
        let found =
            read(&format!("{WEEKLY}\n{rule}\nATTENDEE;CN=A:mailto:rev-a@example.gov")).unwrap();
        let starts: Vec<String> =
            found.iter().map(|shift| shift.period.from.to_rfc3339()).collect();
        let expected = ["2026-03-16T07", "2026-03-30T06", "2026-04-06T06"];
        assert_eq!(starts, expected.map(|hour| format!("{hour}:00:00+00:00")));
        assert!(found.iter().all(|one| one.person == AccountId::new(Uuid::from_u128(1))));
    }

    #[test]
    fn several_attendees_are_several_shifts_and_a_cancelled_event_is_none() {
        let both = "ATTENDEE:mailto:rev-a@example.gov\nATTENDEE:MAILTO:REV-B@example.gov";
        assert_eq!(read(&format!("{WEEKLY}\n{both}")).unwrap().len(), 2);
        assert_eq!(read(&format!("{WEEKLY}\n{both}\nSTATUS:CANCELLED")).unwrap(), []);
        let organizer = format!("{WEEKLY}\nORGANIZER:mailto:rev-b@example.gov");
        assert_eq!(read(&organizer).unwrap().len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_its_event() {
        let person = "X-LEADBROKER-LOGIN:rev-a";
        let at = "/calendar/events/0";
        for (event, code) in [
            (format!("{WEEKLY}\nX-LEADBROKER-LOGIN:nobody"), "event_person"),
            (WEEKLY.to_owned(), "event_person"),
            (format!("DTSTART:20260316T080000\nDTEND:20260316T090000\n{person}"), "event_time"),
            (
                format!("DTSTART;VALUE=DATE:20260316\nDTEND;VALUE=DATE:20260317\n{person}"),
                "event_time",
            ),
            (format!("{WEEKLY}\n{person}\nRRULE:FREQ=WEEKLY"), "event_recurrence"),
            (format!("{WEEKLY}\n{person}\nRRULE:FREQ=NEVER;COUNT=1"), "event_recurrence"),
            (format!("{WEEKLY}\n{person}\nX-LEADBROKER-LEVEL:third"), "event_level"),
            (format!("{WEEKLY}\n{person}\nX-LEADBROKER-LANES:threat,fast"), "event_lanes"),
        ] {
            assert_eq!(refused(&event), [format!("{code} {at}")], "{event}");
        }
        assert!(import("BEGIN:VCALENDAR\r\nBEGIN:", &|_| None).is_err());
    }
}
