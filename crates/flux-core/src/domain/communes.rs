//! Which communes of France bear or bore a name, and which names a code has had: communes merge, split and change their names.
//!
//! Source: `reference/communes.csv` and `reference/communes_historiques.csv` (INSEE, Etalab).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{LazyLock, OnceLock};

use crate::domain::catalogue::Dim;
use crate::domain::reference::{self, Commune, FormerCommune};
use crate::domain::spelling::{fold, normalise, saint};

/// Codes by the key of each name that they bear or bore.
static BEARERS: LazyLock<HashMap<String, Vec<&str>>> = LazyLock::new(|| {
    let mut bearers: HashMap<String, Vec<&str>> = HashMap::new();
    for (code, name) in named() {
        let codes = bearers.entry(key(name)).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    bearers
});

/// Codes with their names, sorted by code, today's name first.
static NAMES: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    let mut names: Vec<_> = named().collect();
    names.sort_by_key(|(code, _)| *code);
    names
});

fn named() -> impl Iterator<Item = (&'static str, &'static str)> {
    let living = reference::communes().iter().map(|commune| (commune.code_insee, commune.nom));
    let former = reference::former_communes().iter().map(|former| (former.code_insee, former.nom));
    let parts = ARRONDISSEMENTS.iter().flat_map(|(part, names)| {
        std::iter::once(part.nom).chain(names.iter().map(String::as_str)).map(|name| (part.code_insee, name))
    });
    living.chain(former).chain(parts).chain(
        orange().iter().filter(|commune| !commune.nom.is_empty()).map(|commune| (commune.code_insee, commune.nom)),
    )
}

/// The cities whose arrondissements have INSEE codes of their own: the city's code, the code of the first one, how many there are.
const DIVIDED: [(&str, u32, u32); 3] = [("13055", 13201, 16), ("69123", 69381, 9), ("75056", 75101, 20)];

/// The arrondissements of these cities, which deliveries count like communes, with the other ways to write their names.
static ARRONDISSEMENTS: LazyLock<Vec<(Commune, Vec<String>)>> = LazyLock::new(|| {
    let divided = DIVIDED.iter().filter_map(|(code, first, count)| {
        let city = reference::communes().iter().find(|commune| commune.code_insee == *code)?;
        Some((city, *first, *count))
    });
    // They live as long as the program, as the communes of the files do.
    let kept = |text: String| -> &'static str { &*text.leak() };
    let of = |(city, first, count): (&Commune, u32, u32)| {
        let city = city.clone();
        (1..=count).map(move |number| {
            let name = city.nom;
            let rank = if number == 1 { "er" } else { "e" };
            let part = Commune {
                code_insee: kept((first + number - 1).to_string()),
                nom: kept(format!("{name} {number}{rank} Arrondissement")),
                ..city.clone()
            };
            let short = [format!("{number}{rank}"), format!("{number}ème"), format!("{number:02}"), number.to_string()];
            let names = short.map(|short| format!("{name} {short}")).into_iter();
            (part, names.chain([format!("{name} {number}ème Arrondissement")]).collect())
        })
    };
    divided.flat_map(of).collect()
});

/// Every commune that a database is seeded with: today's, the arrondissements, those that are gone.
pub(crate) fn all() -> impl Iterator<Item = &'static Commune> {
    let parts = ARRONDISSEMENTS.iter().map(|(part, _)| part);
    reference::communes().iter().chain(parts).chain(GONE.values())
}

/// The name under which [`all`] has a code.
pub(crate) fn name_of(code: &str) -> Option<&'static str> {
    static BY_CODE: LazyLock<HashMap<&str, &str>> =
        LazyLock::new(|| all().map(|commune| (commune.code_insee, commune.nom)).collect());
    BY_CODE.get(code).copied()
}

/// A commune as Orange's dictionary has it: under a name of its own, and perhaps standing for small ones around it.
#[derive(Debug)]
pub(crate) struct OrangeCommune {
    pub(crate) code_insee: &'static str,
    pub(crate) nom: &'static str,
    /// Codes of the communes that it stands for, itself left out.
    pub(crate) others: Vec<&'static str>,
}

static ORANGE: OnceLock<Vec<OrangeCommune>> = OnceLock::new();

/// Takes a `communes_orange.csv` for the rest of the process, before any name is looked up: INSEE code; name that Orange uses; codes of the
/// communes that it stands for, with a bar between them.
///
/// # Errors
/// Why the file is refused.
pub(crate) fn use_orange(file: &[u8]) -> Result<(), String> {
    let _ = ORANGE.set(orange_communes(file)?);
    Ok(())
}

