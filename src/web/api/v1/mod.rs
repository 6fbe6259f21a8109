//! Version 1. One file a noun and verb.
//!
//! | for agencies | for people of the units |
//! | --- | --- |
//! | `search_request_submit`, `search_request_read`, `search_request_withdraw` | `session_create` |
//! | `form_read`: what a form for a unit needs | `job_read`, `job_lease`, `job_step`, `draft_read`, `document_release` |
//! | | `job_reveal`, `checklist_read` |
//! | `emergency_handle`: the confirmation | `emergency_handle`, `suspension_handle` |
//! | | `hold_decide`, `dead_letter_handle`, `audit_read`, `record_destroy`, `page_acknowledge`, `answer_disclose` |
//! | | `explanation_read`, `policy_set`, `roster_read`, `roster_edit`, `known_answer` |

pub(in crate::web) mod answer_disclose;
pub(in crate::web) mod audit_read;
pub(in crate::web) mod checklist_read;
pub(in crate::web) mod dead_letter_handle;
pub(in crate::web) mod document_release;
pub(in crate::web) mod draft_read;
pub(in crate::web) mod emergency_handle;
pub(in crate::web) mod explanation_read;
pub(in crate::web) mod form_read;
pub(in crate::web) mod hold_decide;
pub(in crate::web) mod job_lease;
pub(in crate::web) mod job_read;
pub(in crate::web) mod job_reveal;
pub(in crate::web) mod job_step;
pub(in crate::web) mod known_answer;
pub(in crate::web) mod page_acknowledge;
pub(in crate::web) mod policy_set;
pub(in crate::web) mod record_destroy;
pub(in crate::web) mod roster_edit;
pub(in crate::web) mod roster_read;
pub(in crate::web) mod search_request_read;
pub(in crate::web) mod search_request_submit;
pub(in crate::web) mod search_request_withdraw;
pub(in crate::web) mod session_create;
pub(in crate::web) mod suspension_handle;

use std::str::FromStr;

use axum::http::{StatusCode, Uri};

use crate::domain::ShapeError;
use crate::lifecycle::StageCode;
use crate::web::problem::Problem;

/// An id from a path. One that is none names nothing.
fn id<T: FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}

/// The state as a client sees it: to whom a job is offered is the unit's own affair.
fn shown(stage: StageCode) -> StageCode {
    if stage == StageCode::Offered { StageCode::Queued } else { stage }
}

/// The parameters of a query, each of a known name and at most once. Values are plain words, so none is decoded.
fn query<'u, const N: usize>(
    uri: &'u Uri,
    names: [&str; N],
) -> Result<[Option<&'u str>; N], Problem> {
    let mut values = [None; N];
    for piece in uri.query().unwrap_or_default().split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let place = names.iter().position(|known| *known == name);
        let slot = place
            .and_then(|place| values.get_mut(place))
            .filter(|slot| slot.is_none())
            .ok_or_else(|| {
                bad_query(&format!("this path takes, each once: `{}`", names.join("`, `")))
            })?;
        *slot = Some(value);
    }
    Ok(values)
}

fn bad_query(detail: &str) -> Problem {
    Problem::one_error(StatusCode::BAD_REQUEST, &ShapeError::new("query", "", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_known_parameters_once() {
        let uri = Uri::from_static;
        let names = ["limit", "cursor"];
        assert_eq!(query(&uri("/x"), names).unwrap(), [None, None]);
        assert_eq!(query(&uri("/x?cursor=a&limit=2"), names).unwrap(), [Some("2"), Some("a")]);
        for bad in ["/x?limit=1&limit=2", "/x?page=2", "/x?limit=1&__proto__=x"] {
            assert_eq!(query(&uri(bad), names).unwrap_err().status(), 400, "{bad}");
        }
    }

    #[test]
    fn an_agency_does_not_see_to_whom_a_job_is_offered() {
        assert_eq!(shown(StageCode::Offered), StageCode::Queued);
        assert_eq!(shown(StageCode::Held), StageCode::Held);
    }
}
