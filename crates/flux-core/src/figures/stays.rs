//! Stays as they were imported or migrated: the largest départements or countries, the spread by length of stay and by region.
//!
//! Volumes are summed over all zones of observation, of which that of the département holds the others: shares are what counts.

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::domain::catalogue::{self, Dataset, Dim, Kind};
use crate::error::{Error, Result};
use crate::figures::change::share;
use crate::load::{self, ImportOptions, ImportReport};
use crate::migrate::{self, MigrateOptions, MigrateReport, Pair, pairs};
use crate::report::{Done, Page, Report, Table, Verdict, bar, number, percent, plural};
use crate::task::{Context, Task};

/// Names shown of a breakdown.
const TOP: u32 = 10;

/// One name of a breakdown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Share {
    pub name: String,
    pub(crate) volume: u64,
    /// Percent of the whole.
    pub(crate) percent: f64,
}

/// What a table of stays holds.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Spread {
    pub table: String,
    pub(crate) rows: u64,
    pub(crate) volume: u64,
    /// First and last date.
    pub(crate) dates: Option<(String, String)>,
    /// The ten largest départements or countries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) top: Vec<Share>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) regions: Vec<Share>,
    /// By length of stay, in its order.
    pub(crate) durations: Vec<Share>,
    /// Mean stay in nights; `None` where there is no volume.
    mean_nights: Option<f64>,
    #[serde(skip)]
    origin: Option<Dim>,
}

/// The spread of the rows of `table`; with `dates_of`, of the dates that this other table holds.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn spread(session: &mut Session, dataset: &Dataset, table: &str, dates_of: Option<&str>) -> Result<Spread> {
    let of_dates = dates_of
        .map(|other| format!(" JOIN (SELECT DISTINCT date FROM {other}) j ON j.date = f.date"))
        .unwrap_or_default();
    let source = format!("{table} f{of_dates}");
    let doing = format!("répartition de {table}");
    let sql = format!(
        "SELECT COUNT(*), CAST(COALESCE(SUM(f.volume), 0) AS UNSIGNED), CAST(MIN(f.date) AS CHAR), \
         CAST(MAX(f.date) AS CHAR) FROM {source}"
    );
    let (rows, volume, first, last) =
        session.first::<(u64, u64, Option<String>, Option<String>)>(&doing, &sql, ())?.unwrap_or_default();
    let origin = dataset.dims().find(|dim| [Dim::Departement, Dim::Pays].contains(dim));
    let mut shares = |dim: Dim, name: &str, order: &str| -> Result<Vec<Share>> {
        let spec = dim.spec();
        let sql = format!(
            "SELECT COALESCE(MIN(d.{name}), 'sans nom'), CAST(SUM(f.volume) AS UNSIGNED) AS v FROM {source} \
             LEFT JOIN {dim} d ON d.{id} = f.{id} GROUP BY {group} ORDER BY {order}",
            dim = spec.table,
            id = spec.id,
            group = if name == spec.name { format!("f.{}", spec.id) } else { format!("d.{name}") },
        );
        let found: Vec<(String, u64)> = session.rows(&doing, &sql, ())?;
        let part_of = |(name, part): (String, u64)| Share { name, volume: part, percent: share(part, volume) };
        Ok(found.into_iter().map(part_of).collect())
    };
    let top = match origin {
        Some(dim) => shares(dim, dim.spec().name, &format!("v DESC, 1 LIMIT {TOP}"))?,
        None => Vec::new(),
    };
    let regions = match origin {
        Some(Dim::Departement) => shares(Dim::Departement, "nom_nouvelle_region", "v DESC, 1")?,
        _ => Vec::new(),
    };
    let durations = shares(Dim::Duree, Dim::Duree.spec().name, "COALESCE(MIN(d.ordre), MIN(d.nb_nuits)), 1")?;
    let sql = format!(
        "SELECT d.nb_nuits, CAST(SUM(f.volume) AS UNSIGNED) FROM {source} \
         JOIN dim_durees_sejour d ON d.id_duree = f.id_duree GROUP BY d.nb_nuits"
    );
    let mean_nights = mean(&session.rows(&doing, &sql, ())?);
    let dates = first.zip(last);
    Ok(Spread { table: table.to_owned(), rows, volume, dates, top, regions, durations, mean_nights, origin })
}

/// Mean stay, of volumes by number of nights: Σ(nights × volume) / Σ volume, two decimals. Long stays count as the 13 nights that
/// their class begins with. `None` where there is no volume.
pub(crate) fn mean(by_nights: &[(u32, u64)]) -> Option<f64> {
    let whole: u64 = by_nights.iter().map(|(_, volume)| volume).sum();
    let nights: u64 = by_nights.iter().map(|(nights, volume)| u64::from(*nights) * volume).sum();
    (whole > 0).then(|| (nights as f64 * 100.0 / whole as f64).round() / 100.0)
}

