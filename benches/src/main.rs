//! The `thingcore-bench` command.
fn main() {}
