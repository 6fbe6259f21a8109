//! PNG, third edition: signature, chunks, check sums; nothing is inflated.

use super::cursor::{Cursor, size};
use super::exif;
use super::facts::{
    Dimensions, ImageFault, ImageLimits, Walked, complex, corrupt, multiple, trailing, truncated,
};

/// The first eight bytes.
pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1A\n";

/// Compressed text and profiles can be bombs for whoever inflates them; cameras write little.
const MAX_COMPRESSED_METADATA: usize = 4 * 1024 * 1024;
/// Deflate does not shrink data by more than this.
const MAX_RATIO: u64 = 1_032;

struct Header {
    dimensions: Dimensions,
    depth: u8,
    colour: u8,
}

#[derive(Default)]
struct State {
    header: Option<Header>,
    palette: bool,
    data_bytes: u64,
    data_over: bool,
    metadata_bytes: usize,
    orientation: Option<u8>,
}

pub(super) fn walk(bytes: &[u8], limits: &ImageLimits) -> Result<Walked, ImageFault> {
    let mut file = Cursor::new(bytes.get(SIGNATURE.len()..).unwrap_or_default());
    let mut state = State::default();
    for _ in 0..limits.parts {
        let cut = || truncated("the file ends before its last chunk");
        let length = file.u32().ok_or_else(cut)?;
        let kind = file.array::<4>().ok_or_else(cut)?;
        if state.header.is_none() && (&kind != b"IHDR" || length != 13) {
            return Err(corrupt("the file does not begin with a valid header"));
        }
        let data = file.take(size(length)).ok_or_else(cut)?;
        let sum = file.u32().ok_or_else(cut)?;
        // The announced size is refused before anything else is looked at.
        if &kind == b"IHDR" && state.header.is_none() {
            state.header = Some(header(data, limits)?);
        } else if &kind == b"IHDR" {
            return Err(corrupt("the file has two headers"));
        }
        if checksum(kind, data) != sum {
            return Err(corrupt("a check sum is wrong"));
        }
        if &kind == b"IEND" {
            return state.finish(length, file.rest());
        }
        state.chunk(kind, data)?;
    }
    Err(complex("the file has more chunks than any camera writes"))
}

fn checksum(kind: [u8; 4], data: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&kind);
    sum.update(data);
    sum.finalize()
}

fn header(data: &[u8], limits: &ImageLimits) -> Result<Header, ImageFault> {
    let bad = || corrupt("the header is not valid");
    let mut fields = Cursor::new(data);
    let width = fields.u32().ok_or_else(bad)?;
    let height = fields.u32().ok_or_else(bad)?;
    let dimensions = limits.sides(width, height)?;
    let [depth, colour, compression, filter, interlace] = fields.array().ok_or_else(bad)?;
    let depth_fits = match colour {
        0 => matches!(depth, 1 | 2 | 4 | 8 | 16),
        3 => matches!(depth, 1 | 2 | 4 | 8),
        2 | 4 | 6 => matches!(depth, 8 | 16),
        _ => false,
    };
    if !depth_fits || compression != 0 || filter != 0 || interlace > 1 {
        return Err(bad());
    }
    Ok(Header { dimensions, depth, colour })
}

impl State {
    fn chunk(&mut self, kind: [u8; 4], data: &[u8]) -> Result<(), ImageFault> {
        if &kind != b"IDAT" && self.data_bytes > 0 {
            self.data_over = true;
        }
        match &kind {
            b"IHDR" => {}
            b"IDAT" if self.data_over => {
                return Err(corrupt("other chunks stand between the image's data"));
            }
            b"IDAT" => self.data_bytes += u64::try_from(data.len()).unwrap_or(u64::MAX),
            b"PLTE" => self.palette(data)?,
            b"acTL" | b"fcTL" | b"fdAT" => {
                return Err(multiple("the file is an animation (APNG)"));
            }
            b"eXIf" => self.orientation = exif::orientation(data),
            b"zTXt" | b"iTXt" | b"tEXt" | b"iCCP" => {
                self.metadata_bytes += data.len();
                if self.metadata_bytes > MAX_COMPRESSED_METADATA {
                    return Err(complex(
                        "the file holds more texts and profiles than an image needs",
                    ));
                }
            }
            _ => unknown(kind)?,
        }
        Ok(())
    }

    fn palette(&mut self, data: &[u8]) -> Result<(), ImageFault> {
        let entries = data.len() / 3;
        let grey = self.header.as_ref().is_some_and(|h| matches!(h.colour, 0 | 4));
        let fits = data.len().is_multiple_of(3) && (1..=256).contains(&entries);
        if self.palette || grey || !fits || self.data_bytes > 0 {
            return Err(corrupt("the palette is not valid"));
        }
        self.palette = true;
        Ok(())
    }

    fn finish(self, length: u32, rest: &[u8]) -> Result<Walked, ImageFault> {
        let Some(header) = self.header else {
            return Err(corrupt("the file has no header"));
        };
        if length != 0 {
            return Err(corrupt("the last chunk is not valid"));
        }
        if header.colour == 3 && !self.palette {
            return Err(corrupt("the palette is missing"));
        }
        if self.data_bytes == 0 {
            return Err(truncated("the file holds no image data"));
        }
        if self.data_bytes.saturating_mul(MAX_RATIO) < header.raw_bytes() {
            return Err(corrupt("the file holds too little data for its size in pixels"));
        }
        Ok(Walked {
            dimensions: Some(header.dimensions),
            orientation: self.orientation,
            trailing_bytes: trailing(rest)?,
        })
    }
}

impl Header {
    /// Bytes of the pixels, without filter bytes.
    fn raw_bytes(&self) -> u64 {
        let channels = match self.colour {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        };
        let bits = u64::from(self.dimensions.width) * channels * u64::from(self.depth);
        bits.div_ceil(8) * u64::from(self.dimensions.height)
    }
}

/// A chunk that is not known here: fine where its name says that it may be ignored.
fn unknown(kind: [u8; 4]) -> Result<(), ImageFault> {
    let letters = kind.iter().all(u8::is_ascii_alphabetic);
    let [first, ..] = kind;
    if !letters || first.is_ascii_uppercase() {
        return Err(corrupt("the file holds a critical chunk of an unknown kind"));
    }
    Ok(())
}
