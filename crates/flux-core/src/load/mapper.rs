//! From a line of a CSV to a packed key and a volume, or to the reason why not.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::csv::{Fields, Header, decode};
use crate::domain::catalogue::{self, Dataset, Dim};
use crate::domain::names::{self, Locality, Resolution, Resolver, Row};
use crate::domain::values::{DateOrder, DateOrders, Day, FUTURE, FUTURE_RAW, is_negative, parse_date, parse_volume};
use crate::error::Result;

use crate::load::layout::{Layout, Slice};
use crate::load::missed::{Missed, MissedName};
use crate::load::naming::{self, Named, Naming, Room, first_filled, resolve};
use crate::load::place::{self, Completion, Place};

/// What becomes of a line.
#[derive(Debug)]
pub(crate) enum Outcome<'a> {
    Row {
        key: u128,
        volume: u32,
    },
    Filtered,
    /// A volume that is not stored: 0 or less, in a raw export.
    NotPositive,
    Rejected {
        reason: &'a str,
        column: &'a str,
        value: String,
        /// Its date, where that can be read.
        day: Option<Day>,
    },
}

/// Remembers what fields meant. Deliveries repeat few values over and over: mostly that of the line before.
#[derive(Debug)]
struct Memo<T> {
    last: (Vec<u8>, Option<T>),
    // Seeded at random: a hostile file cannot prepare collisions.
    all: HashMap<Box<[u8]>, T, foldhash::fast::RandomState>,
    /// Bytes of its keys.
    held: usize,
}

/// Values remembered, and their bytes; a hostile file cannot make it grow further.
const REMEMBERED: usize = 32_768;
const REMEMBERED_BYTES: usize = 2 << 20;

impl<T: Copy> Memo<T> {
    fn new() -> Self {
        Self { last: (Vec::new(), None), all: HashMap::default(), held: 0 }
    }

    #[inline]
    fn get(&mut self, raw: &[u8], find: impl FnOnce(&[u8]) -> T) -> T {
        if let (known, Some(value)) = &self.last
            && known == raw
        {
            return *value;
        }
        let value = match self.all.get(raw) {
            Some(value) => *value,
            None => {
                let value = find(raw);
                if self.all.len() >= REMEMBERED || self.held + raw.len() > REMEMBERED_BYTES {
                    self.all.clear();
                    self.held = 0;
                }
                self.held += raw.len();
                self.all.insert(raw.into(), value);
                value
            }
        };
        self.last.0.clear();
        self.last.0.extend_from_slice(raw);
        self.last.1 = Some(value);
        value
    }
}

/// How the columns of a file are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    /// A raw export: several columns may hold a name, the place is optional, volumes of 0 are not stored.
    pub(crate) raw: bool,
    /// Dimensions to which unknown names are added.
    pub(crate) create: &'a BTreeSet<Dim>,
    /// Keeps this year's rows only.
    pub(crate) year: Option<i32>,
    /// A later date is rejected.
    pub(crate) latest: Option<Day>,
    /// How dates with slashes are read.
    pub(crate) order: DateOrder,
    /// Names are created without their accents.
    pub(crate) strip_accents: bool,
    /// For the names that are to be created.
    pub(crate) room: &'a Room,
}

/// Which dates are taken, and how they are read.
#[derive(Debug, Clone, Copy)]
struct DateRules {
    raw: bool,
    year: Option<i32>,
    latest: Option<Day>,
    order: DateOrder,
}

/// Names that may be created while one file is read.
const MAX_CREATED: usize = 8192;
/// The same for raw exports, which may have to fill a dimension from nothing.
const MAX_CREATED_RAW: usize = 65_000;

/// What a line says of a name that is to be created, beside the name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Detail {
    /// Former and new region of a département.
    pub(crate) regions: [Option<String>; 2],
    /// Nights of a stay.
    pub(crate) nights: Option<u32>,
    /// Packed value of the EPCI of a commune.
    pub(crate) epci: u32,
}

/// Columns that hold [`Detail`]s.
#[derive(Debug, Default)]
struct DetailColumns {
    regions: [Option<usize>; 2],
    nights: Option<usize>,
}

