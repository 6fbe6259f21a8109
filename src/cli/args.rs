//! The commands and what they take.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A broker between law-enforcement agencies for facial-recognition search requests. It compares no faces.
#[derive(Debug, Parser)]
#[command(name = "leadbroker", version)]
pub struct Cli {
    /// Print JSON for programs.
    #[arg(long, global = true)]
    pub json: bool,
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
    /// The audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
}

/// Of `demo`.
#[derive(Debug, Args)]
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

/// Of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration.
    #[arg(long, env = "LEADBROKER_CONFIG")]
    pub config: Option<PathBuf>,
    /// What this process does, separated by commas; everything by default.
    #[arg(long, value_delimiter = ',')]
    pub roles: Vec<String>,
}

/// Of `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Verify an export, without database or network.
    Verify {
        /// The export.
        file: PathBuf,
        /// The log's public key, 64 hexadecimal digits, if you hold it.
        #[arg(long)]
        key: Option<String>,
    },
}
