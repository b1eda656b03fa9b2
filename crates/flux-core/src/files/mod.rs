//! Files and folders: the walker, the fence that no path leaves, the writer that replaces files whole, compressed copies, hashes.

mod fence;
mod folder;
pub(crate) mod gz;
pub(crate) mod hash;
mod json;
mod open;
mod output;
mod own;
mod remove;
mod walk;
mod write;

pub(crate) use fence::Fence;
pub(crate) use folder::Folder;
pub use json::is_heavy_json;
pub use open::append;
pub(crate) use open::{open, read};
pub use output::output;
pub(crate) use own::{hold, lock, read_own};
pub(crate) use remove::remove_proved;
pub(crate) use walk::{Entry, list, walk, walk_in};
pub use write::replace;
pub(crate) use write::{Durability, create, create_private_dir, put, sync_dir, sync_files};
