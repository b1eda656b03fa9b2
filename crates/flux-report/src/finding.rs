//! How a run went, and what a check found.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Code, Page};

/// How a run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Done, nothing to look at.
    Ok,
    /// Done or right, but somebody should look at it (exit code 3).
    Attention,
    /// Failed, nothing half-done left.
    Error,
}

impl Verdict {
    /// The exit code of a run that ends so: 0, 1 or 3.
    pub fn code(self) -> u8 {
        match self {
            Verdict::Ok => 0,
            Verdict::Error => 1,
            Verdict::Attention => 3,
        }
    }

    /// Value of `status` in JSON: `ok`, `attention` or `error`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Attention => "attention",
            Verdict::Error => "error",
        }
    }

    /// The sign before a line of text: ✓, ⚠ or ✗.
    pub fn sign(self) -> &'static str {
        match self {
            Verdict::Ok => "✓",
            Verdict::Attention => "⚠",
            Verdict::Error => "✗",
        }
    }
}

/// Something that a check found: what, where, how bad, what to do.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[must_use]
pub struct Finding {
    /// How bad it is; decides the exit code with the others.
    pub severity: Verdict,
    /// Which kind, for programs.
    pub code: Code,
    /// Where: table, file, line, name.
    pub place: String,
    /// What is wrong, in French, without the place.
    pub message: String,
    /// What to do; a command where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

impl Finding {
    /// Something to look at.
    pub fn attention(code: Code, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Verdict::Attention, code, place: place.into(), message: message.into(), action: None }
    }

    /// Something that is broken.
    pub fn error(code: Code, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Verdict::Error, ..Self::attention(code, place, message) }
    }

    /// With what to do about it.
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.action = Some(action.into());
        self
    }
}

/// The worst of several findings: how one thing among those that a tool looked at is marked. For the tool's exit code see [`verdict`].
pub fn worst<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Verdict {
    findings.into_iter().map(|finding| finding.severity).max().unwrap_or(Verdict::Ok)
}

/// The one rule from findings to the exit code: work that was done to its end needs a look as soon as there is a finding, however
/// bad it is. [`Verdict::Error`] is for tools that could not do their own work, and comes from that, not from what they found.
pub fn verdict(findings: &[Finding]) -> Verdict {
    if findings.is_empty() { Verdict::Ok } else { Verdict::Attention }
}

/// Findings, or that there are none.
pub fn render_findings(page: &mut Page, findings: &[Finding], nothing: &str) {
    page.gap();
    for finding in findings {
        page.finding(finding);
    }
    if findings.is_empty() {
        page.conclude(Verdict::Ok, nothing);
    }
}
