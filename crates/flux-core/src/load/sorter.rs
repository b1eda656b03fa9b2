//! External sort of small fixed-size records: in memory up to a limit, in one private temporary file beyond it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A row on its way to the database. Ordered by key, then volume, then line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    /// The packed natural key.
    pub(crate) key: u128,
    pub(crate) volume: u32,
    /// Number of its line in the file.
    pub(crate) line: u64,
}

const BYTES: usize = 28;

impl Record {
    fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..16].copy_from_slice(&self.key.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.volume.to_le_bytes());
        bytes[20..].copy_from_slice(&self.line.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; BYTES]) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&bytes[..16]);
        let mut volume = [0; 4];
        volume.copy_from_slice(&bytes[16..20]);
        let mut line = [0; 8];
        line.copy_from_slice(&bytes[20..]);
        Self { key: u128::from_le_bytes(key), volume: u32::from_le_bytes(volume), line: u64::from_le_bytes(line) }
    }
}

/// Takes records in any order.
#[derive(Debug)]
pub(crate) struct Sorter {
    directory: PathBuf,
    limit: usize,
    memory: Vec<Record>,
    spill: Option<File>,
    runs: Vec<(u64, u64)>,
}

impl Sorter {
    /// Keeps at most `limit` records in memory and the others in an unnamed file in `directory`.
    pub(crate) fn new(directory: &Path, limit: usize) -> Self {
        Self {
            directory: directory.to_path_buf(),
            limit: limit.max(1024),
            memory: Vec::new(),
            spill: None,
            runs: Vec::new(),
        }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`Error::Io`] when the temporary file cannot be written.
    #[inline]
    pub(crate) fn push(&mut self, record: Record) -> Result<()> {
        if self.memory.len() >= self.limit {
            self.write_run()?;
        } else if self.memory.capacity() == 0 {
            // At once, for growing would hold two copies; pages count only once they are written to.
            self.memory.reserve_exact(self.limit);
        }
        self.memory.push(record);
        Ok(())
    }

    fn write_run(&mut self) -> Result<()> {
        self.memory.sort_unstable();
        let wrap = || Error::io("écriture du fichier temporaire dans", &self.directory);
        let file = match self.spill.take() {
            Some(file) => file,
            None => tempfile::tempfile_in(&self.directory).map_err(wrap())?,
        };
        let from = self.runs.last().map_or(0, |(from, count)| from + count);
        let mut writer = BufWriter::with_capacity(256 * 1024, &file);
        for record in &self.memory {
            writer.write_all(&record.to_bytes()).map_err(wrap())?;
        }
        writer.flush().map_err(wrap())?;
        drop(writer);
        self.runs.push((from, self.memory.len() as u64));
        self.memory.clear();
        self.spill = Some(file);
        Ok(())
    }

    /// Sorts what was added.
    pub(crate) fn finish(mut self) -> Sorted {
        self.memory.sort_unstable();
        Sorted { directory: self.directory, memory: self.memory, spill: self.spill, runs: self.runs, limit: self.limit }
    }
}

/// Records in order; can be read any number of times.
#[derive(Debug)]
pub(crate) struct Sorted {
    directory: PathBuf,
    memory: Vec<Record>,
    spill: Option<File>,
    runs: Vec<(u64, u64)>,
    limit: usize,
}

impl Sorted {
    /// Gives every record in order.
    ///
    /// # Errors
    /// Those of `take`, and [`Error::Io`] when the temporary file cannot be read.
    pub(crate) fn for_each(&self, take: impl FnMut(Record) -> Result<()>) -> Result<()> {
        self.for_each_in(0..=u128::MAX, take)
    }

