//! The chain of a VGG: the first convolution is the stem, and each later map consumes the units of the one before.
//!
//! The first map of the classifier reads a flattened map of 7 x 7 pixels. That is a convolution whose only window is the
//! whole map.

use super::features::Feature;
use crate::checkpoint::error::{CheckpointError, reason};
use crate::checkpoint::weights::Weights;
use crate::model::batch::{ImageShape, Reads};
use crate::model::block::Block;
use crate::model::chain::Model;
use crate::model::convnet::load::{ConvNames, ConvSizes, convolution};
use crate::model::convnet::units::channels;
use crate::model::export::Export;
use crate::model::layer::activate::Activate;
use crate::model::layer::mapped::Mapped;
use crate::model::layer::pool::Pool;
use crate::model::layer::sequence::Sequence;
use crate::model::load;
use crate::model::mask::Masks;
use crate::model::nn::activation::Activation;
use crate::model::nn::kernel::window::Window;
use crate::model::nn::pool::Pooling;
use crate::model::pixels::OfPixels;
use crate::model::stored_map::StoredMap;
use crate::model::unit::{ParamSlice, UnitGroup, UnitKind};

/// Side of the map that the classifier reads.
const SIDE: usize = 7;

/// How a library stores the classifier.
pub(super) struct Classifier {
    /// Names of its three maps, without `.weight`.
    pub(super) names: [&'static str; 3],
    /// Whether the first two maps are convolutions. A larger map then gives several windows, whose mean is classified.
    is_convolution: bool,
}

/// The classifier of timm.
pub(super) const OF_TIMM: Classifier = Classifier {
    names: ["pre_logits.fc1", "pre_logits.fc2", "head.fc"],
    is_convolution: true,
};

/// The classifier of torchvision.
pub(super) const OF_TORCHVISION: Classifier = Classifier {
    names: ["classifier.0", "classifier.3", "classifier.6"],
    is_convolution: false,
};

/// Builds the graph.
///
/// # Errors
/// Returns an error if a tensor is missing, has another shape or contains values that are not finite.
pub(super) fn build(
    weights: &Weights,
    features: &[Feature],
    classifier: &Classifier,
    (image, labels): (ImageShape, usize),
    export: impl Fn(&Masks) -> Export + Send + Sync + 'static,
) -> Result<Model, CheckpointError> {
    let finish = |feature: &Feature, layers: Sequence| match feature.is_pooled {
        true => {
            let width = feature.convolution.sizes.outputs;
            layers.then(Pool::windows(Pooling::Max, SQUARE, width))
        }
        false => layers,
    };
    let (mut stem, mut blocks, mut groups) = (Sequence::identity(), Vec::new(), Vec::new());
    let mut size = [image.height, image.width];
    for (index, feature) in features.iter().enumerate() {
        let own = &feature.convolution;
        if feature.is_pooled {
            size = SQUARE.over(size);
        }
        let mut layers = Sequence::identity();
        let Some(before) = index
            .checked_sub(1)
            .map(|before| &features[before].convolution)
        else {
            let first = Mapped::new(convolution(weights, &own.names, own.sizes)?);
            stem = finish(feature, layers.then(first.activated(Activation::Relu)));
            continue;
        };
        layers = layers.then(Activate::new(Activation::Relu, own.sizes.outputs));
        layers = finish(feature, layers);
        if index + 1 == features.len()
            && let Some(size) = classifier.resized(size)
        {
            layers = layers.then(Pool::mean_to(size, own.sizes.outputs));
        }
        groups.push(channels(
            format!("{}.channels", before.names.map),
            blocks.len(),
            own.sizes.inputs,
            [&before.names, &own.names],
        ));
        blocks.push(Block {
            units: Sequence::identity(),
            projection: convolution(weights, &own.names, own.sizes)?,
            skip: None,
            finish: layers,
            feature: Some(Sequence::identity()),
        });
    }
    if size.contains(&0) {
        return Err(CheckpointError::Invalid(format!(
            "the images have {} x {} pixels, of which the poolings leave none",
            image.height, image.width
        )));
    }
    if let Some(Feature {
        convolution: last, ..
    }) = features.last()
    {
        let last = (&last.names, last.sizes.outputs);
        classifier.append(weights, last, labels, (&mut blocks, &mut groups))?;
    }
    Ok(Model {
        reads: Reads::Pixels(image),
        stem: Box::new(OfPixels {
            image,
            layers: stem,
            device: weights.device().clone(),
        }),
        head: Sequence::identity(),
        blocks,
        groups,
        head_maps: Vec::new(),
        parts: None,
        merging: None,
        export: Box::new(export),
    })
}

/// The windows of the pooling between convolutions.
const SQUARE: Window = Window {
    side: 2,
    stride: 2,
    padding: 0,
};

impl Classifier {
    /// Returns the size to which the last map is averaged. `None` if it is not.
    fn resized(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let wanted = match self.is_convolution {
            true => size.map(|side| side.max(SIDE)),
            false => [SIDE; 2],
        };
        (wanted != size).then_some(wanted)
    }

