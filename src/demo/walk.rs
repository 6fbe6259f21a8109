//! The walk: one lead and one no-match, from form to sealed mail, told as it happens.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use futures_util::TryStreamExt as _;

use super::examination::examination;
use super::forms::{REQUESTER_EMAIL, Sample, sample_form};
use super::start::{Demo, DemoError};
use crate::config::MailTransport;
use crate::domain::{Account, Agency, RequestId, Role};
use crate::lifecycle::{Stage, StageCode};
use crate::pipeline::accept::{Receipt, Submission, Submitted, accept};
use crate::pipeline::audit_export::export;
use crate::pipeline::release::ReleaseRecord;
use crate::pipeline::{examine, lease, release, sealed};
use crate::report::samples;
use crate::store::{AttemptStatus, RecordKind};

/// Walks both requests through every stage and tells it on `screen`. The workers must be running.
pub async fn walk(demo: &Demo, screen: &mut dyn Write) -> Result<(), DemoError> {
    writeln!(
        screen,
        "leadbroker compares no faces; trained people do. This walk uses invented people and drawn pictures.\n"
    )?;
    refused(demo, screen).await?;
    writeln!(screen)?;
    answered(demo, screen, ("lead", "24-001873", Some(11))).await?;
    writeln!(screen)?;
    answered(demo, screen, ("no-match", "24-001901", None)).await?;
    writeln!(screen)?;
    export_log(demo, screen).await?;
    commands(demo, screen)
}

fn person(demo: &Demo, role: Role, not: &[&Account]) -> Result<Account, DemoError> {
    let now = demo.ctx.now();
    let unit = demo.world.registry.units.first().ok_or(DemoError::World)?;
    let on_duty = demo.world.registry.on_duty(&unit.id, crate::domain::Lane::Priority, now);
    demo.world
        .registry
        .accounts
        .iter()
        .map(|entry| &entry.account)
        .filter(|account| account.unit == unit.id && account.role == role)
        .filter(|account| !not.iter().any(|other| other.id == account.id))
        .find(|account| {
            role != Role::Reviewer
                || (on_duty.contains(&account.id)
                    && account.credentials.iter().any(|credential| credential.in_force(now)))
        })
        .cloned()
        .ok_or(DemoError::World)
}

fn agency(demo: &Demo, ori: &str) -> Result<Agency, DemoError> {
    let ori = ori.parse().map_err(|_| DemoError::World)?;
    demo.world.registry.agency(&ori).cloned().ok_or(DemoError::World)
}

async fn submit(
    demo: &Demo,
    (ori, email): (&str, &str),
    case: (&str, u64),
) -> Result<Receipt, DemoError> {
    let probe = samples::probe(case.1).map_err(|error| DemoError::Stage(error.to_string()))?;
    let packs =
        demo.world.registry.units.first().map(|unit| unit.packs.clone()).unwrap_or_default();
    let statements = demo.ctx.policies().await?.statements(&packs);
    let form = sample_form(&Sample {
        ori,
        email,
        case_number: case.0,
        probe: &probe,
        at: demo.ctx.now(),
        statements: &statements,
    });
    let submission = Submission {
        agency: agency(demo, ori)?,
        body: serde_json::to_vec(&form).map_err(|_| DemoError::World)?.into(),
        parts: BTreeMap::new(),
        key: Some(format!("demo-{}", case.0)),
    };
    match accept(&demo.ctx, submission).await? {
        Submitted::New(receipt) | Submitted::Before(receipt) => Ok(receipt),
        Submitted::Malformed(receipt) | Submitted::Misshapen(receipt) => {
            Err(DemoError::Stage(format!("{:?}", receipt.errors)))
        }
    }
}

/// The second agency's agreement has run out: it is refused with every reason.
async fn refused(demo: &Demo, screen: &mut dyn Write) -> Result<(), DemoError> {
    writeln!(screen, "A form of NM0010100 Sample Desert Police, whose agreement has run out:")?;
    let receipt =
        submit(demo, ("NM0010100", "rstone@desert.example.gov"), ("24-000007", 3)).await?;
    step(screen, "check", &format!("{:?}", receipt.state).to_lowercase())?;
    for finding in &receipt.findings {
        writeln!(screen, "      {:<22} {}", finding.clause, finding.message)?;
        writeln!(screen, "      {:<22} -> {}", "", finding.remedy)?;
    }
    Ok(())
}