/// One part of the key after the date.
#[derive(Debug)]
pub(crate) struct Part {
    dim: Dim,
    /// Where the name stands: the first filled one counts.
    positions: Vec<usize>,
    /// Follows from another part: the EPCI of a file that names communes only.
    derived: bool,
    optional: bool,
    /// For the commune of a raw export.
    place: Option<Place>,
    column: String,
    pub(crate) resolver: Arc<Resolver>,
    memo: Memo<Named>,
    reasons: Vec<String>,
    may_create: bool,
    most_created: usize,
    room: Room,
    strip_accents: bool,
    pub(crate) created: usize,
    details: Vec<Detail>,
    missed: Missed,
}

impl Part {
    /// The ids behind the packed values, 0 for "not known".
    fn ids(&self, created: &[(Dim, Vec<u32>)]) -> Vec<u32> {
        let known = self.resolver.rows().iter().filter_map(|row| row.id);
        let new = created.iter().filter(|(dim, _)| *dim == self.dim).flat_map(|(_, ids)| ids.iter().copied());
        std::iter::once(0).chain(known).chain(new).collect()
    }
}

/// Maps the lines of one file.
#[derive(Debug)]
pub(crate) struct Mapper {
    parts: Vec<Part>,
    /// Position in `parts` of the commune from which the EPCI is taken, and of the EPCI.
    epci_of_commune: Option<(usize, usize)>,
    raw: bool,
    date: usize,
    volume: usize,
    detail_columns: DetailColumns,
    rules: DateRules,
    orders: DateOrders,
    dates: Memo<std::result::Result<(Day, bool), &'static str>>,
    values: Vec<u32>,
    /// What the parts of a place are put together in.
    scratch: Vec<u8>,
    layout: Layout,
    /// Slices of which lines were not stored for their volume.
    not_positive: BTreeSet<Slice>,
    /// Stored communes whose INSEE code the file has told.
    completions: Vec<Completion>,
    /// Whether a field took Windows-1252 to read, and whether one was UTF-8 beyond ASCII.
    pub(crate) encodings: (bool, bool),
}

/// The columns that a weekly file of `dataset` must have, each by its alternatives.
pub(crate) fn required(dataset: &Dataset) -> Vec<&'static [&'static str]> {
    let mut columns: Vec<&'static [&'static str]> = vec![&["Date"], &["Volume"]];
    columns.extend(weekly_dims(dataset).map(|dim| &dim.spec().csv[..1]));
    columns
}

/// The columns that a raw export of `dataset` must have, each by its alternatives.
pub(crate) fn required_raw(dataset: &Dataset) -> Vec<&'static [&'static str]> {
    let mut columns: Vec<&'static [&'static str]> = vec![&["Date"], &["Volume"]];
    columns.extend(dataset.dims().filter(|dim| !dim.spec().optional).map(|dim| dim.spec().csv));
    if dataset.breakdown.contains(&Dim::Commune) {
        columns.push(catalogue::PLACE_COLUMNS);
    }
    columns
}

/// Dimensions that a weekly file names. EPCIs are not: they follow from the commune.
fn weekly_dims(dataset: &Dataset) -> impl Iterator<Item = Dim> + use<> {
    dataset.dims().filter(|dim| *dim != Dim::Epci)
}

