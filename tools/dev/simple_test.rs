//! simple-test
fn main() {}
