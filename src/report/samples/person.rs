//! An invented person, from a number, and how to draw them. One unit is about a third of a head.

use super::canvas::{Area, Canvas, Color, Shape, ellipse, line, shape};

/// A small generator of numbers (`SplitMix64`): the same at every run. Not for secrets.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    pub(super) fn unit(&mut self) -> f32 {
        let [.., high, low] = self.next().to_be_bytes();
        f32::from(u16::from_be_bytes([high, low])) / f32::from(u16::MAX)
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    fn pick<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let count = others.len() as u64 + 1;
        usize::try_from(self.next() % count)
            .ok()
            .and_then(|position| others.get(position))
            .copied()
            .unwrap_or(first)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Hair {
    Short,
    Parted,
    Long,
    Curly,
    None,
    Beanie,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Beard {
    None,
    Full,
    Moustache,
}

/// All that is drawn of a person.
#[derive(Debug)]
pub(super) struct Person {
    skin: Color,
    hair_color: Color,
    eye_color: Color,
    shirt: Color,
    hair: Hair,
    beard: Beard,
    glasses: bool,
    /// Half width and half height of the head.
    head: [f32; 2],
    jaw: f32,
    eye_distance: f32,
    brow_tilt: f32,
    brow_thick: f32,
    nose: f32,
    mouth: f32,
    smile: f32,
}

impl Person {
    /// The person with this number.
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed.wrapping_mul(0x00C0_FFEE).wrapping_add(17));
        Self {
            skin: dice.pick(
                [236, 198, 168],
                &[[214, 168, 132], [188, 138, 100], [150, 104, 74], [112, 76, 54], [244, 212, 188]],
            ),
            hair_color: dice.pick(
                [52, 40, 34],
                &[[30, 28, 30], [96, 66, 42], [146, 104, 58], [128, 126, 124], [120, 58, 34]],
            ),
            eye_color: dice.pick([86, 58, 38], &[[70, 96, 110], [84, 104, 66], [58, 44, 34]]),
            shirt: dice.pick(
                [62, 84, 112],
                &[[120, 62, 58], [70, 96, 76], [92, 88, 94], [148, 118, 66], [58, 60, 70]],
            ),
            hair: dice.pick(
                Hair::Short,
                &[Hair::Parted, Hair::Long, Hair::Curly, Hair::None, Hair::Beanie],
            ),
            beard: dice.pick(Beard::None, &[Beard::Full, Beard::Moustache, Beard::None]),
            glasses: dice.unit() > 0.72,
            head: [dice.between(1.08, 1.28), dice.between(1.48, 1.66)],
            jaw: dice.between(0.78, 0.96),
            eye_distance: dice.between(0.44, 0.54),
            brow_tilt: dice.between(-0.08, 0.1),
            brow_thick: dice.between(0.045, 0.09),
            nose: dice.between(0.42, 0.58),
            mouth: dice.between(0.34, 0.5),
            smile: dice.between(-0.03, 0.06),
        }
    }

    /// Draws head and shoulders; the origin is the middle of the head.
    pub(super) fn draw(&self, canvas: &mut Canvas) {
        self.body(canvas);
        self.head(canvas);
        if self.beard == Beard::Full {
            self.full_beard(canvas);
        }
        for side in [-1.0, 1.0] {
            self.eye(canvas, side);
        }
        self.nose(canvas);
        self.mouth(canvas);
        self.hair(canvas);
        if self.glasses {
            self.glasses(canvas);
        }
    }

    fn body(&self, canvas: &mut Canvas) {
        let [rx, _] = self.head;
        if self.hair == Hair::Long {
            let back = shape(Shape::Pill, [0.0, 0.75], [rx * 1.25, 2.25]);
            canvas.paint(&back, darker(self.hair_color, 0.8), 1.0);
        }
        canvas.paint(&shape(Shape::Pill, [0.0, 4.4], [2.45, 2.0]), self.shirt, 1.0);
        let seam = darker(self.shirt, 0.82);
        canvas.line([-1.55, 3.5], [-1.7, 5.5], 0.03, seam);
        canvas.line([1.55, 3.5], [1.7, 5.5], 0.03, seam);
        canvas.paint(&ellipse([0.0, 2.5], [0.86, 0.5]), seam, 1.0);
        let neck = darker(self.skin, 0.86);
        canvas.paint(&ellipse([0.0, 2.44], [0.74, 0.42]), neck, 1.0);
        canvas.paint(&shape(Shape::Block, [0.0, 1.8], [0.54, 0.75]), neck, 1.0);
        canvas.paint(&ellipse([0.0, 1.52], [0.62, 0.34]), darker(self.skin, 0.74), 0.8);
    }

    fn skull(&self) -> Area {
        ellipse([0.0, -0.12], [self.head[0], self.head[1] * 0.92])
    }

    fn chin(&self) -> Area {
        let [rx, ry] = self.head;
        ellipse([0.0, 0.46], [rx * self.jaw, ry * 0.76])
    }

    fn head(&self, canvas: &mut Canvas) {
        let [rx, _] = self.head;
        let shade = darker(self.skin, 0.84);
        for side in [-1.0, 1.0] {
            canvas.paint(&ellipse([side * rx, 0.14], [0.2, 0.34]), self.skin, 1.0);
            canvas.paint(&ellipse([side * (rx + 0.02), 0.16], [0.1, 0.2]), shade, 1.0);
        }
        canvas.paint(&self.skull(), self.skin, 1.0);
        canvas.paint(&self.chin(), self.skin, 1.0);
        // One flat shadow on one side, as in a cut-out.
        let light = ellipse([-0.3, 0.0], [rx * 1.06, self.head[1] * 1.2]);
        canvas.paint(&self.skull().without(light.clone()), shade, 0.55);
        let below = shape(Shape::Block, [0.0, 1.2], [3.0, 0.72]);
        canvas.paint(&self.chin().without(light).both(below), shade, 0.55);
        for side in [-1.0, 1.0] {
            let cheek = ellipse([side * rx * 0.58, 0.52], [0.24, 0.15]);
            canvas.paint(&cheek, [206, 96, 80], 0.16);
        }
    }

    fn eye(&self, canvas: &mut Canvas, side: f32) {
        let x = side * self.eye_distance;
        let dark = darker(self.skin, 0.45);
        let white = ellipse([x, -0.06], [0.235, 0.125]);
        canvas.paint(&ellipse([x, -0.075], [0.265, 0.155]), dark, 1.0);
        canvas.paint(&white, [246, 244, 238], 1.0);
        canvas.paint(&ellipse([x, -0.07], [0.12, 0.125]).both(white), self.eye_color, 1.0);
        canvas.paint(&ellipse([x, -0.07], [0.06, 0.06]), [16, 14, 14], 1.0);
        canvas.paint(&ellipse([x - 0.035, -0.11], [0.026, 0.026]), [255, 255, 255], 1.0);
        let brow = darker(self.hair_color, 0.85);
        let inner = [x - side * 0.25, -0.4 + self.brow_tilt];
        let outer = [x + side * 0.27, -0.4];
        let peak = [x + side * 0.08, -0.46];
        canvas.line(inner, peak, self.brow_thick, brow);
        canvas.line(peak, outer, self.brow_thick * 0.8, brow);
    }

    fn nose(&self, canvas: &mut Canvas) {
        let shade = darker(self.skin, 0.8);
        let tip = self.nose;
        canvas.line([0.09, -0.02], [0.14, tip - 0.08], 0.035, shade);
        let bulb = ellipse([0.0, tip], [0.2, 0.11]);
        canvas.paint(&bulb.clone().without(ellipse([0.0, tip - 0.09], [0.24, 0.12])), shade, 1.0);
        for side in [-1.0, 1.0] {
            let nostril = ellipse([side * 0.1, tip + 0.05], [0.04, 0.022]);
            canvas.paint(&nostril, darker(self.skin, 0.5), 1.0);
        }
    }

    fn mouth(&self, canvas: &mut Canvas) {
        let [r, g, b] = self.skin;
        let lips = darker([r, g.saturating_sub(34), b.saturating_sub(24)], 0.82);
        let y = 0.97;
        canvas.paint(&ellipse([0.0, y], [self.mouth, 0.1]), lips, 1.0);
        let corner = y - self.smile;
        let line_color = darker(self.skin, 0.42);
        canvas.line([-self.mouth, corner], [0.0, y], 0.017, line_color);
        canvas.line([0.0, y], [self.mouth, corner], 0.017, line_color);
        if self.beard == Beard::Moustache {
            for side in [-1.0, 1.0] {
                canvas.line([0.0, 0.77], [side * self.mouth, 0.86], 0.075, self.hair_color);
            }
        }
    }

    fn full_beard(&self, canvas: &mut Canvas) {
        let [rx, _] = self.head;
        let free = ellipse([0.0, 0.18], [rx * 0.84, 0.84]);
        let low = shape(Shape::Block, [0.0, 1.2], [3.0, 1.05]);
        let around = ellipse([0.0, 0.5], [rx * self.jaw * 1.01, self.head[1] * 0.78]);
        canvas.paint(&around.without(free).both(low), self.hair_color, 0.96);
        canvas.paint(&ellipse([0.0, 0.8], [0.44, 0.09]), self.hair_color, 0.96);
    }

    fn hair(&self, canvas: &mut Canvas) {
        let [rx, ry] = self.head;
        let cap = ellipse([0.0, -0.22], [rx * 1.07, ry * 0.96]);
        match self.hair {
            Hair::None => {}
            Hair::Short => {
                let face = ellipse([0.0, 0.42], [rx * 1.0, ry * 0.92]);
                canvas.paint(&cap.without(face), self.hair_color, 1.0);
            }
            Hair::Parted => {
                let face = ellipse([-0.34, 0.5], [rx * 1.12, ry * 0.96]);
                let tall = ellipse([0.04, -0.3], [rx * 1.1, ry * 0.98]);
                canvas.paint(&tall.without(face), self.hair_color, 1.0);
            }
            Hair::Long => {
                let face = ellipse([0.0, 0.62], [rx * 0.9, ry * 1.06]);
                canvas.paint(&cap.without(face), self.hair_color, 1.0);
                for side in [-1.0, 1.0] {
                    let lock = ellipse([side * rx * 1.06, 0.85], [0.24, 1.35]);
                    canvas.paint(&lock, self.hair_color, 1.0);
                }
            }
            Hair::Curly => {
                for step in 0..11_u8 {
                    let turn = std::f32::consts::PI * (f32::from(step) / 10.0);
                    let centre = [-turn.cos() * rx * 0.98, -0.42 - turn.sin() * ry * 0.62];
                    canvas.paint(&ellipse(centre, [0.36, 0.36]), self.hair_color, 1.0);
                }
            }
            Hair::Beanie => {
                let above = shape(Shape::Block, [0.0, -1.6], [3.0, 0.95]);
                let wool = ellipse([0.0, -0.3], [rx * 1.1, ry * 1.02]).both(above);
                canvas.paint(&wool, darker(self.shirt, 0.7), 1.0);
                let band = shape(Shape::Pill, [0.0, -0.72], [rx * 1.08, 0.17]);
                canvas.paint(&band, darker(self.shirt, 0.55), 1.0);
            }
        }
    }

    fn glasses(&self, canvas: &mut Canvas) {
        let frame = [34, 34, 38];
        for side in [-1.0, 1.0] {
            let x = side * self.eye_distance;
            let rim = shape(Shape::Pill, [x, -0.05], [0.36, 0.27]);
            let glass = shape(Shape::Pill, [x, -0.05], [0.315, 0.225]);
            canvas.paint(&rim.without(glass), frame, 1.0);
            canvas.line([x + side * 0.36, -0.1], [side * self.head[0], -0.06], 0.028, frame);
        }
        canvas.paint(&line([-0.12, -0.1], [0.12, -0.1], 0.03), frame, 1.0);
    }
}

fn darker([r, g, b]: Color, by: f32) -> Color {
    let tone = |value: u8| super::canvas::level(f32::from(value) * by);
    [tone(r), tone(g), tone(b)]
}
