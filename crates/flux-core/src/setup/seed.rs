//! The dimensions seeded with the reference data: a name is added only where no stored row answers to it.

use std::collections::HashMap;

use mysql::Value;

use crate::db::marks;
use crate::db::{Database, Session};
use crate::dims::{self, epci};
use crate::domain::catalogue::{DATASETS, Dim, Space};
use crate::domain::communes;
use crate::domain::names::{Locality, Resolution, Resolver, fold, normalise};
use crate::domain::reference;
use crate::error::{Error, Result};
use crate::schema::Existing;
use crate::setup::rows::{epcis, reference_rows};
use crate::setup::{Seeded, names};

/// Rows that an empty dimension gets.
pub(super) fn reference_count(dim: Dim) -> u64 {
    match dim {
        Dim::Commune => communes::all().count() as u64,
        Dim::Epci => epcis().len() as u64,
        dim => reference_rows(dim).len() as u64,
    }
}

/// Adds what a dimension lacks, in one transaction. `present` are the tables of the database.
pub(super) fn seed(
    database: &Database,
    dim: Dim,
    present: &HashMap<String, Existing>,
    dry_run: bool,
) -> Result<Seeded> {
    let table = dim.spec().table;
    let (added, completed) = database.transaction(|session| match dim {
        Dim::Epci => seed_epcis(session, dry_run).map(|added| (added, 0)),
        Dim::Commune => seed_communes(session, present, dry_run),
        dim => seed_names(session, dim, dry_run),
    })?;
    Ok(Seeded { table, added, completed })
}

/// A name is added only where no stored row answers to it, be it under a damaged name: an older database keeps its names. Columns
/// that are NULL are filled.
fn seed_names(session: &mut Session, dim: Dim, dry_run: bool) -> Result<(u64, u64)> {
    let spec = dim.spec();
    let resolver = dims::load(session, dim, &Locality::default(), true)?;
    let damaged = names::damaged(session, dim)?;
    let (mut added, mut completed) = (0, 0);
    for (name, columns) in reference_rows(dim) {
        match resolver.resolve(&name) {
            Resolution::Unknown if damaged.stands_for(&name) => {}
            Resolution::Unknown => {
                added += 1;
                if !dry_run {
                    let names: String = columns.iter().map(|(column, _)| format!(", {column}")).collect();
                    let sql = format!(
                        "INSERT INTO {} ({}{names}) VALUES {}",
                        spec.table,
                        spec.name,
                        marks(1, 1 + columns.len())
                    );
                    let params: Vec<Value> = std::iter::once(Value::from(&name))
                        .chain(columns.into_iter().map(|(_, value)| value))
                        .collect();
                    session.exec(&format!("ajout dans {}", spec.table), &sql, params)?;
                }
            }
            Resolution::Found(row) if !columns.is_empty() && !dry_run => {
                let set: Vec<String> = columns
                    .iter()
                    .map(|(column, _)| format!("{column} = COALESCE({}, ?)", unless_empty(dim, column)))
                    .collect();
                let sql = format!("UPDATE {} SET {} WHERE {} = ?", spec.table, set.join(", "), spec.id);
                let mut params: Vec<Value> = columns.into_iter().map(|(_, value)| value).collect();
                params.push(resolver.rows()[row as usize].id.into());
                completed += session.exec(&format!("complément de {}", spec.table), &sql, params)?;
            }
            _ => {}
        }
    }
    Ok((added, completed))
}

/// A stored value, NULL where it says nothing: older tables hold empty regions where they allow no NULL, and a number of nights that was
/// added later is 0.
fn unless_empty(dim: Dim, column: &str) -> String {
    let nothing = if dim == Dim::Departement { "''" } else { "0" };
    format!("NULLIF({column}, {nothing})")
}

fn seed_epcis(session: &mut Session, dry_run: bool) -> Result<u64> {
    let resolver = dims::load(session, Dim::Epci, &Locality::default(), true)?;
    let damaged = names::damaged(session, Dim::Epci)?;
    let is_missing = |name: &String| resolver.resolve(name) == Resolution::Unknown && !damaged.stands_for(name);
    let missing: Vec<String> = epcis().into_iter().filter(is_missing).collect();
    if !dry_run {
        for batch in missing.chunks(200) {
            let sql = format!("INSERT INTO dim_epci (nom_epci) VALUES {}", marks(batch.len(), 1));
            session.exec("ajout dans dim_epci", &sql, batch.iter().map(Value::from).collect::<Vec<_>>())?;
        }
    }
    Ok(missing.len() as u64)
}

/// The id of each name of a small dimension, for references to it.
fn ids(session: &mut Session, dim: Dim) -> Result<impl Fn(&str) -> Option<u32> + use<>> {
    let resolver: Resolver = match dims::load(session, dim, &Locality::default(), true) {
        // On a dry run it may still be to come.
        Err(Error::MissingTable { .. }) => Resolver::new(dim, Vec::new(), &[], Locality::default()),
        resolver => resolver?,
    };
    Ok(move |name: &str| match resolver.resolve(name) {
        Resolution::Found(row) => resolver.rows()[row as usize].id,
        _ => None,
    })
}

