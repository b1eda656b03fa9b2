//! Key figures, rankings, stays, curves, comparisons.

use flux_core::figures::indicators::{DEFINITIONS, Definition, Figure, Indicator, Indicators};
use flux_core::figures::lengths::{Stay, Stays};
use flux_core::figures::meta::Meta;
use flux_core::figures::mobility::Mobility;
use flux_core::figures::rankings::{Breakdown, Rank, Ranking};
use flux_core::figures::scope::Visitors;
use flux_core::figures::series::Point;
use serde_json::{Map, Value, json};

use crate::api::{Context, Document, json_of, row};
use crate::failure::Failure;
use crate::list::Row;

/// The figures of `bloc_a`, by their numbers.
const BLOC_A: [f64; 12] = [1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 16.0, 17.0, 18.0, 25.0, 26.0, 27.0];

/// What every answer about a period begins with.
fn head(meta: &Meta) -> Row {
    let mut head = Map::new();
    for (name, value) in [
        ("zone_observation", json!(meta.zone)),
        ("zone", json!(meta.zone)),
        ("annee", json!(meta.annee)),
        ("compare_annee", json!(meta.annee_n1)),
        ("periode", json!(meta.periode)),
        ("debut", json!(meta.debut.to_string())),
        ("fin", json!(meta.fin.to_string())),
    ] {
        head.insert(name.into(), value);
    }
    head
}

fn finish(mut body: Row, meta: &Meta) -> Result<Value, Failure> {
    body.insert("meta".into(), json_of(meta)?);
    body.insert("status".into(), json!("success"));
    Ok(Value::Object(body))
}

pub(super) fn key_figures(context: &mut Context<'_>) -> Result<Document, Failure> {
    figures_of(context, |_| true, false)
}

pub(super) fn bloc_a(context: &mut Context<'_>) -> Result<Document, Failure> {
    figures_of(context, |row| BLOC_A.contains(&row.definition.numero), true)
}

fn figures_of(
    context: &mut Context<'_>,
    wanted: fn(&Indicator) -> bool,
    with_stays: bool,
) -> Result<Document, Failure> {
    let question = context.parameters.question()?;
    let answer = context.answer::<Indicators>(&question, ())?;
    let Indicators { annees, rows, stays, .. } = answer.value;
    let rows: Vec<Indicator> = rows.into_iter().filter(wanted).collect();
    let mut body = head(&answer.meta);
    body.insert("annees".into(), json!(annees));
    body.insert("bloc_a".into(), json_of(&rows)?);
    if with_stays {
        insert_stays(&mut body, &stays)?;
    }
    Document::new(finish(body, &answer.meta)?, &rows)
}

fn insert_stays(body: &mut Row, stays: &Stays) -> Result<(), Failure> {
    for (name, list) in [
        ("stay_distribution_fr", &stays.francais),
        ("stay_distribution_intl", &stays.internationaux),
        ("stay_distribution_total", &stays.total),
    ] {
        body.insert(name.into(), json_of(list)?);
    }
    Ok(())
}

pub(super) fn lengths(context: &mut Context<'_>) -> Result<Document, Failure> {
    let question = context.parameters.question()?;
    let answer = context.answer::<Stays>(&question, ())?;
    let mut body = head(&answer.meta);
    insert_stays(&mut body, &answer.value)?;
    let mut rows: Vec<Row> = Vec::new();
    for (origin, list) in [("francais", &answer.value.francais), ("internationaux", &answer.value.internationaux)] {
        let with_origin = |stay: &Stay| {
            let mut with = Map::from_iter([("provenance".to_owned(), json!(origin))]);
            with.extend(row(stay)?);
            Ok(with)
        };
        rows.extend(list.iter().map(with_origin).collect::<Result<Vec<_>, Failure>>()?);
    }
    Ok(Document { body: finish(body, &answer.meta)?, rows })
}

/// How a ranking names its columns.
struct Names {
    name: &'static str,
    volume: &'static str,
    before: &'static str,
}

impl Names {
    fn row(&self, rank: &Rank) -> Row {
        Map::from_iter([
            (self.name.to_owned(), json!(rank.nom)),
            (self.volume.to_owned(), json!(rank.n)),
            (self.before.to_owned(), json!(rank.n_1)),
            ("delta_pct".to_owned(), json!(rank.delta_pct)),
            ("part_pct".to_owned(), json!(rank.part_pct)),
            ("part_pct_n1".to_owned(), json!(rank.part_pct_n1)),
            ("rang".to_owned(), json!(rank.rang)),
            ("rang_n1".to_owned(), json!(rank.rang_n1)),
        ])
    }
}

/// How a list names what it breaks down, and how many rows it has where nobody asks for another number.
fn list_of(breakdown: Breakdown) -> (&'static str, usize) {
    match breakdown {
        Breakdown::Departements => ("nom_departement", 15),
        Breakdown::Regions => ("nom_region", 10),
        Breakdown::Pays => ("nom_pays", 10),
    }
}

