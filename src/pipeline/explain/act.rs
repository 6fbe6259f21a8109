//! Gates that are asked when somebody acts: what they would say if a named person, or an agency, did it now.

use crate::domain::{Account, Ori, PackId};
use crate::pipeline::disclose::{self, Passing};
use crate::pipeline::{Context, PipelineError, destroy, lease, read, respond, sealed, standing};
use crate::policy::facts::Content;
use crate::policy::{Facts, Gate};
use crate::registry::Registry;
use crate::store::RequestRow;

/// What nobody can know before it is written.
const STATED: &str = "purpose, right to know and need to know are stated in enough letters";
/// Which of an agency's recipients is meant.
const RECIPIENT: &str =
    "the recipient is the agency's registered one, with a usable certificate where there is one";
/// What an officer does before.
const RELEASED: &str = "an officer has released the answer";
/// The clause that an order cites.
const CITED: &str = "the order cites a clause of a pack in force";

/// Who reads.
#[derive(Debug, Clone)]
pub enum Reads {
    /// A person of a unit.
    Person(Account),
    /// An agency, through its token.
    Agency(Ori),
}

/// To whom an answer is passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The agency.
    pub ori: Ori,
    /// The address; none: the registered recipient of the agency.
    pub email: Option<String>,
}

/// What somebody would do.
#[derive(Debug, Clone)]
pub enum Act {
    /// Claim the job.
    Lease(Account),
    /// The answer leaves for the agency that asked.
    Deliver,
    /// Be shown something of the request.
    Read(Reads, Content),
    /// Pass the answer on.
    Disclose(Account, Recipient),
    /// End the record, under the clause that the order cites.
    Destroy(Account, Option<String>),
}

/// An act as it was typed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'w> {
    /// Who acts: a login; at `read` also an ORI. Nobody at `deliver`.
    pub who: Option<&'w str>,
    /// What is read, as a code; the case file if absent.
    pub what: Option<&'w str>,
    /// To whom: an ORI, or an address.
    pub to: Option<&'w str>,
    /// The clause that an order to destroy cites.
    pub clause: Option<&'w str>,
}

