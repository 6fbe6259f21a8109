//! The hashes that sign requests to an S3-compatible store, by OpenSSL like everything else.

use object_store::client::{
    CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, Signer, SigningAlgorithm,
};
use openssl::hash::{Hasher, MessageDigest};
use openssl::pkey::PKey;

/// What the S3 client asks of a cryptographic library.
#[derive(Debug)]
pub(super) struct OpensslCrypto;

fn fault(what: &'static str) -> object_store::Error {
    object_store::Error::Generic { store: "S3", source: what.into() }
}

fn only_sha256(algorithm: &DigestAlgorithm) -> object_store::Result<()> {
    match algorithm {
        DigestAlgorithm::Sha256 => Ok(()),
        _ => Err(fault("only SHA-256 signs requests")),
    }
}

impl CryptoProvider for OpensslCrypto {
    fn digest(&self, algorithm: DigestAlgorithm) -> object_store::Result<Box<dyn DigestContext>> {
        only_sha256(&algorithm)?;
        Ok(Box::new(Gathered { key: None, data: Vec::new(), result: Vec::new() }))
    }

    fn hmac(
        &self,
        algorithm: DigestAlgorithm,
        secret: &[u8],
    ) -> object_store::Result<Box<dyn HmacContext>> {
        only_sha256(&algorithm)?;
        Ok(Box::new(Gathered { key: Some(secret.to_vec()), data: Vec::new(), result: Vec::new() }))
    }

    fn sign(&self, _: SigningAlgorithm, _: &[u8]) -> object_store::Result<Box<dyn Signer>> {
        Err(fault("no store that leadbroker speaks to wants an RSA signature"))
    }
}

/// Data gathered until the end. An image is at most some MiB, and is in memory anyway.
struct Gathered {
    key: Option<Vec<u8>>,
    data: Vec<u8>,
    result: Vec<u8>,
}

impl Gathered {
    fn end(&mut self) -> Result<(), openssl::error::ErrorStack> {
        self.result = match &self.key {
            None => {
                let mut hasher = Hasher::new(MessageDigest::sha256())?;
                hasher.update(&self.data)?;
                hasher.finish()?.to_vec()
            }
            Some(key) => {
                let key = PKey::hmac(key)?;
                openssl::sign::Signer::new(MessageDigest::sha256(), &key)?
                    .sign_oneshot_to_vec(&self.data)?
            }
        };
        Ok(())
    }
}

impl DigestContext for Gathered {
    fn update(&mut self, data: &[u8]) {
        self.data.extend_from_slice(data);
    }

    fn finish(&mut self) -> object_store::Result<&[u8]> {
        self.end().map_err(|_| fault("OpenSSL did not hash"))?;
        Ok(&self.result)
    }
}

impl HmacContext for Gathered {
    fn update(&mut self, data: &[u8]) {
        self.data.extend_from_slice(data);
    }

    fn finish(&mut self) -> object_store::Result<&[u8]> {
        self.end().map_err(|_| fault("OpenSSL did not hash"))?;
        Ok(&self.result)
    }
}
