//! The image store over S3, against a server that checks what AWS checks: the signature (version 4) over every request.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use leadbroker::vault::{ImageStore, MasterKey, S3Settings, StoredObject, Vault, VaultError};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

const SECRET: &str = "sample-secret";

type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

fn hmac(key: &[u8], data: &str) -> Vec<u8> {
    let key = PKey::hmac(key).unwrap();
    Signer::new(MessageDigest::sha256(), &key)
        .unwrap()
        .sign_oneshot_to_vec(data.as_bytes())
        .unwrap()
}

/// Computes the signature as the specification has it, from what arrived.
fn signature_fits(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> bool {
    let header =
        |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let authorization = header("authorization");
    let part = |name: &str| {
        let rest = authorization.split(&format!("{name}=")).nth(1).unwrap_or_default();
        rest.split([',', ' ']).next().unwrap_or_default().to_owned()
    };
    let (scope, signed, given) = (part("Credential"), part("SignedHeaders"), part("Signature"));
    let digest = hex::encode(openssl::sha::sha256(body));
    let payload = header("x-amz-content-sha256");
    if payload != digest && payload != "UNSIGNED-PAYLOAD" {
        return false;
    }
    let lines: Vec<String> =
        signed.split(';').map(|name| format!("{name}:{}", header(name).trim())).collect();
    let lines = lines.join(
        "
",
    ) + "
";
    // A parameter without a value is written with its equals sign.
    let query: Vec<String> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| if part.contains('=') { part.to_owned() } else { format!("{part}=") })
        .collect();
    let canonical =
        format!("{method}\n{}\n{}\n{lines}\n{signed}\n{payload}", uri.path(), query.join("&"));
    let scope: Vec<&str> = scope.split('/').skip(1).collect();
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{}\n{}",
        header("x-amz-date"),
        scope.join("/"),
        hex::encode(openssl::sha::sha256(canonical.as_bytes()))
    );
    let key = scope.iter().fold(format!("AWS4{SECRET}").into_bytes(), |key, part| hmac(&key, part));
    hex::encode(hmac(&key, &text)) == given
}

async fn answer(
    State(objects): State<Objects>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !signature_fits(&method, &uri, &headers, &body) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut objects = objects.lock().unwrap();
    let path = uri.path().to_owned();
    let dated = [("last-modified", "Sat, 21 Nov 2026 06:00:00 GMT"), ("etag", "\"1\"")];
    match method {
        Method::PUT => {
            objects.insert(path, body.to_vec());
            (dated, "").into_response()
        }
        Method::GET if uri.query().is_some_and(|query| query.contains("list-type=2")) => {
            let entry = |(name, bytes): (&String, &Vec<u8>)| {
                let key = name.strip_prefix("/probes/").unwrap();
                let size = bytes.len();
                format!(
                    "<Contents><Key>{key}</Key><LastModified>2026-11-21T06:00:00.000Z</LastModified><ETag>\"1\"</ETag><Size>{size}</Size></Contents>"
                )
            };
            let entries: String = objects.iter().map(entry).collect();
            format!(
                "<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
            )
            .into_response()
        }
        Method::GET | Method::HEAD => match objects.get(&path) {
            Some(bytes) => (dated, bytes.clone()).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        // The client deletes by list: a POST with the keys.
        Method::POST if uri.query() == Some("delete") => {
            let asked = String::from_utf8_lossy(&body).into_owned();
            let keys = asked.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
            let mut told = String::from("<DeleteResult>");
            for key in keys {
                objects.remove(&format!("{path}/{key}"));
                told.push_str("<Deleted><Key>");
                told.push_str(key);
                told.push_str("</Key></Deleted>");
            }
            told.push_str("</DeleteResult>");
            told.into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

async fn vault(secret: &str) -> (Vault, Objects) {
    let objects = Objects::default();
    let app = axum::Router::new().fallback(answer).with_state(Arc::clone(&objects));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio_util::task::TaskTracker::new().spawn(async move { axum::serve(listener, app).await });
    let images = ImageStore::s3(&S3Settings {
        bucket: "probes".to_owned(),
        endpoint,
        region: "us-east-1".to_owned(),
        access_key: "sample".to_owned(),
        secret_key: secret.to_owned(),
        allow_http: true,
    })
    .unwrap();
    (Vault::new(MasterKey::new(&[1; 32]).unwrap(), images), objects)
}

#[tokio::test]
async fn images_come_back_and_go_away_over_signed_requests() {
    let (vault, objects) = vault(SECRET).await;
    let sealed: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    vault.put("a/b", sealed.clone()).await.unwrap();
    assert_eq!(objects.lock().unwrap().get("/probes/a/b"), Some(&sealed));
    assert_eq!(vault.get("a/b").await.unwrap(), sealed);
    vault.ping().await.unwrap();
    let listed = vault.list().await.unwrap();
    let written: chrono::DateTime<chrono::Utc> = "2026-11-21T06:00:00Z".parse().unwrap();
    assert_eq!(listed, [StoredObject { key: "a/b".to_owned(), modified_at: written }]);
    vault.delete("a/b").await.unwrap();
    vault.delete("a/b").await.unwrap();
    assert!(matches!(vault.get("a/b").await, Err(VaultError::Missing)));
}

#[tokio::test]
async fn a_wrong_secret_stores_nothing() {
    let (vault, objects) = vault("another").await;
    assert!(matches!(vault.put("a/b", vec![1]).await, Err(VaultError::Store(_))));
    assert!(objects.lock().unwrap().is_empty());
}