fn orange_communes(file: &[u8]) -> Result<Vec<OrangeCommune>, String> {
    let known: HashSet<&str> = reference::communes()
        .iter()
        .map(|commune| commune.code_insee)
        .chain(reference::former_communes().iter().map(|former| former.code_insee))
        .collect();
    let mut owners: HashMap<String, u64> = HashMap::new();
    let mut communes = Vec::new();
    for (line, [code, nom, members]) in reference::own_records(file, is_no_code)? {
        let code = code.to_uppercase();
        let members = members.split(['|', ',']).map(|code| code.trim().to_uppercase());
        let members: Vec<String> = members.filter(|other| !other.is_empty() && *other != code).collect();
        if let Some(wrong) = std::iter::once(&code).chain(&members).find(|code| !known.contains(code.as_str())) {
            return Err(format!("ligne {line} : « {wrong} » n'est pas un code INSEE de commune"));
        }
        for member in std::iter::once(&code).chain(&members) {
            if let Some(owner) = owners.insert(member.clone(), line) {
                return Err(format!("la commune {member} figure aux lignes {owner} et {line}"));
            }
        }
        // They live as long as the program, as the built-in ones do.
        let kept = |text: String| -> &'static str { &*text.leak() };
        let others = members.into_iter().map(kept).collect();
        communes.push(OrangeCommune { code_insee: kept(code), nom: kept(normalise(Dim::Commune, &nom)), others });
    }
    Ok(communes)
}

/// Whether a field is the name of a column: every code begins with a digit.
fn is_no_code(field: &str) -> bool {
    !field.starts_with(|first: char| first.is_ascii_digit())
}

/// The communes of Orange's dictionary; none unless the home folder has it.
pub(crate) fn orange() -> &'static [OrangeCommune] {
    ORANGE.get().map_or(&[], Vec::as_slice)
}

/// How many communes Orange counts with the one of that code.
pub(crate) fn counted_with(code: Option<&str>) -> u64 {
    orange().iter().find(|commune| Some(commune.code_insee) == code).map_or(0, |commune| commune.others.len() as u64)
}

/// What two spellings of one commune's name have in common.
pub(crate) fn key(name: &str) -> String {
    let name = normalise(Dim::Commune, name);
    fold(saint(&name).as_deref().unwrap_or(&name))
}

/// INSEE codes of the communes, living or gone, that bear or bore the name of that key.
pub(crate) fn bearers(key: &str) -> &'static [&'static str] {
    BEARERS.get(key).map_or(&[], Vec::as_slice)
}

/// The INSEE code as the reference has it, where a commune has or had it.
pub(crate) fn known(code: &str) -> Option<&'static str> {
    with_names(code).next().map(|(code, _)| code)
}

/// Whether a commune of that département bears or bore the name of that key.
pub(crate) fn is_borne_in(key: &str, departement: &str) -> bool {
    bearers(key).iter().any(|code| reference::departement_of_insee(code) == departement)
}

/// A code as INSEE writes it: a spreadsheet takes the leading zero of the first nine départements, and before 1976 Corsica was one, 20, in
/// which no number stood twice.
pub(crate) fn formed(code: &str) -> String {
    let code = format!("{:0>5}", code.trim().to_ascii_uppercase());
    let of_today = |number: &str| ["2A", "2B"].iter().find_map(|part| known(&format!("{part}{number}")));
    code.strip_prefix("20").and_then(of_today).map_or_else(|| code.clone(), str::to_owned)
}

/// The names that a code bears and bore, today's first; none for an unknown code.
pub(crate) fn names_of(code: &str) -> impl Iterator<Item = &'static str> {
    with_names(code).map(|(_, name)| name)
}

/// A code with each of its names.
fn with_names(code: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let from = NAMES.partition_point(|(other, _)| *other < code);
    NAMES[from..].iter().copied().take_while(move |(other, _)| *other == code)
}

/// Whether the commune of that code went into another one.
pub(crate) fn is_gone(code: &str) -> bool {
    GONE.contains_key(code)
}

/// The code of the commune that it is part of today: its own unless it is gone.
pub(crate) fn today(code: &str) -> &str {
    TODAY.get(code).copied().unwrap_or(code)
}

static TODAY: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    reference::former_communes().iter().map(|former| (former.code_insee, former.code_actuel)).collect()
});

