use chrono::DateTime;
use openssl::pkey::{PKey, Private};
use proptest::prelude::*;

use super::*;
use crate::audit::{Actor, AuditEntry, AuditEvent, entry_line, header_line, note_line};

fn key() -> PKey<Private> {
    PKey::private_key_from_raw_bytes(&[7; 32], Id::ED25519).unwrap()
}

/// An export of `count` entries with a checkpoint behind every `every`-th, and one at the end.
fn export(count: u64, every: u64) -> Vec<String> {
    let key = key();
    let header = Header::new("log.example.gov", &key.raw_public_key().unwrap());
    let mut lines = vec![header_line(&header).unwrap()];
    let mut frontier = Frontier::default();
    for seq in 0..count {
        let actor = Actor::System { stage: "check".to_owned() };
        let event = AuditEvent::new(
            DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
            actor,
            "search_request.accepted",
        )
        .clause("LACRIS-PUR-4")
        .detail("n", &seq.to_string());
        let body = AuditEntry::new(seq, event).canonical().unwrap();
        frontier.append(leaf_hash(&body));
        lines.push(entry_line(std::str::from_utf8(&body).unwrap()).unwrap());
        if (seq + 1) % every == 0 || seq + 1 == count {
            let checkpoint = Checkpoint {
                origin: "log.example.gov".to_owned(),
                size: seq + 1,
                root: frontier.root(),
            };
            lines.push(note_line(&checkpoint.sign(&key).unwrap()).unwrap());
        }
    }
    lines
}

fn check(lines: &[String]) -> Result<Verified, Broken> {
    verify(lines.iter().map(String::as_str), None, &[])
}

/// The number of the entry in a line, if it is one.
fn number(line: &str) -> Option<u64> {
    serde_json::from_str::<EntryLine>(line).ok().map(|line| line.entry.seq)
}

#[test]
fn a_sound_export_verifies() {
    let lines = export(10, 4);
    let verified = check(&lines).unwrap();
    assert_eq!((verified.size, verified.checkpoints, verified.key_pinned), (10, 3, false));
    let raw = key().raw_public_key().unwrap();
    assert!(verify(lines.iter().map(String::as_str), Some(&raw), &[]).unwrap().key_pinned);
    assert!(verify(lines.iter().map(String::as_str), Some(&[0; 32]), &[]).is_err());
}

#[test]
fn an_entry_rewritten_with_its_hash_is_found_by_the_next_checkpoint() {
    let mut lines = export(10, 4);
    let mut line: EntryLine = serde_json::from_str(&lines[2]).unwrap();
    line.entry.event.action = "nothing.happened".to_owned();
    line.leaf = hex::encode(leaf_hash(&line.entry.canonical().unwrap()));
    lines[2] = canonical(&line).unwrap();
    let broken = check(&lines).unwrap_err();
    assert_eq!(broken.entry, Some(0));
    assert!(broken.what.contains("0 to 3"), "{broken}");
}

#[test]
fn a_truncated_log_is_found_by_a_checkpoint_that_an_agency_holds() {
    let whole = export(10, 4);
    let raw =
        PKey::public_key_from_raw_bytes(&key().raw_public_key().unwrap(), Id::ED25519).unwrap();
    let last: NoteLine = serde_json::from_str(whole.last().unwrap()).unwrap();
    let held = Note::new(last.checkpoint).open(&raw).unwrap();
    let short = export(8, 4);
    assert!(check(&short).is_ok());
    assert!(verify(short.iter().map(String::as_str), None, std::slice::from_ref(&held)).is_err());
    assert!(verify(whole.iter().map(String::as_str), None, &[held]).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_changed_byte_is_found_and_its_entry_named(count in 1u64..20, every in 1u64..7, at in any::<prop::sample::Index>(), bit in 0u8..7) {
        let lines = export(count, every);
        let place = at.index(lines.len());
        let mut bytes = lines[place].clone().into_bytes();
        let byte = at.index(bytes.len());
        bytes[byte] ^= 1 << bit;
        prop_assume!(bytes[byte] != b'\n');
        let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
        let mut bad = lines.clone();
        bad[place] = changed;
        let broken = check(&bad).unwrap_err();
        // A header with another origin or key is found where the first checkpoint contradicts it.
        prop_assert!(broken.line == place + 1 || place == 0);
        if let Some(number) = number(&lines[place]) {
            prop_assert_eq!(broken.entry, Some(number));
        }
    }

    #[test]
    fn any_removed_line_is_found(count in 1u64..20, every in 1u64..7, at in any::<prop::sample::Index>()) {
        let lines = export(count, every);
        let place = at.index(lines.len());
        let mut bad = lines.clone();
        let removed = bad.remove(place);
        // A checkpoint inside the log is a convenience: the log is proved by the one behind it.
        let inner = number(&removed).is_none() && place != 0 && place + 1 != lines.len();
        prop_assert_eq!(check(&bad).is_ok(), inner);
        if let Some(number) = number(&removed) && !inner {
            let named = check(&bad).unwrap_err().entry;
            prop_assert!(named.is_none() || named == Some(number), "{named:?} for {number}");
        }
    }

    #[test]
    fn any_added_or_swapped_entry_is_found(count in 2u64..20, every in 1u64..7, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let lines = export(count, every);
        let entries: Vec<usize> = (0..lines.len()).filter(|place| number(&lines[*place]).is_some()).collect();
        let (a, b) = (entries[a.index(entries.len())], entries[b.index(entries.len())]);
        let mut twice = lines.clone();
        twice.insert(b, lines[a].clone());
        prop_assert!(check(&twice).is_err());
        if a != b {
            let mut swapped = lines.clone();
            swapped.swap(a, b);
            let broken = check(&swapped).unwrap_err();
            prop_assert_eq!(broken.entry, number(&lines[a.min(b)]));
        }
    }
}
