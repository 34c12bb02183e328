//! Cuts the centre out of an image. A smaller image gets a border.

use super::raster::Raster;

/// How the centre of an image is cut out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Crop {
    /// Number of rows of the result.
    pub(super) height: usize,
    /// Number of columns of the result.
    pub(super) width: usize,
    /// Color of the border of smaller images, one sample per channel.
    pub(super) fill: Vec<u8>,
    /// Where the centre is if it lies between two pixels.
    pub(super) halves: Halves,
}

/// How the first row or column is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halves {
    /// Down, as in transformers. The larger part of a border comes first.
    Down,
    /// To the even number, as in torchvision. The larger part of a border comes last.
    Even,
}

impl Halves {
    /// Returns the first row or column of the centre. It is negative if there is a border.
    fn first(self, size: usize, cropped: usize) -> i64 {
        let excess = size as i64 - cropped as i64;
        match self {
            Self::Down => excess.div_euclid(2),
            Self::Even if excess < 0 => -(-excess / 2),
            Self::Even => excess / 2 + i64::from(excess % 4 == 3),
        }
    }
}

impl Crop {
    /// Cuts the centre out of an image.
    pub(super) fn of(&self, image: Raster) -> Raster {
        let channels = image.channels;
        let (top, left) = (
            self.halves.first(image.height, self.height),
            self.halves.first(image.width, self.width),
        );
        let samples = self.fill.iter().copied().cycle();
        let mut out = Raster {
            height: self.height,
            width: self.width,
            channels,
            samples: samples.take(self.height * self.width * channels).collect(),
        };
        let (first, begin) = (left.max(0) as usize, (-left).max(0) as usize);
        let count = (image.width - first.min(image.width)).min(self.width - begin) * channels;
        for y in 0..self.height {
            let from = usize::try_from(y as i64 + top).ok();
            let Some(from) = from.filter(|&from| from < image.height) else {
                continue;
            };
            let from = (from * image.width + first) * channels;
            let to = (y * self.width + begin) * channels;
            out.samples[to..to + count].copy_from_slice(&image.samples[from..from + count]);
        }
        out
    }
}