/// The communes that are gone, by code, each under its last name; the EPCI is that of the commune that it went into.
static GONE: LazyLock<BTreeMap<&str, Commune>> = LazyLock::new(|| {
    let living: HashMap<&str, &Commune> =
        reference::communes().iter().map(|commune| (commune.code_insee, commune)).collect();
    let mut gone: Vec<&FormerCommune> = reference::former_communes().iter().filter(|former| former.is_gone()).collect();
    // Of several names of a code the last one stays.
    gone.sort_by_key(|former| former.derniere_annee);
    let last_names = gone.into_iter().map(|former| {
        let (code_epci, nom_epci) =
            living.get(former.code_actuel).map_or(("", ""), |today| (today.code_epci, today.nom_epci));
        let FormerCommune { code_insee, nom, departement, .. } = *former;
        (code_insee, Commune { code_insee, nom, departement, code_epci, nom_epci })
    });
    last_names.collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_of_orange_is_read_and_says_one_thing_of_a_commune() {
        let file = "code_insee;nom_orange;communes\n15004;Andelat;15004|15002|15005\n48095;;\n";
        let communes = orange_communes(file.as_bytes()).unwrap();
        let read: Vec<_> = communes.iter().map(|commune| (commune.code_insee, commune.nom, &*commune.others)).collect();
        assert_eq!(read, [("15004", "ANDELAT", &["15002", "15005"][..]), ("48095", "", &[][..])]);
        for (file, error) in [
            ("15004;Andelat;15002\n15005;Autre;\n", "ligne 1"),
            ("c;n;m\n99999;Ailleurs;\n", "99999"),
            ("c;n;m\n15004;Andelat;15002\n15005;Autre;15002\n", "lignes 2 et 3"),
        ] {
            assert!(orange_communes(file.as_bytes()).unwrap_err().contains(error), "{file}");
        }
    }

    /// By hand, from the two files.
    #[test]
    fn codes_are_written_as_insee_does() {
        let written =
            [("4070", "04070"), (" 2b033 ", "2B033"), ("20004", "2A004"), ("20050", "2B050"), ("20999", "20999")];
        for (stored, expected) in written {
            assert_eq!(formed(stored), expected);
        }
    }

    #[test]
    fn a_code_keeps_its_former_names_and_a_commune_that_is_gone_is_one_of_its_own() {
        assert!(names_of("15141").eq(["Neussargues-Moissac", "Neussargues en Pinatelle"]));
        // Once, however many names it has had.
        assert_eq!((known("15141"), known("15136"), known("99999")), (Some("15141"), Some("15136"), None));
        assert_eq!(bearers(&key("Mourjou")), ["15136"]);
        assert!(is_gone("15136") && !is_gone("15141") && !is_gone("15014") && !is_gone("99999"));
        let mourjou = &GONE["15136"];
        assert_eq!((mourjou.nom, mourjou.departement), ("Mourjou", "15"));
        assert_eq!(GONE.len(), 1831);
        assert_eq!(GONE["12076"].nom, "Conques-en-Rouergue");
        assert_eq!((today("15136"), today("15014"), today("99999")), ("15027", "15014", "99999"));
        // Gone in the Cantal, living elsewhere.
        assert!(is_borne_in(&key("St Just"), "15") && bearers(&key("Saint-Just")).len() > 3);
        assert!(!is_borne_in(&key("Mourjou"), "12"));
    }

    /// INSEE, code officiel géographique: 75101 to 75120, 69381 to 69389, 13201 to 13216.
    #[test]
    fn the_arrondissements_of_three_cities_are_communes_of_their_own() {
        assert_eq!((ARRONDISSEMENTS.len(), all().count()), (45, 34_969 + 45 + 1831));
        for (code, name, departement) in [
            ("75120", "Paris 20e Arrondissement", "75"),
            ("69381", "Lyon 1er Arrondissement", "69"),
            ("13216", "Marseille 16e Arrondissement", "13"),
        ] {
            let part = all().find(|commune| commune.code_insee == code).unwrap();
            assert_eq!((part.nom, part.departement, name_of(code)), (name, departement, Some(name)));
        }
        for name in ["LYON 07", "Lyon 7e", "lyon-7eme-arrondissement", "Lyon 7ème", "Lyon 7e arrondissement"] {
            assert_eq!(bearers(&key(name)), ["69387"], "{name}");
        }
        assert_eq!((bearers(&key("Lyon")), bearers(&key("Lyon 10"))), (&["69123"][..], &[][..]));
        assert_eq!((name_of("75056"), name_of("15136"), name_of("75121")), (Some("Paris"), Some("Mourjou"), None));
    }
}
