//! A model: a stem, a chain of blocks, and a head.

use candle_core::{Device, Result, Tensor};

use super::batch::{Batch, Reads};
use super::block::Block;
use super::cost::Cost;
use super::export::Export;
use super::extent::Extent;
use super::head_maps::HeadMaps;
use super::hidden::{Hidden, Slot};
use super::layer::Layer;
use super::layer::sequence::Sequence;
use super::mask::Masks;
use super::merging::Merging;
use super::symbol::outputs;
use super::symbol::state::State;
use super::unit::{Channels, UnitGroup};
use super::width::Widths;
use super::work::{Terms, Work};
use crate::onnx::graph::Graph;

/// A graph whose units can be removed. Architectures build it from layers.
pub struct Model {
    /// What the model reads.
    pub reads: Reads,
    /// From a batch to the input of the first block.
    pub stem: Box<dyn Stem>,
    /// The blocks, in order of execution.
    pub blocks: Vec<Block>,
    /// From the output of the last block to the answers, `[rows, positions, outputs]`.
    pub head: Sequence,
    /// A head that answers with the parts from which `head` computes the answers. `None` if the answers have no parts.
    pub parts: Option<Sequence>,
    /// The groups of units, in the order of the chain.
    pub groups: Vec<UnitGroup>,
    /// The maps of the attention heads that can be rotated.
    pub head_maps: Vec<HeadMaps>,
    /// How positions are merged. `None` if the architecture does not merge positions.
    pub merging: Option<Merging>,
    /// Writer of the configuration and companion files of a pruned model.
    pub export: Box<dyn Fn(&Masks) -> Export + Send + Sync>,
}

/// The first step of a model.
pub trait Stem: Send + Sync {
    /// Returns the input of the first block.
    ///
    /// # Errors
    /// Returns an error if the batch does not match the model.
    fn forward(&self, batch: &Batch) -> Result<Hidden>;

    /// Declares the inputs of an ONNX graph, and writes the first step into it.
    ///
    /// # Errors
    /// Returns an error if a layer cannot be written.
    fn onnx(&self, graph: &mut Graph) -> Result<State>;

    /// Returns the shapes of the rows before the first block, for inputs of these shapes.
    fn extent(&self, extent: &Extent) -> Extent {
        extent.clone()
    }

    /// Returns the mean work per row, for inputs of these shapes.
    fn work(&self, extent: &Extent) -> Work;

    /// Returns the device that holds the weights.
    fn device(&self) -> &Device;
}

impl Model {
    /// Returns the device that holds the weights.
    #[must_use]
    pub fn device(&self) -> &Device {
        self.stem.device()
    }

    /// Returns the indices of the groups whose units are in a block.
    #[must_use]
    pub fn groups_at(&self, block: usize) -> Vec<usize> {
        let groups = self.groups.iter().enumerate();
        let here = groups.filter(|(_, group)| group.seat.block == block);
        here.map(|(index, _)| index).collect()
    }

    /// Returns the name of a block for reports: the names of its groups, or the tensor name of its projection.
    #[must_use]
    pub fn block_name(&self, block: usize) -> String {
        let groups = self.groups_at(block).into_iter();
        let names: Vec<&str> = groups
            .map(|group| self.groups[group].name.as_str())
            .collect();
        match names.is_empty() {
            true => self.blocks[block].projection.weight.clone(),
            false => names.join(", "),
        }
    }

    /// Returns the channels of a block's activations that the masks keep, in ascending order. Channels that belong to no
    /// unit are kept. Returns `None` if all channels are kept.
    #[must_use]
    pub fn kept_activations(&self, block: usize, masks: &Masks) -> Option<Vec<u32>> {
        let kept = self.kept_channels(block, Channels::Columns, masks)?;
        let kept = kept.into_iter().enumerate();
        Some(
            kept.filter_map(|(channel, kept)| kept.then_some(channel as u32))
                .collect(),
        )
    }

