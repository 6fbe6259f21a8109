//! The tables of a JPEG: that they are whole, and mean something (ITU-T T.81, B.2.4).

use super::cursor::Cursor;
use super::facts::{ImageFault, corrupt};

/// One or more Huffman tables.
pub(super) fn huffman(data: &[u8]) -> Result<(), ImageFault> {
    let bad = || corrupt("a Huffman table is not valid");
    let mut tables = Cursor::new(data);
    if data.is_empty() {
        return Err(bad());
    }
    while !tables.rest().is_empty() {
        let place = tables.u8().ok_or_else(bad)?;
        let counts: [u8; 16] = tables.array().ok_or_else(bad)?;
        // Codes of each length must fit what the shorter ones leave.
        let mut free = 1_u32;
        let mut symbols = 0_usize;
        for count in counts {
            free = (free * 2).checked_sub(u32::from(count)).ok_or_else(bad)?;
            symbols += usize::from(count);
        }
        if place >> 4 > 1 || place & 15 > 3 || symbols > 256 {
            return Err(bad());
        }
        tables.take(symbols).ok_or_else(bad)?;
    }
    Ok(())
}

/// One or more quantisation tables.
pub(super) fn quantisation(data: &[u8]) -> Result<(), ImageFault> {
    let bad = || corrupt("a quantisation table is not valid");
    let mut tables = Cursor::new(data);
    if data.is_empty() {
        return Err(bad());
    }
    while !tables.rest().is_empty() {
        let place = tables.u8().ok_or_else(bad)?;
        let wide = match place >> 4 {
            0 => false,
            1 => true,
            _ => return Err(bad()),
        };
        if place & 15 > 3 {
            return Err(bad());
        }
        for _ in 0..64 {
            let step = if wide { tables.u16() } else { tables.u8().map(u16::from) };
            if step.ok_or_else(bad)? == 0 {
                return Err(bad());
            }
        }
    }
    Ok(())
}
