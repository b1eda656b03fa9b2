//! What goes to stdout, and what is said when it cannot.

use std::io::{self, Write};

use flux_core::error::{Error, Result};
use flux_report::{Code, Page, Report, Verdict};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{OutputArgs, Tool, colour, examples, logging};

/// Version of every JSON document, its `version`: raised when a field goes or means something else, not when one is added.
pub(crate) const DOCUMENT_VERSION: u32 = 1;

/// Writes to stdout. A reader that went away (`| head`) is no reason to fail.
///
/// # Errors
/// [`Error::Io`] for everything else: a full disk, for instance.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Judges a write to stdout.
pub(crate) fn written(result: io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Error::io("écriture sur", "la sortie standard")),
    }
}

/// Prints the report or the error; the exit code.
pub(crate) fn finish<R: Report>(tool: &Tool, output: &OutputArgs, result: Result<R>, seconds: f64) -> u8 {
    let subject = tool.subject();
    let shown = result.and_then(|report| {
        let verdict = report.verdict();
        logging::report(|| {
            let mut page = Page::for_log();
            flux_report::show(&subject, &report, &mut page);
            page.text()
        });
        let text = if output.json {
            document(tool.name, verdict, seconds, &report)?
        } else if output.quiet && verdict == Verdict::Ok {
            String::new()
        } else {
            let page = Page::for_stdout();
            let mut page = if output.verbose > 0 { page.exhaustive() } else { page };
            flux_report::show(&subject, &report, &mut page);
            if output.color.wanted() { colour::paint(&page.text()) } else { page.text() }
        };
        Ok((text, verdict.code()))
    });
    let (text, code) = shown.unwrap_or_else(|error| {
        let code = fail(tool.name, &error);
        let document = output.json.then(|| failure(tool, &error, seconds));
        (document.unwrap_or_default(), code)
    });
    print(&text).map_or_else(|error| fail(tool.name, &error), |()| code)
}

/// Says on stderr and in the log what went wrong, with the next step; the exit code.
pub(crate) fn fail(name: &str, error: &Error) -> u8 {
    log::debug!("{error:?}");
    logging::to_file_only(log::Level::Error, &error.to_string());
    let hint = next_step(name, error);
    if let Some(hint) = &hint {
        logging::to_file_only(log::Level::Error, &format!("→ {hint}"));
    }
    complain(name, &error.to_string(), hint.as_deref());
    error.code()
}

/// What to do after a failure: where nothing better is known of wrong arguments, the help.
pub(crate) fn next_step(name: &str, error: &Error) -> Option<String> {
    let help = || matches!(error, Error::Usage(_)).then(|| format!("voyez `{} --help`", examples::typed(name)));
    error.hint().or_else(help)
}

/// The two lines of every complaint. Where stderr is gone too, only the exit code is left.
pub fn complain(name: &str, message: &str, hint: Option<&str>) {
    let hint = hint.map(|hint| format!("{}\n", flux_report::message(&format!("  → {hint}")))).unwrap_or_default();
    let message = flux_report::message(&format!("{name} : {message}"));
    let _ = write!(io::stderr().lock(), "{message}\n{hint}");
}

/// What a document holds in place of the report of a run that failed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Failure<'a> {
    error: FailureText<'a>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FailureText<'a> {
    code: Code,
    message: String,
    hint: Option<&'a str>,
}

/// The JSON document of a run that failed.
pub(crate) fn failure(tool: &Tool, error: &Error, seconds: f64) -> String {
    let hint = next_step(tool.name, error);
    let hint = hint.as_deref();
    let failure = Failure { error: FailureText { code: Code::from(error), message: error.to_string(), hint } };
    let content = serde_json::to_value(failure).unwrap_or_default();
    document_of(tool.name, Verdict::Error, error.code(), seconds, content)
}

/// The JSON document of a report: the fields common to all tools around its own.
///
/// # Errors
/// [`Error::Io`] when the report cannot be serialised.
pub fn document(tool: &str, verdict: Verdict, seconds: f64, report: &impl Serialize) -> Result<String> {
    let value =
        serde_json::to_value(report).map_err(|error| Error::io("rédaction du", "document JSON")(error.into()))?;
    Ok(document_of(tool, verdict, verdict.code(), seconds, value))
}

fn document_of(tool: &str, verdict: Verdict, code: u8, seconds: f64, document: Value) -> String {
    let mut fields = Map::new();
    fields.insert("tool".into(), tool.into());
    fields.insert("version".into(), DOCUMENT_VERSION.into());
    fields.insert("status".into(), verdict.name().into());
    fields.insert("exit_code".into(), code.into());
    fields.insert("duration_s".into(), ((seconds * 1000.0).round() / 1000.0).into());
    match document {
        Value::Object(own) => fields.extend(own),
        other => {
            fields.insert("result".into(), other);
        }
    }
    format!("{:#}\n", Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use flux_core::task::{Context, Task};
    use serde::ser::Error as _;

    use super::*;

    /// A report as one with a path that is no text would be.
    #[derive(JsonSchema)]
    struct Unwritable;

    impl serde::Serialize for Unwritable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("path contains invalid UTF-8 characters"))
        }
    }

    impl Report for Unwritable {
        fn render(&self, _: &mut Page) {}
    }

    #[derive(clap::Args)]
    struct Nothing {}

    impl Task for Nothing {
        fn run(self, _: &Context) -> flux_core::error::Result<impl Report> {
            Ok(Unwritable)
        }
    }

    #[test]
    fn a_report_that_cannot_be_serialised_is_a_failure() {
        let output = |json| OutputArgs { home: None, json, quiet: true, color: colour::Colour::Auto, verbose: 0 };
        let tool = Tool::of::<Nothing, Nothing>();
        assert_eq!(finish(&tool, &output(true), Ok(Unwritable), 0.0), 1);
        assert_eq!(finish(&tool, &output(false), Ok(Unwritable), 0.0), 0);
    }
}
