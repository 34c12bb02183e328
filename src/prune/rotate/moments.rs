//! Second moments of the queries, keys and contexts of each head on calibration rows.

use candle_core::{Result, Tensor};
use faer::Mat;

use crate::model::batch::Batch;
use crate::model::chain::Model;
use crate::model::head_maps::HeadMaps;
use crate::model::layer::Layer;
use crate::model::nn::meter;
use crate::prune::failure::Failure;
use crate::prune::lanes;
use crate::prune::prepare::Prepared;
use crate::prune::sums::{add, add_tensor};
use crate::prune::watch::Watch;

/// Maximum number of positions (rows times positions) in one forward pass.
const BATCH_POSITIONS: usize = 2_048;

/// Maximum number of positions whose moments are measured. A head has few channels, so more positions change little.
const POSITIONS: usize = 32_768;

/// Moments of the heads of one attention block.
pub(super) struct Moments {
    /// Covariance of the contexts.
    pub(super) contexts: OfHeads,
    /// Second moments of the queries, and of the keys minus their mean in each row. `None` if queries cannot be rotated.
    pub(super) queries: Option<[OfHeads; 2]>,
}

/// Sums over positions for each head.
#[derive(Clone)]
pub(super) struct OfHeads {
    /// Number of heads.
    count: usize,
    /// Number of channels of each head.
    pub(super) width: usize,
    /// Number of positions.
    positions: f64,
    /// Sums of the channels, `[heads, width]`. Empty if the moments are not centered.
    sums: Vec<f64>,
    /// Sums of the products of two channels, `[heads, width, width]`.
    products: Vec<f64>,
}

impl OfHeads {
    fn new(count: usize, width: usize, centered: bool) -> Self {
        Self {
            count,
            width,
            positions: 0.0,
            sums: vec![0.0; if centered { count * width } else { 0 }],
            products: vec![0.0; count * width * width],
        }
    }

    /// Adds the rows `[rows, positions, heads * width]`.
    fn add(&mut self, rows: &Tensor) -> Result<()> {
        let (count, width) = (self.count, self.width);
        let (batch, positions, _) = rows.dims3()?;
        let all = batch * positions;
        self.positions += all as f64;
        if self.products.is_empty() || all == 0 {
            return Ok(());
        }
        let heads = rows.reshape((all, count, width))?;
        let heads = heads.transpose(0, 1)?.contiguous()?;
        meter::count(all * count * width * width);
        add_tensor(&mut self.products, &heads.transpose(1, 2)?.matmul(&heads)?)?;
        if !self.sums.is_empty() {
            add_tensor(&mut self.sums, &heads.sum(1)?)?;
        }
        Ok(())
    }

    fn plus(&mut self, other: &Self) {
        self.positions += other.positions;
        add(&mut self.sums, &other.sums);
        add(&mut self.products, &other.products);
    }

    /// Returns the mean products of each head, `[width, width]`, minus the products of the means if they are centered.
    pub(super) fn heads(&self) -> impl Iterator<Item = Mat<f64>> + '_ {
        let (width, count) = (self.width, self.positions.max(1.0));
        (0..self.count).map(move |head| {
            let mean = |channel: usize| {
                let sum = self.sums.get(head * width + channel);
                sum.copied().unwrap_or(0.0) / count
            };
            Mat::from_fn(width, width, |row, column| {
                let product = self.products[(head * width + row) * width + column];
                product / count - mean(row) * mean(column)
            })
        })
    }
}

impl Moments {
    fn plus(&mut self, other: &Self) {
        self.contexts.plus(&other.contexts);
        if let (Some(own), Some(other)) = (&mut self.queries, &other.queries) {
            let both = own.iter_mut().zip(other);
            both.for_each(|(own, other)| own.plus(other));
        }
    }

    fn new(map: &HeadMaps) -> Self {
        let heads = map.heads;
        let of_queries = OfHeads::new(heads.count, heads.query, false);
        let queries = map.queries.as_ref();
        Self {
            contexts: OfHeads::new(heads.count, heads.value, true),
            queries: queries.map(|_| [of_queries.clone(), of_queries]),
        }
    }
}

/// Measures the moments of each attention block.
///
/// # Errors
/// Returns an error if the job must stop or if the graph fails.
pub(super) fn measure(
    prepared: &Prepared,
    watch: &dyn Watch,
) -> std::result::Result<Vec<Moments>, Failure> {
    let data = &prepared.calibration;
    let mut rows = Vec::new();
    let mut positions = 0;
    for row in 0..data.len() {
        positions += data.extent_of(&[row]).positions();
        if positions > POSITIONS && !rows.is_empty() {
            break;
        }
        rows.push(row);
    }
    let batches = data.batches_of(&rows, BATCH_POSITIONS);
    let model = &prepared.model;
    let parts = lanes::run(batches.len(), |index| {
        watch.proceed()?;
        Ok(of_batch(model, &batches.load(index)?)?)
    })?;
    let mut total: Vec<Moments> = model.head_maps.iter().map(Moments::new).collect();
    for part in parts {
        for (total, part) in total.iter_mut().zip(part) {
            total.plus(&part);
        }
    }
    Ok(total)
}

fn of_batch(model: &Model, batch: &Batch) -> Result<Vec<Moments>> {
    let mut hidden = model.start(batch)?;
    let mut moments = Vec::with_capacity(model.head_maps.len());
    for (index, block) in model.blocks.iter().enumerate() {
        let units = block.units.forward(&hidden)?;
        if let Some(map) = model.head_maps.iter().find(|map| map.block == index) {
            let mut own = Moments::new(map);
            own.contexts.add(&units.stream)?;
            if let Some([of_queries, of_keys]) = &mut own.queries
                && let Some([queries, keys]) = block.units.queries_and_keys(&hidden)?
            {
                of_queries.add(&queries)?;
                of_keys.add(&keys.broadcast_sub(&keys.mean_keepdim(1)?)?)?;
            }
            moments.push(own);
        }
        hidden = block.close(&block.projection.affine, &units, &hidden)?;
    }
    Ok(moments)
}
