//! Configuration: a TOML file, the environment over it, secrets from files. Everything that is wrong is told at once.
//!
//! `LEADBROKER__SECTION__KEY` sets a key; a secret key may be given as `key_file`, the path of a file that only
//! leadbroker may read. The process's environment is read here and nowhere else.

mod contradictions;
mod key;
mod layer;
mod paging;
mod process;
mod reference;
mod sections;

pub use key::{Key, Kind};
pub use layer::{ConfigError, Loaded, load};
pub use paging::paging;
pub use process::{environment, from_process, read_secret};
pub use reference::reference;
pub use sections::{
    Audit, Config, Database, Environment, Limits, Log, LogFormat, Mail, MailTls, MailTransport,
    Messaging, Paging, Policy, Retention, Review, Secret, Server, Transport, VaultSection,
};
