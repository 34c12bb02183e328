//! Channels of convolutions as units.

use super::load::ConvNames;
use crate::model::unit::{ParamSlice, UnitGroup, UnitKind};

/// Parts of a batch norm that have one value per channel.
const OF_NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// Returns the group of the channels between two convolutions. The second one is the projection of `block`.
pub(in crate::model) fn channels(
    name: String,
    block: usize,
    width: usize,
    [before, after]: [&ConvNames; 2],
) -> UnitGroup {
    let mut slices = vec![
        ParamSlice::single(format!("{}.weight", before.map), 0),
        ParamSlice::single(format!("{}.bias", before.map), 0),
    ];
    let of_norm = before
        .norm
        .iter()
        .flat_map(|norm| OF_NORM.map(|part| format!("{norm}.{part}")));
    slices.extend(of_norm.map(|tensor| ParamSlice::single(tensor, 0)));
    slices.push(ParamSlice::single(format!("{}.weight", after.map), 1));
    UnitGroup {
        slices,
        ..UnitGroup::of_columns(name, UnitKind::Channel, block, width, 1)
    }
}
