//! One pass over a delivery's CSVs, without a database: state of each file, dates covered, names used, lines that an import would
//! reject whatever the dimensions hold. Constant memory but for the distinct names, of which a bounded number is kept.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Local};
use schemars::JsonSchema;
use serde::Serialize;

use crate::csv::{Fields, Header, OTHER_COUNT, Record, Shape, Source, TOO_LONG, decode};
use crate::domain::catalogue::{self, Dataset, Dim};
use crate::domain::values::{DateOrder, DateOrders, Day, FUTURE, parse_date, parse_volume, shown, today};
use crate::error::{Error, Result};
use crate::files::{self, Entry};
use crate::inspect::strangers::{Stranger, is_unfinished};
use crate::load;
use crate::progress::Progress;
use crate::report::{Code, Finding, Verdict, bytes, plural};

/// Distinct names kept per dimension; further ones are counted together.
const NAMES: usize = 50_000;
/// Size from which the reading of a file is announced: some seconds.
const LARGE: u64 = 4 << 30;
/// Examples kept per problem.
const EXAMPLES: usize = 3;

/// Lines that an import would reject for one reason.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Problem {
    pub(crate) reason: String,
    pub(crate) lines: u64,
    /// `line: value` of the first ones.
    pub(crate) examples: Vec<String>,
}

/// How a file uses a name.
#[derive(Debug, Clone)]
pub(crate) struct NameUse {
    /// As it is written.
    pub name: String,
    /// Lines that hold it.
    pub(crate) lines: u64,
    /// First line that holds it.
    pub(crate) line: u64,
    /// First and last date of its lines.
    pub(crate) days: Option<(Day, Day)>,
}

/// What one file holds.
#[derive(Debug)]
pub(crate) struct FileScan {
    pub(crate) dataset: &'static Dataset,
    /// Where it was found; several when the delivery holds it twice.
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) size: u64,
    /// When it was written, in local time.
    pub(crate) modified: Option<DateTime<Local>>,
    pub(crate) encoding: Option<&'static str>,
    pub(crate) separator: Option<char>,
    /// Columns of the header.
    pub(crate) columns: Vec<String>,
    /// Columns that the import needs and the header lacks.
    pub(crate) missing_columns: Vec<&'static str>,
    /// Records after the header, blank lines aside.
    pub(crate) lines: u64,
    pub(crate) dates: BTreeMap<Day, u64>,
    /// Sum of the volumes that can be read.
    pub(crate) volume: u64,
    /// Lines that would be rejected, by reason.
    pub(crate) problems: Vec<Problem>,
    /// Names by dimension, in the order of the file.
    pub(crate) names: Vec<(Dim, Vec<NameUse>)>,
    /// Hash of the content.
    pub(crate) hash: Option<String>,
    /// Why it cannot be used at all.
    pub(crate) error: Option<String>,
    /// What to do about it.
    pub(crate) action: Option<String>,
    /// Lines whose zone could not be read: not counted among the names.
    pub(crate) zoneless: u64,
    /// Number of the last line.
    pub(crate) last_line: u64,
    /// The last line is broken and has no line end.
    pub(crate) truncated: bool,
    /// The last line has no line end.
    pub(crate) unended: bool,
    /// Where the file is missing: others with a name like it.
    pub(crate) near: Vec<PathBuf>,
}

impl FileScan {
    fn new(dataset: &'static Dataset, paths: Vec<PathBuf>, size: u64) -> Self {
        Self {
            dataset,
            paths,
            size,
            modified: None,
            encoding: None,
            separator: None,
            columns: Vec::new(),
            missing_columns: Vec::new(),
            lines: 0,
            dates: BTreeMap::new(),
            volume: 0,
            problems: Vec::new(),
            names: Vec::new(),
            hash: None,
            error: None,
            action: None,
            zoneless: 0,
            last_line: 0,
            truncated: false,
            unended: false,
            near: Vec::new(),
        }
    }

