//! Facts of one image and its source.

use super::{Record, texts};
use crate::domain::form::{FormImage, ImageSource, Video};
use crate::domain::plain_text::letters;

/// The image, its video, its derivatives, and the evidence of its source.
pub(super) fn probe_record(image: &FormImage) -> Record {
    let source = &image.source;
    let (from_video, live_stream) = match image.video {
        Video::Extracted { live_stream, .. } => (true, live_stream),
        Video::NotExtracted => (false, false),
    };
    let operations = image.derivatives().iter();
    source_record(source)
        .with("media_type", image.media_type.as_str())
        .with("source", <&'static str>::from(source.kind()))
        .with("warrant_number", source.warrant_number().is_some())
        .with("reference", has_reference(source))
        .with("obtained_at", source.obtained_at().is_some())
        .with("obtained_from_letters", letters(source.obtained_from().expose()))
        .with("from_video", from_video)
        .with("live_stream", live_stream)
        .with("derivatives", texts(operations.map(|d| <&'static str>::from(d.operation))))
        .with("depicts_employee", image.depicts_employee)
        .with("employee_consent", image.employee_consent.is_some())
}

/// Evidence that only some kinds of source have.
fn source_record(source: &ImageSource) -> Record {
    let (mut basis, mut consent, mut seized, mut detention) = (None, None, false, false);
    match source {
        ImageSource::Cctv { legal_basis, .. } => basis = Some(<&'static str>::from(legal_basis)),
        ImageSource::Atm { legal_basis, .. } => basis = Some(legal_basis.into()),
        ImageSource::BodyWorn { legal_basis, .. } => basis = Some(legal_basis.into()),
        ImageSource::SocialMedia { access, .. } => basis = Some(access.into()),
        ImageSource::SearchWarrant { .. } => basis = Some("search_warrant"),
        ImageSource::VictimOrWitnessId { consent: given, .. } => consent = Some(*given),
        ImageSource::FraudulentCard { seized_under, .. } => seized = seized_under.is_some(),
        ImageSource::FieldPhoto { detention_basis, .. } => detention = detention_basis.is_some(),
        ImageSource::BookingPhoto { .. }
        | ImageSource::PublicWebsite { .. }
        | ImageSource::LicensePlateReader { .. }
        | ImageSource::Other { .. } => {}
    }
    Record::default()
        .with_some("legal_basis", basis)
        .with_some("consent", consent)
        .with("seized_under", seized)
        .with("detention_basis", detention)
}

fn has_reference(source: &ImageSource) -> bool {
    match source {
        ImageSource::Cctv { reference, .. }
        | ImageSource::Atm { reference, .. }
        | ImageSource::FraudulentCard { reference, .. }
        | ImageSource::VictimOrWitnessId { reference, .. }
        | ImageSource::BookingPhoto { reference, .. }
        | ImageSource::BodyWorn { reference, .. }
        | ImageSource::SocialMedia { reference, .. }
        | ImageSource::PublicWebsite { reference, .. }
        | ImageSource::SearchWarrant { reference, .. }
        | ImageSource::LicensePlateReader { reference, .. }
        | ImageSource::FieldPhoto { reference, .. }
        | ImageSource::Other { reference, .. } => reference.is_some(),
    }
}
