//! The units of an encoder layer, as data.

use crate::model::head_maps::{HeadMaps, RowMap};
use crate::model::nn::attention::Heads;
use crate::model::unit::{Channels, InHeads, ParamSlice, Seat, UnitGroup, UnitKind, Units};

/// The maps of an attention block, as the checkpoint stores them.
pub(in crate::model) struct AttentionMaps {
    /// The maps to the queries and to the keys. `None` if there are none.
    pub(in crate::model) queries: Option<[RowMap; 2]>,
    /// The map to the values.
    pub(in crate::model) value: RowMap,
    /// Tensor name of the weight of the output projection.
    pub(in crate::model) output: String,
    /// Other tensors of which each head has a slice.
    pub(in crate::model) of_heads: Vec<ParamSlice>,
}

impl AttentionMaps {
    /// Returns the groups of an attention block: its heads, or the channels of their values and queries. Each head has
    /// `query` rows of the query and key maps, `value` rows of the value map, and `value` columns of the output.
    ///
    /// `layer` is the name of the layer, `block` the index of its block, and `first` the index of the first of these
    /// groups.
    pub(in crate::model) fn groups(
        &self,
        layer: &str,
        block: usize,
        heads: Heads,
        units: Units,
        first: usize,
    ) -> Vec<UnitGroup> {
        let group = |kind: UnitKind, names: &str, width: usize, span: usize| {
            UnitGroup::of_columns(format!("{layer}.{names}"), kind, block, width, span)
        };
        let columns = |span: usize| ParamSlice {
            span,
            ..ParamSlice::single(self.output.clone(), 1)
        };
        let queries = |span: usize| -> Vec<ParamSlice> {
            let maps = self.queries.iter().flatten();
            maps.flat_map(|map| rows(map, span)).collect()
        };
        let count = heads.count;
        match units {
            Units::Heads => {
                let values = rows(&self.value, heads.value);
                vec![UnitGroup {
                    slices: [
                        queries(heads.query),
                        values,
                        vec![columns(heads.value)],
                        self.of_heads.clone(),
                    ]
                    .concat(),
                    ..group(UnitKind::Head, "heads", count, heads.value)
                }]
            }
            Units::Dimensions => {
                let values = group(UnitKind::Value, "values", heads.values(), 1);
                let mut groups = vec![UnitGroup {
                    heads: Some(InHeads {
                        count,
                        values: None,
                        slices: self.of_heads.clone(),
                    }),
                    slices: [rows(&self.value, 1), vec![columns(1)]].concat(),
                    ..values
                }];
                if self.queries.is_some() {
                    let of_queries = group(UnitKind::Query, "queries", heads.queries(), 1);
                    groups.push(UnitGroup {
                        seat: Seat {
                            channels: Channels::Inner,
                            ..of_queries.seat
                        },
                        heads: Some(InHeads {
                            count,
                            values: Some(first),
                            slices: Vec::new(),
                        }),
                        slices: queries(1),
                        ..of_queries
                    });
                }
                groups
            }
        }
    }

    /// Returns the maps for a rotation of the heads.
    pub(in crate::model) fn rotated(self, block: usize, heads: Heads) -> HeadMaps {
        HeadMaps {
            block,
            heads,
            queries: self.queries,
            values: self.value,
        }
    }
}

/// Returns the group of the neurons of a feed-forward block. Each neuron has a row of the first linear map and a column
/// of the second. The names are those of the maps, without `.weight`.
pub(in crate::model) fn neurons(
    layer: &str,
    block: usize,
    width: usize,
    [first, second]: [&str; 2],
) -> UnitGroup {
    UnitGroup {
        slices: vec![
            ParamSlice::single(format!("{first}.weight"), 0),
            ParamSlice::single(format!("{first}.bias"), 0),
            ParamSlice::single(format!("{second}.weight"), 1),
        ],
        ..UnitGroup::of_columns(
            format!("{layer}.neurons"),
            UnitKind::Neuron,
            block,
            width,
            1,
        )
    }
}

/// Returns the slices of a map whose rows belong to units.
fn rows(map: &RowMap, span: usize) -> Vec<ParamSlice> {
    let names = std::iter::once(&map.weight).chain(&map.bias);
    let slices = names.map(|name| ParamSlice {
        offset: map.offset,
        span,
        ..ParamSlice::single(name.clone(), 0)
    });
    slices.collect()
}
