//! Enums of the core on the wire: the same variants, with descriptions for the document.

/// Declares an enum with the variants of a core enum, conversions in both directions, and a schema under a name. A
/// variant that one of the two enums lacks does not compile.
macro_rules! mirror {
    ($(#[$doc:meta])* $name:ident of $core:ident as $schema:literal { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant),+ }

        $crate::api::document::enumeration::enumeration!($name as $schema);

        impl From<$name> for $core {
            fn from(body: $name) -> Self {
                match body { $($name::$variant => Self::$variant),+ }
            }
        }

        impl From<$core> for $name {
            fn from(core: $core) -> Self {
                match core { $($core::$variant => Self::$variant),+ }
            }
        }
    };
}

pub(in crate::api) use mirror;
