//! A target that stores nothing: the rows of a weekly file, read by the first stage of the engine, for those who hold them against
//! what is stored.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::csv::Source;
use crate::domain::catalogue::{Dataset, Dim};
use crate::domain::names::Resolver;
use crate::domain::values::{DateOrder, Day};
use crate::error::{Error, Result};
use crate::ledger::history::Counts;
use crate::load::mapper::{Mapper, Reading, required};
use crate::load::naming::Room;
use crate::load::options::OnConflict;
use crate::load::read::sort_unhashed;
use crate::load::rejects::Rejects;
use crate::load::sorter::{Record, Sorted, Sorter};
use crate::load::tally::{Tally, for_each_group};

/// Memory of the sorter, in bytes.
const SORT_MEMORY: usize = 20 << 20;

/// The rows of a file, in the order of their keys.
#[derive(Debug)]
pub(crate) struct Kept {
    mapper: Mapper,
    ids: Vec<Option<Vec<u32>>>,
    sorted: Sorted,
    /// Hash of the bytes read.
    pub(crate) hash: blake3::Hash,
    /// Lines that are no rows.
    pub(crate) rejected: u64,
}

impl Kept {
    /// Reads a file with the dimensions that `load` gives. No name is created, and no date is too late: it was for the import to say so.
    pub(crate) fn read(
        path: &Path,
        dataset: &Dataset,
        scratch: &Path,
        mut load: impl FnMut(Dim, bool) -> Result<Arc<Resolver>>,
    ) -> Result<Self> {
        let kept = Self::read_in(DateOrder::default(), path, dataset, scratch, &mut load)?;
        match kept.mapper.orders().order().map_err(Error::BadFile)? {
            DateOrder::DayFirst => Ok(kept),
            order @ DateOrder::MonthFirst => Self::read_in(order, path, dataset, scratch, &mut load),
        }
    }

    fn read_in(
        order: DateOrder,
        path: &Path,
        dataset: &Dataset,
        scratch: &Path,
        load: &mut impl FnMut(Dim, bool) -> Result<Arc<Resolver>>,
    ) -> Result<Self> {
        let source = Source::open(path, &required(dataset))?;
        let (create, room) = (BTreeSet::new(), Room::default());
        let (year, latest, strip_accents) = (None, None, false);
        let reading = Reading { raw: false, create: &create, year, latest, order, strip_accents, room: &room };
        let mut mapper = Mapper::new(dataset, &source.header, reading, load)?;
        let mut rejects = Rejects::new("", None);
        let sorter = Sorter::new(scratch, SORT_MEMORY / size_of::<Record>());
        let (read, hash) = sort_unhashed(source, &mut mapper, &mut rejects, sorter, &mut Counts::default())?;
        let ids = mapper.ids(&[]);
        Ok(Self { mapper, ids, sorted: read.sorted, hash, rejected: rejects.count })
    }

    /// The days of its rows, in order.
    pub(crate) fn days(&self, policy: OnConflict) -> Result<Vec<Day>> {
        let tally = Tally::of(&self.sorted, self.mapper.layout(), policy)?;
        Ok(tally.slices.keys().map(|slice| self.mapper.layout().day(*slice)).collect())
    }

    /// Gives the ids of each key of a day, the volume that `policy` stores for it (`None` for none), and how many lines it has.
    pub(crate) fn for_each_row(
        &self,
        day: Day,
        policy: OnConflict,
        mut take: impl FnMut(&[u32], Option<u32>, u64),
    ) -> Result<()> {
        let layout = self.mapper.layout();
        let slice = layout.slice_of(day, 0);
        let mut values = vec![0u32; self.ids.len()];
        for_each_group(&self.sorted, layout.keys(slice, slice), |group| {
            layout.unpack(group.key, &mut values);
            for (value, ids) in values.iter_mut().zip(&self.ids) {
                if let Some(ids) = ids {
                    *value = ids[*value as usize];
                }
            }
            take(&values, group.volume(policy)?, group.lines);
            Ok(())
        })
    }
}
