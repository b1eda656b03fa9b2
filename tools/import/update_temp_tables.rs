//! update-temp-tables
fn main() {}