    /// Returns the rows of a block's [entry](Block::entry) that the masks keep, in ascending order.
    #[must_use]
    pub fn kept_rows(&self, block: usize, masks: &Masks) -> Vec<u32> {
        let all = || (0..self.blocks[block].projection.affine.channels() as u32).collect();
        self.kept_activations(block, masks).unwrap_or_else(all)
    }

    /// Returns the columns of a block's projection that the masks keep, in ascending order. Returns `None` if all columns
    /// are kept.
    #[must_use]
    pub fn kept_columns(&self, block: usize, masks: &Masks) -> Option<Vec<u32>> {
        let kept = self.kept_activations(block, masks)?;
        let affine = &self.blocks[block].projection.affine;
        let columns = kept.into_iter().map(|channel| channel as usize);
        let columns = columns.flat_map(|channel| affine.columns_of(channel..channel + 1));
        Some(columns.map(|column| column as u32).collect())
    }

    /// Returns which channels of a block the masks keep. Channels that belong to no unit are kept. Returns `None` if all
    /// channels are kept.
    fn kept_channels(&self, block: usize, channels: Channels, masks: &Masks) -> Option<Vec<bool>> {
        let mut groups = self.groups_at(block);
        groups.retain(|&index| self.groups[index].seat.channels == channels);
        if masks.are_full(&groups) {
            return None;
        }
        let mut kept = match channels {
            Channels::Columns => vec![true; self.blocks[block].projection.affine.channels()],
            Channels::Inner => vec![true; self.blocks[block].units.inner_channels()],
        };
        for index in groups {
            let group = &self.groups[index];
            for unit in (0..group.width).filter(|&unit| !masks.keeps(index, unit)) {
                kept[group.channels(unit)].fill(false);
            }
        }
        Some(kept)
    }

    /// Returns the masks of a block as factors for some of its channels: f32 `[channels]` of zeros and ones. Returns
    /// `None` if every unit is kept.
    ///
    /// # Errors
    /// Does not fail in practice: the shape comes from the model.
    pub fn factors(
        &self,
        block: usize,
        channels: Channels,
        masks: &Masks,
    ) -> Result<Option<Tensor>> {
        let kept = self.kept_channels(block, channels, masks);
        let factors = kept.map(|kept| {
            let factors = kept.into_iter().map(|kept| if kept { 1.0f32 } else { 0.0 });
            Tensor::new(factors.collect::<Vec<f32>>(), self.device())
        });
        factors.transpose()
    }

