//! ONNX files with weights of 8 bits.

use std::fs;

use candle_core::{Device, Tensor};
use optin::onnx::constant::Element;
use optin::onnx::graph::{Graph, Size};
use optin::onnx::write::{Description, write};
use optin::prune::journal::NoJournal;
use optin::prune::recipe::{Output, Recipe};
use optin::prune::run;
use optin::prune::surgery::onnx;
use optin::prune::watch::Unwatched;

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;
use crate::fixture::runtime::{Call, assert_answers};

const INPUTS: usize = 40;
const OUTPUTS: usize = 30;

/// The graph reads rows of a table and multiplies them by a matrix. One column of the matrix and one row of the table are zero.
#[test]
fn weights_of_eight_bits_are_multiplied_as_whole_numbers() {
    let mut table = numbers(100 * INPUTS, 1.0);
    table[INPUTS..2 * INPUTS].fill(0.0);
    let mut matrix = numbers(INPUTS * OUTPUTS, 2.0);
    matrix
        .iter_mut()
        .step_by(OUTPUTS)
        .for_each(|weight| *weight = 0.0);
    let mut graph = Graph::default();
    let ids = graph.input("ids", Element::Int, &[Size::Any("rows")]);
    let tensor = |numbers: &[f32], width: usize| {
        Tensor::from_slice(numbers, (numbers.len() / width, width), &Device::Cpu).unwrap()
    };
    let weight = graph.weight(&tensor(&table, INPUTS));
    let rows = graph.gather(&weight, &ids, 0);
    let weight = graph.weight(&tensor(&matrix, OUTPUTS));
    let product = graph.apply("MatMul", &[&rows, &weight]);
    graph.output("rows", &rows, &[Size::Any("rows"), Size::Fixed(INPUTS)]);
    graph.output(
        "product",
        &product,
        &[Size::Any("rows"), Size::Fixed(OUTPUTS)],
    );
    assert!((graph.int8_share().unwrap() - 1.0).abs() < 1e-9);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let description = Description {
        name: "tiny".to_owned(),
        properties: Vec::new(),
    };
    let whole = write(&graph, &description, &path, u64::MAX).unwrap().bytes;
    let graph = graph.int8().unwrap();
    let small = write(&graph, &description, &path, u64::MAX).unwrap().bytes;
    assert!(small < whole / 2, "{small} of {whole} bytes");

    let read = [7, 1, 99, 42];
    let rows: Vec<f32> = read
        .iter()
        .flat_map(|&row| in_steps(&table[row * INPUTS..][..INPUTS], 127.0))
        .collect();
    let columns: Vec<Vec<f32>> = (0..OUTPUTS)
        .map(|column| {
            let column: Vec<f32> = matrix
                .iter()
                .skip(column)
                .step_by(OUTPUTS)
                .copied()
                .collect();
            in_steps(&column, 63.0)
        })
        .collect();
    let rounded = in_call(&rows);
    let product: Vec<f32> = rounded
        .chunks(INPUTS)
        .flat_map(|row| {
            columns
                .iter()
                .map(|column| row.iter().zip(column).map(|(x, w)| x * w).sum())
        })
        .collect();
    let ids = read.map(|row| row as u32).to_vec();
    let call = Call::default()
        .ints("ids", &[read.len()], ids)
        .expecting("rows", &tensor(&rows, INPUTS))
        .expecting("product", &tensor(&product, OUTPUTS));
    assert_answers(&[(path, vec![call])]);
}

fn numbers(count: usize, seed: f32) -> Vec<f32> {
    let numbers = (0..count).map(|index| (12.9898 * (index as f32 + seed)).sin());
    numbers.collect()
}

/// Rounds numbers to whole multiples of a step, of which the largest one is `max`.
fn in_steps(numbers: &[f32], max: f32) -> Vec<f32> {
    let largest = numbers
        .iter()
        .fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let step = if largest == 0.0 { 1.0 } else { largest / max };
    numbers
        .iter()
        .map(|x| (x / step).round_ties_even() * step)
        .collect()
}

/// Rounds numbers as `DynamicQuantizeLinear` does: 256 steps from the smallest to the largest number and zero.
fn in_call(numbers: &[f32]) -> Vec<f32> {
    let low = numbers.iter().fold(0.0_f32, |low, &x| low.min(x));
    let high = numbers.iter().fold(0.0_f32, |high, &x| high.max(x));
    let step = (high - low) / 255.0;
    let zero = (-low / step).round_ties_even().clamp(0.0, 255.0);
    let whole = numbers
        .iter()
        .map(|x| ((x / step).round_ties_even() + zero).clamp(0.0, 255.0));
    whole.map(|whole| (whole - zero) * step).collect()
}

#[test]
fn a_result_has_a_smaller_file_with_about_the_same_answers() {
    let folder = Folder::new(Tiny::default());
    let recipe = Recipe {
        outputs: vec![Output::OnnxInt8],
        ..folder.recipe(0.6)
    };
    run(&folder.places("out"), &recipe, &NoJournal, &Unwatched).unwrap();
    let out = folder.root.path().join("out");
    assert!(!out.join(onnx::NAME).exists());
    let card = fs::read_to_string(out.join("README.md")).unwrap();
    assert!(card.contains(onnx::INT8_NAME), "{card}");
    let golden: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("verify.json")).unwrap()).unwrap();
    let calls = golden["rows"].as_array().unwrap().iter().map(|row| {
        let ids = |name: &str| -> Vec<u32> { serde_json::from_value(row[name].clone()).unwrap() };
        let shape = [1, ids("input_ids").len()];
        let logits: Vec<f32> = serde_json::from_value(row["logits"].clone()).unwrap();
        let logits = Tensor::from_slice(&logits, (1, logits.len()), &Device::Cpu).unwrap();
        Call::default()
            .ints("attention_mask", &shape, vec![1; shape[1]])
            .ints("token_type_ids", &shape, ids("token_type_ids"))
            .ints("input_ids", &shape, ids("input_ids"))
            .expecting("logits", &logits)
            .within(0.1)
    });
    let file = out.with_file_name(onnx::INT8_NAME);
    fs::copy(out.join(onnx::INT8_NAME), &file).unwrap();
    assert_answers(&[(file, calls.collect())]);
}