/// Why what was typed is no act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadWish {
    /// The gate looks at something else.
    #[error("`{option}` is for the gate `{gate}`; leave it out")]
    Foreign {
        /// Which.
        option: &'static str,
        /// Where it belongs.
        gate: &'static str,
    },
    /// Nobody is named.
    #[error("the gate `{0}` asks who acts; name an account by its login with `as`")]
    Nobody(&'static str),
    /// There is no such account.
    #[error("there is no such account; name one of the unit's by its login with `as`{0}")]
    Unknown(&'static str),
    /// Not a thing that is read.
    #[error("`what` is one of {0}")]
    What(String),
    /// Nobody receives.
    #[error("the gate `disclose` asks who receives; name the agency by its ORI with `to`")]
    NoRecipient,
    /// Neither an ORI nor an address whose agency is known.
    #[error("`to` is an agency's ORI, or an address that the registry can tell the agency of")]
    Recipient,
}

/// Pure: the act that was typed. `asking` is the account that asks, and acts where nobody is named; accounts of other
/// units are unknown to it.
pub fn act(
    registry: &Registry,
    gate: Gate,
    wish: &Wish<'_>,
    asking: Option<&Account>,
) -> Result<Option<Act>, BadWish> {
    fits(gate, wish)?;
    let person = || person(registry, gate, wish.who, asking);
    match gate {
        Gate::Read => {
            let what = wish.what.map_or(Ok(Content::CaseFile), content)?;
            let reads = match wish.who.and_then(|who| who.parse::<Ori>().ok()) {
                Some(ori) => Reads::Agency(ori),
                None => Reads::Person(person()?),
            };
            Ok(Some(Act::Read(reads, what)))
        }
        Gate::Disclose => {
            let to = recipient(registry, wish.to.ok_or(BadWish::NoRecipient)?)?;
            Ok(Some(Act::Disclose(person()?, to)))
        }
        Gate::Destroy => Ok(Some(Act::Destroy(person()?, wish.clause.map(str::to_owned)))),
        Gate::Lease => Ok(Some(Act::Lease(person()?))),
        Gate::Deliver => Ok(Some(Act::Deliver)),
        Gate::Submit
        | Gate::UseProbe
        | Gate::Dispatch
        | Gate::Conclude
        | Gate::SecondReview
        | Gate::Release => Ok(None),
    }
}

/// Pure: nothing is typed that the gate does not look at, and nothing is passed over in silence.
fn fits(gate: Gate, wish: &Wish<'_>) -> Result<(), BadWish> {
    let acts = matches!(gate, Gate::Lease | Gate::Read | Gate::Disclose | Gate::Destroy);
    let options = [
        ("as", wish.who.is_some() && !acts, "lease`, `read`, `disclose` or `destroy"),
        ("what", wish.what.is_some() && gate != Gate::Read, Gate::Read.as_str()),
        ("to", wish.to.is_some() && gate != Gate::Disclose, Gate::Disclose.as_str()),
        ("clause", wish.clause.is_some() && gate != Gate::Destroy, Gate::Destroy.as_str()),
    ];
    match options.into_iter().find(|(_, foreign, _)| *foreign) {
        Some((option, _, gate)) => Err(BadWish::Foreign { option, gate }),
        None => Ok(()),
    }
}

fn person(
    registry: &Registry,
    gate: Gate,
    who: Option<&str>,
    asking: Option<&Account>,
) -> Result<Account, BadWish> {
    let Some(login) = who else {
        return asking.cloned().ok_or(BadWish::Nobody(gate.as_str()));
    };
    let account = registry.entry_by_login(login).map(|entry| &entry.account);
    let seen = |account: &&Account| asking.is_none_or(|asking| asking.unit == account.unit);
    let or_agency = if gate == Gate::Read { ", or an agency by its ORI" } else { "" };
    account.filter(seen).cloned().ok_or(BadWish::Unknown(or_agency))
}

fn content(text: &str) -> Result<Content, BadWish> {
    use strum::VariantArray as _;
    let known = Content::VARIANTS.iter().copied().find(|what| <&str>::from(*what) == text);
    known.ok_or_else(|| {
        let names: Vec<&str> = Content::VARIANTS.iter().map(Into::into).collect();
        BadWish::What(names.join(", "))
    })
}

fn recipient(registry: &Registry, to: &str) -> Result<Recipient, BadWish> {
    if let Ok(ori) = to.parse::<Ori>() {
        return Ok(Recipient { ori, email: None });
    }
    let mut registered = registry.recipients.iter();
    let known = registered.find(|recipient| recipient.email.eq_ignore_ascii_case(to));
    let owner = || {
        let mut agencies = registry.agencies.iter().map(|entry| &entry.agency);
        agencies.find(|agency| agency.owns_address(to)).map(|agency| agency.ori.clone())
    };
    let ori = known.map(|recipient| recipient.agency.clone()).or_else(owner);
    Ok(Recipient { ori: ori.ok_or(BadWish::Recipient)?, email: Some(to.to_owned()) })
}

impl Act {
    /// The gate.
    pub fn gate(&self) -> Gate {
        match self {
            Self::Lease(_) => Gate::Lease,
            Self::Deliver => Gate::Deliver,
            Self::Read(..) => Gate::Read,
            Self::Disclose(..) => Gate::Disclose,
            Self::Destroy(..) => Gate::Destroy,
        }
    }

    /// What the audit log keeps of it: codes and ids.
    pub(super) fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Read(Reads::Person(person), what) => {
                vec![("as", person.id.to_string()), ("what", <&str>::from(*what).to_owned())]
            }
            Self::Read(Reads::Agency(ori), what) => {
                vec![("as", ori.to_string()), ("what", <&str>::from(*what).to_owned())]
            }
            Self::Disclose(person, to) => {
                vec![("as", person.id.to_string()), ("to", to.ori.to_string())]
            }
            Self::Lease(person) | Self::Destroy(person, _) => {
                vec![("as", person.id.to_string())]
            }
            Self::Deliver => Vec::new(),
        }
    }

    /// What is taken for granted, because only the act itself says it.
    pub(super) fn assumed(&self) -> Vec<&'static str> {
        match self {
            Self::Lease(_) | Self::Read(..) | Self::Destroy(_, Some(_)) => Vec::new(),
            Self::Deliver => vec![RELEASED],
            Self::Disclose(_, Recipient { email: Some(_), .. }) => vec![STATED],
            Self::Disclose(_, Recipient { email: None, .. }) => vec![STATED, RECIPIENT],
            Self::Destroy(_, None) => vec![CITED],
        }
    }

    /// The packs that are asked, and what; by the builders of the gates themselves.
    pub(super) async fn question(
        &self,
        ctx: &Context,
        row: &RequestRow,
    ) -> Result<(Vec<PackId>, Facts), PipelineError> {
        let registry = ctx.registry().await?;
        match self {
            Self::Lease(person) => {
                let form = sealed::form_of(ctx, row)?;
                Ok(lease::question(&registry, (row, &form), person, ctx.now()))
            }
            Self::Deliver => {
                let form = sealed::form_of(ctx, row)?;
                respond::question(ctx, &registry, (row, &form), ctx.now()).await
            }
            Self::Read(Reads::Person(person), what) => {
                Ok(read::question(&registry, row, &read::by_person(row, person, *what)))
            }
            Self::Read(Reads::Agency(ori), what) => {
                // An agency that the registry does not have counts as suspended.
                let there = RequestRow { ori: ori.clone(), ..row.clone() };
                let agency = standing::agency(&registry, &there);
                Ok(read::question(&registry, row, &read::by_agency(row, &agency, *what)))
            }
            Self::Disclose(person, to) => {
                let email = match &to.email {
                    Some(email) => email.clone(),
                    None => registered(ctx, &registry, &to.ori),
                };
                let passing =
                    Passing { ori: &to.ori, email: &email, letters: [u32::MAX; 3], at: ctx.now() };
                disclose::question(ctx, &registry, (person, row), &passing).await
            }
            Self::Destroy(person, clause) => {
                // What was destroyed is gone, and no rule is asked again.
                let _ = sealed::key_of(ctx, row)?;
                let policies = ctx.policies().await?;
                let known = clause.as_ref().is_none_or(|clause| policies.clause(clause).is_some());
                destroy::question(ctx, person, row, known).await
            }
        }
    }
}

