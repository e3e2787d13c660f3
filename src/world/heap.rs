//! glibc's allocator, told what kind of process this is: one that allocates in bursts, on few threads, and should be
//! small between them. Elsewhere (another C library, another system) both calls do nothing.

/// Before there is a second thread. glibc gives threads heaps of their own, up to eight for each core; two serve the few
/// that allocate at once here, and on a large machine too.
pub fn few() {
    glibc::few();
}

/// Gives what is free back to the system, also where it lies between what is in use: after a burst glibc keeps all of
/// it. Walks the heaps, so call it seldom and where blocking is fine.
pub fn give_back() {
    glibc::give_back();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(
    unsafe_code,
    reason = "glibc's settings have no safe form, and their environment variable is read before main"
)]
mod glibc {
    use std::ffi::c_int;

    unsafe extern "C" {
        fn mallopt(parameter: c_int, value: c_int) -> c_int;
        fn malloc_trim(pad: usize) -> c_int;
    }

    /// `malloc.h`
    const M_ARENA_MAX: c_int = -8;

    pub(super) fn few() {
        // SAFETY: as mallopt(3) declares it, called before there is a second thread.
        let _ = unsafe { mallopt(M_ARENA_MAX, 2) };
    }

    pub(super) fn give_back() {
        // SAFETY: as malloc_trim(3) declares it; it takes the heaps' own locks.
        let _ = unsafe { malloc_trim(0) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod glibc {
    pub(super) fn few() {}
    pub(super) fn give_back() {}
}
