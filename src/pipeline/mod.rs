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
//!
//! Each is *load -> decide (pure) -> apply (one transaction) -> acknowledge*. What they share stands beside them:
//! [`context`] (what a stage may use), [`draft`] (what came too late), [`hold`] (a named human decides), [`lease`]
//! (claims on jobs), [`people`] (who may do what), [`sealed`] (reading and writing what is sealed), [`standing`] (what the rules look at), [`step`]
//! (how a stage ends).

pub mod accept;
pub mod audit_export;
pub mod check;
pub mod context;
pub mod dispatch;
pub mod draft;
pub mod examine;
pub mod hold;
pub mod lease;
pub mod people;
pub mod release;
pub mod respond;
pub mod retain;
pub mod sealed;
pub mod standing;
pub mod step;

pub use context::Context;
pub use step::{Disposition, PipelineError, Refusal};
