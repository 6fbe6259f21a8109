//! The commands and what they take.

mod agency;
mod audit;
mod known_answer;
mod local;
mod people;
mod roster;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use strum::VariantArray as _;

pub(super) use agency::{AgencyCommand, SubmitArgs};
pub(super) use audit::AuditCommand;
pub(super) use known_answer::{InjectArgs, KnownAnswerCommand};
pub(super) use local::{
    ActivateArgs, ConfigCommand, DefinitionsArgs, ExplainArgs, KeysCommand, LocalCommand,
    PolicyCommand, RegistryCommand, RegistryImportArgs, ReplayArgs, SetsArgs, TopologyCommand,
    UsersCommand,
};
pub(super) use people::{
    DeadLetterCommand, DiscloseArgs, DraftCommand, EmergencyCommand, ExaminationArgs, GiveBackArgs,
    HoldCommand, LegalHoldCommand, PageCommand, PeopleCommand, ReleaseArgs, SuspensionCommand,
};
pub(super) use roster::{
    AddCommand, HolidayArgs, OverrideArgs, PlaceArgs, RosterArgs, RosterCommand, RotationArgs,
    ShiftArgs,
};

use crate::app::RoleOfProcess;

/// A broker between law-enforcement agencies for facial-recognition search requests. It compares no faces.
#[derive(Debug, Parser)]
#[command(name = "leadbroker", version)]
pub struct Cli {
    /// Print JSON for programs.
    #[arg(long, global = true)]
    pub json: bool,
    /// The configuration, for commands that run on the server's own machine.
    #[arg(long, global = true, env = "LEADBROKER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The server, for commands that ask a running one.
    #[arg(
        long,
        global = true,
        env = "LEADBROKER_SERVER",
        default_value = "http://127.0.0.1:8400",
        value_name = "URL"
    )]
    pub server: String,
    /// A file with your token, which only you may read; else the variable `LEADBROKER_TOKEN` holds it.
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Walk one lead and one no-match through every stage, with invented people and drawn pictures.
    Demo(DemoArgs),
    /// Serve: the API, the stages, the relay, the sweeper.
    Serve(ServeArgs),
    /// For agencies.
    #[command(flatten)]
    Agency(AgencyCommand),
    /// For people of a unit.
    #[command(flatten)]
    People(PeopleCommand),
    /// The audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// On the server's own machine.
    #[command(flatten)]
    Local(LocalCommand),
}

/// Of `demo`.
#[derive(Args)]
pub struct DemoArgs {
    /// Folder for everything that the demonstration leaves.
    #[arg(long, default_value = "./demo-out")]
    pub out: PathBuf,
    /// End after the walk instead of serving the API.
    #[arg(long)]
    pub no_serve: bool,
    /// Another database than the embedded one: `postgres://…`.
    #[arg(long)]
    pub database: Option<String>,
    /// A broker instead of the embedded queue: `amqp://…`.
    #[arg(long)]
    pub amqp: Option<String>,
    /// A mail server instead of files: `smtp://HOST:PORT?ca=FILE`.
    #[arg(long)]
    pub smtp: Option<String>,
    /// Where the API listens.
    #[arg(long, default_value = "127.0.0.1:8400")]
    pub listen: String,
}

impl std::fmt::Debug for DemoArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoArgs")
            .field("out", &self.out)
            .field("no_serve", &self.no_serve)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// Of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration: the global `--config`.
    #[arg(skip)]
    pub config: Option<PathBuf>,
    /// What this process does, separated by commas; everything by default.
    #[arg(long, value_delimiter = ',', value_name = "ROLE", value_parser = roles())]
    pub roles: Vec<String>,
}

/// Every role, and `all`.
fn roles() -> PossibleValuesParser {
    let roles = RoleOfProcess::VARIANTS.iter().map(|role| <&'static str>::from(*role));
    PossibleValuesParser::new(std::iter::once("all").chain(roles))
}
