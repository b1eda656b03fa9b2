use super::*;
use crate::saisons::dates::WrongDay;
use crate::saisons::store::PeriodeRow;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Seasons and periods of 2024 to 2026 as `update-saisons` leaves them, links included.
fn right() -> Stored {
    let mut stored = Stored::default();
    let spans = saison_of(2023, Saison::Hiver).into_iter().chain((2024..=2026).flat_map(saisons_of));
    for (id, span) in (1..).zip(spans) {
        let (debut, fin, key) = (Some(span.debut), Some(span.fin), (span.annee, span.saison));
        stored.saisons.push(SaisonRow { id, key, debut, fin, duree_jours: Some(span.duree_jours) });
    }
    for (id, periode) in (1..).zip((2024..=2026).flat_map(|year| periodes_of(year).known)) {
        stored.periodes.push(PeriodeRow {
            id,
            code: periode.kind.code().into(),
            annee: periode.annee,
            debut: Some(periode.debut()),
            fin: Some(periode.fin()),
            id_saison: None,
        });
    }
    for link in plan::links(&stored, &Plan::default()) {
        let id = stored.saisons.iter().find(|row| Some(row.key) == link.saison).map(|row| row.id);
        let row = stored.periodes.iter_mut().find(|row| row.code == link.code && row.annee == link.annee).unwrap();
        row.id_saison = id;
    }
    stored
}

fn code(anomaly: &Anomaly) -> &'static str {
    match anomaly {
        Anomaly::SaisonManquante(_) => "saison_manquante",
        Anomaly::SaisonFausse { .. } => "saison_fausse",
        Anomaly::Rupture { .. } => "rupture",
        Anomaly::PeriodeManquante { .. } => "periode_manquante",
        Anomaly::PeriodeInvalide { .. } => "periode_invalide",
        Anomaly::Lien(_) => "lien",
        Anomaly::CalendrierScolaire { .. } => "calendrier_scolaire",
        Anomaly::DatesFausses { .. } => "dates_fausses",
        Anomaly::DatesManquantes { .. } => "dates_manquantes",
    }
}

fn found(stored: &Stored) -> Vec<Anomaly> {
    let facts = BTreeSet::from([day("2024-07-14"), day("2025-07-14")]);
    assess(stored, &facts, DatesReport::default(), day("2025-11-22")).anomalies
}

#[test]
fn what_update_saisons_leaves_is_sound() {
    assert_eq!(found(&right()), []);
}

#[test]
fn an_empty_database_lacks_the_years_of_the_facts() {
    let anomalies = found(&Stored::default());
    let seasons = anomalies.iter().filter(|anomaly| matches!(anomaly, Anomaly::SaisonManquante(_))).count();
    let periods = anomalies.iter().filter(|anomaly| matches!(anomaly, Anomaly::PeriodeManquante { .. })).count();
    // 2024 and 2025 with the winter of 2023; ten periods for each of 2024 and 2025
    assert_eq!((seasons, periods, anomalies.len()), (9, 20, 29));
}

#[test]
fn a_shifted_season_is_wrong_and_leaves_a_gap_and_an_overlap() {
    let mut stored = right();
    let summer = stored.saisons.iter_mut().find(|row| row.key == (2025, Saison::Ete)).unwrap();
    summer.debut = summer.debut.map(|at| at + TimeDelta::seconds(3600));
    summer.fin = summer.fin.map(|at| at + TimeDelta::seconds(3600));
    let anomalies = found(&stored);
    assert!(matches!(anomalies[0], Anomaly::SaisonFausse { key: (2025, Saison::Ete), duree: None, .. }));
    let (spring, autumn) = ((2025, Saison::Printemps), (2025, Saison::Automne));
    let expected = [
        Anomaly::Rupture { avant: spring, apres: (2025, Saison::Ete), secondes: 3600 },
        Anomaly::Rupture { avant: (2025, Saison::Ete), apres: autumn, secondes: -3600 },
    ];
    assert_eq!(anomalies[1..], expected);
    assert_eq!(anomalies[1].finding().message, "trou de 3600 s entre printemps 2025 et été 2025");
}

#[test]
fn a_wrong_length_a_wrong_link_and_an_invalid_period() {
    let mut stored = right();
    stored.saisons.iter_mut().find(|row| row.key == (2025, Saison::Ete)).unwrap().duree_jours = Some(94);
    stored.periodes.iter_mut().find(|row| row.code == "vacances_ete" && row.annee == 2025).unwrap().id_saison = None;
    let noel = stored.periodes.iter_mut().find(|row| row.code == "vacances_noel" && row.annee == 2024).unwrap();
    noel.fin = None;
    let codes: Vec<_> = found(&stored).iter().map(code).collect();
    assert_eq!(codes, ["saison_fausse", "periode_invalide", "lien"]);
}

#[test]
fn days_that_people_changed_are_told_and_no_anomaly() {
    let mut stored = right();
    let row = stored.periodes.iter_mut().find(|row| row.code == "pont_de_mai" && row.annee == 2025).unwrap();
    row.fin = Some(day("2025-05-04").and_time(chrono::NaiveTime::MIN));
    let verification = assess(&stored, &BTreeSet::new(), DatesReport::default(), day("2025-11-22"));
    assert_eq!(verification.anomalies, []);
    assert_eq!(verification.modifiees, [("pont_de_mai".to_owned(), 2025)]);
}

#[test]
fn a_school_calendar_that_ends_soon_and_wrong_days_need_a_look() {
    let dates = DatesReport {
        rows: 2,
        wrong: vec![WrongDay { date: day("2025-05-01"), columns: vec!["ferie"] }],
        missing: vec![day("2025-07-14")],
        unknown: 0,
    };
    // 180 days before the end of August 2028 is 4 March
    let at = |today| {
        let anomalies = assess(&right(), &BTreeSet::new(), dates.clone(), day(today)).anomalies;
        anomalies.iter().map(code).filter(|code| *code != "saison_manquante").collect::<Vec<_>>()
    };
    assert_eq!(at("2028-03-04"), ["dates_fausses", "dates_manquantes"]);
    assert_eq!(at("2028-03-05"), ["calendrier_scolaire", "dates_fausses", "dates_manquantes"]);
}
