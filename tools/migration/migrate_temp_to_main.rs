//! migrate-temp-to-main
fn main() {}
