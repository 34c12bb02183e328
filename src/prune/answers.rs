//! The answers of a model to the rows of a batch, as tasks read them.

use candle_core::{Result, Tensor};

use crate::answer::task::{Outputs, QueryOutputs};
use crate::model::hidden::{Hidden, Slot};

/// Answers to several rows, in the memory of the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// The numbers of all rows, `[rows, positions, channels]`.
    pub values: Vec<f32>,
    rows: usize,
    positions: usize,
    /// Height and width if the positions are the pixels of a map.
    size: Option<[usize; 2]>,
    /// See [`Outputs::asked`], of all rows.
    asked: Option<Vec<u32>>,
    queries: Option<Queries>,
}

/// The queries of which the answers to several rows were made.
#[derive(Clone, Debug, PartialEq)]
struct Queries {
    /// `[rows, queries, classes]`.
    classes: Vec<f32>,
    /// `[rows, pixels, queries]`.
    masks: Vec<f32>,
}

impl Answers {
    /// Reads the output of a head, without the queries of which it was made.
    ///
    /// # Errors
    /// Does not fail for f32 tensors.
    pub fn of(head: &Hidden) -> Result<Self> {
        let (rows, positions, _) = head.stream.dims3()?;
        // A head that reads one position of a map keeps the arrangement of the map.
        let size = head.layout.size().ok();
        let asked = head.carried(Slot::Asked);
        let asked = asked.map(|asked| asked.flatten_all()?.to_vec1());
        Ok(Self {
            values: numbers(&head.stream)?,
            rows,
            positions,
            size: size.filter(|[height, width]| height * width == positions),
            asked: asked.transpose()?,
            queries: None,
        })
    }

    /// Reads the output of a head, and the queries of which it was made, if it was. Only predictions of maps need them.
    ///
    /// # Errors
    /// Does not fail for f32 tensors.
    pub fn with_queries(head: &Hidden) -> Result<Self> {
        let carried = |slot| head.carried(slot).map(numbers).transpose();
        let queries = carried(Slot::QueryClasses)?.zip(carried(Slot::QueryMasks)?);
        Ok(Self {
            queries: queries.map(|(classes, masks)| Queries { classes, masks }),
            ..Self::of(head)?
        })
    }

    /// Returns the answers without the queries of which they were made.
    #[must_use]
    pub fn without_queries(self) -> Self {
        Self {
            queries: None,
            ..self
        }
    }

    /// Returns the number of positions of a row.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// Returns the answers to each row.
    pub fn rows(&self) -> impl Iterator<Item = Outputs<'_>> {
        (0..self.rows).map(|row| {
            let of_row = |all| part::<f32>(all, row, self.rows);
            let values = of_row(&self.values);
            let queries = self.queries.as_ref().map(|queries| QueryOutputs {
                classes: of_row(&queries.classes),
                masks: of_row(&queries.masks),
            });
            let outputs = match self.size {
                Some(size) => Outputs::of_map(values, size),
                None => Outputs::new(values, self.positions),
            };
            Outputs {
                asked: self.asked.as_ref().map(|asked| part(asked, row, self.rows)),
                queries,
                ..outputs
            }
        })
    }
}

/// Returns the numbers of a tensor, row-major.
fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

/// Returns one of several equal parts.
fn part<T>(all: &[T], index: usize, count: usize) -> &[T] {
    let length = all.len() / count;
    &all[index * length..][..length]
}
