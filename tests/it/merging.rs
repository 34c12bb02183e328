//! Merging of similar positions.

use candle_core::{DType, Device, Tensor};
use optin::model::extent::Extent;
use optin::model::hidden::{Hidden, Layout, Slot};
use optin::model::layer::Layer;
use optin::model::layer::dense::Dense;
use optin::model::layer::merge::Merge;
use optin::model::layer::self_attention::SelfAttention;
use optin::model::layer::unmerge::Unmerge;
use optin::model::nn::attention::Heads;
use optin::model::nn::linear::Linear;

use crate::fixture::difference::relative_difference;
use crate::kernels::tensor;

const CHANNELS: usize = 6;

/// Returns a state of two rows with one leading position and this many others.
fn state(others: usize, seed: u64) -> Hidden {
    Hidden::new(
        tensor(&[2, 1 + others, CHANNELS], seed, 1.0),
        Layout::Map {
            height: 1,
            width: others,
            lead: 1,
        },
    )
}

fn rows(tensor: &Tensor) -> Vec<Vec<Vec<f32>>> {
    tensor.to_vec3().unwrap()
}

fn sizes(hidden: &Hidden) -> Vec<Vec<f32>> {
    hidden.carried(Slot::Sizes).unwrap().to_vec2().unwrap()
}

/// Chooses the pairs by trying all of them, in f64.
fn most_similar(row: &[Vec<f32>], pairs: usize) -> Vec<(usize, usize)> {
    let length = |at: usize| -> f64 {
        let squares = row[at].iter().map(|&x| f64::from(x) * f64::from(x));
        squares.sum::<f64>().sqrt()
    };
    let cosine = |a: usize, b: usize| -> f64 {
        let products = row[a].iter().zip(&row[b]);
        let product: f64 = products.map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
        product / length(a) / length(b)
    };
    let first = (1..row.len()).step_by(2);
    let mut best: Vec<(f64, usize, usize)> = first
        .map(|a| {
            let second = (2..row.len()).step_by(2);
            let all = second.map(|b| (cosine(a, b), a, b));
            all.max_by(|x, y| x.0.total_cmp(&y.0)).unwrap()
        })
        .collect();
    best.sort_by(|x, y| y.0.total_cmp(&x.0));
    best[..pairs].iter().map(|&(_, a, b)| (a, b)).collect()
}

#[test]
fn the_most_similar_pairs_are_replaced_by_their_means() {
    for (others, pairs) in [(8, 1), (8, 3), (9, 4), (2, 1)] {
        let input = state(others, 3);
        let merged = Merge::new(pairs, CHANNELS).forward(&input).unwrap();
        let (before, after) = (rows(&input.stream), rows(&merged.stream));
        let origins: Vec<Vec<u32>> = merged.carried(Slot::Origins).unwrap().to_vec2().unwrap();
        for row in 0..2 {
            assert_eq!(after[row].len(), 1 + others - pairs);
            assert_eq!(after[row][0], before[row][0]);
            let chosen = most_similar(&before[row], pairs);
            for (position, &place) in origins[row].iter().enumerate() {
                let group: Vec<usize> = (0..=others)
                    .filter(|&other| origins[row][other] == place)
                    .collect();
                let expected = chosen.iter().find(|pair| pair.0 == position);
                if let Some(&(_, partner)) = expected {
                    assert!(group.contains(&partner));
                }
                // The position holds the mean of all that it stands for.
                for channel in 0..CHANNELS {
                    let sum: f32 = group.iter().map(|&at| before[row][at][channel]).sum();
                    let mean = sum / group.len() as f32;
                    assert!((after[row][place as usize][channel] - mean).abs() < 1e-6);
                }
                assert_eq!(sizes(&merged)[row][place as usize], group.len() as f32);
            }
            let places: std::collections::BTreeSet<u32> = origins[row].iter().copied().collect();
            assert_eq!(places.len(), 1 + others - pairs);
        }
    }
}

