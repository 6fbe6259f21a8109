//! What a roster is made of. `P` is how a person is named: by account in the store, by login name on the wire.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::{AccountId, Lane, RosterEntryId, UnitId};

/// Who is asked first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Level {
    /// First.
    Primary,
    /// When no primary one answers.
    Secondary,
}

/// When a rotation hands over. Hours and days are those of the local clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandOff {
    /// Every hour.
    Hourly,
    /// Every day.
    Daily,
    /// Every week.
    Weekly,
    /// Every so many hours.
    Hours(u16),
    /// Every so many days.
    Days(u16),
}

/// A time from `from` until `until` (exclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// From.
    pub from: DateTime<Utc>,
    /// Until (exclusive).
    pub until: DateTime<Utc>,
}

impl Period {
    /// Whether it holds `at`.
    pub fn holds(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && at < self.until
    }

    /// Whether both hold an instant.
    pub fn meets(&self, other: &Self) -> bool {
        self.from < other.until && other.from < self.until
    }
}

/// People who take turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation<P = AccountId> {
    /// A code for people (`weekly-primary`).
    pub name: String,
    /// Lanes; none means all.
    #[serde(default)]
    pub lanes: Vec<Lane>,
    /// Level.
    pub level: Level,
    /// In the order of their turns.
    pub participants: Vec<P>,
    /// When it hands over.
    pub hand_off: HandOff,
    /// Local time of day of the first hand-off, and of every one that is whole days later.
    pub time: NaiveTime,
    /// Time zone of the IANA database.
    pub zone: Tz,
    /// Local day of the first hand-off; it gives a weekly rotation its weekday.
    pub starts_on: NaiveDate,
    /// Local day on which it ends, at `time`; without it the rotation goes on.
    #[serde(default)]
    pub ends_on: Option<NaiveDate>,
    /// It serves on holidays that name it, and never else.
    #[serde(default)]
    pub only_holidays: bool,
}

/// A fixed time of duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift<P = AccountId> {
    /// Lanes; none means all.
    #[serde(default)]
    pub lanes: Vec<Lane>,
    /// Level.
    pub level: Level,
    /// Who.
    pub person: P,
    /// When.
    pub period: Period,
}

/// A part of a temporary schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stint<P = AccountId> {
    /// Who.
    pub person: P,
    /// When.
    pub period: Period,
}

/// Replaces a rotation for a period. Where no stint is, nobody of the rotation serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temporary<P = AccountId> {
    /// Which rotation.
    pub replaces: RosterEntryId,
    /// For how long.
    pub period: Period,
    /// Who serves instead, and when.
    pub stints: Vec<Stint<P>>,
}

/// What an override does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum OverrideAct<P = AccountId> {
    /// One more person.
    Add {
        /// Who.
        person: P,
        /// At which level.
        level: Level,
    },
    /// One person in place of another, at the same level. Where the other does not serve, nothing changes.
    Replace {
        /// Who does not serve.
        person: P,
        /// Who serves instead.
        with: P,
    },
    /// One person less.
    Remove {
        /// Who.
        person: P,
    },
}

/// Changes who serves for a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override<P = AccountId> {
    /// Lanes; none means all.
    #[serde(default)]
    pub lanes: Vec<Lane>,
    /// When.
    pub period: Period,
    /// What.
    pub change: OverrideAct<P>,
}

/// Who serves on a holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolidayDuty {
    /// Nobody special: the rotations go on.
    Ordinary,
    /// This rotation, and no other. Shifts and overrides stand.
    Rotation(RosterEntryId),
    /// No rotation. Shifts and overrides stand.
    Nobody,
}

/// A local day of the whole unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// A code for people (`independence-day`).
    pub name: String,
    /// The local day, from midnight to midnight.
    pub day: NaiveDate,
    /// Time zone of the IANA database.
    pub zone: Tz,
    /// Who serves.
    pub duty: HolidayDuty,
}

