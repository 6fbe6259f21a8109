//! An answer on its way for which no command stands: a person dropped it among the dead letters. The request is not dropped
//! with it: at its deadline it is taken up where it was left.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{deliver, given_up};
use crate::messages::{Body, Message, Route, Step};
use crate::pipeline::{Context, PipelineError};
use crate::store::{Change, MailingRow, MailingStatus, RequestRow};

/// What an answer on its way still needs.
#[derive(Debug)]
enum Needs<'m> {
    /// Another attempt of the same mail.
    Attempt(Uuid),
    /// A mail: every one was given up.
    Sealing,
    /// Nothing: the recipient's server has it.
    Nothing(&'m MailingRow),
}

/// Pure: what is needed, by the mails that were sealed, oldest first.
fn needs(mailings: &[MailingRow]) -> Needs<'_> {
    if let Some(sent) = mailings.iter().find(|mail| mail.status == MailingStatus::Sent) {
        return Needs::Nothing(sent);
    }
    let open = mailings.iter().rfind(|mail| !given_up(mail));
    open.map_or(Needs::Sealing, |mail| Needs::Attempt(mail.id))
}

/// The change of an answer whose deadline passed: as it is where a command stands, with a new one where none does.
pub async fn take_up(
    ctx: &Context,
    row: &RequestRow,
    mut change: Change,
    now: DateTime<Utc>,
) -> Result<Change, PipelineError> {
    for step in [Step::Deliver, Step::Respond] {
        if ctx.store.has_command(row.id, step).await? {
            return Ok(change);
        }
    }
    let mailings = ctx.store.mailings_of(row.id).await?;
    match needs(&mailings) {
        Needs::Attempt(mailing) => {
            let body = Body::DeliverAnswer { request: row.id, mailing };
            let route = Route::Step { step: Step::Deliver };
            change.outgoing.push(Message::new(ctx.message_id(), now, route, body));
        }
        Needs::Sealing => {
            change.outgoing.push(Message::command(ctx.message_id(), now, Step::Respond, row.id));
        }
        Needs::Nothing(sent) => {
            let event = deliver::audit(ctx, row, sent, "answer.delivered", now);
            change = deliver::delivered(ctx, row, event, now)?;
        }
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RequestId;

    #[test]
    fn the_newest_mail_that_is_not_given_up_is_tried_again() {
        use MailingStatus::{Deferred, Refused, Sending, Sent};

        let mail = |(n, status): (usize, &MailingStatus)| MailingRow {
            id: Uuid::from_u128(n as u128),
            request: RequestId::new(Uuid::from_u128(1)),
            message_id: String::new(),
            object_key: String::new(),
            envelope: None,
            status: *status,
            attempts: 1,
            last_phase: None,
            last_code: None,
            updated_at: DateTime::UNIX_EPOCH,
        };
        for (statuses, wanted) in [
            (&[][..], None),
            (&[Refused], None),
            (&[Refused, Deferred], Some(1)),
            (&[Sending], Some(0)),
        ] {
            let mails: Vec<MailingRow> = statuses.iter().enumerate().map(mail).collect();
            let attempt = match needs(&mails) {
                Needs::Attempt(id) => Some(id.as_u128()),
                Needs::Sealing => None,
                Needs::Nothing(sent) => panic!("{statuses:?}: {sent:?}"),
            };
            assert_eq!(attempt, wanted, "{statuses:?}");
        }
        let mails: Vec<MailingRow> = [Refused, Sent].iter().enumerate().map(mail).collect();
        assert!(matches!(needs(&mails), Needs::Nothing(sent) if sent.id == Uuid::from_u128(1)));
    }
}
