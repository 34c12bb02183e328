//! How the official script of SQuAD compares a predicted answer with the true ones (Rajpurkar et al. 2016, 2018).

use std::collections::HashMap;

/// Words that do not count.
const ARTICLES: [&str; 3] = ["a", "an", "the"];

/// The shares of a predicted answer that are right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// 1 if the answers are equal after their normalization, and 0 otherwise.
    pub exact: f64,
    /// The harmonic mean of precision and recall of the words.
    pub f1: f64,
}

impl Match {
    /// Compares an answer, which is empty if there is none, with the true ones, of which the best counts. If no true answer is
    /// left after its normalization, the right answer is none.
    #[must_use]
    pub fn of(predicted: &str, truths: &[String]) -> Self {
        let truths = truths.iter().map(|truth| normalized(truth));
        let mut truths: Vec<String> = truths.filter(|truth| !truth.is_empty()).collect();
        if truths.is_empty() {
            truths.push(String::new());
        }
        let predicted = normalized(predicted);
        let exact = truths.contains(&predicted);
        let f1 = truths.iter().map(|truth| f1(&predicted, truth));
        Self {
            exact: f64::from(u8::from(exact)),
            f1: f1.fold(0.0, f64::max),
        }
    }
}

/// Returns an answer in lower case, without ASCII punctuation and articles, and with single spaces.
#[must_use]
pub fn normalized(answer: &str) -> String {
    let lower = answer.to_lowercase();
    let plain = lower.chars().filter(|char| !char.is_ascii_punctuation());
    let plain: String = plain.collect();
    // An article is a run of letters and digits, whatever is around it.
    let mut kept = String::with_capacity(plain.len());
    let mut rest = plain.as_str();
    while !rest.is_empty() {
        let end = |is_in: fn(char) -> bool| rest.find(|char| !is_in(char)).unwrap_or(rest.len());
        let word = &rest[..end(char::is_alphanumeric)];
        if word.is_empty() {
            let between = &rest[..end(|char| !char.is_alphanumeric())];
            kept.push_str(between);
            rest = &rest[between.len()..];
            continue;
        }
        kept.push_str(match ARTICLES.contains(&word) {
            true => " ",
            false => word,
        });
        rest = &rest[word.len()..];
    }
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the harmonic mean of precision and recall of the words of normalized answers.
fn f1(predicted: &str, truth: &str) -> f64 {
    let words = |answer: &str| answer.split_whitespace().count() as f64;
    if predicted.is_empty() || truth.is_empty() {
        return f64::from(u8::from(predicted == truth));
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in truth.split_whitespace() {
        *left.entry(word).or_default() += 1;
    }
    let shared = predicted.split_whitespace().filter(|word| {
        let left = left.get_mut(word).filter(|left| **left > 0);
        left.map(|left| *left -= 1).is_some()
    });
    match shared.count() as f64 {
        0.0 => 0.0,
        shared => 2.0 * shared / (words(predicted) + words(truth)),
    }
}
