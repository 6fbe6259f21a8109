//! What the embedded typeface can print, and how everything else is spelled out.
//!
//! PDF/A and PDF/UA refuse a glyph that the font lacks, so a character outside of it is printed as
//! its code point, `[U+4E2D]`: it neither fails the document nor vanishes from it.

use std::fmt::Write as _;

use serde_json::Value;

use super::render::ReportError;
use super::world::{TYPEFACE, fonts};

/// Longest text of one field, in characters.
const MAX_TEXT: usize = 8_000;
/// Longest list.
const MAX_ITEMS: usize = 64;

/// The text as it can be printed. Line feeds stay.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\n' | '\r' => out.push('\n'),
            '\t' => out.push(' '),
            _ if has_glyph(c) => out.push(c),
            // Writing to a String cannot fail.
            _ => _ = write!(out, "[U+{:04X}]", u32::from(c)),
        }
    }
    out
}

/// Whether every face of the typeface has a glyph that shows the character as itself.
fn has_glyph(c: char) -> bool {
    if is_unseen(c) {
        return false;
    }
    let book = fonts().book();
    let mut faces = book.select_family(TYPEFACE).peekable();
    faces.peek().is_some()
        && faces
            .all(|face| book.info(face).is_some_and(|info| info.coverage.contains(u32::from(c))))
}

/// Controls, what turns the reading direction, what has no width, and what has no agreed meaning.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e000}'..='\u{f8ff}'
            | '\u{e0000}'..='\u{10ffff}')
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Makes every text of `value` printable and checks its size. Mandated statements are not touched:
/// one that cannot be printed as it stands is refused.
pub(super) fn prepare(value: &mut Value) -> Result<(), ReportError> {
    prepare_at(value, "", false)
}

fn prepare_at(value: &mut Value, path: &str, mandated: bool) -> Result<(), ReportError> {
    match value {
        Value::String(text) => {
            if text.chars().count() > MAX_TEXT {
                return Err(ReportError::TooLong { field: path.to_owned() });
            }
            if path.ends_with("sha256") && !is_hash(text) {
                return Err(ReportError::Hash { field: path.to_owned() });
            }
            let shown = printable(text);
            if mandated && (shown != *text || shown.trim().is_empty()) {
                return Err(ReportError::Statement { field: path.to_owned() });
            }
            *text = shown;
        }
        Value::Array(items) => {
            if items.len() > MAX_ITEMS {
                return Err(ReportError::TooLong { field: path.to_owned() });
            }
            for (position, item) in items.iter_mut().enumerate() {
                prepare_at(item, &format!("{path}/{position}"), mandated)?;
            }
        }
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                prepare_at(member, &format!("{path}/{name}"), mandated || name == "statements")?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn latin_greek_and_cyrillic_stay_and_other_scripts_are_spelled_out() {
        assert_eq!(printable("Łódź Ωμέγα Жук\r\n#x"), "Łódź Ωμέγα Жук\n#x");
        assert_eq!(printable("中\u{202e}a\u{0}\t|"), "[U+4E2D][U+202E]a[U+0000] |");
        assert_eq!(printable("\u{e001}\u{1f600}"), "[U+E001][U+1F600]");
    }

    #[test]
    fn a_mandated_statement_is_never_changed() {
        let mut good = json!({ "statements": { "seal": "As it\nstands." }, "comments": "中" });
        prepare(&mut good).unwrap();
        assert_eq!(good["statements"]["seal"], "As it\nstands.");
        assert_eq!(good["comments"], "[U+4E2D]");

        let refused = prepare(&mut json!({ "statements": { "seal": "中" } })).unwrap_err();
        assert!(matches!(refused, ReportError::Statement { field } if field == "/statements/seal"));
    }

    #[test]
    fn an_empty_statement_and_a_false_hash_are_refused() {
        let empty = prepare(&mut json!({ "statements": { "disclaimer": " \n" } })).unwrap_err();
        assert!(matches!(empty, ReportError::Statement { field } if field.contains("disclaimer")));
        prepare(&mut json!({ "sha256": "0a".repeat(32) })).unwrap();
        for wrong in ["0A".repeat(32), "0a".repeat(31), String::new()] {
            let refused = prepare(&mut json!({ "probe": { "sha256": wrong } })).unwrap_err();
            assert!(matches!(refused, ReportError::Hash { field } if field == "/probe/sha256"));
        }
    }

    #[test]
    fn too_long_a_text_or_list_is_refused_by_name() {
        let long = prepare(&mut json!({ "comments": "x".repeat(MAX_TEXT + 1) })).unwrap_err();
        assert!(matches!(long, ReportError::TooLong { field } if field == "/comments"));
        prepare(&mut json!({ "comments": "é".repeat(MAX_TEXT) })).unwrap();
        assert!(prepare(&mut json!({ "list": vec![0; MAX_ITEMS + 1] })).is_err());
    }
}