    /// Gives every record with a key in `keys`, in order, without reading those before.
    ///
    /// # Errors
    /// As [`Sorted::for_each`].
    pub(crate) fn for_each_in(
        &self,
        keys: RangeInclusive<u128>,
        mut take: impl FnMut(Record) -> Result<()>,
    ) -> Result<()> {
        let from = self.memory.partition_point(|record| record.key < *keys.start());
        let memory = self.memory[from..].iter().copied().take_while(|record| record.key <= *keys.end());
        let Some(file) = &self.spill else {
            return memory.into_iter().try_for_each(take);
        };
        // All runs together may buffer a quarter of what the sorter kept in memory.
        let room = (self.limit / 4 / self.runs.len()).clamp(64, 4096);
        let mut runs: Vec<Run<'_>> = self
            .runs
            .iter()
            .map(|(from, count)| Run { file, next: *from, left: *count, room, buffer: Vec::new(), at: 0 })
            .collect();
        let mut memory = memory;
        let mut heads = BinaryHeap::with_capacity(runs.len() + 1);
        let memory_index = runs.len();
        let wrap = || Error::io("lecture du fichier temporaire dans", &self.directory);
        for (index, run) in runs.iter_mut().enumerate() {
            run.skip_to(*keys.start()).map_err(wrap())?;
            heads.extend(run.next().map_err(wrap())?.map(|record| Reverse((record, index))));
        }
        heads.extend(memory.next().map(|record| Reverse((record, memory_index))));
        while let Some(mut head) = heads.peek_mut() {
            let Reverse((record, index)) = *head;
            if record.key > *keys.end() {
                return Ok(());
            }
            let following = if index == memory_index { memory.next() } else { runs[index].next().map_err(wrap())? };
            match following {
                Some(record) => *head = Reverse((record, index)),
                None => {
                    std::collections::binary_heap::PeekMut::pop(head);
                }
            }
            take(record)?;
        }
        Ok(())
    }
}

/// One sorted stretch of the temporary file.
struct Run<'a> {
    file: &'a File,
    next: u64,
    left: u64,
    room: usize,
    buffer: Vec<u8>,
    at: usize,
}

impl Run<'_> {
    /// Goes to the first record whose key is not below `key`; to be called before the first [`Run::next`].
    fn skip_to(&mut self, key: u128) -> std::io::Result<()> {
        if key == 0 {
            return Ok(());
        }
        let (mut low, mut high) = (0, self.left);
        while low < high {
            let middle = low.midpoint(high);
            let mut bytes = [0; BYTES];
            self.file.read_exact_at(&mut bytes, (self.next + middle) * BYTES as u64)?;
            if Record::from_bytes(&bytes).key < key { low = middle + 1 } else { high = middle }
        }
        self.next += low;
        self.left -= low;
        Ok(())
    }

    fn next(&mut self) -> std::io::Result<Option<Record>> {
        if self.at == self.buffer.len() {
            let count = self.left.min(self.room as u64);
            if count == 0 {
                return Ok(None);
            }
            self.buffer.resize(count as usize * BYTES, 0);
            self.file.read_exact_at(&mut self.buffer, self.next * BYTES as u64)?;
            self.next += count;
            self.left -= count;
            self.at = 0;
        }
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(&self.buffer[self.at..self.at + BYTES]);
        self.at += BYTES;
        Ok(Some(Record::from_bytes(&bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(records: &[Record], limit: usize) -> Vec<Record> {
        let directory = std::env::temp_dir();
        let mut sorter = Sorter { limit, ..Sorter::new(&directory, 0) };
        for record in records {
            sorter.push(*record).unwrap();
        }
        let sorted = sorter.finish();
        let mut found = Vec::new();
        sorted
            .for_each(|record| {
                found.push(record);
                Ok(())
            })
            .unwrap();
        found
    }

    proptest! {
        #[test]
        fn in_memory_or_spilled_the_order_is_the_same(
            keys in prop::collection::vec((0u128..50, 0u32..5), 0..200), limit in 1usize..40
        ) {
            let records: Vec<_> =
                keys.iter().enumerate().map(|(i, (key, volume))| Record { key: key << 90, volume: *volume, line: i as u64 }).collect();
            let mut expected = records.clone();
            expected.sort_by_key(|r| (r.key, r.volume, r.line));
            prop_assert_eq!(sorted(&records, 1_000_000), expected.clone());
            prop_assert_eq!(sorted(&records, limit), expected);
        }

        #[test]
        fn a_range_is_what_a_filter_would_leave(
            keys in prop::collection::vec(0u128..50, 0..200), limit in 1usize..40, from in 0u128..50, length in 0u128..50
        ) {
            let directory = std::env::temp_dir();
            let mut sorter = Sorter { limit, ..Sorter::new(&directory, 0) };
            for (line, key) in keys.iter().enumerate() {
                sorter.push(Record { key: *key, volume: 1, line: line as u64 }).unwrap();
            }
            let mut found = Vec::new();
            sorter.finish().for_each_in(from..=from + length, |record| { found.push(record.key); Ok(()) }).unwrap();
            let mut expected: Vec<u128> = keys.into_iter().filter(|key| (from..=from + length).contains(key)).collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
