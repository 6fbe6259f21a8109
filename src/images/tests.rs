//! Drawn images, whole and damaged.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use openssl::sha::sha256;
use proptest::prelude::*;
use validator::Validate as _;

use super::*;
use crate::domain::form::MediaType;

fn drawn() -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(48, 32, |x, y| {
        let [x, y] = [x, y].map(|n| u8::try_from(n).unwrap());
        Rgb([x * 5, y * 7, (x ^ y) * 3])
    }))
}

fn png() -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    drawn().write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

fn jpeg() -> Vec<u8> {
    let mut file = Vec::new();
    drawn().write_with_encoder(JpegEncoder::new_with_quality(&mut file, 80)).unwrap();
    file
}

fn heic() -> Vec<u8> {
    let mut file = Vec::new();
    for (kind, body) in
        [(b"ftyp", b"heic\0\0\0\0mif1heic".as_slice()), (b"meta", &[0; 40]), (b"mdat", &[7; 100])]
    {
        file.extend(u32::try_from(body.len() + 8).unwrap().to_be_bytes());
        file.extend(kind);
        file.extend(body);
    }
    file
}

fn look(bytes: &[u8], declared: MediaType) -> Result<ImageFacts, Vec<&'static str>> {
    inspect(bytes, declared, &ImageLimits::default())
        .map_err(|faults| faults.iter().map(|fault| fault.code.as_str()).collect())
}

fn only(code: &'static str) -> Result<ImageFacts, Vec<&'static str>> {
    Err(vec![code])
}

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(kind);
    bytes.extend(data);
    let sum = crc32fast::hash(&bytes[4..]);
    bytes.extend(sum.to_be_bytes());
    bytes
}

/// The PNG with its IHDR's data changed and its check sum made right again.
fn with_header(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut file = png();
    change(&mut file[16..29]);
    let sum = crc32fast::hash(&file[12..29]);
    file[29..33].copy_from_slice(&sum.to_be_bytes());
    file
}

/// The PNG with `extra` after its header.
fn with_chunks(extra: &[u8]) -> Vec<u8> {
    let file = png();
    [&file[..33], extra, &file[33..]].concat()
}

fn find(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).position(|window| window == needle).unwrap()
}

/// The JPEG with `extra` after its SOI.
fn with_segments(extra: &[u8]) -> Vec<u8> {
    let file = jpeg();
    [&file[..2], extra, &file[2..]].concat()
}

fn with_frame(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut file = jpeg();
    let at = find(&file, b"\xFF\xC0");
    change(&mut file[at..at + 19]);
    file
}

#[test]
fn whole_images_are_described() {
    for (file, media_type) in [(png(), MediaType::Png), (jpeg(), MediaType::Jpeg)] {
        let facts = look(&file, media_type).unwrap();
        let expected = ImageFacts {
            media_type,
            dimensions: Some(Dimensions { width: 48, height: 32 }),
            sha256: sha256(&file),
            byte_len: u64::try_from(file.len()).unwrap(),
            orientation: None,
            trailing_bytes: 0,
        };
        assert_eq!(facts, expected);
        assert!(facts.matches_declared_hash(&hex::encode(sha256(&file))));
        assert!(!facts.matches_declared_hash(&"0".repeat(64)));
    }
    let facts = look(&heic(), MediaType::Heic).unwrap();
    assert_eq!((facts.media_type, facts.dimensions), (MediaType::Heic, None));
}

#[test]
fn every_kind_of_png_and_one_pixel_are_accepted() {
    let one = DynamicImage::new_rgb8(1, 1);
    for drawn in [
        DynamicImage::ImageLuma8(drawn().to_luma8()),
        DynamicImage::ImageLumaA8(drawn().to_luma_alpha8()),
        DynamicImage::ImageRgba8(drawn().to_rgba8()),
        DynamicImage::ImageRgb16(drawn().to_rgb16()),
        one,
    ] {
        let mut file = Cursor::new(Vec::new());
        drawn.write_to(&mut file, ImageFormat::Png).unwrap();
        let facts = look(&file.into_inner(), MediaType::Png).unwrap();
        assert_eq!(facts.dimensions.unwrap().width, drawn.width());
    }
}

