//! Maps of several sizes whose pixels lie one after another, each in raster order.

/// A map among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Position of its first pixel.
    pub first: usize,
    /// Number of rows of pixels.
    pub height: usize,
    /// Number of columns of pixels.
    pub width: usize,
}

impl Level {
    /// Returns the distance to the next column in positions. 0 if there is no other column.
    #[must_use]
    pub fn right(self) -> usize {
        usize::from(self.width > 1)
    }

    /// Returns the distance to the next row in positions. 0 if there is no other row.
    #[must_use]
    pub fn down(self) -> usize {
        match self.height {
            0 | 1 => 0,
            _ => self.width,
        }
    }
}

/// Places maps of these sizes, `[height, width]`, one after another.
#[must_use]
pub fn place(sizes: &[[usize; 2]]) -> Vec<Level> {
    let mut first = 0;
    let levels = sizes.iter().map(|&[height, width]| {
        let level = Level {
            first,
            height,
            width,
        };
        first += height * width;
        level
    });
    levels.collect()
}

/// Returns the center of each position, `(x, y)`, as a share of the width and the height of its own map.
#[must_use]
pub fn centers(levels: &[Level]) -> Vec<[f64; 2]> {
    let share = |at: usize, size: usize| (at as f64 + 0.5) / size as f64;
    let of = |level: &Level| {
        let Level { height, width, .. } = *level;
        (0..height).flat_map(move |y| (0..width).map(move |x| [share(x, width), share(y, height)]))
    };
    levels.iter().flat_map(of).collect()
}
