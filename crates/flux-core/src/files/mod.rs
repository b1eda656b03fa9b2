//! Files and folders under the home: the fence that no path leaves, compressed copies.

pub(crate) mod gz;
pub(crate) mod paths;
