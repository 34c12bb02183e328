//! The damage along the trajectory: how much the features of the pruned model differ from those of the original, block by
//! block.
//!
//! The features of a pruned model may have fewer channels than those of the original, and then the remaining ones are
//! compared. If its positions were merged, each one is compared with the mean of the original positions that it stands for. If
//! the numbers of positions differ otherwise, the means over the positions are compared.

use candle_core::{D, Result, Tensor};

use crate::model::batch::Batch;
use crate::model::chain::Model;
use crate::model::hidden::{Hidden, Slot};
use crate::model::layer::Layer;
use crate::model::mask::Masks;
use crate::prune::report::{BlockDamage, TrajectoryReport};
use crate::prune::student::Student;

/// Maximum number of batches whose features are compared.
const BATCHES: usize = 8;

/// What the features of a block add up to.
#[derive(Clone, Copy, Debug)]
struct Squares {
    /// The squares of the original features.
    original: f64,
    /// The squares of the differences of the pruned model.
    pruned: f64,
    /// Those of the pruned model without repair. `None` if there is none that can be compared in the same way.
    bare: Option<f64>,
}

/// Adds what the features of a block add up to on other rows.
fn add(sums: &mut Option<Squares>, squares: Squares) {
    let Some(sums) = sums else {
        *sums = Some(squares);
        return;
    };
    sums.original += squares.original;
    sums.pruned += squares.pruned;
    let both = sums.bare.zip(squares.bare);
    sums.bare = both.map(|(own, other)| own + other);
}

/// Sums over some batches.
#[derive(Clone, Debug, Default)]
pub struct Damage {
    rows: usize,
    /// One for each block. `None` for blocks whose output is no feature or cannot be compared.
    blocks: Vec<Option<Squares>>,
}

/// The models of a comparison. Their blocks correspond to each other.
#[derive(Clone, Copy)]
pub struct Models<'a> {
    /// The original.
    pub original: &'a Model,
    /// The pruned model.
    pub cut: &'a Model,
    /// The pruned model before physical removal.
    pub student: &'a Student<'a>,
}

/// Whether the features of a batch are compared, given by its index among this number of batches. The compared batches are
/// evenly spaced.
#[must_use]
pub fn compares(batch: usize, batches: usize) -> bool {
    let compared = batches.min(BATCHES);
    (0..compared).any(|index| index * batches / compared == batch)
}

