//! generate-sample-data
fn main() {}
