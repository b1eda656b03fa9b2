//! Names as older scripts left them in the dimensions: damaged, empty, or one thing in two rows.

use std::collections::{BTreeMap, HashMap, HashSet};

use mysql::Value;

use crate::db::Session;
use crate::dims;
use crate::domain::catalogue::{DIMS, Dim};
use crate::domain::communes;
use crate::domain::names::{Locality, Resolution, Resolver, Row, fold, is_damaged, normalise, saint};
use crate::domain::reference;
use crate::error::{Error, Result};
use crate::ledger::adoption;
use crate::report::{Code, Finding, plural, some_of};
use crate::setup::rows;

/// Rows of one dimension whose names lost letters or were read in a wrong encoding.
#[derive(Debug)]
pub(crate) struct Damaged {
    dim: Dim,
    /// Id, stored name, sound name, where one thing alone can be meant.
    pub(crate) known: Vec<(u32, String, String)>,
    /// Those that could mean several things, or none.
    pub(crate) unknown: Vec<(u32, String)>,
    folded: HashSet<String>,
}

/// The names of a stored dimension, by id; those of communes with their INSEE code.
pub(crate) fn stored(session: &mut Session, dim: Dim) -> Result<Vec<(u32, String, Option<String>)>> {
    let spec = dim.spec();
    let mut read = |code: &str| {
        // A number below 0 is told by the adoption, and none that a fact of ours bears.
        let sql = format!(
            "SELECT {id}, COALESCE({}, ''), {code} FROM {} WHERE {id} >= 0 ORDER BY {id}",
            spec.name,
            spec.table,
            id = spec.id
        );
        session.rows(&format!("lecture de {}", spec.table), &sql, ())
    };
    if dim != Dim::Commune {
        return read("NULL");
    }
    match read("NULLIF(code_insee, '')") {
        // The oldest tables have names alone.
        Err(error) if error.is_unknown_column() => read("NULL"),
        rows => rows,
    }
}

/// Reads the names and finds the damaged ones.
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
pub(crate) fn damaged(session: &mut Session, dim: Dim) -> Result<Damaged> {
    let width = narrow_width(session, dim)?;
    let remembered = adoption::cut_off(session, dim.spec().table)?;
    let is_full = |id: u32, name: &str| {
        width == Some(name.chars().count() as u64) || remembered.iter().any(|(known, cut)| *known == id && cut == name)
    };
    let is_lossy = |name: &str| is_damaged(name) || misread(name).is_some();
    let rows: Vec<_> =
        stored(session, dim)?.into_iter().filter(|(id, name, _)| is_lossy(name) || is_full(*id, name)).collect();
    let mut found = Damaged { dim, known: Vec::new(), unknown: Vec::new(), folded: HashSet::new() };
    if rows.is_empty() {
        return Ok(found);
    }
    let reference = Reference::of(dim);
    for (id, name, code) in rows {
        let meaning = reference.meaning(&name, code.as_deref());
        match meaning
            .filter(|_| is_lossy(&name))
            .map_or_else(|| reference.beginning(&name, code.as_deref()), Begun::One)
        {
            Begun::One(sound) => found.known.push((id, name, sound)),
            Begun::None if !is_lossy(&name) => {}
            Begun::None | Begun::Several => found.unknown.push((id, name)),
        }
    }
    found.folded = found.known.iter().map(|(_, _, sound)| fold(sound)).collect();
    Ok(found)
}

/// Characters that the column of the names has place for, where that is less than the tools give it.
fn narrow_width(session: &mut Session, dim: Dim) -> Result<Option<u64>> {
    let spec = dim.spec();
    let sql = "SELECT CAST(character_maximum_length AS UNSIGNED) FROM information_schema.columns \
               WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ? AND data_type IN ('char', 'varchar')";
    let width: Option<u64> = session.first(&format!("lecture de {}", spec.table), sql, (spec.table, spec.name))?;
    let given = spec.name_type.split(['(', ')']).nth(1).and_then(|digits| digits.parse().ok());
    Ok(width.filter(|width| given.is_some_and(|given: u64| *width < given)))
}

