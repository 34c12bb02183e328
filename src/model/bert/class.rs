//! The classes of transformers whose heads are supported.

use super::family::Family;
use crate::checkpoint::config::SENTENCE_TRANSFORMER;

/// A class of transformers, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// `..ForSequenceClassification`, which reads only the first token.
    SequenceClassification,
    /// `..ForTokenClassification`, which reads every token.
    TokenClassification,
    /// `..ForQuestionAnswering`, which reads every token and gives the start and the end of an answer.
    QuestionAnswering,
    /// `..Model`, the encoder without a head.
    Encoder,
    /// `SentenceTransformer`, which joins the vectors of all tokens to one.
    SentenceTransformer,
}

impl Class {
    const ALL: &[Self] = &[
        Self::SequenceClassification,
        Self::TokenClassification,
        Self::QuestionAnswering,
        Self::Encoder,
        Self::SentenceTransformer,
    ];

    /// Returns the class with the head of the class that wrote a checkpoint. Without such a class, it is
    /// [`SequenceClassification`](Self::SequenceClassification).
    pub(super) fn of(written: Option<&str>) -> Self {
        let named = |class: &Self| written.is_some_and(|written| written.ends_with(class.end()));
        let class = Self::ALL.iter().copied().find(named);
        class.unwrap_or(Self::SequenceClassification)
    }

    /// Returns the end of the name of the class.
    const fn end(self) -> &'static str {
        match self {
            Self::SequenceClassification => "ForSequenceClassification",
            Self::TokenClassification => "ForTokenClassification",
            Self::QuestionAnswering => "ForQuestionAnswering",
            Self::Encoder => "Model",
            Self::SentenceTransformer => SENTENCE_TRANSFORMER,
        }
    }

    /// Whether the outputs of the head have names.
    pub(super) fn has_labels(self) -> bool {
        matches!(
            self,
            Self::SequenceClassification | Self::TokenClassification
        )
    }

    /// Returns the name of the class of a family that transformers opens. Sentence-transformers opens the body.
    pub(super) fn name(self, family: &Family) -> &'static str {
        if self == Self::SentenceTransformer {
            return family.body_class;
        }
        let mut classes = family.classes.iter().copied();
        let class = classes.find(|class| class.ends_with(self.end()));
        class.unwrap_or(self.end())
    }
}
