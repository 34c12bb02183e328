//! The outputs of an ONNX graph, under the names that exporters use.

use candle_core::Result;

use super::state::State;
use super::stream::Stream;
use crate::model::hidden::{Layout, Slot};
use crate::onnx::graph::{Graph, Size};

/// Name of the number of rows of a call.
pub const ROWS: Size = Size::Any("batch_size");

/// Name of the number of tokens of the rows of a call.
pub const LENGTH: Size = Size::Any("sequence_length");

/// Declares the outputs of a head.
///
/// With one name, for example `logits`, it is that of all answers: `[rows, outputs]`, or `[rows, positions, outputs]` if there is one at each position.
/// Answers at the pixels of a map are `[rows, outputs, height, width]`. If they were made of the classes and the masks of
/// queries, these are outputs as well. With several names, each is that of one channel at each position: `[rows, positions]`.
///
/// # Errors
/// Returns an error if the head is inconsistent.
pub fn declare(
    graph: &mut Graph,
    answers: &State,
    names: &[&str],
    outputs: Option<usize>,
) -> Result<()> {
    let &[name] = names else {
        let stream = answers.stream.positions(graph);
        let positions = answers.positions.map_or(LENGTH, Size::Fixed);
        for (channel, name) in names.iter().enumerate() {
            let index = graph.table(&[], &[channel as i64]);
            let values = graph.gather(&stream, &index, 2);
            graph.output(name, &values, &[ROWS, positions]);
        }
        return Ok(());
    };
    let channels = outputs.map_or(Size::Any("outputs"), Size::Fixed);
    let positions = answers.positions;
    if let Layout::Map {
        height,
        width,
        lead: 0,
    } = answers.layout
        && positions != Some(1)
    {
        let size = [Size::Fixed(height), Size::Fixed(width)];
        let planes = answers.stream.planes(graph, [height, width]);
        graph.output(name, &planes, &[ROWS, channels, size[0], size[1]]);
        let slots = [
            (Slot::QueryClasses, "class_queries_logits"),
            (Slot::QueryMasks, "masks_queries_logits"),
        ];
        for (slot, part) in slots {
            match answers.find(slot) {
                Some(Stream::Positions(value)) => {
                    let shape = [ROWS, Size::Any("queries"), Size::Any("classes")];
                    graph.output(part, &value.clone(), &shape);
                }
                Some(Stream::Planes(value)) => {
                    let shape = [ROWS, Size::Any("queries"), size[0], size[1]];
                    graph.output(part, &value.clone(), &shape);
                }
                None => {}
            }
        }
        return Ok(());
    }
    let stream = answers.stream.positions(graph);
    match positions {
        Some(1) => {
            let row = graph.squeeze(&stream, &[1]);
            graph.output(name, &row, &[ROWS, channels]);
        }
        positions => {
            let positions = positions.map_or(LENGTH, Size::Fixed);
            graph.output(name, &stream, &[ROWS, positions, channels]);
        }
    }
    Ok(())
}
