//! Writes graphs as files.
//!
//! The constants are streamed, so a file takes no more memory than its largest weight. A message of protocol buffers has at
//! most 2 GiB. Constants of a larger model are in a second file beside it.

use std::fs::{self, File};
use std::io::{BufWriter, Error, Result, Write};
use std::path::Path;

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::constant::Constant;
use super::graph::{Graph, Port, Size};
use super::node::Node;
use super::proto::{
    DimensionProto, EXTERNAL, GRAPH_INITIALIZER, GraphProto, MODEL_GRAPH, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TENSOR_RAW_DATA, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto,
};
use super::reachable::{Needed, needed};
use super::value::Value;
use crate::file_name::beside;

/// The version of the standard operators.
pub const OPSET: i64 = 17;

/// The version of the file format that came with [`OPSET`].
const IR_VERSION: i64 = 8;

/// The second file has the name of the file of the graph and this suffix.
const SECOND: &str = ".data";

/// The largest number of bytes of constants in the file of the graph. It leaves space for the graph itself.
pub const MAX_EMBEDDED: u64 = 1_900_000_000;

/// The smallest constant that is moved to the second file. The others, such as shapes, stay with the graph, because readers
/// that infer shapes need them.
const MIN_EXTERNAL: usize = 1024;

/// Each constant of the second file begins at a multiple of this number of bytes, so that it can be used in place.
const ALIGNMENT: u64 = 4096;

/// What a file tells about its graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Name of the graph. It may not be empty.
    pub name: String,
    /// Other properties.
    pub properties: Vec<(String, String)>,
}

/// The written files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Size of the graph's file in bytes.
    pub bytes: u64,
    /// Size of the second file in bytes, if there is one.
    pub external: Option<u64>,
}

/// Writes a graph to `path`. If its constants have more than `max_embedded` bytes, they are in a second file, whose name is
/// that of the first one with `.data` after it.
///
/// # Errors
/// Returns an error if a file cannot be written or a weight cannot be read. The incomplete files are removed.
pub fn write(
    graph: &Graph,
    description: &Description,
    path: &Path,
    max_embedded: u64,
) -> Result<Written> {
    let written = write_files(graph, description, path, max_embedded);
    if written.is_err() {
        // Incomplete files are useless, and the disk may be full.
        let _ = fs::remove_file(path);
        let _ = fs::remove_file(beside(path, SECOND));
    }
    written
}

fn write_files(
    graph: &Graph,
    description: &Description,
    path: &Path,
    max_embedded: u64,
) -> Result<Written> {
    let needed = needed(graph);
    let sizes = needed.constants.iter();
    let total: u64 = sizes.map(|(_, constant)| constant.len() as u64).sum();
    let external = match total > max_embedded {
        true => Some(External::create(path)?),
        false => None,
    };
    let mut file = BufWriter::new(File::create(path)?);
    let (bytes, external) = write_to(&mut file, graph, description, &needed, external)?;
    file.into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .sync_all()?;
    Ok(Written { bytes, external })
}

fn write_to(
    file: &mut impl Write,
    graph: &Graph,
    description: &Description,
    needed: &Needed<'_>,
    mut external: Option<External>,
) -> Result<(u64, Option<u64>)> {
    let model = model(description).encode_to_vec();
    let nodes = nodes(graph, description, needed).encode_to_vec();
    let mut tensors = Vec::with_capacity(needed.constants.len());
    for (value, constant) in &needed.constants {
        tensors.push(Tensor::new(value, constant, external.as_mut())?);
    }
    let of_tensors: u64 = tensors.iter().map(|tensor| tensor.field_len()).sum();
    let mut head = model;
    encode_key(MODEL_GRAPH, WireType::LengthDelimited, &mut head);
    encode_varint(nodes.len() as u64 + of_tensors, &mut head);
    file.write_all(&head)?;
    file.write_all(&nodes)?;
    for tensor in &tensors {
        tensor.write(file)?;
    }
    let bytes = head.len() as u64 + nodes.len() as u64 + of_tensors;
    Ok((bytes, external.map(External::finish).transpose()?))
}

/// A tensor message whose numbers are written after its other fields.
struct Tensor<'a> {
    /// All fields before the numbers, and the head of the numbers if they are in the message.
    head: Vec<u8>,
    /// The constant, unless its numbers are in the second file.
    embedded: Option<&'a Constant>,
}

