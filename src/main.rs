//! The program: arguments in, exit code out. Everything else is in the library.

use std::process::ExitCode;

/// Parsing, rendering and binding make and drop small values all the time; the C library's allocator takes a fifth of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(transform::cli::run(std::env::args_os()))
}
