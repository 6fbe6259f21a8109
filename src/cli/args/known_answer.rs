//! What a unit's administrator types about test cases.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Of `known-answer`.
#[derive(Debug, Subcommand)]
pub enum KnownAnswerCommand {
    /// Inject a test case: whoever works on it sees a request like any other.
    Inject(InjectArgs),
    /// What the unit's test cases came to, by case and by person. Reading it is recorded.
    Results,
}

/// Of `known-answer inject`.
#[derive(Debug, Args)]
pub struct InjectArgs {
    /// The form, JSON, as the agency that it names would send it.
    #[arg(value_name = "FORM.json")]
    pub form: PathBuf,
    /// An image's file, in the form's order, or named like the `part` of an image of the form.
    #[arg(long, value_name = "FILE")]
    pub image: Vec<PathBuf>,
    /// What it should come to, JSON: `{"outcome":"lead","sid":"…"}`, `no_match`, or `unsuitable_probe`.
    #[arg(long, value_name = "FILE")]
    pub expected: PathBuf,
}
