//! What the people of a unit type.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use strum::VariantArray as _;

use crate::domain::GiveBackReason;
use crate::domain::examination::WaiverReason;

/// Commands of a unit's people; they need an account's token.
#[derive(Debug, Subcommand)]
pub enum PeopleCommand {
    /// The worklist: what you may take or hold.
    Queue {
        /// Only this lane: `threat`, `priority` or `routine`.
        #[arg(long)]
        lane: Option<String>,
        /// At most so many jobs, up to 200.
        #[arg(long, default_value_t = 50)]
        limit: u8,
        /// What comes after this request: the `next` of the page before.
        #[arg(long, value_name = "NEXT")]
        cursor: Option<String>,
        /// Stay, and show what changes, until Ctrl-C.
        #[arg(long)]
        watch: bool,
    },
    /// A case file. Each reading is recorded.
    Show {
        /// The request (`r-…`).
        request: String,
        /// Save the probes' original files in this folder.
        #[arg(long, value_name = "DIR")]
        images: Option<PathBuf>,
    },
    /// Take a job; prints the claim's token, which every later step names.
    Claim {
        /// The request (`r-…`).
        request: String,
    },
    /// Keep a claimed job for longer.
    Renew {
        /// The request (`r-…`).
        request: String,
        /// The claim's token.
        #[arg(long, value_name = "N")]
        token: i64,
    },
    /// The checklist of the morphological comparison, as the unit has it.
    Checklist,
    /// Offer a claimed job to a colleague.
    HandOver {
        /// The request (`r-…`).
        request: String,
        /// The claim's token.
        #[arg(long, value_name = "N")]
        token: i64,
        /// The colleague's login name.
        #[arg(long, value_name = "LOGIN")]
        to: String,
    },
    /// Give a job back; it is not offered to you again.
    GiveBack(GiveBackArgs),
    /// What you submitted after a claim had ended. Nobody else can read it.
    #[command(subcommand)]
    Drafts(DraftCommand),
    /// Record the first examination.
    Conclude(ExaminationArgs),
    /// Record the blind second examination.
    SecondReview(ExaminationArgs),
    /// Record the adjudication of two that differ.
    Adjudicate(ExaminationArgs),
    /// Read every examination of a request that you examined, once the second review is recorded.
    Examinations {
        /// The request (`r-…`).
        request: String,
    },
    /// Waive the second review, where the policies of the unit allow it.
    WaiveSecondReview {
        /// The request (`r-…`).
        request: String,
        /// Why: `imminent_threat` or `no_second_reviewer`.
        #[arg(long)]
        reason: WaiverReason,
        /// The circumstances, ten letters at least; kept with the case.
        #[arg(long)]
        note: String,
    },
    /// Read the answer, then release exactly it.
    Release(ReleaseArgs),
    /// Requests that wait for a named human's decision.
    #[command(subcommand)]
    Holds(HoldCommand),
    /// Messages that gave up after all their attempts.
    #[command(subcommand)]
    DeadLetters(DeadLetterCommand),
    /// What imminent threats owe: call-backs and confirmations.
    #[command(subcommand)]
    Emergency(EmergencyCommand),
    /// Requesters whose forms are refused.
    #[command(subcommand)]
    Suspensions(SuspensionCommand),
    /// Pass a delivered answer on to another registered recipient, sealed anew.
    Disclose(DiscloseArgs),
    /// To whom an answer was passed on, and why. Reading it is recorded.
    Disseminations {
        /// The request (`r-…`).
        request: String,
    },
    /// Destroy the record of an ended request for good; prints the certificate.
    Destroy {
        /// The request (`r-…`).
        request: String,
        /// Why, ten letters at least.
        #[arg(long)]
        reason: String,
        /// The clause that the destruction rests on.
        #[arg(long)]
        clause: String,
    },
    /// What keeps a record from being destroyed.
    #[command(subcommand)]
    LegalHold(LegalHoldCommand),
    /// Pages: who was told that a job waits.
    #[command(subcommand, visible_alias = "page")]
    Pages(PageCommand),
    /// Who is on duty, and who was: ask, draft, publish.
    Roster(super::RosterArgs),
    /// Test cases whose answer you know: inject them, read what they came to.
    #[command(subcommand)]
    KnownAnswer(super::KnownAnswerCommand),
}

/// Of `disclose`.
#[derive(Debug, Args)]
pub struct DiscloseArgs {
    /// The request (`r-…`).
    pub request: String,
    /// The recipient's agency.
    #[arg(long, value_name = "ORI")]
    pub recipient_ori: String,
    /// The recipient's address, as the registry has it.
    #[arg(long, value_name = "ADDRESS")]
    pub recipient_email: String,
    /// What the recipient will do with it, ten letters at least.
    #[arg(long, value_name = "TEXT")]
    pub purpose: String,
    /// What gives the recipient the right to it, ten letters at least.
    #[arg(long, value_name = "TEXT")]
    pub right_to_know: String,
    /// For which official duty the recipient needs it, ten letters at least.
    #[arg(long, value_name = "TEXT")]
    pub need_to_know: String,
}

