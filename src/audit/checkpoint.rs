//! Signed checkpoints, in the form of C2SP's signed notes: size and root of the log, signed with Ed25519.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::pkey::{PKey, Private, Public};
use openssl::sign::{Signer, Verifier};

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root over them.
    pub root: [u8; 32],
}

/// A checkpoint could not be made or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// OpenSSL did not sign.
    #[error("sign a checkpoint of the audit log")]
    Sign,
    /// It is no note.
    #[error("a checkpoint has four lines and a signature line that begins with `— `")]
    Form,
    /// The signature is not by this key.
    #[error("the checkpoint's signature is not by this log's key")]
    Signature,
}

/// A signed checkpoint as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note(String);

impl Note {
    /// Wraps a text, unverified.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Verifies the signature and reads the checkpoint.
    pub fn open(&self, key: &PKey<Public>) -> Result<Checkpoint, CheckpointError> {
        let (body, signature) = self.0.split_once("\n\n— ").ok_or(CheckpointError::Form)?;
        let body = format!("{body}\n");
        let mut lines = body.lines();
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Form);
        };
        let checkpoint = Checkpoint {
            origin: origin.to_owned(),
            size: size.parse().map_err(|_| CheckpointError::Form)?,
            root: STANDARD
                .decode(root)
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or(CheckpointError::Form)?,
        };
        // Only the one way of writing it is right, else a changed byte might say the same.
        let canonical = signature.strip_suffix('\n').and_then(|line| {
            let (name, value) = line.split_once(' ')?;
            let bytes = STANDARD.decode(value).ok()?;
            let (hint, signature) = bytes.split_at_checked(4)?;
            (name == checkpoint.origin && hint == key_hint(&checkpoint.origin, key).ok()?)
                .then(|| signature.to_vec())
        });
        let signature = canonical.ok_or(CheckpointError::Form)?;
        if body != checkpoint.body() {
            return Err(CheckpointError::Form);
        }
        let mut verifier = Verifier::new_without_digest(key).map_err(|_| CheckpointError::Sign)?;
        match verifier.verify_oneshot(&signature, body.as_bytes()) {
            Ok(true) => Ok(checkpoint),
            Ok(false) | Err(_) => Err(CheckpointError::Signature),
        }
    }
}

/// First four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key): which key signed, as C2SP's signed notes have it.
fn key_hint(origin: &str, key: &PKey<Public>) -> Result<[u8; 4], CheckpointError> {
    let raw = key.raw_public_key().map_err(|_| CheckpointError::Sign)?;
    let mut sha = openssl::sha::Sha256::new();
    sha.update(origin.as_bytes());
    sha.update(&[0x0a, 0x01]);
    sha.update(&raw);
    let [a, b, c, d, ..] = sha.finish();
    Ok([a, b, c, d])
}

impl Checkpoint {
    fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Signs it.
    pub fn sign(&self, key: &PKey<Private>) -> Result<Note, CheckpointError> {
        let body = self.body();
        let raw = key.raw_public_key().map_err(|_| CheckpointError::Sign)?;
        let public = PKey::public_key_from_raw_bytes(&raw, openssl::pkey::Id::ED25519)
            .map_err(|_| CheckpointError::Sign)?;
        let mut signer = Signer::new_without_digest(key).map_err(|_| CheckpointError::Sign)?;
        let signature =
            signer.sign_oneshot_to_vec(body.as_bytes()).map_err(|_| CheckpointError::Sign)?;
        let mut value = key_hint(&self.origin, &public)?.to_vec();
        value.extend(signature);
        Ok(Note(format!("{body}\n— {} {}\n", self.origin, STANDARD.encode(value))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_opens_with_its_key_only() {
        let key = PKey::generate_ed25519().unwrap();
        let raw = key.raw_public_key().unwrap();
        let public = PKey::public_key_from_raw_bytes(&raw, openssl::pkey::Id::ED25519).unwrap();
        let checkpoint =
            Checkpoint { origin: "log.example.gov".to_owned(), size: 7, root: [3; 32] };
        let note = checkpoint.sign(&key).unwrap();
        assert_eq!(note.open(&public).unwrap(), checkpoint);
        for at in 0..note.as_str().len() {
            let mut bytes = note.as_str().as_bytes().to_vec();
            bytes[at] ^= 1;
            if let Ok(text) = String::from_utf8(bytes) {
                assert!(Note::new(text).open(&public).is_err(), "byte {at}");
            }
        }
    }
}
