//! Verified encryption to a server.

use std::pin::Pin;

use openssl::error::ErrorStack;
use openssl::ssl::{ErrorCode, SslConnector, SslMethod, SslVersion};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509VerifyResult};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use super::session::Failure;
use crate::mail::delivery::{Cause, Phase, TlsRefusal};

/// `X509_V_ERR_CERT_NOT_YET_VALID`
const NOT_YET_VALID: i32 = 9;
/// `X509_V_ERR_CERT_HAS_EXPIRED`
const EXPIRED: i32 = 10;
/// `X509_V_ERR_HOSTNAME_MISMATCH`
const OTHER_HOST: i32 = 62;
/// `X509_V_ERR_IP_ADDRESS_MISMATCH`
const OTHER_ADDRESS: i32 = 64;

/// A connector that verifies, with TLS 1.2 or later. With `authorities` (PEM), only they are
/// trusted; without, those of the system.
pub(super) fn connector(authorities: Option<&[u8]>) -> Result<SslConnector, ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    if let Some(pem) = authorities {
        let mut store = X509StoreBuilder::new()?;
        for authority in X509::stack_from_pem(pem)? {
            store.add_cert(authority)?;
        }
        builder.set_cert_store(store.build());
    }
    Ok(builder.build())
}

/// Encrypts `stream` and checks that the server is `name`.
pub(super) async fn encrypt(
    connector: &SslConnector,
    name: &str,
    stream: TcpStream,
) -> Result<SslStream<TcpStream>, Failure> {
    let handshake = |_| Failure::Tls(TlsRefusal::Handshake);
    let ssl = connector
        .configure()
        .and_then(|configuration| configuration.into_ssl(name))
        .map_err(handshake)?;
    let mut stream = SslStream::new(ssl, stream).map_err(handshake)?;
    match Pin::new(&mut stream).connect().await {
        Ok(()) => Ok(stream),
        Err(error) => Err(refusal(stream.ssl().verify_result(), error.code())),
    }
}

fn refusal(verified: X509VerifyResult, code: ErrorCode) -> Failure {
    if verified != X509VerifyResult::OK {
        return Failure::Tls(match verified.as_raw() {
            NOT_YET_VALID | EXPIRED => TlsRefusal::CertificateExpired,
            OTHER_HOST | OTHER_ADDRESS => TlsRefusal::CertificateName,
            _ => TlsRefusal::CertificateUntrusted,
        });
    }
    if code == ErrorCode::SSL {
        Failure::Tls(TlsRefusal::Handshake)
    } else {
        Failure::At(Phase::Tls, Cause::Connection)
    }
}
