//! The `virtual-media` program.

fn main() {}
