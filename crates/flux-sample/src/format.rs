//! How a delivery and its files are written.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;

/// Which kind of delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The ten files of the weekly delivery, in one folder.
    Weekly,
    /// The raw families, one file per family, zone and year, in nested folders, with files to be ignored.
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
