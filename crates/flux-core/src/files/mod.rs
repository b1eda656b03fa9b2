//! Files and folders: the walker, the fence that no path leaves, the writer that replaces files whole, compressed copies, hashes.

mod fence;
pub(crate) mod gz;
pub(crate) mod hash;
mod own;
mod walk;
mod write;

pub(crate) use fence::Fence;
pub(crate) use own::{lock, read_own};
pub(crate) use walk::{Entry, list, walk};
pub use write::{Durability, replace};
pub(crate) use write::{create_private_dir, sync_dir};
