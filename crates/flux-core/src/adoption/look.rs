//! What there is to know of a database before the tools write to it. Reads only.

use std::collections::HashMap;

use crate::adoption::{Found, Rank, capitals, marks, mend, refusals};
use crate::db::{Database, Session};
use crate::dims::{epci, numbers};
use crate::domain::catalogue::{self, DIMS, Dim, Space};
use crate::error::{Error, Result};
use crate::health::checks::{self, Rights};
use crate::ledger::adoption::Origin;
use crate::ledger::history;
use crate::report::{Code, Finding, Verdict, plural};
use crate::saisons::{dates, store};
use crate::schema::{self, Existing};
use crate::setup::{self, Preset, SetupOptions, forms, names};

/// Examples listed for a finding.
const EXAMPLES: usize = 5;

/// Everything, in the order of [`Rank`].
///
/// # Errors
/// [`Error::Sql`].
pub(super) fn look(database: &Database, session: &mut Session, origin: Origin) -> Result<Vec<Found>> {
    let present = schema::existing(session)?;
    let mut found = Vec::new();
    if origin == Origin::Empty {
        return Ok(found);
    }
    found.extend(capitals::find(session)?.into_iter().map(|finding| blocking(Rank::Structure, finding, 1)));
    if !found.is_empty() {
        // What else there is can be told once the tables bear their names.
        return Ok(found);
    }
    structure(database, session, &present, &mut found)?;
    let changes = found.iter().any(|found: &Found| found.blocking);
    rights(database, session, changes || origin == Origin::Foreign, &mut found)?;
    engines(session, &mut found)?;
    foreign_keys(session, &mut found)?;
    found.extend(
        refusals::checks(database, session, &present)?.into_iter().map(|finding| blocking(Rank::Keys, finding, 1)),
    );
    found.extend(refusals::triggers(session)?.into_iter().map(|finding| note(finding, 1)));
    breakdowns(session, &present, &mut found)?;
    impossible_dates(session, &present, &mut found)?;
    for spec in DIMS.iter().filter(|spec| present.contains_key(spec.table)) {
        crate::signals::check()?;
        dimension(session, spec.dim, &present, &mut found)?;
    }
    if present.contains_key(Dim::Commune.spec().table) {
        places(session, &mut found)?;
    }
    // A breakdown that was never stored is told of its temporary table.
    let bare = |dim, table: &str, id| id == 0 && is_broken_down(dim) && table.ends_with("_temp");
    for orphans in numbers::orphans(session, &present, |_| true, bare)? {
        orphaned(&orphans, &mut found);
    }
    under_two_epcis(session, &present, &mut found)?;
    if matches!(origin, Origin::Foreign | Origin::Begun) {
        marked(session, &present, &mut found)?;
        unrecorded(session, &present, &mut found)?;
    }
    calendar(database, session, &present, &mut found)?;
    found.sort_by_key(|found| found.rank);
    Ok(found)
}

/// Something in the way, and how many there are of it.
fn blocking(rank: Rank, finding: Finding, count: u64) -> Found {
    Found {
        finding: Finding { severity: Verdict::Error, ..finding },
        count,
        examples: Vec::new(),
        rank,
        blocking: true,
    }
}

fn note(finding: Finding, count: u64) -> Found {
    let finding = Finding { severity: Verdict::Attention, ..finding };
    Found { finding, count, examples: Vec::new(), rank: Rank::Later, blocking: false }
}

impl Found {
    fn with(mut self, examples: impl IntoIterator<Item = String>) -> Self {
        self.examples = examples.into_iter().take(EXAMPLES).collect();
        self
    }
}

