//! A reader for the few DER structures that OpenSSL's safe interface does not show. Pure.

/// Tag of a SEQUENCE.
pub(super) const SEQUENCE: u8 = 0x30;
/// Tag of an OBJECT IDENTIFIER.
pub(super) const OBJECT: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const OCTETS: u8 = 0x04;
/// Tag of the extensions in a certificate (RFC 5280, section 4.1).
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.19
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

/// The elements of one level, one after the other.
#[derive(Debug)]
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    /// The next element's tag and content; `None` at the end and at anything malformed.
    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = if *first < 0x80 {
            (usize::from(*first), rest)
        } else {
            let count = usize::from(*first & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let (bytes, rest) = rest.split_at_checked(count)?;
            let length = bytes.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
            (length, rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }
}

impl<'a> Elements<'a> {
    /// The content of the next element if it has `tag`.
    pub(super) fn content(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

/// Whether a certificate says `CA:TRUE`; `None` if it cannot be read.
pub(super) fn is_authority(certificate: &[u8]) -> Option<bool> {
    let certificate = Elements(certificate).content(SEQUENCE)?;
    let body = Elements(certificate).content(SEQUENCE)?;
    let Some((_, extensions)) = Elements(body).find(|(tag, _)| *tag == EXTENSIONS) else {
        return Some(false);
    };
    for (_, extension) in Elements(Elements(extensions).content(SEQUENCE)?) {
        let mut parts = Elements(extension);
        if parts.content(OBJECT)? != BASIC_CONSTRAINTS {
            continue;
        }
        let (_, value) = parts.find(|(tag, _)| *tag == OCTETS)?;
        let constraints = Elements(value).content(SEQUENCE)?;
        return Some(
            Elements(constraints)
                .next()
                .is_some_and(|(tag, content)| tag == BOOLEAN && content != [0]),
        );
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_and_broken_ones_end_the_reading() {
        let mut two = Elements(&[0x06, 1, 9, 0x04, 0x81, 2, 7, 8]);
        assert_eq!(two.next(), Some((0x06, &[9][..])));
        assert_eq!(two.next(), Some((0x04, &[7, 8][..])));
        assert_eq!(two.next(), None);
        for broken in [&[0x30][..], &[0x30, 5, 1], &[0x30, 0x80], &[0x30, 0x85, 1, 1, 1, 1, 1]] {
            assert_eq!(Elements(broken).next(), None, "{broken:?}");
        }
    }
}