impl Mapper {
    /// Finds the columns of a dataset, with the dimensions that `load` gives (told whether they may be empty).
    pub(crate) fn new(
        dataset: &Dataset,
        header: &Header,
        reading: Reading<'_>,
        mut load: impl FnMut(Dim, bool) -> Result<Arc<Resolver>>,
    ) -> Result<Self> {
        let mut parts = Vec::new();
        for dim in dataset.dims() {
            let may_create = reading.create.contains(&dim);
            let derived = dim == Dim::Epci && !reading.raw;
            let resolver = if derived {
                Arc::new(Resolver::new(dim, Vec::new(), &[], Locality::default()))
            } else {
                load(dim, may_create)?
            };
            let names = if reading.raw { dim.spec().csv } else { &dim.spec().csv[..1] };
            let positions = if derived { Vec::new() } else { header.find_all(names) };
            let column = positions.first().map_or(names[0], |at| header.columns()[*at].as_str()).to_owned();
            parts.push(Part {
                dim,
                positions,
                derived,
                optional: reading.raw && dim.spec().optional,
                place: (reading.raw && dim == Dim::Commune).then(|| Place::new(dataset, header)),
                column,
                resolver,
                memo: Memo::new(),
                reasons: ["vide", "inconnu", "ambigu"].map(|what| format!("nom de {dim} {what}")).into(),
                may_create,
                most_created: if reading.raw { MAX_CREATED_RAW } else { MAX_CREATED },
                room: reading.room.clone(),
                strip_accents: reading.strip_accents,
                created: 0,
                details: Vec::new(),
                missed: Missed::default(),
            });
        }
        let position = |dim: Dim| parts.iter().position(|part: &Part| part.dim == dim);
        let epci_of_commune = position(Dim::Commune).zip(position(Dim::Epci)).filter(|_| !reading.raw);
        // A derived EPCI is packed as its id.
        let most_epci =
            epci_of_commune.and_then(|(commune, _)| parts[commune].resolver.rows().iter().map(|row| row.epci).max());
        let rows = parts.iter().map(|part| match part.derived {
            true => most_epci.unwrap_or(0) as usize + 1,
            false => part.resolver.rows().len() + 1,
        });
        let layout = Layout::new(rows, if reading.raw { MAX_CREATED_RAW } else { MAX_CREATED }, reading.raw)?;
        Ok(Self {
            values: vec![0; parts.len()],
            parts,
            epci_of_commune,
            raw: reading.raw,
            date: header.find(&["Date"]).unwrap_or_default(),
            volume: header.find(&["Volume"]).unwrap_or_default(),
            detail_columns: DetailColumns {
                regions: [header.find(&["NomRegion"]), header.find(&["NomNouvelleRegion"])],
                nights: header.find(&["DureeSejourNum"]),
            },
            rules: DateRules { raw: reading.raw, year: reading.year, latest: reading.latest, order: reading.order },
            orders: DateOrders::default(),
            dates: Memo::new(),
            scratch: Vec::new(),
            layout,
            not_positive: BTreeSet::new(),
            completions: Vec::new(),
            encodings: (false, false),
        })
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What the dates read so far say about the order of day and month.
    pub(crate) fn orders(&self) -> &DateOrders {
        &self.orders
    }

    /// Maps the line of that number, split into as many `fields` as the header has columns.
    #[inline]
    pub(crate) fn map(&mut self, line: &[u8], number: u64, fields: &Fields) -> Outcome<'_> {
        let raw = fields.get(line, self.date);
        let (rules, orders) = (self.rules, &mut self.orders);
        let day = match self.dates.get(raw, |raw| {
            let text = decode(raw).0;
            orders.note(&text, number);
            read_day(&text, rules)
        }) {
            Ok((day, true)) => day,
            Ok((_, false)) => return Outcome::Filtered,
            Err(reason) => {
                let value = decode(raw).0.into_owned();
                return Outcome::Rejected { reason, column: "Date", value, day: None };
            }
        };
        let positive = match self.raw {
            true => match read_positive(fields.get(line, self.volume)) {
                Ok(Some(volume)) => volume,
                Ok(None) => return self.not_positive(line, fields, day),
                Err(reason) => {
                    let value = decode(fields.get(line, self.volume)).0.into_owned();
                    return Outcome::Rejected { reason, column: "Volume", value, day: Some(day) };
                }
            },
            false => 0,
        };
        for index in 0..self.parts.len() {
            let part = &mut self.parts[index];
            if part.derived {
                continue;
            }
            let raw = match &part.place {
                None => first_filled(fields, line, &part.positions),
                Some(place) => {
                    place.gather(fields, line, &part.positions, &mut self.scratch);
                    &self.scratch
                }
            };
            let (resolver, reasons, created) = (&mut part.resolver, &mut part.reasons, &mut part.created);
            let encodings = &mut self.encodings;
            let (completions, missed) = (&mut self.completions, &mut part.missed);
            let may_create = part.may_create && *created < part.most_created;
            let room = &part.room;
            let (optional, is_place, strip) = (part.optional, part.place.is_some(), part.strip_accents);
            let named = part.memo.get(raw, |raw| {
                let (text, ansi) = decode(raw);
                encodings.0 |= ansi;
                encodings.1 |= !ansi && !raw.is_ascii();
                let mut naming = Naming { resolver, reasons, may_create, room, strip, created };
                if is_place {
                    return place::resolve(&mut naming, raw, (completions, missed));
                }
                let named = resolve(&mut naming, &text, optional);
                if let Named::Row(row) = named
                    && let Some(departement) = resolver.far(row)
                {
                    missed.note_far(&resolver.rows()[row as usize].name, departement);
                }
                named
            });
            if part.created > part.details.len() {
                // The EPCI comes before the commune.
                let epci = if part.dim == Dim::Commune { self.values[index - 1] } else { 0 };
                part.details.push(self.detail_columns.read(fields, line, epci));
            }
            match named {
                Named::Row(row) => self.values[index] = row + 1,
                Named::Blank => self.values[index] = 0,
                Named::Bad(reason) => {
                    let part = &mut self.parts[index];
                    let value = decode(raw).0.replace('\0', " ").trim().to_owned();
                    let reason = part.reasons[reason as usize].as_str();
                    if !value.is_empty() {
                        part.missed.add(&value, naming::rows_of(reason));
                    }
                    return Outcome::Rejected { reason, column: &part.column, value, day: Some(day) };
                }
            }
        }
        if self.raw {
            return Outcome::Row { key: self.layout.pack(day, &self.values), volume: positive };
        }
        if let Some((commune, epci)) = self.epci_of_commune {
            let row = self.values[commune] as usize - 1;
            self.values[epci] = self.parts[commune].resolver.rows()[row].epci;
        }
        let raw = fields.get(line, self.volume);
        match read_volume(raw) {
            Ok(volume) => Outcome::Row { key: self.layout.pack(day, &self.values), volume },
            Err(reason) => {
                let value = decode(raw).0.into_owned();
                Outcome::Rejected { reason, column: "Volume", value, day: Some(day) }
            }
        }
    }