/// Tables, columns and keys that lack, tried against the rows.
fn structure(
    database: &Database,
    session: &mut Session,
    present: &HashMap<String, Existing>,
    found: &mut Vec<Found>,
) -> Result<()> {
    let report = setup::carry_out(database, SetupOptions::whole(true))?;
    let changes = report.changes.iter().filter(|change| !change.table.starts_with("flux_"));
    let (missing, older): (Vec<_>, Vec<_>) = changes.partition(|change| !present.contains_key(&change.table));
    if !missing.is_empty() {
        let count = missing.len() as u64;
        let message = plural(count, "table manque", "tables manquent");
        let finding = Finding::attention(Code::TableMissing, "structure", message).action(mend::APPLY);
        found.push(blocking(Rank::Structure, finding, count).with(missing.iter().map(|change| change.table.clone())));
    }
    if !older.is_empty() {
        let count = older.len() as u64;
        let message = plural(count, "table est à compléter", "tables sont à compléter");
        let finding = Finding::attention(Code::SchemaIncomplete, "structure", message).action(mend::APPLY);
        let examples = older.iter().map(|change| format!("{} : {}", change.table, change.what));
        found.push(blocking(Rank::Structure, finding, count).with(examples));
    }
    let specs = setup::tables(Preset::All, Space::Production);
    let strict: Vec<String> = specs
        .iter()
        .filter_map(|spec| Some((spec, present.get(&spec.name)?)))
        .flat_map(|(spec, existing)| {
            let columns = schema::relaxed(spec, existing).into_iter();
            columns.map(|(column, _)| format!("{}.{column}", spec.name))
        })
        .collect();
    if !strict.is_empty() {
        let count = strict.len() as u64;
        let message = format!(
            "{} une valeur que les outils ne donnent pas : un nouveau nom serait refusé",
            plural(count, "colonne exige", "colonnes exigent")
        );
        let finding = Finding::attention(Code::ColumnRefuses, "structure", message).action(mend::APPLY);
        found.push(blocking(Rank::Structure, finding, count).with(strict));
    }
    let links = forms::links(session)?;
    let unfit = specs.iter().flat_map(|spec| forms::unfit(spec, present, &links));
    found.extend(unfit.map(|finding| blocking(Rank::Structure, finding, 1)));
    let forbidding = specs.iter().filter_map(|spec| Some(forms::forbidding(spec, present.get(&spec.name)?))).flatten();
    found.extend(forbidding.map(|finding| blocking(Rank::Keys, finding, 1)));
    for code in [Code::TableUnfit, Code::ColumnRefuses, Code::NumberUnfit] {
        found.extend(report.findings_of(code).map(|finding| blocking(Rank::Keys, finding, 1)));
    }
    for doubles in report.duplicates {
        let dimension = DIMS.iter().any(|spec| spec.table == doubles.table);
        // Twins of a dimension are told by name below.
        if !dimension {
            found.push(blocking(Rank::Duplicates, doubles.finding(), doubles.keys).with(doubles.examples));
        }
    }
    Ok(())
}

/// What this account may not do; in the way only of what is still to be changed.
fn rights(database: &Database, session: &mut Session, changes: bool, found: &mut Vec<Found>) -> Result<()> {
    for finding in Rights::read(database, session)?.missing() {
        let needed = changes || finding.severity == Verdict::Error;
        found.push(if needed { blocking(Rank::Rights, finding, 1) } else { note(finding, 1) });
    }
    Ok(())
}

fn engines(session: &mut Session, found: &mut Vec<Found>) -> Result<()> {
    for finding in checks::engines(session, Verdict::Error, &schema::is_ours)? {
        let action =
            if finding.action.is_some() { mend::APPLY } else { "demandez une table InnoDB à l'administrateur" };
        found.push(blocking(Rank::Engines, finding.action(action), 1));
    }
    for (table, collation) in mend::narrow_tables(session)? {
        let message = format!("jeu de caractères trop étroit ({collation}) : des noms y perdraient des lettres");
        let finding = Finding::attention(Code::CollationUnsafe, table, message).action(mend::APPLY);
        found.push(blocking(Rank::Structure, finding, 1));
    }
    Ok(())
}

/// Foreign keys that refuse 0, which stands for a place that is not known.
fn foreign_keys(session: &mut Session, found: &mut Vec<Found>) -> Result<()> {
    let sql = "SELECT table_name AS t, column_name AS c, constraint_name AS n, referenced_table_name AS r \
               FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL \
               AND table_name LIKE 'fact%' ORDER BY table_name, column_name";
    let keys: Vec<(String, String, String, String)> = session.rows("clés étrangères", sql, ())?;
    for (table, column, name, other) in keys {
        let Some(spec) = DIMS.iter().find(|spec| spec.optional && spec.id == column && spec.table == other) else {
            continue;
        };
        let doing = format!("lecture de {}", spec.table);
        let zero: Option<u8> = session.first(&doing, &format!("SELECT 1 FROM {other} WHERE {column} = 0"), ())?;
        if zero.is_some() {
            continue;
        }
        let message = format!("la clé étrangère {name} refuse {column} = 0, « lieu non connu »");
        let finding = Finding::attention(Code::KeyRefuses, &table, message)
            .action(format!("ALTER TABLE {table} DROP FOREIGN KEY {}", schema::quoted(&name)));
        found.push(blocking(Rank::Keys, finding, 1));
    }
    Ok(())
}

