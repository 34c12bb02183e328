//! Label maps: a class for each pixel of an image.

use std::sync::Arc;

/// The class of each pixel of an image. A pixel may have none. Copies share the pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelMap {
    /// Height and width, in pixels.
    size: [usize; 2],
    classes: Classes,
}

/// The classes in raster order. The largest number of the type marks a pixel without a class.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Classes {
    Bytes(Arc<[u8]>),
    Words(Arc<[u16]>),
}

impl LabelMap {
    /// Creates a map of this height and width from the class of each pixel in raster order, which is below `classes`.
    #[must_use]
    pub fn new(
        size: [usize; 2],
        classes: usize,
        pixels: impl Iterator<Item = Option<u16>>,
    ) -> Self {
        let classes = match classes <= usize::from(u8::MAX) {
            true => {
                let bytes = pixels.map(|class| class.map_or(u8::MAX, |class| class as u8));
                Classes::Bytes(bytes.collect())
            }
            false => Classes::Words(pixels.map(|class| class.unwrap_or(u16::MAX)).collect()),
        };
        Self { size, classes }
    }

    /// Returns the height and the width, in pixels.
    #[must_use]
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Returns the class of a pixel, given by its index in raster order. `None` if it has none.
    #[must_use]
    pub fn class(&self, pixel: usize) -> Option<usize> {
        match &self.classes {
            Classes::Bytes(all) => (all[pixel] != u8::MAX).then_some(usize::from(all[pixel])),
            Classes::Words(all) => (all[pixel] != u16::MAX).then_some(usize::from(all[pixel])),
        }
    }

    /// Returns the classes of all pixels in raster order.
    pub fn classes(&self) -> impl Iterator<Item = Option<usize>> {
        let [height, width] = self.size;
        (0..height * width).map(|pixel| self.class(pixel))
    }
}
