//! The reference data that seeds the dimensions, embedded from `reference/*.csv` (sources and licences in its README).
//!
//! Names are those of the files; whoever stores them puts them in upper case. Each list is parsed once, on first use.
//! The school holidays are in `domain::calendar::school`.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::{LazyLock, OnceLock};

use crate::domain::catalogue::Dim;
use crate::domain::spelling::{fold, normalise};
use crate::error::{Error, Result};
use crate::settings::DEPARTEMENT;

/// A name with the other names under which deliveries write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nom {
    /// The name that is stored.
    pub(crate) nom: &'static str,
    /// Spellings in deliveries and older databases that mean the same row.
    pub(crate) equivalents: Vec<&'static str>,
}

/// A zone of observation and its equivalents: one group, stored under whichever member the database holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ZoneGroup {
    /// First name of the group, the one that a new database gets.
    pub(crate) zone: &'static str,
    /// Spellings in deliveries and older databases that mean the same row.
    pub(crate) equivalents: Vec<&'static str>,
    /// Whether the portal offers it in its filters; it can be asked for by name in any case.
    pub(crate) visible: bool,
}

/// A French département, of the official list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departement {
    /// Official code: `15`, `2A`, `971`.
    pub code: &'static str,
    /// Official name, with its accents: `Puy-de-Dôme`.
    pub nom: &'static str,
    /// Name of its region until 2015: `Auvergne`.
    pub ancienne_region: &'static str,
    /// Name of its region since 2016: `Auvergne-Rhône-Alpes`.
    pub nouvelle_region: &'static str,
}

/// The one of that code or name.
impl FromStr for &'static Departement {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let asked = text.trim();
        let known = |known: &&Departement| {
            known.code.eq_ignore_ascii_case(asked) || fold(known.nom) == fold(&asked.to_uppercase())
        };
        departements().iter().find(known).ok_or_else(|| {
            Error::Usage(format!("« {asked} » n'est pas un département : donnez son code (48, 2A, 971) ou son nom"))
        })
    }
}

/// A commune of the INSEE list, overseas territories included, and its intercommunal body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commune {
    /// INSEE code, five characters.
    pub code_insee: &'static str,
    /// Name; several communes may share it, even within one département's neighbourhood.
    pub nom: &'static str,
    /// Code of its département, or of its overseas territory (`975`, `977` …), which is no [`Departement`].
    pub departement: &'static str,
    /// SIREN code of its intercommunal body; empty where it has none.
    pub(crate) code_epci: &'static str,
    /// Name of its intercommunal body; empty where it has none.
    pub nom_epci: &'static str,
}

/// A name that a French commune bore until it changed its name or merged into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FormerCommune {
    /// INSEE code under which it bore the name.
    pub(crate) code_insee: &'static str,
    pub(crate) nom: &'static str,
    pub(crate) departement: &'static str,
    /// Last year in which it bore the name.
    pub(crate) derniere_annee: &'static str,
    /// Code of today's commune: `code_insee` itself where that still exists, else the one it went into.
    pub(crate) code_actuel: &'static str,
}

impl FormerCommune {
    /// Whether the commune itself is gone; else it has only changed its name.
    pub(crate) fn is_gone(&self) -> bool {
        self.code_insee != self.code_actuel
    }
}

/// A length of stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Duree {
    /// `1 NUIT`, `2 NUITS` … `13 NUITS ET PLUS`.
    pub(crate) libelle: &'static str,
    /// Number of nights, the least one for the last entry.
    pub(crate) nb_nuits: u32,
    /// Rank in lists, from 1 for the shortest stay.
    pub(crate) ordre: u32,
    /// Its other names (`1 NUITS`, `1N`).
    pub(crate) equivalents: &'static [&'static str],
}

static ZONES: LazyLock<Vec<ZoneGroup>> =
    LazyLock::new(|| zone_groups(include_str!("../../../../reference/zones.csv")).collect());

/// The zones of the observatory itself, once [`use_zones`] has read them.
static OWN_ZONES: OnceLock<Vec<ZoneGroup>> = OnceLock::new();

