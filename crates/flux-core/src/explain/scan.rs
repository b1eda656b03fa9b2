//! One pass over a file by the reader of the import: the lines of the keys, and what was rejected of them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::csv::{Fields, Header, OTHER_COUNT, Record, Shape, Source, TOO_LONG, decode};
use crate::domain::catalogue::{Dataset, Dim};
use crate::domain::names::Resolution;
use crate::domain::values::{DateOrder, DateOrders, Day, ORDERS, parse_date};
use crate::error::{Error, Result};
use crate::explain::key::{Key, Names};
use crate::load::{Mapper, OnConflict, Outcome, Reading, Room, first_filled, required, required_raw};
use crate::report::plural;

/// Lines of a file that are kept, of each kind.
const KEPT: usize = 20;
/// Characters of a raw line that are shown.
const SHOWN: usize = 300;
/// Different volumes of one key that are told apart.
const VOLUMES: usize = 1000;

/// A line that says something of the key.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Hit {
    pub(crate) line: u64,
    pub(crate) volume: u32,
    pub(crate) raw: String,
}

/// A line that was not stored and may have been of the key.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Refused {
    pub(crate) line: u64,
    pub(crate) reason: String,
    pub(crate) column: String,
    pub(crate) value: String,
    pub(crate) raw: String,
}

/// What a file says of the key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scan {
    /// The first lines of the key, and how many there are.
    pub(crate) hits: Vec<Hit>,
    pub(crate) lines: u64,
    last: Option<u32>,
    volumes: BTreeSet<u32>,
    /// Lines of the key's date and zone, those of the key included.
    pub(crate) of_day_and_zone: u64,
    /// The first lines that were not stored and may be of the key, and how many there are.
    pub(crate) refused: Vec<Refused>,
    pub(crate) refused_lines: u64,
    /// Those of them that bear its day: the others may be of any.
    pub(crate) refused_of_day: u64,
}

impl Scan {
    /// The volume that a load stores for the key.
    pub(crate) fn volume(&self, policy: OnConflict) -> Option<u64> {
        let first = self.hits.first().map(|hit| u64::from(hit.volume))?;
        match policy {
            OnConflict::First => Some(first),
            OnConflict::Last => self.last.map(u64::from),
            OnConflict::Sum => Some(self.volumes.iter().map(|volume| u64::from(*volume)).sum()),
            OnConflict::Reject => (self.volumes.len() == 1).then_some(first),
        }
    }

    /// Whether its lines contradict each other.
    pub(crate) fn is_contradictory(&self) -> bool {
        self.volumes.len() > 1
    }

    fn hit(&mut self, line: u64, volume: u32, raw: &[u8]) {
        self.lines += 1;
        self.last = Some(volume);
        if self.volumes.len() < VOLUMES {
            self.volumes.insert(volume);
        }
        if self.hits.len() < KEPT {
            self.hits.push(Hit { line, volume, raw: shown(raw) });
        }
    }

    fn refuse(&mut self, is_of_day: bool, refused: impl FnOnce() -> Refused) {
        self.refused_lines += 1;
        self.refused_of_day += u64::from(is_of_day);
        if self.refused.len() < KEPT {
            self.refused.push(refused());
        }
    }
}

fn shown(raw: &[u8]) -> String {
    decode(raw).0.chars().take(SHOWN).collect()
}

/// What one line is.
#[derive(Debug)]
pub(crate) enum Found {
    /// A row of this key.
    Row(Key, u32),
    /// No row, for this reason.
    Refused(Refused),
}

fn open(path: &Path, dataset: &Dataset, raw: bool) -> Result<Source> {
    let columns = if raw { required_raw(dataset) } else { required(dataset) };
    Source::open(path, &columns)
}

/// Reads the dates of a file as both orders of day and month have them, for which of them it is only its end tells.
#[derive(Debug, Default)]
struct Dates {
    orders: DateOrders,
    /// The last one and what it is: deliveries repeat few.
    text: Vec<u8>,
    days: [Option<Day>; 2],
    /// Whether one was met that the two orders read differently.
    differ: bool,
}

impl Dates {
    /// The day, day first and month first; `None` for what cannot be read so.
    fn read(&mut self, raw: &[u8], line: u64) -> [Option<Day>; 2] {
        if raw != self.text || raw.is_empty() {
            let text = decode(raw).0;
            self.orders.note(&text, line);
            self.days = ORDERS.map(|order| parse_date(&text, order).ok());
            self.differ |= self.days[0] != self.days[1];
            self.text.clear();
            self.text.extend_from_slice(raw);
        }
        self.days
    }

    /// Which of the two counts; what contradicts itself was never loaded.
    fn decided(&self) -> usize {
        usize::from(self.orders.order() == Ok(DateOrder::MonthFirst))
    }
}

