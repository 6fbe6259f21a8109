//! What an operator types on the server's own machine.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use strum::VariantArray as _;

use crate::pipeline::explain::act::Wish;
use crate::policy::{Answer, Gate};

/// Commands that ask no server.
#[derive(Debug, Subcommand)]
pub enum LocalCommand {
    /// Keys of an installation.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Units, agencies, people.
    #[command(subcommand)]
    Registry(RegistryCommand),
    /// People: their credentials as a table, and who may not act.
    #[command(subcommand)]
    Users(UsersCommand),
    /// What the message broker holds.
    #[command(subcommand)]
    Topology(TopologyCommand),
    /// Policy packs.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Bring the database to this program's version.
    Migrate,
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the `OpenAPI` document of the HTTP API.
    Openapi,
    /// Completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Examine this installation: each line says what is well, and how to mend what is not.
    Doctor,
}

/// Of `keys`.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make the master key and the log's signing key. Existing files stay as they are.
    Generate {
        /// Folder for `master.key` and `signing.pem`.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Hash a password for the registry. It is read from the standard input, never from an argument.
    Password,
    /// Make the secret of a person's one-time codes, for the registry and for an authenticator.
    Totp {
        /// The login name; the authenticator shows it.
        login: String,
        /// What the authenticator shows beside it.
        #[arg(long, default_value = "leadbroker", value_name = "NAME")]
        issuer: String,
    },
}

/// Of `registry`.
#[derive(Debug, Subcommand)]
pub enum RegistryCommand {
    /// Tell everything that is wrong with a registry file.
    Check {
        /// The registry, TOML.
        file: PathBuf,
    },
    /// The registry in force: units, agencies, people; nothing that opens a door. Reading it is recorded.
    Show,
    /// Put a registry in force. It is recorded.
    Import(RegistryImportArgs),
}

/// Arguments of `registry import`.
#[derive(Debug, clap::Args)]
pub struct RegistryImportArgs {
    /// The registry, TOML.
    pub file: PathBuf,
    /// The version that the file was made of: refused if another is in force.
    #[arg(long, value_name = "VERSION")]
    pub after: Option<i64>,
    /// Let accounts that are suspended be active again, if the file says so.
    #[arg(long)]
    pub restore_suspended: bool,
}

/// Of `users`.
#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// Take people and credentials from a table, all or nothing. It is recorded.
    Import {
        /// The table, CSV.
        file: PathBuf,
        /// Say what would happen, and change nothing.
        #[arg(long)]
        check: bool,
        /// Write a token for each new account here; only you may read the file.
        #[arg(long, value_name = "FILE")]
        secrets: Option<PathBuf>,
    },
    /// People and credentials as a table; no tokens, no passwords. It is recorded.
    Export {
        /// Write it here, readable by you alone; else to the standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Let an account do nothing more, at once; what it has on the desk goes to others.
    Suspend {
        /// The login name.
        login: String,
        /// Why; kept sealed with the account.
        #[arg(long)]
        reason: String,
    },
    /// Let a suspended account act again.
    Restore {
        /// The login name.
        login: String,
    },
}

/// Of `topology`.
#[derive(Debug, Subcommand)]
pub enum TopologyCommand {
    /// Print RabbitMQ's definitions file: exchanges, queues, users, rights.
    Definitions(DefinitionsArgs),
    /// Print the `AsyncAPI` document of what agencies send and get.
    Asyncapi,
}

/// Of `topology definitions`.
#[derive(Debug, Args)]
pub struct DefinitionsArgs {
    /// For the demonstration's unit and agencies, with its passwords.
    #[arg(long, conflicts_with_all = ["registry", "passwords"])]
    pub demo: bool,
    /// A registry file instead of the registry in force.
    #[arg(long, value_name = "FILE")]
    pub registry: Option<PathBuf>,
    /// TOML with one line `user = "password"` for each agency's user and for `leadbroker`; only you may read it.
    #[arg(long, value_name = "FILE", required_unless_present = "demo")]
    pub passwords: Option<PathBuf>,
}

/// Of `policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Tell everything that is wrong with policy packs.
    Check {
        /// Folder with packs; the built-in ones if absent.
        dir: Option<PathBuf>,
        /// The set that decides at this installation; needs the configuration.
        #[arg(long, conflicts_with = "dir")]
        in_force: bool,
    },
    /// Every clause, and how it is answered.
    Clauses {
        /// Only of this pack.
        #[arg(long)]
        pack: Option<String>,
        /// Only those that are answered so (rule, statement, planned, …).
        #[arg(long, visible_alias = "status", value_name = "KIND", value_parser = answer)]
        answer: Option<Answer>,
        /// Of the set that decides at this installation; needs the configuration.
        #[arg(long)]
        in_force: bool,
    },
    /// Every rule that is asked about a form, and what it says. Nothing is decided.
    Explain(ExplainArgs),
    /// What a candidate would have decided differently about the requests that are stored. It is recorded.
    Replay(ReplayArgs),
    /// Propose a folder of packs to a running server, or confirm what another person proposed; needs an account's token.
    #[command(group(clap::ArgGroup::new("which").required(true).args(["dir", "confirm"])))]
    Activate(ActivateArgs),
    /// Every version of the packs and where it stands; needs an account's token.
    Sets(SetsArgs),
}

