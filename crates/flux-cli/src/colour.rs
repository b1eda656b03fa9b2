//! Colour on a terminal: verdict lines whole, the signs ✓ ⚠ ✗ wherever else they stand. Reports are composed without it, so that
//! widths are right, and painted when they are printed.

use std::io::IsTerminal;

use clap::ValueEnum;
use flux_report::Verdict;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set or the terminal is `dumb`.
    #[default]
    Auto,
    /// Even into a pipe.
    Always,
    Never,
}

const RESET: &str = "\x1b[0m";

impl Colour {
    /// Whether what goes to stdout is painted.
    pub(crate) fn wanted(self) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        match self {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb,
        }
    }
}

fn code(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "\x1b[32m",
        Verdict::Attention => "\x1b[33m",
        Verdict::Error => "\x1b[31m",
    }
}

/// The text with its colours.
pub(crate) fn paint(text: &str) -> String {
    const ALL: [Verdict; 3] = [Verdict::Ok, Verdict::Attention, Verdict::Error];
    let mut painted = String::with_capacity(text.len() + 256);
    for line in text.split_inclusive('\n') {
        let (content, end) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
        if let Some(verdict) = ALL.into_iter().find(|verdict| content.starts_with(verdict.sign())) {
            painted.push_str(code(verdict));
            painted.push_str(content);
            painted.push_str(RESET);
        } else {
            let signs = ALL.into_iter().fold(content.to_owned(), |text, verdict| {
                text.replace(verdict.sign(), &format!("{}{}{RESET}", code(verdict), verdict.sign()))
            });
            painted.push_str(&signs);
        }
        painted.push_str(end);
    }
    painted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_lines_are_painted_whole_and_signs_elsewhere_alone() {
        let text = "✓ tout est prêt\n  a   ⚠ b ✗\nrien\n✗ non";
        let expected =
            "\x1b[32m✓ tout est prêt\x1b[0m\n  a   \x1b[33m⚠\x1b[0m b \x1b[31m✗\x1b[0m\nrien\n\x1b[31m✗ non\x1b[0m";
        assert_eq!(paint(text), expected);
    }
}
