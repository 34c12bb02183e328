//! Flags with a closed list of values, which the help takes from an enum.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use strum::{EnumMessage, VariantArray};

/// Parses the name of an enum variant. The help lists all names.
pub(super) fn one_of<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantArray + Copy + Into<&'static str> + Send + Sync + 'static,
{
    parser(|variant: T| PossibleValue::new(variant.into()))
}

/// Parses the name of an enum variant. The help lists all names with the documentation of their variants.
pub(super) fn explained<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantArray + EnumMessage + Copy + Into<&'static str> + Send + Sync + 'static,
{
    parser(|variant: T| {
        let text = variant.get_documentation().unwrap_or_default();
        PossibleValue::new(variant.into()).help(text.trim_end().trim_end_matches('.'))
    })
}

fn parser<T>(value: impl Fn(T) -> PossibleValue) -> impl TypedValueParser<Value = T>
where
    T: VariantArray + Copy + Into<&'static str> + Send + Sync + 'static,
{
    let values = T::VARIANTS.iter().map(|&variant| value(variant));
    PossibleValuesParser::new(values).try_map(|word| {
        let mut variants = T::VARIANTS.iter().copied();
        variants
            .find(|&variant| Into::<&str>::into(variant) == word)
            .ok_or("unknown value")
    })
}
