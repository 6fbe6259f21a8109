//! Delivery by SMTP against a server that does everything wrong, one thing at a time.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's helpers may panic")]

#[expect(dead_code, reason = "other tests also let it go and come back")]
#[path = "support/mta.rs"]
mod mta;
#[expect(dead_code, reason = "other tests also open what is sealed")]
#[path = "support/sealed.rs"]
mod sealed;

use std::io::Write as _;
use std::time::{Duration, Instant};

use leadbroker::mail::authority::KeyKind;
use leadbroker::mail::smime::ContentCipher;
use leadbroker::mail::smtp::{SmtpDeadlines, SmtpLogin, SmtpMailer, SmtpSettings, SmtpTls};
use leadbroker::mail::{Cause, Deliverable, DeliveryResult, Mailer as _, Phase, Reply, TlsRefusal};

use mta::{Act, Flaw, HOST, Mta, Script, Stage};
use sealed::Correspondents;

/// The deadline of a phase in which the server falls silent; every other has all the time it wants.
const WAIT: Duration = Duration::from_secs(1);

fn mail() -> Deliverable {
    Correspondents::new(KeyKind::P256).seal(
        "release",
        &vec![b'.'; 40_000],
        ContentCipher::Aes256Cbc,
    )
}

fn settings(mta: &Mta) -> (SmtpSettings, tempfile::NamedTempFile) {
    let mut ca_file = tempfile::NamedTempFile::new().unwrap();
    ca_file.write_all(mta.ca_pem()).unwrap();
    let settings = SmtpSettings {
        host: "127.0.0.1".to_owned(),
        port: mta.port(),
        tls: SmtpTls::StartTls,
        ca_file: Some(ca_file.path().to_owned()),
        server_name: HOST.to_owned(),
        login: None,
        hello_name: "unit.example.gov".to_owned(),
        connections: 2,
        deadlines: deadlines(mta),
    };
    (settings, ca_file)
}

fn mailer(mta: &Mta) -> SmtpMailer {
    let (settings, _ca_file) = settings(mta);
    SmtpMailer::new(settings).unwrap()
}

fn deadlines(mta: &Mta) -> SmtpDeadlines {
    let mut all = SmtpDeadlines::each(Duration::from_mins(1));
    for stage in mta.silences() {
        *match stage {
            Stage::Greeting => &mut all.greeting,
            Stage::ClearEhlo | Stage::Ehlo => &mut all.ehlo,
            Stage::StartTls => &mut all.start_tls,
            Stage::Handshake => &mut all.tls,
            Stage::Auth => &mut all.auth,
            Stage::Reset => &mut all.reset,
            Stage::Mail => &mut all.mail,
            Stage::Rcpt => &mut all.rcpt,
            Stage::Data => &mut all.data,
            // The mail is smaller than the buffers between the two: silence shows at the dot.
            Stage::Body | Stage::Dot => &mut all.final_dot,
        } = WAIT;
    }
    all
}

/// One attempt against a server with `script`; nothing may ever pass in clear but these two lines.
async fn attempt(script: Script) -> (DeliveryResult, Mta) {
    let mta = Mta::start(script).await;
    let result = mailer(&mta).deliver(&mail()).await;
    assert_only_hello_in_clear(&mta);
    (result, mta)
}

fn assert_only_hello_in_clear(mta: &Mta) {
    let heard = mta.heard_in_clear();
    let rest = heard.replace("EHLO unit.example.gov\r\n", "").replace("STARTTLS\r\n", "");
    assert_eq!(rest, "", "sent in clear");
}

fn reply(code: u16, enhanced: &str) -> Cause {
    Cause::Reply(Reply { code, enhanced: Some(enhanced.to_owned()) })
}

const PHASES: [(Stage, Phase); 9] = [
    (Stage::Greeting, Phase::Greeting),
    (Stage::ClearEhlo, Phase::Ehlo),
    (Stage::StartTls, Phase::StartTls),
    (Stage::Ehlo, Phase::Ehlo),
    (Stage::Mail, Phase::Mail),
    (Stage::Rcpt, Phase::Rcpt),
    (Stage::Data, Phase::Data),
    (Stage::Body, Phase::Body),
    (Stage::Dot, Phase::FinalDot),
];

#[tokio::test]
async fn a_probe_tells_what_a_mail_would_meet_and_sends_none() {
    let mta = Mta::start(Script::default()).await;
    assert_eq!(mailer(&mta).probe().await, Ok(()));
    assert!(mta.commands().iter().all(|line| !line.starts_with("MAIL")));
    let strange = Script { flaw: Flaw::UnknownAuthority, ..Script::default() };
    let mta = Mta::start(strange).await;
    let refused = DeliveryResult::TlsRefused { reason: TlsRefusal::CertificateUntrusted };
    assert_eq!(mailer(&mta).probe().await, Err(refused));
}

