//! The roster as an iCalendar file (RFC 5545), out and in.
//!
//! Out: one event a person, level and time. In: each event, or each occurrence of a recurring one, becomes a fixed shift.
//! What goes out and comes in again is the same duty.

mod read;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use icalendar::{Calendar, Component as _, Event, EventLike as _, Property};
use strum::VariantArray as _;

pub use read::import;

use super::{Level, Period, Roster, spans};
use crate::domain::{AccountId, Lane, UnitId};

/// Names the person of an event by login name.
pub(super) const LOGIN: &str = "X-LEADBROKER-LOGIN";
/// Names the level.
pub(super) const LEVEL: &str = "X-LEADBROKER-LEVEL";
/// Names the lanes, separated by commas; absent: all.
pub(super) const LANES: &str = "X-LEADBROKER-LANES";

/// A person's duty: whole times, lane by lane.
type Duties = BTreeMap<(AccountId, Level, Lane), Vec<Period>>;

/// Who is on duty within a time, as a calendar. `login` names a person; one without a name is left out.
pub fn export(
    roster: &Roster,
    unit: &UnitId,
    within: Period,
    now: DateTime<Utc>,
    login: &dyn Fn(AccountId) -> Option<String>,
) -> String {
    let mut calendar = Calendar::new();
    calendar.append_property(Property::new("PRODID", "-//leadbroker//duty roster//EN"));
    calendar.name(&format!("Duty {unit}"));
    for ((from, until, person, level), lanes) in events(duties(roster, unit, within)) {
        let Some(login) = login(person) else { continue };
        let level_name: &'static str = level.into();
        let id = format!("{unit}\n{person}\n{level_name}\n{lanes:?}\n{from}\n{until}");
        let uid = hex::encode(openssl::sha::sha256(id.as_bytes()));
        let mut event = Event::new();
        event
            .uid(&format!("{uid}@leadbroker"))
            .timestamp(now)
            .starts(from)
            .ends(until)
            .summary(&format!("{unit}: {login} ({level_name})"))
            .add_property(LOGIN, &login)
            .add_property(LEVEL, level_name);
        if lanes.len() < Lane::VARIANTS.len() {
            let names: Vec<&'static str> = lanes.into_iter().map(Into::into).collect();
            event.add_property(LANES, names.join(","));
        }
        calendar.push(event.done());
    }
    calendar.to_string()
}

fn duties(roster: &Roster, unit: &UnitId, within: Period) -> Duties {
    let mut duties = Duties::new();
    for lane in Lane::VARIANTS {
        for span in spans(roster, unit, *lane, within) {
            for placed in &span.duty.why {
                let times = duties.entry((placed.person, placed.level, *lane)).or_default();
                match times.last_mut() {
                    Some(last) if last.until == span.period.from => {
                        last.until = span.period.until;
                    }
                    Some(_) | None => times.push(span.period),
                }
            }
        }
    }
    duties
}

type Events = BTreeMap<(DateTime<Utc>, DateTime<Utc>, AccountId, Level), Vec<Lane>>;

/// The same time in several lanes is one event.
fn events(duties: Duties) -> Events {
    let mut events = Events::new();
    for ((person, level, lane), times) in duties {
        for time in times {
            events.entry((time.from, time.until, person, level)).or_default().push(lane);
        }
    }
    events
}
