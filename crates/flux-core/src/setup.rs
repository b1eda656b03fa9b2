//! `ensure-schema`: creates what the database lacks and seeds the dimensions with the reference data. Safe to rerun.

use std::collections::{HashMap, HashSet};

use mysql::Value;
use serde::Serialize;

use crate::db::marks;
use crate::db::{Database, Session};
use crate::dims;
use crate::domain::catalogue::{self, DATASETS, Dim, Kind, Space};
use crate::domain::communes;
use crate::domain::names::{Locality, Resolution, Resolver, fold, normalise};
use crate::domain::reference;
use crate::error::{Error, Result};
use crate::ledger;
use crate::report::{Done, Page, Report, Table, Verdict, number};
use crate::schema::{self, Change, TableSpec};

/// Which tables `ensure-schema` looks after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// All tables, those of the tools included.
    All,
    /// The dimensions (`dim_*`), which test and production share.
    Dims,
    /// Main tables of nights and days.
    Facts,
    /// Main tables of stays.
    Sejours,
    /// Main tables of places.
    Lieu,
    /// Temporary tables of the weekly delivery.
    Temp,
}

/// The tables of a preset. Test tables are those of the facts only: dimensions are shared.
pub fn tables(preset: Preset, space: Space) -> Vec<TableSpec> {
    let wants = |preset_of: Preset| preset == Preset::All || preset == preset_of;
    let mut tables = ledger::tables();
    if wants(Preset::Dims) && space == Space::Production {
        tables.extend(schema::dimension_tables());
    }
    for (kind, preset_of) in
        [(Kind::Frequentation, Preset::Facts), (Kind::Sejour, Preset::Sejours), (Kind::Lieu, Preset::Lieu)]
    {
        if wants(preset_of) {
            tables.extend(DATASETS.iter().filter(|d| d.kind == kind).map(|dataset| schema::main_table(dataset, space)));
        }
    }
    if wants(Preset::Temp) {
        tables.extend(catalogue::weekly().map(|dataset| schema::temp_table(dataset, space)));
    }
    tables
}

