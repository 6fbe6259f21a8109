//! Characters that make a text look like another one (Trojan Source, CVE-2021-42574).

use super::error::PackProblem;
use super::load::Errors;

/// Whether nobody can see the character, or it changes the order in which others are seen.
fn is_hidden(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    control
        || matches!(c,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Refuses characters that a reader does not see, in whatever file.
pub(super) fn hidden(path: &str, text: &str, errors: &mut Errors) {
    for (number, line) in text.lines().enumerate() {
        if let Some(c) = line.chars().find(|c| is_hidden(*c)) {
            let problem = PackProblem::Hidden(c.escape_unicode().to_string());
            errors.at(path, Some(number + 1), problem);
        }
    }
}

/// Whether an id holds nothing that looks like something else: a Cyrillic `a` makes another id.
pub(super) fn is_plain_id(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=64).contains(&id.len()) && id.bytes().all(plain)
}

/// An id as it may be shown.
pub(super) fn shown(id: &str) -> String {
    if is_plain_id(id) { id.to_owned() } else { id.escape_default().to_string() }
}
