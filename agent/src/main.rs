//! The agent's entry: everything else is in the library.

use std::process::ExitCode;

// See the gateway: pages of large buffers are kept, not faulted in for every request.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    medulla_agent::cli::main()
}
