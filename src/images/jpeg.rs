//! JPEG (ITU-T T.81): marker segments and the extent of the scans; nothing is decoded.

use super::cursor::Cursor;
use super::exif;
use super::facts::{
    Dimensions, ImageFault, ImageLimits, Walked, complex, corrupt, multiple, not_allowed, trailing,
    truncated,
};
use super::jpeg_tables::{huffman, quantisation};

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DHT: u8 = 0xC4;
const DQT: u8 = 0xDB;
const DRI: u8 = 0xDD;
const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;

#[derive(Default)]
struct State {
    frame: Option<Frame>,
    restart_interval: u16,
    scans: u32,
    orientation: Option<u8>,
}

struct Frame {
    dimensions: Dimensions,
    components: Vec<u8>,
}

pub(super) fn walk(bytes: &[u8], limits: &ImageLimits) -> Result<Walked, ImageFault> {
    let mut file = Cursor::new(bytes.get(2..).unwrap_or_default());
    let mut state = State::default();
    for _ in 0..limits.parts {
        let marker = next_marker(&mut file)?;
        match marker {
            EOI => return state.finish(file.rest()),
            SOI => return Err(multiple("a second image begins inside the first")),
            0xC0..=0xFE if !(0xD0..=0xD7).contains(&marker) && marker != 0xC8 => {}
            _ => return Err(corrupt("a marker stands where none may stand")),
        }
        let segment = segment(&mut file)?;
        state.segment(marker, segment, limits)?;
        if marker == SOS {
            state.scans += 1;
            if state.scans > limits.scans {
                return Err(complex("the file has more scans than any camera writes"));
            }
            skip_scan(&mut file, state.restart_interval > 0)?;
        }
    }
    Err(complex("the file has more segments than any camera writes"))
}

/// The next marker's code, after any fill bytes.
fn next_marker(file: &mut Cursor<'_>) -> Result<u8, ImageFault> {
    let cut = || truncated("the file ends before the image does");
    if file.u8().ok_or_else(cut)? != 0xFF {
        return Err(corrupt("a marker is missing between two segments"));
    }
    loop {
        match file.u8().ok_or_else(cut)? {
            0xFF => {}
            code => return Ok(code),
        }
    }
}

fn segment<'a>(file: &mut Cursor<'a>) -> Result<&'a [u8], ImageFault> {
    let cut = || truncated("the file ends inside a segment");
    let length = file.u16().ok_or_else(cut)?;
    let body =
        length.checked_sub(2).ok_or_else(|| corrupt("a segment has a length that cannot be"))?;
    file.take(usize::from(body)).ok_or_else(cut)
}

/// Skips entropy-coded data up to the next marker that is not part of it.
fn skip_scan(file: &mut Cursor<'_>, restarts: bool) -> Result<(), ImageFault> {
    let cut = || truncated("the file ends inside the image's data");
    loop {
        let rest = file.rest();
        let data = rest.iter().position(|b| *b == 0xFF).ok_or_else(cut)?;
        let mut ahead = *file;
        ahead.take(data).ok_or_else(cut)?;
        *file = ahead;
        // FF 00 is a data byte, FF FF a fill byte, FF D0 to D7 a restart.
        ahead.take(1).ok_or_else(cut)?;
        match ahead.u8().ok_or_else(cut)? {
            0x00 => *file = ahead,
            0xFF => {
                file.take(1).ok_or_else(cut)?;
            }
            0xD0..=0xD7 if restarts => *file = ahead,
            0xD0..=0xD7 => return Err(corrupt("a restart marker stands where none is announced")),
            _ => return Ok(()),
        }
    }
}

impl State {
    fn segment(&mut self, marker: u8, data: &[u8], limits: &ImageLimits) -> Result<(), ImageFault> {
        match marker {
            DHT => huffman(data),
            DQT => quantisation(data),
            0xC0..=0xC2 if self.frame.is_some() => Err(corrupt("the file has two frame headers")),
            0xC0..=0xC2 => {
                self.frame = Some(frame(data, limits)?);
                Ok(())
            }
            0xC3 | 0xC5..=0xC7 => Err(not_allowed("the file is a lossless or hierarchical JPEG")),
            0xC9..=0xCF => Err(not_allowed("the file is a JPEG with arithmetic coding")),
            SOS => self.scan(data),
            DRI => {
                let mut fields = Cursor::new(data);
                self.restart_interval = fields
                    .u16()
                    .filter(|_| data.len() == 2)
                    .ok_or_else(|| corrupt("a restart interval is not valid"))?;
                Ok(())
            }
            APP1 => {
                if let Some(tiff) = data.strip_prefix(b"Exif\0\0") {
                    self.orientation = self.orientation.or_else(|| exif::orientation(tiff));
                }
                Ok(())
            }
            APP2 if data.starts_with(b"MPF\0") => {
                Err(multiple("the file holds more than one picture (MPO)"))
            }
            _ => Ok(()),
        }
    }

    fn scan(&self, data: &[u8]) -> Result<(), ImageFault> {
        let bad = || corrupt("a scan's header is not valid");
        let frame = self
            .frame
            .as_ref()
            .ok_or_else(|| corrupt("the image's data begin before its size is known"))?;
        let mut fields = Cursor::new(data);
        let count = usize::from(fields.u8().ok_or_else(bad)?);
        let mut seen = Vec::with_capacity(4);
        if !(1..=4).contains(&count) || data.len() != 4 + 2 * count {
            return Err(bad());
        }
        for _ in 0..count {
            let [component, tables] = fields.array().ok_or_else(bad)?;
            let known = frame.components.contains(&component) && !seen.contains(&component);
            if !known || tables >> 4 > 3 || tables & 15 > 3 {
                return Err(bad());
            }
            seen.push(component);
        }
        let [start, end, approximation] = fields.array().ok_or_else(bad)?;
        if start > 63
            || end > 63
            || start > end
            || approximation >> 4 > 13
            || approximation & 15 > 13
        {
            return Err(bad());
        }
        Ok(())
    }

    fn finish(self, rest: &[u8]) -> Result<Walked, ImageFault> {
        let Some(frame) = self.frame else {
            return Err(corrupt("the file has no frame header"));
        };
        if self.scans == 0 {
            return Err(corrupt("the file holds no image data"));
        }
        Ok(Walked {
            dimensions: Some(frame.dimensions),
            orientation: self.orientation,
            trailing_bytes: trailing(rest)?,
        })
    }
}

fn frame(data: &[u8], limits: &ImageLimits) -> Result<Frame, ImageFault> {
    let bad = || corrupt("the frame header is not valid");
    let mut fields = Cursor::new(data);
    let precision = fields.u8().ok_or_else(bad)?;
    let height = fields.u16().ok_or_else(bad)?;
    let width = fields.u16().ok_or_else(bad)?;
    let dimensions = limits.sides(u32::from(width), u32::from(height))?;
    match precision {
        8 => {}
        12 => return Err(not_allowed("the file is a JPEG with 12 bits a sample")),
        _ => return Err(bad()),
    }
    let count = usize::from(fields.u8().ok_or_else(bad)?);
    if !matches!(count, 1 | 3 | 4) || data.len() != 6 + 3 * count {
        return Err(bad());
    }
    let mut components = Vec::with_capacity(4);
    for _ in 0..count {
        let [id, sampling, table] = fields.array().ok_or_else(bad)?;
        let factors = (1..=4).contains(&(sampling >> 4)) && (1..=4).contains(&(sampling & 15));
        if components.contains(&id) || !factors || table > 3 {
            return Err(bad());
        }
        components.push(id);
    }
    Ok(Frame { dimensions, components })
}
