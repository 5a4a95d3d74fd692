// SPDX-License-Identifier: Apache-2.0

//! bwrt for Rust: the C interface as it is.  bwrt.h is the manual; examples/copy.rs shows a use.
//!
//! What a wave names (bytes, results, groups) is bwrt's until its completion: a borrow that ends
//! before that is a bug the compiler cannot see.

#[macro_use]
pub mod declare;

pub mod constants;
pub mod ffi;
