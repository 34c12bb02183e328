//! Closed lists of the core on the wire: the same variants with words and descriptions for the document.

/// Declares an enum with the variants of another, and the way from each to the other. A variant that one of them
/// lacks does not compile.
macro_rules! mirror {
    ($(#[$doc:meta])* $name:ident of $core:ident { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant),+ }

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

pub(super) use mirror;
