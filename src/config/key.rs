//! What a setting is: its key, its type, its meaning. [`super::sections`] makes one for each member of its structures.

use strum::VariantNames;

use super::sections::{Environment, LogFormat, MailTls, MailTransport, Secret, Transport};

/// A setting of a section, or `environment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Name inside its section.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Meaning.
    pub meaning: &'static str,
}

/// Type of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A text that is never shown and may stand in a file of its own.
    Secret,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// A word of a closed list.
    Word(&'static [&'static str]),
}

/// The [`Kind`] that stands for a Rust type.
pub(super) trait Typed {
    /// It.
    const KIND: Kind;
}

macro_rules! kinds {
    ($($type:ty => $kind:expr,)*) => { $(impl Typed for $type { const KIND: Kind = $kind; })* };
}

kinds! {
    String => Kind::Text,
    Secret => Kind::Secret,
    u16 => Kind::Number,
    u32 => Kind::Number,
    bool => Kind::Switch,
    Environment => Kind::Word(Environment::VARIANTS),
    Transport => Kind::Word(Transport::VARIANTS),
    MailTransport => Kind::Word(MailTransport::VARIANTS),
    MailTls => Kind::Word(MailTls::VARIANTS),
    LogFormat => Kind::Word(LogFormat::VARIANTS),
}
