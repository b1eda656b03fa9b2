//! The breakdowns of a dataset as lists of cells ready to be written.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::format::Layout;
use crate::names::{DEPARTEMENTS_FIRST, PAYS_FIRST, ZONES};
use crate::rng::keyed;
use flux_core::domain::catalogue::{Dataset, Dim, Kind};
use flux_core::domain::names::fold;
use flux_core::domain::reference::{self, Commune};

/// The observatory's own département.
const HOME: &str = "15";

/// One breakdown: its columns and its members.
pub(super) struct Axis {
    pub(super) columns: Vec<&'static str>,
    pub(super) members: Vec<Member>,
    /// Members delivered at a scale of 1.
    pub(super) usual: usize,
    kind: AxisKind,
    /// For each zone, the members from the most frequent on.
    orders: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AxisKind {
    Residence,
    Abroad,
    Any,
}

/// One value of a breakdown.
pub(super) struct Member {
    /// One cell for each column of the axis.
    pub(super) cells: Vec<String>,
    /// How far down the list it stands, and how far zones may move it.
    rank: (u64, u64),
}

impl Axis {
    fn new(columns: Vec<&'static str>, members: Vec<Member>, usual: usize, kind: AxisKind) -> Self {
        let orders = (0..ZONES.len() as u64)
            .map(|zone| {
                let mut order: Vec<usize> = (0..members.len()).collect();
                order.sort_by_key(|&i| {
                    let (rank, spread) = members[i].rank;
                    (rank + keyed(zone, i as u64) % spread, i)
                });
                order
            })
            .collect();
        Axis { columns, members, usual, kind, orders }
    }

    /// Members that visitors of a provenance may have in a zone, the most frequent first.
    pub(super) fn order(&self, zone: usize, provenance: usize) -> &[usize] {
        const LOCAL: usize = 0;
        const ABROAD: usize = 2;
        let order = self.orders[zone].as_slice();
        match (self.kind, provenance) {
            (AxisKind::Any, _) | (AxisKind::Abroad, ABROAD) => order,
            // The home département has rank 0 and nothing else below 2, so that it comes first in every zone.
            (AxisKind::Residence, LOCAL) => &order[..1],
            (AxisKind::Residence, ABROAD) | (AxisKind::Abroad, _) => &[],
            (AxisKind::Residence, _) => &order[1..],
        }
    }
}

/// The breakdowns of `dataset`, in the order of its key.
pub(super) fn axes(dataset: &Dataset, layout: Layout) -> Vec<Axis> {
    let two = dataset.breakdown.contains(&Dim::Duree) || dataset.kind == Kind::Lieu;
    let mut axes = Vec::new();
    for dim in dataset.breakdown {
        match dim {
            Dim::Departement => axes.push(departements(dataset, layout, two)),
            Dim::Pays => axes.push(pays(dataset, two)),
            Dim::Duree => axes.push(durees(layout)),
            Dim::Commune => axes.push(communes(dataset, layout)),
            // The body stands beside its commune, or not at all in the weekly delivery.
            Dim::Epci | Dim::Zone | Dim::Provenance | Dim::Categorie => {}
        }
    }
    axes
}

fn departements(dataset: &Dataset, layout: Layout, two: bool) -> Axis {
    let listed = |code: &str| DEPARTEMENTS_FIRST.iter().position(|first| *first == code);
    let real = reference::departements().iter().enumerate().map(|(i, d)| {
        let rank = match listed(d.code) {
            _ if d.code == HOME => (0, 1),
            Some(position) => (2 + position as u64, 8),
            None => (50 + i as u64, 40),
        };
        (rank, d.nom, d.ancienne_region, d.nouvelle_region)
    });
    let others = [((60, 90), "Z_Autre 97", "", ""), ((70, 90), "Z_Autre 98", "", "")];
    let mut columns = vec!["NomDepartement"];
    if layout == Layout::Raw {
        columns.extend(["NomRegion", "NomNouvelleRegion"]);
    }
    let members = real
        .chain(others)
        .map(|(rank, nom, before, after)| Member {
            cells: [nom, before, after].into_iter().take(columns.len()).map(str::to_owned).collect(),
            rank,
        })
        .collect();
    let usual = match dataset.kind {
        _ if two => 9,
        Kind::Frequentation if dataset.family.starts_with("Nuitee") => 34,
        _ => 16,
    };
    Axis::new(columns, members, usual, AxisKind::Residence)
}

fn pays(dataset: &Dataset, two: bool) -> Axis {
    let members = reference::names(Dim::Pays)
        .iter()
        .enumerate()
        .map(|(i, names)| {
            let rank = match PAYS_FIRST.iter().position(|first| *first == names[0]) {
                Some(position) => (position as u64, 5),
                None => (40 + i as u64, 60),
            };
            Member { cells: vec![names[0].to_owned()], rank }
        })
        .collect();
    let usual = match dataset.kind {
        _ if two => 3,
        Kind::Frequentation if dataset.family.starts_with("Nuitee") => 11,
        _ => 6,
    };
    Axis::new(vec!["Pays"], members, usual, AxisKind::Abroad)
}

fn durees(layout: Layout) -> Axis {
    let mut columns = vec!["DureeSejour"];
    if layout == Layout::Raw {
        columns.push("DureeSejourNum");
    }
    // One name for each number of nights, from one on.
    let members: Vec<_> = (1..)
        .zip(reference::names(Dim::Duree))
        .map(|(nights, names)| Member {
            cells: [names[0].to_lowercase(), nights.to_string()].into_iter().take(columns.len()).collect(),
            rank: (nights, 1),
        })
        .collect();
    let usual = members.len();
    Axis::new(columns, members, usual, AxisKind::Any)
}

fn communes(dataset: &Dataset, layout: Layout) -> Axis {
    let columns = match (layout, dataset.family) {
        (Layout::Weekly, _) => vec!["ZoneMobilite"],
        (Layout::Raw, family) => place_columns(family).to_vec(),
    };
    let noms: HashMap<_, _> = reference::departements().iter().map(|d| (d.code, d.nom)).collect();
    let members = unambiguous_communes()
        .iter()
        .map(|commune| {
            let departement = noms.get(commune.departement).copied().unwrap_or_default();
            let cells = match layout {
                Layout::Weekly => vec![commune.nom],
                Layout::Raw => vec![commune.nom_epci, commune.code_insee, commune.nom, departement],
            };
            Member {
                cells: cells.into_iter().map(str::to_owned).collect(),
                rank: if commune.departement == HOME { (0, 200) } else { (120, 1800) },
            }
        })
        .collect();
    let usual = if dataset.breakdown.len() > 2 { 4 } else { 13 };
    Axis::new(columns, members, usual, AxisKind::Any)
}

/// The columns of the place: EPCI, INSEE code, commune, département.
fn place_columns(family: &str) -> [&'static str; 4] {
    match (family.starts_with("LieuNuitee"), family.contains("_Veille")) {
        (true, false) => ["EPCIZoneNuiteeSoir", "CodeInseeNuiteeSoir", "ZoneNuiteeSoir", "DeptZoneNuiteeSoir"],
        (true, true) => ["EPCIZoneNuiteeVeille", "CodeInseeNuiteeVeille", "ZoneNuiteeVeille", "DeptZoneNuiteeVeille"],
        (false, false) => ["EPCIZoneDiurneSoir", "CodeInseeDiurneSoir", "ZoneDiurneSoir", "DeptZoneDiurneSoir"],
        (false, true) => ["EPCIZoneDiurneVeille", "CodeInseeDiurneVeille", "ZoneDiurneVeille", "DeptZoneDiurneVeille"],
    }
}

/// The communes of the home département and its neighbours.
fn near() -> impl Iterator<Item = &'static Commune> {
    let neighbours = reference::neighbours(HOME);
    reference::communes().iter().filter(|c| c.departement == HOME || neighbours.contains(&c.departement))
}

