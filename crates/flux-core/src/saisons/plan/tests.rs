use chrono::NaiveDate;

use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The database after a plan was applied: ids count from 1 in the order of the steps.
fn applied(plan: &Plan, before: &Stored) -> Stored {
    let mut after = before.clone();
    for step in &plan.saisons {
        let next = after.saisons.iter().map(|row| row.id).max().unwrap_or(0) + 1;
        match step {
            SaisonStep::Insert(span) => after.saisons.push(saison_row(next, span)),
            SaisonStep::Update(row, span) => {
                let place = after.saisons.iter().position(|other| other.id == row.id).unwrap();
                after.saisons[place] = saison_row(row.id, span);
            }
            SaisonStep::Keep(_) => {}
        }
    }
    for step in &plan.periodes {
        let next = after.periodes.iter().map(|row| row.id).max().unwrap_or(0) + 1;
        match step {
            PeriodeStep::Insert(periode) => after.periodes.push(periode_row(next, periode)),
            PeriodeStep::Update(row, periode) => {
                let place = after.periodes.iter().position(|other| other.id == row.id).unwrap();
                after.periodes[place] = PeriodeRow { id_saison: row.id_saison, ..periode_row(row.id, periode) };
            }
            PeriodeStep::Keep(_) | PeriodeStep::KeepTheirs(..) => {}
        }
    }
    for link in &plan.links {
        let id = link.saison.map(|key| after.saisons.iter().find(|row| row.key == key).unwrap().id);
        let row = after.periodes.iter_mut().find(|row| row.code == link.code && row.annee == link.annee).unwrap();
        row.id_saison = id;
    }
    for (kind, annee, days) in &plan.written {
        after.written.insert((kind.code().to_owned(), *annee), *days);
    }
    after
}

fn saison_row(id: u32, span: &SaisonSpan) -> SaisonRow {
    let (debut, fin) = (Some(span.debut), Some(span.fin));
    SaisonRow { id, key: (span.annee, span.saison), debut, fin, duree_jours: Some(span.duree_jours) }
}

fn periode_row(id: u32, periode: &Periode) -> PeriodeRow {
    PeriodeRow {
        id,
        code: periode.kind.code().to_owned(),
        annee: periode.annee,
        debut: Some(periode.debut()),
        fin: Some(periode.fin()),
        id_saison: None,
    }
}

fn filled(years: RangeInclusive<i32>) -> Stored {
    let empty = Stored::default();
    applied(&Plan::new(&empty, years, false), &empty)
}

#[test]
fn an_empty_database_gets_everything_and_a_second_run_nothing() {
    let empty = Stored::default();
    let plan = Plan::new(&empty, 2024..=2025, false);
    // four seasons a year and the winter of 2023
    assert_eq!(plan.saison_counts(), Counts { inserted: 9, updated: 0, unchanged: 0 });
    assert_eq!(plan.periode_counts(), Counts { inserted: 20, updated: 0, unchanged: 0 });
    assert_eq!((plan.links.len(), plan.written.len(), plan.unknown.len()), (20, 20, 0));
    let winter = plan.links.iter().find(|link| link.code == "vacances_hiver" && link.annee == 2024).unwrap();
    assert_eq!(winter.saison, Some((2023, Saison::Hiver)));

    let after = applied(&plan, &empty);
    let again = Plan::new(&after, 2024..=2025, false);
    assert!(again.is_empty(), "{again:?}");
    assert_eq!(again.saison_counts().unchanged, 9);
}

#[test]
fn a_wrong_season_is_updated_under_its_id() {
    let mut stored = filled(2025..=2025);
    let row = stored.saisons.iter_mut().find(|row| row.key == (2025, Saison::Ete)).unwrap();
    row.debut = row.debut.map(|debut| debut + chrono::TimeDelta::hours(1));
    let id = row.id;
    let plan = Plan::new(&stored, 2025..=2025, false);
    assert_eq!(plan.saison_counts(), Counts { inserted: 0, updated: 1, unchanged: 4 });
    assert!(plan.saisons.iter().any(|step| matches!(step, SaisonStep::Update(row, _) if row.id == id)));
    assert!(plan.links.is_empty());
}

