// SPDX-License-Identifier: Apache-2.0

//! declare.rs — macros that declare what bwrt.h has and list it in the same breath, so that the
//! list which is compared with the C compiler's cannot leave something out.

/// A struct or a field: its name, its offset (0 for a struct) and its size in bytes.
pub struct Layout {
    pub name: &'static str,
    pub offset_bytes: usize,
    pub size_bytes: usize,
}

pub fn size_of_target<T>(_: *const T) -> usize {
    std::mem::size_of::<T>()
}

macro_rules! structs {
    ($($name:ident { $($field:ident: $type:ty,)* })*) => {
        $(
            #[repr(C)]
            #[derive(Clone, Copy)]
            pub struct $name {
                $(pub $field: $type,)*
            }

            impl Default for $name {
                fn default() -> Self {
                    // SAFETY: numbers, arrays of them, raw pointers and optional functions: all
                    // of them may be zero.
                    unsafe { std::mem::MaybeUninit::zeroed().assume_init() }
                }
            }
        )*

        /// Every struct, each followed by its fields.
        pub fn struct_layouts() -> Vec<($crate::declare::Layout, Vec<$crate::declare::Layout>)> {
            vec![$({
                let value = $name::default();
                let start = std::ptr::addr_of!(value) as usize;
                let fields = vec![$($crate::declare::Layout {
                    name: stringify!($field),
                    offset_bytes: std::ptr::addr_of!(value.$field) as usize - start,
                    size_bytes: $crate::declare::size_of_target(std::ptr::addr_of!(value.$field)),
                },)*];
                let whole = $crate::declare::Layout {
                    name: stringify!($name),
                    offset_bytes: 0,
                    size_bytes: std::mem::size_of::<$name>(),
                };
                (whole, fields)
            },)*]
        }
    };
}

macro_rules! functions {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        #[link(name = "bwrt")]
        extern "C" {
            $(pub fn $name($($argument: $type),*) -> $result;)*
        }

        pub const FUNCTIONS: &[&str] = &[$(stringify!($name),)*];
    };
}

macro_rules! constants {
    ($($name:ident: $type:ty = $value:expr;)*) => {
        $(pub const $name: $type = $value;)*

        pub const CONSTANTS: &[(&str, i128)] = &[$((stringify!($name), $name as i128),)*];
    };
}
