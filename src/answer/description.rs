//! Answers in words, for people who read a report.

/// Maximum number of items that a description lists.
const LISTED: usize = 5;

/// Joins items with commas. Says how many are left out, if there are more than [`LISTED`].
pub(super) fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(LISTED);
    let mut listed: Vec<String> = items.take(LISTED).collect();
    if more > 0 {
        listed.push(format!("and {more} more"));
    }
    listed.join(", ")
}