/// Set once [`use_zones`] has read the observatory's file.
static HAS_ZONES_FILE: OnceLock<()> = OnceLock::new();

/// Takes the zones of an observatory in place of the built-in ones, for the rest of the process. `file` is a `zones.csv`: zone;
/// equivalents with a bar between them; `non` for a zone that is not offered in filters. UTF-8, or Windows-1252 as spreadsheets write it.
///
/// # Errors
/// Why the file is refused.
pub(crate) fn use_zones(file: &[u8]) -> Result<(), String> {
    let zones = own_zones(file)?;
    // A second call in one process, as a test may make it, changes nothing.
    let _ = OWN_ZONES.set(zones);
    let _ = HAS_ZONES_FILE.set(());
    Ok(())
}

/// Whether the observatory has a `zones.csv`. One that is begun by hand stands in place of the built-in zones and would lose them.
pub(crate) fn has_zones_file() -> bool {
    HAS_ZONES_FILE.get().is_some()
}

/// Without a `zones.csv` of its own: the built-in zones are those of one département; any other has the zone of its own name, until its
/// file says more.
pub(crate) fn use_zones_of(departement: &str) {
    if departement != DEPARTEMENT {
        let _ = OWN_ZONES.set(zones_of(departement));
    }
}

/// Code of a département by its folded name.
pub(crate) fn departement_code(folded: &str) -> Option<&'static str> {
    static CODES: LazyLock<HashMap<String, &str>> =
        LazyLock::new(|| departements().iter().map(|known| (fold(known.nom), known.code)).collect());
    CODES.get(folded).copied()
}

/// The département of a code.
pub(crate) fn departement_of(code: &str) -> Option<&'static Departement> {
    departements().iter().find(|known| known.code == code)
}

/// The zones that are known of a département without any file.
pub(crate) fn zones_of(departement: &str) -> Vec<ZoneGroup> {
    if departement == DEPARTEMENT {
        return ZONES.clone();
    }
    let own = departement_of(departement);
    let group = |known: &Departement| ZoneGroup {
        zone: &*normalise(Dim::Zone, known.nom).leak(),
        equivalents: Vec::new(),
        visible: true,
    };
    own.map(group).into_iter().collect()
}

/// All names, folded, of the zones that `zones.csv` hides: stored ones keep their history, and nobody waits for more of it.
pub(crate) fn hidden_zones() -> HashSet<String> {
    zone_names(|group| !group.visible)
}

/// All names, folded, of these zones of `zones.csv`.
pub(crate) fn zone_names(wanted: impl Fn(&ZoneGroup) -> bool) -> HashSet<String> {
    let names = |group: &'static ZoneGroup| std::iter::once(group.zone).chain(group.equivalents.iter().copied());
    zones().iter().filter(|group| wanted(group)).flat_map(names).map(fold).collect()
}

/// The zone of the whole département, which tools show where none is asked for: the one that bears its name, else the first.
pub(crate) fn whole_zone(departement: &str) -> &'static str {
    let name = departement_of(departement).map(|known| fold(known.nom));
    let bears = |zone: &&ZoneGroup| {
        std::iter::once(&zone.zone).chain(&zone.equivalents).any(|member| Some(fold(member)) == name)
    };
    zones().iter().find(bears).or(zones().first()).map_or("", |zone| zone.zone)
}

/// The records of a file of the observatory's own, with the numbers of their lines: three fields with a semicolon between them, empty
/// where they are missing, UTF-8 or Windows-1252 as spreadsheets write it. The first line names the columns, which `heads` knows by the
/// first: where it does not, the file is of another form, and its lines would be read as names.
///
/// # Errors
/// Which line cannot be read.
pub(crate) fn own_records(file: &[u8], heads: fn(&str) -> bool) -> Result<Vec<(u64, [String; 3])>, String> {
    let text = match std::str::from_utf8(file) {
        Ok(text) => text.trim_start_matches('\u{feff}').into(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(file).0,
    };
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').flexible(true).from_reader(text.as_bytes());
    let unreadable = |error: csv::Error| format!("ligne illisible ({error})");
    let header = reader.headers().map_err(unreadable)?;
    if header.get(0).is_some_and(|name| !heads(name.trim())) {
        return Err("la ligne 1 n'est pas l'en-tête".into());
    }
    let mut records = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        records.push((line, std::array::from_fn(|at| record.get(at).unwrap_or_default().trim().to_owned())));
    }
    Ok(records)
}

