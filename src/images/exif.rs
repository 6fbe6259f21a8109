//! The orientation tag of EXIF data, and nothing else.

use super::cursor::{Cursor, size};

/// `Orientation` (TIFF 6.0, tag 274).
const ORIENTATION: u16 = 0x0112;
/// The type of a 16-bit number.
const SHORT: u16 = 3;
/// Real files have a few dozen entries.
const MAX_ENTRIES: u16 = 512;

/// The orientation, 1 to 8, from a TIFF structure; `None` where there is none or it is nonsense.
///
/// Only the first directory is read, so no chain of directories can loop.
pub(super) fn orientation(tiff: &[u8]) -> Option<u8> {
    let mut header = Cursor::new(tiff);
    let little = match &header.array::<2>()? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let short = |bytes: [u8; 2]| {
        if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
    };
    let long = |bytes: [u8; 4]| {
        if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    };
    if short(header.array()?) != 42 {
        return None;
    }
    let start = size(long(header.array()?));
    let mut directory = Cursor::new(tiff.get(start..)?);
    let count = short(directory.array()?).min(MAX_ENTRIES);
    for _ in 0..count {
        let tag = short(directory.array()?);
        let kind = short(directory.array()?);
        let values = long(directory.array()?);
        let value = short(directory.array()?);
        directory.take(2)?;
        if tag == ORIENTATION {
            let fits = kind == SHORT && values == 1 && (1..=8).contains(&value);
            return if fits { u8::try_from(value).ok() } else { None };
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiff(little: bool, tag: u16, value: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut short = |n: u16| {
            let pair = if little { n.to_le_bytes() } else { n.to_be_bytes() };
            bytes.extend(pair);
        };
        short(if little { 0x4949 } else { 0x4D4D });
        short(42);
        let (first, second) = if little { (8, 0) } else { (0, 8) };
        short(first);
        short(second);
        short(1);
        short(tag);
        short(SHORT);
        let (first, second) = if little { (1, 0) } else { (0, 1) };
        short(first);
        short(second);
        short(value);
        short(0);
        bytes
    }

    #[test]
    fn both_byte_orders_are_read() {
        assert_eq!(orientation(&tiff(true, ORIENTATION, 6)), Some(6));
        assert_eq!(orientation(&tiff(false, ORIENTATION, 8)), Some(8));
    }

    #[test]
    fn nonsense_is_no_orientation() {
        assert_eq!(orientation(&tiff(true, ORIENTATION, 9)), None);
        assert_eq!(orientation(&tiff(true, ORIENTATION, 0)), None);
        assert_eq!(orientation(&tiff(true, 0x0111, 6)), None);
        let whole = tiff(false, ORIENTATION, 3);
        for cut in 0..whole.len() - 2 {
            assert_eq!(orientation(&whole[..cut]), None, "cut at {cut}");
        }
        let mut far = whole;
        far[4] = 0xFF;
        assert_eq!(orientation(&far), None);
    }
}
