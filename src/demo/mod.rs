//! `leadbroker demo`: no service, no configuration. It makes keys, people and drawn sample images, walks one lead and
//! one no-match through every stage, and leaves what came of it in a folder.
//!
//! It runs the product's own stages; nothing here decides anything.

mod examination;
mod forms;
mod keys;
mod places;
mod start;
mod walk;
mod world;

use std::path::PathBuf;

pub use forms::{Sample, sample_form};
pub use keys::Keys;
pub use places::{demo_agencies, demo_units};
pub use start::{Demo, DemoError, start};
pub use walk::walk;
pub use world::{DemoWorld, Secrets, demo_amqp_password, world};

/// What the command line says.
#[derive(Clone)]
pub struct DemoOptions {
    /// Where everything is left.
    pub out: PathBuf,
    /// Another database than the embedded one.
    pub database: Option<String>,
    /// A broker instead of the embedded queue.
    pub amqp: Option<String>,
    /// A mail server instead of files: `smtp://HOST:PORT?ca=FILE`.
    pub smtp: Option<String>,
    /// Where the API listens.
    pub listen: String,
}

impl std::fmt::Debug for DemoOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoOptions")
            .field("out", &self.out)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}
