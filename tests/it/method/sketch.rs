//! Sketched scores, compared with central differences of each mask, and pullbacks, compared with finite differences.

use std::sync::Arc;

use candle_core::{D, Device, Tensor};
use optin::answer::task::Answer;
use optin::model::chain::Model;
use optin::model::hidden::Hidden;
use optin::model::layer::Layer;
use optin::model::layer::dense::Dense;
use optin::model::layer::leading_positions::LeadingPositions;
use optin::model::layer::sequence::Sequence;
use optin::model::nn::activation::Activation;
use optin::model::nn::attention::{Heads, attend};
use optin::model::nn::attention_back;
use optin::model::nn::elementwise;
use optin::model::nn::layer_norm::LayerNorm;
use optin::model::nn::linear::Linear;
use optin::model::nn::traced::Traced;
use optin::prune::recipe::{FeatureTerm, Method};
use optin::prune::score::manifold::normalise;
use optin::prune::score::scored::Scored;
use optin::prune::score::sketch::{self, Sketch, Stop};
use optin::prune::score::teacher::{TRAJECTORY_BYTES, Teacher};

use crate::fixture::bert::Tiny;
use crate::fixture::folder::{Folder, open};
use crate::fixture::task;
use crate::kernels::tensor;

const SEED: u64 = 5;

fn inner(left: &Tensor, right: &Tensor) -> f64 {
    let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let pairs = values(left).into_iter().zip(values(right));
    pairs.map(|(a, b)| f64::from(a) * f64::from(b)).sum()
}

/// Checks that `<c, f(x + h d) - f(x - h d)> / 2h = <pull(c), d>`, for two cotangents stacked as two copies.
fn check_pullback(
    name: &str,
    input: &Tensor,
    run: &dyn Fn(&Tensor) -> Tensor,
    trace: &dyn Fn(&Tensor) -> Traced,
) {
    let traced = trace(input);
    let value = run(input);
    assert!((inner(&value, &value) - inner(&traced.value, &traced.value)).abs() < 1e-4);
    let cotangents = [11, 12].map(|seed| tensor(value.dims(), seed, 1.0));
    let pulled = (traced.pull)(Tensor::cat(&cotangents, 0).unwrap()).unwrap();
    let step = 1e-2;
    for seed in 20..24 {
        let direction = tensor(input.dims(), seed, 1.0);
        let shift = (&direction * step).unwrap();
        let change = (run(&(input + &shift).unwrap()) - run(&(input - &shift).unwrap())).unwrap();
        for (copy, cotangent) in cotangents.iter().enumerate() {
            let measured = inner(cotangent, &change) / (2.0 * step);
            let rows = input.dims()[0];
            let ours = inner(&pulled.narrow(0, copy * rows, rows).unwrap(), &direction);
            let size = inner(cotangent, cotangent).sqrt();
            assert!(
                (measured - ours).abs() < 2e-3 * size,
                "{name}: {ours}, expected {measured}"
            );
        }
    }
}

#[test]
fn each_pullback_is_the_derivative() {
    let input = tensor(&[2, 5, 6], 1, 1.0);
    let linear = Linear::new(tensor(&[9, 6], 2, 0.7), tensor(&[9], 3, 0.5));
    check_pullback("linear", &input, &|x| linear.forward(x).unwrap(), &|x| {
        linear.traced(x).unwrap()
    });
    for activation in [Activation::Gelu, Activation::GeluTanh] {
        check_pullback(
            "activation",
            &input,
            &|x| linear.forward_activated(x, activation).unwrap(),
            &|x| linear.traced_activated(x, activation).unwrap(),
        );
    }
    let norm = LayerNorm::new(tensor(&[6], 4, 1.0), tensor(&[6], 5, 1.0), 1e-5);
    check_pullback("layer norm", &input, &|x| norm.forward(x).unwrap(), &|x| {
        norm.traced(x).unwrap()
    });
    check_pullback("tanh", &input, &|x| x.tanh().unwrap(), &|x| {
        elementwise::traced(x, Activation::Tanh).unwrap()
    });
    let first = Sequence::identity()
        .then(LeadingPositions::one())
        .then(Dense::new("weight".to_owned(), linear.clone()));
    check_pullback(
        "first position, then a linear map",
        &input,
        &|x| linear.forward(&x.narrow(1, 0, 1).unwrap()).unwrap(),
        &|x| {
            let Traced { value, pull } = first.traced(&Hidden::sequence(x.clone())).unwrap();
            Traced {
                value: value.stream,
                pull: Box::new(move |c| Ok(pull(Hidden::sequence(c))?.stream)),
            }
        },
    );
    let parts = [6, 7, 8].map(|seed| tensor(&[2, 5, 6], seed, 1.0));
    for part in 0..3 {
        let with = |x: &Tensor| {
            let mut parts = parts.clone();
            parts[part] = x.clone();
            parts
        };
        check_pullback(
            ["query", "key", "value"][part],
            &input,
            &|x| {
                let [query, key, value] = with(x);
                attend(&query, &key, &value, Heads::whole(2, 3)).unwrap()
            },
            &|x| {
                let [query, key, value] = with(x);
                let attention =
                    attention_back::traced(query, key, value, Heads::whole(2, 3)).unwrap();
                Traced {
                    value: attention.value.clone(),
                    pull: Box::new(move |c| Ok(attention.pull(&c)?[part].clone())),
                }
            },
        );
    }
}

