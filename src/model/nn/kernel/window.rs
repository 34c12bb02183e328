//! Square windows that slide over feature maps.

/// A square window that slides over a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Side length in pixels.
    pub side: usize,
    /// Distance between neighboring windows in pixels.
    pub stride: usize,
    /// Number of pixels of padding on each side of the map. They are zero.
    pub padding: usize,
}

/// The part of a row of a window that lies on a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::model::nn) struct Run {
    /// Its first pixel on the map.
    pub(in crate::model::nn) pixel: usize,
    /// The place of this pixel in the row of the window.
    pub(in crate::model::nn) first: usize,
    /// Number of pixels. The others of the row are padding.
    pub(in crate::model::nn) count: usize,
}

impl Window {
    /// The window of one pixel at each pixel. It unfolds to the map itself.
    pub const PIXEL: Self = Self {
        side: 1,
        stride: 1,
        padding: 0,
    };

    /// Creates a window with an odd side and so much padding that each `stride`-th pixel is the center of a window.
    #[must_use]
    pub fn centered(side: usize, stride: usize) -> Self {
        Self {
            side,
            stride,
            padding: side / 2,
        }
    }

    /// Returns the number of pixels in a window.
    #[must_use]
    pub fn pixels(self) -> usize {
        self.side * self.side
    }

    /// Returns the number of windows along a side of `size` pixels. 0 if the side is too short for a window.
    #[must_use]
    pub fn along(self, size: usize) -> usize {
        match (size + 2 * self.padding).checked_sub(self.side) {
            Some(rest) => rest / self.stride + 1,
            None => 0,
        }
    }

    /// Returns the numbers of rows and columns of windows over a map of this size.
    #[must_use]
    pub fn over(self, [height, width]: [usize; 2]) -> [usize; 2] {
        [self.along(height), self.along(width)]
    }

    /// Returns the pixel of a map at each pixel of the window at `position`, row by row. `None` for padding.
    pub(in crate::model::nn) fn sources(
        self,
        [height, width]: [usize; 2],
        position: usize,
    ) -> impl Iterator<Item = Option<usize>> {
        let across = self.along(width).max(1);
        let [top, left] = [position / across, position % across].map(|at| at * self.stride);
        (0..self.pixels()).map(move |pixel| {
            let down = (top + pixel / self.side).checked_sub(self.padding)?;
            let right = (left + pixel % self.side).checked_sub(self.padding)?;
            (down < height && right < width).then_some(down * width + right)
        })
    }

    /// Returns the part of each row of the window at `position` that lies on a map, row by row. Its pixels are neighbors on
    /// the map.
    pub(in crate::model::nn) fn runs(
        self,
        [height, width]: [usize; 2],
        position: usize,
    ) -> impl Iterator<Item = Run> {
        let across = self.along(width).max(1);
        let [top, left] = [position / across, position % across].map(|at| at * self.stride);
        let first = self.padding.saturating_sub(left).min(self.side);
        let beyond = (width + self.padding).saturating_sub(left);
        let count = self.side.min(beyond).saturating_sub(first);
        (0..self.side).map(move |row| {
            let down = (top + row).checked_sub(self.padding);
            match down.filter(|&down| down < height && count > 0) {
                Some(down) => Run {
                    pixel: down * width + left + first - self.padding,
                    first,
                    count,
                },
                None => Run::default(),
            }
        })
    }

    /// Returns the windows along one side that cover a pixel, each with the place of the pixel in the window.
    pub(in crate::model::nn) fn covering(
        self,
        pixel: usize,
        size: usize,
    ) -> impl Iterator<Item = (usize, usize)> {
        let (place, count) = (pixel + self.padding, self.along(size));
        (0..self.side).filter_map(move |at| {
            let start = place.checked_sub(at)?;
            let index = start / self.stride;
            (start % self.stride == 0 && index < count).then_some((index, at))
        })
    }
}