    /// Appends the blocks of the classifier after a convolution with these names and this number of channels.
    fn append(
        &self,
        weights: &Weights,
        (before, width): (&ConvNames, usize),
        labels: usize,
        (blocks, groups): (&mut Vec<Block>, &mut Vec<UnitGroup>),
    ) -> Result<(), CheckpointError> {
        let named = self.names.map(|name| ConvNames {
            map: name.to_owned(),
            norm: None,
        });
        let rows = |index: usize| {
            let shape = weights.shape(&format!("{}.weight", self.names[index]));
            shape.and_then(|shape| shape.first().copied()).unwrap_or(0)
        };
        let widths = [width, rows(0), rows(1), labels];
        for (index, names) in named.iter().enumerate() {
            let (inputs, outputs) = (widths[index], widths[index + 1]);
            let mut units = Sequence::identity();
            let mut finish = Sequence::identity();
            match index {
                2 if self.is_convolution => units = units.then(Pool::mean_to([1, 1], inputs)),
                2 => {}
                _ => finish = finish.then(Activate::new(Activation::Relu, outputs)),
            }
            let first = index == 0;
            groups.push(match first {
                true => {
                    let mut group = channels(
                        format!("{}.channels", before.map),
                        blocks.len(),
                        inputs,
                        [before, names],
                    );
                    if !self.is_convolution {
                        // The pixels of a channel are neighboring columns.
                        for slice in &mut group.slices {
                            if slice.dim == 1 {
                                slice.span = SIDE * SIDE;
                            }
                        }
                    }
                    group
                }
                false => neurons(
                    blocks.len(),
                    inputs,
                    [self.names[index - 1], self.names[index]],
                ),
            });
            blocks.push(Block {
                units,
                projection: self.map(weights, names, index, [inputs, outputs])?,
                skip: None,
                finish,
                feature: Some(Sequence::identity()),
            });
        }
        Ok(())
    }

    /// Loads a map of the classifier.
    fn map(
        &self,
        weights: &Weights,
        names: &ConvNames,
        index: usize,
        [inputs, outputs]: [usize; 2],
    ) -> Result<StoredMap, CheckpointError> {
        let window = match index {
            0 => Window {
                side: SIDE,
                stride: 1,
                padding: 0,
            },
            _ => Window::PIXEL,
        };
        if self.is_convolution && index < 2 {
            let sizes = ConvSizes {
                inputs,
                outputs,
                window,
            };
            return convolution(weights, names, sizes);
        }
        let linear = load::linear(weights, &names.map, inputs * window.pixels(), outputs)?;
        let map = StoredMap::new(&names.map, linear).flat().over(window);
        map.map_err(|error| CheckpointError::Invalid(reason(&error)))
    }
}

/// Returns the group of the neurons between two maps of the classifier. The second one is the projection of `block`.
fn neurons(block: usize, width: usize, [before, after]: [&str; 2]) -> UnitGroup {
    let name = format!("{before}.neurons");
    UnitGroup {
        slices: vec![
            ParamSlice::single(format!("{before}.weight"), 0),
            ParamSlice::single(format!("{before}.bias"), 0),
            ParamSlice::single(format!("{after}.weight"), 1),
        ],
        ..UnitGroup::of_columns(name, UnitKind::Neuron, block, width, 1)
    }
}