/// Of `legal-hold`.
#[derive(Debug, Subcommand)]
pub enum LegalHoldCommand {
    /// Nothing destroys the record from now on.
    Set {
        /// The request (`r-…`).
        request: String,
        /// Who ordered it and why, ten letters at least.
        #[arg(long)]
        reason: String,
    },
    /// The legal hold has ended.
    Lift {
        /// The request (`r-…`).
        request: String,
        /// Who ended it and why, ten letters at least.
        #[arg(long)]
        reason: String,
    },
}

/// Of `pages`.
#[derive(Debug, Subcommand)]
pub enum PageCommand {
    /// Pages of your unit that have not ended.
    List {
        /// Those that have ended as well.
        #[arg(long)]
        all: bool,
    },
    /// A page and what became of each attempt.
    Show {
        /// The page (`pg-…`).
        page: String,
    },
    /// You have seen it: nobody further is paged for a while. The job is not taken by this.
    Ack {
        /// The page (`pg-…`).
        page: String,
    },
}

/// Of `give-back`.
#[derive(Debug, Args)]
pub struct GiveBackArgs {
    /// The request (`r-…`).
    pub request: String,
    /// The claim's token.
    #[arg(long, value_name = "N")]
    pub token: i64,
    /// Why; after the first two you cannot take the job again.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(
        GiveBackReason::VARIANTS.iter().map(<&'static str>::from)
    ))]
    pub reason: String,
    /// Why, in your words; kept sealed with the case.
    #[arg(long)]
    pub text: Option<String>,
}

/// Of `drafts`.
#[derive(Debug, Subcommand)]
pub enum DraftCommand {
    /// All of them, newest first.
    List,
    /// One of them: the examination as you submitted it.
    Show {
        /// The draft (`d-…`).
        draft: String,
        /// Save the examination here, to submit it again with `--file`.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Of `conclude`, `second-review` and `adjudicate`.
#[derive(Debug, Args)]
pub struct ExaminationArgs {
    /// The request (`r-…`).
    pub request: String,
    /// The claim's token.
    #[arg(long, value_name = "N")]
    pub token: i64,
    /// The examination, JSON.
    #[arg(long)]
    pub file: PathBuf,
    /// The candidate's picture; it fills `candidate.image` and `candidate.image_sha256`.
    #[arg(long, value_name = "FILE")]
    pub candidate: Option<PathBuf>,
}

/// Of `release`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["preview", "sha256"])))]
pub struct ReleaseArgs {
    /// The request (`r-…`).
    pub request: String,
    /// Save the answer's PDF here and print its SHA-256; nothing is released.
    #[arg(long, value_name = "FILE")]
    pub preview: Option<PathBuf>,
    /// Release the document with this SHA-256, which you have read.
    #[arg(long, value_name = "HASH")]
    pub sha256: Option<String>,
    /// A fresh one-time code, if your account has a second factor.
    #[arg(long, requires = "sha256")]
    pub code: Option<String>,
}

/// Of `holds`.
#[derive(Debug, Subcommand)]
pub enum HoldCommand {
    /// What waits for your role.
    List,
    /// A held request's case file. Each reading is recorded.
    Show {
        /// The request (`r-…`).
        request: String,
    },
    /// Decide a hold.
    #[command(group(clap::ArgGroup::new("decision").required(true).args(["allow", "refuse"])))]
    Decide {
        /// The request (`r-…`).
        request: String,
        /// The request goes on.
        #[arg(long)]
        allow: bool,
        /// The request is rejected.
        #[arg(long)]
        refuse: bool,
        /// Why, ten letters at least.
        #[arg(long)]
        reason: String,
        /// The clause you decide under.
        #[arg(long)]
        clause: String,
    },
}

/// Of `dead-letters`.
#[derive(Debug, Subcommand)]
pub enum DeadLetterCommand {
    /// All of them.
    List,
    /// One of them.
    Show {
        /// The message (`m-…`).
        message: String,
    },
    /// Put it back, with all its attempts before it.
    Replay {
        /// The message (`m-…`).
        message: String,
    },
    /// Give it up for good.
    Drop {
        /// The message (`m-…`).
        message: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// Of `emergency`.
#[derive(Debug, Subcommand)]
pub enum EmergencyCommand {
    /// Open duties with their due times, overdue ones first.
    List,
    /// Whom to call about what. Each reading is recorded.
    Show {
        /// The request (`r-…`).
        request: String,
    },
    /// Record an attempt to call the agency back at the number in the registry.
    CallBack {
        /// The request (`r-…`).
        request: String,
        /// What it came to.
        #[arg(long, value_parser = ["confirmed", "denied", "not-reached"])]
        outcome: String,
        /// Who answered; needed unless nobody did.
        #[arg(long, value_name = "NAME")]
        spoke_to_name: Option<String>,
        /// What was said.
        #[arg(long)]
        note: Option<String>,
    },
}

/// Of `suspensions`.
#[derive(Debug, Subcommand)]
pub enum SuspensionCommand {
    /// All of them that your unit's requests caused. Each reading is recorded.
    List,
    /// Lift one.
    Lift {
        /// The suspension, as listed.
        suspension: String,
        /// Why, ten letters at least.
        #[arg(long)]
        reason: String,
    },
}
