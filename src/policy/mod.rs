//! The rules. Policy is data: packs of clauses, statements and Cedar rules, decided gate by gate.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `gate` | the points where policy decides |
//! | `facts` | what a rule may look at: yes-or-no, counts and codes, no personal data |
//! | `pack`, `manifest` | a pack, and its files as they are written |
//! | `load`, `check`, `characters` | files in, a [`PolicySet`] out, or every reason why not |
//! | `engine` | facts in, a [`PolicyDecision`] out; statements; explanations |
//! | `decision` | what was decided, and on which clauses |
//! | `words` | words that need a human: a screen over what a requester wrote |
//! | `identification` | words of identification: a screen over what the people of a unit write |
//! | `phrases` | words side by side, found in a text: what both screens share |
//! | `builtin` | the packs that come with the program |
//! | `archive` | a whole set as one document, for the two people who put it in force |
//!
//! All rules of all packs in force are asked, every one that forbids is a finding, and the strictest
//! verdict wins, so a further pack never loosens. Cedar skips a rule whose evaluation errs; here that
//! is a finding of its own (`CORE-EVALUATION`), and a gate at which no rule is asked refuses.

pub mod archive;
pub mod builtin;
mod characters;
mod check;
pub mod conflict;
mod decision;
mod engine;
mod error;
pub mod facts;
mod gate;
mod grounds;
mod identification;
mod load;
mod manifest;
mod pack;
mod phrases;
pub mod queue_choice;
pub mod words;

#[cfg(test)]
mod sacramento_tests;
#[cfg(test)]
mod southwest_tests;
#[cfg(test)]
mod tests;

pub use archive::{Archive, ArchiveError, ArchivedFile};
pub use check::has_placeholder;
pub use decision::{Accepted, Explained, PackInForce, PolicyDecision, SetInForce, SetOrigin};
pub use engine::{PolicySet, StatementView};
pub use error::{PackError, PackProblem};
pub use facts::Facts;
pub use gate::Gate;
pub use grounds::GroundView;
pub use identification::Claim;
pub use pack::{Answer, Clause, Force, Pack, Stated, Statement};
