//! `optin verify`: checks the folder of a result.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::exit::Exit;
use super::output;
use crate::config::onnx_runtime::OnnxRuntimeFlags;
use crate::onnx::runtime::Runtime;
use crate::prune::surgery::folder::SUMS;
use crate::prune::verify::delivered::{self, Delivered};
use crate::signature::{Verifier, signature_of};

/// Shown at the end of the help.
const EXAMPLES: &str = "\
Examples:
  Check a folder, and that its signature is one of this key:
    optin verify pruned --public-key signing.pub";

/// Flags of `optin verify`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VerifyCommand {
    /// Folder of a result
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Check the signature with this public key of minisign: its text or its file [default: do not check]
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
    #[command(flatten)]
    onnx_runtime: OnnxRuntimeFlags,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is known of the signature of a result.
enum Signature {
    /// It is right. Its comment was signed as well.
    Right(String),
    /// There is one, but no key to check it.
    Unchecked,
    /// There is none.
    None,
}

impl Signature {
    fn of(folder: &Path, key: Option<&str>) -> Result<Self, Exit> {
        let sums = folder.join(SUMS);
        let Some(key) = key else {
            return Ok(match signature_of(&sums).exists() {
                true => Self::Unchecked,
                false => Self::None,
            });
        };
        let verifier = Verifier::open(key).map_err(|error| Exit::Usage(error.to_string()))?;
        let comment = verifier.verify_file(&sums);
        comment
            .map(Self::Right)
            .map_err(|error| Exit::Broken(error.to_string()))
    }

    fn words(&self) -> String {
        match self {
            Self::Right(comment) => format!(
                "the signature is right (signed comment: {})",
                comment.replace(char::is_control, " ")
            ),
            Self::Unchecked => {
                "the signature was not checked; give the key of its maker as --public-key"
                    .to_owned()
            }
            Self::None => "the folder has no signature".to_owned(),
        }
    }
}

/// Checks a folder and prints the result.
pub(super) fn run(command: &VerifyCommand) -> Result<(), Exit> {
    let signature = Signature::of(&command.folder, command.public_key.as_deref())?;
    let runtime = match &command.onnx_runtime.library {
        Some(library) => {
            let loaded = Runtime::load(library);
            Some(loaded.map_err(|error| Exit::Usage(error.to_string()))?)
        }
        None => Runtime::find(),
    };
    let checked = delivered::check(&command.folder, runtime.as_ref())?;
    if command.json {
        return output::print_json(&json!({
            "files": checked.files,
            "rows": checked.rows,
            "difference": checked.difference,
            "onnx_runtime": runtime.is_some(),
            "onnx_difference": checked.onnx_difference,
            "signature": match &signature {
                Signature::Right(_) => "right",
                Signature::Unchecked => "unchecked",
                Signature::None => "none",
            },
        }));
    }
    output::print(&format!(
        "{} files match their checksums; the answers to {} inputs differ by at most {:.1e}; {}; {}\n",
        checked.files,
        checked.rows,
        checked.difference,
        onnx_words(&checked),
        signature.words()
    ))
}

/// Says whether ONNX Runtime was used.
fn onnx_words(checked: &Delivered) -> String {
    match checked.onnx_difference {
        Some(difference) => {
            format!("those of model.onnx in ONNX Runtime differ by at most {difference:.1e}")
        }
        None if checked.has_onnx => {
            "model.onnx was not run, because ONNX Runtime was not found (--onnxruntime)".to_owned()
        }
        None => "the folder has no model.onnx".to_owned(),
    }
}
