use std::io::Cursor;

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};

use super::*;
use crate::report::samples;

fn views(picture: &RgbImage) -> PictureViews {
    picture_views(&file(picture, 90), &PictureLimits::default()).unwrap()
}

fn file(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut out, quality)).unwrap();
    out.into_inner()
}

fn jpeg(picture: &RgbImage, quality: u8) -> RgbImage {
    image::load_from_memory(&file(picture, quality)).unwrap().to_rgb8()
}

fn smaller(picture: &RgbImage, by: u32) -> RgbImage {
    let (width, height) = (picture.width() / by, picture.height() / by);
    imageops::resize(picture, width, height, FilterType::CatmullRom)
}

/// Cut off: thousandths of the left, top, right and bottom edge.
fn cut(picture: &RgbImage, [left, top, right, bottom]: [u32; 4]) -> RgbImage {
    let (width, height) = picture.dimensions();
    let (x, y) = (width * left / 1000, height * top / 1000);
    let (right, bottom) = (width * right / 1000, height * bottom / 1000);
    imageops::crop_imm(picture, x, y, width - x - right, height - y - bottom).to_image()
}

type Draw = fn(u64) -> Result<Vec<u8>, samples::SampleError>;
const DRAWN: [(&str, Draw); 3] =
    [("booking", samples::booking), ("probe", samples::probe), ("unsuitable", samples::unsuitable)];

/// Half as large as drawn: these tests run without optimisation.
fn drawn(draw: Draw, seeds: std::ops::Range<u64>) -> Vec<RgbImage> {
    let load = |n| image::load_from_memory(&draw(n).unwrap()).unwrap().to_rgb8();
    seeds.map(|n| smaller(&load(n), 2)).collect()
}

/// Whether the copy is found, whichever of the two comes first.
fn is_found(original: &PictureViews, copy: &RgbImage) -> bool {
    let copy = views(copy);
    let by_band = |new: &PictureViews, old: &PictureViews| {
        let wanted = new.wanted();
        old.bands().iter().any(|band| wanted.contains(band))
    };
    assert_eq!(original.looks_like(&copy), copy.looks_like(original));
    original.looks_like(&copy) && by_band(original, &copy) && by_band(&copy, original)
}

/// The kinds of copies of docs/DECISIONS.md, which has the figures of a hundred pictures each.
#[test]
fn copies_in_another_form_are_found() {
    for (name, draw) in [("booking", samples::booking as Draw), ("probe", samples::probe)] {
        let one = &drawn(draw, 5..6).remove(0);
        let original = views(one);
        let grey = DynamicImage::ImageRgb8(one.clone()).to_luma8();
        let mirrored = imageops::flip_horizontal(one);
        let copies = [
            ("recompressed", jpeg(one, 30)),
            ("a third, recompressed", jpeg(&smaller(one, 3), 60)),
            ("brighter", imageops::brighten(one, 30)),
            ("grey", DynamicImage::ImageLuma8(grey).to_rgb8()),
            ("mirrored", mirrored.clone()),
            ("cut at every edge", cut(one, [15; 4])),
            ("cut below", cut(one, [0, 0, 0, 20])),
            ("all of it", jpeg(&smaller(&cut(&mirrored, [10; 4]), 2), 70)),
        ];
        for (what, copy) in copies {
            assert!(is_found(&original, &copy), "{name}: {what}");
        }
        assert!(!is_found(&original, &cut(one, [100; 4])), "{name}: that is another picture");
    }
}

#[test]
fn different_pictures_are_seldom_taken_for_one() {
    let all: Vec<(usize, PictureViews)> = DRAWN
        .into_iter()
        .enumerate()
        .flat_map(|(kind, (_, draw))| {
            drawn(draw, 20..25).into_iter().map(move |one| (kind, views(&one)))
        })
        .collect();
    let (mut same_place, mut wrong) = (0, 0);
    for (n, (kind, one)) in all.iter().enumerate() {
        for (other_kind, other) in &all[..n] {
            let alike = one.looks_like(other);
            if kind == other_kind {
                same_place += 1;
                wrong += usize::from(alike);
            } else {
                assert!(!alike, "pictures of different places");
            }
        }
    }
    // One camera before one background is the hardest case: people are drawn in the same pose, on the same spot.
    assert!(wrong * 10 <= same_place, "{wrong} of {same_place}");
}

#[test]
fn the_mirror_image_has_the_mirrored_hash() {
    let picture = drawn(samples::booking, 3..4).remove(0);
    let (one, other) = (views(&picture), views(&imageops::flip_horizontal(&picture)));
    let same = |a: &PictureViews, b: &PictureViews| {
        let (a, b) = (a.bands(), b.bands());
        a.iter().zip(b).map(|(a, b)| (a.1 ^ b.1).count_ones()).sum::<u32>()
    };
    assert!(same(&one, &other) > 90);
    let mirrored: Vec<(usize, u16)> =
        other.bands().into_iter().map(|(at, band)| (at, band ^ 0x5555)).collect();
    let differ: u32 = one.bands().iter().zip(mirrored).map(|(a, b)| (a.1 ^ b.1).count_ones()).sum();
    assert!(differ <= 4, "{differ}");
}

#[test]
fn what_shows_nothing_is_compared_with_nothing() {
    let blank = RgbImage::from_pixel(90, 70, image::Rgb([120; 3]));
    let limits = PictureLimits::default();
    assert!(matches!(picture_views(&file(&blank, 90), &limits), Err(PictureError::Blank)));
    assert!(matches!(picture_views(b"GIF89a", &limits), Err(PictureError::Format)));
    assert!(matches!(picture_views(b"\xFF\xD8\xFF", &limits), Err(PictureError::Damaged)));
    let probe = samples::probe(1).unwrap();
    let tight = PictureLimits { side: 599, ..limits };
    assert!(matches!(picture_views(&probe, &tight), Err(PictureError::TooLarge)));
    assert_eq!(picture_views(&probe, &limits).unwrap(), picture_views(&probe, &limits).unwrap());
}

#[test]
fn a_huge_picture_has_the_hash_of_its_small_copy() {
    let small = drawn(samples::booking, 4..5).remove(0);
    let huge = imageops::resize(&small, 1_200, 1_500, FilterType::Triangle);
    assert!(views(&huge).looks_like(&views(&small)));
}