    /// Name of the file in the delivery.
    pub(crate) fn file(&self) -> &'static str {
        self.dataset.weekly_file.unwrap_or_default()
    }

    /// What is wrong with the file as a whole, the same for every tool that reads it.
    pub(crate) fn finding(&self) -> Option<Finding> {
        let file = self.file();
        let again = "redemandez-le au fournisseur";
        if let Some(error) = &self.error {
            let action = self.action.as_deref().unwrap_or("corrigez le fichier ou redemandez-le au fournisseur");
            return Some(Finding::error(Code::FileUnusable, file, error.clone()).action(action));
        }
        if self.paths.is_empty() {
            let near: Vec<String> = self.near.iter().map(|path| path.display().to_string()).collect();
            let finding = Finding::attention(Code::FileMissing, file, "absent : une livraison a dix fichiers");
            return Some(match near.as_slice() {
                [] => finding.action(
                    "déposez ce qui manque dans le dossier des livraisons ; ce qui n'a pas été livré se demande au fournisseur",
                ),
                near => {
                    Finding::attention(Code::FileMissing, file, format!("absent, mais {} y ressemble", near.join(", ")))
                        .action(format!("si c'est bien lui, renommez-le en {file} ; sinon {again}"))
                }
            });
        }
        if !self.missing_columns.is_empty() {
            let columns = self.missing_columns.join(", ");
            return Some(
                Finding::error(Code::ColumnMissing, file, format!("colonnes absentes de l'en-tête : {columns}"))
                    .action("redemandez le fichier avec ces colonnes : l'import le refusera"),
            );
        }
        if self.lines == 0 {
            return Some(Finding::attention(Code::FileEmpty, file, "un en-tête et aucune ligne").action(again));
        }
        self.truncated.then(|| {
            Finding::attention(
                Code::FileTruncated,
                file,
                format!("la dernière ligne ({}) est coupée : fichier tronqué ?", self.last_line),
            )
            .action(format!("déposez-le de nouveau, ou {again} : la suite manque peut-être"))
        })
    }

    /// ✓, ⚠ or ✗ before its name.
    pub(crate) fn sign(&self) -> Verdict {
        match self.finding() {
            Some(finding) => finding.severity,
            None if self.problems.is_empty() => Verdict::Ok,
            None => Verdict::Attention,
        }
    }

    /// Days between the first and the last date that have no line.
    pub(crate) fn missing_days(&self) -> Vec<chrono::NaiveDate> {
        let (Some((first, _)), Some((last, _))) = (self.dates.first_key_value(), self.dates.last_key_value()) else {
            return Vec::new();
        };
        (first.0..=last.0).map(Day).filter(|day| !self.dates.contains_key(day)).map(Day::date).collect()
    }
}

/// The columns that a weekly file must have.
fn required(dataset: &Dataset) -> Vec<&'static str> {
    let names = dataset.dims().filter(|dim| *dim != Dim::Epci).map(|dim| dim.spec().csv[0]);
    ["Date", "Volume"].into_iter().chain(names).collect()
}

/// Scans all ten files of a delivery, in its order; what is wrong with one is in its entry.
///
/// # Errors
/// When the folder does not exist, or on a stop.
pub(crate) fn delivery(folder: &Path, progress: &Progress) -> Result<Vec<FileScan>> {
    let mut found = load::find_files(folder)?;
    let mut scans = Vec::new();
    for dataset in catalogue::weekly() {
        let paths = found.remove(dataset.weekly_file.unwrap_or_default()).unwrap_or_default();
        let size = paths.first().map_or(0, |(_, size)| *size);
        let mut scan = FileScan::new(dataset, paths.into_iter().map(|(path, _)| path).collect(), size);
        match scan.paths.as_slice() {
            [] => {}
            [path] => {
                let path = path.clone();
                read_shown(&path, &mut scan, progress)?;
            }
            several => {
                let list: Vec<String> = several.iter().map(|path| path.display().to_string()).collect();
                scan.error = Some(format!("plusieurs fichiers portent ce nom : {}", list.join(", ")));
                scan.action = Some("n'en gardez qu'un : l'import n'en chargera aucun".into());
            }
        }
        scans.push(scan);
    }
    if scans.iter().any(|scan| scan.paths.is_empty()) {
        for path in strangers(folder)? {
            // What is still on its way must not be renamed.
            if is_unfinished(&path) {
                continue;
            }
            if let Some(scan) = resembles(&path, &mut scans).filter(|scan| scan.paths.is_empty()) {
                scan.near.push(path);
            }
        }
    }
    Ok(scans)
}

/// One weekly file, wherever it lies.
///
/// # Errors
/// [`Error::Interrupted`]; what is wrong with the file is in the scan.
pub(crate) fn one(dataset: &'static Dataset, (path, size): (&Path, u64), progress: &Progress) -> Result<FileScan> {
    let mut scan = FileScan::new(dataset, vec![path.to_owned()], size);
    read_shown(path, &mut scan, progress)?;
    Ok(scan)
}