/// A row of `dim_communes`: id, name, INSEE code, département, EPCI.
type Stored = (u32, String, Option<String>, Option<u32>, Option<u32>);

/// Communes are told apart by their INSEE code. A stored row without one takes it from the only commune of its name; a row without
/// a name takes it from its code.
fn seed_communes(session: &mut Session, present: &HashMap<String, Existing>, dry_run: bool) -> Result<(u64, u64)> {
    let departement = ids(session, Dim::Departement)?;
    let departements: HashMap<&str, Option<u32>> =
        reference::departements().iter().map(|known| (known.code, departement(known.nom))).collect();
    let epci = ids(session, Dim::Epci)?;
    let stored = stored_communes(session, present)?;
    let of_facts =
        if stored.iter().any(|row| row.4.is_none()) { epcis_of_facts(session, present)? } else { HashMap::new() };
    // Of two rows of one code the one that writes it as INSEE does counts: it comes last.
    let mut coded: Vec<(String, &Stored)> =
        stored.iter().filter_map(|row| Some((communes::formed(row.2.as_deref()?), row))).collect();
    coded.sort_by_key(|(code, row)| row.2.as_deref() == Some(code.as_str()));
    let by_code: HashMap<String, &Stored> = coded.into_iter().collect();
    let mut nameless: HashMap<String, Vec<&Stored>> = HashMap::new();
    for row in stored.iter().filter(|row| row.2.is_none()) {
        nameless.entry(fold(&row.1)).or_default().push(row);
    }
    let mut completed = 0;
    let mut missing: Vec<[Value; 4]> = Vec::new();
    for commune in communes::all() {
        let id_departement = departements.get(commune.departement).copied().flatten();
        let of_reference = if commune.nom_epci.is_empty() { None } else { epci(commune.nom_epci) };
        let name = fold(commune.nom);
        let adopted = nameless.get(&name).and_then(|rows| {
            rows.iter().find(|row| match row.3 {
                Some(id) => Some(id) == id_departement,
                None => communes::bearers(&communes::key(commune.nom)).len() == 1,
            })
        });
        let known = by_code.get(commune.code_insee).copied().or(adopted.copied());
        let id_epci = known.and_then(|row| of_facts.get(&row.0).copied()).or(of_reference);
        match known {
            Some(row)
                if row.2.as_deref() != Some(commune.code_insee)
                    || row.1.trim().is_empty()
                    || (row.3.is_none() && id_departement.is_some())
                    || (row.4.is_none() && id_epci.is_some()) =>
            {
                completed += 1;
                if !dry_run {
                    let sql = "UPDATE dim_communes SET code_insee = ?, id_departement = COALESCE(id_departement, ?), \
                               id_epci = COALESCE(NULLIF(id_epci, 0), ?), \
                               nom_commune = COALESCE(NULLIF(TRIM(nom_commune), ''), ?) WHERE id_commune = ?";
                    let name = normalise(Dim::Commune, commune.nom);
                    let params = (commune.code_insee, id_departement, id_epci, name, row.0);
                    session.exec("complément de dim_communes", sql, params)?;
                }
            }
            Some(_) => {}
            None => missing.push([
                normalise(Dim::Commune, commune.nom).into(),
                commune.code_insee.into(),
                id_departement.into(),
                id_epci.into(),
            ]),
        }
    }
    if !dry_run {
        for batch in missing.chunks(200) {
            let sql = format!(
                "INSERT INTO dim_communes (nom_commune, code_insee, id_departement, id_epci) VALUES {}",
                marks(batch.len(), 4)
            );
            session.exec("ajout dans dim_communes", &sql, batch.iter().flatten().cloned().collect::<Vec<_>>())?;
        }
    }
    let added = u64::try_from(missing.len()).map_err(|_| Error::Invariant("trop de communes".into()))?;
    Ok((added, completed))
}

/// The stored communes; a dry run may find an older table without its last column.
fn stored_communes(session: &mut Session, present: &HashMap<String, Existing>) -> Result<Vec<Stored>> {
    let has_epci = present.get("dim_communes").is_some_and(|table| table.has("id_epci"));
    let sql = format!(
        "SELECT id_commune, COALESCE(nom_commune, ''), NULLIF(code_insee, ''), id_departement, {} FROM dim_communes",
        if has_epci { "NULLIF(id_epci, 0)" } else { "NULL" }
    );
    session.rows("lecture de dim_communes", &sql, ())
}

/// The EPCI under which the newest definitive rows of each commune are stored: what people have been reading so far.
fn epcis_of_facts(session: &mut Session, present: &HashMap<String, Existing>) -> Result<HashMap<u32, u32>> {
    let mut told = Vec::new();
    for dataset in DATASETS.iter().filter(|dataset| epci::concerns(dataset)) {
        let table = dataset.main_table(Space::Production);
        if let Some(existing) = present.get(&table).filter(|existing| epci::is_told(existing)) {
            told.extend(epci::told(session, &table, existing.has("is_provisional"))?);
        }
    }
    Ok(epci::newest(told))
}
