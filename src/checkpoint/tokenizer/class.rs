//! The tokenizer class with which transformers opens a folder, and its effects on tokenization.

use super::super::error::CheckpointError;

/// A major version of transformers whose tokenization is reproduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Major {
    /// transformers 4.57.
    Four,
    /// transformers 5.24.
    Five,
}

/// How a tokenizer class uses the files of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `BertTokenizer` and related classes. transformers 5 uses only the vocabulary of `tokenizer.json` and builds the
    /// rest from `tokenizer_config.json`. transformers 4 uses the whole file and overrides its normalizer.
    Bert,
    /// A class that uses `tokenizer.json` unchanged.
    Generic,
    /// A class of another family, which transformers 5 rebuilds by special rules. Here, `tokenizer.json` is used
    /// unchanged.
    Other,
    /// A class that is unknown here. transformers 5 uses `tokenizer.json` unchanged, and transformers 4 fails.
    Unknown,
}

/// A tokenizer class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    /// Name without `Fast`.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether the class produces segment ids in transformers 4 and in transformers 5, unless `model_input_names` says
    /// otherwise.
    segments: [bool; 2],
}

/// Name and kind of each known class, and whether it produces segment ids in transformers 4 and in transformers 5.
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

/// Class of a BERT, DistilBERT or ELECTRA whose files do not name a class.
const DEFAULT: &str = "BertTokenizer";

/// The class of a model whose files name none, by `model_type`. Others have the [default](DEFAULT).
const OF_MODELS: &[(&str, &str)] = &[
    ("camembert", "CamembertTokenizer"),
    ("mpnet", "MPNetTokenizer"),
    ("roberta", "RobertaTokenizer"),
    ("xlm-roberta", "XLMRobertaTokenizer"),
];

/// Class that uses `tokenizer.json` unchanged; name without `Fast`.
const GENERIC: &str = "PreTrainedTokenizer";

/// Classes that split texts with Python code, which is never run.
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

/// Returns the class of a model whose files name none, if it is not the default.
pub(super) fn of_model(model_type: &str) -> Option<&'static str> {
    let mut models = OF_MODELS.iter();
    models.find_map(|(model, class)| (*model == model_type).then_some(*class))
}

impl Class {
    /// Returns the class that a folder names, or the default class of BERT if it names none.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the class splits texts with Python code.
    pub(super) fn of(named: Option<&str>) -> Result<Self, CheckpointError> {
        let name = named.unwrap_or(DEFAULT);
        let name = name.strip_suffix("Fast").unwrap_or(name);
        if PYTHON.contains(&name) {
            return Err(CheckpointError::Tokenizer(format!(
                "the tokenizer class {name} splits texts with Python code of transformers, which is never run here; \
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

    /// Returns whether the class produces segment ids if `model_input_names` is missing.
    pub(super) fn has_segments(&self, major: Major) -> bool {
        match major {
            Major::Four => self.segments[0],
            Major::Five => self.segments[1],
        }
    }

    /// Returns whether this version of transformers can open a folder that names the class.
    pub(super) fn is_known_to(&self, major: Major) -> bool {
        major == Major::Five || (self.kind != Kind::Unknown && self.name != "TokenizersBackend")
    }

    /// Returns whether transformers 4 encodes lists of words with this class only if `add_prefix_space` is true.
    pub(super) fn requires_prefix_space_in_4(&self) -> bool {
        self.name == "RobertaTokenizer"
    }

    /// Returns the stock class for the written tokenizer. Both versions know it, and it encodes texts like this class.
    pub(super) fn stock_class(&self) -> String {
        match self.kind {
            Kind::Bert => self.name.clone(),
            Kind::Generic | Kind::Other | Kind::Unknown => format!("{GENERIC}Fast"),
        }
    }
}
