//! `.env` as the PHP portal reads it: a line is `KEY=value`, a value goes to the end of its line, quotation marks around it are
//! taken off, and nothing in it has a meaning of its own: `#`, `$`, `\` and an apostrophe are what they are.
//!
//! A line that is no setting, or a key that is nearly one of ours, is remembered: whoever overlooks it works with a default, and
//! perhaps on another database.

use std::collections::HashMap;
use std::path::Path;

use crate::error::{Error, Result, io_reason};
use crate::report::{Code, Finding};

/// Every key that these tools or the portal know; database keys also with `_LOCAL`, `_PROD` and `_PORTAL` behind them.
const KNOWN: &[&str] = &[
    "APP_ENV",
    "APP_DEBUG",
    "APP_URL",
    "APP_KEY",
    "DB_HOST",
    "DB_PORT",
    "DB_DATABASE",
    "DB_NAME",
    "DB_USERNAME",
    "DB_USER",
    "DB_PASSWORD",
    "DB_SOCKET",
    "DB_SSL_MODE",
    "DB_SSL_CA",
    "DB_SERVER_PUBLIC_KEY",
    "DB_TIMEOUT",
    "DB_CHARSET",
    "OBSERVATOIRE_DEPARTEMENT",
    "OBSERVATOIRE_NOM",
    "PORTAL_BASE_URL",
    "PORTAL_CA",
    "PORTAL_SESSION",
    "PORTAL_PUBLIC",
    "PORTAL_FRAME_ANCESTORS",
    "PORTAL_CORS_ORIGINS",
    "API_TOKEN",
    "API_TOKENS",
    "ADMIN_API_TOKENS",
    "API_RATE_LIMIT",
    "API_RATE_LIMIT_ALLOWLIST",
    "API_IP_ALLOWLIST",
    "API_ALLOWLIST",
    "API_TRUST_PROXY",
    "API_AUDIT_LOG",
    "API_FACTS_RESTRICT_IPS",
    "API_FACTS_REQUIRE_ADMIN",
    "FLUX_HOME",
    "FLUX_VISION_CA",
    "FLUX_VISION_URL",
    "FLUX_VISION_ORGA",
    "FLUX_VISION_USER",
    "FLUX_VISION_PASSWORD",
    "IMPORT_HEBDO_OPTIONS",
    "CHECK_STATUS_OPTIONS",
    "ENCRYPTION_KEY",
    "EXPLORER_KEY",
    "NO_COLOR",
];
/// Ends of the keys of one environment or one account.
const SUFFIXES: [&str; 3] = ["_LOCAL", "_PROD", "_PORTAL"];

/// Bytes that are read of it, at most: a device has no end.
const LARGEST: u64 = 1 << 20;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct EnvFile {
    pub(super) values: HashMap<String, String>,
    /// What in it may not mean what it was meant to, by line from 1, without any value.
    pub(super) doubts: Vec<Finding>,
}

/// Reads a file.
///
/// # Errors
/// [`Error::Config`] when it cannot be read, or is no text in UTF-8.
pub(super) fn read(path: &Path) -> Result<EnvFile> {
    let bytes = super::read_given(path, "lecture de", LARGEST).map_err(|error| match error {
        Error::Io { source, .. } => Error::Config {
            message: format!("le fichier {} est illisible : {}", path.display(), io_reason(&source)),
            hint: match source.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    "lancez l'outil sous le compte des outils (`sudo -u fluxvision …`), ou rendez-lui ce fichier lisible".into()
                }
                _ => "vérifiez son chemin et ses droits".into(),
            },
        },
        other => other,
    })?;
    let text = String::from_utf8(bytes).map_err(|_| Error::Config {
        message: format!("le fichier {} n'est pas un fichier de variables en UTF-8", path.display()),
        hint: "écrivez une variable par ligne, CLE=valeur, et enregistrez-le en UTF-8".into(),
    })?;
    Ok(parse(&text))
}

fn parse(text: &str) -> EnvFile {
    let mut file = EnvFile::default();
    let mut set: HashMap<String, usize> = HashMap::new();
    let without_mark = text.strip_prefix('\u{feff}');
    if without_mark.is_some() {
        file.doubt(
            1,
            "le fichier commence par une marque BOM, qui cache la première clé au portail".into(),
            "enregistrez .env en UTF-8 sans BOM".into(),
        );
    }
    for (index, line) in without_mark.unwrap_or(text).lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            file.doubt(number, "la ligne n'a pas de signe = : elle est ignorée".into(), "écrivez CLE=valeur".into());
            continue;
        };
        let key = key.trim();
        let key = key.strip_prefix("export ").unwrap_or(key).trim();
        file.judge_key(number, key);
        file.judge_value(number, key, value.trim());
        if let Some(earlier) = set.insert(key.to_owned(), number) {
            let message = format!("{key} est déjà donnée à la ligne {earlier} : la dernière l'emporte");
            file.doubt(number, message, "gardez une seule des deux lignes".into());
        }
        file.values.insert(key.to_owned(), value.trim().trim_matches(['"', '\'']).to_owned());
    }
    file
}

impl EnvFile {
    fn doubt(&mut self, line: usize, message: String, action: String) {
        let message = format!("ligne {line} : {message}");
        self.doubts.push(Finding::attention(Code::SettingDoubtful, ".env", message).action(action));
    }

