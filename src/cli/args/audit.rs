//! What an auditor types.

use std::path::PathBuf;

use clap::Subcommand;

/// Of `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Who saw or did what with a request, why, under which clause. Reading it is recorded.
    Show {
        /// The request (`r-…`).
        request: String,
    },
    /// Earlier requests about the same image, a picture that looks the same, or the same case: of a request, or of every
    /// request of a unit that repeats one. Reading it is recorded.
    #[command(group(clap::ArgGroup::new("of").required(true).args(["request", "unit"])))]
    Repeats {
        /// The request (`r-…`).
        request: Option<String>,
        /// Your unit: all of its requests that repeat an earlier one, newest first.
        #[arg(long)]
        unit: Option<String>,
        /// Only what came on this day (UTC) or later.
        #[arg(long, value_name = "DATE", requires = "unit")]
        since: Option<chrono::NaiveDate>,
        /// At most so many requests, up to 200.
        #[arg(long, requires = "unit")]
        limit: Option<u8>,
        /// What comes after this request: the `next` of the page before.
        #[arg(long, value_name = "NEXT", requires = "unit")]
        cursor: Option<String>,
    },
    /// Who read or was refused to read what of a request, when, why, under which clauses. Reading it is recorded.
    Who {
        /// The request (`r-…`).
        request: String,
        /// From the database of this machine's server (with `--config`), not from a running server.
        #[arg(long)]
        local: bool,
    },
    /// Export the whole log from a running server. Reading it is recorded.
    Export {
        /// Where to.
        #[arg(long)]
        out: PathBuf,
    },
    /// Verify an export, without database or network.
    Verify {
        /// The export.
        file: PathBuf,
        /// The log's public key, 64 hexadecimal digits, if you hold it.
        #[arg(long)]
        key: Option<String>,
        /// Checkpoints that you were given, one signed note a file: the log must contain each.
        #[arg(long, value_name = "FILE", num_args = 1..)]
        checkpoints: Vec<PathBuf>,
    },
}
