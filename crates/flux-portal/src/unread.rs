//! What every answer bears, also that to what is no request, or too long a one: it never reached the router.

use axum::http::StatusCode;

use crate::failure::Failure;

pub(crate) const JSON: &str = "application/json; charset=utf-8";

/// Once met over TLS, the portal is asked for that way only, for a year.
pub(crate) const ONLY_TLS: &str = "max-age=31536000";

/// What every answer carries, whatever it is.
pub(crate) const ALWAYS: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors ";

/// A header of [`ALWAYS`], by which answers of ours are known.
pub(crate) const MARK: &str = "x-content-type-options";

/// The answer to what was not read: its headers, each with its line end, and its body.
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
