//! The macro that says a section of the configuration once.
//!
//! From one list of keys, types, defaults and descriptions it makes the type, its default, its reader, its plain-data form and its
//! JSON Schema, so that these cannot drift apart.

/// Declares a section whose keys all have defaults (`key: Type = default`), or one with `required` keys first.
macro_rules! section {
    (
        $(#[$container:meta])*
        pub struct $name:ident { $( $(#[$field_attribute:meta])* pub $field:ident: $type:ty = $default:expr, )* }
    ) => {
        $(#[$container])*
        #[derive(Debug, Clone, PartialEq, schemars::JsonSchema)]
        #[schemars(default, deny_unknown_fields)]
        pub struct $name { $( $(#[$field_attribute])* pub $field: $type, )* }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $crate::read::Read for $name {
            fn read(node: &$crate::tree::Node, path: &str, reading: &mut $crate::read::Reading<'_>) -> Option<Self> {
                let section = $crate::read::Section::open(node, path, &[$( $crate::read::key_name(stringify!($field)) ),*], reading);
                Some(Self { $( $field: section.optional($crate::read::key_name(stringify!($field)), $default, reading), )* })
            }
        }

        section!(@show $name { $( $field )* });
    };
    (
        $(#[$container:meta])*
        pub struct $name:ident {
            required { $( $(#[$required_attribute:meta])* pub $required:ident: $required_type:ty, )* }
            optional { $( $(#[$field_attribute:meta])* pub $field:ident: $type:ty, )* }
        }
    ) => {
        $(#[$container])*
        #[derive(Debug, Clone, PartialEq, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub struct $name {
            $( $(#[$required_attribute])* pub $required: $required_type, )*
            $( $(#[$field_attribute])* #[schemars(default)] pub $field: $type, )*
        }

        impl $crate::read::Read for $name {
            fn read(node: &$crate::tree::Node, path: &str, reading: &mut $crate::read::Reading<'_>) -> Option<Self> {
                let known = [$( $crate::read::key_name(stringify!($required)), )* $( $crate::read::key_name(stringify!($field)), )*];
                let section = $crate::read::Section::open(node, path, &known, reading);
                // All keys are read before a missing one gives the section up, so that no mistake waits for another.
                $( let $required = section.required::<$required_type>($crate::read::key_name(stringify!($required)), reading); )*
                $( let $field = section.optional($crate::read::key_name(stringify!($field)), <$type>::default(), reading); )*
                Some(Self { $( $required: $required?, )* $( $field, )* })
            }
        }

        section!(@show $name { $( $required )* $( $field )* });
    };
    (@show $name:ident { $( $field:ident )* }) => {
        impl $crate::show::Show for $name {
            fn show(&self) -> $crate::show::Shown {
                $crate::show::Shown::Map(vec![$( ($crate::read::key_name(stringify!($field)).to_owned(), $crate::show::Show::show(&self.$field)), )*])
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::show::Show::show(self).serialize(serializer)
            }
        }
    };
}

/// Declares a choice between words.
macro_rules! choice {
    (
        $(#[$container:meta])*
        pub enum $name:ident { $( $(#[$variant_attribute:meta])* $variant:ident = $word:literal, )* }
    ) => {
        $(#[$container])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, schemars::JsonSchema)]
        pub enum $name { $( $(#[$variant_attribute])* #[schemars(rename = $word)] $variant, )* }

        impl $name {
            const WORDS: &'static [(&'static str, Self)] = &[$( ($word, Self::$variant), )*];

            /// The word it is written as.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl $crate::read::Read for $name {
            fn read(node: &$crate::tree::Node, path: &str, reading: &mut $crate::read::Reading<'_>) -> Option<Self> {
                $crate::values::word(node, path, Self::WORDS, reading)
            }
        }

        impl $crate::show::Show for $name {
            fn show(&self) -> $crate::show::Shown {
                $crate::show::Shown::Text(self.as_str().to_owned())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
