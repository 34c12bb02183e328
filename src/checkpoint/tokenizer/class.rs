//! Which tokenizer class transformers opens a folder with, and what follows from it.

use super::super::error::CheckpointError;

/// A major version of transformers whose reading of a folder is reproduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Major {
    /// transformers 4.57.
    Four,
    /// transformers 5.24.
    Five,
}

/// How a tokenizer class treats the folder's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `BertTokenizer` and its kin. transformers 5 takes the vocabulary alone from `tokenizer.json` and builds the rest
    /// from `tokenizer_config.json`; transformers 4 uses the file and overrides its normalizer.
    Bert,
    /// `tokenizer.json` is used as it is.
    Generic,
    /// A class of another family that transformers 5 rebuilds by rules of its own; `tokenizer.json` is used as it is.
    Other,
    /// A class that this code has no knowledge of: transformers 5 uses `tokenizer.json` as it is, transformers 4 fails.
    Unknown,
}

/// A tokenizer class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    /// Its name, without `Fast`.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether it gives segment ids, under transformers 4 and 5, unless `model_input_names` says otherwise.
    segments: [bool; 2],
}

/// Name, kind, and whether transformers 4 and 5 give segment ids.
const KNOWN: &[(&str, Kind, [bool; 2])] = &[
    (DEFAULT, Kind::Bert, [true, true]),
    ("ElectraTokenizer", Kind::Bert, [true, true]),
    ("MobileBertTokenizer", Kind::Bert, [true, true]),
    ("SqueezeBertTokenizer", Kind::Bert, [true, true]),
    ("LayoutLMTokenizer", Kind::Bert, [true, true]),
    ("DistilBertTokenizer", Kind::Bert, [false, false]),
    (GENERIC, Kind::Generic, [true, false]),
    ("PreTrainedTokenizer", Kind::Generic, [true, false]),
    ("TokenizersBackend", Kind::Generic, [true, false]),
    ("AlbertTokenizer", Kind::Other, [true, false]),
    ("CamembertTokenizer", Kind::Other, [false, false]),
    ("ConvBertTokenizer", Kind::Other, [true, true]),
    ("DebertaV2Tokenizer", Kind::Other, [true, true]),
    ("FunnelTokenizer", Kind::Other, [true, false]),
    ("HerbertTokenizer", Kind::Other, [true, false]),
    ("MPNetTokenizer", Kind::Other, [false, false]),
    ("RobertaTokenizer", Kind::Other, [false, false]),
    ("XLMRobertaTokenizer", Kind::Other, [false, false]),
];

/// The class of a BERT whose files name none.
const DEFAULT: &str = "BertTokenizer";

/// The class that uses `tokenizer.json` as it is, without its `Fast`.
const GENERIC: &str = "PreTrainedTokenizer";

/// Classes that split texts by Python code, which is never run.
const PYTHON: &[&str] = &[
    "BertGenerationTokenizer",
    "BertJapaneseTokenizer",
    "BertweetTokenizer",
    "CanineTokenizer",
    "PhobertTokenizer",
    "RoCBertTokenizer",
    "RoFormerTokenizer",
    "TapasTokenizer",
];

impl Class {
    /// The class that a folder names, or the usual one of a BERT.
    ///
    /// # Errors
    /// When texts are split by Python code.
    pub(super) fn of(named: Option<&str>) -> Result<Self, CheckpointError> {
        let name = named.unwrap_or(DEFAULT);
        let name = name.strip_suffix("Fast").unwrap_or(name);
        if PYTHON.contains(&name) {
            return Err(CheckpointError::Tokenizer(format!(
                "the tokenizer class {name} splits texts by Python code of transformers, which is not run here; \
                 use a model with a fast tokenizer"
            )));
        }
        let known = KNOWN.iter().find(|(known, ..)| *known == name);
        let (kind, segments) = known
            .map_or((Kind::Unknown, [false, false]), |&(_, kind, segments)| {
                (kind, segments)
            });
        Ok(Self {
            name: name.to_owned(),
            kind,
            segments,
        })
    }

    /// Whether it gives segment ids where `model_input_names` does not say.
    pub(super) fn gives_segments(&self, major: Major) -> bool {
        match major {
            Major::Four => self.segments[0],
            Major::Five => self.segments[1],
        }
    }

    /// Whether this major opens a folder that names the class.
    pub(super) fn is_known_to(&self, major: Major) -> bool {
        major == Major::Five || (self.kind != Kind::Unknown && self.name != "TokenizersBackend")
    }

    /// The stock class, known to both majors, that reads a written tokenizer as this one does.
    pub(super) fn written(&self) -> String {
        match self.kind {
            Kind::Bert => self.name.clone(),
            Kind::Generic | Kind::Other | Kind::Unknown => format!("{GENERIC}Fast"),
        }
    }
}
