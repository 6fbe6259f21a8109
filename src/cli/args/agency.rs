//! What an agency's people type.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Commands of an agency; they need its token.
#[derive(Debug, Subcommand)]
pub enum AgencyCommand {
    /// Submit a form; prints its receipt.
    Submit(SubmitArgs),
    /// Where a request stands.
    Status {
        /// The request (`r-…`).
        request: String,
    },
    /// Your agency's requests, newest first.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
        /// The `next` of the page before.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Everything that happened to a request, oldest first.
    Events {
        /// The request (`r-…`).
        request: String,
    },
    /// Withdraw a request that is not answered yet.
    Withdraw {
        /// The request (`r-…`).
        request: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Confirm an imminent threat, as a supervisor who is not the requester.
    ConfirmEmergency {
        /// The request (`r-…`).
        request: String,
        /// Your printed name.
        #[arg(long)]
        name: String,
        /// Your rank or office.
        #[arg(long)]
        title: String,
        /// What you confirm, in a sentence.
        #[arg(long)]
        statement: String,
    },
    /// What a unit's form needs: its repositories, limits, and the statements to affirm.
    Form {
        /// The unit (`lacris`).
        unit: String,
    },
}

/// Of `submit`.
#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// The form, JSON.
    #[arg(value_name = "FORM.json")]
    pub form: PathBuf,
    /// An image's file, in the form's order, or named like the `part` of an image of the form.
    #[arg(long, value_name = "FILE")]
    pub image: Vec<PathBuf>,
    /// Idempotency key; by default the SHA-256 of the form.
    #[arg(long)]
    pub key: Option<String>,
}