fn mapper(source: &Source, dataset: &Dataset, raw: bool, names: &Names, order: DateOrder) -> Result<Mapper> {
    let (create, room) = (BTreeSet::new(), Room::default());
    let reading = Reading { raw, create: &create, year: None, latest: None, order, strip_accents: false, room: &room };
    Mapper::new(dataset, &source.header, reading, |dim, _| names.get(dim).map(Arc::clone))
}

/// The lines of a file in one of the two orders.
struct Reader<'a> {
    keys: &'a [&'a Key],
    mapper: Mapper,
    ids: Vec<Option<Vec<u32>>>,
    values: Vec<u32>,
    judge: Judge<'a>,
    /// One for each key.
    scans: Vec<Scan>,
}

impl<'a> Reader<'a> {
    fn new(
        source: &Source,
        (dataset, keys): (&Dataset, &'a [&'a Key]),
        raw: bool,
        names: &'a Names,
        order: DateOrder,
    ) -> Result<Self> {
        let mapper = mapper(source, dataset, raw, names, order)?;
        let ids = mapper.ids(&[]);
        let judge = Judge::new(keys, &source.header, raw, names)?;
        Ok(Self { keys, values: vec![0; ids.len()], scans: vec![Scan::default(); keys.len()], mapper, ids, judge })
    }

    /// Takes a line of a day, or of one that cannot be read.
    fn take(&mut self, line: u64, bytes: &[u8], fields: &Fields, day: Option<Day>) {
        // Most lines are of other days, and need no name looked up.
        let concerned = |key: &Key| day.is_none_or(|day| day == key.day);
        if !self.keys.iter().any(|key| concerned(key)) {
            return;
        }
        let (reason, column, value) = match self.mapper.map(bytes, line, fields) {
            Outcome::Row { key: packed, volume } => {
                self.mapper.layout().unpack(packed, &mut self.values);
                let id =
                    |(value, ids): (&u32, &Option<Vec<u32>>)| ids.as_ref().map_or(*value, |ids| ids[*value as usize]);
                let own: Vec<u32> = self.values.iter().zip(&self.ids).map(id).collect();
                for (key, scan) in self.keys.iter().zip(&mut self.scans).filter(|(key, _)| concerned(key)) {
                    scan.of_day_and_zone += u64::from(own.first().is_some_and(|zone| key.zones().contains(zone)));
                    if key.fits(&own) {
                        scan.hit(line, volume, bytes);
                    }
                }
                return;
            }
            Outcome::Filtered => return,
            Outcome::NotPositive => {
                ("volume nul ou négatif : non enregistré".to_owned(), "Volume".to_owned(), String::new())
            }
            Outcome::Rejected { reason, column, value, .. } => (reason.to_owned(), column.to_owned(), value),
        };
        for ((place, key), scan) in self.keys.iter().enumerate().zip(&mut self.scans) {
            if concerned(key) && self.judge.may_be(place, bytes, fields) {
                scan.refuse(day.is_some(), || Refused {
                    line,
                    reason: reason.clone(),
                    column: column.clone(),
                    value: value.clone(),
                    raw: shown(bytes),
                });
            }
        }
    }

    /// Takes a line that is not as the header says: it may be of a key whose day is written in it.
    fn take_broken(&mut self, line: u64, bytes: &[u8], reason: &str) {
        for (key, scan) in self.keys.iter().zip(&mut self.scans) {
            if key.spellings.iter().any(|day| bytes.windows(day.len()).any(|part| part == day.as_bytes())) {
                scan.refuse(true, || Refused {
                    line,
                    reason: reason.to_owned(),
                    column: String::new(),
                    value: String::new(),
                    raw: shown(bytes),
                });
            }
        }
    }
}

/// Reads a file to its end, once; gives its hash, and what it says of each key of the dataset.
///
/// # Errors
/// Those of the file; [`Error::Interrupted`].
pub(crate) fn scan(
    path: &Path,
    (dataset, keys): (&Dataset, &[&Key]),
    raw: bool,
    names: &Names,
) -> Result<(String, Vec<Scan>)> {
    let mut source = open(path, dataset, raw)?;
    let date = source.header.find(&["Date"]).unwrap_or_default();
    let mut dates = Dates::default();
    let mut first = Reader::new(&source, (dataset, keys), raw, names, DateOrder::DayFirst)?;
    // The other reading of the file, from the first date on that it reads differently.
    let mut second = Reader::new(&source, (dataset, keys), raw, names, DateOrder::MonthFirst)?;
    while let Some(record) = source.next()? {
        let reason = match record.shape {
            Shape::Fields(fields) => {
                let were_alike = !dates.differ;
                let days = dates.read(fields.get(record.bytes, date), record.line);
                if dates.differ {
                    if were_alike {
                        second.scans.clone_from(&first.scans);
                    }
                    second.take(record.line, record.bytes, fields, days[1]);
                }
                first.take(record.line, record.bytes, fields, days[0]);
                continue;
            }
            Shape::Broken(reason) => reason,
            Shape::Count(_) => OTHER_COUNT,
            Shape::TooLong => TOO_LONG,
        };
        first.take_broken(record.line, record.bytes, reason);
        if dates.differ {
            second.take_broken(record.line, record.bytes, reason);
        }
    }
    let counts = if dates.differ && dates.decided() == 1 { second } else { first };
    Ok((source.finish()?.to_hex().to_string(), counts.scans))
}