fn own_zones(file: &[u8]) -> Result<Vec<ZoneGroup>, String> {
    let mut zones: Vec<ZoneGroup> = Vec::new();
    let mut owners: HashMap<String, u64> = HashMap::new();
    for (line, [zone, others, visible]) in own_records(file, |name| name.eq_ignore_ascii_case("zone"))? {
        let names: Vec<&str> = std::iter::once(zone.as_str()).chain(others.split('|')).map(str::trim).collect();
        let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
        if zone.is_empty() {
            return Err(format!("ligne {line} : zone sans nom"));
        }
        if !["", "oui", "non"].contains(&visible.to_lowercase().as_str()) {
            return Err(format!("ligne {line} : visible vaut « {visible} », ni oui ni non"));
        }
        for name in &names {
            let owner = *owners.entry(fold(&normalise(Dim::Zone, name))).or_insert(line);
            if owner != line {
                return Err(format!("« {name} » figure aux lignes {owner} et {line}"));
            }
        }
        // They live as long as the program, as the built-in ones do.
        let mut names = names.into_iter().map(|name| &*normalise(Dim::Zone, name).leak());
        let zone = names.next().unwrap_or_default();
        zones.push(ZoneGroup { zone, equivalents: names.collect(), visible: !visible.eq_ignore_ascii_case("non") });
    }
    if zones.is_empty() { Err("aucune zone".into()) } else { Ok(zones) }
}

/// The groups of a `zones.csv`.
fn zone_groups(text: &'static str) -> impl Iterator<Item = ZoneGroup> {
    rows(text).map(|[zone, others, visible]| ZoneGroup { zone, equivalents: listed(others), visible: visible != "non" })
}

/// Names of a field, which stand with a bar between them.
fn listed(field: &'static str) -> Vec<&'static str> {
    field.split('|').filter(|name| !name.is_empty()).collect()
}

static DEPARTEMENTS: LazyLock<Vec<Departement>> = LazyLock::new(|| {
    rows(include_str!("../../../../reference/departements.csv"))
        .map(|[code, nom, ancienne_region, nouvelle_region]| Departement {
            code,
            nom,
            ancienne_region,
            nouvelle_region,
        })
        .collect()
});

static AUTRES_DEPARTEMENTS: LazyLock<Vec<Nom>> = LazyLock::new(|| {
    vec![
        Nom { nom: "AUTRE 97", equivalents: vec!["Z_AUTRE 97"] },
        Nom { nom: "AUTRE 98", equivalents: vec!["Z_AUTRE 98"] },
    ]
});

static COMMUNES: LazyLock<Vec<Commune>> = LazyLock::new(|| {
    rows(include_str!("../../../../reference/communes.csv"))
        .map(|[code_insee, nom, departement, code_epci, nom_epci]| Commune {
            code_insee,
            nom,
            departement,
            code_epci,
            nom_epci,
        })
        .collect()
});

static FORMER_COMMUNES: LazyLock<Vec<FormerCommune>> = LazyLock::new(|| {
    rows(include_str!("../../../../reference/communes_historiques.csv"))
        .map(|[code_insee, nom, departement, derniere_annee, code_actuel]| FormerCommune {
            code_insee,
            nom,
            departement,
            derniere_annee,
            code_actuel,
        })
        .collect()
});

static PAYS: LazyLock<Vec<Nom>> = LazyLock::new(|| {
    rows(include_str!("../../../../reference/pays.csv"))
        .map(|[nom, others]| Nom { nom, equivalents: listed(others) })
        .collect()
});

static PROVENANCES: LazyLock<Vec<Nom>> = LazyLock::new(|| {
    vec![
        Nom { nom: "LOCAL", equivalents: vec![] },
        Nom { nom: "NONLOCAL", equivalents: vec!["NON LOCAL"] },
        Nom { nom: "ETRANGER", equivalents: vec!["ÉTRANGER", "STRANGER", "INTERNATIONAL"] },
    ]
});

static CATEGORIES: LazyLock<Vec<Nom>> = LazyLock::new(|| {
    [
        "TOURISTE",
        "RESIDENT",
        "HABITUELLEMENT PRESENT",
        "EXCURSIONNISTE",
        "EXCURSIONNISTE RECURRENT",
        "TRANSIT",
        "TRANSIT NOCTURNE",
        "RESIDENT EN TRANSIT",
        "TOURISTE EN TRANSIT",
        "HABITUELLEMENT PRESENT EN TRANSIT",
    ]
    .map(|nom| Nom { nom, equivalents: vec![] })
    .into()
});

const DUREES: &[Duree] = &[
    duree(1, "1 NUIT", &["1 NUITS", "1N"]),
    duree(2, "2 NUITS", &["2N"]),
    duree(3, "3 NUITS", &["3N"]),
    duree(4, "4 NUITS", &["4N"]),
    duree(5, "5 NUITS", &["5N"]),
    duree(6, "6 NUITS", &["6N"]),
    duree(7, "7 NUITS", &["7N"]),
    duree(8, "8 NUITS", &["8N"]),
    duree(9, "9 NUITS", &["9N"]),
    duree(10, "10 NUITS", &["10N"]),
    duree(11, "11 NUITS", &["11N"]),
    duree(12, "12 NUITS", &["12N"]),
    duree(13, "13 NUITS ET PLUS", &[]),
];

const fn duree(nb_nuits: u32, libelle: &'static str, equivalents: &'static [&'static str]) -> Duree {
    Duree { libelle, nb_nuits, ordre: nb_nuits, equivalents }
}

/// The zones of observation, in the order of their file: the observatory's own, else the built-in ones.
pub(crate) fn zones() -> &'static [ZoneGroup] {
    OWN_ZONES.get().unwrap_or(&ZONES)
}

/// The 101 départements, by code.
pub fn departements() -> &'static [Departement] {
    &DEPARTEMENTS
}

