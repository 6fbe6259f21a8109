use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use totp_rs::{Builder, Secret};
use tower::ServiceExt as _;

use super::state::Web;
use super::{AppState, HttpLimits, Problem, router};
use crate::audit::{Actor, AuditEvent, verify};
use crate::clock::{Clock as _, FixedClock};
use crate::domain::PageAttemptId;
use crate::domain::form::FormLimits;
use crate::id_source::{IdSource, SystemIds};
use crate::images::ImageLimits;
use crate::lifecycle::{Stage, Terms};
use crate::mail::authority::{Authority, CertificateUse, KeyKind, Validity};
use crate::mail::file::FileMailer;
use crate::mail::smime::SigningIdentity;
use crate::mail::{MailAddress, Sealer, SealerSettings};
use crate::paging::PagingSettings;
use crate::paging::Target;
use crate::pipeline::Context;
use crate::pipeline::context::{Progress, RegistrySource, Rules};
use crate::pipeline::policy_source::PolicySource;
use crate::pipeline::release::Previews;
use crate::policy::facts::Limits;
use crate::registry::Registry;
use crate::store::{Applied, Change, NewAttempt, PageChange, RequestUpdate, Store, StoreSettings};
use crate::vault::{ImageStore, MasterKey, SigningKey, Vault};

const AGENCY: &str = "agency-token";
const OTHER: &str = "other-agency-token";
const SUSPENDED: &str = "suspended-agency-token";
const REVIEWER: &str = "reviewer-token";
const AUDITOR: &str = "auditor-token";
const KEEPER: &str = "administrator-token";
const SECOND_KEEPER: &str = "second-account-of-the-administrator-token";
const OFFICER: &str = "officer-token";
const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// An API over an embedded database, without workers: whatever is submitted stays received.
struct World {
    app: Router,
    ctx: Context,
    state: AppState,
    clock: Arc<FixedClock>,
    _folder: tempfile::TempDir,
}

fn sha(text: &str) -> String {
    hex::encode(openssl::sha::sha256(text.as_bytes()))
}

fn registry() -> Registry {
    let agency = |ori: &str, token: &str, standing: &str| {
        json!({
            "agency": {
                "ori": ori, "name": "Sample Police", "domains": ["pd.example.gov"], "standing": standing,
                "packs": [], "amqp_user": null, "call_back": null, "agreements": [],
            },
            "token_sha256": sha(token),
        })
    };
    let account = |number: u8, role: &str, token: &str| {
        json!({
            "account": {
                "id": format!("p-{number:032x}"), "login": role, "name": "R. Sample", "unit": "lacris",
                "role": role, "active": true, "credentials": [],
            },
            "token_sha256": sha(token), "password_argon2": null, "totp_secret": null,
        })
    };
    let mut reviewer = account(1, "reviewer", REVIEWER);
    let hash: argon2::PasswordHash = argon2::PasswordHasher::hash_password_with_salt(
        &argon2::Argon2::default(),
        b"correct horse",
        b"0123456789abcdef",
    )
    .unwrap();
    reviewer["password_argon2"] = hash.to_string().into();
    reviewer["totp_secret"] = SECRET.into();
    let mut officer = account(4, "release_authority", OFFICER);
    officer["account"]["name"] = "O. Sample".into();
    let mut second = account(5, "local_administrator", SECOND_KEEPER);
    second["account"]["login"] = "second".into();
    serde_json::from_value(json!({
        "units": [{
            "id": "lacris", "name": "Sample Unit", "packs": ["lacris"],
            "repositories": [{ "id": "DMS", "kind": "mugshot" }], "contact": "unit@example.gov",
        }],
        "agencies": [
            agency("CA0194200", AGENCY, "active"),
            agency("CA0190000", OTHER, "active"),
            agency("CA0191111", SUSPENDED, "suspended"),
        ],
        "accounts": [
            reviewer,
            account(2, "auditor", AUDITOR),
            account(3, "local_administrator", KEEPER),
            officer,
            second,
        ],
    }))
    .unwrap()
}

const PAGE_SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn paging_settings() -> PagingSettings {
    let mut settings =
        PagingSettings::plain("https://leadbroker.example.gov", None, "leadbroker.example.gov")
            .unwrap();
    settings.names.push("duty-desk".to_owned());
    settings.destinations.push(crate::paging::Destination {
        name: "duty-desk".to_owned(),
        url: "https://pages.example.gov/".to_owned(),
        secret: PAGE_SECRET.to_vec(),
        service_key: String::new(),
        template: crate::paging::settings::Template::Generic,
        allow_private: false,
        authorities: None,
        timeout_seconds: 10,
    });
    settings
}

