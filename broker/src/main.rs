//! The `thingcore` command.

use std::process::ExitCode;

/// Many small buffers live and die on several threads, which this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    thingcore::cli::main()
}
