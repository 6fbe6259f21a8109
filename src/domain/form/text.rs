//! What text may hold: no characters that hide, reorder or forge what a reader sees.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Datelike, FixedOffset};
use validator::ValidateEmail;

/// A fault of a text: a stable code, and what was expected.
pub(super) type TextFault = (&'static str, String);

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextKind {
    /// One line: a name, a number, a reference.
    Line,
    /// Several lines, in any script.
    Narrative,
    /// Base64 of a file.
    Base64,
}

/// Members that hold several lines. A signature's `value` may be wrapped base64.
const NARRATIVES: [&str; 9] = [
    "situation",
    "reasonable_suspicion",
    "threat",
    "facts",
    "alternatives_tried",
    "medical_danger",
    "detention_basis",
    "description",
    "value",
];

impl TextKind {
    /// How the member `name` is read.
    pub(super) fn of(name: &str) -> Self {
        if name == "content" {
            Self::Base64
        } else if NARRATIVES.contains(&name) {
            Self::Narrative
        } else {
            Self::Line
        }
    }
}

/// More marks than any script stacks on one letter.
const MAX_MARKS: usize = 8;

/// The first fault of a text, by the position of the character and never by the text itself.
pub(super) fn check(text: &str, kind: TextKind) -> Option<TextFault> {
    if kind == TextKind::Base64 {
        return base64(text);
    }
    let mut marks = 0;
    for (position, c) in (1_usize..).zip(text.chars()) {
        let line_break = c == '\n' || matches!(c, '\u{2028}' | '\u{2029}');
        if (c.is_control() || line_break) && !(kind == TextKind::Narrative && line_break) {
            let allowed = match kind {
                TextKind::Narrative => "only line feeds are allowed",
                TextKind::Line | TextKind::Base64 => "write one line",
            };
            return Some((
                "text_control_character",
                format!("character {position} is a control character or line break; {allowed}"),
            ));
        }
        if unsafe_everywhere(c) || (kind == TextKind::Line && invisible(c)) {
            return Some((
                "text_unsafe_character",
                format!(
                    "character {position} is invisible or changes the direction of the text; \
                     type the text anew, without copying"
                ),
            ));
        }
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if marks > MAX_MARKS {
            return Some((
                "text_unsafe_character",
                format!("more than {MAX_MARKS} marks are stacked at character {position}"),
            ));
        }
    }
    None
}

/// Overrides and isolates of direction, tags, private use, and what is no character at all.
fn unsafe_everywhere(c: char) -> bool {
    let code = u32::from(c);
    matches!(c,
        '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{206F}'
        | '\u{FDD0}'..='\u{FDEF}'
        | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E000}'..='\u{F8FF}'
        | '\u{E0000}'..='\u{E0FFF}'
        | '\u{F0000}'..='\u{10FFFF}')
        || code & 0xFFFE == 0xFFFE
}

/// What takes no room; some scripts need it in running text, no single line does.
fn invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{17B4}'
            | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2060}'..='\u{2065}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
    )
}

fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{0300}'..='\u{036F}'
            | '\u{0483}'..='\u{0489}'
            | '\u{1AB0}'..='\u{1AFF}'
            | '\u{1DC0}'..='\u{1DFF}'
            | '\u{20D0}'..='\u{20FF}'
            | '\u{FE20}'..='\u{FE2F}'
    )
}

/// Alphabet, length and padding of standard base64 (RFC 4648, section 4), without a copy of it.
fn base64(text: &str) -> Option<TextFault> {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let fits = padding <= 2
        && text.len().is_multiple_of(4)
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
        // The last four characters tell whether the padding is canonical.
        && text
            .get(text.len().saturating_sub(4)..)
            .is_some_and(|end| STANDARD.decode(end).is_ok());
    (!fits).then(|| {
        (
            "base64_invalid",
            "this is no base64; send the file in standard base64, padded, without line breaks"
                .to_owned(),
        )
    })
}

