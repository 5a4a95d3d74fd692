// SPDX-License-Identifier: Apache-2.0

//! layout — prints what this crate declares, in the form of bindings/abi_layout.c and with the
//! functions' names; tools/check_bindings.sh compares the two.

use bwrt::constants::{BWRT_ABI_VERSION, CONSTANTS};
use bwrt::ffi::{struct_layouts, FUNCTIONS};

fn list<T>(items: &[T], print: impl Fn(&T) -> String) -> String {
    items.iter().map(print).collect::<Vec<_>>().join(",\n  ")
}

fn main() {
    let structs = list(&struct_layouts(), |(whole, fields)| {
        let fields = list(fields, |field| {
            format!(
                "\"{}\": {{\"offset\": {}, \"size\": {}}}",
                field.name, field.offset_bytes, field.size_bytes
            )
        });
        format!("\"{}\": {{\"size\": {}, \"fields\": {{{fields}}}}}", whole.name, whole.size_bytes)
    });
    let constants = list(CONSTANTS, |(name, value)| format!("\"{name}\": {value}"));
    let functions = list(FUNCTIONS, |name| format!("\"{name}\""));
    println!(
        "{{\"abi_version\": {BWRT_ABI_VERSION},\n \"structs\": {{{structs}}},\n \
         \"constants\": {{{constants}}},\n \"functions\": [{functions}]}}"
    );
}
