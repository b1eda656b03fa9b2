//! What the figures mean, and how fresh the data are.

use flux_core::figures::indicators::DEFINITIONS;
use flux_core::health::freshness::{Verified, freshness};
use flux_report::local_time;
use maud::{Markup, html};

use crate::api::Context;
use crate::failure::Failure;
use crate::pages::blocks::Table;
use crate::pages::{Content, frame, words};

const RULES: [(&str, &str); 9] = [
    ("Touristes", "Visiteurs qui passent la nuit dans la zone, comptés en nuitées (catégorie TOURISTE)."),
    (
        "Excursionnistes",
        "Visiteurs qui n'y passent pas la nuit, comptés en présences d'un jour (catégorie EXCURSIONNISTE).",
    ),
    (
        "Provenances",
        "Français : NONLOCAL. Internationaux : ETRANGER. Le total est leur somme ; les résidents (LOCAL) ne comptent jamais.",
    ),
    ("Zone", "Les noms équivalents d'une zone sont additionnés ; chaque page dit lesquels."),
    (
        "Période",
        "Jours entiers, premier et dernier compris. L'année de référence a ses propres dates pour la même période.",
    ),
    ("Évolution", "(N − N−1) / N−1 × 100, à une décimale. Aucune quand N−1 vaut 0 ou n'a pas de données."),
    ("Part", "En pour cent de tout le détail, et non des seules lignes affichées."),
    (
        "Classements",
        "Les premiers de N et ceux de N−1, pour que celui qui est sorti se voie. CUMUL n'est jamais une ligne.",
    ),
    ("Données provisoires", "Orange les révise : elles sont hachurées, et leur part est dite avant les chiffres."),
];

pub(super) fn methodology(context: &mut Context<'_>) -> Result<Content, Failure> {
    let mut rules = Table::new("Règles communes", &["Terme", "Définition"]);
    rules.rows = RULES.iter().map(|(term, text)| vec![(*term).to_owned(), (*text).to_owned()]).collect();
    let mut figures =
        Table::new("Définition de chaque indicateur", &["Indicateur", "Définition", "Unité", "Table", "Identifiant"]);
    figures.rows = DEFINITIONS
        .iter()
        .map(|definition| {
            [definition.indicateur, definition.definition, definition.unit, definition.table, definition.id]
                .map(str::to_owned)
                .into()
        })
        .collect();
    let body = html! { (rules.render()) (figures.render()) };
    Ok(Content::page(context, "Méthodologie", frame::Place::Methodology, body, String::new()))
}

/// `2025-08-31T06:00:00.123Z` as `2025-08-31 08:00:00`, by the clock of this machine.
fn moment(text: Option<&str>) -> String {
    text.map_or_else(|| "–".into(), |text| local_time(&text.replace('T', " ")))
}

/// What that clock shows.
fn clock() -> &'static str {
    if chrono::Local::now().offset().local_minus_utc() == 0 { "UTC" } else { "heure locale" }
}

/// The same in a sentence.
fn at(text: Option<&str>) -> Markup {
    html! { span.entier { (moment(text)) } }
}

fn outcome(status: Option<&str>) -> String {
    match status {
        None => "–".into(),
        Some("loaded") => "chargé".into(),
        Some("unchanged") => "inchangé".into(),
        Some("failed") => "échec".into(),
        Some(other) => other.to_owned(),
    }
}

fn verification(last: Option<&Verified>) -> Markup {
    let Some(last) = last else { return html! { "aucune (" code { "verify-migration" } ")" } };
    let verdict = match last.verdict.as_str() {
        "ok" => "✓ conforme",
        "attention" => "⚠ à regarder",
        _ => "✗ en erreur",
    };
    let of = if last.archives { ", contre les archives" } else { "" };
    let part = if last.partielle { ", partielle" } else { "" };
    let run = last.execution.get(..8).unwrap_or(&last.execution);
    html! { (verdict) ", " (at(Some(&last.le))) ", " (last.outil) " (exécution " (run) ")" (of) (part) }
}

pub(super) fn state(context: &mut Context<'_>) -> Result<Content, Failure> {
    let freshness = freshness(context.database)?;
    let mut tables = Table::new(
        "Tables de la livraison hebdomadaire",
        &["Table", "Données jusqu'au", "Modifiée", "Dernier import", "Résultat", ">Rejets"],
    );
    tables.rows = freshness
        .tables
        .iter()
        .map(|table| {
            vec![
                table.table.clone(),
                table.donnees_jusqu_au.map_or_else(|| "–".into(), |day| day.to_string()),
                moment(table.modifiee_le.as_deref()),
                moment(table.dernier_import.as_deref()),
                outcome(table.import.as_deref()),
                words::count(table.rejets),
            ]
        })
        .collect();
    let body = html! {
        section.apropos aria-label="En bref" {
            @match freshness.donnees_jusqu_au {
                Some(day) => p { "Données jusqu'au " strong { (words::date(day)) } },
                None => p { strong { "Aucune donnée" } },
            }
            p { "Dernier import\u{a0}: " (at(freshness.dernier_import.as_deref())) " · dernière migration\u{a0}: " (at(freshness.derniere_migration.as_deref())) " · dernière modification\u{a0}: " (at(freshness.derniere_modification.as_deref())) }
            p { "Dernière vérification\u{a0}: " (verification(freshness.derniere_verification.as_ref())) }
            @match &freshness.en_cours {
                None => p { "Aucune écriture en cours." },
                Some(running) => p.alerte {
                    "⚠ En cours\u{a0}: " (running.outil.as_deref().unwrap_or("un autre programme"))
                    @if let Some(since) = &running.depuis { ", depuis " (at(Some(since))) }
                    @if let Some(percent) = running.avancement_pct { ", " (words::number(percent)) "\u{202f}%" }
                },
            }
            p.doux { "Instants en " (clock()) "." }
            p.doux { "Version des données " code { (context.version) } }
        }
        (tables.render())
    };
    Ok(Content::page(context, "État des données", frame::Place::State, body, String::new()))
}