fn step(screen: &mut dyn Write, stage: &str, what: &str) -> std::io::Result<()> {
    writeln!(screen, "  {stage:<10} {what}")
}

/// Looks at the store before a wait is given up: a minute.
const LOOKS: u32 = 1200;

async fn until(
    demo: &Demo,
    request: RequestId,
    what: &'static str,
    done: impl Fn(&Stage) -> bool,
) -> Result<Stage, DemoError> {
    for _ in 0..LOOKS {
        let row = demo.ctx.store.request(request).await?.ok_or(DemoError::World)?;
        if done(&row.stage) {
            return Ok(row.stage);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(DemoError::Late(what))
}

/// `seed` of the candidate, or no candidate at all.
async fn answered(
    demo: &Demo,
    screen: &mut dyn Write,
    (name, case_number, seed): (&str, &str, Option<u64>),
) -> Result<(), DemoError> {
    writeln!(screen, "A form of CA0194200 Sample City Police, case {case_number}:")?;
    let receipt =
        submit(demo, ("CA0194200", REQUESTER_EMAIL), (case_number, seed.unwrap_or(23))).await?;
    let request = receipt.request.ok_or(DemoError::World)?;
    step(screen, "accept", &format!("stored and sealed as {request}"))?;
    step(
        screen,
        "check",
        &format!("{:?}, {} findings", receipt.state, receipt.findings.len()).to_lowercase(),
    )?;
    let stage = until(demo, request, "a reviewer", |stage| {
        matches!(stage.code(), StageCode::Offered | StageCode::Queued)
    })
    .await?;
    let first = if let Stage::Offered { reviewer } = stage {
        let account = demo.world.registry.account(reviewer);
        account.cloned().ok_or(DemoError::World)?
    } else {
        person(demo, Role::Reviewer, &[])?
    };
    step(screen, "dispatch", &format!("offered to {}, who is on duty and trained", first.name))?;
    if seed.is_some() && paged(demo, request).await? {
        step(
            screen,
            "page",
            &format!("{} is told by mail, which says nothing of the case", first.name),
        )?;
    }
    examine_it(demo, screen, request, (&first, "examine", seed)).await?;
    let second = person(demo, Role::Reviewer, &[&first])?;
    examine_it(demo, screen, request, (&second, "second", seed)).await?;
    release_it(demo, screen, request, name).await?;
    until(demo, request, "the delivery", |stage| stage.code() == StageCode::Delivered).await?;
    keep(demo, screen, request, name).await
}

/// Whether the page of a request has left, once it has. The next one to the same person would wait to be bundled.
async fn paged(demo: &Demo, request: RequestId) -> Result<bool, DemoError> {
    let store = &demo.ctx.store;
    let unit = demo.world.registry.units.first().ok_or(DemoError::World)?;
    for _ in 0..LOOKS {
        let pages = store.pages(&unit.id, true, 10).await?;
        if let Some(page) = pages.iter().find(|page| page.request == request) {
            let attempts = store.attempts(page.id).await?;
            if attempts.iter().any(|one| one.status == AttemptStatus::Sent) {
                return Ok(true);
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(false)
}

async fn examine_it(
    demo: &Demo,
    screen: &mut dyn Write,
    request: RequestId,
    (reviewer, stage, seed): (&Account, &str, Option<u64>),
) -> Result<(), DemoError> {
    let lease = lease::claim(&demo.ctx, reviewer, request).await?.lease;
    let candidate = seed
        .map(samples::booking)
        .transpose()
        .map_err(|error| DemoError::Stage(error.to_string()))?;
    let record = examination(demo.ctx.now(), candidate.as_deref());
    let exam =
        serde_json::from_value(record).map_err(|error| DemoError::Stage(error.to_string()))?;
    let after = examine::conclude(&demo.ctx, reviewer, request, lease.token, exam).await?;
    let what = match stage {
        "second" => "reviewed it without seeing the first answer",
        _ => "examined it",
    };
    let now = after.code().to_string().replace('_', " ");
    step(screen, stage, &format!("{} {what}; now {now}", reviewer.name))?;
    Ok(())
}

async fn release_it(
    demo: &Demo,
    screen: &mut dyn Write,
    request: RequestId,
    name: &str,
) -> Result<(), DemoError> {
    let officer = person(demo, Role::ReleaseAuthority, &[])?;
    let preview = release::preview(&demo.ctx, &officer, request).await?;
    std::fs::write(demo.out.join(format!("{name}.pdf")), &preview.pdf)?;
    release::release(&demo.ctx, &officer, request, &preview.sha256).await?;
    let digest: String = preview.sha256.chars().take(16).collect();
    step(
        screen,
        "release",
        &format!("{} read {name}.pdf and released exactly it (SHA-256 {digest}…)", officer.name),
    )?;
    Ok(())
}

/// Leaves the stored mail beside the PDF, and checks that the PDF is the released one.
async fn keep(
    demo: &Demo,
    screen: &mut dyn Write,
    request: RequestId,
    name: &str,
) -> Result<(), DemoError> {
    let ctx = &demo.ctx;
    let row = ctx.store.request(request).await?.ok_or(DemoError::World)?;
    let key = sealed::key_of(ctx, &row)?;
    let mailings = ctx.store.mailings_of(request).await?;
    let mailing = mailings.last().ok_or(DemoError::World)?;
    let bytes = sealed::image(ctx, &key, &mailing.object_key).await?;
    std::fs::write(demo.out.join(format!("{name}.eml")), &bytes)?;
    let records = ctx.store.records(request).await?;
    let record = records
        .iter()
        .rfind(|record| record.kind == RecordKind::Release)
        .ok_or(DemoError::World)?;
    let released: ReleaseRecord = sealed::open_record(ctx, &key, record)?;
    let on_disk = std::fs::read(demo.out.join(format!("{name}.pdf")))?;
    if hex::encode(openssl::sha::sha256(&on_disk)) != released.document_sha256 {
        return Err(DemoError::Stage("the PDF on disk is not the released one".to_owned()));
    }
    step(
        screen,
        "respond",
        &format!("signed, encrypted to the requester's certificate, delivered: {name}.eml"),
    )?;
    Ok(())
}

async fn export_log(demo: &Demo, screen: &mut dyn Write) -> Result<(), DemoError> {
    let path = demo.out.join("audit.jsonl");
    let lines = export(demo.ctx.clone(), demo.config.audit.origin.clone()).await?;
    let whole: Vec<bytes::Bytes> = lines.try_collect().await?;
    let text = String::from_utf8_lossy(&whole.concat()).into_owned();
    std::fs::write(&path, &text)?;
    let verified = crate::audit::verify(text.lines(), None, &[])
        .map_err(|broken| DemoError::Stage(broken.to_string()))?;
    writeln!(screen, "The audit log has {}; its export verifies.", verified.counts())?;
    Ok(())
}

fn commands(demo: &Demo, screen: &mut dyn Write) -> Result<(), DemoError> {
    let out = demo.out.display();
    let key = demo.keys.recipient_key.display();
    let certificate = demo.keys.recipient_certificate.display();
    let ca = demo.keys.ca.display();
    writeln!(screen, "\nEverything is in {out}; lead.pdf and no-match.pdf are the answers.")?;
    if demo.config.mail.transport == MailTransport::File {
        writeln!(
            screen,
            "In mail lies what would have gone to the mail server: the answers, sealed, and page-….eml, which tell people what waits for them."
        )?;
    }
    writeln!(screen, "\nOpen the sealed answer as its recipient would:\n")?;
    writeln!(
        screen,
        "  openssl cms -decrypt -in {out}/lead.eml -inkey {key} -recip {certificate} | openssl cms -verify -CAfile {ca} -out {out}/lead.mime"
    )?;
    writeln!(screen, "\nVerify the audit log as anybody can, without the database:\n")?;
    writeln!(screen, "  leadbroker audit verify {out}/audit.jsonl")?;
    Ok(())
}
