//! Memory that only loading needed, given back.
//!
//! Loading parses the kernel's own type information, some megabytes, and then the keeper sleeps. The allocator
//! returns freed pages while others are allocated, so that a process that sleeps keeps them.

/// Returns the allocator's free pages to the kernel.
pub(super) fn give_back() {
    // jemalloc's manual: 4096 stands for all arenas (MALLCTL_ARENAS_ALL).
    const PURGE: &std::ffi::CStr = c"arena.4096.purge";
    let (nothing, none) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the name is a C string, and `purge` neither reads nor writes a value, as the null
    // pointers and the length of zero say. It may be called at any time from any thread.
    let status = unsafe { tikv_jemalloc_sys::mallctl(PURGE.as_ptr(), nothing, none, nothing, 0) };
    if status != 0 {
        super::say(&format!("cannot give memory back: mallctl answers {status}"));
    }
}
