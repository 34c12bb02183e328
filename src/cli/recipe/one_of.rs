//! Flags that take one word of a closed list.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use strum::VariantArray;

/// Reads the word of a variant; the words that there are stand in the help.
pub(super) fn one_of<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantArray + Copy + Into<&'static str> + Send + Sync + 'static,
{
    let words = T::VARIANTS
        .iter()
        .map(|&variant| PossibleValue::new(variant.into()));
    PossibleValuesParser::new(words).try_map(|word| {
        let mut variants = T::VARIANTS.iter().copied();
        variants
            .find(|&variant| Into::<&str>::into(variant) == word)
            .ok_or("there is no such word")
    })
}
