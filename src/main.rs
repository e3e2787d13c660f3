//! The thin binary: everything is in the library, so that tests drive the same code.

fn main() -> std::process::ExitCode {
    few_heaps();
    davit::cli::main()
}

/// glibc gives threads heaps of their own, up to eight for each core, and none returns what it held. Two serve the few
/// threads that allocate at once here, and on a large machine too.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc's setting has no safe form, and its environment variable is read before main")]
fn few_heaps() {
    unsafe extern "C" {
        fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
    }
    /// `malloc.h`
    const M_ARENA_MAX: std::ffi::c_int = -8;
    // SAFETY: as mallopt(3) declares it, called before there is a second thread.
    let _ = unsafe { mallopt(M_ARENA_MAX, 2) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn few_heaps() {}
