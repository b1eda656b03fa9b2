//! From a line of a CSV to a packed key and a volume, or to the reason why not.

use std::collections::{BTreeSet, HashMap};

use crate::catalogue::{Dataset, Dim};
use crate::csv_source::{Fields, Header, decode, split};
use crate::db::Session;
use crate::dims;
use crate::error::Result;
use crate::names::{Locality, Resolution, Resolver};
use crate::values::{Day, parse_date, parse_volume};

use super::layout::{Layout, MAX_CREATED};

/// What becomes of a line.
#[derive(Debug)]
pub(super) enum Outcome<'a> {
    Row { key: u128, volume: u32 },
    Filtered,
    Rejected { reason: &'a str, column: &'a str, value: String },
}

/// Remembers what fields meant. Deliveries repeat few values over and over: mostly that of the line before.
#[derive(Debug)]
struct Memo<T> {
    last: (Vec<u8>, Option<T>),
    slots: Vec<(Box<[u8]>, Option<T>)>,
    all: HashMap<Box<[u8]>, T>,
}

/// Slots of the first look-up; a power of two.
const SLOTS: usize = 512;
/// Values remembered; a hostile file cannot make it grow further.
const REMEMBERED: usize = 32_768;

impl<T: Copy> Memo<T> {
    fn new() -> Self {
        Self {
            last: (Vec::new(), None),
            slots: (0..SLOTS).map(|_| (Box::default(), None)).collect(),
            all: HashMap::new(),
        }
    }

    #[inline]
    fn get(&mut self, raw: &[u8], find: impl FnOnce(&[u8]) -> T) -> T {
        if let (known, Some(value)) = &self.last
            && known == raw
        {
            return *value;
        }
        let slot = &mut self.slots[slot_of(raw)];
        let value = match slot {
            (known, Some(value)) if **known == *raw => *value,
            _ => {
                let value = match self.all.get(raw) {
                    Some(value) => *value,
                    None => {
                        let value = find(raw);
                        if self.all.len() >= REMEMBERED {
                            self.all.clear();
                        }
                        self.all.insert(raw.into(), value);
                        value
                    }
                };
                *slot = (raw.into(), Some(value));
                value
            }
        };
        self.last.0.clear();
        self.last.0.extend_from_slice(raw);
        self.last.1 = Some(value);
        value
    }
}

/// A cheap mix of the length and both ends of a field.
#[inline]
fn slot_of(raw: &[u8]) -> usize {
    let end = |bytes: &[u8]| bytes.iter().take(8).fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let tail = end(&raw[raw.len().saturating_sub(8)..]);
    let mixed = (end(raw).rotate_left(23) ^ tail ^ (raw.len() as u64) << 56).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 55) as usize % SLOTS
}

/// What a field that names a row of a dimension leads to: the row's position plus one, 0 being "not known".
#[derive(Debug, Clone, Copy)]
enum Named {
    Row(u32),
    /// Index into the reasons.
    Bad(u32),
}

/// Reasons for names, the first ones fixed.
const EMPTY: u32 = 0;
const UNKNOWN: u32 = 1;
const AMBIGUOUS: u32 = 2;
/// Different reasons kept; beyond them the plain one is given.
const REASONS: usize = 1000;

/// One part of the key after the date.
#[derive(Debug)]
struct Part {
    dim: Dim,
    /// Where the name stands: the first filled one counts. Empty for the EPCI of a file that names communes only.
    positions: Vec<usize>,
    column: String,
    resolver: Resolver,
    memo: Memo<Named>,
    reasons: Vec<String>,
    may_create: bool,
    created: usize,
}

/// Maps the lines of one file.
#[derive(Debug)]
pub(super) struct Mapper {
    parts: Vec<Part>,
    /// Position in `parts` of the commune from which the EPCI is taken, and of the EPCI.
    epci_of_commune: Option<(usize, usize)>,
    separator: u8,
    columns: usize,
    date: usize,
    volume: usize,
    year: Option<i32>,
    dates: Memo<std::result::Result<(Day, bool), &'static str>>,
    fields: Fields,
    values: Vec<u32>,
    layout: Layout,
    /// Whether a field took Windows-1252 to read, and whether one was UTF-8 beyond ASCII.
    pub(super) encodings: (bool, bool),
}

