//! The `thingcore` command.
fn main() {}
