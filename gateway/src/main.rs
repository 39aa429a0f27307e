//! The gateway's entry: everything else is in the library.

use std::process::ExitCode;

// Buffers of half a megabyte per request: with the system's allocator their pages are returned and
// faulted in again each time (measured: three times the cost of the request).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    medulla_gateway::cli::main()
}
