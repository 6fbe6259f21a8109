//! The bytes of a mail on the wire: line ends, line lengths, dots. Pure.

/// Longest line without its line end (RFC 5322, section 2.1.1).
const LONGEST_LINE: usize = 998;

/// Bytes that may not be sent by SMTP as they are.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum UnsafeBytes {
    /// A carriage return or line feed that stands alone: servers disagree on where such a mail
    /// ends, which lets a second one be smuggled in.
    #[error("a line does not end in carriage return and line feed")]
    BareLineEnd,
    /// Longer than RFC 5322 permits.
    #[error("a line is longer than 998 bytes")]
    LongLine,
    /// Does not end with a line end, or holds nothing.
    #[error("the last line is not ended")]
    Unended,
    /// NUL or a byte above 127: nothing this program seals holds one.
    #[error("a byte is not ASCII text")]
    NotText,
}

/// Checks that `bytes` can be sent as they are, so that what arrives is what was stored.
pub(super) fn check(bytes: &[u8]) -> Result<(), UnsafeBytes> {
    if bytes.iter().any(|b| *b == 0 || !b.is_ascii()) {
        return Err(UnsafeBytes::NotText);
    }
    let mut rest = bytes.strip_suffix(b"\r\n").ok_or(UnsafeBytes::Unended)?;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|two| two == b"\r\n");
        let (line, next) = match end {
            Some(at) => {
                (rest.get(..at).unwrap_or_default(), rest.get(at + 2..).unwrap_or_default())
            }
            None => (rest, &[][..]),
        };
        if line.iter().any(|b| *b == b'\r' || *b == b'\n') {
            return Err(UnsafeBytes::BareLineEnd);
        }
        if line.len() > LONGEST_LINE {
            return Err(UnsafeBytes::LongLine);
        }
        rest = next;
    }
    Ok(())
}

/// Turns every line end into carriage return and line feed, and ends the last line.
pub(super) fn normalise(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let mut after_return = false;
    for byte in bytes {
        match (byte, after_return) {
            (b'\n', true) => {}
            (b'\r' | b'\n', _) => out.extend_from_slice(b"\r\n"),
            (other, _) => out.push(*other),
        }
        after_return = *byte == b'\r';
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Doubles each dot that begins a line (RFC 5321, section 4.5.2). Takes only checked bytes.
pub(super) fn stuff_dots(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let mut at_line_start = true;
    for byte in bytes {
        if at_line_start && *byte == b'.' {
            out.push(b'.');
        }
        out.push(*byte);
        at_line_start = *byte == b'\n';
    }
    out
}

/// Base64 in lines of 76 characters (RFC 2045), each with its line end.
pub(super) fn base64_lines(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut out = String::with_capacity(text.len() + text.len() / 38 + 2);
    for (at, letter) in text.chars().enumerate() {
        if at > 0 && at % 76 == 0 {
            out.push_str("\r\n");
        }
        out.push(letter);
    }
    out.push_str("\r\n");
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_that_could_smuggle_are_refused() {
        for (bytes, wanted) in [
            (&b"a\r\n"[..], Ok(())),
            (b"a\r\n\r\n.\r\nb\r\n", Ok(())),
            (b"", Err(UnsafeBytes::Unended)),
            (b"a", Err(UnsafeBytes::Unended)),
            (b"a\n.\nb\r\n", Err(UnsafeBytes::BareLineEnd)),
            (b"a\r.\r\r\n", Err(UnsafeBytes::BareLineEnd)),
            (b"a\r\r\n", Err(UnsafeBytes::BareLineEnd)),
            (b"\0\r\n", Err(UnsafeBytes::NotText)),
            (b"\xe9\r\n", Err(UnsafeBytes::NotText)),
        ] {
            assert_eq!(check(bytes), wanted, "{bytes:?}");
        }
        let line = |length: usize| [vec![b'x'; length], b"\r\n".to_vec()].concat();
        assert_eq!(check(&line(998)), Ok(()));
        assert_eq!(check(&line(999)), Err(UnsafeBytes::LongLine));
    }

    #[test]
    fn dots_are_doubled_at_line_starts_only() {
        assert_eq!(stuff_dots(b".\r\n..a\r\na.b\r\n"), b"..\r\n...a\r\na.b\r\n");
    }

    #[test]
    fn base64_is_cut_at_76() {
        let text = base64_lines(&[0; 58]);
        assert_eq!(text.lines().map(str::len).collect::<Vec<_>>(), [76, 4]);
        assert!(text.ends_with("\r\n"));
    }

    proptest! {
        #[test]
        fn what_is_normalised_has_no_bare_line_end(text in "[a.\r\n]{0,40}") {
            let out = normalise(text.as_bytes());
            prop_assert_eq!(check(&out), Ok(()));
            prop_assert_eq!(normalise(&out), out.clone());
        }
    }
}
