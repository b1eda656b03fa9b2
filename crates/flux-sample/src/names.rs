//! Names as deliveries write them, and how much of the traffic each has.

use crate::format::ZoneStyle;

/// A zone of observation.
pub(super) struct Zone {
    old: &'static str,
    new: &'static str,
    /// Code in the names of raw files.
    pub(super) code: &'static str,
    /// Part of the visitors of the whole Cantal.
    pub(super) part: f64,
    /// Whether its high season is the winter one.
    pub(super) ski: bool,
}

const fn zone(new: &'static str, old: &'static str, code: &'static str, part: f64) -> Zone {
    Zone { old, new, code, part, ski: false }
}

/// All zones, in the order of a delivery.
pub(super) const ZONES: &[Zone] = &[
    zone("Cantal", "Cantal", "CANTAL0", 1.0),
    zone("Pays d'Aurillac", "CABA", "CABA0", 0.31),
    zone("Carladès", "Carladès", "CARLADES0", 0.05),
    zone("Châtaigneraie", "Châtaigneraie", "CHATAIGNERAIE0", 0.13),
    zone("Haut Cantal", "Gentiane", "GENTIANE0", 0.10),
    zone("Hautes Terres", "HTC", "HTC0", 0.09),
    Zone { ski: true, ..zone("Lioran", "Station", "STATION0", 0.06) },
    zone("Pays de Mauriac", "Pays de Mauriac", "MAURIAC0", 0.08),
    zone("Pays Saint Flour", "Saint Flour Communauté", "SAINTFLOUR0", 0.17),
    zone("Pays Salers", "CC du Pays de Salers", "SALERS0", 0.07),
    zone("Val Truyère", "Vallée de la Truyère", "TRUYERE0", 0.04),
];

impl Zone {
    pub(super) fn name(&self, style: ZoneStyle) -> &'static str {
        match style {
            ZoneStyle::Old => self.old,
            ZoneStyle::New => self.new,
        }
    }
}

/// Provenances as delivered, in the order of the parts of [`Categorie::split`].
pub(super) const PROVENANCES: [&str; 3] = ["Local", "NonLocal", "Etranger"];

/// A visitor category and its weight.
pub(super) struct Categorie {
    pub(super) nom: &'static str,
    /// Visitors a day in the whole Cantal, in a mean season.
    pub(super) base: f64,
    /// How far the season moves it: 0 not at all, 1 as a tourist.
    pub(super) seasonal: f64,
    pub(super) split: [f64; 3],
}

const fn categorie(nom: &'static str, base: f64, seasonal: f64, split: [f64; 3]) -> Categorie {
    Categorie { nom, base, seasonal, split }
}

/// Categories of the nights.
pub(super) const NUITEE: &[Categorie] = &[
    categorie("Touriste", 22_000.0, 1.0, [0.03, 0.85, 0.12]),
    categorie("Resident", 128_000.0, 0.02, [0.97, 0.02, 0.01]),
    categorie("Habituellement present", 14_000.0, 0.35, [0.10, 0.84, 0.06]),
    categorie("Transit nocturne", 1_900.0, 0.6, [0.05, 0.80, 0.15]),
];

/// Categories of the days.
pub(super) const DIURNE: &[Categorie] = &[
    categorie("Touriste", 24_000.0, 1.0, [0.03, 0.84, 0.13]),
    categorie("Resident", 121_000.0, 0.02, [0.97, 0.02, 0.01]),
    categorie("Habituellement present", 16_500.0, 0.3, [0.10, 0.84, 0.06]),
    categorie("Excursionniste", 17_000.0, 0.8, [0.22, 0.70, 0.08]),
    categorie("Excursionniste recurrent", 9_000.0, 0.2, [0.30, 0.67, 0.03]),
    categorie("Transit", 12_000.0, 0.6, [0.08, 0.80, 0.12]),
    categorie("Resident en transit", 6_000.0, 0.1, [0.96, 0.03, 0.01]),
    categorie("Touriste en transit", 4_500.0, 0.9, [0.03, 0.83, 0.14]),
    categorie("Habituellement present en transit", 2_500.0, 0.3, [0.10, 0.84, 0.06]),
];

