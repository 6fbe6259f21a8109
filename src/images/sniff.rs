//! What a file seems to be, by its first bytes; its name and declared type say nothing.

use crate::domain::form::MediaType;

/// What a file seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// A type that is accepted, as far as its first bytes tell.
    Accepted(MediaType),
    /// A known type that is not accepted, by its name.
    Foreign(&'static str),
    /// Nothing known.
    Unknown,
}

const FOREIGN: [(&[u8], &str); 22] = [
    (b"GIF8", "a GIF"),
    (b"II*\0", "a TIFF or camera raw file"),
    (b"MM\0*", "a TIFF or camera raw file"),
    (b"II+\0", "a TIFF"),
    (b"MM\0+", "a TIFF"),
    (b"BM", "a BMP"),
    (b"\0\0\x01\0", "an icon (ICO)"),
    (b"8BPS", "a Photoshop file"),
    (b"\0\0\0\x0CjP  ", "a JPEG 2000"),
    (b"\xFF\x4F\xFF\x51", "a JPEG 2000"),
    (b"\0\0\0\x0CJXL ", "a JPEG XL"),
    (b"\xFF\x0A", "a JPEG XL"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "a PostScript file"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1F\x8B", "a gzip archive"),
    (b"MZ", "a Windows program"),
    (b"\x7FELF", "a program"),
    (b"#!", "a script"),
    (b"push graphic-context", "a drawing script (MVG)"),
    (b"\x1A\x45\xDF\xA3", "a video"),
];

/// Brands of ISO base media files that hold one HEIC image.
const HEIC: [&[u8; 4]; 6] = [b"heic", b"heix", b"heim", b"heis", b"mif1", b"hevc"];

pub(super) fn sniff(bytes: &[u8]) -> Seen {
    if bytes.starts_with(super::png::SIGNATURE) {
        return Seen::Accepted(MediaType::Png);
    }
    if bytes.starts_with(b"\xFF\xD8\xFF") {
        return Seen::Accepted(MediaType::Jpeg);
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return iso_media(bytes);
    }
    if bytes.starts_with(b"RIFF") {
        return Seen::Foreign(match bytes.get(8..12) {
            Some(b"WEBP") => "a WebP",
            Some(b"AVI ") => "a video",
            _ => "a RIFF file",
        });
    }
    let known = FOREIGN.iter().find(|(magic, _)| bytes.starts_with(magic));
    match known {
        Some((_, name)) => Seen::Foreign(name),
        None => markup(bytes),
    }
}

fn iso_media(bytes: &[u8]) -> Seen {
    let length = bytes.first_chunk::<4>().map_or(0, |b| u32::from_be_bytes(*b));
    // The major brand, then a version, then compatible brands; more than these are not looked at.
    let end = super::cursor::size(length).min(8 + 4 * 34);
    let mut brands = bytes
        .get(8..end.min(bytes.len()))
        .unwrap_or_default()
        .chunks_exact(4)
        .enumerate()
        .filter(|(position, _)| *position != 1)
        .map(|(_, brand)| brand)
        .peekable();
    let major = brands.peek().copied().unwrap_or_default();
    if major == b"avif" || major == b"avis" {
        return Seen::Foreign("an AVIF");
    }
    let mut heic = false;
    for brand in brands {
        if brand == b"avif" {
            return Seen::Foreign("an AVIF");
        }
        heic |= HEIC.iter().any(|known| brand == *known);
    }
    if heic {
        Seen::Accepted(MediaType::Heic)
    } else {
        Seen::Foreign("a video or other media file")
    }
}

/// Text that is a page or a drawing.
fn markup(bytes: &[u8]) -> Seen {
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(bytes.len());
    let head: Vec<u8> = bytes.iter().skip(start).take(512).map(u8::to_ascii_lowercase).collect();
    let holds = |needle: &[u8]| head.windows(needle.len()).any(|window| window == needle);
    let head_is = |prefix: &[u8]| head.starts_with(prefix);
    if head_is(b"<svg") || (head_is(b"<?xml") || head_is(b"<!")) && holds(b"<svg") {
        return Seen::Foreign("an SVG");
    }
    if head_is(b"<!doctype html") || head_is(b"<html") || head_is(b"<script") || head_is(b"<body") {
        return Seen::Foreign("an HTML page");
    }
    if head_is(b"<?php") {
        return Seen::Foreign("a script");
    }
    if head_is(b"<?xml") {
        return Seen::Foreign("an XML document");
    }
    Seen::Unknown
}
