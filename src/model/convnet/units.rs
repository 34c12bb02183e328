//! Channels of convolutions as units.

use super::load::ConvNames;
use crate::model::unit::{Channels, ParamSlice, Seat, UnitGroup, UnitKind};

/// Parts of a batch norm that have one value per channel.
const OF_NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// Returns the group of the channels between two convolutions. The second one is the projection of `block`. Each channel
/// has `span` of its columns.
pub(in crate::model) fn channels(
    name: String,
    block: usize,
    width: usize,
    span: usize,
    [before, after]: [&ConvNames; 2],
) -> UnitGroup {
    let slice = |tensor: String, dim: usize| ParamSlice {
        tensor,
        dim,
        offset: 0,
        span: 1,
    };
    let mut slices = vec![
        slice(format!("{}.weight", before.map), 0),
        slice(format!("{}.bias", before.map), 0),
    ];
    let norm = before.norm.iter();
    slices.extend(norm.flat_map(|norm| OF_NORM.map(|part| slice(format!("{norm}.{part}"), 0))));
    slices.push(slice(format!("{}.weight", after.map), 1));
    UnitGroup {
        name,
        kind: UnitKind::Channel,
        seat: Seat {
            block,
            channels: Channels::Columns,
            first: 0,
            span,
        },
        width,
        heads: None,
        slices,
    }
}
