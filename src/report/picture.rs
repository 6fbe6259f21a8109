//! An evidence image made fit for a page: upright, small, and without what the file carried besides
//! the picture. The original stays sealed; this is a copy for display.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage, Rgba,
};

/// What the decoder may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureLimits {
    /// Largest file, in bytes.
    pub file_bytes: usize,
    /// Largest width and height, in pixels.
    pub side: u32,
    /// Largest sum of allocations of the decoder, in bytes.
    pub alloc_bytes: u64,
    /// The longer side of the result, in pixels.
    pub target_side: u32,
}

impl Default for PictureLimits {
    fn default() -> Self {
        Self {
            file_bytes: 32 * 1024 * 1024,
            side: 12_000,
            alloc_bytes: 256 * 1024 * 1024,
            target_side: 1_200,
        }
    }
}

/// Why an image could not be made fit for a page.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// Neither JPEG nor PNG.
    #[error("read the image: it is neither JPEG nor PNG; send it as one of these")]
    Format,
    /// Beyond the limits in bytes, pixels or memory.
    #[error("read the image: it is larger than the limits allow; send a smaller copy")]
    TooLarge,
    /// The file is damaged.
    #[error("read the image: its content is damaged; send it again")]
    Damaged,
    /// Nothing is shown that could be compared.
    #[error("compare the picture: it shows one tone only")]
    Blank,
    /// The copy could not be written.
    #[error("write the image's copy for display")]
    Encode,
    /// The child process could not be started or talked to.
    #[error("run the picture worker")]
    Child(#[source] std::io::Error),
    /// The child process took too long, and was ended.
    #[error("read the image in time; send a smaller or simpler copy")]
    Deadline,
    /// The child process ended without an answer.
    #[error("read the image: the picture worker ended without an answer; send another copy")]
    Worker,
}

/// Decodes a JPEG or PNG within `limits`, turns it upright by its EXIF orientation, reduces it to
/// [`PictureLimits::target_side`] and writes it as a JPEG without metadata. The same bytes in give
/// the same bytes out. In production it runs in a child process: [`super::normalise_in_child`].
pub fn normalise(bytes: &[u8], limits: &PictureLimits) -> Result<Vec<u8>, PictureError> {
    let (mut picture, orientation) = decoded(bytes, limits)?;
    if picture.width().max(picture.height()) > limits.target_side {
        picture = picture.thumbnail(limits.target_side, limits.target_side);
    }
    picture.apply_orientation(orientation);
    encode(&picture)
}

/// The picture of a JPEG or PNG within `limits`, and how it is to be turned.
pub(super) fn decoded(
    bytes: &[u8],
    limits: &PictureLimits,
) -> Result<(DynamicImage, Orientation), PictureError> {
    if bytes.len() > limits.file_bytes {
        return Err(PictureError::TooLarge);
    }
    let format = image::guess_format(bytes).map_err(|_| PictureError::Format)?;
    if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png) {
        return Err(PictureError::Format);
    }
    decode(bytes, format, limits).map_err(|error| why(&error))
}

