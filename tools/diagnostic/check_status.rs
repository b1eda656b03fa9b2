//! check-status
fn main() {}
