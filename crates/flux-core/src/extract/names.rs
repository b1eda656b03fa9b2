//! Where an entry of an archive may go, by its name.

use std::path::PathBuf;

/// Deepest folder and longest name that are plausible.
const MAX_DEPTH: usize = 32;
const MAX_NAME: usize = 255;

/// The name of an entry: UTF-8 where the archive says so or where it is, else the code page of the format's early days.
pub(crate) fn decode(raw: &[u8], as_zip: &str) -> String {
    match std::str::from_utf8(raw) {
        Ok(text) => text.to_owned(),
        Err(_) => as_zip.to_owned(),
    }
}

/// The relative path of an entry, with either separator; `None` for a folder.
///
/// # Errors
/// Why the entry, and with it the archive, is refused.
pub(crate) fn place(name: &str) -> Result<Option<PathBuf>, String> {
    let refuse = |why: &str| Err(format!("entrée « {} » refusée : {why}", shown(name)));
    if name.contains('\0') || name.chars().any(char::is_control) {
        return refuse("caractère de contrôle dans le nom");
    }
    if name.starts_with(['/', '\\']) {
        return refuse("chemin absolu");
    }
    if name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic() {
        return refuse("chemin absolu (lecteur)");
    }
    let mut path = PathBuf::new();
    let mut depth = 0;
    for part in name.split(['/', '\\']) {
        match part {
            "" | "." => continue,
            ".." => return refuse("remonte hors du dossier"),
            part if part.trim_end_matches([' ', '.']).is_empty() => return refuse("nom fait de points et d'espaces"),
            // Whoever starts a tool in that folder would work with them.
            part if part.eq_ignore_ascii_case(".env") => return refuse("des réglages (.env) ne se livrent pas"),
            part if part.len() > MAX_NAME => return refuse("nom trop long"),
            part => path.push(part),
        }
        depth += 1;
        if depth > MAX_DEPTH {
            return refuse("dossiers trop imbriqués");
        }
    }
    if depth == 0 && !name.ends_with(['/', '\\']) && name != "." {
        return refuse("nom vide");
    }
    Ok((!name.ends_with(['/', '\\']) && depth > 0).then_some(path))
}

/// A name for a message.
pub(crate) fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '·' } else { c }).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Component;

    #[test]
    fn both_separators_lead_to_the_same_place() {
        let expected = Some(PathBuf::from("2024B1/CABA/Nuitee.csv"));
        assert_eq!(place("2024B1/CABA/Nuitee.csv"), Ok(expected.clone()));
        assert_eq!(place("2024B1\\CABA\\Nuitee.csv"), Ok(expected.clone()));
        assert_eq!(place("./2024B1//CABA/./Nuitee.csv"), Ok(expected));
        assert_eq!(place("2024B1/"), Ok(None));
        assert_eq!(place("2024B1\\"), Ok(None));
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for name in [
            "../x.csv",
            "a/../../x.csv",
            "a\\..\\..\\x.csv",
            "..",
            "/etc/passwd",
            "\\\\server\\x.csv",
            "C:\\x.csv",
            "c:x.csv",
            "a\0.csv",
            "a\nb.csv",
            "",
            "a/ ../x",
            "2024B1/.env",
            ".ENV/x.csv",
        ] {
            assert!(place(name).is_err(), "{name:?}");
        }
        assert!(place(&"a/".repeat(40)).is_err());
        assert!(place(&"a".repeat(256)).is_err());
    }

    proptest! {
        #[test]
        fn a_place_is_always_inside(name in "[a-z./\\\\: é]{0,24}") {
            if let Ok(Some(path)) = place(&name) {
                prop_assert!(path.components().all(|c| matches!(c, Component::Normal(_))), "{path:?}");
            }
        }
    }
}
