//! Divides long texts into overlapping windows, for questions whose answers are parts of a text.

use std::ops::Range;

use super::super::error::CheckpointError;
use super::encoding::{Encoding, WindowEncoding};
use super::versioned::VersionedTokenizer;
use super::{Four, Tokenizer};

/// Maximum number of tokens of a question and a window of its text, special tokens included. It is that of the pipeline
/// `question-answering` of transformers.
const LENGTH: usize = 384;

/// Number of tokens that two windows share, if windows have [`LENGTH`] tokens. It is that of the pipeline as well.
const OVERLAP: usize = 128;

/// A tokenizer for questions and long texts.
pub struct Windows {
    five: VersionedTokenizer,
    /// The tokenizer of transformers 4, if it is another one.
    four: Option<VersionedTokenizer>,
    sizes: Sizes,
}

/// Sizes of windows, in tokens.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Maximum length of a question and a window.
    length: usize,
    overlap: usize,
}

impl Tokenizer {
    /// Returns the same tokenizer for questions and long texts.
    ///
    /// # Errors
    /// Does not fail in practice, because a tokenizer can encode without truncation.
    pub fn windows(&self) -> Result<Windows, CheckpointError> {
        let length = self.max_length.min(LENGTH);
        let four = match &self.four {
            Four::Other(four) => Some(four.without_truncation()?),
            Four::Same | Four::Fails => None,
        };
        Ok(Windows {
            five: self.five.without_truncation()?,
            four,
            sizes: Sizes {
                length,
                overlap: OVERLAP.min(length / 2),
            },
        })
    }
}

impl Windows {
    /// Encodes a question with each window of a text, in order. The windows cover the whole text.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if one of them is empty or cannot be encoded, or if the question leaves too little
    /// room, and [`CheckpointError::Limit`] if they are too long.
    pub fn encode(
        &self,
        question: &str,
        context: &str,
    ) -> Result<Vec<WindowEncoding>, CheckpointError> {
        for (text, what) in [(question, "question"), (context, "context")] {
            if text.trim().is_empty() {
                return Err(CheckpointError::Tokenizer(format!(
                    "the {what} is empty; leave the row out"
                )));
            }
        }
        self.sizes.divide(&self.five, [question, context])
    }

    /// Returns whether transformers 4 produces the same windows. Returns true if transformers 4 cannot open the folder.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Tokenizer`] if the tokenizer of transformers 4 cannot encode the texts.
    pub fn agrees_with_4(
        &self,
        texts: [&str; 2],
        windows: &[WindowEncoding],
    ) -> Result<bool, CheckpointError> {
        match &self.four {
            Some(four) => Ok(self.sizes.divide(four, texts)? == windows),
            None => Ok(true),
        }
    }
}

impl Sizes {
    /// Encodes two texts as a whole, and divides the tokens of the second one. What the template adds around them is part of
    /// each window.
    fn divide(
        self,
        tokenizer: &VersionedTokenizer,
        texts: [&str; 2],
    ) -> Result<Vec<WindowEncoding>, CheckpointError> {
        let whole = tokenizer.encode_whole(texts)?;
        let sequences = whole.get_sequence_ids();
        let is_context = |sequence: &Option<usize>| *sequence == Some(1);
        let first = sequences.iter().position(is_context);
        let first = first.unwrap_or(sequences.len());
        let after = sequences
            .iter()
            .rposition(is_context)
            .map_or(first, |last| last + 1);
        let around = sequences.len() - (after - first);
        let windows = self.windows(first..after, around)?.into_iter();
        let windows = windows.map(|window| {
            let tokens = (0..first).chain(window).chain(after..sequences.len());
            let numbers = |of: &[u32]| tokens.clone().map(|token| of[token]).collect();
            let places = tokens.clone().map(|token| {
                let (start, end) = whole.get_offsets()[token];
                is_context(&sequences[token]).then_some(start as u32..end as u32)
            });
            WindowEncoding {
                places: places.collect(),
                encoding: Encoding {
                    ids: numbers(whole.get_ids()),
                    types: match tokenizer.segments {
                        true => numbers(whole.get_type_ids()),
                        false => vec![0; tokens.count()],
                    },
                },
            }
        });
        Ok(windows.collect())
    }

    /// Divides the tokens of a text into windows. `around` is the number of the other tokens of a window.
    fn windows(
        self,
        context: Range<usize>,
        around: usize,
    ) -> Result<Vec<Range<usize>>, CheckpointError> {
        let Self { length, overlap } = self;
        let room = length.saturating_sub(around);
        if context.len() <= room {
            return Ok(vec![context]);
        }
        if room <= overlap {
            return Err(CheckpointError::Tokenizer(format!(
                "the question leaves room for {room} of at most {length} tokens, but windows of the context share {overlap}; \
                 shorten the question"
            )));
        }
        let last = (context.len() - room).div_ceil(room - overlap);
        let windows = (0..=last).map(|window| {
            let start = context.start + window * (room - overlap);
            start..context.end.min(start + room)
        });
        Ok(windows.collect())
    }
}
