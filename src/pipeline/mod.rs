//! The stages of a request, one file each; the alphabet gives the order of the flow:
//!
//! | file | what happens |
//! | --- | --- |
//! | [`accept`] | the form's shape is checked, the request is stored, the receipt is given |
//! | [`check`] | the policies of both sides decide: accepted, held, rejected |
//! | [`dispatch`] | the job goes to the queue of an available, trained, on-call reviewer |
//! | [`examine`] | claim, examination, blind second review, adjudication |
//! | [`release`] | an officer who examined nothing signs the exact bytes |
//! | [`respond`] | the answer is signed, encrypted, stored, and handed to the recipient's server |
//! | [`retain`] | withdrawal and expiry |
//! | [`disclose`] | a delivered answer is passed on to another recipient |
//! | [`destroy`] | the end of a record, and the legal hold that keeps it |
//!
//! Each is *load -> decide (pure) -> apply (one transaction) -> acknowledge*. What they share stands beside them:
//! [`context`] (what a stage may use), [`draft`] (what came too late), [`emergency`] (what an imminent threat owes),
//! [`explain`] (what the rules say, without a decision), [`hold`] (a named human decides), [`known_answers`] (test cases of the unit's own),
//! [`lease`] (claims on jobs), [`likeness`] (pictures that look the same),
//! [`page`] (who is told that a job waits), [`people`] (who may do what), [`policy_sets`] (two people change the policies), [`policy_source`] (the
//! policies in force), [`read`] (who is shown what), [`repeats`] (what was asked before), [`replay`] (what other ones
//! would have decided), [`roster`] (who is on duty), [`sealed`] (reading and writing what is sealed), [`service`] (when an answer is due),
//! [`standing`] (what the rules look at), [`step`] (how a stage ends), [`wording`] (what nobody writes).

pub mod accept;
pub mod audit_export;
pub mod check;
pub mod context;
pub mod destroy;
pub mod disclose;
pub mod dispatch;
pub mod draft;
pub mod emergency;
pub mod examine;
pub mod explain;
pub mod hold;
pub mod known_answers;
pub mod lease;
pub mod likeness;
pub mod page;
pub mod people;
pub mod policy_sets;
pub mod policy_source;
pub mod read;
pub mod release;
pub mod repeats;
pub mod replay;
pub mod respond;
pub mod retain;
pub mod roster;
pub mod sealed;
pub mod service;
pub mod standing;
pub mod step;
pub mod wording;

pub use context::Context;
pub use step::{Disposition, PipelineError, Refusal};
