//! `config.pbtxt`, with which the Triton inference server reads a graph.

use std::fmt::Write;

use super::constant::Element;
use super::graph::{Graph, Port, Size};

/// Largest batch that the server makes of several requests.
const MAX_BATCH: usize = 64;

/// Returns the configuration of a graph under this name. Its first dimension is that of the batch.
#[must_use]
pub fn config(name: &str, graph: &Graph) -> String {
    let mut text = format!(
        "name: \"{name}\"\nbackend: \"onnxruntime\"\nmax_batch_size: {MAX_BATCH}\ndynamic_batching {{ }}\n"
    );
    for (kind, ports) in [("input", graph.inputs()), ("output", graph.outputs())] {
        for port in ports {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{kind} [ {{ {} }} ]", fields(port));
        }
    }
    text
}

fn fields(port: &Port) -> String {
    let element = match port.element {
        Element::Float => "TYPE_FP32",
        Element::Int8 => "TYPE_INT8",
        Element::Int => "TYPE_INT64",
    };
    let sizes = port.shape.iter().skip(1).map(|size| match size {
        Size::Fixed(size) => size.to_string(),
        Size::Any(_) => "-1".to_owned(),
    });
    format!(
        "name: \"{}\" data_type: {element} dims: [ {} ]",
        port.value.name(),
        sizes.collect::<Vec<_>>().join(", ")
    )
}
