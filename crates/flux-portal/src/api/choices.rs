//! What can be asked for: periods and filters.

use std::collections::BTreeMap;

use flux_core::figures::choices::Choices;
use flux_core::figures::period::Period;
use serde_json::{Map, json};

use crate::api::{Context, Document};
use crate::failure::Failure;
use crate::list::Row;

/// A period as the forms of the old portal want it.
fn choice(year: i32, period: &Period) -> Row {
    Map::from_iter([
        ("value".to_owned(), json!(period.code)),
        ("label".to_owned(), json!(period.label)),
        ("annee".to_owned(), json!(year)),
        ("date_debut".to_owned(), json!(period.debut.to_string())),
        ("date_fin".to_owned(), json!(period.fin.to_string())),
    ])
}

fn all(choices: &Choices) -> Vec<Row> {
    let of_year =
        |(year, periods): &(i32, Vec<Period>)| periods.iter().map(|period| choice(*year, period)).collect::<Vec<_>>();
    choices.periodes.iter().flat_map(of_year).collect()
}

/// `action`: `all` by name and year, `year` those of `annee`, `list` the codes that there are.
pub(super) fn periods(context: &mut Context<'_>) -> Result<Document, Failure> {
    let year = context.parameters.year("annee")?;
    let action = context.parameters.text("action").unwrap_or("all");
    let choices = context.choices()?;
    match action {
        "all" => {
            let mut names: BTreeMap<&str, Row> = BTreeMap::new();
            for (year, period) in choices.periodes.iter().flat_map(|(year, list)| list.iter().map(move |p| (year, p))) {
                let days = json!({"code": period.code, "debut": french(period.debut), "fin": french(period.fin)});
                // Names as dim_periodes has them; the whole year and the seasons by their code, which is the same in every year.
                names.entry(name_of(period)).or_default().insert(year.to_string(), days);
            }
            Ok(Document { body: json!({"periode": names}), rows: all(&choices) })
        }
        "year" => {
            let year = year.ok_or_else(|| Failure::BadRequest("le paramètre annee manque".into()))?;
            let list = choices.periodes.iter().find(|(known, _)| *known == year).map(|(_, list)| list.as_slice());
            let Some(list) = list else { return Err(Failure::NotFound(format!("aucune donnée en {year}"))) };
            let rows: Vec<Row> = list.iter().map(|period| choice(year, period)).collect();
            Ok(Document { body: json!({"annee": year, "periodes": rows}), rows })
        }
        "list" => {
            let mut codes: BTreeMap<&str, &str> = BTreeMap::new();
            for period in choices.periodes.iter().flat_map(|(_, list)| list) {
                codes.entry(&period.code).or_insert_with(|| name_of(period));
            }
            let rows: Vec<Row> = codes
                .into_iter()
                .map(|(code, name)| {
                    Map::from_iter([("value".to_owned(), json!(code)), ("label".to_owned(), json!(name))])
                })
                .collect();
            Ok(Document { body: json!({"periodes": rows}), rows })
        }
        _ => Err(Failure::BadRequest("action : all, year ou list est attendu".into())),
    }
}

/// A name that is the same in every year: those that are computed have the year in theirs.
fn name_of(period: &Period) -> &str {
    let label = period.label.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
    match (period.code.as_str(), label) {
        ("annee_complete", _) => "Année complète",
        (code, "") => code,
        (_, label) => label,
    }
}

fn french(day: chrono::NaiveDate) -> String {
    day.format("%d/%m/%Y").to_string()
}

pub(super) fn filters(context: &mut Context<'_>) -> Result<Document, Failure> {
    let choices = context.choices()?;
    let rows = all(&choices);
    let zones: Vec<&str> = choices.zones.iter().map(|zone| zone.name.as_str()).collect();
    let (first, last) = choices.dates.unzip();
    let day = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string());
    let metadata = json!({
        "date_min": day(first), "date_max": day(last), "version_des_donnees": context.version.to_string(),
    });
    let body = json!({"annees": choices.annees, "periodes": rows, "zones": zones, "metadata": metadata});
    Ok(Document { body, rows })
}