/// What deliveries write in place of a département for the overseas territories that are none.
pub(crate) fn autres_departements() -> &'static [Nom] {
    &AUTRES_DEPARTEMENTS
}

/// The 34 969 communes, by INSEE code.
pub fn communes() -> &'static [Commune] {
    &COMMUNES
}

/// The names that communes bore until they changed them or merged (INSEE, 2011 to 2026), by INSEE code; a code may have had several.
pub(crate) fn former_communes() -> &'static [FormerCommune] {
    &FORMER_COMMUNES
}

/// The foreign countries, and the territories that the networks count as such, in French alphabetical order.
pub(crate) fn pays() -> &'static [Nom] {
    &PAYS
}

/// The 13 lengths of stay.
pub(crate) fn durees() -> &'static [Duree] {
    DUREES
}

/// The three provenances: local, non local, abroad.
pub(crate) fn provenances() -> &'static [Nom] {
    &PROVENANCES
}

/// The ten visitor categories.
pub(crate) fn categories() -> &'static [Nom] {
    &CATEGORIES
}

/// The names of each row of a dimension: the one that is stored first, then those under which deliveries write it too. Communes have only
/// their own, which several may share; EPCIs have none here.
pub fn names(dim: Dim) -> Vec<Vec<&'static str>> {
    let of_list = |list: &'static [Nom]| list.iter().map(|known| with(known.nom, &known.equivalents)).collect();
    fn with(name: &'static str, others: &[&'static str]) -> Vec<&'static str> {
        std::iter::once(name).chain(others.iter().copied()).collect()
    }
    match dim {
        Dim::Zone => zones().iter().map(|group| with(group.zone, &group.equivalents)).collect(),
        Dim::Departement => departements().iter().map(|known| vec![known.nom]).collect(),
        Dim::Duree => durees().iter().map(|known| with(known.libelle, known.equivalents)).collect(),
        Dim::Commune => communes().iter().map(|known| vec![known.nom]).collect(),
        Dim::Pays => of_list(pays()),
        Dim::Provenance => of_list(provenances()),
        Dim::Categorie => of_list(categories()),
        _ => Vec::new(),
    }
}

