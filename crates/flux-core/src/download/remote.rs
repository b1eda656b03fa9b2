//! What the supplier's server looks like from here: one GET, whoever sends it.

use std::io::Read;
use std::time::Duration;

/// Where a broken download goes on, and of which version of the file.
#[derive(Debug, Clone)]
pub struct Resume {
    /// Bytes that are here already.
    pub from: u64,
    /// `ETag` or `Last-Modified` of the version that they are of; without it the server cannot say that the file has changed.
    pub validator: Option<String>,
}

/// An answer with status 200 or 206.
pub struct Response {
    /// Whether it is the part that was asked for; otherwise the whole file from its beginning.
    pub partial: bool,
    /// Offset of the first byte, of a part.
    pub from: u64,
    /// Length of the whole file, where the server says so.
    pub total: Option<u64>,
    /// What names this version for a later [`Resume`]: a strong `ETag`, else `Last-Modified`.
    pub validator: Option<String>,
    /// `Content-Type` without its parameters, lower case.
    pub content_type: String,
    /// The bytes. Reading fails on a cut, a stall, or when a stop is asked for.
    pub body: Box<dyn Read>,
}

/// Why there is no such answer.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What happened, in French.
    pub message: String,
    /// The next step, as an order to the operator.
    pub action: String,
    /// Whether the server answered at all.
    pub answered: bool,
    /// Whether asking again may help.
    pub transient: bool,
    /// Whether every other file will fail likewise: credentials, address.
    pub general: bool,
    /// The range that was asked for lies beyond the file: what is here is of no use.
    pub beyond: bool,
    /// The wait that the server asks for.
    pub wait: Option<Duration>,
}

/// Where deliveries come from.
pub trait Remote {
    /// Address of the list.
    fn list_url(&self) -> &str;

    /// GET of an address, absolute or relative to the list's.
    ///
    /// # Errors
    /// [`Failure`] for anything but 200 and 206.
    fn get(&self, url: &str, resume: Option<&Resume>) -> Result<Response, Failure>;
}
