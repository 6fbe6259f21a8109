//! The command line.

mod agency;
mod args;
mod audit_command;
mod client;
mod config_command;
mod config_files;
mod decide;
mod demo;
mod desk;
mod doctor;
mod doors;
mod emergency;
mod exit;
mod keys;
mod known_answer;
mod output;
mod pages;
mod people;
mod policy_command;
mod policy_explain;
mod policy_replay;
mod policy_sets;
mod registry_command;
mod registry_show;
mod roster;
mod serve;
mod submit;
mod topology_command;
mod users;

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{AuditCommand, LocalCommand};
pub use args::{Cli, Command};
use client::{Api, CallError};
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
    let config = cli.config.as_deref();
    let api = || Api::open(&cli.server, cli.token_file.as_deref());
    let result = match cli.command {
        Command::Demo(args) => demo::run(args, &mut output).await,
        Command::Serve(mut args) => {
            args.config.clone_from(&cli.config);
            serve::run(args, &mut output).await
        }
        Command::Agency(command) => match api() {
            Ok(api) => agency::run(&api, &command, &mut output).await,
            Err(error) => Err(error),
        },
        Command::People(command) => match api() {
            Ok(api) => people::run(&api, &command, &mut output).await,
            Err(error) => Err(error),
        },
        Command::Audit(AuditCommand::Verify { file, key, checkpoints }) => {
            audit_command::verify(&file, key.as_deref(), &checkpoints, &mut output)
        }
        Command::Audit(AuditCommand::Who { request, local: true }) => {
            audit_command::who_locally(&request, config, &mut output).await
        }
        Command::Audit(command) => match api() {
            Ok(api) => audit_command::run(&api, &command, &mut output).await,
            Err(error) => Err(error),
        },
        Command::Local(command) => local(&command, (config, &api), &mut output).await,
    };
    result.unwrap_or_else(|error| failed(&error, &mut output))
}

async fn local(
    command: &LocalCommand,
    (config, api): (Option<&Path>, &impl Fn() -> anyhow::Result<Api>),
    output: &mut Output,
) -> anyhow::Result<u8> {
    match command {
        LocalCommand::Keys(command) => keys::run(command, output),
        LocalCommand::Registry(command) => registry_command::run(command, config, output).await,
        LocalCommand::Users(command) => users::run(command, config, output).await,
        LocalCommand::Topology(command) => topology_command::run(command, config, output).await,
        LocalCommand::Policy(command) => policy_command::run(command, (config, api), output).await,
        LocalCommand::Migrate => config_command::migrate(config, output).await,
        LocalCommand::Config(command) => config_command::run(command, config, output),
        LocalCommand::Openapi => {
            output.value(&crate::web::openapi());
            Ok(exit::OK)
        }
        LocalCommand::Completions { shell } => {
            // Through a buffer: the generator panics where its stream takes nothing.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "leadbroker", &mut script);
            output.text(&String::from_utf8_lossy(&script));
            Ok(exit::OK)
        }
        LocalCommand::Doctor => doctor::run(config, output).await,
    }
}

fn failed(error: &anyhow::Error, output: &mut Output) -> u8 {
    if let Some(call) = error.downcast_ref::<CallError>() {
        output.error(call.code(), &call.to_string());
        return call.exit();
    }
    if let Some(invalid) = error.downcast_ref::<config_command::ConfigInvalid>() {
        for error in &invalid.0 {
            output.error("config", &error.to_string());
        }
        return exit::CONFIG;
    }
    output.error("failed", &format!("{error:#}"));
    if error.is::<submit::SubmitError>() { exit::DATA } else { exit::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference names every command and every option, and invents none.
    #[test]
    fn the_reference_is_complete() {
        let reference = include_str!("../../docs/CLI.md");
        let mut missing = Vec::new();
        let mut commands = Vec::new();
        let mut open = vec![(String::from("leadbroker"), Cli::command())];
        while let Some((path, command)) = open.pop() {
            for argument in command.get_arguments() {
                if let Some(long) = argument.get_long() {
                    let option = format!("--{long}");
                    if !reference.contains(&option) {
                        missing.push(format!("{path} {option}"));
                    }
                }
            }
            for below in command.get_subcommands() {
                open.push((format!("{path} {}", below.get_name()), below.clone()));
            }
            if !command.has_subcommands() {
                commands.push(path);
            }
        }
        missing.extend(commands.iter().filter(|path| !reference.contains(path.as_str())).cloned());
        assert!(missing.is_empty(), "docs/CLI.md does not name {missing:#?}");
        let invented: Vec<&str> = reference
            .lines()
            .filter_map(|line| line.strip_prefix("### `"))
            .filter_map(|line| line.split('`').next())
            .filter(|line| !commands.iter().any(|path| line.starts_with(path.as_str())))
            .collect();
        assert!(invented.is_empty(), "docs/CLI.md invents {invented:#?}");
    }

    #[test]
    fn the_command_line_does_not_contradict_itself() {
        Cli::command().debug_assert();
    }
}
