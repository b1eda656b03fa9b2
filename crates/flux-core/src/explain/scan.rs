//! One pass over a file by the reader of the import: the lines of a key, and what was rejected of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::csv::{Fields, Header, OTHER_COUNT, Shape, Source, TOO_LONG, decode};
use crate::domain::catalogue::{Dataset, Dim};
use crate::domain::names::Resolution;
use crate::domain::values::{DateOrder, DateOrders, parse_date};
use crate::error::{Error, Result};
use crate::explain::key::{Key, Names};
use crate::load::{Mapper, OnConflict, Outcome, Reading, Room, first_filled, required, required_raw};

/// Lines of a file that are kept, of each kind.
const KEPT: usize = 20;
/// Characters of a raw line that are shown.
const SHOWN: usize = 300;
/// Different volumes of one key that are told apart.
const VOLUMES: usize = 1000;

/// A line that says something of the key.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Hit {
    pub(crate) line: u64,
    pub(crate) volume: u32,
    pub(crate) raw: String,
}

/// A line that was not stored and may have been of the key.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Refused {
    pub(crate) line: u64,
    pub(crate) reason: String,
    pub(crate) column: String,
    pub(crate) value: String,
    pub(crate) raw: String,
}

/// What a file says of the key.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) hash: String,
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

    fn refuse(&mut self, refused: impl FnOnce() -> Refused) {
        self.refused_lines += 1;
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

/// The order of day and month in the dates of a file, which all of it decides; what contradicts itself was never loaded.
fn date_order(path: &Path, dataset: &Dataset, raw: bool) -> Result<DateOrder> {
    let mut source = open(path, dataset, raw)?;
    let date = source.header.find(&["Date"]).unwrap_or_default();
    let mut orders = DateOrders::default();
    while let Some(record) = source.next()? {
        if let Shape::Fields(fields) = record.shape {
            orders.note(&decode(fields.get(record.bytes, date)).0, record.line);
        }
    }
    Ok(orders.order().unwrap_or_default())
}

fn mapper(source: &Source, dataset: &Dataset, raw: bool, names: &Names, order: DateOrder) -> Result<Mapper> {
    let (create, room) = (BTreeSet::new(), Room::default());
    let reading = Reading { raw, create: &create, year: None, latest: None, order, strip_accents: false, room: &room };
    Mapper::new(dataset, &source.header, reading, |dim, _| names.get(dim).map(Arc::clone))
}

/// Reads a file to its end.
///
/// # Errors
/// Those of the file; [`Error::Interrupted`].
pub(crate) fn scan(path: &Path, key: &Key, raw: bool, names: &Names) -> Result<Scan> {
    let order = date_order(path, key.dataset, raw)?;
    let mut source = open(path, key.dataset, raw)?;
    let mut mapper = mapper(&source, key.dataset, raw, names, order)?;
    let judge = Judge::new(key, &source.header, raw, names, order)?;
    let ids = mapper.ids(&[]);
    let mut values = vec![0; ids.len()];
    let mut scan = Scan::default();
    while let Some(record) = source.next()? {
        let line = record.line;
        let Shape::Fields(fields) = record.shape else { continue };
        let (reason, column, value) = match mapper.map(record.bytes, record.line, fields) {
            Outcome::Row { key: packed, volume } => {
                let day = mapper.layout().unpack(packed, &mut values);
                if day == key.day {
                    let id = |(value, ids): (&u32, &Option<Vec<u32>>)| {
                        ids.as_ref().map_or(*value, |ids| ids[*value as usize])
                    };
                    let mut own = values.iter().zip(&ids).map(id);
                    let zone = own.clone().next();
                    scan.of_day_and_zone += u64::from(zone == key.parts[0].id);
                    if key.fits(&mut own) {
                        scan.hit(line, volume, record.bytes);
                    }
                }
                continue;
            }
            Outcome::Filtered => continue,
            Outcome::NotPositive => {
                ("volume nul ou négatif : non enregistré".to_owned(), "Volume".to_owned(), String::new())
            }
            Outcome::Rejected { reason, column, value, .. } => (reason.to_owned(), column.to_owned(), value),
        };
        if judge.may_be(record.bytes, fields) {
            scan.refuse(|| Refused { line, reason, column, value, raw: shown(record.bytes) });
        }
    }
    scan.hash = source.finish()?.to_hex().to_string();
    Ok(scan)
}

/// What line `number` of a file is.
///
/// # Errors
/// [`Error::Usage`] where there is no such line, or it is the header or blank; those of the file.
pub(crate) fn line(path: &Path, number: u64, dataset: &'static Dataset, raw: bool, names: &Names) -> Result<Found> {
    let order = date_order(path, dataset, raw)?;
    let mut source = open(path, dataset, raw)?;
    let mut mapper = mapper(&source, dataset, raw, names, order)?;
    let ids = mapper.ids(&[]);
    while let Some(record) = source.next()? {
        if record.line < number {
            continue;
        }
        if record.line > number {
            break;
        }
        let raw_text = shown(record.bytes);
        let refused = |reason: &str, column: &str, value: String| {
            let (reason, column) = (reason.to_owned(), column.to_owned());
            Found::Refused(Refused { line: number, reason, column, value, raw: raw_text })
        };
        return Ok(match record.shape {
            Shape::Broken(reason) => refused(reason, "", String::new()),
            Shape::Count(count) => refused(OTHER_COUNT, "", format!("{count} champs")),
            Shape::TooLong => refused(TOO_LONG, "", String::new()),
            Shape::Fields(fields) => match mapper.map(record.bytes, record.line, fields) {
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
            },
        });
    }
    Err(Error::Usage(format!("{} n'a pas de ligne de données n° {number}", path.display())))
}

/// Whether a line that is no row may have been meant for the key: nothing that can be read of it says otherwise.
struct Judge<'a> {
    key: &'a Key,
    order: DateOrder,
    names: &'a Names,
    date: Option<usize>,
    positions: Vec<(Dim, Option<u32>, Vec<usize>)>,
}

impl<'a> Judge<'a> {
    fn new(key: &'a Key, header: &Header, raw: bool, names: &'a Names, order: DateOrder) -> Result<Self> {
        let columns = |dim: Dim| if raw { dim.spec().csv } else { &dim.spec().csv[..1] };
        // The place of a raw export takes more than a name to find: it excludes nothing.
        let tells = |dim: Dim| dim != Dim::Epci && !(raw && dim == Dim::Commune);
        let parts = key.parts.iter().filter(|part| tells(part.dim));
        let positions = parts.map(|part| (part.dim, part.id, header.find_all(columns(part.dim)))).collect();
        Ok(Self { key, names, order, date: header.find(&["Date"]), positions })
    }

    fn may_be(&self, line: &[u8], fields: &Fields) -> bool {
        let other_day = self.date.is_some_and(|at| {
            parse_date(&decode(fields.get(line, at)).0, self.order).is_ok_and(|day| day != self.key.day)
        });
        !other_day
            && self.positions.iter().all(|(dim, wanted, positions)| {
                let text = decode(first_filled(fields, line, positions)).0;
                let Ok(resolver) = self.names.get(*dim) else { return true };
                match resolver.resolve(&text) {
                    Resolution::Found(row) => resolver.rows()[row as usize].id == *wanted,
                    Resolution::Unknown | Resolution::Ambiguous(_) => true,
                }
            })
    }
}
