//! One wording for what was done and for what a dry run says would be done.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

use super::number;

/// Whether a report tells what was done, or what a run that writes would do. In JSON it is the field `dry_run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Nothing was held back: sentences are in the past.
    Really,
    /// Nothing was written: a dry run, or a plan that waits for `--yes`.
    Would,
}

impl Done {
    /// The line that opens a report of which nothing was done.
    pub(super) const SIMULATION: &str = "Simulation : rien n'est écrit, voici ce qui serait fait.";

    /// What a run with or without `dry_run` tells.
    pub fn unless(dry_run: bool) -> Self {
        if dry_run { Done::Would } else { Done::Really }
    }

    /// Whether something was written.
    pub fn really(self) -> bool {
        self == Done::Really
    }

    /// One of two wordings.
    pub fn say<T>(self, done: T, would: T) -> T {
        if self.really() { done } else { would }
    }

    /// `enregistrées` or `seraient enregistrées`: a participle after a noun or a number, in its singular and its plural.
    pub fn verb(self, count: u64, [one, many]: [&str; 2]) -> String {
        let (auxiliary, participle) = if count < 2 { ("serait", one) } else { ("seraient", many) };
        self.say(participle.to_owned(), format!("{auxiliary} {participle}"))
    }

    /// `3 lignes enregistrées` or `3 lignes seraient enregistrées`.
    pub fn count(self, count: u64, noun: [&str; 2], participle: [&str; 2]) -> String {
        format!("{} {} {}", number(count), noun[usize::from(count >= 2)], self.verb(count, participle))
    }

    /// `3 enregistrées` or `3 seraient enregistrées`, further on in a list.
    pub fn more(self, count: u64, participle: [&str; 2]) -> String {
        format!("{} {}", number(count), self.verb(count, participle))
    }
}

impl Serialize for Done {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(!self.really())
    }
}

impl JsonSchema for Done {
    fn schema_name() -> Cow<'static, str> {
        bool::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        bool::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
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
        assert_eq!(Done::Would.more(2, ["mise à jour", "mises à jour"]), "2 seraient mises à jour");
        assert_eq!(serde_json::json!([Done::Really, Done::Would]), serde_json::json!([false, true]));
    }
}