/// The address of an agency's registered recipient, rather one whose certificate can be used; empty: it has none.
fn registered(ctx: &Context, registry: &Registry, ori: &Ori) -> String {
    let of_agency = || registry.recipients.iter().filter(|recipient| recipient.agency == *ori);
    let usable =
        |email: &str| respond::recipient_usable(ctx, registry, (ori, email), ctx.now()).is_ok();
    let best = of_agency().find(|recipient| usable(&recipient.email));
    best.or_else(|| of_agency().next()).map_or_else(String::new, |one| one.email.clone())
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    const WISH: Wish<'static> = Wish { who: None, what: None, to: None, clause: None };

    fn refused(gate: Gate, wish: Wish<'_>) -> String {
        let answer = act(&Registry::default(), gate, &wish, None);
        answer.map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn whatever_the_gate_does_not_look_at_is_refused() {
        let some = Some("x");
        for gate in Gate::VARIANTS.iter().copied() {
            for (wish, option, belongs) in [
                (Wish { what: some, ..WISH }, "`what` is for", gate == Gate::Read),
                (Wish { to: some, ..WISH }, "`to` is for", gate == Gate::Disclose),
                (Wish { clause: some, ..WISH }, "`clause` is for", gate == Gate::Destroy),
                (
                    Wish { who: some, ..WISH },
                    "`as` is for",
                    [Gate::Lease, Gate::Read, Gate::Disclose, Gate::Destroy].contains(&gate),
                ),
            ] {
                let says = refused(gate, wish);
                assert_eq!(says.starts_with(option), !belongs, "{gate:?} {option}: {says}");
            }
        }
    }

    #[test]
    fn who_and_what_and_to_whom_are_asked_for() {
        for (gate, wish, says) in [
            (Gate::Read, WISH, "the gate `read` asks who acts"),
            (Gate::Destroy, WISH, "the gate `destroy` asks who acts"),
            (Gate::Lease, WISH, "the gate `lease` asks who acts"),
            (Gate::Disclose, WISH, "asks who receives"),
            (Gate::Read, Wish { who: Some("nobody"), ..WISH }, "or an agency by its ORI"),
            (Gate::Read, Wish { what: Some("form"), ..WISH }, "status, case_file, probe"),
            (
                Gate::Disclose,
                Wish { to: Some("a@b.example.gov"), ..WISH },
                "`to` is an agency's ORI",
            ),
        ] {
            assert!(refused(gate, wish).contains(says), "{gate:?} {wish:?}");
        }
        assert!(act(&Registry::default(), Gate::Dispatch, &WISH, None).unwrap().is_none());
    }
}