/// Temporary rows whose département, country or stay was never stored.
fn breakdowns(session: &mut Session, present: &HashMap<String, Existing>, found: &mut Vec<Found>) -> Result<()> {
    for dataset in catalogue::weekly() {
        let table = dataset.temp_table(Space::Production);
        let Some(existing) = present.get(&table) else { continue };
        for dim in dataset.breakdown.iter().filter(|dim| !dim.spec().optional) {
            let (column, of) = (dim.spec().id, dim.spec().table);
            let nought = format!("SELECT 1 FROM {of} WHERE {column} = 0");
            let numbered = Error::or_nothing(session.rows::<u8>(&format!("lecture de {of}"), &nought, ()))?;
            // That row is told with its facts.
            if !numbered.is_empty() && existing.has(column) {
                continue;
            }
            let condition =
                if existing.has(column) { format!("WHERE {column} = 0 OR {column} IS NULL") } else { String::new() };
            let sql = format!("SELECT COUNT(*) FROM {table} {condition}");
            let rows: u64 = session.first(&format!("lecture de {table}"), &sql, ())?.unwrap_or(0);
            if rows > 0 {
                let message =
                    format!("{} sans {column} : ce qui y manque ne se retrouve pas", plural(rows, "ligne", "lignes"));
                let finding = Finding::attention(Code::BreakdownMissing, &table, message).action(format!(
                    "après l'adoption, réimportez leurs fichiers, ou videz la table : cleanup-temp --force --only {}",
                    dataset.main
                ));
                found.push(note(finding, rows));
            }
        }
    }
    Ok(())
}

/// Rows of a date of zeros, whole or in part: no period that anybody asks for holds them.
fn impossible_dates(session: &mut Session, present: &HashMap<String, Existing>, found: &mut Vec<Found>) -> Result<()> {
    for spec in setup::tables(Preset::All, Space::Production).iter().filter(|spec| spec.name.starts_with("fact_")) {
        let Some(existing) = present.get(&spec.name).filter(|existing| existing.has("date")) else { continue };
        let table = &spec.name;
        let none = "DAYOFMONTH(date) = 0 OR MONTH(date) = 0";
        let volume = if existing.has("volume") { "CAST(SUM(volume) AS CHAR)" } else { "NULL" };
        let sql = format!("SELECT COUNT(*), {volume}, MIN(CAST(date AS CHAR)) FROM {table} WHERE {none}");
        let row: Option<(u64, Option<String>, Option<String>)> =
            session.first(&format!("lecture de {table}"), &sql, ())?;
        let Some((rows, volume, Some(first))) = row else { continue };
        let volume = volume.map_or_else(String::new, |volume| format!(", volume {volume}"));
        let message = format!("{} d'une date qui n'est aucun jour ({first}{volume})", plural(rows, "ligne", "lignes"));
        let finding = Finding::attention(Code::DateImpossible, table, message);
        let action = format!("retrouvez leur date ou retirez-les : SELECT * FROM {table} WHERE {none}");
        found.push(note(finding.action(action), rows));
    }
    Ok(())
}

/// Dimensions of which 0 stands for what was never stored.
fn is_broken_down(dim: Dim) -> bool {
    matches!(dim, Dim::Departement | Dim::Pays | Dim::Duree)
}