    /// Returns the activations of a block's units, `[rows, positions, channels]`, with the masks of inner channels
    /// applied. The masks of columns are not applied.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn units(&self, block: usize, input: &Hidden, masks: &Masks) -> Result<Hidden> {
        let units = &self.blocks[block].units;
        match self.factors(block, Channels::Inner, masks)? {
            Some(factors) => units.forward_masked(input, &factors),
            None => units.forward(input),
        }
    }

    /// Returns the input of the first block. It carries which positions are asked, if the batch says so.
    ///
    /// # Errors
    /// Returns an error if the batch does not match the model.
    pub fn start(&self, batch: &Batch) -> Result<Hidden> {
        let hidden = self.stem.forward(batch)?;
        Ok(match batch.input.asked() {
            Some(asked) => hidden.carrying(Slot::Asked, asked.to_device(self.device())?),
            None => hidden,
        })
    }

    /// Runs one block with some of its units masked.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn block(&self, index: usize, input: &Hidden, masks: &Masks) -> Result<Hidden> {
        let block = &self.blocks[index];
        let units = self.units(index, input, masks)?;
        let masked = match self.factors(index, Channels::Columns, masks)? {
            Some(factor) => units.with_stream(units.stream.broadcast_mul(&factor)?),
            None => units,
        };
        block.close(&block.projection.affine, &masked, input)
    }

    /// Runs the blocks and returns the output of the last one.
    ///
    /// # Errors
    /// Returns an error if the batch does not match the graph.
    pub fn features(&self, batch: &Batch, masks: &Masks) -> Result<Hidden> {
        let start = self.start(batch)?;
        (0..self.blocks.len()).try_fold(start, |hidden, block| self.block(block, &hidden, masks))
    }

    /// Runs the whole model and returns the answers, `[rows, positions, outputs]`.
    ///
    /// # Errors
    /// Returns an error if the batch does not match the graph.
    pub fn forward(&self, batch: &Batch, masks: &Masks) -> Result<Hidden> {
        self.head.forward(&self.features(batch, masks)?)
    }

    /// Returns the model as an ONNX graph. `names` are those of the answers: one for all channels, or one for each channel.
    /// `outputs` is the number of outputs of its head, if it is known.
    ///
    /// # Errors
    /// Returns an error if a layer cannot be written.
    pub fn onnx(&self, names: &[&str], outputs: Option<usize>) -> Result<Graph> {
        let mut graph = Graph::default();
        graph.enter("stem/");
        let mut state = self.stem.onnx(&mut graph)?;
        for (index, block) in self.blocks.iter().enumerate() {
            graph.enter(format!("blocks.{index}/"));
            state = block.onnx(&mut graph, &state)?;
        }
        graph.enter("head/");
        let answers = self.head.onnx(&mut graph, &state)?;
        outputs::declare(&mut graph, &answers, names, outputs)?;
        Ok(graph)
    }

    /// Returns the first block from which on every layer has a backward pass, so that a cotangent on the answers or on
    /// a later feature can be pulled back to the units of this block. Returns the number of blocks if there is none.
    #[must_use]
    pub fn first_traceable(&self) -> usize {
        if !self.head.is_differentiable() {
            return self.blocks.len();
        }
        let mut first = self.blocks.len();
        for (index, block) in self.blocks.iter().enumerate().rev() {
            if !block.reaches_units() {
                break;
            }
            first = index;
            if !block.reaches_input() {
                break;
            }
        }
        first
    }

    /// Returns the shapes of the rows before each block and after the last one, for inputs of these shapes.
    #[must_use]
    pub fn extents(&self, extent: &Extent) -> Vec<Extent> {
        let mut extents = vec![self.stem.extent(extent)];
        for block in &self.blocks {
            let next = block.extent(&extents[extents.len() - 1]);
            extents.push(next);
        }
        extents
    }

    /// Returns the mean work per row of stem, of each block and of the head, for inputs of these shapes.
    #[must_use]
    pub fn work(&self, extent: &Extent) -> Works {
        let widths = Widths::new(&self.groups);
        let extents = self.extents(extent);
        let blocks = self.blocks.iter().zip(&extents);
        Works {
            stem: self.stem.work(extent),
            blocks: blocks
                .map(|(block, extent)| block.work(extent, &widths))
                .collect(),
            head: self.head.work(&extents[self.blocks.len()], &widths),
        }
    }

    /// Returns the mean MACs per row, for inputs of these shapes.
    ///
    /// # Panics
    /// Panics if the architecture declares units of groups that are not neighbors but share operations.
    #[must_use]
    pub fn cost(&self, extent: &Extent) -> Cost {
        let terms = self.work(extent).macs();
        let mut cost = Cost::of_terms(&terms, self.groups.len())
            .expect("units that share operations are in neighboring groups");
        let original = self.work(&extent.of_original()).macs();
        let whole = |terms: &Terms| terms.with_all(&self.groups);
        cost.unread = (whole(&original) - whole(&terms)).round() as u64;
        cost
    }
}

/// Mean work per row of the parts of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Works {
    /// The stem.
    pub stem: Work,
    /// The blocks.
    pub blocks: Vec<Work>,
    /// The head.
    pub head: Work,
}

impl Works {
    /// Returns the MACs of all parts, as a function of the kept units.
    #[must_use]
    pub fn macs(self) -> Terms {
        let mut terms = self.stem.macs + self.head.macs;
        for work in self.blocks {
            terms += work.macs;
        }
        terms
    }
}
