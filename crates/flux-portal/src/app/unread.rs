//! The answer to what is no request, or too long a one: it never reached the router, and has the same headers and words as any other.

use axum::http::StatusCode;

use crate::app::guard::{ALWAYS, JSON, ONLY_TLS, POLICY};
use crate::failure::Failure;

/// A header of [`ALWAYS`], by which answers of ours are known.
pub(crate) const MARK: &str = "x-content-type-options";

/// Its headers, each with its line end, and its body.
pub(crate) fn answer(status: StatusCode, tls: bool) -> (String, String) {
    let failure = match status {
        StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Failure::TooLarge,
        status => Failure::of_status(status),
    };
    let body = failure.document();
    let policy = format!("{POLICY}'none'");
    let length = body.len().to_string();
    let mut headers = vec![
        ("content-type", JSON),
        ("content-length", &length),
        ("connection", "close"),
        ("cache-control", "no-store"),
        ("content-security-policy", &policy),
        ("x-frame-options", "DENY"),
    ];
    headers.extend(ALWAYS);
    if tls {
        headers.push(("strict-transport-security", ONLY_TLS));
    }
    (headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect(), body)
}
