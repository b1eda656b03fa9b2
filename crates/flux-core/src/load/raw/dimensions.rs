//! Rows of dimensions that a raw export has met, created in the transaction of its rows.

use mysql::Value;

use crate::db::Session;
use crate::db::marks;
use crate::dims;
use crate::domain::catalogue::Dim;
use crate::domain::names::{Locality, Resolution, Resolver, Row, nights, normalise, without_accents};
use crate::domain::reference;
use crate::error::{Error, Result};
use crate::load::mapper::{Detail, Mapper};

/// Creates what the mapper has met and the database lacks; gives the ids in the order of [`Mapper::new_rows`]. Names are resolved
/// once more against what is stored by now, so that a name that another file has created meanwhile is shared. To be called while no
/// other file of this run creates names.
pub(crate) fn create(
    session: &mut Session,
    mapper: &Mapper,
    locality: &Locality,
    strip_accents: bool,
) -> Result<Vec<(Dim, Vec<u32>)>> {
    let mut created: Vec<(Dim, Vec<u32>)> = Vec::new();
    for (dim, rows, details) in mapper.new_rows() {
        let epcis = if dim == Dim::Commune { mapper.ids_of(Dim::Epci, &created) } else { None }.unwrap_or_default();
        let mut stored = dims::load(session, dim, locality, true)?;
        let mut departements = Departements { resolver: None, strip_accents };
        let mut ids = Vec::with_capacity(rows.len());
        for (row, detail) in rows.iter().zip(details) {
            if let Some(id) = find(&stored, dim, row)? {
                ids.push(id);
                continue;
            }
            let columns = match dim {
                Dim::Departement => {
                    let [before, after] = regions(row, detail, strip_accents);
                    vec![("nom_region", before.into()), ("nom_nouvelle_region", after.into())]
                }
                Dim::Duree => {
                    let nights = nights(&row.name).or(detail.nights).unwrap_or_default();
                    vec![("nb_nuits", nights.into()), ("ordre", nights.into())]
                }
                Dim::Commune => {
                    let id = match &row.departement {
                        Some(code) => departements.id(session, code)?,
                        None => None,
                    };
                    let epci = epcis.get(detail.epci as usize).copied().filter(|id| *id > 0);
                    vec![
                        ("code_insee", row.insee.as_deref().into()),
                        ("id_departement", id.into()),
                        ("id_epci", epci.into()),
                    ]
                }
                _ => Vec::new(),
            };
            let id = insert(session, dim, &row.name, columns)?;
            stored.push_row(Row { id: Some(id), ..row.clone() });
            ids.push(id);
        }
        created.push((dim, ids));
    }
    for completion in mapper.completions() {
        complete(session, completion.id, &completion.insee)?;
    }
    Ok(created)
}

fn find(stored: &Resolver, dim: Dim, row: &Row) -> Result<Option<u32>> {
    let resolution = match dim {
        Dim::Commune => stored.resolve_commune(row.insee.as_deref(), &row.name, row.departement.as_deref()),
        _ => stored.resolve(&row.name),
    };
    match resolution {
        Resolution::Found(found) => Ok(stored.rows()[found as usize].id),
        Resolution::Unknown => Ok(None),
        Resolution::Ambiguous(names) => {
            Err(Error::Invariant(format!("« {} » est devenu ambigu ({}) : relancez", row.name, names.join(", "))))
        }
    }
}

/// Regions as the file tells them, else as the reference does.
fn regions(row: &Row, detail: &Detail, strip_accents: bool) -> [Option<String>; 2] {
    let known = reference::departements()
        .iter()
        .find(|known| crate::domain::names::fold(known.nom) == crate::domain::names::fold(&row.name))
        .map(|known| [known.ancienne_region.to_owned(), known.nouvelle_region.to_owned()]);
    let [former, new] = known.map_or([None, None], |names| names.map(Some));
    let [told_former, told_new] = detail.regions.clone();
    let stored = |name: Option<String>| {
        let name = normalise(Dim::Departement, &name?);
        Some(if strip_accents { without_accents(&name) } else { name })
    };
    [stored(told_former.or(former)), stored(told_new.or(new))]
}

fn insert(session: &mut Session, dim: Dim, name: &str, columns: Vec<(&'static str, Value)>) -> Result<u32> {
    let spec = dim.spec();
    let names: String = columns.iter().map(|(column, _)| format!(", {column}")).collect();
    let sql = format!(
        "INSERT INTO {table} ({name}{names}) VALUES {marks} ON DUPLICATE KEY UPDATE {id} = LAST_INSERT_ID({id})",
        table = spec.table,
        name = spec.name,
        marks = marks(1, 1 + columns.len()),
        id = spec.id
    );
    let params: Vec<Value> =
        std::iter::once(Value::from(name)).chain(columns.into_iter().map(|(_, value)| value)).collect();
    session.exec(&format!("création dans {}", spec.table), &sql, params)?;
    let id = session.conn().last_insert_id();
    u32::try_from(id).map_err(|_| Error::Invariant(format!("identifiant {id} inattendu dans {}", spec.table)))
}

/// Gives a stored commune its code, unless another row has it by now.
fn complete(session: &mut Session, id: u32, insee: &str) -> Result<()> {
    let doing = "complément de dim_communes";
    let sql = "SELECT 1 FROM dim_communes WHERE code_insee = ?";
    if session.first::<u8>(doing, sql, (insee,))?.is_none() {
        let sql = "UPDATE dim_communes SET code_insee = ? WHERE id_commune = ? AND code_insee IS NULL";
        session.exec(doing, sql, (insee, id))?;
    }
    Ok(())
}

/// The départements that new communes lie in.
struct Departements {
    resolver: Option<Resolver>,
    strip_accents: bool,
}

impl Departements {
    /// Id by code; a département of the reference that is not stored yet is created. `None` for a code that is in no reference.
    fn id(&mut self, session: &mut Session, code: &str) -> Result<Option<u32>> {
        let Some(known) = reference::departement_of(code) else { return Ok(None) };
        let resolver = match &mut self.resolver {
            Some(resolver) => resolver,
            empty => empty.insert(dims::load(session, Dim::Departement, &Locality::default(), true)?),
        };
        let name = normalise(Dim::Departement, known.nom);
        let name = if self.strip_accents { without_accents(&name) } else { name };
        let row = Row::to_create(name);
        if let Some(id) = find(resolver, Dim::Departement, &row)? {
            return Ok(Some(id));
        }
        let [before, after] = regions(&row, &Detail::default(), self.strip_accents);
        let columns = vec![("nom_region", before.into()), ("nom_nouvelle_region", after.into())];
        let id = insert(session, Dim::Departement, &row.name, columns)?;
        resolver.push_row(Row { id: Some(id), ..row });
        Ok(Some(id))
    }
}
