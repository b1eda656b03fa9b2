//! A name that leads to nothing, or to several things: it is never guessed, and whoever asked decides how bad that is.

use crate::domain::catalogue::Dim;
use crate::error::Error;
use crate::report::{Code, Finding};

/// What was asked for, and what is there in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// No period of that year has this code or name.
    #[error("la période « {name} » de {year} n'existe pas ({})", known(codes, *year))]
    Period {
        /// The name that was asked for.
        name: String,
        /// The year looked into.
        year: i32,
        /// Codes of `dim_periodes` for that year.
        codes: Vec<String>,
    },
    /// No row of a dimension has this name.
    #[error("{dim} « {name} » introuvable dans {}{}", dim.spec().table, listed(" ; proches : ", near))]
    Name {
        /// Where it was looked up.
        dim: Dim,
        /// The name that was asked for.
        name: String,
        /// The nearest names, or all where none is near.
        near: Vec<String>,
    },
    /// Several rows of a dimension have this name.
    #[error("{dim} « {name} » ambigu(ë) entre {}", names.join(", "))]
    Ambiguous {
        /// Where it was looked up.
        dim: Dim,
        /// The name that was asked for.
        name: String,
        /// The rows that have it.
        names: Vec<String>,
    },
}

fn known(codes: &[String], year: i32) -> String {
    if codes.is_empty() { format!("dim_periodes n'en a aucune pour {year}") } else { listed("connues : ", codes) }
}

fn listed(before: &str, names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("{before}{}", names.join(", ")) }
}

impl Unknown {
    /// Table in which the name is missing.
    fn table(&self) -> &'static str {
        match self {
            Self::Period { .. } => "dim_periodes",
            Self::Name { dim, .. } | Self::Ambiguous { dim, .. } => dim.spec().table,
        }
    }

    /// That nothing can be said of it.
    pub fn finding(&self) -> Finding {
        Finding::error(Code::NameUnknown, self.table(), self.to_string()).action(self.hint())
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Period { year, .. } => {
                format!("lancez `update-saisons --from {year} --to {year}`, ou corrigez le code")
            }
            Self::Name { dim: Dim::Zone, .. } | Self::Ambiguous { dim: Dim::Zone, .. } => {
                "corrigez le nom, ou lancez `check-zones` puis `add-missing-zones`".into()
            }
            Self::Name { .. } | Self::Ambiguous { .. } => "corrigez le nom, ou lancez `ensure-schema --seed`".into(),
        }
    }
}

/// Outside the portal a name is an argument of the command line.
impl From<Unknown> for Error {
    fn from(unknown: Unknown) -> Self {
        Error::Usage(format!("{unknown} : {}", unknown.hint()))
    }
}

/// What a name leads to, once the database has answered.
pub(crate) type Named<T> = std::result::Result<T, Unknown>;
