//! A small canvas: shapes as distance functions, painted with smooth edges.

use image::{Rgb, RgbImage};

pub(super) type Point = [f32; 2];
pub(super) type Color = [u8; 3];

/// The kinds of simple shape.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Ellipse,
    Block,
    /// A block with round corners, as round as its shorter side allows.
    Pill,
}

/// A painted area.
#[derive(Debug, Clone)]
pub(super) enum Area {
    Simple(Shape, Point, Point),
    Line(Point, Point, f32),
    Both(Box<Area>, Box<Area>),
    Without(Box<Area>, Box<Area>),
}

/// A simple shape about `centre`; `half` is half of its width and height.
pub(super) fn shape(shape: Shape, centre: Point, half: Point) -> Area {
    Area::Simple(shape, centre, half)
}

/// An ellipse.
pub(super) fn ellipse(centre: Point, half: Point) -> Area {
    shape(Shape::Ellipse, centre, half)
}

/// A line with round ends, `thick` on each side.
pub(super) fn line(from: Point, to: Point, thick: f32) -> Area {
    Area::Line(from, to, thick)
}

impl Area {
    pub(super) fn both(self, other: Self) -> Self {
        Self::Both(Box::new(self), Box::new(other))
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self::Without(Box::new(self), Box::new(other))
    }

    /// Distance to the edge, negative inside.
    fn distance(&self, [x, y]: Point) -> f32 {
        match self {
            Self::Simple(Shape::Ellipse, [cx, cy], [rx, ry]) => {
                (((x - cx) / rx).hypot((y - cy) / ry) - 1.0) * rx.min(*ry)
            }
            Self::Simple(Shape::Block, [cx, cy], [rx, ry]) => {
                ((x - cx).abs() - rx).max((y - cy).abs() - ry)
            }
            Self::Simple(Shape::Pill, [cx, cy], [rx, ry]) => {
                let round = rx.min(*ry);
                let (dx, dy) = ((x - cx).abs() - rx + round, (y - cy).abs() - ry + round);
                dx.max(0.0).hypot(dy.max(0.0)) + dx.max(dy).min(0.0) - round
            }
            Self::Line([ax, ay], [bx, by], thick) => {
                let (dx, dy) = (bx - ax, by - ay);
                let along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy);
                let along = along.clamp(0.0, 1.0);
                (x - ax - along * dx).hypot(y - ay - along * dy) - thick
            }
            Self::Both(one, other) => one.distance([x, y]).max(other.distance([x, y])),
            Self::Without(one, other) => one.distance([x, y]).max(-other.distance([x, y])),
        }
    }

    /// Corners of a rectangle that holds the area.
    fn bounds(&self) -> (Point, Point) {
        match self {
            Self::Simple(_, [cx, cy], [rx, ry]) => ([cx - rx, cy - ry], [cx + rx, cy + ry]),
            Self::Line([ax, ay], [bx, by], t) => {
                ([ax.min(*bx) - t, ay.min(*by) - t], [ax.max(*bx) + t, ay.max(*by) + t])
            }
            Self::Both(one, _) | Self::Without(one, _) => one.bounds(),
        }
    }
}

/// A picture, and where drawing units lie on it.
#[derive(Debug)]
pub(super) struct Canvas {
    picture: RgbImage,
    origin: Point,
    scale: f32,
}

impl From<RgbImage> for Canvas {
    fn from(picture: RgbImage) -> Self {
        Self { picture, origin: [0.0, 0.0], scale: 1.0 }
    }
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32, color: Color) -> Self {
        RgbImage::from_pixel(width, height, Rgb(color)).into()
    }

    /// From now on one unit is `scale` pixels, counted from the pixel `origin`.
    pub(super) fn place(&mut self, origin: Point, scale: f32) {
        self.origin = origin;
        self.scale = scale;
    }

    /// Paints an area; `cover` 1 hides what is below, 0 shows nothing.
    pub(super) fn paint(&mut self, area: &Area, color: Color, cover: f32) {
        let ([left, top], [right, bottom]) = area.bounds();
        let ([ox, oy], scale) = (self.origin, self.scale);
        let columns = span(left * scale + ox, right * scale + ox, self.picture.width());
        for y in span(top * scale + oy, bottom * scale + oy, self.picture.height()) {
            for x in columns.clone() {
                let point = [(middle(x) - ox) / scale, (middle(y) - oy) / scale];
                let inside = (0.5 - area.distance(point) * scale).clamp(0.0, 1.0) * cover;
                if inside > 0.0
                    && let Some(pixel) = self.picture.get_pixel_mut_checked(x, y)
                {
                    for (below, above) in pixel.0.iter_mut().zip(color) {
                        *below =
                            level(f32::from(*below) * (1.0 - inside) + f32::from(above) * inside);
                    }
                }
            }
        }
    }

    /// Paints a line, `thick` on each side.
    pub(super) fn line(&mut self, from: Point, to: Point, thick: f32, color: Color) {
        self.paint(&line(from, to, thick), color, 1.0);
    }

    /// Paints a number in square digits; `dot` is the side of one square, `at` the upper left corner.
    pub(super) fn number(&mut self, number: u64, [left, top]: Point, dot: f32, color: Color) {
        let mut x = left;
        for rows in number.to_string().bytes().filter_map(digit) {
            let mut y = top;
            for row in rows {
                for (column, mask) in [(0.0, 4), (1.0, 2), (2.0, 1)] {
                    if row & mask != 0 {
                        let centre = [x + dot * (column + 0.5), y + dot * 0.5];
                        let half = [dot * 0.5, dot * 0.5];
                        self.paint(&shape(Shape::Block, centre, half), color, 1.0);
                    }
                }
                y += dot;
            }
            x += dot * 4.0;
        }
    }

    pub(super) fn picture(&self) -> &RgbImage {
        &self.picture
    }
}

/// A digit as five rows of three squares.
fn digit(character: u8) -> Option<[u8; 5]> {
    const DIGITS: [[u8; 5]; 10] = [
        [7, 5, 5, 5, 7],
        [2, 6, 2, 2, 7],
        [7, 1, 7, 4, 7],
        [7, 1, 3, 1, 7],
        [5, 5, 7, 1, 1],
        [7, 4, 7, 1, 7],
        [7, 4, 7, 5, 7],
        [7, 1, 2, 2, 2],
        [7, 5, 7, 5, 7],
        [7, 5, 7, 1, 7],
    ];
    DIGITS.get(usize::from(character.checked_sub(b'0')?)).copied()
}

/// A tone within 0 to 255.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to the range first"
)]
pub(super) fn level(value: f32) -> u8 {
    value.clamp(0.0, 255.0).round() as u8
}

/// The pixels from `low` to `high`, and one more on each side, within the picture.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to the range of u16 first"
)]
fn span(low: f32, high: f32, size: u32) -> std::ops::Range<u32> {
    let whole = |value: f32| u32::from(value.clamp(0.0, f32::from(u16::MAX)) as u16);
    whole(low - 1.0)..whole(high + 2.0).min(size)
}

/// The middle of a pixel.
#[expect(clippy::cast_precision_loss, reason = "pictures are smaller than 2^23 pixels a side")]
fn middle(pixel: u32) -> f32 {
    pixel as f32 + 0.5
}