/// What line `number` of a file is.
///
/// # Errors
/// [`Error::Usage`] where there is no such line, or it is the header or blank; those of the file.
pub(crate) fn line(path: &Path, number: u64, dataset: &'static Dataset, raw: bool, names: &Names) -> Result<Found> {
    let mut source = open(path, dataset, raw)?;
    let date = source.header.find(&["Date"]).unwrap_or_default();
    let mut mappers = Vec::new();
    for order in ORDERS {
        mappers.push(mapper(&source, dataset, raw, names, order)?);
    }
    let mut dates = Dates::default();
    let mut found: Option<Vec<Found>> = None;
    while let Some(record) = source.next()? {
        let mut days = [None; 2];
        if let Shape::Fields(fields) = record.shape {
            days = dates.read(fields.get(record.bytes, date), record.line);
        }
        if record.line == number {
            found = Some(mappers.iter_mut().map(|mapper| found_in(&record, mapper, (dataset, raw), names)).collect());
            // Only a date that is read in two ways hangs on the rest of the file.
            if days[0] == days[1] {
                break;
            }
        } else if record.line > number && found.is_none() {
            break;
        }
    }
    found
        .and_then(|found| found.into_iter().nth(dates.decided()))
        .ok_or_else(|| Error::Usage(format!("{} n'a pas de ligne de données n° {number}", path.display())))
}

fn found_in(
    record: &Record<'_>,
    mapper: &mut Mapper,
    (dataset, raw): (&'static Dataset, bool),
    names: &Names,
) -> Found {
    let refused = |reason: &str, column: &str, value: String| {
        let (reason, column, raw) = (reason.to_owned(), column.to_owned(), shown(record.bytes));
        Found::Refused(Refused { line: record.line, reason, column, value, raw })
    };
    let fields = match record.shape {
        Shape::Broken(reason) => return refused(reason, "", String::new()),
        Shape::Count(count) => return refused(OTHER_COUNT, "", plural(count as u64, "champ", "champs")),
        Shape::TooLong => return refused(TOO_LONG, "", String::new()),
        Shape::Fields(fields) => fields,
    };
    let ids = mapper.ids(&[]);
    match mapper.map(record.bytes, record.line, fields) {
        Outcome::Row { key, volume } => {
            let mut values = vec![0; ids.len()];
            let day = mapper.layout().unpack(key, &mut values);
            for (value, ids) in values.iter_mut().zip(&ids) {
                *value = ids.as_ref().map_or(*value, |ids| ids[*value as usize]);
            }
            Found::Row(Key::of_ids(dataset, day, &values, names, raw), volume)
        }
        Outcome::Filtered => refused("ligne écartée", "", String::new()),
        Outcome::NotPositive => refused("volume nul ou négatif : non enregistré", "Volume", String::new()),
        Outcome::Rejected { reason, column, value, .. } => {
            let (reason, column) = (reason.to_owned(), column.to_owned());
            refused(&reason, &column, value)
        }
    }
}

/// Whether a line that is no row may have been meant for a key: nothing that can be read of it says otherwise.
struct Judge<'a> {
    names: &'a Names,
    /// For each key, its dimensions.
    keys: Vec<Vec<Meant<'a>>>,
}

/// A dimension, the ids that are meant, the columns that name them.
type Meant<'a> = (Dim, &'a [u32], Vec<usize>);

impl<'a> Judge<'a> {
    fn new(keys: &'a [&'a Key], header: &Header, raw: bool, names: &'a Names) -> Result<Self> {
        let columns = |dim: Dim| if raw { dim.spec().csv } else { &dim.spec().csv[..1] };
        // The place of a raw export takes more than a name to find: it excludes nothing.
        let tells = |dim: Dim| dim != Dim::Epci && !(raw && dim == Dim::Commune);
        let of_key = |key: &&'a Key| {
            let parts = key.parts.iter().filter(|part| tells(part.dim));
            parts.map(|part| (part.dim, &*part.ids, header.find_all(columns(part.dim)))).collect()
        };
        Ok(Self { names, keys: keys.iter().map(of_key).collect() })
    }

    fn may_be(&self, place: usize, line: &[u8], fields: &Fields) -> bool {
        self.keys[place].iter().all(|(dim, wanted, positions)| {
            let text = decode(first_filled(fields, line, positions)).0;
            let Ok(resolver) = self.names.get(*dim) else { return true };
            match resolver.resolve(&text) {
                Resolution::Found(row) => resolver.rows()[row as usize].id.is_some_and(|id| wanted.contains(&id)),
                Resolution::Unknown | Resolution::Ambiguous(_) => true,
            }
        })
    }
}
