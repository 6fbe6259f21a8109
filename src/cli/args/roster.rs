//! What is typed about the duty roster.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use clap::{Args, Subcommand};

use crate::roster::{HandOff, Level};

/// Commands about a unit's duty roster.
#[derive(Debug, Args)]
pub struct RosterArgs {
    /// The unit; your own by default.
    #[arg(long, global = true, default_value = "own")]
    pub unit: String,
    /// What to do.
    #[command(subcommand)]
    pub command: RosterCommand,
}

/// Of `roster`.
#[derive(Debug, Subcommand)]
pub enum RosterCommand {
    /// Who is on duty at an instant, and who was thought to be.
    Who {
        /// The lane: `threat`, `priority` or `routine`.
        #[arg(long, default_value = "priority")]
        lane: String,
        /// The instant (`2026-11-23T16:00:00Z`); now by default.
        #[arg(long, value_name = "TIME")]
        at: Option<DateTime<Utc>>,
        /// By what was known then; by everything, if absent.
        #[arg(long, value_name = "TIME")]
        known_at: Option<DateTime<Utc>>,
    },
    /// The duty of a week as a table, with its gaps.
    Show {
        /// Only this lane.
        #[arg(long)]
        lane: Option<String>,
        /// From; now by default.
        #[arg(long, value_name = "TIME")]
        from: Option<DateTime<Utc>>,
        /// Until; a week later by default.
        #[arg(long, value_name = "TIME")]
        to: Option<DateTime<Utc>>,
        /// Show times of this time zone; that of the unit's newest rotation by default.
        #[arg(long)]
        zone: Option<Tz>,
    },
    /// The record: drafts, what was published, what was withdrawn, with ids.
    List,
    /// Times without anybody, or without a trained reviewer, as they would be with the drafts.
    Gaps {
        /// From; now by default.
        #[arg(long, value_name = "TIME")]
        from: Option<DateTime<Utc>>,
        /// Until; two weeks later by default.
        #[arg(long, value_name = "TIME")]
        to: Option<DateTime<Utc>>,
    },
    /// Draft an entry.
    #[command(subcommand)]
    Add(AddCommand),
    /// Withdraw a draft, or draft the end of what is in force.
    Retract {
        /// The entry (`d-…`).
        entry: String,
        /// Why, ten letters at least.
        #[arg(long)]
        reason: String,
        /// From when on it does not hold; from now on by default. A time in the past is a correction.
        #[arg(long, value_name = "TIME")]
        from: Option<DateTime<Utc>>,
    },
    /// Put every draft in force.
    Publish {
        /// Why the gaps of the coming two weeks are left, ten letters at least.
        #[arg(long, value_name = "REASON")]
        accept_gaps: Option<String>,
    },
    /// The duty as an iCalendar file, on the standard output.
    Export {
        /// As iCalendar (RFC 5545), the only format.
        #[arg(long, required = true)]
        ics: bool,
        /// From; now by default.
        #[arg(long, value_name = "TIME")]
        from: Option<DateTime<Utc>>,
        /// Until; four weeks later by default.
        #[arg(long, value_name = "TIME")]
        to: Option<DateTime<Utc>>,
        /// Only this person's duty.
        #[arg(long, value_name = "LOGIN")]
        person: Option<String>,
    },
    /// Draft the events of an iCalendar file as shifts, all or none.
    Import {
        /// The file.
        file: PathBuf,
        /// Why, if some of it is in the past.
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Of `roster add`.
#[derive(Debug, Subcommand)]
pub enum AddCommand {
    /// People who take turns.
    Rotation(RotationArgs),
    /// A fixed time of duty.
    Shift(ShiftArgs),
    /// Somebody more, less, or instead, for a time.
    Override(OverrideArgs),
    /// A local day of the unit.
    Holiday(HolidayArgs),
    /// Replace a rotation for a time.
    Temporary {
        /// The temporary schedule, JSON.
        file: PathBuf,
        /// Why, if it begins in the past.
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Of `roster add rotation`.
#[derive(Debug, Args)]
pub struct RotationArgs {
    /// The rotation as JSON, instead of the options.
    #[arg(conflicts_with_all = ["name", "people", "every", "time", "zone", "starts_on"])]
    pub file: Option<PathBuf>,
    /// A code for it.
    #[arg(long, required_unless_present = "file")]
    pub name: Option<String>,
    /// Logins in the order of their turns, separated by commas.
    #[arg(long, value_delimiter = ',', required_unless_present = "file")]
    pub people: Vec<String>,
    /// Hand-off: `hourly`, `daily`, `weekly`, `12h`, `3d`.
    #[arg(long, value_parser = hand_off, required_unless_present = "file")]
    pub every: Option<HandOff>,
    /// Local time of the hand-off: `08:00`.
    #[arg(long, value_parser = time_of_day, required_unless_present = "file")]
    pub time: Option<NaiveTime>,
    /// Time zone: `America/Los_Angeles`.
    #[arg(long, required_unless_present = "file")]
    pub zone: Option<Tz>,
    /// Local day of the first hand-off; its weekday is a weekly rotation's.
    #[arg(long, value_name = "DAY", required_unless_present = "file")]
    pub starts_on: Option<NaiveDate>,
    /// Local day on which it ends.
    #[arg(long, value_name = "DAY")]
    pub ends_on: Option<NaiveDate>,
    /// It serves on holidays that name it, and never else.
    #[arg(long)]
    pub only_holidays: bool,
    /// Where and at which level.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Of everything that puts a person on duty.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// Lanes, separated by commas; all by default.
    #[arg(long, value_delimiter = ',')]
    pub lanes: Vec<String>,
    /// `primary` or `secondary`.
    #[arg(long, default_value = "primary")]
    pub level: Level,
    /// Why, if it begins in the past: a correction.
    #[arg(long)]
    pub reason: Option<String>,
}

/// Of `roster add shift`.
#[derive(Debug, Args)]
pub struct ShiftArgs {
    /// The shift as JSON, instead of the options.
    #[arg(conflicts_with_all = ["person", "until"])]
    pub file: Option<PathBuf>,
    /// Login of the person.
    #[arg(long, required_unless_present = "file")]
    pub person: Option<String>,
    /// From; now by default.
    #[arg(long, value_name = "TIME")]
    pub from: Option<DateTime<Utc>>,
    /// Until.
    #[arg(long, value_name = "TIME", required_unless_present = "file")]
    pub until: Option<DateTime<Utc>>,
    /// Where and at which level.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Of `roster add override`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("act").required(true).args(["file", "add", "remove", "replace"])))]
pub struct OverrideArgs {
    /// The override as JSON, instead of the options.
    pub file: Option<PathBuf>,
    /// One more person, by login.
    #[arg(long, value_name = "LOGIN")]
    pub add: Option<String>,
    /// One person less.
    #[arg(long, value_name = "LOGIN")]
    pub remove: Option<String>,
    /// This person does not serve, but the one of `--with`.
    #[arg(long, value_name = "LOGIN", requires = "with")]
    pub replace: Option<String>,
    /// Who serves instead.
    #[arg(long, value_name = "LOGIN", requires = "replace")]
    pub with: Option<String>,
    /// From; now by default.
    #[arg(long, value_name = "TIME")]
    pub from: Option<DateTime<Utc>>,
    /// Until.
    #[arg(long, value_name = "TIME", required_unless_present = "file")]
    pub until: Option<DateTime<Utc>>,
    /// Where and at which level.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Of `roster add holiday`.
#[derive(Debug, Args)]
pub struct HolidayArgs {
    /// The holiday as JSON, instead of the options.
    #[arg(conflicts_with_all = ["name", "day", "zone"])]
    pub file: Option<PathBuf>,
    /// A code for it.
    #[arg(long, required_unless_present = "file")]
    pub name: Option<String>,
    /// The local day.
    #[arg(long, required_unless_present = "file")]
    pub day: Option<NaiveDate>,
    /// Time zone.
    #[arg(long, required_unless_present = "file")]
    pub zone: Option<Tz>,
    /// The rotation that serves (`d-…`) in place of all others; without it the duty is as on any day.
    #[arg(long, value_name = "ENTRY", conflicts_with = "nobody")]
    pub rotation: Option<String>,
    /// No rotation serves.
    #[arg(long)]
    pub nobody: bool,
    /// Why, if it is in the past: a correction.
    #[arg(long)]
    pub reason: Option<String>,
}

fn hand_off(text: &str) -> Result<HandOff, String> {
    let number = |digits: &str| digits.parse::<u16>().ok().filter(|count| *count > 0);
    let custom = text
        .strip_suffix('h')
        .and_then(number)
        .map(HandOff::Hours)
        .or_else(|| text.strip_suffix('d').and_then(number).map(HandOff::Days));
    match (text, custom) {
        ("hourly", _) => Ok(HandOff::Hourly),
        ("daily", _) => Ok(HandOff::Daily),
        ("weekly", _) => Ok(HandOff::Weekly),
        (_, Some(custom)) => Ok(custom),
        (_, None) => Err("expected `hourly`, `daily`, `weekly`, `12h` or `3d`".to_owned()),
    }
}

fn time_of_day(text: &str) -> Result<NaiveTime, String> {
    NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| "expected a time as `08:00`".to_owned())
}