/// Of `policy replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Folder with the packs that are to be tried.
    #[arg(long, value_name = "DIR")]
    pub candidate: PathBuf,
    /// Only requests that were received on this day (UTC) or later.
    #[arg(long, value_name = "DATE")]
    pub since: Option<chrono::NaiveDate>,
}

/// Of `policy activate`.
#[derive(Debug, Args)]
pub struct ActivateArgs {
    /// Folder with the whole set of packs to propose.
    pub dir: Option<PathBuf>,
    /// Confirm this version.
    #[arg(long, value_name = "VERSION", requires = "digest")]
    pub confirm: Option<i64>,
    /// SHA-256 of the set that you have read.
    #[arg(long, value_name = "SHA256", conflicts_with = "dir")]
    pub digest: Option<String>,
}

/// Of `policy sets`.
#[derive(Debug, Args)]
pub struct SetsArgs {
    /// Save the files of this version.
    #[arg(long, value_name = "VERSION", requires = "out")]
    pub save: Option<i64>,
    /// Folder to save them in.
    #[arg(long, value_name = "DIR", requires = "save")]
    pub out: Option<PathBuf>,
}

/// Of `policy explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A form's JSON file, or a stored request (r-…), whose reading is recorded.
    #[arg(value_name = "FORM|REQUEST")]
    pub subject: String,
    /// Only at this gate: submit, `use_probe` or dispatch; of a stored request also lease, deliver, read, disclose or
    /// destroy. Submit and `use_probe` if absent, as when a form comes.
    #[arg(long, value_name = "GATE", value_parser = gate)]
    pub gate: Option<Gate>,
    /// A form as though it were for this unit, instead of the one that it names.
    #[arg(long)]
    pub unit: Option<String>,
    /// A form as though this agency sent it, instead of the one that it names.
    #[arg(long, value_name = "ORI")]
    pub agency: Option<String>,
    /// Ask this pack and `core` instead of those that the registry has in force; may be given more than once.
    #[arg(long = "pack", value_name = "PACK")]
    pub packs: Vec<String>,
    /// What somebody would do with a stored request.
    #[command(flatten)]
    pub act: ActArgs,
}

/// Of `policy explain REQUEST --gate lease|read|disclose|destroy`.
#[derive(Debug, Args)]
pub struct ActArgs {
    /// Who acts; at read an agency, too, by its ORI.
    #[arg(long = "as", value_name = "LOGIN")]
    pub who: Option<String>,
    /// At read: status, `case_file`, probe, examination, document or audit; the case file if absent.
    #[arg(long, value_name = "CONTENT")]
    pub what: Option<String>,
    /// At disclose: who receives, an agency's ORI or an address.
    #[arg(long, value_name = "ORI|ADDRESS")]
    pub to: Option<String>,
    /// At destroy: the clause that the order cites.
    #[arg(long, value_name = "CLAUSE")]
    pub clause: Option<String>,
}

impl ActArgs {
    /// As it was typed.
    pub(crate) fn wish(&self) -> Wish<'_> {
        Wish {
            who: self.who.as_deref(),
            what: self.what.as_deref(),
            to: self.to.as_deref(),
            clause: self.clause.as_deref(),
        }
    }
}

fn gate(text: &str) -> Result<Gate, String> {
    let names = || Gate::VARIANTS.iter().map(|gate| gate.as_str());
    let known = Gate::VARIANTS.iter().copied().find(|gate| gate.as_str() == text);
    known.ok_or_else(|| format!("expected one of {}", names().collect::<Vec<_>>().join(", ")))
}

fn answer(text: &str) -> Result<Answer, String> {
    let names = || Answer::VARIANTS.iter().map(|answer| <&str>::from(*answer));
    let known = Answer::VARIANTS.iter().copied().find(|answer| <&str>::from(*answer) == text);
    known.ok_or_else(|| format!("expected one of {}", names().collect::<Vec<_>>().join(", ")))
}

/// Of `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Tell everything that is wrong with the configuration, its keys and the files that it names.
    Check,
    /// Print every setting and where it is from; secrets are not shown.
    Print,
    /// Print the reference of all settings, as Markdown.
    Reference,
}
