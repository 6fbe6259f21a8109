//! A known-answer job comes in: a local administrator's session stands in for the agency's token, and for nothing else.
//! Shape, images and policies decide as for every form.

use super::{
    Change, Context, Form, Guard, ParseFailure, PipelineError, Prepared, PurposeKind, Refusal,
    ShapeError, Submission, Submitted, insert, new_request, prepare_apart, repeat_hash,
};
use crate::audit::{Actor, AuditEvent};
use crate::domain::form::SignatureMethod;
use crate::domain::known_answer::Expected;
use crate::domain::{Account, Agency, AgencyStanding};
use crate::pipeline::sealed;
use crate::store::{KnownAnswerWrite, NewKnownAnswer};

/// A test case, as the administrator hands it in.
#[derive(Debug)]
pub struct KnownCase {
    /// The form's bytes, as an agency would send them, with its images inside.
    pub form: Vec<u8>,
    /// What it should come to.
    pub expected: Expected,
}

/// Takes a test case in and waits a little for its check.
pub async fn inject(
    ctx: &Context,
    administrator: &Account,
    case: KnownCase,
) -> Result<Submitted, PipelineError> {
    let now = ctx.now();
    let misfit = |errors: Vec<ShapeError>| PipelineError::Refused(Refusal::Shape(errors));
    if let Some(fault) = case.expected.fault() {
        return Err(misfit(vec![below("/expected", fault)]));
    }
    let agency = named(ctx, &case.form).await?;
    let parts = std::collections::BTreeMap::new();
    let submission = Submission { agency, body: case.form.into(), parts, key: None };
    let (prepared, submission) = prepare_apart(ctx, submission).await?;
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(ParseFailure::Malformed(error)) => return Err(misfit(vec![below("/form", error)])),
        Err(ParseFailure::Shape(errors)) => {
            let errors = errors.into_iter().map(|error| below("/form", error));
            return Err(misfit(errors.collect()));
        }
    };
    let faults = faults(&prepared.form, administrator);
    if !faults.is_empty() {
        return Err(misfit(faults));
    }
    refuse_repeat(ctx, &prepared).await?;
    let agency = submission.agency.ori.clone();
    let request = new_request(ctx, submission, prepared, now).await?;
    let id = request.id;
    let key = ctx.vault.unwrap(&request.data_key, id)?;
    // The log must not say that the agency sent it; nor does this entry say what is expected.
    let event =
        AuditEvent::new(now, Actor::Person { account: administrator.id }, "known_answer.injected")
            .request(id)
            .unit(&administrator.unit)
            .detail("named_agency", agency.as_str())
            .detail("sent_by_agency", "no")
            .detail("signature", "administrator");
    let mut change = Change::audited(vec![event]);
    change.guard = Guard::Insert(Box::new(request));
    change.known_answer = Some(KnownAnswerWrite::Injected(NewKnownAnswer {
        request: id,
        unit: administrator.unit.clone(),
        by: administrator.id,
        at: now,
        expected: sealed::seal_expected(ctx, id, &key, &case.expected)?,
    }));
    insert(ctx, change, now).await?.ok_or_else(repeated)
}

/// The same error, seen from the whole body.
fn below(member: &str, error: ShapeError) -> ShapeError {
    ShapeError { pointer: format!("{member}{}", error.pointer), ..error }
}

/// The registered agency that the form names: a request of any other could not have come.
async fn named(ctx: &Context, form: &[u8]) -> Result<Agency, PipelineError> {
    let registry = ctx.registry().await?;
    let value: serde_json::Value = serde_json::from_slice(form).unwrap_or_default();
    let ori = value.get("requesting_agency").and_then(serde_json::Value::as_str);
    let agency = ori.and_then(|ori| ori.parse().ok()).and_then(|ori| registry.agency(&ori));
    agency.filter(|agency| agency.standing == AgencyStanding::Active).cloned().ok_or_else(|| {
        PipelineError::Refused(Refusal::Shape(vec![ShapeError::new(
            "agency_unknown",
            "/form/requesting_agency",
            "name an agency of the registry in good standing: a request of any other could not have come",
        )]))
    })
}

/// Pure: what a form may not be if it is a test.
fn faults(form: &Form, administrator: &Account) -> Vec<ShapeError> {
    let mut faults = Vec::new();
    if form.provider_unit != administrator.unit.as_str() {
        faults.push(ShapeError::new(
            "unit_foreign",
            "/form/provider_unit",
            "a unit tests itself; name your own",
        ));
    }
    if form.signature.method != SignatureMethod::Token {
        faults.push(ShapeError::new(
            "signature_method",
            "/form/signature/method",
            "use `token`: nobody of the agency signs a test",
        ));
    }
    if form.purpose.kind() == PurposeKind::ImminentThreat {
        faults.push(ShapeError::new(
            "purpose",
            "/form/purpose",
            "choose another purpose: an imminent threat calls the agency back, and keeps a real one waiting",
        ));
    }
    if form.supersedes.is_some() {
        faults.push(ShapeError::new(
            "supersedes",
            "/form/supersedes",
            "a test replaces no request; use `null`",
        ));
    }
    faults
}

/// No agency's request comes twice, so a test must not either.
async fn refuse_repeat(ctx: &Context, prepared: &Prepared) -> Result<(), PipelineError> {
    let hash = repeat_hash(&ctx.vault, prepared);
    let since = ctx.now() - ctx.rules.repeat;
    if ctx.store.any_repeat_of(hash, since).await?.is_none() { Ok(()) } else { Err(repeated()) }
}

fn repeated() -> PipelineError {
    PipelineError::conflict(
        "repeat",
        "this case with these images is on record; a request of an agency would not come twice",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_for_the_own_unit_and_no_emergency() {
        let example = include_str!("../../../tests/data/forms/search_request.v1.example.json");
        let form: Form = serde_json::from_str(example).unwrap();
        let account = |unit: &str| -> Account {
            let account = serde_json::json!({
                "id": "p-00000000000000000000000000000001", "login": "sample", "name": "Sample",
                "unit": unit, "role": "local_administrator", "active": true, "credentials": [],
            });
            serde_json::from_value(account).unwrap()
        };
        let codes = |form: &Form, unit: &str| -> Vec<String> {
            faults(form, &account(unit)).into_iter().map(|fault| fault.code).collect()
        };
        let own = form.provider_unit.clone();
        let mut sound = form.clone();
        sound.signature.method = SignatureMethod::Token;
        sound.supersedes = None;
        assert_eq!(codes(&sound, &own), Vec::<String>::new());
        assert_eq!(codes(&sound, "elsewhere"), ["unit_foreign"]);
        let mut signed = sound.clone();
        signed.signature.method = SignatureMethod::Cms;
        signed.supersedes = Some("r-00000000000000000000000000000001".to_owned());
        assert_eq!(codes(&signed, &own), ["signature_method", "supersedes"]);
        let threat = serde_json::json!({
            "kind": "imminent_threat", "threat": "An armed person is in the school.",
            "supervisor": { "name": "Sam Supervisor", "phone": "+12135550100" },
        });
        sound.purpose = serde_json::from_value(threat).unwrap();
        assert_eq!(codes(&sound, &own), ["purpose"]);
    }
}