/// The columns that a weekly file of `dataset` must have, each by its alternatives.
pub(super) fn required(dataset: &Dataset) -> Vec<&'static [&'static str]> {
    let mut columns: Vec<&'static [&'static str]> = vec![&["Date"], &["Volume"]];
    columns.extend(weekly_dims(dataset).map(|dim| &dim.spec().csv[..1]));
    columns
}

/// Dimensions that a weekly file names. EPCIs are not: they follow from the commune.
fn weekly_dims(dataset: &Dataset) -> impl Iterator<Item = Dim> + use<> {
    dataset.dims().filter(|dim| *dim != Dim::Epci)
}

impl Mapper {
    /// Loads the dimensions of a dataset and finds its columns.
    pub(super) fn new(
        session: &mut Session,
        dataset: &Dataset,
        header: &Header,
        locality: &Locality,
        create: &BTreeSet<Dim>,
        year: Option<i32>,
    ) -> Result<Self> {
        let mut parts = Vec::new();
        for dim in dataset.dims() {
            let may_create = create.contains(&dim);
            let derived = dim == Dim::Epci;
            let resolver = if derived {
                Resolver::new(dim, Vec::new(), &[], Locality::default())
            } else {
                dims::load(session, dim, locality, may_create)?
            };
            let names = &dim.spec().csv[..1];
            parts.push(Part {
                dim,
                positions: if derived { Vec::new() } else { header.find_all(names) },
                column: names[0].to_owned(),
                resolver,
                memo: Memo::new(),
                reasons: ["vide", "inconnu", "ambigu"].map(|what| format!("nom de {dim} {what}")).into(),
                may_create,
                created: 0,
            });
        }
        let position = |dim: Dim| parts.iter().position(|part: &Part| part.dim == dim);
        let epci_of_commune = position(Dim::Commune).zip(position(Dim::Epci));
        // A derived EPCI is packed as its id.
        let most_epci =
            epci_of_commune.and_then(|(commune, _)| parts[commune].resolver.rows().iter().map(|row| row.epci).max());
        let rows = parts.iter().map(|part| match part.dim {
            Dim::Epci => most_epci.unwrap_or(0) as usize + 1,
            _ => part.resolver.rows().len() + 1,
        });
        let layout = Layout::new(rows)?;
        Ok(Self {
            values: vec![0; parts.len()],
            parts,
            epci_of_commune,
            separator: header.separator,
            columns: header.columns().len(),
            date: header.find(&["Date"]).unwrap_or_default(),
            volume: header.find(&["Volume"]).unwrap_or_default(),
            year,
            dates: Memo::new(),
            fields: Fields::default(),
            layout,
            encodings: (false, false),
        })
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Maps one line.
    #[inline]
    pub(super) fn map(&mut self, line: &[u8]) -> Outcome<'_> {
        if let Err(reason) = split(line, self.separator, &mut self.fields) {
            return Outcome::Rejected { reason, column: "", value: String::new() };
        }
        if self.fields.len() != self.columns {
            let value = format!("{} champs au lieu de {}", self.fields.len(), self.columns);
            return Outcome::Rejected { reason: "nombre de champs différent de l'en-tête", column: "", value };
        }
        let raw = self.fields.get(line, self.date);
        let year = self.year;
        let day = match self.dates.get(raw, |raw| read_day(raw, year)) {
            Ok((day, true)) => day,
            Ok((_, false)) => return Outcome::Filtered,
            Err(reason) => return Outcome::Rejected { reason, column: "Date", value: decode(raw).0.into_owned() },
        };
        for index in 0..self.parts.len() {
            let part = &mut self.parts[index];
            if part.positions.is_empty() {
                continue;
            }
            let raw = part
                .positions
                .iter()
                .map(|at| self.fields.get(line, *at))
                .find(|raw| !raw.is_empty())
                .unwrap_or_default();
            let (resolver, reasons, created) = (&mut part.resolver, &mut part.reasons, &mut part.created);
            let encodings = &mut self.encodings;
            let may_create = part.may_create;
            let named = part.memo.get(raw, |raw| {
                let (text, ansi) = decode(raw);
                encodings.0 |= ansi;
                encodings.1 |= !ansi && !raw.is_ascii();
                resolve(resolver, reasons, &text, may_create, created)
            });
            match named {
                Named::Row(row) => self.values[index] = row + 1,
                Named::Bad(reason) => {
                    let part = &self.parts[index];
                    let value = decode(raw).0.into_owned();
                    return Outcome::Rejected { reason: &part.reasons[reason as usize], column: &part.column, value };
                }
            }
        }
        if let Some((commune, epci)) = self.epci_of_commune {
            let row = self.values[commune] as usize - 1;
            self.values[epci] = self.parts[commune].resolver.rows()[row].epci;
        }
        let raw = self.fields.get(line, self.volume);
        match read_volume(raw) {
            Ok(volume) => Outcome::Row { key: self.layout.pack(day, &self.values), volume },
            Err(reason) => Outcome::Rejected { reason, column: "Volume", value: decode(raw).0.into_owned() },
        }
    }