/// Reads a file, with its progress; what is wrong with it is in the scan.
fn read_shown(path: &Path, scan: &mut FileScan, progress: &Progress) -> Result<()> {
    announce(path, scan.size);
    let bar = progress.bytes(scan.file(), scan.size);
    match read(path, scan, &bar) {
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(error) => {
            scan.error = Some(error.to_string());
            // The hint of an import, without its rerun.
            scan.action = if path.is_dir() {
                Some("ôtez ce dossier et déposez le fichier à sa place".into())
            } else {
                error.hint().map(|hint| hint.trim_end_matches(", puis relancez").to_owned())
            };
        }
        Ok(()) => {}
    }
    bar.finish_and_clear();
    Ok(())
}

/// Says what is to be read where that takes its time.
fn announce(path: &Path, size: u64) {
    if size < LARGE {
        return;
    }
    let on_disk = std::fs::metadata(path).map_or(size, |metadata| metadata.blocks() * 512);
    let holes = if on_disk < size / 2 {
        format!(", dont {} seulement sur le disque (transfert inachevé ?)", bytes(on_disk))
    } else {
        String::new()
    };
    log::warn!("{} : {} à lire{holes} ; Ctrl-C arrête sans dommage", path.display(), bytes(size));
}

/// What is to be said of the strangers in a delivery; what a missing file may be is told with that file.
pub(crate) fn told<'a>(strangers: &'a [Stranger], scans: &'a [FileScan]) -> impl Iterator<Item = Finding> + 'a {
    let with_a_file = |stranger: &Stranger| scans.iter().any(|scan| scan.near.contains(&stranger.path));
    strangers.iter().filter(move |stranger| !with_a_file(stranger)).map(Stranger::finding)
}