#[test]
fn a_period_that_people_changed_is_kept_and_one_of_ours_follows_the_calendar() {
    let mut stored = filled(2025..=2025);
    let mut put = |code: &str, first: &str, last: &str| {
        let row = stored.periodes.iter_mut().find(|row| row.code == code).unwrap();
        row.debut = Some(day(first).and_time(chrono::NaiveTime::MIN));
        row.fin = Some(day(last).and_time(chrono::NaiveTime::MIN));
    };
    // as an earlier version of the calendar would have had it, and as a person wants it
    put("vacances_ete", "2025-07-06", "2025-08-31");
    put("vacances_hiver", "2025-02-08", "2025-03-02");
    stored.written.insert(("vacances_ete".into(), 2025), (day("2025-07-06"), day("2025-08-31")));

    let plan = Plan::new(&stored, 2025..=2025, false);
    assert_eq!(plan.periode_counts(), Counts { inserted: 0, updated: 1, unchanged: 8 });
    let kept: Vec<_> = plan.changed_by_hand().map(|(row, periode)| (row.code.as_str(), periode.dernier_jour)).collect();
    assert_eq!(kept, [("vacances_hiver", day("2025-03-09"))]);
    assert_eq!(plan.written, [(PeriodeKind::VacancesEte, 2025, (day("2025-07-05"), day("2025-08-31")))]);

    let plan = Plan::new(&stored, 2025..=2025, true);
    assert_eq!(plan.periode_counts().updated, 2);
    assert_eq!(plan.changed_by_hand().count(), 0);
}

#[test]
fn the_same_days_at_other_hours_are_no_change() {
    let mut stored = filled(2025..=2025);
    for row in &mut stored.periodes {
        row.fin = row.fin.map(|fin| fin.date().and_time(chrono::NaiveTime::MIN));
    }
    stored.written.clear();
    let plan = Plan::new(&stored, 2025..=2025, false);
    assert_eq!(plan.periode_counts().unchanged, 10);
    assert_eq!(plan.written.len(), 10);
}

#[test]
fn periods_under_codes_of_their_own_are_kept_and_linked() {
    let mut stored = filled(2025..=2025);
    let theirs = PeriodeRow {
        id: 99,
        code: "festival_theatre_rue".into(),
        annee: 2025,
        debut: "2025-08-20T00:00:00".parse().ok(),
        fin: "2025-08-23T23:59:59".parse().ok(),
        id_saison: None,
    };
    stored.periodes.push(theirs.clone());
    let plan = Plan::new(&stored, 2025..=2025, true);
    assert_eq!(plan.theirs, [theirs]);
    let link = LinkStep { code: "festival_theatre_rue".into(), annee: 2025, saison: Some((2025, Saison::Ete)) };
    assert_eq!(plan.links, [link]);
}

#[test]
fn a_link_that_leads_nowhere_or_to_the_wrong_season_is_mended() {
    let mut stored = filled(2025..=2025);
    let spring = stored.saisons.iter().find(|row| row.key == (2025, Saison::Printemps)).unwrap().id;
    for (code, id) in [("vacances_ete", Some(spring)), ("vacances_noel", Some(4242)), ("weekend_paques", None)] {
        stored.periodes.iter_mut().find(|row| row.code == code).unwrap().id_saison = id;
    }
    let plan = Plan::new(&stored, 2025..=2025, false);
    let mended: Vec<_> = plan.links.iter().map(|link| (link.code.as_str(), link.saison.unwrap())).collect();
    let expected = [
        ("vacances_ete", (2025, Saison::Ete)),
        ("vacances_noel", (2025, Saison::Hiver)),
        ("weekend_paques", (2025, Saison::Printemps)),
    ];
    assert_eq!(mended, expected);
}

#[test]
fn unknown_school_years_are_said_not_invented() {
    let plan = Plan::new(&Stored::default(), 2028..=2029, false);
    let unknown: Vec<_> = plan.unknown.iter().map(|(year, kind)| (*year, kind.code())).collect();
    let expected = [
        (2028, "vacances_toussaint"),
        (2028, "vacances_noel"),
        (2029, "vacances_hiver"),
        (2029, "vacances_paques"),
        (2029, "vacances_ete"),
        (2029, "vacances_toussaint"),
        (2029, "vacances_noel"),
    ];
    assert_eq!(unknown, expected);
}
