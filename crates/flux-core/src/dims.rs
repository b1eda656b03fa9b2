//! The dimensions in the database: loading them for name resolution, creating rows, filling `dim_dates`.

pub(crate) mod epci;
pub(crate) mod merge;
pub(crate) mod numbers;
pub(crate) mod reunite;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use chrono::NaiveDate;
use mysql::Value;

use crate::db::Session;
use crate::db::marks;
use crate::dims::epci::StoredEpcis;
use crate::domain::calendar::days;
use crate::domain::catalogue::Dim;
use crate::domain::communes;
use crate::domain::names::{Group, Locality, Resolver, Row, fold, nights};
use crate::domain::reference;
use crate::error::{Error, Result};
use crate::settings::Settings;

/// Rows of one multi-row INSERT into a dimension: few enough for the smallest max_allowed_packet.
const BATCH: usize = 100;

/// Where the observatory of département `code` is.
pub(crate) fn locality(code: &str) -> Locality {
    let neighbours = reference::neighbours(code).iter().map(|code| (*code).to_owned()).collect();
    Locality { own: code.to_owned(), neighbours }
}

/// The equivalences of a dimension, the preferred name of each group first.
pub(crate) fn groups(dim: Dim) -> Vec<Group> {
    match dim {
        Dim::Zone => zone_groups(reference::zones()),
        Dim::Provenance => reference::provenances().iter().map(|nom| group(nom.nom, &nom.equivalents)).collect(),
        Dim::Categorie => reference::categories().iter().map(|nom| group(nom.nom, &nom.equivalents)).collect(),
        Dim::Departement => {
            reference::autres_departements().iter().map(|nom| group(nom.nom, &nom.equivalents)).collect()
        }
        Dim::Duree => reference::durees().iter().map(|duree| group(duree.libelle, duree.equivalents)).collect(),
        Dim::Pays => reference::pays().iter().map(|nom| group(nom.nom, &nom.equivalents)).collect(),
        _ => Vec::new(),
    }
}

/// The equivalences of these zones.
pub(crate) fn zone_groups(zones: &[reference::ZoneGroup]) -> Vec<Group> {
    zones.iter().map(|zone| group(zone.zone, &zone.equivalents)).collect()
}

fn group(first: &str, others: &[&str]) -> Group {
    std::iter::once(first).chain(others.iter().copied()).map(str::to_owned).collect()
}

/// Loads a dimension for name resolution.
///
/// # Errors
/// [`Error::EmptyDimension`] unless `may_be_empty`, [`Error::MissingTable`], [`Error::Sql`].
pub(crate) fn load(session: &mut Session, dim: Dim, locality: &Locality, may_be_empty: bool) -> Result<Resolver> {
    let rows = if dim == Dim::Commune { load_communes(session)? } else { load_plain(session, dim)? };
    if rows.is_empty() && !may_be_empty {
        return Err(Error::EmptyDimension { table: dim.spec().table.into() });
    }
    Ok(Resolver::new(dim, rows, &groups(dim), locality.clone()))
}

/// Loads a dimension for the names of a weekly file, which says of a commune neither its code nor its EPCI: the EPCI is the one under
/// which definitive rows of the commune are stored, so that no visitor is counted under two.
///
/// # Errors
/// Those of [`load`].
pub(crate) fn load_weekly(
    session: &mut Session,
    dim: Dim,
    locality: &Locality,
    epcis: &StoredEpcis,
    may_be_empty: bool,
) -> Result<Resolver> {
    let mut resolver = load(session, dim, locality, may_be_empty)?;
    if dim == Dim::Commune {
        resolver.set_epcis(&*epcis.get(session)?);
    }
    Ok(resolver)
}

/// Takes what the home folder says of its observatory for the rest of the process: `reference/zones.csv` in place of the built-in zones,
/// which are those of one département only, and `reference/communes_orange.csv`.
///
/// # Errors
/// [`Error::Config`] for a file that cannot be read, or that says two things of one name, and for a département that is none: names would
/// be looked for as if no commune were the observatory's own.
pub fn use_own_reference(settings: &Settings) -> Result<()> {
    let departement = settings.departement();
    if reference::departement_of(&departement).is_none() {
        return Err(Error::Config {
            message: format!("OBSERVATOIRE_DEPARTEMENT vaut « {departement} », qui n'est le code d'aucun département"),
            hint: "écrivez son code, par exemple OBSERVATOIRE_DEPARTEMENT=48 (2A, 971…)".into(),
        });
    }
    let folder = settings.home.root.join("reference");
    let zones = own_file(&folder.join("zones.csv"), ZONES_HINT, reference::use_zones)?;
    if !zones {
        reference::use_zones_of(&departement);
    }
    own_file(&folder.join("communes_orange.csv"), ORANGE_HINT, communes::use_orange)?;
    Ok(())
}

const ZONES_HINT: &str =
    "une ligne par zone : zone;noms_equivalents;visible, les équivalents séparés par |, visible vaut oui ou non";
const ORANGE_HINT: &str =
    "une ligne par commune d'Orange : code_insee;nom_orange;communes, les codes des autres communes séparés par |";

