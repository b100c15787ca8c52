//! The `thingcore` command.

use std::process::ExitCode;

/// Many small buffers live and die on several threads, which this allocator is made for. It is
/// built not to ask for huge pages (feature `no_thp`): they made no message faster and doubled
/// the memory of idle connections.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    thingcore::cli::main()
}