#[test]
fn the_pullback_of_relu_is_zero_where_relu_is_zero() {
    let linear = Linear::new(tensor(&[9, 6], 2, 0.7), tensor(&[9], 3, 0.5));
    let input = tensor(&[1, 4, 6], 1, 1.0);
    let traced = linear.traced_activated(&input, Activation::Relu).unwrap();
    let cotangent = tensor(&[1, 4, 9], 2, 1.0);
    let open = traced
        .value
        .gt(0.0)
        .unwrap()
        .to_dtype(candle_core::DType::F32)
        .unwrap();
    let expected = linear.pull(&(&cotangent * open).unwrap()).unwrap();
    let ours = (traced.pull)(cotangent).unwrap();
    assert!((inner(&ours, &ours) - inner(&ours, &expected)).abs() < 1e-5);
}

struct Case {
    _folder: Folder,
    model: Model,
    task: Arc<dyn Answer>,
    tiny: Tiny,
}

fn case(labels: usize) -> Case {
    let folder = Folder::new(Tiny {
        labels,
        ..Tiny::default()
    });
    let (_weights, model) = open(&folder.model());
    Case {
        tiny: folder.tiny.clone(),
        _folder: folder,
        model,
        task: task::task(serde_json::json!({"num_labels": labels})),
    }
}

/// Returns what a term compares of normalized vectors `[rows, k, channels]`, divided so that the squares of its numbers sum
/// to the term.
fn compares(term: FeatureTerm, vectors: &Tensor) -> Tensor {
    let size = vectors.dim(1).unwrap() as f64;
    let divided = match term {
        FeatureTerm::Pairs => {
            let turned = vectors.transpose(1, 2).unwrap().contiguous().unwrap();
            vectors.matmul(&turned).unwrap() / size
        }
        FeatureTerm::Vectors => vectors / size.sqrt(),
        FeatureTerm::Mean => vectors.mean(1),
    };
    divided.unwrap()
}

impl Case {
    fn teacher(&self) -> Teacher<'_> {
        let batches = [(2, 9, 1), (1, 5, 2), (3, 4, 3)];
        let batches = batches.map(|(rows, length, seed)| self.tiny.batch(rows, length, seed));
        Teacher::follow(
            &self.model,
            Scored::answers(&self.model, self.task.as_ref()),
            batches.to_vec(),
            5,
            SEED,
            TRAJECTORY_BYTES,
        )
        .unwrap()
    }

    fn sketch(&self, seed: u64, probes: usize) -> Sketch {
        self.sketch_of(FeatureTerm::Pairs, seed, probes)
    }

    fn sketch_of(&self, feature_term: FeatureTerm, seed: u64, probes: usize) -> Sketch {
        let stop = Stop {
            most: probes,
            reliability: f64::INFINITY,
        };
        let wanted = vec![true; self.model.groups.len()];
        let method = Method {
            feature_term,
            ..Method::default()
        };
        let teacher = self.teacher();
        sketch::score(&teacher, &method, seed, &wanted, stop, &|_| Ok(())).unwrap()
    }

    /// Returns for each batch and each feature from `block` on what the term compares, divided so that the squares of its
    /// numbers sum to the term, and all logits, with the mask of one unit at `mask`.
    fn run(
        &self,
        term: FeatureTerm,
        teacher: &Teacher<'_>,
        block: usize,
        unit: usize,
        mask: f32,
    ) -> (Vec<Tensor>, Tensor) {
        let model = &self.model;
        let group = &model.groups[block];
        let span = group.seat.span;
        let factor: Vec<f32> = (0..group.width * span)
            .map(|column| if column / span == unit { mask } else { 1.0 })
            .collect();
        let factor = Tensor::new(factor, &Device::Cpu).unwrap();
        let full = optin::model::mask::Masks::full(&model.groups);
        let mut hidden: Vec<Hidden> = (0..teacher.batches.len())
            .map(|batch| teacher.input(block, batch).unwrap())
            .collect();
        let mut compared = Vec::new();
        for current in block..model.groups.len() {
            for hidden in &mut hidden {
                *hidden = if current == block {
                    let own = &model.blocks[block];
                    let units = own.units.forward(hidden).unwrap();
                    let units = units.with_stream(units.stream.broadcast_mul(&factor).unwrap());
                    own.close(&own.projection.affine, &units, hidden).unwrap()
                } else {
                    model.block(current, hidden, &full).unwrap()
                };
            }
            if let Some(feature) = &teacher.features[current] {
                for (hidden, sample) in hidden.iter().zip(&feature.samples) {
                    let vectors = normalise(&sample.select(&hidden.stream).unwrap()).unwrap();
                    compared.push(compares(term, &vectors));
                }
            }
        }
        let logits: Vec<Tensor> = hidden
            .iter()
            .map(|hidden| {
                model
                    .head
                    .forward(hidden)
                    .unwrap()
                    .stream
                    .squeeze(1)
                    .unwrap()
            })
            .collect();
        (compared, Tensor::cat(&logits, 0).unwrap())
    }

    /// Returns the mean over the rows of the sum over the features of the squared derivative of what the term compares, and
    /// the quadratic form of the logits, by central differences.
    fn differences(
        &self,
        term: FeatureTerm,
        teacher: &Teacher<'_>,
        block: usize,
        unit: usize,
    ) -> (f64, f64) {
        let step = 0.03f32;
        let (up, logits_up) = self.run(term, teacher, block, unit, 1.0 + step);
        let (down, logits_down) = self.run(term, teacher, block, unit, 1.0 - step);
        let slope =
            |up: &Tensor, down: &Tensor| ((up - down).unwrap() / f64::from(2.0 * step)).unwrap();
        let manifold = up.iter().zip(&down).map(|(up, down)| {
            let slope = slope(up, down);
            inner(&slope, &slope)
        });
        let moved = slope(&logits_up, &logits_down);
        let (_, logits) = self.run(term, teacher, block, unit, 1.0);
        let temperature = Method::default().temperature;
        let p = candle_nn::ops::softmax(&(logits / temperature).unwrap(), D::Minus1).unwrap();
        let along = (&moved * &p).unwrap().sum_keepdim(1).unwrap();
        let form = (inner(&(&moved * &moved).unwrap(), &p) - inner(&along, &along)) / 2.0;
        let rows = moved.dims()[0] as f64;
        (manifold.sum::<f64>() / rows, form / rows)
    }
}

