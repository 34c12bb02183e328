//! Families of text encoders.

use std::path::Path;

use optin::checkpoint::weights::Weights;
use optin::model::batch::Batch;
use optin::model::chain::Model;
use optin::model::unit::Units;
use safetensors::Dtype;

use super::Family;
use crate::fixture::bert::Tiny;
use crate::fixture::{folder, modernbert, text};

/// BERT.
pub(super) struct Bert;

impl Family for Bert {
    fn write(folder: &Path, dtype: Dtype) {
        let tiny = Tiny {
            dtype,
            ..Tiny::default()
        };
        tiny.write(folder);
    }

    fn open(folder: &Path) -> (Weights, Model) {
        folder::open_with(folder, Units::Heads)
    }

    fn batch(rows: usize, length: usize, seed: u64) -> Batch {
        Tiny::default().batch(rows, length, seed)
    }
}

/// BERT with the channels of its heads as units.
pub(super) struct BertDimensions;

impl Family for BertDimensions {
    fn write(folder: &Path, dtype: Dtype) {
        Bert::write(folder, dtype);
    }

    fn open(folder: &Path) -> (Weights, Model) {
        folder::open_with(folder, Units::Dimensions)
    }

    fn batch(rows: usize, length: usize, seed: u64) -> Batch {
        Bert::batch(rows, length, seed)
    }
}

/// Declares families of text encoders.
macro_rules! of_texts {
    ($module:ident; $($family:ident: $form:ident, $units:ident $(, $class:literal $(, $answers:expr)?)?;)+) => {
        $(
            pub(super) struct $family;

            impl Family for $family {
                $(
                    const CLASS: &'static str = $class;
                    $(const ANSWERS: &'static [&'static str] = $answers;)?
                )?

                fn write(folder: &Path, dtype: Dtype) {
                    $module::Form::$form.write(folder, dtype);
                }

                fn write_beside(folder: &Path) {
                    $module::Form::$form.write_modules(folder);
                }

                fn open(folder: &Path) -> (Weights, Model) {
                    folder::open_with(folder, Units::$units)
                }

                fn batch(rows: usize, length: usize, seed: u64) -> Batch {
                    $module::Form::$form.batch(rows, length, seed)
                }
            }
        )+
    };
}

of_texts! {
    text;
    Roberta: Roberta, Heads;
    RobertaDimensions: Roberta, Dimensions;
    RobertaTokens: RobertaTokens, Dimensions, "ForTokenClassification";
    RobertaQuestions: RobertaQuestions, Dimensions, "ForQuestionAnswering", &["start_logits", "end_logits"];
    RobertaBody: RobertaBody, Dimensions, "RobertaModel", &["last_hidden_state"];
    DistilBert: DistilBert, Heads;
    DistilBertDimensions: DistilBert, Dimensions;
    Electra: Electra, Heads;
    ElectraDimensions: Electra, Dimensions;
    Mpnet: Mpnet, Heads;
    MpnetDimensions: Mpnet, Dimensions;
    MpnetSentences: MpnetSentences, Dimensions, "SentenceTransformer";
}

of_texts! {
    modernbert;
    ModernBert: First, Heads;
    ModernBertDimensions: First, Dimensions;
    ModernBertMean: Mean, Heads;
    ModernBertMeanDimensions: Mean, Dimensions;
    ModernBertTokens: Tokens, Dimensions, "ForTokenClassification";
    ModernBertSentences: Sentences, Dimensions, "SentenceTransformer";
}
