//! The portal's endpoints: path, parameters, fields that an answer must hold, who may call. One table for all checks.

/// What a field holds. PHP gives numbers of the database as text at times, so a number may also be its text.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text that is not empty.
    Text,
    /// A whole number ≥ 0.
    Count,
    /// Text of which the portal may know nothing: its absence is told, and is no error.
    Known,
    /// A whole number ≥ 0, or null where the year has no data.
    CountOrNull,
    /// A number ≥ 0.
    Positive,
    /// Any number, or null where there is nothing to compare with.
    NumberOrNull,
    /// A date, or a date and a time.
    Date,
    /// An object whose keys are data.
    Map,
    /// A list of objects with these fields.
    Rows(&'static [Field]),
}

/// A field that must be there.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name in reports.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// The whole answer.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// An object with these fields.
    Object(&'static [Field]),
    /// A list of objects with these fields, at the top or under `data`.
    Rows(&'static [Field]),
}

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// A token or a session.
    Token,
}

/// An address of the portal's API and what its answer must look like.
#[derive(Debug)]
pub struct Endpoint {
    /// Path below the portal's base URL.
    pub path: &'static str,
    /// What it serves, in the operators' words.
    pub role: &'static str,
    /// Parameters of its own beside `annee`, `periode`, `zone`, `limit`.
    pub fixed: &'static [(&'static str, &'static str)],
    /// Whether it takes `annee`, `periode`, `zone`, `limit`.
    pub queried: bool,
    /// What it answers.
    pub shape: Shape,
    /// Who may call it.
    pub access: Access,
}

impl Endpoint {
    /// File name without its extension: `infographie_periodes`.
    pub fn name(&self) -> &'static str {
        let file = self.path.rsplit('/').next().unwrap_or(self.path);
        file.trim_end_matches(".php")
    }
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

/// The fields of one ranking: name, volume, volume of the year before, change, share.
macro_rules! ranking {
    ($name:literal, $volume:literal, $before:literal) => {
        &[
            field($name, Kind::Text),
            field($volume, Kind::CountOrNull),
            field($before, Kind::CountOrNull),
            field("delta_pct", Kind::NumberOrNull),
            field("part_pct", Kind::NumberOrNull),
        ]
    };
}

const INDICATEURS: &[Field] = &[
    field("zone_observation", Kind::Text),
    field("annee", Kind::Count),
    field("periode", Kind::Text),
    field("debut", Kind::Date),
    field("fin", Kind::Date),
    field(
        "bloc_a",
        Kind::Rows(&[
            field("numero", Kind::Positive),
            field("indicateur", Kind::Text),
            field("N", Kind::NumberOrNull),
            field("N_1", Kind::NumberOrNull),
        ]),
    ),
    field("status", Kind::Text),
];

const STAYS: Kind = Kind::Rows(&[
    field("duree", Kind::Text),
    field("nb_nuits", Kind::Count),
    field("volume", Kind::CountOrNull),
    field("volume_n1", Kind::CountOrNull),
    field("part_pct", Kind::NumberOrNull),
    field("delta_pct", Kind::NumberOrNull),
]);

const SEJOURS: &[Field] = &[
    field("annee", Kind::Count),
    field("periode", Kind::Text),
    field("zone", Kind::Text),
    field("stay_distribution_fr", STAYS),
    field("stay_distribution_intl", STAYS),
];

const MOBILITE: &[Field] = &[
    field("zone_observation", Kind::Text),
    field("annee", Kind::Count),
    field("periode", Kind::Text),
    field("debut_periode", Kind::Date),
    field("fin_periode", Kind::Date),
    field(
        "destinations",
        Kind::Rows(&[
            field("nom_commune", Kind::Known),
            field("code_insee", Kind::Known),
            field("total_visiteurs", Kind::CountOrNull),
            field("total_visiteurs_n1", Kind::CountOrNull),
            field("evolution_pct", Kind::NumberOrNull),
        ]),
    ),
    field("total_destinations", Kind::Count),
    field("status", Kind::Text),
];

const TABLES: &[Field] = &[
    field("success", Kind::Text),
    field("tables", Kind::Rows(&[field("table_name", Kind::Text)])),
    field("count", Kind::Count),
];

const fn infographie(path: &'static str, role: &'static str, shape: Shape) -> Endpoint {
    Endpoint { path, role, fixed: &[], queried: true, shape, access: Access::Public }
}

use Shape::{Object, Rows};

/// The key figures.
pub const INDICATEURS_CLES: Endpoint =
    infographie("api/infographie/infographie_indicateurs_cles.php", "indicateurs clés", Object(INDICATEURS));

/// Mobility by commune.
pub const COMMUNES_EXCURSION: Endpoint =
    infographie("api/infographie/infographie_communes_excursion.php", "mobilité par commune", Object(MOBILITE));

/// The catalogue of periods.
pub const PERIODES: Endpoint = Endpoint {
    fixed: &[("action", "all")],
    ..infographie("api/infographie/infographie_periodes.php", "périodes", Object(&[field("periode", Kind::Map)]))
};

/// The ten endpoints of the infographics.
#[rustfmt::skip]
pub const INFOGRAPHIE: &[Endpoint] = &[
    INDICATEURS_CLES,
    infographie("api/infographie/infographie_departements_touristes.php",       "départements, touristes",       Rows(ranking!("nom_departement", "n_nuitees", "n_nuitees_n1"))),
    infographie("api/infographie/infographie_departements_excursionnistes.php", "départements, excursionnistes", Rows(ranking!("nom_departement", "n_presences", "n_presences_n1"))),
    infographie("api/infographie/infographie_regions_touristes.php",            "régions, touristes",            Rows(ranking!("nom_region", "n_nuitees", "n_nuitees_n1"))),
    infographie("api/infographie/infographie_regions_excursionnistes.php",      "régions, excursionnistes",      Rows(ranking!("nom_region", "n_presences", "n_presences_n1"))),
    infographie("api/infographie/infographie_pays_touristes.php",               "pays, touristes",               Rows(ranking!("nom_pays", "n_nuitees", "n_nuitees_n1"))),
    infographie("api/infographie/infographie_pays_excursionnistes.php",         "pays, excursionnistes",         Rows(ranking!("nom_pays", "n_presences", "n_presences_n1"))),
    COMMUNES_EXCURSION,
    infographie("api/infographie/infographie_duree_sejour.php",                 "durées de séjour",              Object(SEJOURS)),
    PERIODES,
];

/// The inventory of the database.
pub const TABLES_INFO: Endpoint = Endpoint {
    path: "api/database/tables_info.php",
    role: "inventaire de la base",
    fixed: &[("type", "all"), ("limit", "1000")],
    queried: false,
    shape: Object(TABLES),
    access: Access::Token,
};
