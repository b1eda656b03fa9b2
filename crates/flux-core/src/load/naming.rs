//! How a name of a file leads to a row of a dimension, or to the reason why it does not; shared by plain names and places.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::csv::Fields;
use crate::domain::names::{Resolution, Resolver, Row, without_accents};

/// What a field that names a row of a dimension leads to: the row's position plus one, 0 being "not known".
#[derive(Debug, Clone, Copy)]
pub(crate) enum Named {
    Row(u32),
    /// Not filled, and need not be.
    Blank,
    /// Index into the reasons.
    Bad(u32),
}

/// Reasons for names, the first ones fixed.
const EMPTY: u32 = 0;
const UNKNOWN: u32 = 1;
const AMBIGUOUS: u32 = 2;
/// Different reasons kept; beyond them the plain one is given.
const REASONS: usize = 1000;

/// Between the reason for an ambiguous name and the rows that it may mean.
const ROWS: &str = " : ";

/// The rows that an ambiguous name may mean, as its reason gives them; `None` for an unknown name.
pub(crate) fn rows_of(reason: &str) -> Option<&str> {
    let (what, rows) = reason.split_once(ROWS).unwrap_or((reason, ""));
    what.ends_with("ambigu").then_some(rows)
}

/// Memory for names that are to be created, of all files of a run together: what a file invents must not fill it.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<AtomicUsize>);

impl Room {
    /// Every commune of the country in a database that has none fits.
    const BYTES: usize = 24 << 20;
    /// What a name takes in all, beside its letters.
    const NAME: usize = 500;
    /// How often its letters are held: by the row and its indexes, by those of the rows stored by then, by the report.
    const COPIES: usize = 8;

    fn take(&self, name: &str) -> bool {
        let bytes = Self::NAME + Self::COPIES * name.len();
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }
}

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(Self::BYTES)))
    }
}

/// The first filled one of several fields.
#[inline]
pub(crate) fn first_filled<'a>(fields: &'a Fields, line: &'a [u8], positions: &[usize]) -> &'a [u8] {
    let filled = |raw: &&[u8]| !raw.trim_ascii().is_empty();
    positions.iter().map(|at| fields.get(line, *at)).find(filled).unwrap_or_default()
}

/// What resolving one name may change.
pub(crate) struct Naming<'a> {
    pub(crate) resolver: &'a mut Arc<Resolver>,
    pub(crate) reasons: &'a mut Vec<String>,
    pub(crate) may_create: bool,
    pub(crate) room: &'a Room,
    /// Names are created without their accents.
    pub(crate) strip: bool,
    pub(crate) created: &'a mut usize,
}

impl Naming<'_> {
    /// Whether this name may be created; it then is.
    pub(crate) fn may_create(&self, name: &str) -> bool {
        self.may_create && self.room.take(name)
    }

    /// Adds a row that is still to be created.
    pub(crate) fn create(&mut self, row: Row) -> Named {
        *self.created += 1;
        let name = if self.strip { without_accents(&row.name) } else { row.name };
        Named::Row(Arc::make_mut(self.resolver).push_row(Row { name, ..row }))
    }

    pub(crate) fn unknown(&self) -> Named {
        Named::Bad(UNKNOWN)
    }

    pub(crate) fn ambiguous(&mut self, names: &[String]) -> Named {
        if self.reasons.len() >= REASONS {
            return Named::Bad(AMBIGUOUS);
        }
        self.reasons.push(format!("{}{ROWS}{}", self.reasons[AMBIGUOUS as usize], names.join(", ")));
        Named::Bad(self.reasons.len() as u32 - 1)
    }
}

/// Resolves a plain name.
pub(crate) fn resolve(naming: &mut Naming<'_>, text: &str, optional: bool) -> Named {
    if text.trim().is_empty() {
        return if optional { Named::Blank } else { Named::Bad(EMPTY) };
    }
    match naming.resolver.resolve(text) {
        Resolution::Found(row) => Named::Row(row),
        Resolution::Unknown => match naming.resolver.creatable(text).filter(|name| naming.may_create(name)) {
            Some(name) => naming.create(Row::to_create(name)),
            None => naming.unknown(),
        },
        Resolution::Ambiguous(names) => naming.ambiguous(&names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_for_invented_names_ends_and_is_shared() {
        let (room, names) = (Room::default(), 35_000);
        let other = room.clone();
        // As many as the country has communes.
        assert!((0..names).all(|_| room.take("SAINT-FLOUR")));
        let more = (0..names).filter(|_| other.take(&"X".repeat(200))).count();
        assert!(more < 3000 && !room.take(&"X".repeat(200)), "{more}");
    }
}