fn sealer(clock: &FixedClock, vault: &Vault) -> Sealer {
    let validity = Validity { from: clock.now(), until: clock.now() + TimeDelta::days(30) };
    let root = Authority::new("Sample root", KeyKind::P256, validity, &SystemIds).unwrap();
    let from: MailAddress = "answers@leadbroker.example.gov".parse().unwrap();
    let usage = CertificateUse::MailSigning(&from);
    let own = root.issue(usage, KeyKind::P256, validity, &SystemIds).unwrap();
    let (certificate, key) = (own.certificate_pem().unwrap(), own.key_pem().unwrap());
    Sealer::new(SealerSettings {
        identity: SigningIdentity::from_pem(&certificate, &key).unwrap(),
        from,
        domain: "leadbroker.example.gov".to_owned(),
        message_id_key: vault.message_id_key(),
        trust: None,
    })
    .unwrap()
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let clock = Arc::new(FixedClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
    let url = format!("sqlite:{}", at("leadbroker.db").display());
    let store = Store::open(&StoreSettings { url, readers: 2, relay: false }).await.unwrap();
    let images = ImageStore::folder(&at("images")).unwrap();
    let vault = Vault::new(MasterKey::new(&[7; 32]).unwrap(), images);
    let registry = vault.seal_registry(&SystemIds, &registry()).unwrap();
    let actor = Actor::Operator { command: "registry import".to_owned() };
    let event = AuditEvent::new(clock.now(), actor, "registry.imported");
    store.add_registry([0; 32], registry, event).await.unwrap();
    let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
    let ctx = Context {
        store,
        policies: PolicySource::new(crate::policy::builtin::load(clock.now()).unwrap()),
        registry: RegistrySource::default(),
        clock: clock.clone(),
        ids,
        rules: Arc::new(Rules {
            form: FormLimits::default(),
            image: ImageLimits::default(),
            terms: Terms::default(),
            lease: TimeDelta::minutes(30),
            lease_most: TimeDelta::hours(2),
            repeat: TimeDelta::hours(24),
            retention_days: 1826,
            check_wait: Duration::ZERO,
            policy: Limits::default(),
        }),
        sealer: Arc::new(sealer(&clock, &vault)),
        mailer: Arc::new(FileMailer::new(at("mail"))),
        release_key: Arc::new(SigningKey::generate().unwrap()),
        picture_worker: at("none"),
        progress: Progress::default(),
        previews: Previews::default(),
        form_rate: Arc::new(crate::pipeline::accept::FormRate::new(20)),
        paging: Arc::new(paging_settings()),
        vault: Arc::new(vault),
    };
    let state = AppState {
        ctx: ctx.clone(),
        tracker: TaskTracker::new(),
        metrics: Arc::new(|| "leadbroker_up 1\n".to_owned()),
        limits: HttpLimits { form_bytes: 1 << 20, forms_per_second: 20, max_connections: 10 },
        broker_health: None,
        audit_origin: "log.example.gov".to_owned(),
    };
    World { app: router(state.clone()), ctx, state, clock, _folder: folder }
}

struct Answered {
    status: u16,
    headers: HeaderMap,
    bytes: Bytes,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    fn code(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

impl World {
    async fn send(&self, request: Request<Body>) -> Answered {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let (parts, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 24).await.unwrap();
        let kind = parts.headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap());
        super::openapi::tests::is_described((&method, &path), parts.status.as_u16(), kind, &bytes);
        Answered { status: parts.status.as_u16(), headers: parts.headers, bytes }
    }

    async fn get(&self, token: &str, path: &str) -> Answered {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, token: &str, path: &str, body: &Value) -> Answered {
        self.keyed(token, path, "", body).await
    }

    async fn keyed(&self, token: &str, path: &str, key: &str, body: &Value) -> Answered {
        let mut request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json");
        if !key.is_empty() {
            request = request.header("Idempotency-Key", key);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Entries of one action.
    async fn events(&self, action: &str) -> Vec<Value> {
        let entries = self.ctx.store.audit_entries(0, 1_000).await.unwrap();
        let event = |body: &String| serde_json::from_str::<Value>(body).unwrap()["event"].clone();
        entries.iter().map(event).filter(|event| event["action"] == action).collect()
    }

    async fn actions(&self) -> Vec<String> {
        let entries = self.ctx.store.audit_entries(0, 1_000).await.unwrap();
        let read =
            |body: &String| serde_json::from_str::<Value>(body).unwrap()["event"]["action"].clone();
        entries.iter().map(|body| read(body).as_str().unwrap().to_owned()).collect()
    }
}

fn form(case: &str, seed: u64) -> Value {
    let text = include_str!("../../tests/data/forms/search_request.v1.example.json");
    let mut form: Value = serde_json::from_str(text).unwrap();
    let image = crate::report::samples::probe(seed).unwrap();
    let kind = if image.starts_with(&[0x89]) { "image/png" } else { "image/jpeg" };
    form["case_number"] = case.into();
    form["images"][0]["media_type"] = kind.into();
    form["images"][0]["sha256"] = hex::encode(openssl::sha::sha256(&image)).into();
    form["images"][0]["content"] = STANDARD.encode(image).into();
    form
}

const REQUESTS: &str = "/api/v1/search-requests";

/// What nobody reads without a token.
const READS: [&str; 20] = [
    "search-requests",
    "search-requests/{id}",
    "search-requests/{id}/events",
    "units",
    "units/lacris/form",
    "jobs",
    "jobs/{id}",
    "jobs/{id}/probes/0",
    "jobs/{id}/document",
    "drafts",
    "drafts/{id}",
    "holds",
    "holds/{id}",
    "dead-letters",
    "dead-letters/{id}",
    "audit/requests/{id}",
    "audit/export",
    "pages",
    "pages/{id}",
    "known-answers",
];

/// What nobody does without a token.
const STEPS: [&str; 15] = [
    "search-requests",
    "search-requests/{id}/withdraw",
    "jobs/{id}/claim",
    "jobs/{id}/renew",
    "jobs/{id}/hand-over",
    "jobs/{id}/give-back",
    "jobs/{id}/conclude",
    "jobs/{id}/second-review",
    "jobs/{id}/adjudicate",
    "jobs/{id}/release",
    "holds/{id}/decide",
    "dead-letters/{id}/replay",
    "dead-letters/{id}/drop",
    "pages/{id}/acknowledgement",
    "known-answers",
];

#[tokio::test]
async fn nothing_but_health_and_log_in_answers_without_a_token() {
    let world = world().await;
    let id = format!("r-{:032x}", 1);
    let all = READS.iter().map(|p| ("GET", p)).chain(STEPS.iter().map(|p| ("POST", p)));
    for (method, path) in all {
        let path = format!("/api/v1/{}", path.replace("{id}", &id));
        for token in [None, Some("Bearer nobody"), Some("Bearer lbs_nobody")] {
            let mut request = Request::builder().method(method.to_uppercase().as_str()).uri(&path);
            if let Some(token) = token {
                request = request.header(header::AUTHORIZATION, token);
            }
            let answer = world.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(
                answer.code(),
                (401, "unauthorized".to_owned()),
                "{method} {path} {token:?}"
            );
            assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
        }
    }
    assert_eq!(world.get("x", "/livez").await.status, 204);
    let ready = world.get("x", "/readyz").await;
    assert_eq!((ready.status, &ready.json()["status"]), (200, &json!("ok")));
    assert_eq!(world.get("x", "/metrics").await.bytes, "leadbroker_up 1\n");
    assert_eq!(world.get("x", "/api/v2/units").await.code(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn an_agency_submits_follows_and_withdraws_its_own_requests() {
    let world = world().await;
    let sent = form("24-1", 1);
    let first = world.keyed(AGENCY, REQUESTS, "key-1", &sent).await;
    assert_eq!(first.status, 202, "{:?}", first.json());
    let id = first.json()["request"].as_str().unwrap().to_owned();
    let place = format!("{REQUESTS}/{id}");
    assert_eq!(first.headers[header::LOCATION], place.as_str());
    // The same key and form, and the same case and image under a new key: the same request.
    assert_eq!(world.keyed(AGENCY, REQUESTS, "key-1", &sent).await.json()["request"], json!(id));
    let repeat = world.keyed(AGENCY, REQUESTS, "key-2", &sent).await.json();
    assert_eq!(repeat["duplicate_of"], json!(id));
    let other = world.keyed(AGENCY, REQUESTS, "key-1", &form("24-2", 1)).await;
    assert_eq!(other.code(), (409, "idempotency_conflict".to_owned()));
    let list = world.get(AGENCY, REQUESTS).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["case_number"], "24-1");
    assert_eq!(list["next"], Value::Null);
    let one = world.get(AGENCY, &place).await.json();
    assert_eq!(
        (&one["state"], &one["timeline"][0]["state"]),
        (&json!("received"), &json!("received"))
    );
    // For another agency it does not exist.
    for path in [place.clone(), format!("{place}/events")] {
        assert_eq!(world.get(OTHER, &path).await.code(), (404, "not_found".to_owned()));
    }
    let reason = json!({ "reason": "no longer needed" });
    let foreign = world.post(OTHER, &format!("{place}/withdraw"), &reason).await;
    assert_eq!(foreign.status, 404);
    let withdrawn = world.post(AGENCY, &format!("{place}/withdraw"), &reason).await;
    assert_eq!((withdrawn.status, &withdrawn.json()["state"]), (200, &json!("withdrawn")));
    let again = world.post(AGENCY, &format!("{place}/withdraw"), &reason).await;
    assert_eq!(again.code(), (409, "state".to_owned()));
    let events = world.get(AGENCY, &format!("{place}/events")).await.json();
    assert_eq!(events[0]["type"], "gov.leadbroker.search_request.withdrawn.v1");
    assert_eq!(events.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_cut_a_step_in_half() {
    let world = world().await;
    let web = Web::new(world.state.clone());
    let (begun, has_begun) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let (ended, has_ended) = oneshot::channel();
    let step = async move {
        begun.send(()).unwrap();
        may_go_on.await.unwrap();
        ended.send("ended").unwrap();
        Ok::<(), Problem>(())
    };
    tokio::select! {
        _ = web.to_the_end(step) => panic!("the step waits"),
        begun = has_begun => begun.unwrap(),
    }
    // The client's future is gone; the step is not.
    go_on.send(()).unwrap();
    assert_eq!(has_ended.await.unwrap(), "ended");
    world.state.tracker.close();
    world.state.tracker.wait().await;
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let world = world().await;
    let mut sent = Vec::new();
    for seed in 0..5 {
        let answer = world.post(AGENCY, REQUESTS, &form(&format!("24-{seed}"), seed)).await.json();
        sent.push(answer["request"].clone());
    }
    let (mut seen, mut path) = (Vec::new(), format!("{REQUESTS}?limit=2"));
    loop {
        let page = world.get(AGENCY, &path).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["request"].clone()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("{REQUESTS}?limit=2&cursor={next}");
    }
    sent.reverse();
    assert_eq!(seen, sent);
    for bad in ["limit=0", "limit=201", "limit=x", "cursor=x", "page=1"] {
        assert_eq!(world.get(AGENCY, &format!("{REQUESTS}?{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_form_has_its_own_status() {
    let world = world().await;
    let mut foreign = form("24-1", 1);
    foreign["requesting_agency"] = "CA0190000".into();
    let answer = world.post(AGENCY, REQUESTS, &foreign).await;
    assert_eq!(answer.code(), (403, "foreign_ori".to_owned()));
    let answer = world.post(SUSPENDED, REQUESTS, &form("24-1", 1)).await;
    assert_eq!(answer.code(), (403, "agency_suspended".to_owned()));
    assert_eq!(world.get(SUSPENDED, REQUESTS).await.status, 403);
    let answer = world.post(AGENCY, REQUESTS, &json!({ "__proto__": 1 })).await;
    assert_eq!(answer.code(), (422, "shape".to_owned()));
    assert_eq!(
        (&answer.json()["state"], &answer.json()["request"]),
        (&json!("rejected"), &Value::Null)
    );
    let answer = world.post(AGENCY, REQUESTS, &json!("x".repeat(1 << 20))).await;
    assert_eq!(answer.code(), (413, "too_large".to_owned()));
    assert_eq!(answer.json()["state"], "rejected");
    let raw = |kind: &'static str, body: &'static str| {
        Request::post(REQUESTS)
            .header(header::AUTHORIZATION, format!("Bearer {AGENCY}"))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .unwrap()
    };
    assert_eq!(
        world.send(raw("application/json", "{\"a\":")).await.code(),
        (400, "malformed".to_owned())
    );
    assert_eq!(world.send(raw("text/xml", "<a/>")).await.code(), (415, "media_type".to_owned()));
    let actions = world.actions().await;
    let count = |action: &str| actions.iter().filter(|a| *a == action).count();
    assert_eq!(count("search_request.sender_refused"), 2);
    assert_eq!(count("search_request.misshapen"), 4);
    assert_eq!(count("search_request.received"), 0);
}

#[tokio::test]
async fn a_form_may_bring_its_files_as_parts() {
    let world = world().await;
    let mut sent = form("24-1", 1);
    let image = &mut sent["images"][0];
    let bytes = STANDARD.decode(image["content"].as_str().unwrap()).unwrap();
    image.as_object_mut().unwrap().remove("content");
    image["part"] = "file-1".into();
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"form\"\r\n\r\n".to_vec();
    body.extend(sent.to_string().into_bytes());
    body.extend(
        b"\r\n--b\r\nContent-Disposition: form-data; name=\"file-1\"; filename=\"x\"\r\n\r\n",
    );
    body.extend(bytes);
    body.extend(b"\r\n--b--\r\n");
    let request = Request::post(REQUESTS)
        .header(header::AUTHORIZATION, format!("Bearer {AGENCY}"))
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
    let answer = world.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(answer.status, 202, "{:?}", answer.json());
}

#[tokio::test]
async fn a_unit_shows_what_its_forms_need() {
    let world = world().await;
    assert_eq!(world.get(AGENCY, "/api/v1/units").await.json()[0]["unit"], "lacris");
    let form = world.get(AGENCY, "/api/v1/units/lacris/form").await.json();
    assert_eq!(
        (&form["packs"][0]["id"], &form["packs"][1]["id"]),
        (&json!("core"), &json!("lacris"))
    );
    assert_eq!(form["limits"]["images"], 20);
    let statements = form["statements"].as_array().unwrap();
    assert!(!statements.is_empty());
    for statement in statements {
        assert_eq!(statement["text_sha256"], sha(statement["text"].as_str().unwrap()));
    }
    assert_eq!(world.get(AGENCY, "/api/v1/units/nowhere/form").await.status, 404);
}

#[tokio::test]
async fn who_may_not_do_a_step_is_refused_on_record() {
    let world = world().await;
    let sent = world.post(AGENCY, REQUESTS, &form("24-1", 1)).await.json();
    let job = format!("/api/v1/jobs/{}", sent["request"].as_str().unwrap());
    assert_eq!(world.get(REVIEWER, &job).await.code(), (403, "not_assigned".to_owned()));
    let probe = world.get(REVIEWER, &format!("{job}/probes/0")).await;
    assert_eq!(probe.code(), (403, "not_assigned".to_owned()));
    for path in ["/api/v1/audit/export", "/api/v1/dead-letters"] {
        assert_eq!(world.get(REVIEWER, path).await.code(), (403, "role".to_owned()), "{path}");
    }
    let actions = world.actions().await;
    assert_eq!(actions.iter().filter(|action| *action == "authz.denied").count(), 4);
    assert!(!actions.contains(&"case.read".to_owned()));
    for denied in world.events("authz.denied").await {
        assert_ne!(denied["clauses"], json!([]), "{denied}");
    }
    // An agency's token opens nothing of a unit, a person's nothing of an agency.
    assert_eq!(world.get(AGENCY, "/api/v1/jobs").await.status, 401);
    assert_eq!(world.get(REVIEWER, REQUESTS).await.status, 401);
    assert_eq!(world.get(KEEPER, "/api/v1/dead-letters").await.json()["items"], json!([]));
}

#[tokio::test]
async fn the_audit_log_is_read_on_record_and_verifies_offline() {
    let world = world().await;
    let sent = world.post(AGENCY, REQUESTS, &form("24-1", 1)).await.json();
    let path = format!("/api/v1/audit/requests/{}", sent["request"].as_str().unwrap());
    let read = world.get(AUDITOR, &path).await.json();
    assert_eq!(read["entries"][0]["event"]["action"], "search_request.received");
    assert_eq!(read["entries"][1]["event"]["action"], "audit.read");
    let auditor = read["entries"][1]["event"]["actor"]["account"].as_str().unwrap();
    assert_eq!(read["logins"], json!({ auditor: "auditor" }), "only of whom the entries name");
    assert_eq!(world.get(AUDITOR, "/api/v1/audit/export").await.status, 200);
    let export = world.get(AUDITOR, "/api/v1/audit/export").await;
    assert_eq!(export.status, 200);
    let text = std::str::from_utf8(&export.bytes).unwrap();
    let key = world.ctx.release_key.public_bytes().unwrap();
    let verified = verify(text.lines(), Some(&key), &[]).unwrap();
    assert_eq!(verified.size, world.actions().await.len() as u64);
    assert_eq!(verified.checkpoints, 2);
    assert!(!text.contains("24-1") && !text.contains("Jordan"));
}

#[tokio::test]
async fn a_session_begins_with_both_factors_and_five_failures_lock_it() {
    let world = world().await;
    let code = || {
        let totp =
            Builder::new().with_secret(Secret::try_from_base32(SECRET).unwrap()).build().unwrap();
        totp.generate(u64::try_from(world.clock.now().timestamp()).unwrap()).to_string()
    };
    let login = |password: &str, code: String| json!({ "login": "reviewer", "password": password, "code": code });
    let path = "/api/v1/sessions";
    let begun = world.post("-", path, &login("correct horse", code())).await;
    assert_eq!(begun.status, 201);
    let token = begun.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(world.get(&token, "/api/v1/jobs").await.status, 200);
    // The code was used; an unknown login reads the same as a wrong password.
    let used = world.post("-", path, &login("correct horse", code())).await;
    let unknown = json!({ "login": "nobody", "password": "x", "code": "000000" });
    let unknown = world.post("-", path, &unknown).await;
    assert_eq!(used.code(), (401, "login_failed".to_owned()));
    assert_eq!(used.bytes, unknown.bytes);
    for _ in 0..4 {
        assert_eq!(world.post("-", path, &login("wrong", "000000".to_owned())).await.status, 401);
    }
    world.clock.advance(TimeDelta::minutes(1));
    let locked = world.post("-", path, &login("correct horse", code())).await;
    assert_eq!(locked.code(), (429, "login_locked".to_owned()));
    assert_eq!(locked.headers[header::RETRY_AFTER], "840");
    world.clock.advance(TimeDelta::minutes(15));
    let free = world.post("-", path, &login("correct horse", code())).await;
    assert_eq!(free.status, StatusCode::CREATED.as_u16());
    // The first session was idle for 16 minutes since its last use and lives; after 30 it is gone.
    assert_eq!(world.get(&token, "/api/v1/jobs").await.status, 200);
    world.clock.advance(TimeDelta::minutes(31));
    assert_eq!(world.get(&token, "/api/v1/jobs").await.status, 401);
    let actions = world.actions().await;
    let count = |action: &str| actions.iter().filter(|a| *a == action).count();
    assert_eq!(
        (count("session.refused"), count("session.locked"), count("session.begun")),
        (6, 1, 2)
    );
    // A day after their end the sweeper deletes both: nothing is left for anybody else to delete.
    world.clock.advance(TimeDelta::days(1));
    let _ = crate::worker::sweep::once(&world.ctx).await;
    assert_eq!(world.ctx.store.forget_sessions(world.clock.now()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_session_does_not_survive_a_suspension() {
    let world = world().await;
    let code = || {
        let totp =
            Builder::new().with_secret(Secret::try_from_base32(SECRET).unwrap()).build().unwrap();
        totp.generate(u64::try_from(world.clock.now().timestamp()).unwrap()).to_string()
    };
    let login = json!({ "login": "reviewer", "password": "correct horse", "code": code() });
    let begun = world.post("-", "/api/v1/sessions", &login).await;
    let token = begun.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(world.get(&token, "/api/v1/jobs").await.status, 200);
    let set = async |active: bool| {
        let event = || {
            let actor = Actor::Operator { command: "users".to_owned() };
            AuditEvent::new(world.clock.now(), actor, "account.changed")
        };
        let changed = crate::pipeline::people::change(&world.ctx, |registry| {
            let changed = if active {
                crate::registry::restore(registry, "reviewer")?
            } else {
                let suspension = crate::registry::Suspension {
                    at: world.clock.now(),
                    reason: crate::domain::Personal::new("Under inquiry.".to_owned()),
                };
                crate::registry::suspend(registry, "reviewer", suspension)?
            };
            Ok::<_, crate::registry::UsersError>((changed.0, event(), changed.1.id))
        });
        changed.await.unwrap().unwrap()
    };
    let account = set(false).await;
    assert_eq!(world.get(&token, "/api/v1/jobs").await.status, 401);
    // One that began at the same moment as the suspension ends when it is shown.
    let late = format!("lbs_{}", "a".repeat(64));
    let event = AuditEvent::new(world.clock.now(), Actor::Person { account }, "session.begun");
    let hash = openssl::sha::sha256(late.as_bytes());
    world.ctx.store.add_session(hash, account, event).await.unwrap();
    assert_eq!(world.get(&late, "/api/v1/jobs").await.status, 401);
    set(true).await;
    for token in [token, late] {
        assert_eq!(world.get(&token, "/api/v1/jobs").await.status, 401);
    }
}

/// The table of operations is the router's, so that what is asked here is what the document says.
#[tokio::test]
async fn every_operation_of_the_document_is_served() {
    let world = world().await;
    let served = world.get("", "/api/v1/openapi.json").await;
    assert_eq!(served.json(), super::openapi());
    let document = served.json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "delete"] {
            let request = Request::builder()
                .method(method.to_uppercase().as_str())
                .uri(path.replace(['{', '}'], "x"));
            let answered = world.app.clone().oneshot(request.body(Body::empty()).unwrap()).await;
            let status = answered.unwrap().status();
            if methods.get(method).is_some() {
                assert!(![404, 405].contains(&status.as_u16()), "{method} {path}: {status}");
            } else {
                assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn images_of_a_crash_go_and_what_a_row_names_stays() {
    let world = world().await;
    let answer = world.post(AGENCY, REQUESTS, &form("orphan", 9)).await;
    assert_eq!(answer.status, 202);
    let kept = world.ctx.vault.list().await.unwrap();
    assert_eq!(kept.len(), 1);
    let crashed = [2, 3].map(|n: u8| format!("{n:02x}/{:032x}-{n:032x}", 1));
    // A step of a request that is there came too late, after its file was stored.
    let (request, _) = kept[0].key.split_once('/').unwrap().1.split_once('-').unwrap();
    let stale = format!("04/{request}-{:032x}", 4);
    for key in crashed.iter().map(String::as_str).chain(["somebody/else", &stale]) {
        world.ctx.vault.put(key, vec![1]).await.unwrap();
    }
    let written = kept[0].modified_at;
    let reach = |at: DateTime<chrono::Utc>| world.clock.advance(at - world.clock.now());
    reach(written + TimeDelta::minutes(59));
    assert_eq!(crate::worker::orphans::once(&world.ctx).await.unwrap(), 0, "it may be in flight");
    reach(written + TimeDelta::minutes(62));
    assert_eq!(crate::worker::orphans::once(&world.ctx).await.unwrap(), 3);
    let left = world.ctx.vault.list().await.unwrap();
    let mut left: Vec<String> = left.into_iter().map(|object| object.key).collect();
    let mut wanted = vec![kept[0].key.clone(), "somebody/else".to_owned()];
    left.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(left, wanted);
    let actions = world.actions().await;
    assert_eq!(actions.iter().filter(|action| *action == "image.orphan_deleted").count(), 2);
    assert_eq!(crate::worker::orphans::once(&world.ctx).await.unwrap(), 0);
}

const SETS: &str = "/api/v1/policy-sets";

/// The packs that come with the program, as this version.
fn proposal(version: i64) -> Value {
    let file = |(path, bytes): (String, Vec<u8>)| json!({ "path": path, "content": String::from_utf8(bytes).unwrap() });
    let files: Vec<Value> = crate::policy::builtin::files().into_iter().map(file).collect();
    json!({ "version": version, "files": files })
}

fn refusal(answer: &Answered) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_policy_set_is_put_in_force_by_two_people_and_by_nobody_else() {
    let world = world().await;
    let before = world.get(AUDITOR, SETS).await.json();
    assert_eq!(before["in_force"]["origin"], "built_in");
    assert_eq!(before["items"], json!([]));
    for token in [REVIEWER, AUDITOR, OFFICER] {
        let answer = world.post(token, SETS, &proposal(1)).await;
        assert_eq!(refusal(&answer), (403, "role".to_owned()), "{token}");
    }
    let answer = world.post(KEEPER, SETS, &proposal(1)).await;
    assert_eq!(answer.status, 201);
    let digest = answer.json()["sha256"].as_str().unwrap().to_owned();
    let read = world.get(OFFICER, &format!("{SETS}/1")).await.json();
    assert_eq!(read["files"], proposal(1)["files"]);
    assert_eq!(world.get(OFFICER, &format!("{SETS}/2")).await.status, 404);
    assert_eq!(refusal(&world.get(REVIEWER, SETS).await), (403, "role".to_owned()));
    assert_eq!(refusal(&world.get(REVIEWER, &format!("{SETS}/1")).await), (403, "role".to_owned()));

    let confirm = format!("{SETS}/1/confirm");
    let very = json!({ "sha256": digest });
    for (token, body, status, code) in [
        (KEEPER, &very, 403, "separation_of_duties"),
        (SECOND_KEEPER, &very, 403, "separation_of_duties"),
        (AUDITOR, &very, 403, "role"),
        (REVIEWER, &very, 403, "role"),
        (OFFICER, &json!({ "sha256": "0".repeat(64) }), 409, "policy_set_changed"),
    ] {
        let answer = world.post(token, &confirm, body).await;
        assert_eq!(refusal(&answer), (status, code.to_owned()), "{token}");
    }
    assert_eq!(world.get(AUDITOR, SETS).await.json()["in_force"]["origin"], "built_in");
    let answer = world.post(OFFICER, &confirm, &very).await;
    assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("in_force")));
    let after = world.get(AUDITOR, SETS).await.json();
    assert_eq!(after["in_force"], json!({ "origin": { "activated": 1 }, "sha256": digest }));
    let answer = world.post(OFFICER, &confirm, &very).await;
    assert_eq!(refusal(&answer), (409, "policy_set_confirmed".to_owned()));
    let actions = world.actions().await;
    let count = |of: &str| actions.iter().filter(|action| *action == of).count();
    assert_eq!((count("policy_set.proposed"), count("policy_set.confirmed")), (1, 1));
    assert_eq!(count("authz.denied"), 9);
}

#[tokio::test]
async fn a_proposal_is_sound_the_next_one_and_of_somebody_who_still_may() {
    let world = world().await;
    for (version, code) in [(0, "policy_set_version"), (2, "policy_set_version")] {
        let answer = world.post(KEEPER, SETS, &proposal(version)).await;
        assert_eq!(refusal(&answer), (409, code.to_owned()));
    }
    let mut bad = proposal(1);
    let files = bad["files"].as_array_mut().unwrap();
    files.retain(|file| !file["path"].as_str().unwrap().starts_with("lacris/"));
    let answer = world.post(KEEPER, SETS, &bad).await;
    assert_eq!(refusal(&answer), (422, "shape".to_owned()));
    let told = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(told.contains("`lacris` has the pack `lacris` in force"), "{told}");
    bad["files"] = json!([{ "path": "../x", "content": "" }]);
    assert_eq!(refusal(&world.post(KEEPER, SETS, &bad).await), (422, "shape".to_owned()));

    let first = world.post(KEEPER, SETS, &proposal(1)).await.json();
    let second = world.post(SECOND_KEEPER, SETS, &proposal(2)).await.json();
    let body = json!({ "sha256": first["sha256"] });
    let answer = world.post(OFFICER, &format!("{SETS}/1/confirm"), &body).await;
    assert_eq!(refusal(&answer), (409, "policy_set_superseded".to_owned()));

    let mut registry = registry();
    for account in &mut registry.accounts {
        account.account.active &= account.account.login != "second";
    }
    let sealed = world.ctx.vault.seal_registry(&SystemIds, &registry).unwrap();
    let actor = Actor::Operator { command: "registry import".to_owned() };
    let event = AuditEvent::new(world.clock.now(), actor, "registry.imported");
    world.ctx.store.add_registry([1; 32], sealed, event).await.unwrap();
    world.ctx.registry.forget();
    let body = json!({ "sha256": second["sha256"] });
    let answer = world.post(OFFICER, &format!("{SETS}/2/confirm"), &body).await;
    assert_eq!(refusal(&answer), (409, "policy_set_proposer".to_owned()));
}

#[tokio::test]
async fn a_decision_has_one_policy_set_whatever_comes_into_force_meanwhile() {
    let world = world().await;
    let deciding = world.ctx.with_one_policy_set().await.unwrap();
    let before = deciding.policies().await.unwrap();
    world.ctx.policies.reread(Ok(crate::policy::builtin::load(world.clock.now()).unwrap()));
    assert!(Arc::ptr_eq(&before, &deciding.policies().await.unwrap()));
    assert!(!Arc::ptr_eq(&before, &world.ctx.policies().await.unwrap()));
}

#[tokio::test]
async fn a_request_is_explained_to_the_people_of_its_unit_and_that_is_recorded() {
    let world = world().await;
    let receipt = world.post(AGENCY, REQUESTS, &form("explained", 9)).await.json();
    let path = format!("{REQUESTS}/{}/explanation", receipt["request"].as_str().unwrap());
    let told = world.get(KEEPER, &path).await;
    assert_eq!(told.status, 200);
    let rules = told.json()["rules"].as_array().unwrap().len();
    assert!(rules > 20, "{rules}");
    assert_eq!(world.get(AUDITOR, &format!("{path}?gate=dispatch")).await.status, 200);
    for (token, path, wanted) in [
        (REVIEWER, path.clone(), (403, "role")),
        (AGENCY, path.clone(), (401, "unauthorized")),
        (KEEPER, format!("{path}?gate=conclude"), (400, "query")),
        (KEEPER, format!("{REQUESTS}/r-{:032x}/explanation", 7), (404, "not_found")),
    ] {
        let (status, code) = refusal(&world.get(token, &path).await);
        assert_eq!((status, code.as_str()), wanted, "{path}");
    }
    let actions = world.actions().await;
    let explained = actions.iter().filter(|action| *action == "search_request.explained");
    assert_eq!(explained.count(), 2);
}

/// A request of the unit that waits with nobody to take it, whose page told the duty desk: the page's id.
async fn waiting_page(world: &World) -> String {
    let sent = form("24-9", 9);
    let receipt = world.keyed(AGENCY, REQUESTS, "key-9", &sent).await.json();
    let request = receipt["request"].as_str().unwrap().parse().unwrap();
    let (store, now) = (&world.ctx.store, world.clock.now());
    for (version, stage) in [(1, Stage::Accepted), (2, Stage::Queued)] {
        let update = RequestUpdate::stage(request, version, stage, now, None);
        let applied = store.apply(Change::update(update, Vec::new())).await.unwrap();
        assert_eq!(applied, Applied::Now);
    }
    let page = store.pages(&"lacris".parse().unwrap(), false, 9).await.unwrap().remove(0);
    let mut told = Change::audited(Vec::new());
    told.pages.push(PageChange::Begun(NewAttempt {
        id: PageAttemptId::new(world.ctx.ids.id()),
        page: page.id,
        step: 0,
        target: Target::Webhook("duty-desk".to_owned()),
        available_at: now,
        at: now,
    }));
    assert_eq!(store.apply(told).await.unwrap(), Applied::Now);
    page.id.to_string()
}

impl World {
    async fn reply(&self, name: &str, at: DateTime<chrono::Utc>, body: &Value) -> Answered {
        let body = body.to_string();
        let signature = crate::paging::signed::sign(PAGE_SECRET, at, body.as_bytes()).unwrap();
        let request = Request::post(format!("/api/v1/page-callbacks/{name}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("Leadbroker-Timestamp", at.timestamp().to_string())
            .header("Leadbroker-Signature", signature);
        self.send(request.body(Body::from(body)).unwrap()).await
    }
}

#[tokio::test]
async fn a_page_is_read_and_acknowledged_by_the_units_people() {
    let world = world().await;
    let page = waiting_page(&world).await;
    let path = format!("/api/v1/pages/{page}");
    let list = world.get(REVIEWER, "/api/v1/pages").await;
    assert_eq!((list.status, &list.json()["items"][0]["page"]), (200, &json!(page)));
    assert_eq!(world.get(REVIEWER, "/api/v1/pages?all=maybe").await.code().0, 400);
    // Who else was told is for those who keep the duty.
    for (token, attempts) in [(REVIEWER, 0), (AUDITOR, 1), (KEEPER, 1)] {
        let shown = world.get(token, &path).await.json();
        assert_eq!(shown["attempts"].as_array().unwrap().len(), attempts, "{shown}");
        assert_eq!(
            (&shown["state"], &shown["cause"]),
            (&json!("open"), &json!("nobody_available"))
        );
    }
    assert_eq!(world.get(AGENCY, &path).await.status, 401);
    let acknowledge = format!("{path}/acknowledgement");
    let refused = world.post(AUDITOR, &acknowledge, &json!(null)).await;
    assert_eq!(refused.code(), (403, "role".to_owned()));
    let done = world.post(REVIEWER, &acknowledge, &json!(null)).await;
    assert_eq!((done.status, &done.json()["state"]), (200, &json!("acknowledged")));
    let missing = format!("/api/v1/pages/pg-{:032x}", 1);
    assert_eq!(world.get(REVIEWER, &missing).await.status, 404);
    let actions = world.actions().await;
    assert!(actions.contains(&"page.acknowledged".to_owned()), "{actions:?}");
}

#[tokio::test]
async fn a_destinations_reply_counts_once_and_only_with_its_signature() {
    let world = world().await;
    let page = waiting_page(&world).await;
    let now = world.clock.now();
    let body = json!({ "page": page, "action": "acknowledge" });
    let signature = (401, "signature".to_owned());
    for late in [TimeDelta::minutes(6), TimeDelta::minutes(-6)] {
        assert_eq!(world.reply("duty-desk", now + late, &body).await.code(), signature);
    }
    assert_eq!(world.reply("nobody", now, &body).await.code(), signature);
    let unsigned = Request::post("/api/v1/page-callbacks/duty-desk")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()));
    assert_eq!(world.send(unsigned.unwrap()).await.code(), signature);
    let other = json!({ "page": page, "action": "resolve" });
    assert_eq!(world.reply("duty-desk", now, &other).await.code().0, 422);
    let unknown = json!({ "page": format!("pg-{:032x}", 1), "action": "acknowledge" });
    assert_eq!(world.reply("duty-desk", now, &unknown).await.code().0, 404);

    let done = world.reply("duty-desk", now, &body).await;
    assert_eq!((done.status, &done.json()["acknowledged_by"]), (200, &json!("webhook:duty-desk")));
    assert_eq!(world.reply("duty-desk", now, &body).await.code(), (409, "replayed".to_owned()));
    let later = world.reply("duty-desk", now + TimeDelta::seconds(1), &body).await;
    assert_eq!(later.status, 200, "a new reply is a new acknowledgement");
}

#[tokio::test]
async fn a_test_case_is_the_administrators_and_no_request_of_the_agency() {
    use crate::domain::known_answer::{Comparison, ExaminationStep, Scored};
    let world = world().await;
    let path = "/api/v1/known-answers";
    let body = json!({ "form": form("24-000001", 1), "expected": { "outcome": "no_match" } });
    for token in [REVIEWER, OFFICER, AUDITOR] {
        assert_eq!(world.post(token, path, &body).await.code(), (403, "role".to_owned()));
    }
    for token in [REVIEWER, OFFICER] {
        assert_eq!(world.get(token, path).await.code(), (403, "role".to_owned()));
    }
    let answer = world.post(KEEPER, path, &body).await;
    assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("received")));
    assert!(!answer.headers.contains_key(header::LOCATION), "the agency's path is not for it");
    let request: crate::domain::RequestId =
        answer.json()["request"].as_str().unwrap().parse().unwrap();
    assert_eq!(world.post(KEEPER, path, &body).await.code(), (409, "repeat".to_owned()));
    for (member, value) in [("form", json!(7)), ("expected", json!({ "outcome": "inconclusive" }))]
    {
        let mut wrong = body.clone();
        wrong[member] = value;
        assert_eq!(world.post(KEEPER, path, &wrong).await.status, 422, "{member}");
    }
    let mut wrong = body.clone();
    wrong["form"]["requesting_agency"] = json!("CA0191111");
    let answer = world.post(KEEPER, path, &wrong).await;
    assert_eq!(
        answer.json()["errors"][0]["code"],
        "agency_unknown",
        "a suspended one sends nothing"
    );

    let own = format!("{REQUESTS}/{request}");
    assert_eq!(world.get(AGENCY, &own).await.status, 404);
    assert_eq!(world.get(AGENCY, REQUESTS).await.json()["items"], json!([]));
    // The agency's own submission of the same case is a new request.
    let sent = world.post(AGENCY, REQUESTS, &body["form"]).await;
    assert_eq!((sent.status, &sent.json()["duplicate_of"]), (202, &Value::Null));
    assert_eq!(world.get(AGENCY, REQUESTS).await.json()["items"].as_array().unwrap().len(), 1);

    let scored = [Scored {
        account: crate::domain::AccountId::new(uuid::Uuid::from_u128(1)),
        step: ExaminationStep::First,
        comparison: Comparison::Agrees,
        at: world.clock.now(),
    }];
    let told = world.get(AUDITOR, path).await.json();
    assert_eq!(told["cases"][0]["conclusions"], json!([]));
    let mut change = Change::audited(Vec::new());
    change.known_answer = Some(crate::store::KnownAnswerWrite::Concluded {
        request,
        result: world.ctx.vault.seal_known_answer(&SystemIds, request, &scored).unwrap(),
        at: world.clock.now(),
    });
    let _ = world.ctx.store.apply(change).await.unwrap();
    let told = world.get(KEEPER, path).await.json();
    assert_eq!(told["cases"][0]["conclusions"][0]["comparison"], "agrees");
    assert_eq!(
        told["people"][0]["error_rate"],
        json!({ "count": 0, "of": 1, "low": 0.0, "high": 0.793 })
    );
    let reads = world.actions().await.into_iter().filter(|action| action == "known_answers.read");
    assert_eq!(reads.count(), 2);
}
