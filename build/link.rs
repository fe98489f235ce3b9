//! Options of the linker that make the program smaller, where the toolchain at hand knows them.

use std::env;
use std::process::Command;

/// The first C library whose loader reads packed relocations, which take 3 MB less.
const PACKED_RELOCATIONS: (u32, u32) = (2, 36);

/// The first Rust whose own linker, lld, is the default on Linux.
const OWN_LINKER: u32 = 90;

/// Asks for packed relocations, and for one copy of functions that are equal (2 MB), in release
/// builds on x86-64 Linux. Somebody's own linker or flags are left alone: the linkers of other
/// systems refuse what they do not know.
pub fn options() {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let plain = env::var_os("RUSTC_LINKER").is_none() && is("CARGO_ENCODED_RUSTFLAGS", "");
    if !is("PROFILE", "release") || !is("TARGET", "x86_64-unknown-linux-gnu") || !plain {
        return;
    }
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    if version_of(&rustc, &["--version"]).is_some_and(|version| version >= (1, OWN_LINKER)) {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
    if version_of("getconf", &["GNU_LIBC_VERSION"])
        .is_some_and(|version| version >= PACKED_RELOCATIONS)
    {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The first two numbers of what a program says of its version: `glibc 2.36`, `rustc 1.95.0 (…)`.
fn version_of(program: &str, arguments: &[&str]) -> Option<(u32, u32)> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.split_whitespace().nth(1)?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