    fn judge_key(&mut self, line: usize, key: &str) {
        let is_name = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if key.is_empty() || !is_name {
            let message = "le nom de la clé n'est pas fait de lettres, de chiffres et de _ : la ligne est sans effet";
            self.doubt(line, message.into(), "écrivez CLE=valeur".into());
        } else if let Some(near) = near_known(key) {
            let message = format!("la clé {key} est inconnue, et proche de {near} : elle est sans effet");
            self.doubt(line, message, format!("corrigez-la en {near}, si c'est elle"));
        }
    }

    fn judge_value(&mut self, line: usize, key: &str, value: &str) {
        let Some(mark) = value.chars().next().filter(|mark| ['"', '\''].contains(mark)) else { return };
        if value.len() < 2 || !value.ends_with(mark) {
            let message =
                format!("la valeur de {key} ouvre une apostrophe ou un guillemet qu'elle ne ferme pas en fin de ligne");
            self.doubt(line, message, "fermez-le en fin de ligne ; un commentaire prend une ligne à lui".into());
        }
    }
}

/// The known key that an unknown one was probably meant to be.
fn near_known(key: &str) -> Option<String> {
    let upper = key.to_uppercase();
    let stem = |key: &str| {
        let suffix = SUFFIXES.iter().find(|suffix| key.ends_with(**suffix) && key.starts_with("DB_"));
        suffix.map_or((key.to_owned(), ""), |suffix| (key[..key.len() - suffix.len()].to_owned(), *suffix))
    };
    let (name, suffix) = stem(&upper);
    if KNOWN.contains(&name.as_str()) {
        // PHP and the tools tell capitals apart.
        return (upper != key).then_some(upper);
    }
    let known_with_suffix = || {
        let names = KNOWN.iter().filter(|known| known.starts_with("DB_"));
        names.flat_map(|known| SUFFIXES.map(|suffix| format!("{known}{suffix}")))
    };
    let candidates = KNOWN.iter().map(|known| format!("{known}{suffix}")).chain(known_with_suffix());
    let most = if upper.len() < 8 { 1 } else { 2 };
    let near = candidates.map(|known| (distance(&upper, &known), known)).min();
    if let Some((_, known)) = near.filter(|(distance, _)| *distance <= most) {
        return Some(known);
    }
    // A database key with another word behind it: DB_HOST_PRODUCTION, DB_NAME_DEV.
    let longest = KNOWN.iter().filter(|known| known.starts_with("DB_") && upper.starts_with(&format!("{known}_")));
    longest.max_by_key(|known| known.len()).map(|known| format!("{known}_PROD ou {known}_LOCAL"))
}

/// Letters to change, add or leave out between two names, neighbours that changed places counting once.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `trim($value, '"\'')` leaves of the part after the first `=`, as the portal's configuration does.
    #[test]
    fn values_are_what_php_takes_them_for() {
        let text = "A=Abc #123\nB=Abc$HOME1\nC=a\\b\nD=l'ete\nE='entre apostrophes'\nF=\"p$ss #1\"\nG=a=b=c\nH=\nexport I=x\n\
                    J = espace\r\nK=`ls`\nL=été\n";
        let file = parse(text);
        let expected = [
            ("A", "Abc #123"),
            ("B", "Abc$HOME1"),
            ("C", "a\\b"),
            ("D", "l'ete"),
            ("E", "entre apostrophes"),
            ("F", "p$ss #1"),
            ("G", "a=b=c"),
            ("H", ""),
            ("I", "x"),
            ("J", "espace"),
            ("K", "`ls`"),
            ("L", "été"),
        ];
        for (key, value) in expected {
            assert_eq!(file.values.get(key).map(String::as_str), Some(value), "{key}");
        }
        assert_eq!((file.values.len(), file.doubts.len()), (expected.len(), 0));
    }

    #[test]
    fn odd_lines_are_remembered_without_their_values() {
        let file = parse(
            "\u{feff}APP_ENV=production\nDB_HOST localhost\n# DB_X\nDB_PASWORD=s3cret\nDB PORT=1\nDB_USER='a' # note\nDB_USER=b\n",
        );
        assert_eq!(file.values["APP_ENV"], "production");
        let line = |doubt: &Finding| doubt.message.split_once(" : ").unwrap().0.to_owned();
        let lines: Vec<String> = file.doubts.iter().map(line).collect();
        assert_eq!(lines, [1, 2, 4, 5, 6, 7].map(|number| format!("ligne {number}")));
        assert!(file.doubts[2].message.contains("proche de DB_PASSWORD"), "{:?}", file.doubts[2]);
        assert!(!format!("{:?}", file.doubts).contains("s3cret"));
    }

    #[test]
    fn near_names_are_found_and_others_are_left_alone() {
        for (key, near) in [
            ("DB_PASWORD", Some("DB_PASSWORD")),
            ("DB_USRENAME", Some("DB_USERNAME")),
            ("db_host", Some("DB_HOST")),
            ("DB_HOST_PRD", Some("DB_HOST_PROD")),
            ("DB_HSOT_LOCAL", Some("DB_HOST_LOCAL")),
            ("DB_NAME_PRODUCTION", Some("DB_NAME_PROD ou DB_NAME_LOCAL")),
            ("APP_ENVS", Some("APP_ENV")),
            ("DB_HOST_PROD", None),
            ("DB_PASSWORD_PORTAL", None),
            ("MAIL_FROM", None),
            ("SMTP_PASSWORD", None),
            ("TZ", None),
        ] {
            assert_eq!(near_known(key).as_deref(), near, "{key}");
        }
    }
}