/// Names of one dimension: none, damaged, twice.
fn dimension(
    session: &mut Session,
    dim: Dim,
    present: &HashMap<String, Existing>,
    found: &mut Vec<Found>,
) -> Result<()> {
    let spec = dim.spec();
    numbered(session, dim, present, found)?;
    let stored = names::stored(session, dim)?;
    let nameless: Vec<String> = stored
        .iter()
        .filter(|(_, name, _)| name.trim().is_empty())
        .map(|(id, _, code)| format!("id {id}, code {}", code.as_deref().unwrap_or("inconnu")))
        .collect();
    if !nameless.is_empty() {
        let count = nameless.len() as u64;
        let known = if dim == Dim::Commune { names::nameless_communes(session)?.len() } else { 0 };
        let message = format!("{} sans nom", plural(count, "ligne", "lignes"));
        let finding = Finding::attention(Code::NameEmpty, spec.table, message);
        if known > 0 {
            found.push(blocking(Rank::Names, finding.action(mend::APPLY), count).with(nameless));
        } else {
            found.push(note(finding.action("donnez-leur un nom à la main, ou laissez-les"), count).with(nameless));
        }
    }
    let mut damaged = names::damaged(session, dim)?;
    let twins = names::twins(session, &damaged)?;
    // A damaged name beside its sound twin is told as a twin.
    damaged.known.retain(|(id, ..)| !twins.iter().flatten().any(|(twin, _)| twin == id));
    if let Some(finding) = damaged.repairable() {
        found.push(blocking(Rank::Names, finding.action(mend::APPLY), damaged.known.len() as u64));
    }
    if let Some(finding) = damaged.unreadable() {
        found.push(note(finding, damaged.unknown.len() as u64));
    }
    for rows in &twins {
        let named: Vec<String> = rows.iter().map(|(id, name)| format!("« {name} » (id {id})")).collect();
        let message =
            format!("{} pour une seule chose : {}", plural(rows.len() as u64, "ligne", "lignes"), named.join(", "));
        let (keep, gone) = (rows.first().map_or(0, |(id, _)| *id), rows.last().map_or(0, |(id, _)| *id));
        if keep == gone {
            // Nothing tells them apart, no tool either.
            let table = spec.table;
            let finding = Finding::attention(Code::DuplicateKeys, table, message).action(format!(
                "CREATE TABLE {table}__une AS SELECT DISTINCT * FROM {table}, puis RENAME TABLE {table} TO {table}__deux, {table}__une TO {table}"
            ));
            found.push(blocking(Rank::Duplicates, finding, rows.len() as u64));
            continue;
        }
        let finding = Finding::attention(Code::DimensionTwins, spec.table, message)
            .action(format!("merge-dimension --dim {} --from-id {gone} --into-id {keep}, puis --yes", spec.plural));
        found.push(blocking(Rank::Twins, finding, rows.len() as u64));
    }
    splits(session, dim, &twins, found)
}

/// Communes without their INSEE code or their département: those that can have one code alone, those of which people have to say which,
/// those that nobody knows.
fn places(session: &mut Session, found: &mut Vec<Found>) -> Result<()> {
    let table = Dim::Commune.spec().table;
    let unplaced = names::unplaced(session)?;
    let example = |one: &&names::Unplaced| match one.codes.first() {
        Some(code) if one.name.trim().is_empty() => format!("code {code} (id {})", one.id),
        _ => format!("« {} » (id {})", one.name, one.id),
    };
    let mut tell = |which: &dyn Fn(&names::Unplaced) -> bool, what: &str, block: bool, action: String| {
        let those: Vec<&names::Unplaced> = unplaced.iter().filter(|one| which(one)).collect();
        if those.is_empty() {
            return;
        }
        let count = those.len() as u64;
        let message = format!("{} {what}", plural(count, "commune", "communes"));
        let finding = Finding::attention(Code::CommuneUnplaced, table, message).action(action);
        let told = if block { blocking(Rank::Names, finding, count) } else { note(finding, count) };
        found.push(told.with(those.iter().map(example)));
    };
    tell(
        &|one| one.missing.is_some(),
        "dont le code INSEE ou le département manque ou est mal écrit, et que nom ou code disent",
        true,
        mend::APPLY.into(),
    );
    let several = |one: &names::Unplaced| one.codes.len() > 1;
    let command = |one: &names::Unplaced| {
        let (code, codes) = (one.codes.first().copied().unwrap_or_default(), one.codes.join(", "));
        let set = format!("UPDATE dim_communes SET code_insee = '{code}' WHERE id_commune = {}", one.id);
        format!("dites laquelle est « {} » ({codes}) : {set}", one.name)
    };
    let action = unplaced.iter().find(|one| several(one)).map(command).unwrap_or_default();
    tell(&several, "sans code INSEE, d'un nom que plusieurs portent", true, action);
    let unknown = |one: &names::Unplaced| one.missing.is_none() && one.codes.len() < 2 && !one.is_twin;
    let action =
        "après l'adoption, `ensure-schema --seed` donne ce que la référence sait ; le reste garde son nom".to_owned();
    tell(&unknown, "sans code INSEE ou sans département connu", false, action);
    Ok(())
}

