//! cleanup-temp
fn main() {}