pub(super) fn ranking(
    context: &mut Context<'_>,
    visitors: Visitors,
    breakdown: Breakdown,
) -> Result<Document, Failure> {
    let (name, usual) = list_of(breakdown);
    let (question, limit) = (context.parameters.question()?, context.parameters.limit(usual)?);
    let answer = context.answer::<Ranking>(&question, (visitors, breakdown))?;
    let names = match visitors {
        Visitors::Touristes => Names { name, volume: "n_nuitees", before: "n_nuitees_n1" },
        Visitors::Excursionnistes => Names { name, volume: "n_presences", before: "n_presences_n1" },
    };
    let rows: Vec<Row> = answer.value.ranked(limit).into_iter().map(|rank| names.row(rank)).collect();
    let mut body = head(&answer.meta);
    body.insert("total".into(), json!(answer.value.total));
    body.insert("total_n1".into(), json!(answer.value.total_n1));
    body.insert("data".into(), json!(rows));
    Ok(Document { body: finish(body, &answer.meta)?, rows })
}

pub(super) fn communes(context: &mut Context<'_>) -> Result<Document, Failure> {
    let (question, limit) = (context.parameters.question()?, context.parameters.limit(10)?);
    let answer = context.answer::<Mobility>(&question, ())?;
    let meta = &answer.meta;
    let ranked = answer.value.ranked(limit);
    let mut body = head(meta);
    for (name, value) in [
        ("debut_periode", json!(meta.debut.to_string())),
        ("fin_periode", json!(meta.fin.to_string())),
        ("debut_periode_n1", json!(meta.debut_n1.map(|day| day.to_string()))),
        ("fin_periode_n1", json!(meta.fin_n1.map(|day| day.to_string()))),
        ("total_visiteurs", json!(answer.value.n.total)),
        ("total_visiteurs_n1", json!(answer.value.n_1.as_ref().ok().and_then(|side| side.total))),
        ("total_destinations", json!(ranked.len())),
    ] {
        body.insert(name.into(), value);
    }
    let row = |commune: &&flux_core::figures::mobility::Commune| {
        Map::from_iter([
            ("nom_commune".to_owned(), json!(commune.nom_commune)),
            ("code_insee".to_owned(), json!(commune.code_insee)),
            ("total_visiteurs".to_owned(), json!(commune.total_visiteurs)),
            ("total_visiteurs_n1".to_owned(), json!(commune.total_visiteurs_n1)),
            ("evolution_pct".to_owned(), json!(commune.evolution_pct)),
            ("part_pct".to_owned(), json!(commune.part_pct)),
        ])
    };
    let rows: Vec<Row> = ranked.iter().map(row).collect();
    body.insert("destinations".into(), json!(rows));
    Ok(Document { body: finish(body, meta)?, rows })
}

/// `visiteurs`: tourists unless excursionists are asked for.
fn visitors(context: &Context<'_>) -> Result<Visitors, Failure> {
    match context.parameters.text("visiteurs") {
        None | Some("touristes") => Ok(Visitors::Touristes),
        Some("excursionnistes") => Ok(Visitors::Excursionnistes),
        Some(_) => Err(Failure::BadRequest("visiteurs : touristes ou excursionnistes est attendu".into())),
    }
}

pub(super) fn days(context: &mut Context<'_>) -> Result<Document, Failure> {
    let (question, visitors) = (context.parameters.question()?, visitors(context)?);
    let answer = context.answer::<Vec<Point>>(&question, visitors)?;
    let mut body = head(&answer.meta);
    body.insert("visiteurs".into(), json_of(&visitors)?);
    body.insert("jours".into(), json_of(&answer.value)?);
    Document::new(finish(body, &answer.meta)?, &answer.value)
}

/// Change of `a` against `b`, in percent, by the formula of all others.
fn against(a: Option<Figure>, b: Option<Figure>) -> (Option<f64>, Value) {
    let difference = match (a, b) {
        (Some(Figure::Count(a)), Some(Figure::Count(b))) => json!(i128::from(a) - i128::from(b)),
        (Some(Figure::Mean(a)), Some(Figure::Mean(b))) => json!(((a - b) * 100.0).round() / 100.0 + 0.0),
        _ => Value::Null,
    };
    (Figure::change(a, b), difference)
}

/// The figures that either side has, in the order of their numbers. A feast that only one of the two periods has is compared with nothing.
pub(crate) fn face_to_face<'a>(
    a: &'a Indicators,
    b: &'a Indicators,
) -> impl Iterator<Item = (&'static Definition, [Option<&'a Indicator>; 2])> {
    let row = |side: &'a Indicators, id: &str| side.rows.iter().find(|row| row.definition.id == id);
    let sides = move |definition: &'static Definition| (definition, [a, b].map(|side| row(side, definition.id)));
    DEFINITIONS.iter().map(sides).filter(|(_, rows)| rows.iter().any(Option::is_some))
}