/// Rows under a number that the tools do not use: below 0, above what an INT holds, and 0 where that stands for a breakdown which was never
/// stored.
fn numbered(
    session: &mut Session,
    dim: Dim,
    present: &HashMap<String, Existing>,
    found: &mut Vec<Found>,
) -> Result<()> {
    let spec = dim.spec();
    let (id, table, last) = (spec.id, spec.table, numbers::LAST);
    let zero = is_broken_down(dim);
    let sql = format!(
        "SELECT CAST({id} AS SIGNED), COALESCE({}, '') FROM {table} WHERE {id} {} 0 OR {id} > {last} ORDER BY {id}",
        spec.name,
        if zero { "<=" } else { "<" }
    );
    let doing = format!("lecture de {table}");
    let rows: Vec<(i64, String)> = session.rows(&doing, &sql, ())?;
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!("SELECT CAST(COALESCE(MAX({id}), 0) AS SIGNED) + 1 FROM {table} WHERE {id} < {last}");
    let after: i64 = session.first(&doing, &sql, ())?.unwrap_or(1);
    let next = after.max(numbers::next_number(session, spec)?.filter(|next| *next < last).unwrap_or(1));
    for (at, (old, name)) in (0..).zip(rows) {
        let new = next + at;
        let message = format!("« {name} » porte le numéro {old}, que les outils n'emploient pas");
        let own = format!("UPDATE {table} SET {id} = {new} WHERE {id} = {old}");
        let action = if old == 0 {
            let plural = spec.plural;
            format!(
                "{own}, puis merge-dimension --dim {plural} --from-id 0 --into-id {new} --yes, qui y rattache ses faits"
            )
        } else {
            // Foreign keys are not to stand between the two.
            let mut sql = vec!["SET SESSION foreign_key_checks = 0".to_owned(), own];
            for facts in numbers::users(spec, present) {
                let some = format!("SELECT 1 FROM {facts} WHERE {id} = {old} LIMIT 1");
                if session.first::<u8>(&format!("lecture de {facts}"), &some, ())?.is_some() {
                    let dated = present.get(&facts).is_some_and(|existing| existing.has("updated_at"));
                    let when = if dated { ", updated_at = updated_at" } else { "" };
                    sql.push(format!("UPDATE {facts} SET {id} = {new}{when} WHERE {id} = {old}"));
                }
            }
            sql.push("SET SESSION foreign_key_checks = 1".to_owned());
            sql.push(format!("ALTER TABLE {table} AUTO_INCREMENT = {}", new + 1));
            sql.join("; ")
        };
        found.push(blocking(Rank::Numbers, Finding::attention(Code::NumberUnfit, table, message).action(action), 1));
    }
    Ok(())
}

/// Rows that the reference holds for one thing.
fn splits(session: &mut Session, dim: Dim, twins: &[names::Twins], found: &mut Vec<Found>) -> Result<()> {
    let spec = dim.spec();
    for rows in names::splits(session, dim, twins)? {
        let named: Vec<String> = rows.iter().map(|(id, name)| format!("{name} (id {id})")).collect();
        let message = format!("une même chose sous plusieurs noms : {}", named.join(", "));
        let (code, tool) = match dim {
            Dim::Zone => (Code::ZoneSplit, "merge-zones".to_owned()),
            _ => (Code::DimensionTwins, format!("merge-dimension --dim {}", spec.plural)),
        };
        let finding =
            Finding::attention(code, spec.table, message).action(format!("{tool} montre ce qui serait réuni"));
        found.push(note(finding, rows.len() as u64));
    }
    Ok(())
}

fn orphaned(orphans: &numbers::Orphans, found: &mut Vec<Found>) {
    let count = orphans.ids.len() as u64;
    if orphans.reusable {
        let message = "un nouveau nom prendrait le numéro de faits dont la ligne n'existe plus";
        let finding = Finding::attention(Code::NumberReusable, orphans.table, message).action(mend::APPLY);
        found.push(blocking(Rank::Numbers, finding, count));
    }
    found.push(note(orphans.finding(None), count));
}

