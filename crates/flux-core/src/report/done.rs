//! One wording for what was done and for what a dry run says would be done.

use serde::{Serialize, Serializer};

use super::{Page, number};

/// Whether a report tells what was done, or what a run that writes would do. In JSON it is the field `dry_run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It was done.
    Really,
    /// Nothing was written: a dry run, or a plan that waits for `--yes`.
    Would,
}

impl Done {
    /// What a run with or without `dry_run` tells.
    pub fn unless(dry_run: bool) -> Self {
        if dry_run { Done::Would } else { Done::Really }
    }

    /// Whether something was written.
    pub(crate) fn really(self) -> bool {
        self == Done::Really
    }

    /// One of two wordings.
    pub(crate) fn say<T>(self, done: T, would: T) -> T {
        if self.really() { done } else { would }
    }

    /// `enregistrées` or `seraient enregistrées`: a participle after a noun or a number, in its singular and its plural.
    pub(crate) fn verb(self, count: u64, [one, many]: [&str; 2]) -> String {
        let (auxiliary, participle) = if count < 2 { ("serait", one) } else { ("seraient", many) };
        self.say(participle.to_owned(), format!("{auxiliary} {participle}"))
    }

    /// `3 lignes enregistrées` or `3 lignes seraient enregistrées`.
    pub(crate) fn count(self, count: u64, noun: [&str; 2], participle: [&str; 2]) -> String {
        format!("{} {} {}", number(count), noun[usize::from(count >= 2)], self.verb(count, participle))
    }

    /// `3 enregistrées` or `3 seraient enregistrées`, further on in a list.
    pub(crate) fn more(self, count: u64, participle: [&str; 2]) -> String {
        format!("{} {}", number(count), self.verb(count, participle))
    }

    /// The line that opens a report of which nothing was done.
    pub(crate) fn head(self, page: &mut Page) {
        if !self.really() {
            page.line("Simulation : rien n'est écrit, voici ce qui serait fait.");
            page.gap();
        }
    }
}

impl Serialize for Done {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(!self.really())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_speaks_in_the_conditional_and_zero_is_singular() {
        let lines = |done: Done, count| done.count(count, ["ligne", "lignes"], ["enregistrée", "enregistrées"]);
        assert_eq!(lines(Done::Really, 1), "1 ligne enregistrée");
        assert_eq!(lines(Done::Really, 1200), "1 200 lignes enregistrées");
        assert_eq!(lines(Done::Would, 0), "0 ligne serait enregistrée");
        assert_eq!(lines(Done::Would, 2), "2 lignes seraient enregistrées");
        assert_eq!(Done::Would.more(2, ["revue", "revues"]), "2 seraient revues");
        assert_eq!(serde_json::json!([Done::Really, Done::Would]), serde_json::json!([false, true]));
    }

    #[test]
    fn the_head_says_simulation_only_where_nothing_was_done() {
        let head = |done: Done| {
            let mut page = Page::new(80);
            done.head(&mut page);
            page.text().to_owned()
        };
        assert_eq!(head(Done::Really), "");
        assert_eq!(head(Done::Would).matches("Simulation").count(), 1);
    }
}
