//! HEIC: only its boxes are walked (ISO/IEC 14496-12); it is kept, and held, not searched.

use super::cursor::{Cursor, size};
use super::facts::{ImageFault, ImageLimits, Walked, complex, corrupt, multiple, truncated};

pub(super) fn walk(bytes: &[u8], limits: &ImageLimits) -> Result<Walked, ImageFault> {
    let mut file = Cursor::new(bytes);
    let mut has_meta = false;
    let mut boxes = 0_u32;
    while !file.rest().is_empty() {
        boxes += 1;
        if boxes > limits.parts {
            return Err(complex("the file has more boxes than any camera writes"));
        }
        let cut = || truncated("the file ends inside a box");
        let length = file.u32().ok_or_else(cut)?;
        let kind = file.array::<4>().ok_or_else(cut)?;
        let body = match length {
            0 => file.rest().len(),
            1 => {
                let long = file.u64().ok_or_else(cut)?;
                let body = long
                    .checked_sub(16)
                    .ok_or_else(|| corrupt("a box has a length that cannot be"))?;
                usize::try_from(body).unwrap_or(usize::MAX)
            }
            2..8 => return Err(corrupt("a box has a length that cannot be")),
            _ => size(length) - 8,
        };
        file.take(body).ok_or_else(cut)?;
        has_meta |= &kind == b"meta";
        if &kind == b"moov" {
            return Err(multiple("the file holds a burst or sequence of images"));
        }
    }
    if !has_meta {
        return Err(truncated("the file says nothing about the image it should hold"));
    }
    Ok(Walked { dimensions: None, orientation: None, trailing_bytes: 0 })
}