impl Damaged {
    /// Whether a damaged row is meant for this name.
    pub(crate) fn stands_for(&self, name: &str) -> bool {
        self.folded.contains(&fold(&normalise(self.dim, name)))
    }

    /// What stands for one thing alone, and what mends it.
    pub(crate) fn repairable(&self) -> Option<Finding> {
        let known = self.known.iter().map(|(id, name, sound)| format!("« {name} » (id {id}) → {sound}"));
        let finding = self.finding("dans la base", &known.collect::<Vec<_>>());
        finding.map(|finding| finding.action("adopt-database --apply les répare"))
    }

    /// What may be several things, or none.
    pub(crate) fn unreadable(&self) -> Option<Finding> {
        let unknown = self.unknown.iter().map(|(id, name)| format!("« {name} » (id {id})"));
        let finding = self.finding("dont rien ne dit le sens", &unknown.collect::<Vec<_>>());
        finding.map(|finding| finding.action("corrigez-les à la main d'après les fichiers d'Orange"))
    }

    fn finding(&self, what: &str, names: &[String]) -> Option<Finding> {
        let count = plural(names.len() as u64, "nom abîmé", "noms abîmés");
        let message = format!("{count} {what} : {}", some_of(names, 5));
        let finding = Finding::attention(Code::NameDamaged, self.dim.spec().table, message);
        (!names.is_empty()).then_some(finding)
    }
}

/// What a name is the beginning of.
enum Begun {
    None,
    One(String),
    Several,
}

/// The sound names, to be asked what a damaged one means.
struct Reference {
    dim: Dim,
    resolver: Resolver,
}

impl Reference {
    fn of(dim: Dim) -> Self {
        let named = |names: Vec<String>| names.into_iter().zip(1..).map(|(name, id)| Row::new(id, name)).collect();
        let rows: Vec<Row> = match dim {
            Dim::Commune => (1..)
                .zip(communes::all())
                .map(|(id, commune)| Row {
                    id: Some(id),
                    name: normalise(dim, commune.nom),
                    departement: Some(commune.departement.to_owned()),
                    epci: 0,
                    insee: Some(commune.code_insee.to_owned()),
                })
                .collect(),
            Dim::Epci => named(rows::epcis()),
            // Every name of a group is a name to be restored as it was.
            dim => {
                let groups = dims::groups(dim).into_iter().flatten().map(|name| normalise(dim, &name));
                let mut seen = HashSet::new();
                let all = rows::reference_rows(dim).into_iter().map(|(name, _)| name).chain(groups);
                named(all.filter(|name| seen.insert(fold(name))).collect())
            }
        };
        Self { dim, resolver: Resolver::new(dim, rows, &[], Locality::default()) }
    }

    /// What a name can have been that fills its column and may be cut off there.
    fn beginning(&self, name: &str, code: Option<&str>) -> Begun {
        let begun = fold(&normalise(self.dim, name));
        let folded = |name: &str| fold(&normalise(self.dim, name));
        if let Some((code, today)) = code.and_then(|code| Some((code, communes::name_of(code.trim())?))) {
            let names: Vec<String> = communes::names_of(code.trim()).map(folded).collect();
            let is_cut = names.iter().any(|name| name.starts_with(&begun)) && !names.contains(&begun);
            return if is_cut && !begun.is_empty() { Begun::One(normalise(self.dim, today)) } else { Begun::None };
        }
        let rows = self.resolver.rows().iter().map(|row| (folded(&row.name), &row.name));
        let longer: Vec<(String, &String)> = rows.filter(|(plain, _)| plain.starts_with(&begun)).collect();
        // What is a name by itself was not cut.
        match longer.as_slice() {
            [] => Begun::None,
            some if begun.is_empty() || some.iter().any(|(plain, _)| *plain == begun) => Begun::None,
            [(first, sound), rest @ ..] if rest.iter().all(|(plain, _)| plain == first) => Begun::One((*sound).clone()),
            _ => Begun::Several,
        }
    }