/// Reads a file of the home's own; `false` where there is none.
fn own_file(path: &Path, hint: &str, take: fn(&[u8]) -> Result<(), String>) -> Result<bool> {
    let refuse =
        |message: String| Error::Config { message: format!("{} : {message}", path.display()), hint: hint.into() };
    match fs::read(path) {
        Ok(bytes) => take(&bytes).map_err(refuse).map(|()| true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(refuse(error.to_string())),
    }
}

fn load_plain(session: &mut Session, dim: Dim) -> Result<Vec<Row>> {
    let spec = dim.spec();
    let sql = format!(
        "SELECT {id}, {name} FROM {table} WHERE {name} IS NOT NULL AND {id} >= 0 ORDER BY {id}",
        id = spec.id,
        name = spec.name,
        table = spec.table
    );
    let rows: Vec<(u32, String)> = session.rows(&format!("lecture de {}", spec.table), &sql, ())?;
    Ok(rows.into_iter().map(|(id, name)| Row::new(id, name)).collect())
}

fn load_communes(session: &mut Session) -> Result<Vec<Row>> {
    let sql = "SELECT c.id_commune, c.nom_commune, c.code_insee, d.nom_departement, COALESCE(c.id_epci, 0) \
               FROM dim_communes c LEFT JOIN dim_departements d ON d.id_departement = c.id_departement \
               WHERE c.nom_commune IS NOT NULL AND c.id_commune >= 0 ORDER BY c.id_commune";
    type Commune = (u32, String, Option<String>, Option<String>, u32);
    let rows: Vec<Commune> = session.rows("lecture de dim_communes", sql, ())?;
    let row = |(id, name, insee, departement, epci): Commune| {
        let of_insee = insee.as_deref().filter(|code| code.len() == 5).map(reference::departement_of_insee);
        let of_name = || departement.as_deref().and_then(|name| reference::departement_code(&fold(name)));
        Row { id: Some(id), name, departement: of_insee.or_else(of_name).map(str::to_owned), epci, insee }
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Creates `names` in `dim` and gives their ids, in their order. A name that another transaction creates at the same time is waited
/// for and shared. To be called in the transaction that uses the ids, with the names in a fixed order.
///
/// # Errors
/// [`Error::Sql`].
pub(crate) fn create(session: &mut Session, dim: Dim, names: &[&str]) -> Result<Vec<u32>> {
    let spec = dim.spec();
    let doing = format!("création dans {}", spec.table);
    let (columns, marks) = if dim == Dim::Duree { (", nb_nuits, ordre", ", ?, ?") } else { ("", "") };
    let insert = format!(
        "INSERT INTO {table} ({name}{columns}) VALUES (?{marks}) ON DUPLICATE KEY UPDATE {id} = LAST_INSERT_ID({id})",
        table = spec.table,
        name = spec.name,
        id = spec.id
    );
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let mut params = vec![Value::from(*name)];
        if dim == Dim::Duree {
            let nights = nights(name).unwrap_or_default();
            params.extend([Value::from(nights), Value::from(nights)]);
        }
        session.exec(&doing, &insert, params)?;
        let id = session.conn().last_insert_id();
        ids.push(
            u32::try_from(id)
                .map_err(|_| Error::Invariant(format!("identifiant {id} inattendu dans {}", spec.table)))?,
        );
    }
    Ok(ids)
}

/// Adds the days that `dim_dates` lacks; returns how many.
///
/// # Errors
/// [`Error::MissingTable`], [`Error::Sql`].
pub(crate) fn fill_dates(session: &mut Session, dates: &BTreeSet<NaiveDate>) -> Result<u64> {
    let (Some(first), Some(last)) = (dates.first(), dates.last()) else { return Ok(0) };
    let known: Vec<String> = session.rows(
        "lecture de dim_dates",
        "SELECT CAST(date AS CHAR) FROM dim_dates WHERE date BETWEEN ? AND ?",
        (first.to_string(), last.to_string()),
    )?;
    let known: BTreeSet<NaiveDate> = known.iter().filter_map(|text| text.parse().ok()).collect();
    let missing: Vec<NaiveDate> = dates.difference(&known).copied().collect();
    let days: Vec<days::Day> = missing.iter().map(|date| days::Day::of(*date)).collect();
    let unknown: Vec<&days::Day> = days.iter().filter(|day| day.vacances_a.is_none()).collect();
    let none_allowed = !unknown.is_empty() && refuses_null(session)?;
    if let (true, Some(first), Some(last)) = (none_allowed, unknown.first(), unknown.last()) {
        log::warn!(
            "dim_dates n'admet pas « non connu » : 0 pour les vacances de {} à {}, que le calendrier scolaire ne donne pas encore",
            first.date,
            last.date
        );
    }
    for batch in days.chunks(session.fitting(BATCH, 100)) {
        let sql = format!(
            "INSERT INTO dim_dates (date, vacances_a, vacances_b, vacances_c, ferie, jour_semaine, mois, annee, trimestre, semaine) \
             VALUES {} ON DUPLICATE KEY UPDATE date = dim_dates.date",
            marks(batch.len(), 10)
        );
        let value = |value: Value| if none_allowed && value == Value::NULL { Value::from(0) } else { value };
        let params: Vec<Value> = batch.iter().flat_map(|day| day_values(day).map(value)).collect();
        session.exec("ajout dans dim_dates", &sql, params)?;
    }
    Ok(missing.len() as u64)
}

/// Whether `dim_dates` is of those older ones that ask for every value.
fn refuses_null(session: &mut Session) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'dim_dates' \
               AND column_name LIKE 'vacances%' AND is_nullable = 'NO'";
    Ok(session.first::<u64>("lecture de dim_dates", sql, ())?.unwrap_or(0) > 0)
}

/// A row of `dim_dates`, the date first.
pub(crate) fn day_values(day: &days::Day) -> [Value; 10] {
    [
        day.date.to_string().into(),
        day.vacances_a.into(),
        day.vacances_b.into(),
        day.vacances_c.into(),
        day.ferie.into(),
        day.jour_semaine.into(),
        day.mois.into(),
        day.annee.into(),
        day.trimestre.into(),
        day.semaine.into(),
    ]
}
