//! The shape of an examination, against the request and the unit's checklist.

use crate::domain::Unit;
use crate::domain::examination::{
    Checklist, Examination, comparison_faults, derivative_faults, examination_faults,
};
use crate::pipeline::{Context, PipelineError, Refusal, sealed};
use crate::store::RequestRow;

/// Refuses a record that is not complete, with every fault; notes the checklist in one that is.
pub(super) async fn complete(
    ctx: &Context,
    row: &RequestRow,
    exam: &mut Examination,
    probes: usize,
) -> Result<(), PipelineError> {
    let registry = ctx.registry().await?;
    let checklist = registry.unit(&row.unit).map_or(Checklist::builtin(), Unit::checklist);
    let form = sealed::form_of(ctx, row)?;
    let images: Vec<&str> = form.images.iter().map(|image| image.sha256.as_str()).collect();
    let mut faults = examination_faults(exam, probes);
    faults.extend(comparison_faults(exam, checklist));
    faults.extend(derivative_faults(exam, &images));
    if !faults.is_empty() {
        return Err(PipelineError::Refused(Refusal::Shape(faults)));
    }
    exam.checklist = (!exam.comparison.is_empty()).then(|| checklist.used());
    Ok(())
}