/// The code of the département in an INSEE code: `15014` → `15`, `2A004` → `2A`, `97105` → `971`.
pub(crate) fn departement_of_insee(code_insee: &str) -> &str {
    let length = if code_insee.starts_with("97") || code_insee.starts_with("98") { 3 } else { 2 };
    code_insee.get(..length).unwrap_or(code_insee)
}

/// The codes of the metropolitan départements that touch `code`; none for the overseas ones and unknown codes.
pub fn neighbours(code: &str) -> &'static [&'static str] {
    ADJACENCY.iter().find(|(departement, _)| *departement == code).map_or(&[], |(_, neighbours)| *neighbours)
}

#[rustfmt::skip]
const ADJACENCY: &[(&str, &[&str])] = &[
    ("01", &["38", "39", "69", "71", "73", "74"]),
    ("02", &["08", "51", "59", "60", "77", "80"]),
    ("03", &["18", "23", "42", "58", "63", "71"]),
    ("04", &["05", "06", "26", "83", "84"]),
    ("05", &["04", "26", "38", "73"]),
    ("06", &["04", "83"]),
    ("07", &["26", "30", "38", "42", "43", "48", "84"]),
    ("08", &["02", "51", "55"]),
    ("09", &["11", "31", "66"]),
    ("10", &["21", "51", "52", "77", "89"]),
    ("11", &["09", "31", "34", "66", "81"]),
    ("12", &["15", "30", "34", "46", "48", "81", "82"]),
    ("13", &["30", "83", "84"]),
    ("14", &["27", "50", "61"]),
    ("15", &["12", "19", "43", "46", "48", "63"]),
    ("16", &["17", "24", "79", "86", "87"]),
    ("17", &["16", "24", "33", "79", "85"]),
    ("18", &["03", "23", "36", "41", "45", "58"]),
    ("19", &["15", "23", "24", "46", "63", "87"]),
    ("21", &["10", "39", "52", "58", "70", "71", "89"]),
    ("22", &["29", "35", "56"]),
    ("23", &["03", "18", "19", "36", "63", "87"]),
    ("24", &["16", "17", "19", "33", "46", "47", "87"]),
    ("25", &["39", "70", "90"]),
    ("26", &["04", "05", "07", "38", "84"]),
    ("27", &["14", "28", "60", "61", "76", "78", "95"]),
    ("28", &["27", "41", "45", "61", "72", "78", "91"]),
    ("29", &["22", "56"]),
    ("2A", &["2B"]),
    ("2B", &["2A"]),
    ("30", &["07", "12", "13", "34", "48", "84"]),
    ("31", &["09", "11", "32", "65", "81", "82"]),
    ("32", &["31", "40", "47", "64", "65", "82"]),
    ("33", &["17", "24", "40", "47"]),
    ("34", &["11", "12", "30", "81"]),
    ("35", &["22", "44", "49", "50", "53", "56"]),
    ("36", &["18", "23", "37", "41", "86", "87"]),
    ("37", &["36", "41", "49", "72", "86"]),
    ("38", &["01", "05", "07", "26", "42", "69", "73"]),
    ("39", &["01", "21", "25", "70", "71"]),
    ("40", &["32", "33", "47", "64"]),
    ("41", &["18", "28", "36", "37", "45", "72"]),
    ("42", &["03", "07", "38", "43", "63", "69", "71"]),
    ("43", &["07", "15", "42", "48", "63"]),
    ("44", &["35", "49", "56", "85"]),
    ("45", &["18", "28", "41", "58", "77", "89", "91"]),
    ("46", &["12", "15", "19", "24", "47", "82"]),
    ("47", &["24", "32", "33", "40", "46", "82"]),
    ("48", &["07", "12", "15", "30", "43"]),
    ("49", &["35", "37", "44", "53", "72", "79", "85", "86"]),
    ("50", &["14", "35", "53", "61"]),
    ("51", &["02", "08", "10", "52", "55", "77"]),
    ("52", &["10", "21", "51", "55", "70", "88"]),
    ("53", &["35", "49", "50", "61", "72"]),
    ("54", &["55", "57", "67", "88"]),
    ("55", &["08", "51", "52", "54", "88"]),
    ("56", &["22", "29", "35", "44"]),
    ("57", &["54", "67"]),
    ("58", &["03", "18", "21", "45", "71", "89"]),
    ("59", &["02", "62", "80"]),
    ("60", &["02", "27", "76", "77", "80", "95"]),
    ("61", &["14", "27", "28", "50", "53", "72"]),
    ("62", &["59", "80"]),
    ("63", &["03", "15", "19", "23", "42", "43"]),
    ("64", &["32", "40", "65"]),
    ("65", &["31", "32", "64"]),
    ("66", &["09", "11"]),
    ("67", &["54", "57", "68", "88"]),
    ("68", &["67", "88", "90"]),
    ("69", &["01", "38", "42", "71"]),
    ("70", &["21", "25", "39", "52", "88", "90"]),
    ("71", &["01", "03", "21", "39", "42", "58", "69"]),
    ("72", &["28", "37", "41", "49", "53", "61"]),
    ("73", &["01", "05", "38", "74"]),
    ("74", &["01", "73"]),
    ("75", &["92", "93", "94"]),
    ("76", &["27", "60", "80"]),
    ("77", &["02", "10", "45", "51", "60", "89", "91", "93", "94", "95"]),
    ("78", &["27", "28", "91", "92", "95"]),
    ("79", &["16", "17", "49", "85", "86"]),
    ("80", &["02", "59", "60", "62", "76"]),
    ("81", &["11", "12", "31", "34", "82"]),
    ("82", &["12", "31", "32", "46", "47", "81"]),
    ("83", &["04", "06", "13", "84"]),
    ("84", &["04", "07", "13", "26", "30", "83"]),
    ("85", &["17", "44", "49", "79"]),
    ("86", &["16", "36", "37", "49", "79", "87"]),
    ("87", &["16", "19", "23", "24", "36", "86"]),
    ("88", &["52", "54", "55", "67", "68", "70", "90"]),
    ("89", &["10", "21", "45", "58", "77"]),
    ("90", &["25", "68", "70", "88"]),
    ("91", &["28", "45", "77", "78", "92", "94"]),
    ("92", &["75", "78", "91", "93", "94", "95"]),
    ("93", &["75", "77", "92", "94", "95"]),
    ("94", &["75", "77", "91", "92", "93"]),
    ("95", &["27", "60", "77", "78", "92", "93"]),
];

