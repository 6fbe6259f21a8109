//! The contract's patterns, matched by hand: no engine is needed for three of them.

/// The patterns of the contract, and what they ask for.
pub(super) type Pattern = (&'static str, fn(&str) -> bool, &'static str);
pub(super) const PATTERNS: [Pattern; 3] = [
    (
        "^[A-Z]{2}[A-Z0-9]{7}$",
        is_ori,
        "an ORI has two capital letters, then seven capital letters or digits",
    ),
    (
        "^\\+[1-9][0-9]{6,14}$",
        is_e164,
        "write the number as E.164: `+`, country code, number, only digits (+15555550100)",
    ),
    ("^[0-9a-f]{64}$", is_sha256, "a SHA-256 has 64 hexadecimal digits in lower case"),
];

fn is_ori(text: &str) -> bool {
    text.parse::<crate::domain::Ori>().is_ok()
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