/// Those of them whose name no other commune of the country has.
fn unambiguous_communes() -> &'static [&'static Commune] {
    &UNAMBIGUOUS
}

static UNAMBIGUOUS: LazyLock<Vec<&'static Commune>> = LazyLock::new(|| {
    let mut count: HashMap<String, u32> = HashMap::new();
    for commune in reference::communes() {
        *count.entry(fold(commune.nom)).or_default() += 1;
    }
    near().filter(|commune| count.get(&fold(commune.nom)) == Some(&1)).collect()
});

/// Names that two or more neighbours have and the home département has not: nobody can tell which one is meant.
pub(super) fn ambiguous_communes() -> Vec<&'static str> {
    let home: HashSet<_> = near().filter(|c| c.departement == HOME).map(|c| fold(c.nom)).collect();
    let mut first: HashMap<String, &'static Commune> = HashMap::new();
    let mut ambiguous = Vec::new();
    for commune in near().filter(|c| c.departement != HOME) {
        let name = fold(commune.nom);
        match first.get(&name) {
            Some(other) if other.departement != commune.departement && !home.contains(&name) => {
                ambiguous.push(commune.nom);
            }
            _ => {
                first.insert(name, commune);
            }
        }
    }
    ambiguous
}

#[cfg(test)]
mod tests {
    use super::*;
    use flux_core::domain::catalogue;

    #[test]
    fn communes_of_a_clean_delivery_are_known_once_in_the_country() {
        let names: Vec<_> = unambiguous_communes().iter().map(|c| c.nom).collect();
        // Aurillac (15014) and Brioude (43040) are alone; Saint-Georges stands in Cantal and elsewhere.
        assert!(names.contains(&"Aurillac") && names.contains(&"Brioude"));
        assert!(!names.contains(&"Saint-Georges"));
        assert!(names.len() > 1000, "{}", names.len());
    }

    #[test]
    fn every_name_can_be_written_in_windows_1252() {
        for dataset in catalogue::DATASETS {
            for cell in axes(dataset, Layout::Raw).iter().flat_map(|axis| &axis.members).flat_map(|m| &m.cells) {
                assert!(!encoding_rs::WINDOWS_1252.encode(cell).2, "{cell}");
            }
        }
    }

    #[test]
    fn an_ambiguous_commune_stands_in_two_neighbours_and_not_at_home() {
        let names = ambiguous_communes();
        assert!(names.len() >= 10, "{names:?}");
        for name in names {
            let places: HashSet<_> = near().filter(|c| fold(c.nom) == fold(name)).map(|c| c.departement).collect();
            assert!(places.len() >= 2 && !places.contains("15"), "{name}: {places:?}");
        }
    }

    #[test]
    fn only_the_home_departement_is_local_and_it_is_nowhere_else() {
        let dataset = catalogue::weekly().nth(1).unwrap();
        let axis = departements(dataset, Layout::Weekly, false);
        for zone in 0..ZONES.len() {
            let names = |provenance| -> Vec<_> {
                axis.order(zone, provenance).iter().map(|&i| axis.members[i].cells[0].as_str()).collect()
            };
            assert_eq!(names(0), ["Cantal"]);
            assert_eq!(names(1).len(), 102);
            assert!(!names(1).contains(&"Cantal"));
            assert!(names(2).is_empty());
        }
    }
}
