//! Cuts texts that are longer than a tokenizer can use, before they are tokenized. The tokens stay the same.
//!
//! This is exact for the steps of BERT: they divide a text at white space, and change each word by itself. A word with an
//! ASCII letter or digit has at least one token. So the tokens of the first `n` such words, and of all words between them,
//! are the first tokens of the text, and at least `n`. Texts of other tokenizers are not cut.

use tokenizers::{
    ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer, TruncationDirection,
};

/// Where texts are cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Maximum number of tokens of a text.
    max_length: usize,
    /// Whether the end of a text is kept, instead of its beginning.
    keeps_end: bool,
}

impl Cut {
    /// Returns where the texts of a tokenizer are cut. `None` if the cut is not known to be exact.
    pub(super) fn of(
        tokenizer: &Tokenizer,
        direction: TruncationDirection,
        max_length: usize,
    ) -> Option<Self> {
        let normalizer = tokenizer.get_normalizer();
        let is_exact = matches!(normalizer, Some(NormalizerWrapper::BertNormalizer(_)))
            && matches!(
                tokenizer.get_pre_tokenizer(),
                Some(PreTokenizerWrapper::BertPreTokenizer(_))
            )
            && matches!(tokenizer.get_model(), ModelWrapper::WordPiece(_));
        // A token with white space can stand for several words.
        let mut added = tokenizer.get_added_tokens_decoder().into_values();
        let is_word = added.all(|token| !token.content.contains(char::is_whitespace));
        (is_exact && is_word).then_some(Self {
            max_length,
            keeps_end: matches!(direction, TruncationDirection::Left),
        })
    }

    /// Returns the part of a text that its tokens depend on.
    pub(super) fn text<'t>(&self, text: &'t str) -> &'t str {
        self.with_words(text, self.max_length + 1)
    }

    /// Returns the parts of two texts that the tokens of both depend on. Only the longer one is cut. It keeps more tokens
    /// than the other one can have, because the truncation depends on which of them has more.
    pub(super) fn pair<'t>(&self, [one, other]: [&'t str; 2]) -> [&'t str; 2] {
        let words = |shorter: &str| self.max_length.max(2 * shorter.len()) + 1;
        match one.len() >= other.len() {
            true => [self.with_words(one, words(other)), other],
            false => [one, self.with_words(other, words(one))],
        }
    }

    /// Returns the words of a list that its tokens depend on.
    pub(super) fn list<'w, 't>(&self, words: &'w [&'t str]) -> &'w [&'t str] {
        // The positions of words are counted from the beginning.
        if self.keeps_end {
            return words;
        }
        let solid = words.iter().enumerate().filter(|(_, word)| is_solid(word));
        let last = solid.map(|(index, _)| index).nth(self.max_length);
        last.map_or(words, |last| &words[..=last])
    }

    /// Returns the shortest part of a text with this number of solid words.
    fn with_words<'t>(&self, text: &'t str, words: usize) -> &'t str {
        // A word has a byte, and white space follows it.
        if text.len() < 2 * words {
            return text;
        }
        let bytes = text.as_bytes();
        let at = |step: usize| match self.keeps_end {
            true => bytes.len() - 1 - step,
            false => step,
        };
        let (mut found, mut is_solid) = (0, false);
        for step in 0..bytes.len() {
            let byte = bytes[at(step)];
            if !is_space(byte) {
                is_solid |= byte.is_ascii_alphanumeric();
                continue;
            }
            found += usize::from(is_solid);
            is_solid = false;
            if found == words {
                return match self.keeps_end {
                    true => &text[at(step) + 1..],
                    false => &text[..step],
                };
            }
        }
        text
    }
}

/// Whether a word has at least one token.
fn is_solid(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a byte divides words. The normalizer removes other control characters, which then divide nothing.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