#[test]
fn both_terms_are_unbiased_estimates_of_the_squared_derivatives() {
    let case = case(3);
    let teacher = case.teacher();
    let probes = 3_072;
    let sketch = case.sketch(SEED, probes);
    assert_eq!(sketch.probes, probes);
    assert!(sketch.reliability > 0.98, "{}", sketch.reliability);
    let mut ratios = Vec::new();
    for (block, group) in case.model.groups.iter().enumerate() {
        let scores = sketch.groups[block].as_ref().unwrap();
        for unit in 0..group.width {
            let (manifold, form) = case.differences(FeatureTerm::Pairs, &teacher, block, unit);
            if scores.features == 1 {
                // The last feature has one position per row, so there are no pairs.
                assert_eq!(scores.manifold[unit], 0.0, "{} {unit}", group.name);
            } else {
                let ratio = scores.manifold[unit] / manifold;
                // Five standard deviations of a mean of squares with kurtosis 4.
                let bound = 5.0 * (3.0 / probes as f64).sqrt();
                assert!(
                    (ratio - 1.0).abs() < bound,
                    "{} {unit}: {ratio}",
                    group.name
                );
                ratios.push(ratio);
            }
            let ratio = scores.answers[unit] / form;
            assert!(
                (ratio - 1.0).abs() < 0.02,
                "{} {unit}: logits {ratio}",
                group.name
            );
        }
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!((mean - 1.0).abs() < 0.03, "mean ratio {mean}");
}

#[test]
fn the_other_feature_terms_are_unbiased_estimates_as_well() {
    let case = case(3);
    let teacher = case.teacher();
    let probes = 1_024;
    for term in [FeatureTerm::Vectors, FeatureTerm::Mean] {
        let sketch = case.sketch_of(term, SEED, probes);
        for (block, group) in case.model.groups.iter().enumerate() {
            let scores = sketch.groups[block].as_ref().unwrap();
            for unit in 0..group.width {
                let (expected, _) = case.differences(term, &teacher, block, unit);
                let ratio = scores.manifold[unit] / expected;
                // Five standard deviations, as above.
                let bound = 5.0 * (3.0 / probes as f64).sqrt();
                let name = &group.name;
                assert!(
                    (ratio - 1.0).abs() < bound,
                    "{term:?} {name} {unit}: {ratio}"
                );
            }
        }
    }
}

#[test]
fn many_classes_are_sampled_without_bias() {
    let case = case(40);
    let teacher = case.teacher();
    let sketch = case.sketch(SEED, 2);
    let mut ratios = Vec::new();
    for (block, group) in case.model.groups.iter().enumerate() {
        let scores = sketch.groups[block].as_ref().unwrap();
        for unit in 0..group.width {
            let (_, form) = case.differences(FeatureTerm::Pairs, &teacher, block, unit);
            ratios.push(scores.answers[unit] / form);
        }
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!((mean - 1.0).abs() < 0.1, "mean ratio {mean}");
}

#[test]
fn the_same_seed_gives_identical_scores_and_another_seed_different_ones() {
    let case = case(3);
    assert_eq!(case.sketch(1, 32), case.sketch(1, 32));
    assert_ne!(case.sketch(1, 32).groups, case.sketch(2, 32).groups);
}