/// Files of the delivery's folders whose names are none of the ten, in the order of their names.
fn strangers(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    files::walk(folder, &|_| true, &mut |entry| {
        if let Entry::File(path, _) | Entry::Other(path) = entry {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            if catalogue::weekly().all(|dataset| dataset.weekly_file != Some(&name)) {
                found.push(path);
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// The file whose name this one may have been meant to have: `frequentation_nuitee_fr (1).csv`, `Frequentation Nuitee FR.csv.txt`.
fn resembles<'a>(path: &Path, scans: &'a mut [FileScan]) -> Option<&'a mut FileScan> {
    let plain = |name: &str| name.to_lowercase().replace([' ', '-'], "_");
    let name = plain(&path.file_name()?.to_string_lossy());
    let fits = scans.iter_mut().filter(|scan| name.contains(scan.file().trim_end_matches(".csv")));
    fits.max_by_key(|scan| scan.file().len())
}

/// Reads the file, and once more where its dates turn out to be written month first.
fn read(path: &Path, scan: &mut FileScan, bar: &indicatif::ProgressBar) -> Result<()> {
    if read_in(DateOrder::default(), path, scan, bar)? == DateOrder::MonthFirst {
        *scan = FileScan::new(scan.dataset, std::mem::take(&mut scan.paths), scan.size);
        read_in(DateOrder::MonthFirst, path, scan, bar)?;
    }
    Ok(())
}

/// Reads the file with dates in this order; gives the one that its dates say.
fn read_in(order: DateOrder, path: &Path, scan: &mut FileScan, bar: &indicatif::ProgressBar) -> Result<DateOrder> {
    scan.modified = std::fs::metadata(path).and_then(|data| data.modified()).ok().map(DateTime::from);
    let required = required(scan.dataset);
    let mut source = Source::open_incomplete(path, &required)?;
    source.show_on(bar.clone());
    let header = source.header.clone();
    scan.separator = Some(char::from(header.separator));
    scan.columns = header.columns().to_vec();
    scan.missing_columns = required.iter().copied().filter(|name| header.find(&[*name]).is_none()).collect();
    let mut survey = Survey::new(scan, &header, order);
    while let Some(record) = source.next()? {
        survey.add(&record);
    }
    let Survey { names, problems, encodings, whole, dates, .. } = survey;
    scan.encoding = Some(source.encoding().name(encodings.0, encodings.1));
    scan.unended = !ends_with_line_end(path);
    scan.truncated = !whole && scan.unended;
    scan.hash = Some(source.finish()?.to_hex().to_string());
    scan.problems = problems.0;
    scan.names = names.into_iter().map(|(dim, _, names)| (dim, names.uses)).collect();
    dates.orders.order().map_err(Error::BadFile)
}

/// Takes the records of a file that an import would store, and only counts.
struct Survey<'a> {
    scan: &'a mut FileScan,
    header: &'a Header,
    date: Option<usize>,
    volume: Option<usize>,
    names: Vec<(Dim, usize, Names)>,
    problems: Problems,
    dates: Dates,
    encodings: (bool, bool),
    /// Whether the last record was not cut.
    whole: bool,
}

impl<'a> Survey<'a> {
    fn new(scan: &'a mut FileScan, header: &'a Header, order: DateOrder) -> Self {
        let column = |dim: Dim| Some((dim, header.find(&dim.spec().csv[..1])?, Names::default()));
        Self {
            names: scan.dataset.dims().filter_map(column).collect(),
            date: header.find(&["Date"]),
            volume: header.find(&["Volume"]),
            problems: Problems::default(),
            dates: Dates::new(order),
            encodings: (false, false),
            whole: true,
            scan,
            header,
        }
    }

    fn add(&mut self, record: &Record<'_>) {
        self.scan.lines += 1;
        self.scan.last_line = record.line;
        // Files that were joined bring the mark of their encoding along.
        let is_header = record.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(record.bytes) == self.header.raw;
        let (reason, value) = match record.shape {
            _ if is_header => ("en-tête répété au milieu du fichier", String::new()),
            Shape::Fields(fields) => {
                self.whole = true;
                return self.fields(record, fields);
            }
            Shape::TooLong => (TOO_LONG, String::new()),
            Shape::Broken(reason) => (reason, String::new()),
            Shape::Count(count) => {
                let count = plural(count as u64, "champ", "champs");
                (OTHER_COUNT, format!("{count} au lieu de {}", self.header.columns().len()))
            }
        };
        self.whole = is_header;
        self.scan.zoneless += u64::from(!self.whole);
        self.problems.add(reason, record.line, &value);
    }

    fn fields(&mut self, record: &Record<'_>, fields: &Fields) {
        let mut bad: Option<(String, String)> = None;
        let mut day = None;
        if let Some(at) = self.date {
            let raw = fields.get(record.bytes, at);
            match self.dates.read(raw, record.line) {
                Ok(found) => {
                    *self.scan.dates.entry(found).or_default() += 1;
                    day = Some(found);
                }
                Err(reason) => bad = Some((format!("Date : {reason}"), decode(raw).0.into_owned())),
            }
        }
        for (dim, at, names) in &mut self.names {
            let raw = fields.get(record.bytes, *at);
            if raw.trim_ascii().is_empty() {
                self.scan.zoneless += u64::from(*dim == Dim::Zone);
                bad.get_or_insert_with(|| (format!("{} : vide", dim.spec().csv[0]), String::new()));
            } else {
                names.count(raw, record.line, day, &mut self.encodings);
            }
        }
        if let Some(at) = self.volume {
            let raw = decode(fields.get(record.bytes, at)).0;
            match parse_volume(&raw) {
                Ok(value) => self.scan.volume += u64::from(value),
                Err(reason) => {
                    bad.get_or_insert_with(|| (format!("Volume : {reason}"), raw.into_owned()));
                }
            }
        }
        if let Some((reason, value)) = bad {
            self.problems.add(&reason, record.line, &value);
        }
    }
}

/// Whether the last byte, or in UTF-16 the last two, are a line end.
fn ends_with_line_end(path: &Path) -> bool {
    let mut end = Vec::new();
    let read = std::fs::File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::End(-2))?;
        file.read_to_end(&mut end)
    });
    read.is_err() || end.contains(&b'\n')
}

/// Dates repeat from line to line.
struct Dates {
    raw: Vec<u8>,
    last: Option<Day>,
    order: DateOrder,
    orders: DateOrders,
    latest: Option<Day>,
}

impl Dates {
    fn new(order: DateOrder) -> Self {
        Self { raw: Vec::new(), last: None, order, orders: DateOrders::default(), latest: Day::from_date(today()) }
    }