#[test]
fn a_file_that_ends_early_is_truncated_wherever_it_ends() {
    assert_eq!(look(b"", MediaType::Png), only("image_empty"));
    for (file, declared) in
        [(png(), MediaType::Png), (jpeg(), MediaType::Jpeg), (heic(), MediaType::Heic)]
    {
        for length in 1..file.len() {
            // A HEIC that ends after a whole box lacks nothing that its boxes announce.
            let after_box = declared == MediaType::Heic && length == file.len() - 108;
            if !after_box {
                assert_eq!(
                    look(&file[..length], declared),
                    only("image_truncated"),
                    "{declared:?} {length}"
                );
            }
        }
    }
}

#[test]
fn no_flipped_bit_passes_for_the_declared_file() {
    for (file, declared) in [(png(), MediaType::Png), (jpeg(), MediaType::Jpeg)] {
        let hash = hex::encode(sha256(&file));
        for bit in 0..file.len() * 8 {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            match look(&damaged, declared) {
                Err(codes) => assert!(!codes.is_empty()),
                Ok(facts) => {
                    assert!(declared == MediaType::Jpeg, "a PNG has check sums: bit {bit}");
                    assert!(!facts.matches_declared_hash(&hash), "bit {bit}");
                }
            }
        }
    }
}

#[test]
fn header_bombs_are_refused_from_the_header() {
    let sides = |width: u32, height: u32| {
        with_header(|header| {
            header[..4].copy_from_slice(&width.to_be_bytes());
            header[4..8].copy_from_slice(&height.to_be_bytes());
        })
    };
    for (width, height) in [
        (60_000, 60_000),
        (1 << 31, 32),
        (u32::MAX, u32::MAX),
        (0, 100),
        (100, 0),
        (10_001, 1),
        (10_000, 5_001),
    ] {
        let file = sides(width, height);
        assert_eq!(look(&file, MediaType::Png), only("image_dimensions"), "{width} x {height}");
        // Nothing after the header is needed to refuse it.
        assert_eq!(look(&file[..33], MediaType::Png), only("image_dimensions"));
    }
    let [high, low] = 65_535_u16.to_be_bytes();
    let bomb = with_frame(|frame| frame[5..9].copy_from_slice(&[high, low, high, low]));
    let end = find(&bomb, b"\xFF\xC0") + 19;
    assert_eq!(look(&bomb[..end], MediaType::Jpeg), only("image_dimensions"));
    let flat = with_frame(|frame| frame[5..7].fill(0));
    assert_eq!(look(&flat, MediaType::Jpeg), only("image_dimensions"));
    let small = ImageLimits { min_side: 40, ..ImageLimits::default() };
    let faults = inspect(&png(), MediaType::Png, &small).unwrap_err();
    assert!(faults[0].message.contains("48 x 32 pixels; 40 to 10000"), "{}", faults[0]);
}

#[test]
fn a_file_is_what_its_bytes_are() {
    assert_eq!(look(&png(), MediaType::Jpeg), only("image_type_mismatch"));
    assert_eq!(look(&jpeg(), MediaType::Png), only("image_type_mismatch"));
    assert_eq!(look(&heic(), MediaType::Jpeg), only("image_type_mismatch"));
    let foreign: [(&[u8], &str); 16] = [
        (b"GIF89a\x01\0\x01\0\0\0", "GIF"),
        (b"II*\0\x08\0\0\0\0\0\0\0", "TIFF"),
        (b"RIFF\x20\0\0\0WEBPVP8 ", "WebP"),
        (b"BM\x46\0\0\0\0\0\0\0\0\0", "BMP"),
        (b"\0\0\x01\0\x01\0\0\0\0\0\0\0", "icon"),
        (b"8BPS\0\x01\0\0\0\0\0\0", "Photoshop"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"%PDF-1.7\n1 0 obj", "PDF"),
        (b"\n <svg onload='alert(1)'/>", "SVG"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"PK\x03\x04\x14\0\0\0\0\0\0\0", "ZIP"),
        (b"MZ\x90\0\x03\0\0\0\0\0\0\0", "program"),
        (b"push graphic-context\n", "MVG"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "media file"),
    ];
    for (bytes, name) in foreign {
        let faults = inspect(bytes, MediaType::Jpeg, &ImageLimits::default()).unwrap_err();
        let codes: Vec<_> = faults.iter().map(|fault| fault.code).collect();
        let expected = [ImageFaultCode::ImageTypeMismatch, ImageFaultCode::ImageTypeNotAllowed];
        assert_eq!(codes, expected, "{name}");
        assert!(faults[1].message.contains(name), "{name}: {}", faults[1]);
        assert!(faults[1].message.contains("JPEG or PNG"));
    }
    let noise = [0x42_u8, 0x17, 0x99].repeat(20);
    assert_eq!(look(&noise, MediaType::Png), only("image_type_not_allowed"));
}