impl Models<'_> {
    /// Runs the original and the pruned model and returns their last features. With `damage`, adds the differences of all
    /// features to it.
    ///
    /// # Errors
    /// Returns an error if the batch does not match the graphs.
    pub fn follow(&self, batch: &Batch, mut damage: Option<&mut Damage>) -> Result<[Hidden; 2]> {
        let Self {
            original,
            cut,
            student,
        } = *self;
        let full = [original, cut].map(|model| Masks::full(&model.groups));
        let mut hidden = [original.start(batch)?, cut.start(batch)?];
        let mut bare = match damage.is_some() && student.is_repaired() {
            true => Some(student.model.start(batch)?),
            false => None,
        };
        if let Some(damage) = &mut damage {
            damage.rows += batch.len();
            damage.blocks.resize(original.blocks.len(), None);
        }
        for block in 0..original.blocks.len() {
            hidden = [
                original.block(block, &hidden[0], &full[0])?,
                cut.block(block, &hidden[1], &full[1])?,
            ];
            if let Some(bare) = &mut bare {
                *bare = student.model.block(block, bare, &student.masks)?;
            }
            if let Some(damage) = &mut damage
                && let Some(squares) = self.squares(block, &hidden, bare.as_ref())?
            {
                add(&mut damage.blocks[block], squares);
            }
        }
        Ok(hidden)
    }

    /// Returns the squares of the features after a block. `None` if its output is no feature or cannot be compared.
    fn squares(
        &self,
        block: usize,
        [original, cut]: &[Hidden; 2],
        bare: Option<&Hidden>,
    ) -> Result<Option<Squares>> {
        let Some(layers) = &self.original.blocks[block].feature else {
            return Ok(None);
        };
        let own = match &self.cut.blocks[block].feature {
            Some(own) => own.forward(cut)?,
            None => return Ok(None),
        };
        let mut whole = layers.forward(original)?;
        let mut bare = bare.map(|bare| layers.forward(bare)).transpose()?;
        let channels = own.stream.dim(D::Minus1)?;
        if channels != whole.stream.dim(D::Minus1)? {
            let Some(kept) = self.kept(block, channels)? else {
                return Ok(None);
            };
            whole = whole.with_stream(whole.stream.index_select(&kept, 2)?);
            bare = match bare {
                Some(bare) => Some(bare.with_stream(bare.stream.index_select(&kept, 2)?)),
                None => None,
            };
        }
        let [original, pruned] = differences(&whole, &own)?;
        // The model without repair may merge other positions, or none.
        let bare = match bare {
            Some(bare) if is_alike(&own, &bare)? => Some(differences(&whole, &bare)?),
            _ => None,
        };
        Ok(Some(Squares {
            original,
            pruned,
            bare: bare.map(|[_, bare]| bare),
        }))
    }

    /// Returns the channels after a block that remain, which the next block consumes. `None` if it consumes others.
    fn kept(&self, block: usize, channels: usize) -> Result<Option<Tensor>> {
        let Student { model, masks, .. } = self.student;
        if block + 1 >= model.blocks.len() {
            return Ok(None);
        }
        let kept = model.kept_activations(block + 1, masks);
        let kept = kept.filter(|kept| !kept.is_empty() && kept.len() == channels);
        kept.map(|kept| Tensor::new(kept, model.device()))
            .transpose()
    }
}

/// Whether the positions of features stand for as many original ones, and tell for which.
fn is_alike(one: &Hidden, other: &Hidden) -> Result<bool> {
    let tells = |hidden: &Hidden| hidden.carried(Slot::Origins).is_some();
    Ok(one.positions()? == other.positions()? && tells(one) == tells(other))
}

/// Returns the sum of the squares of the original features, and of their differences from others.
fn differences(original: &Hidden, other: &Hidden) -> Result<[f64; 2]> {
    let merged = other.carried(Slot::Origins).is_some();
    let (whole, own) = match original.positions()? == other.positions()? {
        true => (original.stream.clone(), other.stream.clone()),
        false if merged && original.carried(Slot::Origins).is_none() => {
            (other.averaged(&original.stream)?, other.stream.clone())
        }
        false => (original.stream.mean(1)?, other.stream.mean(1)?),
    };
    Ok([squares(&whole)?, squares(&(own - whole)?)?])
}

/// Returns the sum of the squares of all numbers.
fn squares(numbers: &Tensor) -> Result<f64> {
    let rows = numbers.sqr()?.sum(D::Minus1)?.flatten_all()?;
    Ok(rows.to_vec1::<f32>()?.into_iter().map(f64::from).sum())
}

impl Damage {
    /// Adds the sums over other batches.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        let longer = self.blocks.len().max(other.blocks.len());
        self.blocks.resize(longer, None);
        for (sums, squares) in self.blocks.iter_mut().zip(&other.blocks) {
            if let Some(squares) = squares {
                add(sums, *squares);
            }
        }
    }

    /// Returns the damage of each feature, in the order of the blocks. `None` if no features were compared.
    #[must_use]
    pub fn report(&self, models: &Models<'_>) -> Option<TrajectoryReport> {
        let blocks = self.blocks.iter().enumerate();
        let blocks = blocks.filter_map(|(block, squares)| {
            let squares = squares.filter(|squares| squares.original > 0.0)?;
            Some(BlockDamage {
                block: models.original.block_name(block),
                error: squares.pruned / squares.original,
                error_without_repair: squares.bare.map(|bare| bare / squares.original),
            })
        });
        let blocks: Vec<BlockDamage> = blocks.collect();
        (!blocks.is_empty()).then_some(TrajectoryReport {
            rows: self.rows,
            blocks,
        })
    }
}
