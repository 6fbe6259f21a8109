use uuid::Uuid;

use super::*;
use crate::id_source::SystemIds;

fn vault(byte: u8) -> (Vault, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let images = ImageStore::folder(folder.path()).unwrap();
    (Vault::new(MasterKey::new(&[byte; 32]).unwrap(), images), folder)
}

fn request(n: u128) -> RequestId {
    RequestId::new(Uuid::from_u128(n))
}

#[test]
fn what_is_sealed_opens_only_at_its_place() {
    let (vault, _folder) = vault(1);
    let key = vault.new_request_key(&SystemIds, request(1)).unwrap();
    let sealed = vault.seal(&SystemIds, &key, ("r-1", "form"), b"case 24-1").unwrap();
    assert_eq!(vault.open(&key, ("r-1", "form"), &sealed).unwrap(), b"case 24-1");
    assert!(vault.open(&key, ("r-2", "form"), &sealed).is_err());
    assert!(vault.open(&key, ("r-1", "record"), &sealed).is_err());
    let other = vault.new_request_key(&SystemIds, request(1)).unwrap();
    assert!(vault.open(&other, ("r-1", "form"), &sealed).is_err());
}

#[test]
fn every_changed_or_missing_byte_is_found() {
    let (vault, _folder) = vault(1);
    let key = vault.new_request_key(&SystemIds, request(1)).unwrap();
    let sealed = vault.seal(&SystemIds, &key, ("r-1", "form"), b"case 24-1").unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(vault.open(&key, ("r-1", "form"), &changed).is_err(), "byte {at}");
        assert!(vault.open(&key, ("r-1", "form"), &sealed[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_wrapped_key_opens_only_for_its_request_and_master() {
    let (one, _folder) = vault(1);
    let (two, _other) = vault(2);
    let key = one.new_request_key(&SystemIds, request(1)).unwrap();
    let wrapped = one.wrap(&SystemIds, &key, request(1)).unwrap();
    assert_eq!(one.unwrap(&wrapped, request(1)).unwrap().bytes(), key.bytes());
    assert!(one.unwrap(&wrapped, request(2)).is_err());
    assert!(two.unwrap(&wrapped, request(1)).is_err());
}

#[test]
fn look_ups_differ_by_domain_and_key() {
    let (one, _folder) = vault(1);
    let (two, _other) = vault(2);
    assert_eq!(one.lookup_hash("case", "24-1"), one.lookup_hash("case", "24-1"));
    assert_ne!(one.lookup_hash("case", "24-1"), one.lookup_hash("image", "24-1"));
    assert_ne!(one.lookup_hash("case", "24-1"), two.lookup_hash("case", "24-1"));
}

#[test]
fn keys_cannot_be_printed() {
    let (vault, _folder) = vault(0xab);
    let text = format!("{vault:?}");
    assert!(!text.contains("171") && !text.contains("ab, ab"), "{text}");
}

#[tokio::test]
async fn images_come_back_and_go_away() {
    let (vault, folder) = vault(1);
    vault.put("a/b", b"sealed".to_vec()).await.unwrap();
    assert_eq!(vault.get("a/b").await.unwrap(), b"sealed");
    vault.delete("a/b").await.unwrap();
    vault.delete("a/b").await.unwrap();
    assert!(matches!(vault.get("a/b").await, Err(VaultError::Missing)));
    vault.ping().await.unwrap();
    drop(folder);
}
