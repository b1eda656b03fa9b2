//! Writes the list of tools from the manifests under `tools/`: a new tool is one entry in its own category's manifest.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tools = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../tools");
    println!("cargo::rerun-if-changed={}", tools.display());
    let mut categories: Vec<_> = fs::read_dir(&tools)?.flatten().map(|entry| entry.path()).collect();
    categories.retain(|folder| folder.join("Cargo.toml").is_file());
    categories.sort();
    let mut list = String::from("&[\n");
    for folder in categories {
        let manifest = folder.join("Cargo.toml");
        println!("cargo::rerun-if-changed={}", manifest.display());
        let category = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut names = binaries(&fs::read_to_string(&manifest)?);
        names.sort();
        writeln!(list, "    ({category:?}, &{names:?}),")?;
    }
    list.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("tools.rs"), list)?;
    Ok(())
}

/// The `name` of each `[[bin]]`.
fn binaries(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut in_bin = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_bin = line == "[[bin]]";
        } else if in_bin && let Some(value) = line.strip_prefix("name") {
            names.extend(value.split('"').nth(1).map(str::to_owned));
        }
    }
    names
}
