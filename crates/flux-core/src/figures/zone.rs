//! Which stored rows a zone is: a name leads to its group of equivalents, and all stored rows of the group count (`domain.md` §3).
//! The database decides, whatever the host is called.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::dims;
use crate::domain::catalogue::Dim;
use crate::domain::names::{Locality, Resolution, Resolver, Row};
use crate::error::Result;
use crate::figures::unknown::{Named, Unknown};

/// A zone and every stored row that is the same zone under another name.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Zone {
    /// The preferred stored name.
    pub name: String,
    /// Ids and names of its rows, the preferred one first.
    pub rows: Vec<(u32, String)>,
}

impl Zone {
    /// Ids of its rows.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.rows.iter().map(|(id, _)| *id)
    }
}

/// The zones of the database, in groups.
#[derive(Debug)]
pub(crate) struct Zones(Resolver);

impl Zones {
    /// Reads them; a database may still be without one.
    ///
    /// # Errors
    /// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
    pub(crate) fn load(session: &mut Session) -> Result<Self> {
        Ok(Self(dims::load(session, Dim::Zone, &Locality::default(), true)?))
    }

    /// The stored rows, in the order of their ids.
    pub(crate) fn rows(&self) -> &[Row] {
        self.0.rows()
    }

    /// Resolves names of CSVs by the same rules.
    pub(crate) fn resolver(&self) -> &Resolver {
        &self.0
    }

    /// The preferred row of the group that a name belongs to.
    pub(crate) fn preferred(&self, name: &str) -> Named<&Row> {
        match self.0.resolve(name) {
            Resolution::Found(row) => Ok(&self.rows()[row as usize]),
            Resolution::Unknown => Err(self.unknown(name)),
            Resolution::Ambiguous(names) => Err(Unknown::Ambiguous { dim: Dim::Zone, name: name.to_owned(), names }),
        }
    }

    /// Every stored row of the group that a name belongs to.
    pub(crate) fn find(&self, name: &str) -> Named<Zone> {
        let preferred = self.preferred(name)?.id;
        let group = self.groups().into_iter().find(|zone| zone.rows.first().map(|(id, _)| *id) == preferred);
        group.ok_or_else(|| self.unknown(name))
    }

    /// All stored rows, each in the group of which it is a member.
    pub(crate) fn groups(&self) -> Vec<Zone> {
        let mut groups: BTreeMap<Option<u32>, Zone> = BTreeMap::new();
        for row in self.rows() {
            let leader = self.0.leader(row);
            let Some(id) = row.id else { continue };
            let group = groups.entry(leader.id).or_insert_with(|| Zone { name: leader.name.clone(), rows: Vec::new() });
            let at = if row.id == leader.id { 0 } else { group.rows.len() };
            group.rows.insert(at, (id, row.name.clone()));
        }
        groups.into_values().collect()
    }

    /// That a name leads to nothing, with the nearest names, or all where none is near.
    pub(crate) fn unknown(&self, name: &str) -> Unknown {
        let near: Vec<String> = self.0.nearest(name, 3).into_iter().map(str::to_owned).collect();
        let all = || self.rows().iter().map(|row| row.name.clone()).collect();
        Unknown::Name { dim: Dim::Zone, name: name.to_owned(), near: if near.is_empty() { all() } else { near } }
    }
}

/// Id of the row of a small dimension.
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::EmptyDimension`], [`crate::error::Error::Sql`].
pub(crate) fn id_of(session: &mut Session, dim: Dim, name: &str) -> Result<Named<u32>> {
    let resolver = dims::load(session, dim, &Locality::default(), false)?;
    let name = name.to_owned();
    let near = |name: &str| resolver.nearest(name, 3).into_iter().map(str::to_owned).collect();
    Ok(match resolver.resolve(&name) {
        Resolution::Found(row) => match resolver.rows()[row as usize].id {
            Some(id) => Ok(id),
            None => Err(Unknown::Name { dim, near: Vec::new(), name }),
        },
        Resolution::Unknown => Err(Unknown::Name { dim, near: near(&name), name }),
        Resolution::Ambiguous(names) => Err(Unknown::Ambiguous { dim, name, names }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(names: &[&str]) -> Zones {
        let rows = (1..).zip(names).map(|(id, name)| Row::new(id, *name)).collect();
        Zones(Resolver::new(Dim::Zone, rows, &dims::groups(Dim::Zone), Locality::default()))
    }

    /// CABA is the older name of PAYS D'AURILLAC in the built-in reference, which names the newer one first.
    #[test]
    fn a_group_has_all_its_stored_rows_the_preferred_one_first() {
        let zones = zones(&["CANTAL", "CABA", "PAYS D'AURILLAC"]);
        for name in ["caba", "Pays d'Aurillac", "PAYS DAURILLAC"] {
            let zone = zones.find(name).unwrap();
            assert_eq!(zone.rows, [(3, "PAYS D'AURILLAC".to_owned()), (2, "CABA".to_owned())], "{name}");
            assert_eq!(zone.name, "PAYS D'AURILLAC");
        }
        let sizes: Vec<_> = zones.groups().iter().map(|zone| (zone.name.clone(), zone.rows.len())).collect();
        assert_eq!(sizes, [("CANTAL".to_owned(), 1), ("PAYS D'AURILLAC".to_owned(), 2)]);
    }

    #[test]
    fn an_unknown_name_has_near_names_and_a_shared_one_is_ambiguous() {
        let near = |name: &str| match zones(&["CANTAL", "CABA"]).find(name) {
            Err(Unknown::Name { near, .. }) => near,
            other => panic!("{other:?}"),
        };
        assert_eq!(near("CABBA"), ["CABA"]);
        assert_eq!(near("XYZ"), ["CANTAL", "CABA"]);
        let twice = zones(&["VALLÉE", "Vallée"]);
        assert!(matches!(twice.find("vallée"), Err(Unknown::Ambiguous { .. })));
        assert_eq!(twice.groups().len(), 2);
    }
}
