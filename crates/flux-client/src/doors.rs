//! The doors of the portal: addresses that not everybody may open. A data file, `reference/portes.csv`, which an observatory can add to.
//!
//! Every line is asked for with a GET as it stands, so an address that does something when it is asked for has no place here
//! unless a parameter keeps it from doing so.

use std::path::Path;

use flux_core::error::{Error, Result};

/// The doors of the portal that these tools were written beside.
const BUILT_IN: &str = include_str!("../../../reference/portes.csv");

/// Who may open a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// Any token or session: shows whether a credential is accepted at all.
    Credential,
    Administrator,
    /// Nobody, from the web.
    Nobody,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Door {
    /// Path below the base URL, with its query.
    pub(crate) address: String,
    pub(crate) key: Key,
    /// Whether an answer 404 is as good as a refusal.
    pub(crate) may_be_absent: bool,
    /// What is behind it.
    pub(crate) role: String,
}

impl Door {
    /// The address without its query.
    pub(crate) fn path(&self) -> &str {
        self.address.split('?').next().unwrap_or_default()
    }
}

/// The built-in doors, those of the home folder and those of `extra`; a later line about an address replaces an earlier one.
///
/// # Errors
/// [`Error::Config`] with the line, [`Error::Io`] for `extra`.
pub(crate) fn all(home: &Path, extra: Option<&Path>) -> Result<Vec<Door>> {
    let mut doors = Vec::new();
    add(&mut doors, BUILT_IN, "reference/portes.csv")?;
    let own = home.join("reference/portes.csv");
    let files = own.is_file().then_some(own.as_path()).into_iter().chain(extra);
    for path in files {
        let text = std::fs::read_to_string(path).map_err(Error::io("lecture de", path))?;
        add(&mut doors, &text, &path.display().to_string())?;
    }
    Ok(doors)
}

fn add(doors: &mut Vec<Door>, text: &str, file: &str) -> Result<()> {
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("adresse;") {
            continue;
        }
        let door = parse(line).map_err(|reason| Error::Config {
            message: format!("{file}, ligne {} : {reason}", index + 1),
            hint: "écrivez adresse;acces;absence;role, où acces est jeton, session, admin ou personne et absence \
                   normale ou anormale"
                .into(),
        })?;
        doors.retain(|other| other.path() != door.path());
        doors.push(door);
    }
    Ok(())
}

fn parse(line: &str) -> std::result::Result<Door, String> {
    let mut fields = line.split(';').map(str::trim);
    let mut next = || fields.next().unwrap_or_default();
    let (address, key, absence, role) = (next().trim_start_matches('/'), next(), next(), next());
    let unsafe_address = address.is_empty()
        || address.contains("://")
        || address.contains('#')
        || address.split(['/', '?']).any(|part| part == "..")
        || !address.bytes().all(|byte| byte.is_ascii_graphic());
    if unsafe_address {
        return Err(format!("« {address} » n'est pas une adresse sous celle du portail"));
    }
    let key = match key {
        "jeton" | "session" => Key::Credential,
        "admin" => Key::Administrator,
        "personne" => Key::Nobody,
        other => return Err(format!("accès « {other} » inconnu")),
    };
    let may_be_absent = match absence {
        "normale" => true,
        "anormale" => false,
        other => return Err(format!("absence « {other} » inconnue")),
    };
    Ok(Door { address: address.into(), key, may_be_absent, role: role.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doors_that_stand_open_today_are_in_the_file() {
        let doors = all(Path::new("/nulle-part"), None).unwrap();
        for path in [
            "tools/import/update_temp_tables.php",
            "tools/migration/migrate_temp_to_main.php",
            "api/maintenance/optimize_database.php",
            "cache_admin_unifie.php",
            "api/tools/debug_env.php",
            "logs/",
            "data/",
            "temp/",
        ] {
            assert!(doors.iter().any(|door| door.path() == path), "{path}");
        }
        // What acts when it is asked for is asked for its state.
        let import = doors.iter().find(|door| door.path().ends_with("update_temp_tables.php")).unwrap();
        assert_eq!(import.address, "tools/import/update_temp_tables.php?action=status");
    }

    #[test]
    fn a_line_says_who_and_a_later_one_wins() {
        let mut doors = Vec::new();
        add(
            &mut doors,
            "adresse;acces;absence;role\na.php;admin;normale;un\n# note\n/a.php?x=1;personne;anormale;deux\n",
            "f",
        )
        .unwrap();
        let expected =
            Door { address: "a.php?x=1".into(), key: Key::Nobody, may_be_absent: false, role: "deux".into() };
        assert_eq!(doors, [expected]);
        for bad in [
            "http://x/;admin;normale;",
            "../x;admin;normale;",
            "a b;admin;normale;",
            "a;tous;normale;",
            "a;admin;;",
            ";admin;normale;",
        ] {
            let error = add(&mut doors, &format!("\n{bad}"), "f").unwrap_err();
            assert!(error.to_string().contains("f, ligne 2"), "{error}");
        }
    }
}