impl<'a> Tensor<'a> {
    fn new(value: &Value, constant: &'a Constant, external: Option<&mut External>) -> Result<Self> {
        let mut message = TensorProto {
            name: value.name().to_owned(),
            dims: constant.shape().iter().map(|&size| size as i64).collect(),
            data_type: constant.element() as i32,
            ..TensorProto::default()
        };
        let external = external.filter(|_| constant.len() >= MIN_EXTERNAL);
        if let Some(external) = external {
            message.external_data = external.append(constant)?;
            message.data_location = EXTERNAL;
            return Ok(Self {
                head: message.encode_to_vec(),
                embedded: None,
            });
        }
        let mut head = message.encode_to_vec();
        encode_key(TENSOR_RAW_DATA, WireType::LengthDelimited, &mut head);
        encode_varint(constant.len() as u64, &mut head);
        Ok(Self {
            head,
            embedded: Some(constant),
        })
    }

    /// Returns the size of the message in bytes.
    fn len(&self) -> u64 {
        let numbers = self.embedded.map_or(0, Constant::len);
        (self.head.len() + numbers) as u64
    }

    /// Returns the key and the length of the message.
    fn field(&self) -> Vec<u8> {
        let mut field = Vec::new();
        encode_key(GRAPH_INITIALIZER, WireType::LengthDelimited, &mut field);
        encode_varint(self.len(), &mut field);
        field
    }

    /// Returns the size of the message with its key and length, in bytes.
    fn field_len(&self) -> u64 {
        self.field().len() as u64 + self.len()
    }

    fn write(&self, file: &mut impl Write) -> Result<()> {
        file.write_all(&self.field())?;
        file.write_all(&self.head)?;
        match self.embedded {
            Some(constant) => file.write_all(&constant.bytes().map_err(Error::other)?),
            None => Ok(()),
        }
    }
}

/// The second file.
struct External {
    name: String,
    file: BufWriter<File>,
    written: u64,
}

impl External {
    /// Creates the file beside that of the graph.
    fn create(path: &Path) -> Result<Self> {
        let path = beside(path, SECOND);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            name: name.into_owned(),
            file: BufWriter::new(File::create(&path)?),
            written: 0,
        })
    }

    /// Appends numbers and returns where they are.
    fn append(&mut self, constant: &Constant) -> Result<Vec<StringStringEntryProto>> {
        let first = self.written.next_multiple_of(ALIGNMENT);
        let padding = vec![0; (first - self.written) as usize];
        self.file.write_all(&padding)?;
        self.file
            .write_all(&constant.bytes().map_err(Error::other)?)?;
        self.written = first + constant.len() as u64;
        Ok(vec![
            entry("location", &self.name),
            entry("offset", &first.to_string()),
            entry("length", &constant.len().to_string()),
        ])
    }

    fn finish(self) -> Result<u64> {
        self.file
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?
            .sync_all()?;
        Ok(self.written)
    }
}

fn entry(key: &str, value: &str) -> StringStringEntryProto {
    StringStringEntryProto {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

fn model(description: &Description) -> ModelProto {
    let properties = description.properties.iter();
    ModelProto {
        ir_version: IR_VERSION,
        producer_name: env!("CARGO_PKG_NAME").to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: OPSET,
        }],
        metadata_props: properties.map(|(key, value)| entry(key, value)).collect(),
    }
}

fn nodes(graph: &Graph, description: &Description, needed: &Needed<'_>) -> GraphProto {
    let name_of = |value: &Value| value.name().to_owned();
    let node = |node: &&Node| NodeProto {
        input: node
            .inputs
            .iter()
            .map(|input| input.as_ref().map_or_else(String::new, name_of))
            .collect(),
        output: node.outputs.iter().map(name_of).collect(),
        name: node.outputs.first().map_or_else(String::new, name_of),
        op_type: node.operator.to_owned(),
        attribute: node.attributes.clone(),
    };
    GraphProto {
        node: needed.nodes.iter().map(node).collect(),
        name: description.name.clone(),
        input: graph.inputs.iter().map(info).collect(),
        output: graph.outputs.iter().map(info).collect(),
    }
}

fn info(port: &Port) -> ValueInfoProto {
    let dimension = |size: &Size| match *size {
        Size::Fixed(size) => DimensionProto {
            dim_value: Some(size as i64),
            dim_param: None,
        },
        Size::Any(name) => DimensionProto {
            dim_value: None,
            dim_param: Some(name.to_owned()),
        },
    };
    ValueInfoProto {
        name: port.value.name().to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: port.element as i32,
                shape: Some(TensorShapeProto {
                    dim: port.shape.iter().map(dimension).collect(),
                }),
            }),
        }),
    }
}
