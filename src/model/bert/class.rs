//! The classes of transformers whose heads are supported.

/// Names of the classes that write supported checkpoints.
pub const CLASSES: &[&str] = &[
    Class::SequenceClassification.name(),
    Class::TokenClassification.name(),
    // Results of earlier versions of `optin` name it.
    "OptinBertForSequenceClassification",
];

/// A class of transformers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// `BertForSequenceClassification`, which reads only the first token.
    SequenceClassification,
    /// `BertForTokenClassification`, which reads every token.
    TokenClassification,
}

impl Class {
    const ALL: &[Self] = &[Self::SequenceClassification, Self::TokenClassification];

    /// Returns the class with the head of the class that wrote a checkpoint. Without such a class, it is
    /// [`SequenceClassification`](Self::SequenceClassification).
    pub(super) fn of(written: Option<&str>) -> Self {
        let named = |class: &Self| written.is_some_and(|written| written.ends_with(class.name()));
        let class = Self::ALL.iter().copied().find(named);
        class.unwrap_or(Self::SequenceClassification)
    }

    /// Returns the name of the class.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SequenceClassification => "BertForSequenceClassification",
            Self::TokenClassification => "BertForTokenClassification",
        }
    }
}
