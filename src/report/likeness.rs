//! The hashes of a whole picture, by which a copy of it is found ([`crate::images::likeness`]).

use image::DynamicImage;
use image::imageops::FilterType;

use super::picture::{PictureError, PictureLimits, decoded, opaque};
use crate::images::likeness::{BANDS, PictureHash, PictureViews};

/// Side of the picture that is looked at, in pixels, whatever the original's form.
const BASE: u16 = 128;
/// A larger picture is first made this small, which is quicker.
const LARGE: u32 = 1_024;
/// Pixels of the base in a row or column of a cell: a view has 32 by 32 cells.
const CELL: usize = 4;
/// What each edge loses, in pixels of the base: nothing, or a sixty-fourth; or gains, by its outermost pixels once more.
const TRIMS: [i32; 3] = [0, 2, -2];
/// Grey levels: the standard deviation of a picture that shows something.
const LEAST_CONTRAST: f32 = 2.0;

/// Decodes a JPEG or PNG within `limits`, turns it upright, and hashes its views. In production it runs in a child process:
/// [`super::hash_in_child`].
pub fn picture_views(bytes: &[u8], limits: &PictureLimits) -> Result<PictureViews, PictureError> {
    let base = base(bytes, limits)?;
    if deviation(&base) < LEAST_CONTRAST {
        return Err(PictureError::Blank);
    }
    let axes = axes();
    // Frequencies from left to right without the mean: it would not turn with a mirrored picture.
    let (across, down) = (cosines(1), cosines(0));
    let mut views = Vec::new();
    for axis in &axes {
        let rows: Vec<Vec<f32>> =
            base.iter().map(|row| frequencies(&cells(row, axis), &across)).collect();
        // Column by column of the frequencies, so that both directions are one function.
        let columns: Vec<Vec<f32>> = (0..BANDS)
            .map(|u| rows.iter().filter_map(|row| row.get(u).copied()).collect())
            .collect();
        views.extend(axes.iter().map(|axis| hash(&columns, axis, &down)));
    }
    PictureViews::new(views).ok_or(PictureError::Encode)
}

/// The picture, upright, grey, and of one size: rows from the top.
fn base(bytes: &[u8], limits: &PictureLimits) -> Result<Vec<Vec<f32>>, PictureError> {
    let (mut picture, orientation) = decoded(bytes, limits)?;
    if picture.width().max(picture.height()) > LARGE {
        picture = picture.thumbnail(LARGE, LARGE);
    }
    let side = u32::from(BASE);
    let mut picture = picture.resize_exact(side, side, FilterType::Triangle);
    picture.apply_orientation(orientation);
    let grey = DynamicImage::ImageRgb8(opaque(&picture)).to_luma8();
    Ok(grey.rows().map(|row| row.map(|pixel| f32::from(pixel.0[0])).collect()).collect())
}

fn deviation(base: &[Vec<f32>]) -> f32 {
    let count = f32::from(BASE) * f32::from(BASE);
    let pixels = || base.iter().flatten();
    let mean = pixels().sum::<f32>() / count;
    (pixels().map(|pixel| (pixel - mean).powi(2)).sum::<f32>() / count).sqrt()
}

/// For each combination of what two opposite edges lose, which pixels are looked at; first those of the whole.
fn axes() -> Vec<Vec<usize>> {
    let side = i32::from(BASE);
    let position = |low: i32, high: i32, step: i32| {
        let pixel = low + (2 * step + 1) * (side - low - high) / (2 * side);
        usize::try_from(pixel.clamp(0, side - 1)).unwrap_or_default()
    };
    let both = TRIMS.iter().flat_map(|low| TRIMS.iter().map(move |high| (*low, *high)));
    both.map(|(low, high)| (0..side).map(|step| position(low, high, step)).collect()).collect()
}

/// The sums of the pixels of each cell.
fn cells(pixels: &[f32], axis: &[usize]) -> Vec<f32> {
    let sum = |cell: &[usize]| cell.iter().filter_map(|at| pixels.get(*at)).sum();
    axis.chunks(CELL).map(sum).collect()
}

/// Cosines of 16 frequencies from `first` on, one row each (discrete cosine transform, type II).
fn cosines(first: u16) -> Vec<Vec<f32>> {
    let side = BASE / 4;
    let angle = |u: u16, x: u16| {
        std::f32::consts::PI * f32::from(2 * x + 1) * f32::from(u) / f32::from(2 * side)
    };
    (first..first + 16).map(|u| (0..side).map(|x| angle(u, x).cos()).collect()).collect()
}

fn frequencies(cells: &[f32], cosines: &[Vec<f32>]) -> Vec<f32> {
    let part = |row: &Vec<f32>| row.iter().zip(cells).map(|(cosine, cell)| cosine * cell).sum();
    cosines.iter().map(part).collect()
}

/// The signs of the frequencies, a band for each one from top to bottom.
fn hash(columns: &[Vec<f32>], axis: &[usize], down: &[Vec<f32>]) -> PictureHash {
    let mut bands = [0; BANDS];
    for (u, column) in columns.iter().enumerate() {
        for (band, value) in bands.iter_mut().zip(frequencies(&cells(column, axis), down)) {
            *band |= u16::from(value > 0.0) << u;
        }
    }
    PictureHash(bands)
}

#[cfg(test)]
mod tests;
