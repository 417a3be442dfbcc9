//! How the C library gives out memory. In: nothing. Out: nothing; it is set for the whole process.
//!
//! glibc keeps small freed pieces in lists of their own, and joins all of them again at each larger request. An engine in C++ that
//! binds queries mixes small and large requests all the time: joining takes a quarter of its time. What is written in Rust does not
//! ask glibc: `main.rs` has another allocator.

/// Turns the lists of small pieces off. The lists of each thread, which need no joining, stay.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn tune() {
    use std::ffi::c_int;

    unsafe extern "C" {
        safe fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }
    /// `M_MXFAST` of malloc.h: the largest size that such a list holds.
    const LARGEST_IN_FAST_LISTS: c_int = 1;
    // A library that does not know the parameter goes on as it did.
    let _ = mallopt(LARGEST_IN_FAST_LISTS, 0);
}

/// Other C libraries have no such lists.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn tune() {}