/// The data lines of an embedded file as `N` fields each. Borrowing keeps the 175 000 fields of the communes free of
/// allocations, which the csv crate would make; a unit test holds the two against each other.
fn rows<const N: usize>(text: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    text.lines().skip(1).filter(|line| !line.is_empty()).map(fields)
}

fn fields<const N: usize>(line: &'static str) -> [&'static str; N] {
    let mut rest = line;
    std::array::from_fn(|_| {
        let end = field_end(rest);
        let field = rest.get(..end).unwrap_or_default();
        rest = rest.get(end + 1..).unwrap_or_default();
        unquoted(field)
    })
}

/// Where the first field of `line` ends: at the first separator outside quotes.
fn field_end(line: &str) -> usize {
    let mut quoted = false;
    for (index, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b';' if !quoted => return index,
            _ => {}
        }
    }
    line.len()
}

fn unquoted(field: &'static str) -> &'static str {
    match field.strip_prefix('"').and_then(|field| field.strip_suffix('"')) {
        // A few dozen names, once: they live as long as the program, as the rest of the data does.
        Some(inner) if inner.contains("\"\"") => inner.replace("\"\"", "\"").leak(),
        Some(inner) => inner,
        None => field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use unicode_normalization::UnicodeNormalization;

    fn by_csv_crate(text: &str) -> Vec<Vec<String>> {
        csv::ReaderBuilder::new()
            .delimiter(b';')
            .from_reader(text.as_bytes())
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect()
    }

    fn folded(name: &str) -> String {
        name.nfd().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
    }

    fn assert_distinct<'a>(names: impl IntoIterator<Item = &'a str>) {
        let mut seen = BTreeMap::new();
        for name in names {
            if let Some(other) = seen.insert(folded(name), name) {
                panic!("{name} and {other} are one name when folded");
            }
        }
    }

    #[test]
    fn communes_read_as_the_csv_crate_reads_them() {
        let expected = by_csv_crate(include_str!("../../../../reference/communes.csv"));
        assert_eq!(expected.len(), 34_969);
        assert_eq!(communes().len(), 34_969);
        for (commune, expected) in communes().iter().zip(&expected) {
            let fields = [commune.code_insee, commune.nom, commune.departement, commune.code_epci, commune.nom_epci];
            assert_eq!(fields.as_slice(), expected);
        }
    }

    #[test]
    fn departements_read_as_the_csv_crate_reads_them() {
        let expected = by_csv_crate(include_str!("../../../../reference/departements.csv"));
        assert_eq!(departements().len(), 101);
        for (d, expected) in departements().iter().zip(&expected) {
            assert_eq!([d.code, d.nom, d.ancienne_region, d.nouvelle_region].as_slice(), expected);
        }
    }

    #[test]
    fn lists_have_their_known_sizes_and_no_two_names_that_fold_to_one() {
        assert_eq!(zones().iter().filter(|zone| zone.visible).count(), 11);
        assert_eq!(pays().len(), 243);
        assert_eq!(former_communes().len(), 2711);
        assert_eq!(former_communes().iter().filter(|former| former.is_gone()).count(), 1846);
        assert_eq!(durees().len(), 13);
        assert_eq!(provenances().len(), 3);
        assert_eq!(categories().len(), 10);
        assert_distinct(zones().iter().map(|zone| zone.zone));
        assert_distinct(pays().iter().map(|pays| pays.nom));
        assert_distinct(departements().iter().map(|d| d.nom).chain(autres_departements().iter().map(|d| d.nom)));
        assert_distinct(durees().iter().map(|duree| duree.libelle));
        assert_distinct(categories().iter().map(|categorie| categorie.nom));
    }

    #[test]
    fn a_name_of_a_zone_or_country_belongs_to_one_group() {
        let zones_and_countries = [
            ZONES.iter().map(|zone| (zone.zone, &zone.equivalents)).collect::<Vec<_>>(),
            pays().iter().map(|pays| (pays.nom, &pays.equivalents)).collect(),
        ];
        for groups in zones_and_countries {
            let mut owners: BTreeMap<String, &str> = BTreeMap::new();
            for (first, equivalents) in groups {
                for name in equivalents.iter().chain([&first]) {
                    let owner = owners.entry(folded(name)).or_insert(first);
                    assert_eq!(*owner, first, "{name}");
                }
            }
        }
        let aurillac = zones().iter().find(|group| group.zone == "PAYS D'AURILLAC").unwrap();
        assert_eq!(aurillac.equivalents, ["CABA", "CA DU BASSIN D'AURILLAC", "PAYS D AURILLAC", "PAYS DAURILLAC"]);
        assert!(zones()[0].equivalents.is_empty(), "CANTAL has none");
    }

    #[test]
    fn a_state_named_after_its_country_is_known_with_a_comma_as_with_brackets() {
        let known: BTreeSet<&str> = pays().iter().flat_map(|pays| pays.equivalents.iter().copied()).collect();
        let kinds = ["RÉPUBLIQUE", "ÉTAT", "ÎLE", "FÉDÉRATION", "EX-RÉPUBLIQUE", "PROVINCE"];
        let bracketed = known.iter().filter_map(|name| name.strip_suffix(')')?.split_once(" ("));
        let states: Vec<_> =
            bracketed.filter(|(_, state)| kinds.iter().any(|kind| state.to_uppercase().starts_with(kind))).collect();
        assert!(states.len() > 30, "{states:?}");
        for (country, state) in states {
            assert!(known.contains(format!("{country}, {state}").as_str()), "{country}, {state}");
        }
    }

    #[test]
    fn an_observatory_brings_its_own_zones_in_the_encoding_of_its_spreadsheet() {
        let zones = own_zones(
            "\u{feff}zone;noms_equivalents;visible\nGévaudan;gevaudan | Mende Cœur;oui\nAubrac;;non\n".as_bytes(),
        )
        .unwrap();
        assert_eq!(
            (zones[0].zone, zones[0].equivalents.as_slice()),
            ("GÉVAUDAN", ["GEVAUDAN", "MENDE CŒUR"].as_slice())
        );
        assert!(zones[0].visible && !zones[1].visible);
        assert_eq!(own_zones(b"zone;noms_equivalents\nG\xe9vaudan;\n").unwrap()[0].zone, "GÉVAUDAN");
        for (file, blame) in [
            ("zone\n", "aucune zone"),
            ("zone;noms\n;CABA\n", "ligne 2"),
            ("zone;noms\nAubrac;\nMargeride;AUBRAC\n", "lignes 2 et 3"),
            ("zone,noms_equivalents,visible\nAubrac,,oui\n", "ligne 1"),
            ("Aubrac;;oui\nMargeride;;oui\n", "ligne 1"),
            ("z\0o\0n\0e\0;\0", "ligne 1"),
            (
                "zone;noms_equivalents;visible\nAubrac;AUBRAC LOZERIEN;NON\nMargeride;HAUTE MARGERIDE;MARGERIDE EST;oui\n",
                "ligne 3",
            ),
        ] {
            let refused = own_zones(file.as_bytes()).unwrap_err();
            assert!(refused.contains(blame), "{refused}");
        }
    }

    #[test]
    fn stays_run_from_one_night_to_thirteen_and_more() {
        for (duree, nights) in durees().iter().zip(1..) {
            assert_eq!((duree.nb_nuits, duree.ordre), (nights, nights));
            assert!(duree.libelle.starts_with(&format!("{nights} NUIT")));
        }
        assert_eq!(durees()[0].equivalents, ["1 NUITS", "1N"]);
        assert_eq!(durees()[12].libelle, "13 NUITS ET PLUS");
    }

    #[test]
    fn the_departement_is_read_from_the_insee_code() {
        for (code, departement) in [
            ("15014", "15"),
            ("2A004", "2A"),
            ("01001", "01"),
            ("97105", "971"),
            ("98832", "988"),
            ("é", "é"),
            ("", ""),
        ] {
            assert_eq!(departement_of_insee(code), departement);
        }
        for commune in communes() {
            assert_eq!(departement_of_insee(commune.code_insee), commune.departement, "{commune:?}");
        }
    }

    #[test]
    fn neighbours_are_symmetric_and_cover_the_96_metropolitan_departements() {
        let metropolitan: BTreeSet<_> = departements().iter().map(|d| d.code).filter(|code| code.len() == 2).collect();
        assert_eq!(metropolitan.len(), 96);
        assert_eq!(ADJACENCY.iter().map(|(code, _)| *code).collect::<BTreeSet<_>>(), metropolitan);
        assert_eq!(ADJACENCY.len(), 96);
        for (code, others) in ADJACENCY {
            assert!(others.is_sorted() && !others.contains(code), "{code}");
            for other in *others {
                assert!(neighbours(other).contains(code), "{other} touches {code}, not the other way round");
            }
        }
        assert_eq!(neighbours("15"), ["12", "19", "43", "46", "48", "63"]);
        assert!(neighbours("971").is_empty() && neighbours("?").is_empty());
    }

    /// An intercommunal body is of one piece, so two départements that share one touch: communes.csv against us.
    #[test]
    fn departements_that_share_an_intercommunal_body_are_neighbours() {
        let mut bodies: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for commune in communes().iter().filter(|commune| !commune.code_epci.is_empty()) {
            bodies.entry(commune.code_epci).or_default().insert(commune.departement);
        }
        let pairs: Vec<_> = bodies.values().filter(|d| d.len() == 2).map(|d| d.iter().collect::<Vec<_>>()).collect();
        assert!(pairs.len() > 20, "{} bodies span two départements", pairs.len());
        for pair in pairs {
            assert!(neighbours(pair[0]).contains(pair[1]), "{pair:?}");
        }
    }
}
