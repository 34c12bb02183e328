//! The pages of a column in a row group.

use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::Result as Decoded;

use super::Stop;

/// Returns the number of values that the data pages declare: one for each item of a list, and one for each row without
/// an item.
///
/// # Errors
/// Returns [`Stop`] if a page cannot be read.
pub(super) fn declared_values(mut pages: Box<dyn PageReader>) -> Result<usize, Stop> {
    let mut values: usize = 0;
    while let Some(page) = pages.peek_next_page()? {
        if !page.is_dict {
            values = values.saturating_add(page.num_levels.ok_or(Stop::Unreadable)?);
        }
        pages.skip_next_page()?;
    }
    Ok(values)
}

/// The pages of a column without the empty data pages. pyarrow writes an empty page before a list that is larger than a
/// page, and the decoder would take it for the end of the column.
pub(super) struct NonEmpty(pub(super) Box<dyn PageReader>);

impl Iterator for NonEmpty {
    type Item = Decoded<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for NonEmpty {
    fn get_next_page(&mut self) -> Decoded<Option<Page>> {
        self.peek_next_page()?;
        self.0.get_next_page()
    }

    fn peek_next_page(&mut self) -> Decoded<Option<PageMetadata>> {
        loop {
            let page = self.0.peek_next_page()?;
            match &page {
                Some(page) if page.num_levels == Some(0) => self.0.skip_next_page()?,
                _ => return Ok(page),
            }
        }
    }

    fn skip_next_page(&mut self) -> Decoded<()> {
        self.peek_next_page()?;
        self.0.skip_next_page()
    }
}