/// Categories of the stays.
pub(super) const SEJOUR: &[Categorie] = &[categorie("Touriste", 6_200.0, 1.0, [0.03, 0.85, 0.12])];

/// Categories of the places visited.
pub(super) const LIEU: &[Categorie] = &[
    categorie("Touriste", 19_000.0, 1.0, [0.03, 0.85, 0.12]),
    categorie("Resident", 98_000.0, 0.02, [0.97, 0.02, 0.01]),
    categorie("Habituellement present", 12_000.0, 0.3, [0.10, 0.84, 0.06]),
];

/// Départements by number of visitors, the rest follows by code.
pub(super) const DEPARTEMENTS_FIRST: &[&str] = &[
    "63", "69", "12", "31", "19", "75", "13", "33", "34", "46", "43", "42", "78", "92", "03", "44", "59", "48", "30",
    "38", "91", "77", "94", "93", "95", "81", "87", "24", "82", "47", "26", "06", "83", "76", "35", "45", "37", "86",
    "71", "21",
];

/// Countries by number of visitors, the rest follows by name.
pub(super) const PAYS_FIRST: &[&str] = &[
    "Pays-Bas",
    "Belgique",
    "Royaume-Uni",
    "Allemagne",
    "Espagne",
    "Suisse",
    "Italie",
    "Portugal",
    "États-Unis",
    "Luxembourg",
    "Irlande",
    "Pologne",
    "Danemark",
    "Suède",
    "Canada",
    "Roumanie",
    "Israël",
    "Tchéquie",
    "Autriche",
    "Norvège",
    "Australie",
    "Brésil",
    "Chine",
    "Maroc",
    "Algérie",
    "Russie",
    "Japon",
    "Finlande",
    "Hongrie",
    "Grèce",
];

#[cfg(test)]
mod tests {
    use super::*;
    use flux_core::domain::catalogue::Dim;
    use flux_core::domain::names::fold;
    use flux_core::domain::reference;
    use std::collections::BTreeSet;

    #[test]
    fn each_zone_of_the_reference_is_delivered_once_under_either_style() {
        for style in [ZoneStyle::Old, ZoneStyle::New] {
            let groups: BTreeSet<_> = ZONES
                .iter()
                .map(|zone| {
                    let name = fold(zone.name(style));
                    reference::names(Dim::Zone)
                        .iter()
                        .position(|group| group.iter().any(|other| fold(other) == name))
                        .unwrap_or_else(|| panic!("{name} belongs to no zone"))
                })
                .collect();
            // Those of reference/zones.csv without `non`.
            assert_eq!(groups.len(), 11);
        }
        assert_eq!(ZONES[1].name(ZoneStyle::Old), "CABA");
    }

    #[test]
    fn categories_and_provenances_are_those_of_the_reference() {
        let known: BTreeSet<_> = reference::names(Dim::Categorie).iter().map(|names| names[0].to_owned()).collect();
        let delivered: BTreeSet<_> =
            [NUITEE, DIURNE, SEJOUR, LIEU].into_iter().flatten().map(|c| c.nom.to_uppercase()).collect();
        assert_eq!(delivered, known);
        for (delivered, known) in PROVENANCES.iter().zip(reference::names(Dim::Provenance)) {
            assert_eq!(delivered.to_uppercase(), known[0]);
        }
        for c in [NUITEE, DIURNE, SEJOUR, LIEU].into_iter().flatten() {
            assert!((c.split.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{}", c.nom);
        }
    }

    #[test]
    fn the_first_countries_and_departements_exist() {
        for pays in PAYS_FIRST {
            assert!(reference::names(Dim::Pays).iter().any(|known| known[0] == *pays), "{pays}");
        }
        for code in DEPARTEMENTS_FIRST {
            assert!(reference::departements().iter().any(|d| d.code == *code), "{code}");
        }
    }
}