impl Spread {
    /// Writes it with bars.
    pub(crate) fn render(&self, page: &mut Page) {
        let Some((first, last)) = &self.dates else {
            page.line(format!("  {} : vide", self.table));
            return;
        };
        page.line(format!(
            "{} : {}, volume {}, du {first} au {last} (toutes zones confondues)",
            self.table,
            plural(self.rows, "ligne", "lignes"),
            number(self.volume)
        ));
        let title = if self.origin == Some(Dim::Pays) { "pays" } else { "département" };
        render_shares(page, title, &self.top);
        render_shares(page, "région", &self.regions);
        render_shares(page, "durée", &self.durations);
        if let Some(mean) = self.mean_nights {
            page.line(format!("  durée moyenne : {mean:.2} nuits").replace('.', ","));
        }
    }
}

fn render_shares(page: &mut Page, title: &str, shares: &[Share]) {
    let most = shares.iter().map(|share| share.volume).max().unwrap_or(0);
    let mut table = Table::new(&[title, ">volume", ">part", ""]);
    for share in shares {
        table.row([
            share.name.clone(),
            number(share.volume),
            percent(share.percent, 100.0),
            bar(share.volume as f64, most as f64, 30),
        ]);
    }
    if !table.is_empty() {
        page.gap();
        page.table(&table);
    }
}

/// An import of one file, and what it brought.
#[derive(Debug, Serialize, JsonSchema)]
struct ImportedStays {
    #[serde(flatten)]
    pub(crate) import: ImportReport,
    /// What its table holds; absent when nothing could be read.
    pub(crate) spread: Option<Spread>,
}

impl Report for ImportedStays {
    fn render(&self, page: &mut Page) {
        self.import.render(page);
        if let Some(spread) = &self.spread {
            page.gap();
            if !self.done().really() {
                page.line("Ce que la table contient aujourd'hui :");
            }
            spread.render(page);
        }
    }

    fn verdict(&self) -> Verdict {
        self.import.verdict()
    }

    fn done(&self) -> Done {
        self.import.done()
    }
}

/// A migration of stays, and what the main tables then hold for its dates.
#[derive(Debug, Serialize, JsonSchema)]
struct MigratedStays {
    #[serde(flatten)]
    pub(crate) migration: MigrateReport,
    /// What the main tables hold.
    pub(crate) spreads: Vec<Spread>,
}

/// The spreads of the main tables of `pairs`, for the dates of their temporary tables.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn main_spreads(session: &mut Session, pairs: &[Pair]) -> Result<Vec<Spread>> {
    pairs.iter().map(|pair| spread(session, pair.dataset, &pair.main, Some(&pair.temp))).collect()
}

impl Report for MigratedStays {
    fn render(&self, page: &mut Page) {
        self.migration.render(page);
        for spread in &self.spreads {
            page.gap();
            spread.render(page);
        }
    }

    fn verdict(&self) -> Verdict {
        self.migration.verdict()
    }

    fn done(&self) -> Done {
        self.migration.done()
    }
}

/// `import-sejours-duree-fr` and `import-sejours-duree-int`: the import of the file that the options name, then what its table holds.
#[derive(Debug, Clone)]
pub struct StaysImport(pub ImportOptions);

impl Task for StaysImport {
    /// A table that cannot be read afterwards leaves the spread out.
    fn run(self, context: &Context) -> Result<impl Report> {
        let (database, options) = (&context.database()?, &self.0);
        let import = load::run(context, database, options)?;
        let dataset = catalogue::weekly().find(|dataset| options.wants(dataset));
        let spread = dataset.and_then(|dataset| {
            let look = database
                .session()
                .and_then(|mut session| spread(&mut session, dataset, &dataset.temp_table(options.space), None));
            look.inspect_err(|error| log::warn!("répartition non lue : {error}")).ok()
        });
        Ok(ImportedStays { import, spread })
    }
}

/// `migrate-sejours-duree`: the migration of the tables of stays, which `only` of the options are of, then what the main tables hold for
/// the same dates, where all went well.
#[derive(Debug, Clone)]
pub struct StaysMigration(pub MigrateOptions);

impl Task for StaysMigration {
    fn run(self, context: &Context) -> Result<impl Report> {
        let (database, options) = (&context.database()?, self.0);
        let stays = catalogue::weekly().filter(|dataset| dataset.kind == Kind::Sejour);
        let only = match options.only.is_empty() {
            true => stays.map(|dataset| dataset.main.to_owned()).collect(),
            false => options.only,
        };
        let options = MigrateOptions { only, ..options };
        let pairs = pairs(options.space, &options.only)?;
        if let Some(other) = pairs.iter().find(|pair| pair.dataset.kind != Kind::Sejour) {
            return Err(Error::Usage(format!("{} n'est pas une table de durées de séjour", other.main)));
        }
        let migration = migrate::migrate(database, &options, &context.progress)?;
        let spreads = if migration.verdict() != Verdict::Error && migration.done.really() {
            main_spreads(&mut database.session()?, &pairs)?
        } else {
            Vec::new()
        };
        Ok(MigratedStays { migration, spreads })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_stay_weighs_nights_by_volume() {
        // (1 × 10 + 2 × 5 + 13 × 1) / 16 = 33 / 16 = 2.0625
        assert_eq!(mean(&[(1, 10), (2, 5), (13, 1)]), Some(2.06));
        assert_eq!(mean(&[(7, 3)]), Some(7.0));
        assert_eq!((mean(&[]), mean(&[(3, 0)])), (None, None));
    }
}