/// Whether a text is an e-mail address that a reply can safely go to.
///
/// Narrower than RFC 5321: no quoted local part, no address literal, no IP address, ASCII only.
pub(super) fn is_email(text: &str) -> bool {
    let Some((_, domain)) = text.split_once('@') else {
        return false;
    };
    let numeric =
        domain.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    text.len() <= 254
        && text.is_ascii()
        && !domain.contains('@')
        && !domain.contains('[')
        && !text.contains(['"', '\r', '\n', ' '])
        && !numeric
        && text.validate_email()
}

/// A date and time as RFC 3339 has it, with `T`, with an offset, in a year that can be meant.
pub(super) fn date(text: &str) -> Option<DateTime<FixedOffset>> {
    let t = text.as_bytes().get(10)?;
    let date = DateTime::parse_from_rfc3339(text).ok()?;
    (t.eq_ignore_ascii_case(&b'T') && (1900..2200).contains(&date.year())).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, kind: TextKind) -> Option<&'static str> {
        check(text, kind).map(|(code, _)| code)
    }

    #[test]
    fn a_line_refuses_controls_and_what_hides() {
        for bad in ["a\0b", "a\nb", "a\rb", "a\tb", "\u{7F}", "\u{85}", "a\u{2028}b"] {
            assert_eq!(code(bad, TextKind::Line), Some("text_control_character"), "{bad:?}");
        }
        for bad in
            ["gpj.\u{202E}exe", "a\u{200B}b", "\u{FEFF}a", "\u{2066}", "\u{E0041}", "\u{FFFF}"]
        {
            assert_eq!(code(bad, TextKind::Line), Some("text_unsafe_character"), "{bad:?}");
        }
        let stacked = format!("a{}", "\u{0301}".repeat(500));
        assert_eq!(code(&stacked, TextKind::Line), Some("text_unsafe_character"));
        for good in
            ["José Núñez", "محمد", "李小龍", "../../etc/x", "C:\\x", "con", "🚓.jpg", "e\u{301}"]
        {
            assert_eq!(code(good, TextKind::Line), None, "{good:?}");
        }
    }

    #[test]
    fn a_narrative_allows_line_feeds_and_any_script() {
        assert_eq!(code("one\ntwo می‌خواهم שָׁלוֹם", TextKind::Narrative), None);
        assert_eq!(code("a\r\nb", TextKind::Narrative), Some("text_control_character"));
        assert_eq!(code("a\u{1b}[2J", TextKind::Narrative), Some("text_control_character"));
        assert_eq!(code("a\u{202E}b", TextKind::Narrative), Some("text_unsafe_character"));
    }

    #[test]
    fn base64_is_standard_and_padded() {
        for good in ["", "QUJD", "QUI=", "QQ=="] {
            assert_eq!(code(good, TextKind::Base64), None, "{good}");
        }
        for bad in ["QUJ", "Q===", "QU\nJD", "QU-_", "QQ==QQ==", "=QUJ"] {
            assert_eq!(code(bad, TextKind::Base64), Some("base64_invalid"), "{bad}");
        }
    }

    #[test]
    fn an_address_has_one_plain_form() {
        assert!(is_email("jsample@pd.example.gov"));
        assert!(is_email("j.sample+case@pd.example.gov"));
        let long = format!("{}@{}.gov", "a".repeat(60), "b.".repeat(100));
        for bad in [
            "",
            "jsample",
            "a@b@pd.example.gov",
            "\"a b\"@pd.example.gov",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@pd.example.gov\r\nBcc: b@example.gov",
            "a@pd.example.gov\n",
            "a b@pd.example.gov",
            "a@pd.exämple.gov",
            "a@",
            "@pd.example.gov",
            long.as_str(),
        ] {
            assert!(!is_email(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_date_exists_and_has_an_offset() {
        assert!(date("2024-05-02T23:14:07-07:00").is_some());
        assert!(date("2024-02-29T00:00:00.25Z").is_some());
        for bad in [
            "",
            "2024-05-02",
            "2024-05-02T23:14:07",
            "2024-02-31T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-05-02 23:14:07Z",
            "2024-05-02T24:00:00Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "1714691647",
        ] {
            assert!(date(bad).is_none(), "{bad}");
        }
    }
}
