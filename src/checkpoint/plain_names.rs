//! Lists names from the files of a user in a sentence.

/// Maximum number of names in a sentence.
const MAX_LISTED: usize = 20;

/// Maximum length of a name in a sentence, in bytes.
const MAX_NAME_BYTES: usize = 100;

/// Lists names for a sentence. Names with unusual characters and names beyond the first few are only counted, because the
/// sentences become part of documents such as the model card.
#[must_use]
pub fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let all = names.len();
    let named = names.filter(|name| is_plain(name)).take(MAX_LISTED);
    let mut named: Vec<String> = named.map(str::to_owned).collect();
    match (all - named.len(), named.is_empty()) {
        (0, _) => {}
        (others, true) => named.push(format!("{others} with unusual names")),
        (others, false) => named.push(format!("and {others} more")),
    }
    named.join(", ")
}

fn is_plain(name: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    name.len() <= MAX_NAME_BYTES && name.chars().all(is_part)
}