/// Rows of one visit under several EPCIs.
fn under_two_epcis(session: &mut Session, present: &HashMap<String, Existing>, found: &mut Vec<Found>) -> Result<()> {
    for (table, dataset) in catalogue::fact_tables().filter(|(_, dataset)| epci::concerns(dataset)) {
        if present.get(&table).is_some_and(epci::is_told) {
            crate::signals::check()?;
            let doubled = epci::doubled(session, &table, dataset, None)?;
            found.extend(doubled.map(|doubled| note(doubled.finding(), doubled.keys)));
        }
    }
    Ok(())
}

fn marked(session: &mut Session, present: &HashMap<String, Existing>, found: &mut Vec<Found>) -> Result<()> {
    let marked = marks::marked(session, present)?;
    let rows: u64 = marked.iter().map(|table| table.rows).sum();
    if rows > 0 {
        let message = format!(
            "{}, que la prochaine migration remplacerait",
            plural(
                rows,
                "ligne marquée provisoire et pourtant mise à jour : un volume définitif",
                "lignes marquées provisoires et pourtant mises à jour : des volumes définitifs"
            )
        );
        let finding = Finding::attention(Code::DefinitiveMarked, "is_provisional", message).action(
            "adopt-database --apply --definitive-marks flag (elles sont définitives) ou keep (elles restent provisoires)",
        );
        let example = |table: marks::Marked| {
            let (rows, volume) = (plural(table.rows, "ligne", "lignes"), table.volume);
            format!("{} : {rows}, volume {volume}, {} → {}", table.table, table.first, table.last)
        };
        found.push(blocking(Rank::Marks, finding, rows).with(marked.into_iter().map(example)));
    }
    Ok(())
}

/// Rows of temporary tables that no import of ours brought.
fn unrecorded(session: &mut Session, present: &HashMap<String, Existing>, found: &mut Vec<Found>) -> Result<()> {
    for table in catalogue::weekly().map(|dataset| dataset.temp_table(Space::Production)) {
        if !present.contains_key(&table) {
            continue;
        }
        let recorded = match history::last_attempt(session, &table) {
            Err(Error::MissingTable { .. }) => None,
            attempt => attempt?,
        };
        let sql = format!(
            "SELECT COUNT(*), COUNT(DISTINCT date), CAST(MIN(date) AS CHAR), CAST(MAX(date) AS CHAR) FROM {table}"
        );
        let row: Option<(u64, u64, Option<String>, Option<String>)> =
            session.first(&format!("lecture de {table}"), &sql, ())?;
        let Some((rows, dates, Some(first), Some(last))) = row else { continue };
        if rows > 0 && recorded.is_none() {
            let message = format!(
                "{} de {} ({first} → {last}) que nul import connu n'a apportées : elles ne changeront pas les tables principales",
                plural(rows, "ligne", "lignes"),
                plural(dates, "date", "dates")
            );
            let finding = Finding::attention(Code::RowsUnrecorded, &table, message).action(
                "après l'adoption, videz-la (`cleanup-temp --force`) si ses dates sont dans la table principale",
            );
            found.push(note(finding, rows));
        }
    }
    Ok(())
}

/// The days, where they are not those of the calendar.
fn calendar(
    database: &Database,
    session: &mut Session,
    present: &HashMap<String, Existing>,
    found: &mut Vec<Found>,
) -> Result<()> {
    if !present.contains_key("dim_dates") {
        return Ok(());
    }
    let days = store::days_of_facts(database, session)?;
    let report = match dates::inspect(session, &days) {
        // Columns that are still to be added.
        Err(Error::Sql { .. }) => return Ok(()),
        report => report?,
    };
    let count = (report.wrong.len() + report.missing.len()) as u64;
    if count > 0 {
        let (wrong, missing) = (report.wrong.len() as u64, report.missing.len() as u64);
        let wrong = (wrong > 0).then(|| plural(wrong, "jour diffère du calendrier", "jours diffèrent du calendrier"));
        let missing = (missing > 0).then(|| plural(missing, "jour de faits sans ligne", "jours de faits sans ligne"));
        let message = [wrong, missing].into_iter().flatten().collect::<Vec<_>>().join(", ");
        let finding = Finding::attention(Code::CalendarWrong, "dim_dates", message)
            .action("après l'adoption : verifier-saisons --repair");
        let examples = report.wrong.iter().map(|day| format!("{} : {}", day.date, day.columns.join(", ")));
        found.push(note(finding, count).with(examples));
    }
    Ok(())
}
