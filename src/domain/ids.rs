//! Identifiers. Each is its own type, so that a request's id is never taken for a message's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is no identifier of the wanted kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{given}` is no {kind}")]
pub struct BadId {
    kind: &'static str,
    given: String,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID.
            pub const fn new(id: Uuid) -> Self { Self(id) }
            /// The UUID.
            pub const fn uuid(self) -> Uuid { self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                text.strip_prefix($prefix)
                    .filter(|rest| rest.len() == 32)
                    .and_then(|rest| Uuid::try_parse(rest).ok())
                    .map(Self)
                    .ok_or_else(|| BadId { kind: stringify!($name), given: text.chars().take(64).collect() })
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> { text.parse() }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self { id.to_string() }
        }
    };
}

uuid_id!(
    /// A `SearchRequest`: `r-` and 32 hexadecimal digits. Says nothing about the case.
    RequestId, "r-"
);
uuid_id!(
    /// A message between stages, or an event to an agency: `m-` and 32 hexadecimal digits.
    MessageId, "m-"
);
uuid_id!(
    /// A person's account: `p-` and 32 hexadecimal digits. One person has one account.
    AccountId, "p-"
);
uuid_id!(
    /// A page, from its cause to its end: `pg-` and 32 hexadecimal digits.
    PageId, "pg-"
);
uuid_id!(
    /// One page to one person or destination: `pa-` and 32 hexadecimal digits.
    PageAttemptId, "pa-"
);
uuid_id!(
    /// An entry of a unit's roster: `d-` (duty) and 32 hexadecimal digits.
    RosterEntryId, "d-"
);

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                let fits = (1..=64).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if fits {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadId { kind: stringify!($name), given: text.chars().take(64).collect() })
                }
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> { text.parse() }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self { id.0 }
        }
    };
}

name_id!(
    /// A regional unit: lower-case letters, digits and hyphens (`lacris`).
    UnitId
);
name_id!(
    /// A policy pack: lower-case letters, digits and hyphens (`sacramento-fr`).
    PackId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = RequestId::new(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse::<RequestId>().unwrap(), id);
        assert!("m-00000000000000000000000000000007".parse::<RequestId>().is_err());
        assert!("r-7".parse::<RequestId>().is_err());
        assert!("Lacris".parse::<UnitId>().is_err());
    }
}
