//! Puts together in the binary what one look at a repository runs through (`tools/link-order`): the kernel maps code in
//! windows of 64 kB, and what is scattered over the whole of it is resident as a whole. It changes where functions lie
//! and nothing else, so it is left out wherever it might not be understood: other systems, debug builds, and linkers that
//! read no linker scripts.

use std::env::var;

const ORDER: &str = "tools/link-order/order.ld";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={ORDER}");
    println!("cargo:rerun-if-env-changed=DAVIT_LINK_ORDER");
    let is = |name: &str, value: &str| var(name).is_ok_and(|found| found == value);
    let system = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    let flags = [var("CARGO_ENCODED_RUSTFLAGS"), var("RUSTC_LINKER")].map(Result::unwrap_or_default).concat();
    let known = !["mold", "wild", "gold"].iter().any(|linker| flags.contains(linker));
    if system && is("PROFILE", "release") && known && !is("DAVIT_LINK_ORDER", "0") {
        let directory = var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo:rustc-link-arg-bin=davit=-Wl,-T,{directory}/{ORDER}");
    }
}
