// SPDX-License-Identifier: Apache-2.0

//! Links libbwrt.so: from the folder BWRT_LIB_DIR, or from where the linker looks anyway.

fn main() {
    println!("cargo:rerun-if-env-changed=BWRT_LIB_DIR");
    if let Ok(folder) = std::env::var("BWRT_LIB_DIR") {
        println!("cargo:rustc-link-search=native={folder}");
    }
}
