//! The four seasons and their names in `dim_saisons`.

/// One of the four seasons, in the order of the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Saison {
    /// From the March equinox.
    Printemps,
    /// From the June solstice.
    Ete,
    /// From the September equinox.
    Automne,
    /// From the December solstice; it belongs to the year in which it begins.
    Hiver,
}

impl Saison {
    /// The four, in the order of the year.
    pub(crate) const ALL: [Self; 4] = [Self::Printemps, Self::Ete, Self::Automne, Self::Hiver];

    /// The value of `dim_saisons.saison`.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Printemps => "printemps",
            Self::Ete => "ete",
            Self::Automne => "automne",
            Self::Hiver => "hiver",
        }
    }

    /// The French name, for people.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Ete => "été",
            other => other.code(),
        }
    }

    /// The season of a `code`, as in `dim_saisons.saison`; older tables have capitals.
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|saison| saison.code().eq_ignore_ascii_case(code))
    }

    /// The season that follows `self` of `year`, with its year.
    pub(crate) const fn next(self, year: i32) -> (i32, Self) {
        match self {
            Self::Printemps => (year, Self::Ete),
            Self::Ete => (year, Self::Automne),
            Self::Automne => (year, Self::Hiver),
            Self::Hiver => (year + 1, Self::Printemps),
        }
    }
}
