//! The walk: one lead and one no-match, from form to sealed mail, told as it happens.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use serde_json::json;

use super::DemoOptions;
use super::examination::examination;
use super::forms::{REQUESTER_EMAIL, Sample, sample_form};
use super::keys::{FROM, Keys, write_secret};
use super::world::{DemoWorld, world};
use crate::app::{self, AppError};
use crate::audit::{Actor, AuditEvent};
use crate::config::{Config, Environment, LogFormat, MailTransport, Secret, Transport};
use crate::domain::{Account, Agency, RequestId, Role};
use crate::lifecycle::{Stage, StageCode};
use crate::pipeline::accept::{Receipt, Submission, Submitted, accept};
use crate::pipeline::audit_export::export;
use crate::pipeline::release::ReleaseRecord;
use crate::pipeline::{Context, PipelineError, examine, release, sealed};
use crate::report::samples;
use crate::store::RecordKind;

/// The demonstration could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file could not be written.
    #[error("write the demonstration's files: {0}")]
    File(#[from] std::io::Error),
    /// The folder holds something else.
    #[error(
        "use `{0}`: it holds files that no demonstration made; name another folder with `--out`"
    )]
    Occupied(String),
    /// Keys could not be made.
    #[error("make the demonstration's keys: {0}")]
    Keys(String),
    /// Keys could not be made.
    #[error(transparent)]
    Vault(#[from] crate::vault::VaultError),
    /// The system gave no random bytes.
    #[error(transparent)]
    Randomness(#[from] crate::id_source::NoRandomness),
    /// The world contradicts itself.
    #[error("build the demo world")]
    World,
    /// leadbroker did not start.
    #[error(transparent)]
    App(#[from] AppError),
    /// A stage did not do it.
    #[error("walk through the stages: {0}")]
    Stage(String),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// Something did not happen in time.
    #[error("wait for {0}: it did not happen within a minute")]
    Late(&'static str),
}

impl From<PipelineError> for DemoError {
    fn from(error: PipelineError) -> Self {
        if let PipelineError::Refused(refusal) = &error {
            return Self::Stage(format!("{refusal:?}"));
        }
        Self::Stage(error.to_string())
    }
}

/// A demonstration that has started.
#[derive(Debug)]
pub struct Demo {
    /// Its configuration.
    pub config: Config,
    /// What the stages use.
    pub ctx: Context,
    /// Its keys.
    pub keys: Keys,
    /// Its world.
    pub world: DemoWorld,
    /// Its folder.
    pub out: PathBuf,
}

/// Makes folder, keys, world and configuration, and opens everything.
pub async fn start(options: &DemoOptions) -> Result<Demo, DemoError> {
    let out = prepare(&options.out)?;
    let ids = crate::id_source::SystemIds;
    let now = crate::clock::Clock::now(&crate::clock::SystemClock);
    let keys = Keys::make(&out.join("keys"), REQUESTER_EMAIL, &ids, now)?;
    let world = world(&ids, now, &keys.recipient_pem)?;
    let config = configuration(options, &out, &keys)?;
    let ctx = app::context(&config).await?;
    let digest =
        openssl::sha::sha256(&serde_json::to_vec(&world.registry).map_err(|_| DemoError::World)?);
    let sealed = ctx.vault.seal_registry(&ids, &world.registry)?;
    let actor = Actor::Operator { command: "demo".to_owned() };
    let event =
        AuditEvent::new(now, actor, "registry.imported").detail("digest", &hex::encode(digest));
    ctx.store.add_registry(digest, sealed, event).await?;
    write_json(&out, options, &config, &world)?;
    Ok(Demo { config, ctx, keys, world, out })
}

/// An earlier demonstration's folder is emptied; any other folder with content is left alone.
fn prepare(out: &Path) -> Result<PathBuf, DemoError> {
    if out.join("demo.json").is_file() {
        std::fs::remove_dir_all(out)?;
    } else if out.is_dir() && std::fs::read_dir(out)?.next().is_some() {
        return Err(DemoError::Occupied(out.display().to_string()));
    }
    std::fs::create_dir_all(out)?;
    Ok(out.canonicalize()?)
}

fn configuration(options: &DemoOptions, out: &Path, keys: &Keys) -> Result<Config, DemoError> {
    let text = |name: &str| out.join(name).display().to_string();
    let mut config = Config { environment: Environment::Demo, ..Config::default() };
    config.server.listen.clone_from(&options.listen);
    config.server.public_origin = format!("http://{}", options.listen);
    config.database.url = Secret::new(
        options.database.clone().unwrap_or_else(|| format!("sqlite:{}", text("leadbroker.db"))),
    );
    if let Some(url) = &options.amqp {
        config.messaging.transport = Transport::Amqp;
        config.messaging.url = Secret::new(url.clone());
    }
    config.vault.images = format!("file:{}", text("images"));
    config.vault.master_key = Secret::new(keys.master_key.clone());
    config.audit.signing_key = Secret::new(keys.signing_key.clone());
    config.mail.directory = text("mail");
    FROM.clone_into(&mut config.mail.from);
    config.mail.certificate_file = keys.unit_certificate.display().to_string();
    config.mail.key = Secret::new(keys.unit_key.clone());
    config.log.format = LogFormat::Text;
    "warn".clone_into(&mut config.log.level);
    if let Some(url) = &options.smtp {
        let fault = || DemoError::Stage("`--smtp` must be `smtp://HOST:PORT?ca=FILE`".to_owned());
        let rest = url.strip_prefix("smtp://").ok_or_else(fault)?;
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, port) = address.rsplit_once(':').ok_or_else(fault)?;
        config.mail.transport = MailTransport::Smtp;
        host.clone_into(&mut config.mail.host);
        config.mail.port = port.parse().map_err(|_| fault())?;
        query.strip_prefix("ca=").unwrap_or_default().clone_into(&mut config.mail.ca_file);
    }
    Ok(config)
}

fn write_json(
    out: &Path,
    options: &DemoOptions,
    config: &Config,
    world: &DemoWorld,
) -> Result<(), DemoError> {
    let value = json!({
        "api": config.server.public_origin,
        "amqp": options.amqp,
        "agencies": world.secrets.agencies,
        "accounts": world.secrets.accounts,
    });
    let text = serde_json::to_vec_pretty(&value).map_err(|_| DemoError::World)?;
    Ok(write_secret(&out.join("demo.json"), &text)?)
}

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
    let on_duty =
        demo.world.registry.units.first().map(|unit| demo.world.registry.on_duty(&unit.id, now));
    let on_duty = on_duty.unwrap_or_default();
    demo.world
        .registry
        .accounts
        .iter()
        .map(|entry| &entry.account)
        .filter(|account| account.role == role && !not.iter().any(|other| other.id == account.id))
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
    let statements = demo.ctx.policies.statements(&packs);
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
        body: serde_json::to_vec(&form).map_err(|_| DemoError::World)?,
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

async fn until(
    demo: &Demo,
    request: RequestId,
    what: &'static str,
    done: impl Fn(&Stage) -> bool,
) -> Result<Stage, DemoError> {
    for _ in 0..1200 {
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
    examine_it(demo, screen, request, (&first, "examine", seed)).await?;
    let second = person(demo, Role::Reviewer, &[&first])?;
    examine_it(demo, screen, request, (&second, "second", seed)).await?;
    release_it(demo, screen, request, name).await?;
    until(demo, request, "the delivery", |stage| stage.code() == StageCode::Delivered).await?;
    keep(demo, screen, request, name).await
}

async fn examine_it(
    demo: &Demo,
    screen: &mut dyn Write,
    request: RequestId,
    (reviewer, stage, seed): (&Account, &str, Option<u64>),
) -> Result<(), DemoError> {
    let lease = examine::claim(&demo.ctx, reviewer, request).await?;
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
    step(screen, stage, &format!("{} {what}; now {}", reviewer.name, after.code()))?;
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
    writeln!(
        screen,
        "The audit log has {} entries under {} signed checkpoints; its export verifies.",
        verified.size, verified.checkpoints
    )?;
    Ok(())
}

fn commands(demo: &Demo, screen: &mut dyn Write) -> Result<(), DemoError> {
    let out = demo.out.display();
    let key = demo.keys.recipient_key.display();
    let certificate = demo.keys.recipient_certificate.display();
    let ca = demo.keys.ca.display();
    writeln!(screen, "\nEverything is in {out}. Open the answer as its recipient would:\n")?;
    writeln!(
        screen,
        "  openssl cms -decrypt -in {out}/lead.eml -inkey {key} -recip {certificate} | openssl cms -verify -CAfile {ca} -out {out}/lead.mime"
    )?;
    writeln!(screen, "  leadbroker audit verify {out}/audit.jsonl")?;
    Ok(())
}
