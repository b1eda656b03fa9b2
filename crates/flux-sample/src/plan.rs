//! What to generate.

use std::fmt;
use std::str::FromStr;

use chrono::{Days, NaiveDate};

use crate::defect::Planned;

/// Everything that a delivery depends on: two equal plans write the same bytes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// First day.
    pub from: NaiveDate,
    /// Number of days.
    pub days: u32,
    /// Seed of the volumes and of which keys are delivered.
    pub seed: u64,
    /// Density of the breakdowns: 1 is a usual delivery (about 7 000 lines a day), up to every key there is.
    pub scale: f64,
    /// 0 for the first delivery; `N` for the `N`th revision of the same span: volumes revised, keys withdrawn, keys new.
    pub revision: u32,
    /// Which files.
    pub layout: Layout,
    /// How zones are named.
    pub zones: ZoneStyle,
    /// Order of the lines.
    pub order: Order,
    /// How the files are written.
    pub format: Format,
    /// What is wrong with them.
    pub defects: Vec<Planned>,
    /// Whether files that the generator did not write may be replaced.
    pub overwrite: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            from: NaiveDate::from_ymd_opt(2025, 7, 7).unwrap_or_default(),
            days: 7,
            seed: 1,
            scale: 1.0,
            revision: 0,
            layout: Layout::Weekly,
            zones: ZoneStyle::New,
            order: Order::Date,
            format: Format::default(),
            defects: Vec::new(),
            overwrite: false,
        }
    }
}

impl Plan {
    /// The days of the span, in order; it stops at the last date that there is.
    pub fn dates(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let from = self.from;
        (0..u64::from(self.days)).map_while(move |n| from.checked_add_days(Days::new(n)))
    }
}

/// Which kind of delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The ten files of the weekly delivery, in one folder.
    Weekly,
    /// The 21 raw families, one file per family, zone and year, in nested folders, with files to be ignored.
    Raw,
}

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// Between fields.
    pub separator: Separator,
    /// Character encoding.
    pub encoding: Encoding,
    /// Lines end in CR LF instead of LF.
    pub crlf: bool,
    /// Every field stands between quotes.
    pub quoted: bool,
    /// How dates are written.
    pub dates: DateStyle,
}

impl Default for Format {
    fn default() -> Self {
        Format {
            separator: Separator::Semicolon,
            encoding: Encoding::Utf8,
            crlf: false,
            quoted: false,
            dates: DateStyle::Iso,
        }
    }
}

/// A type with a fixed list of values and their names in options.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The name in options and in the manifest.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let wanted = text.trim().to_lowercase().replace('_', "-");
                $name::ALL.iter().copied().find(|value| value.name() == wanted).ok_or_else(|| {
                    let names: Vec<_> = $name::ALL.iter().map(|value| value.name()).collect();
                    format!("au choix : {}", names.join(", "))
                })
            }
        }
    };
}
pub(super) use named;

named! {
    /// Character encoding of a file.
    Encoding {
        /// UTF-8.
        Utf8 = "utf-8",
        /// UTF-8 with a byte order mark.
        Utf8Bom = "utf-8-bom",
        /// Windows-1252.
        Windows1252 = "windows-1252",
        /// UTF-16, little endian, with a byte order mark.
        Utf16Le = "utf-16le",
    }
}

named! {
    /// What stands between fields.
    Separator {
        /// `;`
        Semicolon = "point-virgule",
        /// `,`
        Comma = "virgule",
        /// Tab.
        Tab = "tabulation",
    }
}

impl Separator {
    /// The character itself.
    pub fn char(self) -> char {
        match self {
            Separator::Semicolon => ';',
            Separator::Comma => ',',
            Separator::Tab => '\t',
        }
    }
}

named! {
    /// How the zones are named.
    ZoneStyle {
        /// As of old: `CABA`, `GENTIANE`, `HTC`, `STATION`.
        Old = "old",
        /// As today: `Pays d'Aurillac`, `Haut Cantal`, `Hautes Terres`, `Lioran`.
        New = "new",
    }
}

named! {
    /// In which order the lines come.
    Order {
        /// Day after day, each with all its zones.
        Date = "date",
        /// Zone after zone, each with all its days, as when one export per zone is joined to the next.
        Zone = "zone",
    }
}

named! {
    /// How dates are written.
    DateStyle {
        /// `2025-07-14`
        Iso = "iso",
        /// `14/07/2025`
        French = "fr",
    }
}

impl DateStyle {
    /// `date` as a delivery writes it.
    pub fn text(self, date: NaiveDate) -> String {
        match self {
            DateStyle::Iso => date.format("%Y-%m-%d").to_string(),
            DateStyle::French => date.format("%d/%m/%Y").to_string(),
        }
    }
}
