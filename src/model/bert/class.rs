//! The classes of transformers whose heads are supported.

/// A class of transformers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// `BertForSequenceClassification`, which reads only the first token.
    SequenceClassification,
    /// `BertForTokenClassification`, which reads every token.
    TokenClassification,
}

impl Class {
    const ALL: [Self; 2] = [Self::SequenceClassification, Self::TokenClassification];

    /// Returns the class with the head of the class that wrote a checkpoint. Without such a class, it is
    /// [`SequenceClassification`](Self::SequenceClassification).
    pub(super) fn of(written: Option<&str>) -> Self {
        let named = |class: &Self| written.is_some_and(|written| written.ends_with(class.name()));
        let class = Self::ALL.into_iter().find(named);
        class.unwrap_or(Self::SequenceClassification)
    }

    /// Returns the name of the class.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SequenceClassification => "BertForSequenceClassification",
            Self::TokenClassification => "BertForTokenClassification",
        }
    }
}