#[tokio::test]
async fn a_mail_that_is_taken_arrives_byte_for_byte() {
    let mta = Mta::start(Script::default()).await;
    let mail = mail();
    let result = mailer(&mta).deliver(&mail).await;
    let taken = Reply { code: 250, enhanced: Some("2.0.0".to_owned()) };
    assert_eq!(result, DeliveryResult::Sent { reply: taken });
    let accepted = mta.accepted();
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0].bytes, mail.bytes());
    assert_eq!(accepted[0].from, "MAIL FROM:<unit@unit.example.gov>");
    assert_eq!(accepted[0].to, ["RCPT TO:<r.sample@pd.example.gov>"]);
    assert_eq!(mta.heard_in_clear(), "EHLO unit.example.gov\r\nSTARTTLS\r\n");
}

#[tokio::test]
async fn a_temporary_answer_defers_in_every_phase() {
    for (stage, phase) in PHASES {
        if stage == Stage::Body {
            continue;
        }
        let script = Script::default().on(stage, Act::Reply("451 4.3.0 r.sample is greylisted"));
        let (result, mta) = attempt(script).await;
        let cause = reply(451, "4.3.0");
        assert_eq!(result, DeliveryResult::Deferred { phase, cause }, "{stage:?}");
        assert_eq!(mta.accepted(), []);
    }
}

#[tokio::test]
async fn a_permanent_answer_refuses_in_every_phase() {
    for (stage, phase) in PHASES {
        if stage == Stage::Body {
            continue;
        }
        let script = Script::default().on(stage, Act::Reply("550 5.7.1 r.sample is unknown"));
        let (result, mta) = attempt(script).await;
        let wanted = if stage == Stage::StartTls {
            DeliveryResult::TlsRefused { reason: TlsRefusal::StartTlsRefused }
        } else {
            DeliveryResult::Refused { phase, cause: reply(550, "5.7.1") }
        };
        assert_eq!(result, wanted, "{stage:?}");
        assert_eq!(mta.accepted(), []);
    }
}

#[tokio::test]
async fn silence_ends_with_the_deadline_in_every_phase() {
    let phases = [PHASES.as_slice(), &[(Stage::Handshake, Phase::Tls)]].concat();
    let attempts = phases.into_iter().map(|(stage, phase)| async move {
        let started = Instant::now();
        let (result, mta) = attempt(Script::default().on(stage, Act::Hang)).await;
        let cause = Cause::Timeout;
        let wanted = if matches!(stage, Stage::Dot | Stage::Body) {
            DeliveryResult::Indeterminate { phase: Phase::FinalDot, cause }
        } else {
            DeliveryResult::Deferred { phase, cause }
        };
        assert_eq!(result, wanted, "{stage:?}");
        assert_eq!(mta.accepted(), []);
        assert!(started.elapsed() < WAIT * 30, "{stage:?}: {:?}", started.elapsed());
    });
    futures_util::future::join_all(attempts).await;
}

#[tokio::test]
async fn a_server_that_hangs_up_defers_before_the_dot_and_leaves_it_open_after() {
    for (stage, phase) in PHASES {
        let (result, mta) = attempt(Script::default().on(stage, Act::Close)).await;
        let cause = Cause::Connection;
        let open = DeliveryResult::Indeterminate { phase: Phase::FinalDot, cause: cause.clone() };
        let deferred = DeliveryResult::Deferred { phase, cause };
        match phase {
            // Whether the broken connection shows before the dot is a matter of buffers.
            Phase::Body => assert!(result == deferred || result == open, "{result:?}"),
            Phase::FinalDot => assert_eq!(result, open),
            Phase::Internal
            | Phase::Connect
            | Phase::Greeting
            | Phase::Ehlo
            | Phase::StartTls
            | Phase::Tls
            | Phase::Auth
            | Phase::Reset
            | Phase::Mail
            | Phase::Rcpt
            | Phase::Data => assert_eq!(result, deferred, "{stage:?}"),
        }
        assert_eq!(mta.accepted(), []);
    }
}