    /// Names that have to be created, by dimension.
    pub(super) fn to_create(&self) -> Vec<(Dim, Vec<&str>)> {
        let new = |part: &'_ Part| -> usize { part.resolver.rows().len() - part.created };
        self.parts
            .iter()
            .filter(|part| part.created > 0)
            .map(|part| (part.dim, part.resolver.rows()[new(part)..].iter().map(|row| row.name.as_str()).collect()))
            .collect()
    }

    /// The ids behind the packed values, part by part; `None` for a part that is packed as its id. `created` are the ids of the names
    /// of [`Mapper::to_create`], in its order.
    pub(super) fn ids(&self, created: &[(Dim, Vec<u32>)]) -> Vec<Option<Vec<u32>>> {
        self.parts
            .iter()
            .map(|part| {
                if part.positions.is_empty() {
                    return None;
                }
                let known = part.resolver.rows().iter().filter_map(|row| row.id);
                let new = created.iter().filter(|(dim, _)| *dim == part.dim).flat_map(|(_, ids)| ids.iter().copied());
                Some(std::iter::once(0).chain(known).chain(new).collect())
            })
            .collect()
    }

    /// Hash of the rows that names were resolved against, those created included once `ids` knows them.
    pub(super) fn dims_hash(&self, ids: &[Option<Vec<u32>>]) -> String {
        let mut hasher = blake3::Hasher::new();
        for (part, ids) in self.parts.iter().zip(ids) {
            let Some(ids) = ids else { continue };
            let mut rows: Vec<_> = part.resolver.rows().iter().zip(&ids[1..]).collect();
            rows.sort_by_key(|(_, id)| **id);
            for (row, id) in rows {
                hasher.update(&id.to_le_bytes());
                hasher.update(&(row.name.len() as u32).to_le_bytes());
                hasher.update(row.name.as_bytes());
            }
        }
        hasher.finalize().to_hex().to_string()
    }
}

fn read_day(raw: &[u8], year: Option<i32>) -> std::result::Result<(Day, bool), &'static str> {
    use chrono::Datelike;
    let day = parse_date(&decode(raw).0)?;
    Ok((day, year.is_none_or(|year| day.date().year() == year)))
}

#[inline]
fn read_volume(raw: &[u8]) -> std::result::Result<u32, &'static str> {
    // Up to nine plain digits fit without a further look.
    if (1..=9).contains(&raw.len()) && raw.iter().all(u8::is_ascii_digit) {
        return Ok(raw.iter().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0')));
    }
    parse_volume(&decode(raw).0)
}

fn resolve(
    resolver: &mut Resolver,
    reasons: &mut Vec<String>,
    text: &str,
    may_create: bool,
    created: &mut usize,
) -> Named {
    if text.trim().is_empty() {
        return Named::Bad(EMPTY);
    }
    match resolver.resolve(text) {
        Resolution::Found(row) => Named::Row(row),
        Resolution::Unknown => match resolver.creatable(text).filter(|_| may_create && *created < MAX_CREATED) {
            Some(name) => {
                *created += 1;
                Named::Row(resolver.push(name))
            }
            None => Named::Bad(UNKNOWN),
        },
        Resolution::Ambiguous(names) => {
            if reasons.len() >= REASONS {
                return Named::Bad(AMBIGUOUS);
            }
            reasons.push(format!("{} : {}", reasons[AMBIGUOUS as usize], names.join(", ")));
            Named::Bad(reasons.len() as u32 - 1)
        }
    }
}
