//! Keys of a demonstration: a small authority, the unit's signing certificate, a recipient's key.

use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use super::DemoError;
use crate::id_source::IdSource;
use crate::mail::MailAddress;
use crate::mail::authority::{Authority, CertificateUse, KeyKind, Validity};
use crate::vault::SigningKey;

/// Files with the demonstration's keys.
#[derive(Clone)]
pub struct Keys {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// The unit's certificate for answers.
    pub unit_certificate: PathBuf,
    /// The unit's key, PEM.
    pub unit_key: String,
    /// The recipient's certificate.
    pub recipient_certificate: PathBuf,
    /// The recipient's key.
    pub recipient_key: PathBuf,
    /// The recipient's certificate, PEM.
    pub recipient_pem: String,
    /// Signing key of log and releases, PEM.
    pub signing_key: String,
    /// Master key, hexadecimal.
    pub master_key: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("ca", &self.ca)
            .field("unit_certificate", &self.unit_certificate)
            .field("recipient_certificate", &self.recipient_certificate)
            .finish_non_exhaustive()
    }
}

/// Sender of the demonstration's answers.
pub(super) const FROM: &str = "answers@leadbroker.example.gov";

impl Keys {
    /// Makes all keys below `folder`.
    pub fn make(
        folder: &Path,
        recipient: &str,
        ids: &dyn IdSource,
        now: DateTime<Utc>,
    ) -> Result<Self, DemoError> {
        std::fs::create_dir_all(folder)?;
        let validity =
            Validity { from: now - TimeDelta::hours(1), until: now + TimeDelta::days(365) };
        let fault =
            |error: crate::mail::authority::AuthorityError| DemoError::Keys(error.to_string());
        let address = |text: &str| {
            text.parse::<MailAddress>().map_err(|_| DemoError::Keys("an address".to_owned()))
        };
        let authority =
            Authority::new("Sample Certificate Authority", KeyKind::P256, validity, ids)
                .map_err(fault)?;
        let unit = authority
            .issue(CertificateUse::MailSigning(&address(FROM)?), KeyKind::P256, validity, ids)
            .map_err(fault)?;
        let person = authority
            .issue(
                CertificateUse::MailEncryption(&address(recipient)?),
                KeyKind::Rsa3072,
                validity,
                ids,
            )
            .map_err(fault)?;
        let mut master = [0; 32];
        ids.fill(&mut master)?;
        let signing = SigningKey::generate()?;
        let text = |pem: Vec<u8>| String::from_utf8_lossy(&pem).into_owned();
        let keys = Self {
            ca: folder.join("ca.pem"),
            unit_certificate: folder.join("answers.pem"),
            unit_key: text(unit.key_pem().map_err(fault)?),
            recipient_certificate: folder.join("recipient.pem"),
            recipient_key: folder.join("recipient.key"),
            recipient_pem: text(person.certificate_pem().map_err(fault)?),
            signing_key: text(signing.to_pem()?),
            master_key: hex::encode(master),
        };
        std::fs::write(&keys.ca, authority.root().certificate_pem().map_err(fault)?)?;
        std::fs::write(&keys.unit_certificate, unit.certificate_pem().map_err(fault)?)?;
        std::fs::write(&keys.recipient_certificate, &keys.recipient_pem)?;
        write_secret(&keys.recipient_key, &person.key_pem().map_err(fault)?)?;
        Ok(keys)
    }
}

/// Writes a file that only its owner may read.
pub(super) fn write_secret(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)
}