#[tokio::test]
async fn answers_that_are_none_are_bounded() {
    for garbage in ["2x0 ok", "250x", "220-a\r\n550 b", ""] {
        let (result, _) = attempt(Script::default().on(Stage::Greeting, Act::Reply(garbage))).await;
        let wanted = DeliveryResult::Deferred { phase: Phase::Greeting, cause: Cause::Protocol };
        assert_eq!(result, wanted, "{garbage:?}");
    }
    let endless = String::leak("250-x\r\n".repeat(100_000));
    let (result, _) = attempt(Script::default().on(Stage::Mail, Act::Reply(endless))).await;
    assert_eq!(result, DeliveryResult::Deferred { phase: Phase::Mail, cause: Cause::Protocol });
    let (result, _) = attempt(Script::default().on(Stage::Dot, Act::Reply("what?"))).await;
    let open = DeliveryResult::Indeterminate { phase: Phase::FinalDot, cause: Cause::Protocol };
    assert_eq!(result, open);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_mail_open_and_the_retry_is_the_same_mail() {
    for (act, cause) in [(Act::TakeAndHang, Cause::Timeout), (Act::TakeAndClose, Cause::Connection)]
    {
        let mta = Mta::start(Script::default().on(Stage::Dot, act)).await;
        let mailer = mailer(&mta);
        let mail = mail();
        let open = DeliveryResult::Indeterminate { phase: Phase::FinalDot, cause };
        assert_eq!(mailer.deliver(&mail).await, open);
        let stored = Deliverable::from_stored(mail.bytes().to_vec()).unwrap();
        assert!(matches!(mailer.deliver(&stored).await, DeliveryResult::Sent { .. }));
        let accepted = mta.accepted();
        assert_eq!(accepted.len(), 2);
        assert_eq!(accepted[0], accepted[1]);
        let id = format!("Message-ID: {}\r\n", mail.message_id().as_str());
        assert!(String::from_utf8_lossy(&accepted[1].bytes).contains(&id));
    }
}

#[tokio::test]
async fn without_verified_tls_nothing_is_sent() {
    let flaw = |flaw| Script { flaw, ..Script::default() };
    for (script, reason) in [
        (Script { hides_starttls: true, ..Script::default() }, TlsRefusal::NotOffered),
        (flaw(Flaw::Expired), TlsRefusal::CertificateExpired),
        (flaw(Flaw::WrongName), TlsRefusal::CertificateName),
        (flaw(Flaw::UnknownAuthority), TlsRefusal::CertificateUntrusted),
        (flaw(Flaw::OldProtocol), TlsRefusal::Handshake),
        (
            Script::default().on(Stage::StartTls, Act::Reply("220 go\r\n250 injected")),
            TlsRefusal::Injection,
        ),
    ] {
        let (result, mta) = attempt(script).await;
        assert_eq!(result, DeliveryResult::TlsRefused { reason });
        assert_eq!(mta.accepted(), []);
    }
}

#[tokio::test]
async fn implicit_tls_is_verified_too() {
    for (flaw, refusal) in
        [(Flaw::None, None), (Flaw::UnknownAuthority, Some(TlsRefusal::CertificateUntrusted))]
    {
        let mta = Mta::start(Script { implicit_tls: true, flaw, ..Script::default() }).await;
        let (mut settings, _ca_file) = settings(&mta);
        settings.tls = SmtpTls::Implicit;
        let result = SmtpMailer::new(settings).unwrap().deliver(&mail()).await;
        match refusal {
            None => assert!(matches!(result, DeliveryResult::Sent { .. }), "{result:?}"),
            Some(reason) => assert_eq!(result, DeliveryResult::TlsRefused { reason }),
        }
        assert_eq!(mta.heard_in_clear(), "");
    }
}

#[tokio::test]
async fn logging_in_happens_over_tls_only_and_its_refusal_is_told() {
    let sent =
        DeliveryResult::Sent { reply: Reply { code: 250, enhanced: Some("2.0.0".to_owned()) } };
    let at = |cause| DeliveryResult::of(Phase::Auth, cause);
    for (auth, act, wanted) in [
        (Some("PLAIN LOGIN"), None, sent.clone()),
        (Some("LOGIN"), None, sent),
        (Some("CRAM-MD5"), None, at(Cause::NoAuthMechanism)),
        (None, None, at(Cause::NoAuthMechanism)),
        (Some("PLAIN"), Some(Act::Reply("535 5.7.8 no")), at(reply(535, "5.7.8"))),
        (Some("PLAIN"), Some(Act::Reply("454 4.7.0 later")), at(reply(454, "4.7.0"))),
        (Some("PLAIN"), Some(Act::Hang), at(Cause::Timeout)),
    ] {
        let mut script = Script { auth, ..Script::default() };
        if let Some(act) = act {
            script = script.on(Stage::Auth, act);
        }
        let mta = Mta::start(script).await;
        let (mut settings, _ca_file) = settings(&mta);
        settings.login =
            Some(SmtpLogin { username: "unit".to_owned(), password: "pass word".to_owned() });
        let result = SmtpMailer::new(settings).unwrap().deliver(&mail()).await;
        assert_eq!(result, wanted, "{auth:?}");
        assert_only_hello_in_clear(&mta);
        if auth == Some("PLAIN LOGIN") {
            let token = "AUTH PLAIN AHVuaXQAcGFzcyB3b3Jk".to_owned();
            assert!(mta.commands().contains(&token));
        }
    }
}

#[tokio::test]
async fn nobody_listening_defers() {
    let mta = Mta::start(Script::default()).await;
    let mailer = mailer(&mta);
    drop(mta);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let cause = Cause::Connection;
    let deferred = DeliveryResult::Deferred { phase: Phase::Connect, cause };
    assert_eq!(mailer.deliver(&mail()).await, deferred);
}

#[tokio::test]
async fn a_connection_serves_many_mails_and_a_refused_one_does_not_end_it() {
    let script = Script::default().on(Stage::Rcpt, Act::Reply("550 5.1.1 unknown"));
    let mta = Mta::start(script).await;
    let mailer = mailer(&mta);
    let mail = mail();
    let first = mailer.deliver(&mail).await;
    assert!(matches!(first, DeliveryResult::Refused { phase: Phase::Rcpt, .. }));
    for _ in 0..3 {
        assert!(matches!(mailer.deliver(&mail).await, DeliveryResult::Sent { .. }));
    }
    mailer.close().await;
    assert_eq!((mta.connections(), mta.accepted().len()), (1, 3));
    assert_eq!(mta.commands().last().map(String::as_str), Some("QUIT"));
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_at_once() {
    for (stage, act) in [
        (Stage::Reset, Act::Close),
        (Stage::Reset, Act::Hang),
        (Stage::Reset, Act::Reply("421 4.4.2 idle too long")),
        (Stage::Mail, Act::Close),
        (Stage::Mail, Act::Reply("421 4.4.2 idle too long")),
    ] {
        let mut script = Script::default();
        if stage == Stage::Mail {
            script = script.on(Stage::Mail, Act::Reply("250 2.1.0 ok"));
        }
        let mta = Mta::start(script.on(stage, act.clone())).await;
        let mailer = mailer(&mta);
        let mail = mail();
        for _ in 0..2 {
            let result = mailer.deliver(&mail).await;
            assert!(matches!(result, DeliveryResult::Sent { .. }), "{stage:?} {act:?}: {result:?}");
        }
        assert_eq!((mta.connections(), mta.accepted().len()), (2, 2), "{stage:?} {act:?}");
    }
}

#[tokio::test]
async fn no_more_connections_than_permitted() {
    let mta = Mta::start(Script::default()).await;
    let mailer = mailer(&mta);
    let mail = mail();
    let results = futures_util::future::join_all((0..40).map(|_| mailer.deliver(&mail))).await;
    assert!(results.iter().all(|result| matches!(result, DeliveryResult::Sent { .. })));
    assert_eq!((mta.connections(), mta.accepted().len()), (2, 40));
}

/// Each phase has all the time it wants, and all before the final dot together have little.
fn hurried(mta: &Mta) -> SmtpMailer {
    let (mut settings, _ca_file) = settings(mta);
    settings.deadlines = SmtpDeadlines::each(Duration::from_mins(1));
    settings.deadlines.before_dot = 3 * WAIT;
    settings.connections = 1;
    SmtpMailer::new(settings).unwrap()
}

#[tokio::test]
async fn all_before_the_final_dot_has_one_deadline() {
    for (stage, phase) in [
        (Stage::Greeting, Phase::Greeting),
        (Stage::Handshake, Phase::Tls),
        (Stage::Rcpt, Phase::Rcpt),
    ] {
        let mta = Mta::start(Script::default().on(stage, Act::Hang)).await;
        let started = Instant::now();
        let result = hurried(&mta).deliver(&mail()).await;
        assert_eq!(result, DeliveryResult::Deferred { phase, cause: Cause::Timeout });
        assert!(started.elapsed() < Duration::from_secs(30), "{phase:?}");
        assert_eq!(mta.accepted(), []);
    }
}

#[tokio::test]
async fn the_answer_to_the_final_dot_is_waited_for_however_long_the_rest_took() {
    let goes_on = std::sync::Arc::new(tokio::sync::Notify::new());
    let mta =
        Mta::start(Script::default().on(Stage::Dot, Act::Think(std::sync::Arc::clone(&goes_on))))
            .await;
    let mailer = hurried(&mta);
    assert_eq!(mailer.at_once(), 1);
    let (one, other) = (mail(), mail());
    let meanwhile = async {
        while !mta.commands().iter().any(|line| line == "DATA") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // One that finds no free connection does not wait longer than it may.
        let second = mailer.deliver(&other).await;
        goes_on.notify_one();
        second
    };
    let (first, second) = tokio::join!(mailer.deliver(&one), meanwhile);
    let wanted = DeliveryResult::Deferred { phase: Phase::Connect, cause: Cause::Timeout };
    assert_eq!(second, wanted);
    assert!(matches!(first, DeliveryResult::Sent { .. }));
    assert_eq!(mta.accepted().len(), 1);
}
