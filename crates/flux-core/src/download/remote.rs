//! What the supplier's server looks like from here: one GET, whoever sends it.

use std::io::Read;
use std::time::Duration;

/// An answer with status 200 or 206.
pub struct Response {
    /// Whether it is the part that was asked for; otherwise the whole file from its beginning.
    pub partial: bool,
    /// Offset of the first byte, of a part.
    pub from: u64,
    /// Length of the whole file, where the server says so.
    pub total: Option<u64>,
    /// What names this version where a later request goes on: a strong `ETag`, else `Last-Modified`.
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

    /// GET of an address, absolute or relative to the list's. A broken download goes on after the `from` bytes that are here already, of
    /// the version that `validator` names (`ETag` or `Last-Modified`); without it the server cannot say that the file has changed.
    ///
    /// # Errors
    /// [`Failure`] for anything but 200 and 206.
    fn get(&self, url: &str, from: u64, validator: Option<&str>) -> Result<Response, Failure>;
}