    /// The sound name that this one was.
    fn meaning(&self, name: &str, code: Option<&str>) -> Option<String> {
        if let Some(read) = misread(name) {
            let sound = normalise(self.dim, &read);
            if !is_damaged(&sound) {
                return Some(self.found(&sound, code).unwrap_or(sound));
            }
        }
        self.found(name, code)
    }

    fn found(&self, name: &str, code: Option<&str>) -> Option<String> {
        let resolution = match self.dim {
            Dim::Commune => self.resolver.resolve_commune(code, name, None),
            _ => self.resolver.resolve(name),
        };
        match resolution {
            Resolution::Found(row) => self.resolver.rows().get(row as usize).map(|row| row.name.clone()),
            _ => None,
        }
    }
}

/// What a name was before somebody read its UTF-8 as Windows-1252, be it more than once: `CÃ‰VENNES` was `CÉVENNES`.
pub(crate) fn misread(name: &str) -> Option<String> {
    let mut read = read_again(name)?;
    while let Some(further) = read_again(&read) {
        read = further;
    }
    Some(read)
}

fn read_again(name: &str) -> Option<String> {
    if name.is_ascii() {
        return None;
    }
    let (bytes, _, unmappable) = encoding_rs::WINDOWS_1252.encode(name);
    let read = if unmappable { None } else { std::str::from_utf8(&bytes).ok() };
    read.filter(|read| *read != name).map(str::to_owned)
}

/// Writes the sound names, in the transaction of `session`; one whose sound name another row bears is left, for the two are to be
/// merged. Returns how many were mended.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn repair(session: &mut Session, dim: Dim) -> Result<u64> {
    let spec = dim.spec();
    let found = damaged(session, dim)?;
    // What is left of a damaged name may be, folded, what it was: its own row takes no name away.
    let mut bearers: HashMap<String, Vec<u32>> = HashMap::new();
    for (id, name, _) in stored(session, dim)? {
        bearers.entry(fold(&normalise(dim, &name))).or_default().push(id);
    }
    let taken = |sound: &str, own: u32| bearers.get(&fold(sound)).is_some_and(|ids| ids.iter().any(|id| *id != own));
    let mut mended = 0;
    let mut given = HashSet::new();
    for (id, _, sound) in &found.known {
        let free = dim == Dim::Commune || (!taken(sound, *id) && given.insert(fold(sound)));
        if free {
            let sql = format!("UPDATE {} SET {} = ? WHERE {} = ?", spec.table, spec.name, spec.id);
            let params: Vec<Value> = vec![sound.into(), (*id).into()];
            mended += session.exec(&format!("réparation dans {}", spec.table), &sql, params)?;
        }
    }
    Ok(mended)
}

/// Remembers the names that their columns cut off, while these are as short as that: of a wider one nothing tells it.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn remember_cut(session: &mut Session) -> Result<()> {
    for dim in DIMS.iter().map(|spec| spec.dim) {
        let found = match damaged(session, dim) {
            Err(Error::MissingTable { .. }) => continue,
            found => found?,
        };
        let Some(width) = narrow_width(session, dim)? else { continue };
        let known = found.known.iter().map(|(id, name, _)| (id, name));
        for (id, name) in known.chain(found.unknown.iter().map(|(id, name)| (id, name))) {
            if name.chars().count() as u64 == width {
                adoption::record_cut_off(session, dim.spec().table, *id, name)?;
            }
        }
    }
    Ok(())
}

/// Names of the communes that lack theirs, from their INSEE code: id and name.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn nameless_communes(session: &mut Session) -> Result<Vec<(u32, String)>> {
    let rows: Vec<_> =
        stored(session, Dim::Commune)?.into_iter().filter(|(_, name, _)| name.trim().is_empty()).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let named = |(id, _, code): (u32, String, Option<String>)| {
        Some((id, normalise(Dim::Commune, communes::name_of(code?.trim())?)))
    };
    Ok(rows.into_iter().filter_map(named).collect())
}

