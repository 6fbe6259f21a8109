//! Who asks. An agency shows its token; a person shows a token of the registry or of a session.
//!
//! Only hashes of tokens are kept. A role that may not do a step is refused, and the refusal is recorded.

use axum::http::{HeaderMap, StatusCode, header};

use super::problem::Problem;
use super::state::Web;
use crate::audit::{Actor, AuditEvent};
use crate::domain::{Account, Agency, AgencyStanding, RequestId, Role};
use crate::pipeline::{Context, PipelineError};
use crate::store::Change;

/// How a session's token begins, so that no other token costs a look into the sessions.
pub(super) const SESSION_PREFIX: &str = "lbs_";

/// The SHA-256 of the one bearer token of a request (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Result<(&str, [u8; 32]), Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::unauthorized());
    };
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or_else(Problem::unauthorized)?;
    let plain =
        (1..=512).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !scheme.eq_ignore_ascii_case("bearer") || !plain {
        return Err(Problem::unauthorized());
    }
    Ok((token, openssl::sha::sha256(token.as_bytes())))
}

/// The agency that a request's token belongs to, whatever its standing.
pub(super) async fn any_agency(web: &Web, headers: &HeaderMap) -> Result<Agency, Problem> {
    let (_, hash) = bearer(headers)?;
    let registry = web.ctx().registry().await?;
    registry.agency_by_token(&hash).cloned().ok_or_else(Problem::unauthorized)
}

/// The agency in good standing that a request's token belongs to.
pub(super) async fn agency(web: &Web, headers: &HeaderMap) -> Result<Agency, Problem> {
    let agency = any_agency(web, headers).await?;
    match agency.standing {
        AgencyStanding::Active => Ok(agency),
        AgencyStanding::Suspended => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "agency_suspended",
            "the agency's account is suspended; the unit's administrator can say why and until when",
        )),
    }
}

/// The active person who asks.
pub(super) async fn person(web: &Web, headers: &HeaderMap) -> Result<Account, Problem> {
    let (token, hash) = bearer(headers)?;
    let ctx = web.ctx();
    let registry = ctx.registry_now().await?;
    if !token.starts_with(SESSION_PREFIX) {
        return registry.account_by_token(&hash).cloned().ok_or_else(Problem::unauthorized);
    }
    let account = ctx.store.session(hash, ctx.now()).await?.ok_or_else(Problem::unauthorized)?;
    let Some(person) = registry.account(account).filter(|account| account.active) else {
        // Begun while the account was suspended: it does not wait for the account to be restored.
        ctx.store.end_sessions(account).await?;
        return Err(Problem::unauthorized());
    };
    Ok(person.clone())
}

/// The person who asks, if the person has one of these roles. A refusal is recorded.
pub(super) async fn person_as(
    web: &Web,
    headers: &HeaderMap,
    roles: &[Role],
) -> Result<Account, Problem> {
    let person = person(web, headers).await?;
    if roles.contains(&person.role) {
        return Ok(person);
    }
    let wanted: Vec<&'static str> = roles.iter().map(<&'static str>::from).collect();
    let error = PipelineError::forbidden(
        "role",
        format!("this is for the role `{}`", wanted.join("` or `")),
    );
    Err(refused(web.ctx(), &person, None, error).await.into())
}

/// Records that a person was refused for want of a right; the error goes on to the client as it is.
pub(super) async fn refused(
    ctx: &Context,
    person: &Account,
    request: Option<RequestId>,
    error: PipelineError,
) -> PipelineError {
    let PipelineError::Refused(crate::pipeline::Refusal::Forbidden { code, .. }) = &error else {
        return error;
    };
    let mut event =
        AuditEvent::new(ctx.now(), Actor::Person { account: person.id }, "authz.denied")
            .unit(&person.unit)
            .clause(clause_of(code))
            .detail("code", code)
            .detail("role", person.role.into());
    event.request = request;
    match ctx.store.apply(Change::audited(vec![event])).await {
        Ok(_) => error,
        Err(fault) => fault.into(),
    }
}

/// Pure: the clause that a refusal rests on.
fn clause_of(code: &str) -> &'static str {
    match code {
        "separation_of_duties" => "CORE-SEPARATION",
        "conflict_of_interest" | "gave_back" => "CORE-CONFLICT",
        "not_revealed" => "CORE-BLIND",
        "not_assigned" => "CORE-READ-NEED",
        _ => "CORE-ROLE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn one_bearer_token_is_read_whatever_the_case_of_its_scheme() {
        for value in ["Bearer abc", "bearer abc", "BEARER abc"] {
            let headers = headers(&[value]);
            let (token, hash) = bearer(&headers).unwrap();
            assert_eq!(token, "abc");
            assert_eq!(hash, openssl::sha::sha256(b"abc"));
        }
    }

    #[test]
    fn anything_else_is_no_token() {
        let long = format!("Bearer {}", "a".repeat(513));
        let cases: [&[&str]; 8] = [
            &[],
            &["abc"],
            &["Basic abc"],
            &["Bearer "],
            &["Bearer a b"],
            &["Bearer  a"],
            &[&long],
            &["Bearer abc", "Bearer abc"],
        ];
        for values in cases {
            let headers = headers(values);
            assert_eq!(bearer(&headers).unwrap_err(), Problem::unauthorized(), "{values:?}");
        }
    }
}
