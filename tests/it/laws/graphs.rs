//! The law of ONNX graphs: they compute what the pruned model computes, with and without padding.

use candle_core::{DType, Device, Tensor};
use optin::model::batch::{Batch, Input, Reads};
use optin::model::chain::Model;
use optin::model::hidden::Hidden;
use optin::model::mask::Masks;
use optin::onnx::graph::Graph;
use optin::onnx::write::{Description, write};
use safetensors::Dtype;

use super::{Family, case, prune, thinned, uneven, unrepaired};
use crate::fixture::runtime::{Call, assert_answers};

/// Tiny models with random weights amplify rounding: the largest difference among them is 1.4e-4.
const TOLERANCE: f64 = 2e-4;

pub fn an_onnx_graph_equals_the_pruned_model<F: Family>() {
    let case = case::<F>(Dtype::F32);
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let masks = [
        Masks::full(&case.model.groups),
        thinned(&case.model),
        uneven(&case.model),
    ];
    let models = folders.iter().zip(masks).map(|(folder, masks)| {
        let repairs = unrepaired(&case.model);
        let pruned = prune::<F>(&case.weights, &case.model, &masks, &repairs, folder.path());
        let lengths = match pruned.reads {
            Reads::Text(_) => [1, 7, 24],
            Reads::Pixels(image) => [image.patches().1; 3],
        };
        let rows = [1, 5, 2].into_iter().zip(lengths);
        let batches = rows.map(|(rows, length)| F::batch(rows, length, 1));
        let batches: Vec<Batch> = batches.collect();
        let file = folder.path().join("model.onnx");
        let first = pruned
            .forward(&batches[0], &Masks::full(&pruned.groups))
            .unwrap();
        let outputs = first.stream.dim(2).unwrap();
        let graph = pruned.onnx(F::ANSWERS, Some(outputs)).unwrap();
        // The second file of large models has the same graph.
        let max_embedded = if masks.are_full(&[0]) { 0 } else { u64::MAX };
        let description = Description {
            name: "tiny".to_owned(),
            properties: Vec::new(),
        };
        let written = write(&graph, &description, &file, max_embedded).unwrap();
        assert_eq!(written.external.is_some(), max_embedded == 0);
        let mut calls: Vec<Call> = batches
            .iter()
            .map(|batch| call::<F>(&pruned, &graph, batch, 0))
            .collect();
        if let Input::Tokens { .. } = batches[1].input {
            calls.push(call::<F>(&pruned, &graph, &batches[1], 4));
        }
        (file, calls)
    });
    assert_answers(&models.collect::<Vec<_>>());
}

/// Returns a call with the answers of the model. Texts are padded with this number of tokens.
fn call<F: Family>(model: &Model, graph: &Graph, batch: &Batch, padding: usize) -> Call {
    let full = Masks::full(&model.groups);
    let answers = model.forward(batch, &full).unwrap();
    let call = match &batch.input {
        Input::Pixels(pixels, _) => Call::default().floats("pixel_values", &planes(model, pixels)),
        Input::Tokens { ids, types, .. } => tokens(graph, ids, types, padding),
    };
    let call = call.within(TOLERANCE);
    let [name] = F::ANSWERS else {
        return F::ANSWERS
            .iter()
            .enumerate()
            .fold(call, |call, (index, name)| {
                let channel = answers.stream.narrow(2, index, 1).unwrap();
                let padded = padded(&channel, padding).squeeze(2).unwrap();
                call.expecting(name, &padded)
            });
    };
    call.expecting(name, &as_output(graph, &answers, padding))
}

/// Returns images as `[rows, channels, height, width]`.
fn planes(model: &Model, pixels: &Tensor) -> Tensor {
    let Reads::Pixels(image) = &model.reads else {
        panic!("the model reads no images")
    };
    let rows = pixels.dim(0).unwrap();
    let shape = (rows, image.channels, image.height, image.width);
    let turned = pixels.transpose(1, 2).unwrap().contiguous().unwrap();
    turned.reshape(shape).unwrap()
}

fn tokens(graph: &Graph, ids: &Tensor, types: &Tensor, padding: usize) -> Call {
    let (rows, length) = ids.dims2().unwrap();
    let shape = [rows, length + padding];
    let padded = |tensor: &Tensor, filler: u32| -> Vec<u32> {
        let rows = tensor.to_vec2::<u32>().unwrap().into_iter();
        let fill = std::iter::repeat_n(filler, padding);
        rows.flat_map(|row| row.into_iter().chain(fill.clone()))
            .collect()
    };
    let mask = Tensor::ones((rows, length), DType::U32, &Device::Cpu).unwrap();
    graph.inputs().iter().fold(Call::default(), |call, port| {
        let name = port.value.name();
        let numbers = match name {
            // A token that would change the answers if it were read.
            "input_ids" => padded(ids, 1),
            "attention_mask" => padded(&mask, 0),
            "token_type_ids" => padded(types, 0),
            _ => panic!("the graph has an input {name}"),
        };
        call.ints(name, &shape, numbers)
    })
}

/// Returns answers at each position and to padding, which are NaN.
fn padded(stream: &Tensor, padding: usize) -> Tensor {
    let (rows, _, channels) = stream.dims3().unwrap();
    let unread = Tensor::full(f32::NAN, (rows, padding, channels), &Device::Cpu).unwrap();
    Tensor::cat(&[stream, &unread], 1).unwrap()
}

/// Returns answers as the graph returns them. Those to padding are NaN.
fn as_output(graph: &Graph, answers: &Hidden, padding: usize) -> Tensor {
    let stream = &answers.stream;
    let (rows, _, channels) = stream.dims3().unwrap();
    match graph.outputs()[0].shape.len() {
        2 => stream.squeeze(1).unwrap(),
        3 => padded(stream, padding),
        _ => {
            let [height, width] = answers.layout.size().unwrap();
            let turned = stream.transpose(1, 2).unwrap().contiguous().unwrap();
            turned.reshape((rows, channels, height, width)).unwrap()
        }
    }
}
