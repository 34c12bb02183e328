//! Where the library of ONNX Runtime is.

use std::path::PathBuf;

use clap::Args;

/// Flags for ONNX Runtime.
#[derive(Args, Clone, Debug)]
pub struct OnnxRuntimeFlags {
    /// Library of ONNX Runtime, 1.17 or later [default: where the dynamic linker finds it]
    ///
    /// In the Python package onnxruntime, it is onnxruntime/capi/libonnxruntime.so.VERSION.
    #[arg(
        long = "onnxruntime",
        verbatim_doc_comment,
        env = "ORT_DYLIB_PATH",
        value_name = "FILE"
    )]
    pub library: Option<PathBuf>,
}