/// Gives them, in the transaction of `session`; returns how many.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn name_communes(session: &mut Session) -> Result<u64> {
    let named = nameless_communes(session)?;
    for (id, name) in &named {
        let sql = "UPDATE dim_communes SET nom_commune = ? WHERE id_commune = ?";
        session.exec("noms de dim_communes", sql, (name, id))?;
    }
    Ok(named.len() as u64)
}

/// A commune whose row lacks its INSEE code or its département, or whose code is not as INSEE writes it.
#[derive(Debug)]
pub(crate) struct Unplaced {
    pub(crate) id: u32,
    pub(crate) name: String,
    /// The INSEE codes that it can have.
    pub(crate) codes: Vec<&'static str>,
    /// What is to be written where it can have one alone: code, number of the département. None where nothing is.
    pub(crate) missing: Option<(Option<&'static str>, Option<u32>)>,
    /// Whether the one code that it can have is that of another row.
    pub(crate) is_twin: bool,
}

/// Finds them; none in a table that does not know what they lack.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn unplaced(session: &mut Session) -> Result<Vec<Unplaced>> {
    let sql = "SELECT id_commune, COALESCE(nom_commune, ''), code_insee, NULLIF(id_departement, 0) \
               FROM dim_communes WHERE id_commune >= 0 AND (code_insee IS NULL OR TRIM(code_insee) = '' \
               OR CHAR_LENGTH(code_insee) <> 5 OR CAST(code_insee AS BINARY) <> CAST(UPPER(code_insee) AS BINARY) \
               OR COALESCE(id_departement, 0) = 0) ORDER BY id_commune";
    type Stored = (u32, String, Option<String>, Option<u32>);
    let rows: Vec<Stored> = Error::or_nothing(session.rows("lecture de dim_communes", sql, ()))?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut places: HashMap<u32, &str> = HashMap::new();
    let departements = Error::or_nothing(stored(session, Dim::Departement))?;
    for (id, name, _) in departements {
        if let Some(code) = reference::departement_code(&fold(&normalise(Dim::Departement, &name))) {
            numbers.entry(code).or_insert(id);
            places.insert(id, code);
        }
    }
    let taken: HashSet<String> = stored(session, Dim::Commune)?.into_iter().filter_map(|(.., code)| code).collect();
    let mut found = Vec::new();
    for (id, name, written, departement) in rows {
        let code = written.as_deref().map(str::trim).filter(|code| !code.is_empty());
        let codes: Vec<&'static str> = match code {
            Some(code) => communes::known(&communes::formed(code)).into_iter().collect(),
            None if name.trim().is_empty() => continue,
            None => {
                let place = departement.map(|id| places.get(&id).copied().unwrap_or_default());
                let bears = |code: &&&str| place.is_none_or(|place| reference::departement_of_insee(code) == place);
                communes::bearers(&communes::key(&name)).iter().filter(bears).copied().collect()
            }
        };
        let only = if codes.len() == 1 { codes.first().copied() } else { None };
        // Some islands are in no département.
        let has_place = |only: &&str| {
            let place = reference::departement_of_insee(only);
            reference::departements().iter().any(|known| known.code == place)
        };
        if code.is_some() && only.as_ref().is_some_and(|only| !has_place(only)) {
            continue;
        }
        // What bears it already is another row, unless it is this one.
        let is_own = |only: &str| written.as_deref() == Some(only);
        let is_twin = only.is_some_and(|only| !is_own(only) && taken.contains(only));
        let number = only.and_then(|only| numbers.get(reference::departement_of_insee(only)).copied());
        let missing = (only.filter(|only| !is_own(only) && !is_twin), number.filter(|_| departement.is_none()));
        let missing = Some(missing).filter(|missing| *missing != (None, None));
        found.push(Unplaced { id, name, codes, missing, is_twin });
    }
    Ok(found)
}

