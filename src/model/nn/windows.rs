//! Windows of an attention (Liu et al. 2021, "Swin Transformer", section 3.2).
//!
//! A map is padded at its right and lower edge to whole windows, and moved up and to the left by a shift. What leaves the map
//! at one edge enters it at the opposite one. A mask separates parts of a window that are no neighbors in the map.

use candle_core::{Device, Result, Tensor};

use super::rearrangement::Rearrangement;

/// Added to the scores of positions that are no neighbors. It is finite, as in the original implementation.
pub const APART: f32 = -100.0;

/// How a map is divided into square windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Height and width of a window, in positions.
    pub side: usize,
    /// Number of rows and columns by which the map is moved. It is less than the side.
    pub shift: usize,
}

impl Windows {
    /// Returns the number of positions of a window.
    #[must_use]
    pub fn positions(self) -> usize {
        self.side * self.side
    }

    /// Returns the number of windows of a map `[height, width]`.
    #[must_use]
    pub fn count(self, size: [usize; 2]) -> usize {
        size.map(|size| size.div_ceil(self.side)).iter().product()
    }

    /// Returns the order of the positions of a map by windows, each row by row.
    #[must_use]
    pub fn order(self, [height, width]: [usize; 2]) -> Rearrangement {
        let at = self.cells([height, width]).map(|[row, column]| {
            let row = self.before_shift(row, height);
            let column = self.before_shift(column, width);
            (row < height && column < width).then_some(row * width + column)
        });
        Rearrangement::new(height * width, at)
    }

    /// Returns the numbers to add to the scores of each window, `[windows, 1, positions, positions]`. `None` without a
    /// shift.
    ///
    /// # Errors
    /// Does not fail in practice: all shapes come from the windows.
    pub fn mask(self, size: [usize; 2], device: &Device) -> Result<Option<Tensor>> {
        if self.shift == 0 {
            return Ok(None);
        }
        let parts: Vec<[usize; 2]> = self.parts(size).collect();
        let positions = self.positions();
        let windows = parts.chunks_exact(positions);
        let numbers = windows.flat_map(|window| {
            let pairs = window
                .iter()
                .flat_map(|query| window.iter().map(move |key| query == key));
            pairs.map(|together| if together { 0.0 } else { APART })
        });
        let shape = (self.count(size), 1, positions, positions);
        Tensor::from_vec(numbers.collect::<Vec<f32>>(), shape, device).map(Some)
    }

    /// Returns the part of the moved map in which each position of each window is. The [mask](Self::mask) separates
    /// positions of different parts.
    pub fn parts(self, size: [usize; 2]) -> impl Iterator<Item = [usize; 2]> {
        let [height, width] = size;
        let cells = self.cells(size);
        cells.map(move |[row, column]| [self.part(row, height), self.part(column, width)])
    }

    /// Returns the row and column of each position of each window in the padded and moved map.
    fn cells(self, [height, width]: [usize; 2]) -> impl Iterator<Item = [usize; 2]> {
        let side = self.side;
        let (down, right) = (height.div_ceil(side), width.div_ceil(side));
        let windows = (0..down * right).map(move |window| [window / right, window % right]);
        windows.flat_map(move |[down, right]| {
            let cells = (0..side * side).map(move |cell| [cell / side, cell % side]);
            cells.map(move |[row, column]| [down * side + row, right * side + column])
        })
    }

    /// Returns the row of the padded map that the shift moved to a row, and the same for columns.
    fn before_shift(self, at: usize, size: usize) -> usize {
        (at + self.shift) % size.next_multiple_of(self.side)
    }

    /// Returns which part of the moved map a row is in, and the same for columns: those of whole windows, the rest of the
    /// last window, or what entered from the opposite edge.
    fn part(self, at: usize, size: usize) -> usize {
        let padded = size.next_multiple_of(self.side);
        usize::from(at + self.side >= padded) + usize::from(at + self.shift >= padded)
    }
}