pub(super) fn comparison(context: &mut Context<'_>) -> Result<Document, Failure> {
    let (a, b) = context.parameters.two_questions()?;
    let a = context.answer::<Indicators>(&a, ())?;
    let b = context.answer::<Indicators>(&b, ())?;
    let mut rows: Vec<Row> = Vec::new();
    for (definition, [in_a, in_b]) in face_to_face(&a.value, &b.value) {
        let day = |row: Option<&Indicator>| json!(row.and_then(|row| row.dates[0]).map(|day| day.to_string()));
        let days = (day(in_a), day(in_b));
        let (in_a, in_b) = (in_a.and_then(|row| row.values[0]), in_b.and_then(|row| row.values[0]));
        let (change, difference) = against(in_a, in_b);
        rows.push(Map::from_iter([
            ("id".to_owned(), json!(definition.id)),
            ("indicateur".to_owned(), json!(definition.indicateur)),
            ("a".to_owned(), json_of(&in_a)?),
            ("b".to_owned(), json_of(&in_b)?),
            ("difference".to_owned(), difference),
            ("evolution_pct".to_owned(), json!(change)),
            ("unite".to_owned(), json!(definition.unit)),
            ("date_a".to_owned(), days.0),
            ("date_b".to_owned(), days.1),
        ]));
    }
    let mut body = head_of_two(&a.meta, &b.meta)?;
    body.insert("comparaison".into(), json!(rows));
    Ok(Document { body: finish(body, &a.meta)?, rows })
}

/// What an answer of two questions begins with.
fn head_of_two(a: &Meta, b: &Meta) -> Result<Row, Failure> {
    let mut body = Map::new();
    body.insert("a".into(), json!({"meta": json_of(a)?}));
    body.insert("b".into(), json!({"meta": json_of(b)?}));
    Ok(body)
}

pub(super) fn comparison_of(context: &mut Context<'_>, breakdown: Breakdown) -> Result<Document, Failure> {
    let (name, usual) = list_of(breakdown);
    let (a, b) = context.parameters.two_questions()?;
    let (visitors, limit) = (visitors(context)?, context.parameters.limit(usual)?);
    let faced = context.faced::<Ranking>((&a, &b), (visitors, breakdown))?;
    let row = |rank: &Rank| {
        Map::from_iter([
            (name.to_owned(), json!(rank.nom)),
            ("a".to_owned(), json!(rank.n)),
            ("b".to_owned(), json!(rank.n_1)),
            ("part_pct_a".to_owned(), json!(rank.part_pct)),
            ("part_pct_b".to_owned(), json!(rank.part_pct_n1)),
            ("evolution_pct".to_owned(), json!(rank.delta_pct)),
        ])
    };
    let rows: Vec<Row> = faced.value.ranked(limit).into_iter().map(row).collect();
    let mut body = head_of_two(&faced.a, &faced.b)?;
    body.insert("visiteurs".into(), json_of(&visitors)?);
    for (side, total) in [("a", faced.value.total), ("b", faced.value.total_n1)] {
        if let Some(Value::Object(side)) = body.get_mut(side) {
            side.insert("total".into(), json!(total));
        }
    }
    body.insert("data".into(), json!(rows));
    Ok(Document { body: finish(body, &faced.a)?, rows })
}

pub(super) fn comparison_communes(context: &mut Context<'_>) -> Result<Document, Failure> {
    let (a, b) = context.parameters.two_questions()?;
    let limit = context.parameters.limit(10)?;
    let faced = context.faced::<Mobility>((&a, &b), ())?;
    let row = |commune: &flux_core::figures::mobility::Commune| {
        Map::from_iter([
            ("nom_commune".to_owned(), json!(commune.nom_commune)),
            ("code_insee".to_owned(), json!(commune.code_insee)),
            ("a".to_owned(), json!(commune.total_visiteurs)),
            ("b".to_owned(), json!(commune.total_visiteurs_n1)),
            ("evolution_pct".to_owned(), json!(commune.evolution_pct)),
        ])
    };
    let rows: Vec<Row> = faced.value.ranked(limit).into_iter().map(row).collect();
    let mut body = head_of_two(&faced.a, &faced.b)?;
    body.insert("visiteurs".into(), json_of(&Visitors::Touristes)?);
    body.insert("data".into(), json!(rows));
    Ok(Document { body: finish(body, &faced.a)?, rows })
}

pub(super) fn comparison_series(context: &mut Context<'_>) -> Result<Document, Failure> {
    let (a, b) = context.parameters.two_questions()?;
    let visitors = visitors(context)?;
    let faced = context.faced::<Vec<Point>>((&a, &b), visitors)?;
    let row = |point: &Point| {
        Map::from_iter([
            ("date_a".to_owned(), json!(point.date.to_string())),
            ("a".to_owned(), json!(point.n)),
            ("date_b".to_owned(), json!(point.date_n1.map(|day| day.to_string()))),
            ("b".to_owned(), json!(point.n_1)),
        ])
    };
    let rows: Vec<Row> = faced.value.iter().map(row).collect();
    let mut body = head_of_two(&faced.a, &faced.b)?;
    body.insert("visiteurs".into(), json_of(&visitors)?);
    body.insert("data".into(), json!(rows));
    Ok(Document { body: finish(body, &faced.a)?, rows })
}