/// Writes code and département of the communes that can have one alone, in the transaction of `session`; returns how many.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn place_communes(session: &mut Session) -> Result<u64> {
    let (mut placed, mut given) = (0, HashSet::new());
    for found in unplaced(session)? {
        let Some((code, departement)) = found.missing else { continue };
        // Of two rows of one name the second is a twin of the first from now on.
        let code = code.filter(|code| given.insert(*code));
        let sql = "UPDATE dim_communes SET code_insee = COALESCE(?, code_insee), \
                   id_departement = COALESCE(NULLIF(id_departement, 0), ?) WHERE id_commune = ?";
        placed += session.exec("codes de dim_communes", sql, (code, departement, found.id))?;
    }
    Ok(placed)
}

/// Rows of one dimension that mean the same thing, the one to keep first: id and name.
pub(crate) type Twins = Vec<(u32, String)>;

/// Finds them beside what is known of the damaged names. Names that the reference holds for one thing are no twins unless they are the same name; of communes see [`commune_twins`].
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
pub(crate) fn twins(session: &mut Session, damaged: &Damaged) -> Result<Vec<Twins>> {
    let dim = damaged.dim;
    if dim == Dim::Commune {
        return commune_twins(session, damaged);
    }
    let sound = |id: u32| damaged.known.iter().find(|(known, ..)| *known == id).map(|(_, _, sound)| sound.clone());
    let mut same: BTreeMap<String, Vec<(bool, u32, String)>> = BTreeMap::new();
    for (id, name, _) in stored(session, dim)? {
        let meant = sound(id);
        let plain = fold(&meant.clone().unwrap_or_else(|| normalise(dim, &name)));
        if plain.is_empty() {
            continue;
        }
        same.entry(plain).or_default().push((meant.is_some(), id, name));
    }
    let several = same.into_values().filter(|rows| rows.len() > 1);
    Ok(several
        .map(|mut rows| {
            rows.sort();
            rows.into_iter().map(|(_, id, name)| (id, name)).collect()
        })
        .collect())
}

/// Names that the reference holds for one thing and the database in several rows beside its twins: the row that tools take comes first,
/// history stays with the others.
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
pub(crate) fn splits(session: &mut Session, dim: Dim, twins: &[Twins]) -> Result<Vec<Twins>> {
    let groups = dims::groups(dim);
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let is_twin = |id: u32| twins.iter().flatten().any(|(twin, _)| *twin == id);
    let rows: Vec<(u32, String, String)> = stored(session, dim)?
        .into_iter()
        .filter(|(id, ..)| !is_twin(*id))
        .map(|(id, name, _)| (id, normalise(dim, &name), name))
        .collect();
    let mut splits = Vec::new();
    for group in groups {
        let members: Vec<String> = group.iter().map(|member| normalise(dim, member)).collect();
        let rank = |name: &str| {
            let exact = members.iter().position(|member| member == name);
            exact.or_else(|| members.iter().position(|member| fold(member) == fold(name)))
        };
        let mut found: Vec<(usize, u32, &String)> =
            rows.iter().filter_map(|(id, plain, name)| Some((rank(plain)?, *id, name))).collect();
        if found.len() > 1 {
            found.sort_unstable();
            splits.push(found.into_iter().map(|(_, id, name)| (id, name.clone())).collect());
        }
    }
    Ok(splits)
}

/// Code of the département of each commune, by the commune's id; an older table may not know it.
fn departements_of_communes(session: &mut Session) -> Result<HashMap<u32, String>> {
    let sql = "SELECT c.id_commune, COALESCE(d.nom_departement, '') FROM dim_communes c \
               JOIN dim_departements d ON d.id_departement = c.id_departement";
    let named: Vec<(u32, String)> = Error::or_nothing(session.rows("départements des communes", sql, ()))?;
    let coded = |(id, name): (u32, String)| Some((id, reference::departement_code(&fold(&name))?.to_owned()));
    Ok(named.into_iter().filter_map(coded).collect())
}