    /// A line that is not stored still says that its date and zone are delivered.
    fn not_positive(&mut self, line: &[u8], fields: &Fields, day: Day) -> Outcome<'_> {
        let zone = &self.parts[0];
        let text = decode(first_filled(fields, line, &zone.positions)).0;
        if let Resolution::Found(row) = zone.resolver.resolve(&text) {
            self.not_positive.insert(self.layout.slice_of(day, row + 1));
        }
        Outcome::NotPositive
    }

    /// Slices of which lines were not stored for their volume.
    pub(crate) fn not_positive_slices(&self) -> &BTreeSet<Slice> {
        &self.not_positive
    }

    /// Stored communes whose INSEE code the file has told.
    pub(crate) fn completions(&self) -> &[Completion] {
        &self.completions
    }

    /// The rows to create, by dimension, with what the file says of them.
    pub(crate) fn new_rows(&self) -> Vec<(Dim, &[Row], &[Detail])> {
        self.parts
            .iter()
            .filter(|part| part.created > 0)
            .map(|part| (part.dim, &part.resolver.rows()[part.resolver.rows().len() - part.created..], &*part.details))
            .collect()
    }

    /// Names that have to be created, `dimension name`, for the report.
    pub(crate) fn names_to_create(&self) -> Vec<String> {
        let named =
            |(dim, rows, _): (Dim, &[Row], _)| rows.iter().map(move |row| format!("{dim} {}", row.name)).collect();
        self.new_rows().into_iter().flat_map::<Vec<String>, _>(named).collect()
    }

    /// Names that lines were rejected for, dimension by dimension.
    pub(crate) fn missed_names(&self) -> Vec<MissedName> {
        self.parts.iter().flat_map(|part| part.missed.names(part.dim, &part.resolver)).collect()
    }

    /// Communes that were found outside of the own and the neighbouring départements, `NAME (code)`.
    pub(crate) fn far_communes(&self) -> Vec<String> {
        self.parts.iter().flat_map(|part| part.missed.far.iter().cloned()).collect()
    }

    /// INSEE codes that came with the name of another commune, `code name → stored name`.
    pub(crate) fn contradicted(&self) -> Vec<String> {
        self.parts.iter().flat_map(|part| part.missed.contradicted.iter().cloned()).collect()
    }

    /// The ids behind the packed values, part by part; `None` for a part that is packed as its id. `created` are the ids of the names
    /// of [`Mapper::new_rows`], in its order.
    pub(crate) fn ids(&self, created: &[(Dim, Vec<u32>)]) -> Vec<Option<Vec<u32>>> {
        self.parts.iter().map(|part| (!part.derived).then(|| part.ids(created))).collect()
    }

    /// The ids behind the packed values of one dimension, 0 for "not known"; without `created`, of the stored rows only.
    pub(crate) fn ids_of(&self, dim: Dim, created: &[(Dim, Vec<u32>)]) -> Option<Vec<u32>> {
        Some(self.parts.iter().find(|part| part.dim == dim)?.ids(created))
    }

    /// Hash of the rows that names were resolved against, those created included once `ids` knows them.
    pub(crate) fn dims_hash(&self, ids: &[Option<Vec<u32>>]) -> String {
        let mut hasher = blake3::Hasher::new();
        for (part, ids) in self.parts.iter().zip(ids) {
            let Some(ids) = ids else { continue };
            let stored = part.resolver.rows().len() - part.created;
            let created = part.resolver.rows()[stored..].iter().zip(&ids[1 + stored..]);
            let created = created.map(|(row, id)| names::digest_of(*id, row));
            hasher.update(&created.fold(part.resolver.digest(), u128::wrapping_add).to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// The day, and whether it is of the year that was asked for.
fn read_day(text: &str, rules: DateRules) -> std::result::Result<(Day, bool), &'static str> {
    use chrono::Datelike;
    let day = parse_date(text, rules.order)?;
    if rules.latest.is_some_and(|latest| day > latest) {
        return Err(if rules.raw { FUTURE_RAW } else { FUTURE });
    }
    Ok((day, rules.year.is_none_or(|year| day.date().year() == year)))
}

#[inline]
fn read_volume(raw: &[u8]) -> std::result::Result<u32, &'static str> {
    // Up to nine plain digits fit without a further look.
    if (1..=9).contains(&raw.len()) && raw.iter().all(u8::is_ascii_digit) {
        return Ok(raw.iter().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0')));
    }
    parse_volume(&decode(raw).0)
}

/// `None` for a volume of 0 or less.
#[inline]
fn read_positive(raw: &[u8]) -> std::result::Result<Option<u32>, &'static str> {
    match read_volume(raw) {
        Ok(0) => Ok(None),
        Ok(volume) => Ok(Some(volume)),
        Err(_) if is_negative(&decode(raw).0) => Ok(None),
        Err(reason) => Err(reason),
    }
}

impl DetailColumns {
    fn read(&self, fields: &Fields, line: &[u8], epci: u32) -> Detail {
        let text = |at: Option<usize>| {
            let text = decode(fields.get(line, at?)).0.trim().to_owned();
            (!text.is_empty() && !text.contains(['?', char::REPLACEMENT_CHARACTER])).then_some(text)
        };
        Detail { regions: self.regions.map(text), nights: text(self.nights).and_then(|text| text.parse().ok()), epci }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_by_number_and_by_bytes() {
        let mut memo = Memo::new();
        for number in 0..100_000u32 {
            assert_eq!(memo.get(&number.to_le_bytes(), |_| number), number);
            assert!(memo.all.len() <= REMEMBERED);
        }
        for number in 0..500u32 {
            let mut long = vec![b'x'; 60_000];
            long.extend(number.to_le_bytes());
            assert_eq!(memo.get(&long, |_| number), number);
            assert_eq!(memo.held, memo.all.keys().map(|key| key.len()).sum::<usize>());
            assert!(memo.held <= REMEMBERED_BYTES);
        }
    }
}
