//! Shapes of the rows that a model reads: how many rows have how many positions.
//!
//! Costs are means over rows. A map costs the mean number of positions, attention the mean of their square, and layers
//! such as patch merging change the number of positions. A distribution covers all of these exactly.

use super::hidden::Layout;
use super::nn::kernel::window::Window;

/// The rows of a data set by their shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    shapes: Vec<Shape>,
    /// See [`of_original`](Self::of_original).
    original: bool,
}

/// Rows of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Arrangement of the positions.
    pub layout: Layout,
    /// Number of positions per row.
    pub positions: usize,
    /// Number of rows.
    pub rows: usize,
}

impl Extent {
    /// Creates the distribution of these rows, given by layout and number of positions. Equal rows are counted together.
    #[must_use]
    pub fn of(rows: impl IntoIterator<Item = (Layout, usize)>) -> Self {
        let mut shapes: Vec<Shape> = Vec::new();
        for (layout, positions) in rows {
            let same = |shape: &&mut Shape| (shape.layout, shape.positions) == (layout, positions);
            match shapes.iter_mut().find(same) {
                Some(shape) => shape.rows += 1,
                None => shapes.push(Shape {
                    layout,
                    positions,
                    rows: 1,
                }),
            }
        }
        Self {
            shapes,
            original: false,
        }
    }

    /// Returns the same rows, for the work of the original implementation. It also computes positions that nothing
    /// reads.
    #[must_use]
    pub fn of_original(&self) -> Self {
        Self {
            shapes: self.shapes.clone(),
            original: true,
        }
    }

    /// Whether the work is that of the original implementation.
    #[must_use]
    pub fn is_of_original(&self) -> bool {
        self.original
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.shapes.iter().map(|shape| shape.rows).sum()
    }

    /// Returns the number of positions of all rows.
    #[must_use]
    pub fn positions(&self) -> usize {
        let positions = self.shapes.iter().map(|shape| shape.positions * shape.rows);
        positions.sum()
    }

    /// Returns the mean number of positions per row.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.positions() as f64 / self.rows().max(1) as f64
    }

    /// Returns the mean over the rows of the squared number of positions.
    #[must_use]
    pub fn mean_square(&self) -> f64 {
        self.mean_product(self)
    }

    /// Returns the mean over the rows of the product of their numbers of positions here and in `other`, which holds the
    /// same rows after other steps.
    #[must_use]
    pub fn mean_product(&self, other: &Self) -> f64 {
        let shapes = self.shapes.iter().zip(&other.shapes);
        let products: usize = shapes
            .map(|(here, there)| here.positions * there.positions * here.rows)
            .sum();
        products as f64 / self.rows().max(1) as f64
    }

    /// Returns the distribution of the longest row alone. It is empty if there are no rows.
    #[must_use]
    pub fn of_longest(&self) -> Self {
        let longest = self.shapes.iter().max_by_key(|shape| shape.positions);
        Self {
            shapes: longest
                .map(|shape| Shape { rows: 1, ..*shape })
                .into_iter()
                .collect(),
            original: self.original,
        }
    }

    /// Returns the largest number of positions of a row.
    #[must_use]
    pub fn longest(&self) -> usize {
        let positions = self.shapes.iter().map(|shape| shape.positions);
        positions.max().unwrap_or(0)
    }

    /// Returns the rows after a step that makes one position of each window over a map.
    #[must_use]
    pub fn under(&self, window: Window) -> Self {
        self.map(|layout, _| {
            let layout = layout.under(window);
            (layout, layout.pixels())
        })
    }

    /// Returns the rows after a step that changes the layout and the number of positions.
    #[must_use]
    pub fn map(&self, step: impl Fn(Layout, usize) -> (Layout, usize)) -> Self {
        let shapes = self.shapes.iter().map(|shape| {
            let (layout, positions) = step(shape.layout, shape.positions);
            Shape {
                layout,
                positions,
                rows: shape.rows,
            }
        });
        Self {
            shapes: shapes.collect(),
            original: self.original,
        }
    }
}
