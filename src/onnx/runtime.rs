//! ONNX Runtime, if its library is on this machine. The library is loaded when it is wanted; nothing of it is needed to build or
//! to run anything else.

use std::path::{Path, PathBuf};

use ort::environment::Environment;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

/// Names under which the dynamic linker finds the library.
const NAMES: &[&str] = &[
    "libonnxruntime.so",
    "libonnxruntime.so.1",
    "libonnxruntime.dylib",
];

/// Errors of ONNX Runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The library cannot be loaded.
    #[error("could not load ONNX Runtime from {}: {reason}", path.display())]
    Library {
        /// The file of the library.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A graph cannot be opened or run.
    #[error("ONNX Runtime failed: {0}")]
    Failed(#[from] ort::Error),
}

/// The loaded library. A process can load it once.
pub struct Runtime(Environment);

/// A graph that can be run.
pub struct OpenGraph(Session);

/// Numbers of an input.
pub enum Numbers {
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Real numbers.
    Floats(Vec<f32>),
}

/// An input or an output of a graph.
pub struct Array<T> {
    /// The size of each dimension.
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    pub numbers: T,
}

impl Runtime {
    /// Loads the library from a file.
    ///
    /// # Errors
    /// Returns [`RuntimeError`] if the file is not the library, or has another version than 1.17 or later.
    pub fn load(path: &Path) -> Result<Self, RuntimeError> {
        let failed = |reason: String| RuntimeError::Library {
            path: path.to_owned(),
            reason,
        };
        // A relative path would be searched beside the program.
        let absolute = path.canonicalize();
        let absolute = absolute.map_err(|error| failed(error.to_string()))?;
        let builder = ort::init_from(absolute).map_err(|error| failed(error.to_string()))?;
        Ok(Self(builder.with_telemetry(false).build()?))
    }

    /// Loads the library from where the dynamic linker finds it. `None` if it is nowhere.
    #[must_use]
    pub fn find() -> Option<Self> {
        let builder = NAMES.iter().find_map(|name| ort::init_from(name).ok())?;
        builder.with_telemetry(false).build().ok().map(Self)
    }

    /// Opens a graph.
    ///
    /// # Errors
    /// Returns [`RuntimeError`] if the file is not a graph that the library supports.
    pub fn open(&self, file: &Path) -> Result<OpenGraph, RuntimeError> {
        Ok(OpenGraph(
            Session::builder(&self.0)?.commit_from_file(file)?,
        ))
    }
}

impl OpenGraph {
    /// Returns the names of the inputs.
    #[must_use]
    pub fn inputs(&self) -> Vec<String> {
        let inputs = self.0.inputs().iter();
        inputs.map(|input| input.name().to_owned()).collect()
    }

    /// Runs the graph, and returns its outputs in their order.
    ///
    /// # Errors
    /// Returns [`RuntimeError`] if an input is missing or has another shape, or if the graph cannot be run.
    pub fn run(
        &mut self,
        inputs: Vec<(String, Array<Numbers>)>,
    ) -> Result<Vec<Array<Vec<f32>>>, RuntimeError> {
        let inputs = inputs.into_iter().map(|(name, Array { shape, numbers })| {
            let value: SessionInputValue<'_> = match numbers {
                Numbers::Ints(numbers) => Tensor::from_array((shape, numbers))?.into(),
                Numbers::Floats(numbers) => Tensor::from_array((shape, numbers))?.into(),
            };
            Ok((name, value))
        });
        let inputs: Vec<(String, SessionInputValue<'_>)> =
            inputs.collect::<Result<_, ort::Error>>()?;
        let outputs = self.0.run(inputs)?;
        let arrays = (0..outputs.len()).map(|index| {
            let (shape, numbers) = outputs[index].try_extract_tensor::<f32>()?;
            Ok(Array {
                shape: shape.iter().map(|&size| size as usize).collect(),
                numbers: numbers.to_vec(),
            })
        });
        arrays.collect()
    }
}