impl Holiday {
    /// The day as instants.
    pub fn period(&self) -> Period {
        let midnight =
            |day: NaiveDate| super::local::instant(self.zone, day.and_time(NaiveTime::MIN));
        let next = self.day.succ_opt().unwrap_or(NaiveDate::MAX);
        Period { from: midnight(self.day), until: midnight(next) }
    }
}

/// Ends an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retraction {
    /// Which.
    pub entry: RosterEntryId,
    /// From when on it does not hold.
    pub from: DateTime<Utc>,
}

/// Puts drafts in force, all at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// Its number in the unit, from 1.
    pub number: i64,
    /// Which drafts.
    pub entries: Vec<RosterEntryId>,
    /// Gaps of the coming weeks that a person accepted, with a reason.
    pub gaps_accepted: u32,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Rule<P = AccountId> {
    /// People take turns.
    Rotation(Rotation<P>),
    /// A fixed time of duty.
    Shift(Shift<P>),
    /// A rotation is replaced for a period.
    Temporary(Temporary<P>),
    /// Somebody more, less, or instead.
    Override(Override<P>),
    /// A local day of the unit.
    Holiday(Holiday),
    /// An entry ends.
    Retraction(Retraction),
    /// Drafts come in force.
    Publication(Publication),
}

impl<P> Rule<P> {
    /// The same rule with people named another way; the first error ends it.
    pub fn named<Q, E>(self, mut name: impl FnMut(P) -> Result<Q, E>) -> Result<Rule<Q>, E> {
        Ok(match self {
            Self::Rotation(r) => Rule::Rotation(Rotation {
                participants: r.participants.into_iter().map(name).collect::<Result<_, E>>()?,
                name: r.name,
                lanes: r.lanes,
                level: r.level,
                hand_off: r.hand_off,
                time: r.time,
                zone: r.zone,
                starts_on: r.starts_on,
                ends_on: r.ends_on,
                only_holidays: r.only_holidays,
            }),
            Self::Shift(Shift { lanes, level, person, period }) => {
                Rule::Shift(Shift { lanes, level, person: name(person)?, period })
            }
            Self::Temporary(Temporary { replaces, period, stints }) => {
                let stint = |stint: Stint<P>| {
                    Ok(Stint { person: name(stint.person)?, period: stint.period })
                };
                let stints = stints.into_iter().map(stint).collect::<Result<_, E>>()?;
                Rule::Temporary(Temporary { replaces, period, stints })
            }
            Self::Override(Override { lanes, period, change }) => {
                let change = match change {
                    OverrideAct::Add { person, level } => {
                        OverrideAct::Add { person: name(person)?, level }
                    }
                    OverrideAct::Replace { person, with } => {
                        OverrideAct::Replace { person: name(person)?, with: name(with)? }
                    }
                    OverrideAct::Remove { person } => OverrideAct::Remove { person: name(person)? },
                };
                Rule::Override(Override { lanes, period, change })
            }
            Self::Holiday(holiday) => Rule::Holiday(holiday),
            Self::Retraction(retraction) => Rule::Retraction(retraction),
            Self::Publication(publication) => Rule::Publication(publication),
        })
    }

    /// The kind as a code.
    pub fn kind(&self) -> &'static str {
        self.into()
    }

    /// When it begins to say anything; a publication never does by itself.
    pub fn begins(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Rotation(rotation) => Some(rotation.starts_at()),
            Self::Shift(shift) => Some(shift.period.from),
            Self::Temporary(temporary) => Some(temporary.period.from),
            Self::Override(over) => Some(over.period.from),
            Self::Holiday(holiday) => Some(holiday.period().from),
            Self::Retraction(retraction) => Some(retraction.from),
            Self::Publication(_) => None,
        }
    }
}

/// A recorded entry. It is never changed and never removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: RosterEntryId,
    /// The unit.
    pub unit: UnitId,
    /// Its place in the unit's record, from 1, without gaps.
    pub ordinal: i64,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// By whom.
    pub recorded_by: AccountId,
    /// It changes what is said about a time before it was recorded.
    pub correction: bool,
    /// What it says.
    pub rule: Rule,
}
