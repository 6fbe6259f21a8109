//! The receipt: the same object on every way in.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Notify;

use crate::domain::{Finding, RequestId, ShapeError};
use crate::lifecycle::StageCode;
use crate::pipeline::{Context, PipelineError};
use crate::store::RequestRow;

/// Whether the policies took the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptState {
    /// Taken.
    Accepted,
    /// A named human decides.
    Held,
    /// Refused.
    Rejected,
    /// Stored; the check is still under way.
    Received,
}

/// The receipt: the same object on every way in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The request; none if the form was misshapen.
    pub request: Option<RequestId>,
    /// What became of it.
    pub state: ReceiptState,
    /// What the policies say.
    pub findings: Vec<Finding>,
    /// What is wrong with the shape.
    pub errors: Vec<ShapeError>,
    /// The request that this one repeats.
    pub duplicate_of: Option<RequestId>,
}

/// Waits for the check, for a while, and gives the receipt as it stands then.
pub(super) async fn wait_for_check(
    ctx: &Context,
    id: RequestId,
    checked: Arc<Notify>,
) -> Result<Receipt, PipelineError> {
    let until = tokio::time::Instant::now() + ctx.rules.check_wait;
    loop {
        // A check in another process cannot wake this one, hence the short naps.
        let nap = (tokio::time::Instant::now() + std::time::Duration::from_millis(200)).min(until);
        let _ = tokio::time::timeout_at(nap, checked.notified()).await;
        let receipt = receipt_of(ctx, id, None).await?;
        if receipt.state != ReceiptState::Received || tokio::time::Instant::now() >= until {
            ctx.progress.forget(id);
            return Ok(receipt);
        }
    }
}

/// The receipt of a stored request, as it stands now.
pub async fn receipt_of(
    ctx: &Context,
    id: RequestId,
    duplicate_of: Option<RequestId>,
) -> Result<Receipt, PipelineError> {
    let row = ctx.store.request(id).await?.ok_or(PipelineError::Inconsistent("a request"))?;
    Ok(Receipt {
        request: Some(id),
        state: receipt_state(&row),
        findings: row.findings,
        errors: Vec::new(),
        duplicate_of,
    })
}

fn receipt_state(row: &RequestRow) -> ReceiptState {
    match row.stage.code() {
        StageCode::Received => ReceiptState::Received,
        StageCode::Rejected => ReceiptState::Rejected,
        StageCode::Held => ReceiptState::Held,
        StageCode::Accepted
        | StageCode::Queued
        | StageCode::Offered
        | StageCode::Leased
        | StageCode::Examined
        | StageCode::SecondReview
        | StageCode::AdjudicationDue
        | StageCode::Adjudication
        | StageCode::AwaitingRelease
        | StageCode::Released
        | StageCode::Delivering
        | StageCode::Delivered
        | StageCode::AwaitingPickup
        | StageCode::Acknowledged
        | StageCode::FeedbackDue
        | StageCode::Closed
        | StageCode::Withdrawn
        | StageCode::Expired
        | StageCode::Destroyed => ReceiptState::Accepted,
    }
}