/// Rows of one INSEE code, and rows without a code beside the only one of their name and département. Two codes are two communes, even
/// where one name was borne by both.
fn commune_twins(session: &mut Session, damaged: &Damaged) -> Result<Vec<Twins>> {
    let sound: HashMap<u32, &str> = damaged.known.iter().map(|(id, _, sound)| (*id, sound.as_str())).collect();
    let departements = departements_of_communes(session)?;
    // The row to keep comes first: of a code as INSEE writes it, with a sound name, the oldest.
    type Ranked = (u8, bool, u32, String);
    // Name and département → codes that bear them, and rows without a code.
    let mut by_name: BTreeMap<(String, String), (HashSet<String>, Vec<Ranked>)> = BTreeMap::new();
    let mut by_code: BTreeMap<String, Vec<Ranked>> = BTreeMap::new();
    for (id, name, code) in stored(session, Dim::Commune)? {
        let plain = normalise(Dim::Commune, sound.get(&id).copied().unwrap_or(&name));
        let plain = fold(&saint(&plain).unwrap_or(plain));
        let formed = code.as_deref().map(communes::formed);
        let formed = formed.filter(|code| code != "00000");
        let rank = if formed.is_none() { 2 } else { u8::from(formed != code) };
        let code = formed;
        let place = match &code {
            Some(code) => Some(reference::departement_of_insee(code).to_owned()),
            None => departements.get(&id).cloned().or_else(|| {
                let [only] = communes::bearers(&communes::key(sound.get(&id).copied().unwrap_or(&name))) else {
                    return None;
                };
                Some(reference::departement_of_insee(only).to_owned())
            }),
        };
        let row = (rank, sound.contains_key(&id) || name.trim().is_empty(), id, name);
        let named = place.filter(|_| !plain.is_empty()).map(|place| by_name.entry((plain, place)).or_default());
        match (code, named) {
            (Some(code), named) => {
                if let Some((codes, _)) = named {
                    codes.insert(code.clone());
                }
                by_code.entry(code).or_default().push(row);
            }
            (None, Some((_, without))) => without.push(row),
            (None, None) => {}
        }
    }
    let mut groups = Vec::new();
    for (codes, without) in by_name.into_values().filter(|(_, without)| !without.is_empty()) {
        match codes.iter().next() {
            Some(code) if codes.len() == 1 => by_code.entry(code.clone()).or_default().extend(without),
            Some(_) => {}
            None => groups.push(without),
        }
    }
    groups.extend(by_code.into_values());
    let several = groups.into_iter().filter(|rows| rows.len() > 1);
    Ok(several
        .map(|mut rows| {
            rows.sort();
            rows.into_iter().map(|(.., id, name)| (id, name)).collect()
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_8_read_as_windows_1252_is_read_again() {
        assert_eq!(misread("VAL TRUYÃˆRE").as_deref(), Some("VAL TRUYÈRE"));
        assert_eq!(misread("CHÃ‚TAIGNERAIE").as_deref(), Some("CHÂTAIGNERAIE"));
        assert_eq!(misread("CHÂTAIGNERAIE"), None);
        assert_eq!(misread("CORR?ZE"), None);
        assert_eq!(misread("MAURIAC"), None);
    }

    #[test]
    fn a_damaged_name_means_the_only_one_that_fits() {
        let departements = Reference::of(Dim::Departement);
        assert_eq!(departements.meaning("CORR?ZE", None).as_deref(), Some("CORRÈZE"));
        assert_eq!(departements.meaning("PUY-DE-D\u{fffd}ME", None).as_deref(), Some("PUY-DE-DÔME"));
        assert_eq!(departements.meaning("LOIRE?", None), None, "LOIRE or LOIRET");
        let communes = Reference::of(Dim::Commune);
        assert_eq!(communes.meaning("VIC-SUR-C?RE", Some("15258")).as_deref(), Some("VIC-SUR-CÈRE"));
    }
}
