//! The launcher, installation, schedule, documentation and development tools.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod architecture;
mod authentication;
mod documents;
mod flux;
mod flux_doctor;
mod flux_init;
mod generate_sample_data;
mod install;
mod journals;
mod json;
mod observatory;
mod passes;
mod schedule;
mod signals;
mod simple_test;
mod terminal;
mod width;

/// All files below a folder.
fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