fn decode(
    bytes: &[u8],
    format: ImageFormat,
    limits: &PictureLimits,
) -> Result<(DynamicImage, Orientation), ImageError> {
    let mut strict = Limits::default();
    strict.max_image_width = Some(limits.side);
    strict.max_image_height = Some(limits.side);
    strict.max_alloc = Some(limits.alloc_bytes);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(strict.clone());
    let mut decoder = reader.into_decoder()?;
    // The size of the result counts too; some decoders forget it.
    strict.reserve(decoder.total_bytes())?;
    // A damaged EXIF block does not spoil the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}

fn why(error: &ImageError) -> PictureError {
    match error {
        ImageError::Limits(_) => PictureError::TooLarge,
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::Unsupported(_)
        | ImageError::IoError(_) => PictureError::Damaged,
    }
}

/// Without transparency: what shines through is white, like the page.
pub(super) fn opaque(picture: &DynamicImage) -> RgbImage {
    if picture.color().has_alpha() {
        let mut page =
            image::RgbaImage::from_pixel(picture.width(), picture.height(), Rgba([255; 4]));
        image::imageops::overlay(&mut page, &picture.to_rgba8(), 0, 0);
        DynamicImage::ImageRgba8(page).to_rgb8()
    } else {
        picture.to_rgb8()
    }
}

fn encode(picture: &DynamicImage) -> Result<Vec<u8>, PictureError> {
    let mut out = Vec::new();
    opaque(picture)
        .write_with_encoder(JpegEncoder::new_with_quality(&mut out, 88))
        .map_err(|_| PictureError::Encode)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn half_red(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, _| {
            if x < width / 2 { Rgb([220, 20, 20]) } else { Rgb([20, 20, 220]) }
        })
    }

    fn as_format(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        picture.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    /// A JPEG with an EXIF block (APP1) that says "turn right by a quarter".
    fn lying_jpeg() -> Vec<u8> {
        let plain = as_format(&half_red(40, 20).into(), ImageFormat::Jpeg);
        let tiff = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let length = u16::try_from(tiff.len() + 2).unwrap().to_be_bytes();
        [&plain[..2], &[0xFF, 0xE1], &length, tiff, &plain[2..]].concat()
    }

    #[test]
    fn a_large_image_becomes_a_small_jpeg_the_same_at_every_run() {
        let png = as_format(&half_red(1500, 900).into(), ImageFormat::Png);
        let limits = PictureLimits::default();
        let small = normalise(&png, &limits).unwrap();
        assert_eq!(normalise(&png, &limits).unwrap(), small);
        let read = image::load_from_memory_with_format(&small, ImageFormat::Jpeg).unwrap();
        assert_eq!((read.width(), read.height()), (1200, 720));
    }

    #[test]
    fn orientation_is_applied_and_metadata_is_gone() {
        let upright = normalise(&lying_jpeg(), &PictureLimits::default()).unwrap();
        let read = image::load_from_memory(&upright).unwrap().to_rgb8();
        assert_eq!((read.width(), read.height()), (20, 40));
        assert!(read.get_pixel(10, 4).0[0] > 150, "the left half is on top now");
        assert!(!upright.windows(4).any(|window| window == b"Exif"));
    }

    #[test]
    fn transparent_parts_become_white() {
        let clear = DynamicImage::ImageRgba8(image::RgbaImage::new(8, 8));
        let jpeg =
            normalise(&as_format(&clear, ImageFormat::Png), &PictureLimits::default()).unwrap();
        let read = image::load_from_memory(&jpeg).unwrap().to_rgb8();
        assert!(read.get_pixel(4, 4).0.iter().all(|value| *value > 250));
    }

    #[test]
    fn each_limit_holds() {
        let png = as_format(&half_red(300, 100).into(), ImageFormat::Png);
        let limits = PictureLimits::default();
        for tight in [
            PictureLimits { side: 299, ..limits },
            PictureLimits { alloc_bytes: 80_000, ..limits },
            PictureLimits { file_bytes: png.len() - 1, ..limits },
        ] {
            assert!(matches!(normalise(&png, &tight), Err(PictureError::TooLarge)), "{tight:?}");
        }
        normalise(&png, &PictureLimits { side: 300, file_bytes: png.len(), ..limits }).unwrap();
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let limits = PictureLimits::default();
        for bytes in [&b""[..], b"%PDF-1.7", b"GIF89a\x01\x00\x01\x00", b"<svg/>"] {
            assert!(matches!(normalise(bytes, &limits), Err(PictureError::Format)));
        }
        for bytes in [&b"\xFF\xD8\xFF\xE0"[..], b"\x89PNG\r\n\x1a\n"] {
            assert!(matches!(normalise(bytes, &limits), Err(PictureError::Damaged)));
        }
    }
}