/// Which tables to complete, and whether to fill the dimensions.
#[derive(Debug, Clone, Copy)]
pub struct SetupOptions {
    /// The group of tables.
    pub preset: Preset,
    /// Production or test tables.
    pub space: Space,
    /// Adds the reference data that the dimensions lack.
    pub seed: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// Rows added to a dimension.
#[derive(Debug, Serialize)]
pub(crate) struct Seeded {
    table: &'static str,
    added: u64,
    completed: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct SetupReport {
    #[serde(rename = "dry_run")]
    done: Done,
    tables: usize,
    changes: Vec<Change>,
    seeded: Vec<Seeded>,
    failures: Vec<String>,
}

/// Ensures tables and, if asked, their reference data.
///
/// # Errors
/// Those of the connection and the lock; a change that one table refuses is reported and does not stop the others.
pub fn ensure(database: &Database, options: SetupOptions) -> Result<impl Report + use<>> {
    let _lock = if options.dry_run { None } else { Some(crate::ledger::lock(database)?) };
    let mut session = database.session()?;
    let existing = schema::existing(&mut session)?;
    let tables = tables(options.preset, options.space);
    let mut changes = Vec::new();
    let mut failures = Vec::new();
    for spec in &tables {
        let Some(change) = schema::change(spec, existing.get(&spec.name)) else { continue };
        crate::signals::check()?;
        if !options.dry_run
            && let Err(error) = session.exec(&format!("changement de {}", spec.name), &change.ddl, ())
        {
            log::error!("{error}");
            let hint = error.hint().map_or_else(String::new, |hint| format!(" ({hint})"));
            failures.push(format!("{error}{hint}"));
            continue;
        }
        changes.push(change);
    }
    let mut seeded = Vec::new();
    if !options.dry_run && failures.is_empty() {
        ledger::record_version(&mut session)?;
    }
    if options.seed && failures.is_empty() {
        let present = |dim: Dim| existing.contains_key(dim.spec().table);
        let dims = [
            Dim::Zone,
            Dim::Provenance,
            Dim::Categorie,
            Dim::Departement,
            Dim::Pays,
            Dim::Duree,
            Dim::Epci,
            Dim::Commune,
        ];
        for dim in dims {
            // On a dry run a table that would be created is empty.
            seeded.push(if options.dry_run && !present(dim) {
                Seeded { table: dim.spec().table, added: reference_count(dim), completed: 0 }
            } else {
                seed(database, dim, options.dry_run)?
            });
        }
    }
    Ok(SetupReport { done: Done::unless(options.dry_run), tables: tables.len(), changes, seeded, failures })
}

fn reference_count(dim: Dim) -> u64 {
    match dim {
        Dim::Commune => (reference::communes().len() + communes::gone().count()) as u64,
        Dim::Epci => epcis().len() as u64,
        dim => reference_rows(dim).len() as u64,
    }
}

/// Adds what a dimension lacks, in one transaction.
fn seed(database: &Database, dim: Dim, dry_run: bool) -> Result<Seeded> {
    let table = dim.spec().table;
    let (added, completed) = database.transaction(|session| match dim {
        Dim::Epci => seed_epcis(session, dry_run).map(|added| (added, 0)),
        Dim::Commune => seed_communes(session, dry_run),
        dim => seed_names(session, dim, dry_run),
    })?;
    Ok(Seeded { table, added, completed })
}

/// Name and further columns of each reference row of a small dimension.
fn reference_rows(dim: Dim) -> Vec<(String, Vec<(&'static str, Value)>)> {
    let plain = |name: &str| (normalise(dim, name), Vec::new());
    match dim {
        Dim::Zone => reference::zones().iter().filter(|zone| zone.visible).map(|zone| plain(zone.zone)).collect(),
        Dim::Provenance => reference::provenances().iter().map(|nom| plain(nom.nom)).collect(),
        Dim::Categorie => reference::categories().iter().map(|nom| plain(nom.nom)).collect(),
        Dim::Pays => reference::pays().iter().map(|nom| plain(nom.nom)).collect(),
        Dim::Departement => {
            let region = |text: &str| Value::from(normalise(dim, text));
            let known = reference::departements().iter().map(|departement| {
                let columns = vec![
                    ("nom_region", region(departement.ancienne_region)),
                    ("nom_nouvelle_region", region(departement.nouvelle_region)),
                ];
                (normalise(dim, departement.nom), columns)
            });
            known.chain(reference::autres_departements().iter().map(|nom| plain(nom.nom))).collect()
        }
        Dim::Duree => reference::durees()
            .iter()
            .map(|duree| {
                (duree.libelle.into(), vec![("nb_nuits", duree.nb_nuits.into()), ("ordre", duree.ordre.into())])
            })
            .collect(),
        Dim::Epci | Dim::Commune => Vec::new(),
    }
}

/// A name is added only where no stored row answers to it: an older database keeps its `CABA`. Columns that are NULL are filled.
fn seed_names(session: &mut Session, dim: Dim, dry_run: bool) -> Result<(u64, u64)> {
    let spec = dim.spec();
    let resolver = dims::load(session, dim, &Locality::default(), true)?;
    let (mut added, mut completed) = (0, 0);
    for (name, columns) in reference_rows(dim) {
        match resolver.resolve(&name) {
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
                let set: Vec<String> =
                    columns.iter().map(|(column, _)| format!("{column} = COALESCE({column}, ?)")).collect();
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

/// Names of the EPCIs of the reference, each once.
fn epcis() -> Vec<String> {
    let mut seen = HashSet::new();
    let names = reference::communes().iter().map(|commune| normalise(Dim::Epci, commune.nom_epci));
    names.filter(|name| !name.is_empty() && seen.insert(fold(name))).collect()
}

fn seed_epcis(session: &mut Session, dry_run: bool) -> Result<u64> {
    let resolver = dims::load(session, Dim::Epci, &Locality::default(), true)?;
    let missing: Vec<String> =
        epcis().into_iter().filter(|name| resolver.resolve(name) == Resolution::Unknown).collect();
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
    let resolver: Resolver = dims::load(session, dim, &Locality::default(), true)?;
    Ok(move |name: &str| match resolver.resolve(name) {
        Resolution::Found(row) => resolver.rows()[row as usize].id,
        _ => None,
    })
}

/// Communes are identified by their INSEE code. A stored row without one takes it from the only commune of its name.
fn seed_communes(session: &mut Session, dry_run: bool) -> Result<(u64, u64)> {
    let departement = ids(session, Dim::Departement)?;
    let departements: HashMap<&str, Option<u32>> =
        reference::departements().iter().map(|known| (known.code, departement(known.nom))).collect();
    let epci = ids(session, Dim::Epci)?;
    let stored_epcis = dims::stored_epcis(session)?;
    type Stored = (u32, String, Option<String>, Option<u32>, Option<u32>);
    let sql = "SELECT id_commune, COALESCE(nom_commune, ''), code_insee, id_departement, id_epci FROM dim_communes";
    let stored: Vec<Stored> = session.rows("lecture de dim_communes", sql, ())?;
    let by_code: HashMap<&str, &Stored> = stored.iter().filter_map(|row| Some((row.2.as_deref()?, row))).collect();
    let mut nameless: HashMap<String, Vec<&Stored>> = HashMap::new();
    for row in stored.iter().filter(|row| row.2.is_none()) {
        nameless.entry(fold(&row.1)).or_default().push(row);
    }
    let mut completed = 0;
    let mut missing: Vec<[Value; 4]> = Vec::new();
    for commune in reference::communes().iter().cloned().chain(communes::gone()) {
        let id_departement = departements.get(commune.departement).copied().flatten();
        let id_epci = if commune.nom_epci.is_empty() { None } else { epci(commune.nom_epci) };
        let name = fold(commune.nom);
        let adopted = nameless.get(&name).and_then(|rows| {
            rows.iter().find(|row| match row.3 {
                Some(id) => Some(id) == id_departement,
                None => communes::bearers(&communes::key(commune.nom)).len() == 1,
            })
        });
        match by_code.get(commune.code_insee).copied().or(adopted.copied()) {
            Some(row)
                if row.2.is_none()
                    || (row.3.is_none() && id_departement.is_some())
                    || (row.4.is_none() && id_epci.is_some()) =>
            {
                completed += 1;
                // What is stored of the commune comes before what the reference says of it.
                let id_epci = stored_epcis.get(&row.0).copied().or(id_epci);
                if !dry_run {
                    let sql = "UPDATE dim_communes SET code_insee = ?, id_departement = COALESCE(id_departement, ?), \
                               id_epci = COALESCE(id_epci, ?) WHERE id_commune = ?";
                    session.exec(
                        "complément de dim_communes",
                        sql,
                        (commune.code_insee, id_departement, id_epci, row.0),
                    )?;
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

impl Report for SetupReport {
    fn render(&self, page: &mut Page) {
        if !self.done.really() {
            for change in &self.changes {
                page.line(format!("{};\n", change.ddl));
            }
        } else {
            for change in &self.changes {
                page.verdict(Verdict::Ok, format!("{} : {}", change.table, change.what));
            }
        }
        if !self.seeded.is_empty() {
            let [added, completed] =
                self.done.say([">lignes ajoutées", ">complétées"], [">lignes à ajouter", ">à compléter"]);
            let mut table = Table::new(&["dimension", added, completed]);
            for seeded in &self.seeded {
                table.row([seeded.table.into(), number(seeded.added), number(seeded.completed)]);
            }
            page.gap();
            page.table(&table);
            page.gap();
        }
        for failure in &self.failures {
            page.verdict(Verdict::Error, failure);
        }
        let changes = self.done.count(self.changes.len() as u64, ["table", "tables"], ["changée", "changées"]);
        page.verdict(self.verdict(), format!("{changes} sur {} contrôlées", self.tables));
    }

    fn verdict(&self) -> Verdict {
        if self.failures.is_empty() { Verdict::Ok } else { Verdict::Error }
    }

    fn done(&self) -> Done {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_42_tables_of_the_schema_and_six_of_the_ledger() {
        assert_eq!(tables(Preset::All, Space::Production).len(), 11 + 21 + 10 + 6);
        assert_eq!(tables(Preset::Temp, Space::Test).len(), 10 + 6);
    }

    #[test]
    fn names_of_tables_are_unique() {
        let names: HashSet<String> = tables(Preset::All, Space::Production).into_iter().map(|spec| spec.name).collect();
        assert_eq!(names.len(), 48);
    }
}
