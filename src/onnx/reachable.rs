//! The part of a graph on which its outputs depend.

use std::collections::HashSet;

use super::constant::Constant;
use super::graph::Graph;
use super::node::Node;
use super::value::Value;

/// Nodes and constants, in the order in which they were added.
pub(super) struct Needed<'a> {
    pub(super) nodes: Vec<&'a Node>,
    pub(super) constants: Vec<(&'a Value, &'a Constant)>,
}

/// Returns the nodes and constants that the outputs need.
pub(super) fn needed(graph: &Graph) -> Needed<'_> {
    let outputs = graph.outputs.iter().map(|port| &port.value);
    let mut values: HashSet<&Value> = outputs.collect();
    let mut nodes: Vec<&Node> = Vec::new();
    // A node reads only results of nodes before it.
    for node in graph.nodes.iter().rev() {
        if node.outputs.iter().any(|output| values.contains(output)) {
            values.extend(node.inputs.iter().flatten());
            nodes.push(node);
        }
    }
    nodes.reverse();
    let constants = graph.constants.iter();
    let constants = constants.filter(|(value, _)| values.contains(value));
    Needed {
        nodes,
        constants: constants
            .map(|(value, constant)| (value, constant))
            .collect(),
    }
}
