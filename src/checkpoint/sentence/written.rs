//! Writes the modules of a folder again. The files have known keys only, and name stock classes.

use serde_json::{Map, Value, json};

use super::dense::{ACTIVATIONS, BIAS, DenseStep, WEIGHT};
use super::modules::{Modules, PoolingMode, Step};
use super::names::{CONFIG, LIST, PROMPTS, SETTINGS};
use crate::checkpoint::layout::WEIGHTS;
use crate::checkpoint::write::{OutTensor, bytes, encode};

/// Similarities of sentence-transformers.
const SIMILARITIES: [&str; 4] = ["cosine", "dot", "euclidean", "manhattan"];

/// Maximum length of a prompt and of its name, in bytes.
const MAX_PROMPT_BYTES: usize = 4_096;

impl Modules {
    /// Returns the paths and contents of the files.
    ///
    /// # Errors
    /// Does not fail in practice: the tensors have the shapes that were read.
    pub fn written(&self) -> std::io::Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        let mut list = vec![module(0, "Transformer", String::new())];
        let folder = |list: &mut Vec<Value>, kind: &str| {
            let path = format!("{}_{kind}", list.len());
            list.push(module(list.len(), kind, path.clone()));
            path
        };
        let pooling = folder(&mut list, "Pooling");
        let mode = |mode: PoolingMode| json!(self.pooling == mode);
        let config = json!({
            "word_embedding_dimension": self.hidden,
            "pooling_mode_cls_token": mode(PoolingMode::First),
            "pooling_mode_mean_tokens": mode(PoolingMode::Mean),
            "pooling_mode_max_tokens": mode(PoolingMode::Max),
            "pooling_mode_mean_sqrt_len_tokens": false,
        });
        files.push((format!("{pooling}/{CONFIG}"), text(&config)));
        for step in &self.steps {
            match step {
                Step::Normalize => {
                    folder(&mut list, "Normalize");
                }
                Step::Dense(dense) => {
                    let path = folder(&mut list, "Dense");
                    files.push((format!("{path}/{CONFIG}"), text(&config_of(dense))));
                    files.push((format!("{path}/{WEIGHTS}"), weights_of(dense)?));
                }
            }
        }
        files.push((LIST.to_owned(), text(&json!(list))));
        let mut settings = json!({"do_lower_case": false});
        if let Some(length) = self.max_length {
            settings["max_seq_length"] = json!(length);
        }
        files.push((SETTINGS[0].to_owned(), text(&settings)));
        files.push((PROMPTS.to_owned(), text(&self.prompts())));
        Ok(files)
    }

    /// Returns the similarity and the prompts, if they are known and short.
    fn prompts(&self) -> Value {
        let similarity = self.similarity.as_deref();
        let similarity = similarity.filter(|name| SIMILARITIES.contains(name));
        let prompts = self.prompts.iter().filter(|(name, prompt)| {
            let prompt = prompt.as_str();
            name.len() <= MAX_PROMPT_BYTES
                && prompt.is_some_and(|prompt| prompt.len() <= MAX_PROMPT_BYTES)
        });
        let prompts = prompts.map(|(name, prompt)| (name.clone(), prompt.clone()));
        json!({
            "prompts": prompts.collect::<Map<_, _>>(),
            "default_prompt_name": null,
            "similarity_fn_name": similarity,
        })
    }
}

fn module(index: usize, kind: &str, path: String) -> Value {
    json!({
        "idx": index,
        "name": index.to_string(),
        "path": path,
        "type": format!("sentence_transformers.models.{kind}"),
    })
}

fn config_of(dense: &DenseStep) -> Value {
    let class = ACTIVATIONS
        .iter()
        .find(|(_, name)| *name == dense.activation);
    json!({
        "in_features": dense.inputs,
        "out_features": dense.outputs,
        "bias": dense.bias.is_some(),
        "activation_function": class.map(|(class, _)| *class),
    })
}

fn weights_of(dense: &DenseStep) -> std::io::Result<Vec<u8>> {
    let tensor = |name: &str, shape: Vec<usize>, values: &[f32]| OutTensor {
        name: name.to_owned(),
        dtype: dense.dtype,
        shape,
        bytes: encode(values, dense.dtype).into(),
    };
    let bias = dense.bias.iter();
    let mut tensors: Vec<OutTensor<'_>> = bias
        .map(|bias| tensor(BIAS, vec![dense.outputs], bias))
        .collect();
    let shape = vec![dense.outputs, dense.inputs];
    tensors.push(tensor(WEIGHT, shape, &dense.weight));
    bytes(&tensors)
}

/// Returns a document as indented JSON.
fn text(document: &Value) -> Vec<u8> {
    format!("{document:#}\n").into_bytes()
}
