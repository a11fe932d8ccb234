//! The `rlock` program.

fn main() {}
