//! Drawn sample faces for the demonstration and for tests. They are cartoons of invented persons,
//! made from a number; nobody's photograph is in them. The same number gives the same person.

mod canvas;
mod person;

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, blur, resize};
use image::{Rgb, RgbImage};

use canvas::{Canvas, Shape, shape};
use person::{Dice, Person};

const WIDTH: u32 = 600;
const HEIGHT: u32 = 750;

/// A drawing could not be written as JPEG.
#[derive(Debug, thiserror::Error)]
#[error("write the drawn sample image")]
pub struct SampleError(#[from] image::ImageError);

/// Person `seed` before the height lines of a booking room, 600 by 750, as JPEG.
pub fn booking(seed: u64) -> Result<Vec<u8>, SampleError> {
    let mut canvas = Canvas::new(WIDTH, HEIGHT, [205, 213, 220]);
    for step in 0..12_u8 {
        let y = 34.0 + 62.0 * f32::from(step);
        canvas.line([0.0, y], [600.0, y], if step % 2 == 0 { 1.6 } else { 0.8 }, [150, 162, 174]);
        if step % 2 == 0 {
            let label = u64::from(200 - u16::from(step) * 5);
            canvas.number(label, [18.0, y + 6.0], 3.4, [120, 132, 145]);
            canvas.number(label, [542.0, y + 6.0], 3.4, [120, 132, 145]);
        }
    }
    canvas.place([300.0, 322.0], 118.0);
    Person::of(seed).draw(&mut canvas);
    canvas.place([0.0, 0.0], 1.0);
    canvas.paint(&shape(Shape::Block, [300.0, 700.0], [120.0, 34.0]), [38, 42, 48], 1.0);
    canvas.number(100_000 + seed % 900_000, [222.0, 682.0], 7.4, [235, 235, 228]);
    jpeg(canvas.picture(), 90)
}

/// Person `seed` as a shop's camera might show them, grey, coarse and noisy, 600 by 750, as JPEG.
pub fn probe(seed: u64) -> Result<Vec<u8>, SampleError> {
    let mut dice = Dice::new(seed ^ 0xCA3E_7A11);
    let mut canvas = shop();
    canvas.place([282.0 + 40.0 * dice.unit(), 352.0], 96.0 + 8.0 * dice.unit());
    Person::of(seed).draw(&mut canvas);
    let mut picture = coarse(canvas.picture(), 3);
    grey(&mut picture, &mut dice, 0.82, 34.0, 26.0);
    let mut canvas = Canvas::from(picture);
    canvas.paint(&shape(Shape::Block, [300.0, 734.0], [300.0, 16.0]), [12, 12, 12], 0.85);
    for (number, x) in [(20_261_120, 14.0), (221_407 + seed % 50, 200.0), (3, 566.0)] {
        canvas.number(number, [x, 724.0], 4.0, [225, 225, 225]);
    }
    jpeg(canvas.picture(), 72)
}

/// Person `seed` in an image that no trained reviewer should search: dark, blurred, far away.
pub fn unsuitable(seed: u64) -> Result<Vec<u8>, SampleError> {
    let mut dice = Dice::new(seed ^ 0xB1_0BBE);
    let mut canvas = shop();
    canvas.place([340.0, 330.0], 44.0);
    Person::of(seed).draw(&mut canvas);
    let small = resize(canvas.picture(), WIDTH / 5, HEIGHT / 5, FilterType::Triangle);
    let mut picture = resize(&blur(&small, 2.0), WIDTH, HEIGHT, FilterType::Triangle);
    grey(&mut picture, &mut dice, 0.34, 6.0, 20.0);
    jpeg(&picture, 60)
}

/// The room that a camera looks into: wall, shelf, door frame.
fn shop() -> Canvas {
    let mut canvas = Canvas::new(WIDTH, HEIGHT, [168, 166, 158]);
    let boxes: [([f32; 2], [f32; 2], [u8; 3]); 6] = [
        ([300.0, 700.0], [300.0, 90.0], [118, 112, 104]),
        ([92.0, 300.0], [92.0, 230.0], [132, 122, 108]),
        ([92.0, 190.0], [84.0, 60.0], [88, 84, 80]),
        ([92.0, 340.0], [84.0, 60.0], [96, 90, 84]),
        ([92.0, 470.0], [84.0, 48.0], [88, 84, 80]),
        ([540.0, 330.0], [74.0, 290.0], [196, 198, 196]),
    ];
    for (centre, half, color) in boxes {
        canvas.paint(&shape(Shape::Block, centre, half), color, 1.0);
    }
    for step in 0..5_u8 {
        let x = 26.0 + 33.0 * f32::from(step);
        for (y, tone) in [(212.0, 150), (366.0, 172), (490.0, 140)] {
            let color = [tone, tone - 10 * step, tone - 24];
            canvas.paint(&shape(Shape::Block, [x, y], [12.0, 34.0]), color, 1.0);
        }
    }
    canvas
}

/// Fewer pixels, shown as large as before.
fn coarse(picture: &RgbImage, by: u32) -> RgbImage {
    let small = resize(picture, WIDTH / by, HEIGHT / by, FilterType::Triangle);
    resize(&small, WIDTH, HEIGHT, FilterType::Triangle)
}

/// Grey, with the sensor's noise (in grey levels) and scan lines.
fn grey(picture: &mut RgbImage, dice: &mut Dice, gain: f32, lift: f32, noise: f32) {
    for (_, y, pixel) in picture.enumerate_pixels_mut() {
        let Rgb([r, g, b]) = *pixel;
        let light = 0.3 * f32::from(r) + 0.59 * f32::from(g) + 0.11 * f32::from(b);
        let line = if y % 4 == 3 { 0.86 } else { 1.0 };
        let value = (light * gain + lift + noise * (dice.unit() - 0.5)) * line;
        *pixel = Rgb([canvas::level(value); 3]);
    }
}

fn jpeg(picture: &RgbImage, quality: u8) -> Result<Vec<u8>, SampleError> {
    let mut out = Cursor::new(Vec::new());
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut out, quality))?;
    Ok(out.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_gives_the_same_bytes_and_another_gives_others() {
        for draw in [booking, probe, unsuitable] {
            let first = draw(7).unwrap();
            assert_eq!(first, draw(7).unwrap());
            assert_ne!(first, draw(8).unwrap());
            let read = image::load_from_memory(&first).unwrap();
            assert_eq!((read.width(), read.height()), (WIDTH, HEIGHT));
        }
    }

    #[test]
    fn the_unsuitable_image_is_far_darker_than_the_probe() {
        let light = |bytes: Vec<u8>| {
            let grey = image::load_from_memory(&bytes).unwrap().to_luma8();
            grey.pixels().map(|pixel| u64::from(pixel.0[0])).sum::<u64>() / 450_000
        };
        assert!(light(probe(3).unwrap()) > 2 * light(unsuitable(3).unwrap()));
    }
}