#[test]
fn a_damaged_png_is_corrupt() {
    let file = png();
    let data = find(&file, b"IDAT") - 4;
    let palette = |length: usize| chunk(*b"PLTE", &vec![9; length]);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("B41 unknown critical", with_chunks(&chunk(*b"XYZW", b"?"))),
        ("chunk name", with_chunks(&chunk(*b"a1Cd", b"?"))),
        ("B41 header length", with_chunks(&[]).tap(|f| f[11] = 12)),
        ("B41 PLTE missing", with_header(|h| h[9] = 3)),
        ("two headers", with_chunks(&file[8..33])),
        ("no header", [&file[..8], &file[data..]].concat()),
        ("depth", with_header(|h| h[8] = 3)),
        ("colour", with_header(|h| h[9] = 5)),
        ("compression", with_header(|h| h[10] = 1)),
        ("interlace", with_header(|h| h[12] = 2)),
        ("palette length", with_chunks(&palette(4))),
        ("palette size", with_chunks(&palette(771))),
        ("two palettes", with_chunks(&[palette(3), palette(3)].concat())),
        (
            "too little data",
            with_header(|h| h[..8].copy_from_slice(&[0, 0, 0x1B, 0x58, 0, 0, 0x1B, 0x58])),
        ),
        (
            "data apart",
            [
                &file[..file.len() - 12],
                &chunk(*b"teXt", b""),
                &chunk(*b"IDAT", b"x"),
                &chunk(*b"IEND", b""),
            ]
            .concat(),
        ),
        ("end with data", [&file[..file.len() - 12], &chunk(*b"IEND", b"x")].concat()),
    ];
    for (row, file) in cases {
        assert_eq!(look(&file, MediaType::Png), only("image_corrupt"), "{row}");
    }
    let empty = [&file[..33], &chunk(*b"IEND", b"")].concat();
    assert_eq!(look(&empty, MediaType::Png), only("image_truncated"));
    assert!(look(&with_chunks(&chunk(*b"abCd", b"?")), MediaType::Png).is_ok());
    assert!(look(&with_chunks(&palette(768)), MediaType::Png).is_ok());
}

trait Tap: Sized {
    fn tap(self, change: impl FnOnce(&mut Self)) -> Self;
}

