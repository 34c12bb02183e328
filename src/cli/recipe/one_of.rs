//! Flags with a closed list of values.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use strum::VariantArray;

/// Parses the name of an enum variant. The help lists all names.
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
            .ok_or("unknown value")
    })
}