/// Merging in two steps weighs each position by the number of original positions that it stands for.
#[test]
fn repeated_merging_keeps_the_sum_of_the_original_positions() {
    let input = state(12, 5);
    let once = Merge::new(4, CHANNELS).forward(&input).unwrap();
    let twice = Merge::new(3, CHANNELS).forward(&once).unwrap();
    assert_eq!(twice.positions().unwrap(), 13 - 7);
    let weights = twice.carried(Slot::Sizes).unwrap().unsqueeze(2).unwrap();
    let weighed = twice.stream.broadcast_mul(&weights).unwrap();
    let difference = relative_difference(&weighed.sum(1).unwrap(), &input.stream.sum(1).unwrap());
    assert!(difference < 1e-6, "{difference:e}");
    let copied = Unmerge::new(13).forward(&twice).unwrap();
    let all = rows(&copied.stream);
    let merged = rows(&twice.stream);
    let origins: Vec<Vec<u32>> = twice.carried(Slot::Origins).unwrap().to_vec2().unwrap();
    for row in 0..2 {
        for position in 0..13 {
            assert_eq!(
                all[row][position],
                merged[row][origins[row][position] as usize]
            );
        }
    }
}

#[test]
fn no_more_pairs_are_merged_than_there_are() {
    for (others, wanted, left) in [(5, 9, 4), (1, 1, 2), (0, 3, 1), (6, 0, 7)] {
        let input = state(others, 1);
        let merge = Merge::new(wanted, CHANNELS).planned();
        let merged = merge.forward(&input).unwrap();
        assert_eq!(merged.positions().unwrap(), left);
        let extent = Extent::of([(input.layout, 1 + others)]);
        assert_eq!(merge.extent(&extent).mean(), left as f64);
        // The original implementation merges nothing.
        assert_eq!(
            merge.extent(&extent.of_original()).mean(),
            1.0 + others as f64
        );
    }
}

/// If pairs are equal, attention to their means, each counted twice, is attention to all positions.
#[test]
fn merging_equal_positions_changes_no_attention() {
    let lead = tensor(&[2, 1, CHANNELS], 1, 1.0);
    let once = tensor(&[2, 5, 1, CHANNELS], 2, 1.0);
    let doubled = once.repeat((1, 1, 2, 1)).unwrap();
    let doubled = doubled.reshape((2, 10, CHANNELS)).unwrap();
    let input = state(10, 1).with_stream(Tensor::cat(&[&lead, &doubled], 1).unwrap());
    let merged = Merge::new(5, CHANNELS).forward(&input).unwrap();
    assert_eq!(sizes(&merged)[0], [1.0, 2.0, 2.0, 2.0, 2.0, 2.0]);
    let map = |seed| {
        let weight = tensor(&[CHANNELS, CHANNELS], seed, 1.0);
        Dense::new("map".to_owned(), Linear::new(weight, None))
    };
    let attention = SelfAttention::new([map(4), map(5), map(6)], Heads::whole(2, 3));
    let of = |input: &Hidden| {
        attention
            .forward(input)
            .unwrap()
            .stream
            .narrow(1, 0, 1)
            .unwrap()
    };
    let difference = relative_difference(&of(&merged), &of(&input));
    assert!(difference < 1e-6, "{difference:e}");
}

/// Both layers are linear near almost every input, so the pullback is their transpose.
#[test]
fn the_backward_pass_is_the_transpose() {
    let input = state(9, 8);
    let merge = Merge::new(3, CHANNELS);
    let merged = merge.traced(&input).unwrap();
    let unmerge = Unmerge::new(10);
    let copied = unmerge.traced(&merged.value).unwrap();
    let inner = |a: &Tensor, b: &Tensor| -> f64 {
        let product = (a * b).unwrap().to_dtype(DType::F64).unwrap();
        product.sum_all().unwrap().to_scalar().unwrap()
    };
    let cotangent = tensor(&[2, 10, CHANNELS], 9, 1.0);
    let before = inner(&copied.value.stream, &cotangent);
    let back = (copied.pull)(Hidden::new(cotangent, copied.value.layout)).unwrap();
    assert!((inner(&merged.value.stream, &back.stream) - before).abs() < 1e-5);
    let back = (merged.pull)(back).unwrap();
    assert_eq!(back.stream.device().location(), Device::Cpu.location());
    assert!((inner(&input.stream, &back.stream) - before).abs() < 1e-5);
}