impl Tap for Vec<u8> {
    fn tap(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

#[test]
fn a_damaged_jpeg_is_corrupt() {
    let file = jpeg();
    let scan = find(&file, b"\xFF\xDA");
    let frame = find(&file, b"\xFF\xC0");
    let huffman = |counts: [u8; 16], symbols: usize| {
        let mut table = vec![0xFF, 0xC4];
        table.extend(u16::try_from(19 + symbols).unwrap().to_be_bytes());
        table.push(0);
        table.extend(counts);
        table.extend(vec![1; symbols]);
        table
    };
    let mut full = [0; 16];
    full[0] = 3;
    let mut short = [0; 16];
    short[15] = 200;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("B40 DHT overflow", with_segments(&huffman(full, 3))),
        ("B40 DHT short", with_segments(&huffman(short, 20))),
        ("B40 DQT short", with_segments(b"\xFF\xDB\x00\x05\x00\x01\x01")),
        ("DQT zero", with_segments(&[b"\xFF\xDB\x00\x43\x00".as_slice(), &[0; 64]].concat())),
        ("DQT place", with_segments(&[b"\xFF\xDB\x00\x43\x0F".as_slice(), &[1; 64]].concat())),
        ("B40 SOF twice", [&file[..frame], &file[frame..frame + 19], &file[frame..]].concat()),
        ("scan first", [&file[..2], &file[scan..]].concat()),
        ("no scan", [&file[..scan], b"\xFF\xD9"].concat()),
        ("no frame", b"\xFF\xD8\xFF\xFE\x00\x06text\xFF\xD9".to_vec()),
        ("segment length", with_segments(b"\xFF\xE5\x00\x01")),
        ("stray restart", with_segments(b"\xFF\xD0")),
        ("restart in the data", [&file[..file.len() - 2], b"\xFF\xD3\xFF\xD9"].concat()),
        ("reserved marker", with_segments(b"\xFF\xC8\x00\x02")),
        ("garbage", with_segments(b"garbage")),
        ("precision", with_frame(|f| f[4] = 7)),
        ("components", with_frame(|f| f[9] = 2)),
        ("sampling", with_frame(|f| f[11] = 0x51)),
        ("component twice", with_frame(|f| f[13] = f[10])),
        ("scan of unknown", file.clone().tap(|f| f[scan + 5] = 99)),
        ("scan range", file.clone().tap(|f| f[scan + 12] = 64)),
        ("DRI", with_segments(b"\xFF\xDD\x00\x05\x00\x01\x01")),
    ];
    for (row, file) in cases {
        assert_eq!(look(&file, MediaType::Jpeg), only("image_corrupt"), "{row}");
    }
    for marker in [0xC3_u8, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF] {
        let coded = with_frame(|f| f[1] = marker);
        assert_eq!(look(&coded, MediaType::Jpeg), only("image_type_not_allowed"), "{marker:x}");
    }
    let twelve = with_frame(|f| f[4] = 12);
    assert_eq!(look(&twelve, MediaType::Jpeg), only("image_type_not_allowed"));
    for marker in [0xC1_u8, 0xC2] {
        assert!(look(&with_frame(|f| f[1] = marker), MediaType::Jpeg).is_ok());
    }
}

#[test]
fn a_jpeg_has_one_three_or_four_components() {
    let of = |count: u8| {
        let mut file = b"\xFF\xD8\xFF\xC0\x00".to_vec();
        file.extend([8 + 3 * count, 8, 0, 32, 0, 48, count]);
        for id in 1..=count {
            file.extend([id, 0x11, 0]);
        }
        file.extend(b"\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00data\xFF\xD9");
        file
    };
    for count in [1, 3, 4] {
        assert!(look(&of(count), MediaType::Jpeg).is_ok(), "{count}");
    }
    for count in [0, 2, 5] {
        assert_eq!(look(&of(count), MediaType::Jpeg), only("image_corrupt"), "{count}");
    }
}

#[test]
fn restarts_and_fill_bytes_are_part_of_a_jpeg() {
    let announced = with_segments(b"\xFF\xDD\x00\x04\x00\x01");
    let end = announced.len() - 2;
    let restarted = [&announced[..end], b"\xFF\xD0\x01\xFF\x00\x02\xFF\xFF\xFF\xD9"].concat();
    let facts = look(&restarted, MediaType::Jpeg).unwrap();
    assert_eq!(facts.trailing_bytes, 0);
}

#[test]
fn more_than_one_picture_is_refused() {
    let (one, two) = (jpeg(), png());
    let end = one.len() - 2;
    let animated = with_chunks(&chunk(*b"acTL", &[0, 0, 0x27, 0x10, 0, 0, 0, 0]));
    let cases: Vec<(&str, Vec<u8>, MediaType)> = vec![
        ("two JPEG", [&one[..], &one].concat(), MediaType::Jpeg),
        ("padded", [&one[..], &[0; 64], &one].concat(), MediaType::Jpeg),
        ("JPEG, PNG", [&one[..], &two].concat(), MediaType::Jpeg),
        ("two PNG", [&two[..], &two].concat(), MediaType::Png),
        ("inside", [&one[..end], &one].concat(), MediaType::Jpeg),
        ("MPO", with_segments(b"\xFF\xE2\x00\x08MPF\0II"), MediaType::Jpeg),
        ("APNG", animated, MediaType::Png),
        ("burst", [&heic()[..], b"\0\0\0\x08moov"].concat(), MediaType::Heic),
    ];
    for (row, file, declared) in cases {
        assert_eq!(look(&file, declared), only("image_multiple_frames"), "{row}");
    }
}

#[test]
fn what_follows_the_end_is_noted() {
    let tail = b"<?php echo 1;";
    for (file, declared) in [(png(), MediaType::Png), (jpeg(), MediaType::Jpeg)] {
        let facts = look(&[&file[..], tail].concat(), declared).unwrap();
        assert_eq!(facts.trailing_bytes, 13);
        let large = look(&[&file[..], &vec![b'x'; 5 << 20]].concat(), declared).unwrap();
        assert_eq!(large.trailing_bytes, 5 << 20);
    }
}

#[test]
fn bombs_are_too_complex_or_too_large() {
    let chunks = chunk(*b"abCd", b"").repeat(100_000);
    assert_eq!(look(&with_chunks(&chunks), MediaType::Png), only("image_too_complex"));
    let text = chunk(*b"zTXt", &vec![0; 5 << 20]);
    assert_eq!(look(&with_chunks(&text), MediaType::Png), only("image_too_complex"));
    let segments = b"\xFF\xFE\x00\x02".repeat(100_000);
    assert_eq!(look(&with_segments(&segments), MediaType::Jpeg), only("image_too_complex"));
    let file = jpeg();
    let start = find(&file, b"\xFF\xDA");
    let scan = &file[start..file.len() - 2];
    let scans = |count: usize| [&file[..start], &scan.repeat(count), b"\xFF\xD9"].concat();
    assert!(look(&scans(100), MediaType::Jpeg).is_ok());
    assert_eq!(look(&scans(101), MediaType::Jpeg), only("image_too_complex"));
    let boxes = [heic(), b"\0\0\0\x08free".repeat(30_000)].concat();
    assert_eq!(look(&boxes, MediaType::Heic), only("image_too_complex"));
    let large = file.clone().tap(|f| f.resize(15 << 20, 0));
    assert!(look(&large, MediaType::Jpeg).is_ok());
    let larger = file.clone().tap(|f| f.resize((15 << 20) + 1, 0));
    assert_eq!(look(&larger, MediaType::Jpeg), only("image_too_large"));
}

#[test]
fn the_orientation_is_read_and_nonsense_is_not() {
    let tiff = |value: u8| {
        let mut bytes = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0".to_vec();
        bytes[19] = value;
        bytes
    };
    let exif = |value: u8| {
        let body = [b"Exif\0\0".as_slice(), &tiff(value)].concat();
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        with_segments(&[b"\xFF\xE1".as_slice(), &length, &body].concat())
    };
    let orientation = |file: &[u8], declared| look(file, declared).unwrap().orientation;
    assert_eq!(orientation(&exif(6), MediaType::Jpeg), Some(6));
    assert_eq!(orientation(&exif(9), MediaType::Jpeg), None);
    assert_eq!(orientation(&with_segments(b"\xFF\xE1\x00\x09Exif\0\0I"), MediaType::Jpeg), None);
    let in_png = with_chunks(&chunk(*b"eXIf", &tiff(8)));
    assert_eq!(orientation(&in_png, MediaType::Png), Some(8));
}

#[test]
fn a_fault_becomes_an_error_of_the_form() {
    let fault = inspect(b"", MediaType::Png, &ImageLimits::default()).unwrap_err().remove(0);
    let error = fault.into_shape_error("/images/0");
    assert_eq!((error.code.as_str(), error.pointer.as_str()), ("image_empty", "/images/0"));
    assert_eq!(error.message, "the file is empty; attach the file again");
    assert!(ImageLimits::default().validate().is_ok());
    assert!(ImageLimits { scans: 0, ..ImageLimits::default() }.validate().is_err());
}

fn damaged() -> impl Strategy<Value = (Vec<u8>, MediaType)> {
    let whole = prop_oneof![
        Just((png(), MediaType::Png)),
        Just((jpeg(), MediaType::Jpeg)),
        Just((heic(), MediaType::Heic)),
    ];
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0_u8..4);
    (whole, prop::collection::vec(change, 1..6)).prop_map(|((mut file, declared), changes)| {
        for (index, byte, what) in changes {
            let at = index.index(file.len());
            match what {
                0 => file[at] = byte,
                1 => file.insert(at, byte),
                2 => drop(file.drain(at..(at + usize::from(byte)).min(file.len()))),
                _ => file.truncate(at),
            }
            if file.is_empty() {
                file.push(byte);
            }
        }
        (file, declared)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_makes_the_walk_panic((file, declared) in damaged()) {
        match inspect(&file, declared, &ImageLimits::default()) {
            Ok(facts) => prop_assert_eq!(facts.sha256, sha256(&file)),
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }

    #[test]
    fn no_bytes_make_the_walk_panic(
        start in prop::sample::select(vec![b"\x89PNG\r\n\x1A\n".to_vec(), b"\xFF\xD8\xFF".to_vec(), b"\0\0\0\x18ftypheic".to_vec()]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let file = [start, rest].concat();
        for declared in [MediaType::Png, MediaType::Jpeg, MediaType::Heic] {
            let found = inspect(&file, declared, &ImageLimits::default());
            prop_assert!(found.map_err(|faults| faults.len()) != Err(0));
        }
    }
}
