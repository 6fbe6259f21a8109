//! The command line.

mod args;
mod audit_command;
mod demo;
mod exit;
mod output;
mod serve;

use std::process::ExitCode;

use clap::Parser as _;

pub use args::{Cli, Command};
pub use output::Output;

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::OK });
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let mut output = Output::new(cli.json);
            output.error("start", &error.to_string());
            return ExitCode::from(exit::FAILURE);
        }
    };
    ExitCode::from(runtime.block_on(run(cli)))
}

async fn run(cli: Cli) -> u8 {
    let mut output = Output::new(cli.json);
    let result = match cli.command {
        Command::Demo(args) => demo::run(args, &mut output).await,
        Command::Serve(args) => serve::run(args, &mut output).await,
        Command::Audit(args) => audit_command::run(args, &mut output),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            output.error("failed", &format!("{error:#}"));
            exit::FAILURE
        }
    }
}
