//! The answers of a model to the rows of a batch, as tasks read them.

use candle_core::Result;

use crate::answer::task::Outputs;
use crate::model::hidden::Hidden;

/// Answers to several rows, in the memory of the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// The numbers of all rows, `[rows, positions, channels]`.
    pub values: Vec<f32>,
    rows: usize,
    positions: usize,
    /// Height and width if the positions are the pixels of a map.
    size: Option<[usize; 2]>,
}

impl Answers {
    /// Reads the output of a head.
    ///
    /// # Errors
    /// Does not fail for f32 tensors.
    pub fn of(head: &Hidden) -> Result<Self> {
        let (rows, positions, _) = head.stream.dims3()?;
        // A head that reads one position of a map keeps the arrangement of the map.
        let size = head.layout.size().ok();
        Ok(Self {
            values: head.stream.flatten_all()?.to_vec1::<f32>()?,
            rows,
            positions,
            size: size.filter(|[height, width]| height * width == positions),
        })
    }

    /// Returns the number of positions of a row.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// Returns the answers to each row.
    pub fn rows(&self) -> impl Iterator<Item = Outputs<'_>> {
        let numbers = (self.values.len() / self.rows.max(1)).max(1);
        self.values
            .chunks_exact(numbers)
            .map(|values| match self.size {
                Some(size) => Outputs::of_map(values, size),
                None => Outputs::new(values, self.positions),
            })
    }
}
