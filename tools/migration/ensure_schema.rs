//! ensure-schema
fn main() {}
