//! verify-migration
fn main() {}