    fn read(&mut self, raw: &[u8], line: u64) -> std::result::Result<Day, &'static str> {
        if let Some(day) = self.last.filter(|_| self.raw == raw) {
            return Ok(day);
        }
        let text = decode(raw).0;
        self.orders.note(&text, line);
        let day = parse_date(&text, self.order)?;
        if self.latest.is_some_and(|latest| day > latest) {
            return Err(FUTURE);
        }
        self.raw.clear();
        self.raw.extend_from_slice(raw);
        self.last = Some(day);
        Ok(day)
    }
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, reason: &str, line: u64, value: &str) {
        let index = self.0.iter().position(|problem| problem.reason == reason).unwrap_or_else(|| {
            self.0.push(Problem { reason: reason.to_owned(), lines: 0, examples: Vec::new() });
            self.0.len() - 1
        });
        let problem = &mut self.0[index];
        problem.lines += 1;
        if problem.examples.len() < EXAMPLES {
            let value: String = shown(value).chars().take(60).collect();
            let text = if value.is_empty() { format!("ligne {line}") } else { format!("ligne {line} : {value}") };
            problem.examples.push(text);
        }
    }
}

#[derive(Default)]
struct Names {
    uses: Vec<NameUse>,
    index: HashMap<Vec<u8>, usize>,
    last: (Vec<u8>, usize),
}

impl Names {
    fn count(&mut self, raw: &[u8], line: u64, day: Option<Day>, encodings: &mut (bool, bool)) {
        let at = if self.last.0 == raw && !self.uses.is_empty() {
            self.last.1
        } else {
            let at = match self.index.get(raw) {
                Some(at) => *at,
                None => self.add(raw, line, encodings),
            };
            self.last.0.clear();
            self.last.0.extend_from_slice(raw);
            self.last.1 = at;
            at
        };
        let entry = &mut self.uses[at];
        entry.lines += 1;
        if let Some(day) = day {
            entry.days = Some(entry.days.map_or((day, day), |(first, last)| (first.min(day), last.max(day))));
        }
    }

    fn add(&mut self, raw: &[u8], line: u64, encodings: &mut (bool, bool)) -> usize {
        let (name, ansi) = decode(raw);
        encodings.0 |= ansi;
        encodings.1 |= !ansi && !raw.is_ascii();
        let full = self.uses.len() >= NAMES;
        if full && self.uses.len() > NAMES {
            return NAMES;
        }
        let name = if full { "autres noms".to_owned() } else { name.trim().to_owned() };
        self.uses.push(NameUse { name, lines: 0, line, days: None });
        if !full {
            self.index.insert(raw.to_vec(), self.uses.len() - 1);
        }
        self.uses.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> FileScan {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Frequentation_Nuitee.csv"), text).unwrap();
        delivery(folder.path(), &Progress::new(false)).unwrap().swap_remove(0)
    }

    const HEADER: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;Volume\n";

    #[test]
    fn names_dates_volumes_and_bad_lines_are_told_apart() {
        let scan = scan(&format!(
            "{HEADER}2025-07-07;CANTAL;LOCAL;TOURISTE;10\n2025-07-09;CANTAL;LOCAL;TOURISTE;5\n\
             2025-02-30;CANTAL;LOCAL;TOURISTE;1\n2025-07-09;CABA;LOCAL;TOURISTE;-3\n2025-07-09;CABA;LOCAL;7\n"
        ));
        let bad: u64 = scan.problems.iter().map(|problem| problem.lines).sum();
        assert_eq!((scan.lines, scan.volume, bad), (5, 16, 3));
        assert_eq!(scan.missing_days(), ["2025-07-08".parse().unwrap()]);
        let zones = &scan.names[0].1;
        assert_eq!((zones[0].name.as_str(), zones[0].lines), ("CANTAL", 3));
        assert_eq!((zones[1].name.as_str(), zones[1].lines, zones[1].line), ("CABA", 1, 5));
        let reasons: Vec<&str> = scan.problems.iter().map(|problem| problem.reason.as_str()).collect();
        assert_eq!(
            reasons,
            ["Date : date qui n'existe pas", "Volume : volume négatif", "nombre de champs différent de l'en-tête"]
        );
    }

    #[test]
    fn a_missing_column_does_not_hide_the_others() {
        let scan = scan("Date;ZoneObservation;CategorieVisiteur;Volume\n2025-07-07;CANTAL;TOURISTE;10\n");
        assert_eq!(scan.missing_columns, ["Provenance"]);
        assert_eq!((scan.lines, scan.volume), (1, 10));
        assert!(scan.error.is_none());
    }
}
