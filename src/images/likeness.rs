//! Whether two files show the same picture, by hashes of the whole picture.
//!
//! A hash keeps the coarse pattern of light and dark from edge to edge, and nothing of any part: it cannot tell one face
//! from another, and two pictures of one person are as different to it as two of different people.

use std::collections::BTreeSet;

/// Bits of two hashes that may differ for pictures that look the same. With fewer than [`BANDS`] of them, one band is
/// always the same.
pub const MOST_DIFFERENT: u32 = 16;
/// Parts of a hash by which look-alikes are searched.
pub const BANDS: usize = 16;
/// Views of a picture that are hashed: the whole, and the whole with each edge cut off or continued a little.
pub const VIEWS: usize = 81;
/// Bytes of the hashes of all views.
pub const VIEWS_BYTES: usize = VIEWS * 2 * BANDS;

/// Positions in a band whose sign turns when the picture is mirrored.
const MIRRORED: u16 = 0x5555;

/// A hash of one view: the signs of its 16 by 16 lowest frequencies, a band for each frequency from top to bottom. In a
/// band, bit `u` is frequency `u + 1` from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PictureHash(pub [u16; BANDS]);

impl PictureHash {
    /// The hash of the mirrored view: frequencies of odd order have the other sign.
    #[must_use]
    pub fn mirrored(self) -> Self {
        Self(self.0.map(|band| band ^ MIRRORED))
    }

    /// Bits that differ.
    pub fn distance(&self, other: &Self) -> u32 {
        self.0.iter().zip(other.0).map(|(own, other)| (own ^ other).count_ones()).sum()
    }
}

/// The hashes of every view; the first is the whole picture's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureViews(Vec<PictureHash>);

impl PictureViews {
    /// From the hashes of all views in their order; none if it is another number.
    pub fn new(views: Vec<PictureHash>) -> Option<Self> {
        (views.len() == VIEWS).then_some(Self(views))
    }

    /// From [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<2>();
        let words: Vec<u16> = words.iter().map(|word| u16::from_be_bytes(*word)).collect();
        let (views, none) = words.as_chunks::<BANDS>();
        (rest.is_empty() && none.is_empty())
            .then(|| Self::new(views.iter().map(|view| PictureHash(*view)).collect()))?
    }

    /// As it is sealed: view by view, band by band, big-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|view| view.0).flat_map(u16::to_be_bytes).collect()
    }

    /// The whole picture's hash.
    fn whole(&self) -> Option<PictureHash> {
        self.0.first().copied()
    }

    /// What is stored of it to be found by: place and content of each band.
    pub fn bands(&self) -> Vec<(usize, u16)> {
        self.whole().map(|whole| whole.0.into_iter().enumerate().collect()).unwrap_or_default()
    }

    /// What is asked for to find others: the bands of every view and of their mirror images.
    pub fn wanted(&self) -> BTreeSet<(usize, u16)> {
        let both = self.0.iter().flat_map(|view| [*view, view.mirrored()]);
        both.flat_map(|view| view.0.into_iter().enumerate()).collect()
    }

    /// Whether a view of this picture, or its mirror image, is nearly that whole one.
    fn covers(&self, whole: &PictureHash) -> bool {
        let near = |view: &PictureHash| {
            view.distance(whole) <= MOST_DIFFERENT
                || view.mirrored().distance(whole) <= MOST_DIFFERENT
        };
        self.0.iter().any(near)
    }

    /// Whether both look like the same picture, whichever of them is the cut one.
    pub fn looks_like(&self, other: &Self) -> bool {
        let covered =
            |views: &Self, whole: &Self| whole.whole().is_some_and(|whole| views.covers(&whole));
        covered(self, other) || covered(other, self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn views(whole: [u16; BANDS]) -> PictureViews {
        let mut views = vec![PictureHash([0xF0F0; BANDS]); VIEWS];
        views[0] = PictureHash(whole);
        PictureViews::new(views).unwrap()
    }

    /// The hash with these bits turned.
    fn turned(hash: [u16; BANDS], bits: &BTreeSet<usize>) -> [u16; BANDS] {
        let mut turned = hash;
        for bit in bits {
            turned[bit / 16] ^= 1 << (bit % 16);
        }
        turned
    }

    #[test]
    fn bytes_come_back_and_nothing_else_is_taken() {
        let all: Vec<PictureHash> =
            (0..81).map(|n| PictureHash([n; BANDS].map(|band| band * 700 + 3))).collect();
        let views = PictureViews::new(all).unwrap();
        let bytes = views.to_bytes();
        assert_eq!(bytes.len(), VIEWS_BYTES);
        assert_eq!(PictureViews::from_bytes(&bytes), Some(views));
        for wrong in [&bytes[1..], &bytes[32..], &[], &[&bytes[..], &[0; 32]].concat()] {
            assert_eq!(PictureViews::from_bytes(wrong), None);
        }
    }

    proptest! {
        #[test]
        fn who_looks_alike_is_found_by_a_band_and_one_bit_more_is_another_picture(whole: [u16; BANDS], bits in proptest::collection::btree_set(0usize..256, 0..40)) {
            let (one, other) = (views(whole), views(turned(whole, &bits)));
            let far = |hash: [u16; BANDS]| PictureHash(hash).distance(&PictureHash([0xF0F0; BANDS])) > 60;
            prop_assume!(far(whole) && far(turned(whole, &bits)) && far(PictureHash(whole).mirrored().0));
            prop_assume!(far(PictureHash(turned(whole, &bits)).mirrored().0));
            prop_assert_eq!(one.looks_like(&other), bits.len() <= 16);
            prop_assert_eq!(other.looks_like(&one), bits.len() <= 16);
            if bits.len() < BANDS {
                prop_assert!(other.bands().iter().any(|band| one.wanted().contains(band)));
            }
        }

        #[test]
        fn a_mirrored_copy_looks_alike_and_twice_mirrored_is_the_same(whole: [u16; BANDS]) {
            let hash = PictureHash(whole);
            prop_assert_eq!(hash.mirrored().mirrored(), hash);
            prop_assert_eq!(hash.mirrored().distance(&hash), 128);
            let (one, other) = (views(whole), views(hash.mirrored().0));
            prop_assert!(one.looks_like(&other));
            prop_assert!(other.bands().iter().all(|band| one.wanted().contains(band)));
        }
    }
}
