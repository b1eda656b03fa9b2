//! The rows of the reference as the dimensions take them.

use std::collections::HashSet;

use mysql::Value;

use crate::domain::catalogue::Dim;
use crate::domain::names::{fold, normalise};
use crate::domain::reference;

/// Name and further columns of each reference row of a small dimension.
pub(crate) fn reference_rows(dim: Dim) -> Vec<(String, Vec<(&'static str, Value)>)> {
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
        // Of communes and EPCIs there are too many for this way; of others the reference knows none.
        _ => Vec::new(),
    }
}

/// Names of the EPCIs of the reference, each once.
pub(super) fn epcis() -> Vec<String> {
    let mut seen = HashSet::new();
    let names = reference::communes().iter().map(|commune| normalise(Dim::Epci, commune.nom_epci));
    names.filter(|name| !name.is_empty() && seen.insert(fold(name))).collect()
}
