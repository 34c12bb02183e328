//! A list of texts in one field of a table.

use std::fmt;

/// The end of an item without a value.
const NULL: usize = usize::MAX;

/// The items of a list. An item is a text or has no value. Numbers and booleans are texts, as in
/// [`Cell::text`](super::cell::Cell::text).
///
/// The texts are in one string, because a table can have millions of lists with many short items.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct List {
    /// The texts of all items, one after the other.
    texts: String,
    /// For each item, the end of its text in `texts`, in bytes. [`NULL`] if the item has no value.
    ends: Vec<usize>,
}

impl List {
    /// Appends an item.
    pub(super) fn push(&mut self, item: Option<&str>) {
        self.texts.push_str(item.unwrap_or_default());
        self.ends.push(item.map_or(NULL, |_| self.texts.len()));
    }

    /// Frees the memory that was reserved for more items.
    pub(super) fn shrink(&mut self) {
        self.texts.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Returns the number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether the list has no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the items in order: the text of each, or `None` if it has no value.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&str>> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            (end != NULL).then(|| &self.texts[std::mem::replace(&mut start, end)..end])
        })
    }
}

impl fmt::Debug for List {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> FromIterator<Option<&'a str>> for List {
    fn from_iter<I: IntoIterator<Item = Option<&'a str>>>(items: I) -> Self {
        let mut list = Self::default();
        items.into_iter().for_each(|item| list.push(item));
        list.shrink();
        list
    }
}
