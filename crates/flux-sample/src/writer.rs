//! The lines of one file, sound ones and those that a defect asks for.

use std::io;

use crate::rows::{Row, Slice};
use crate::sink::Sink;
use crate::template::Template;

/// A file being written, with the running totals of its sound rows.
pub(super) struct Writer<'a> {
    pub(super) template: Template<'a>,
    sink: Sink,
    prefix: String,
    /// The slice that `prefix` belongs to.
    current: Option<(usize, usize, usize, &'static str)>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(template: Template<'a>, sink: Sink) -> Self {
        Self { template, sink, prefix: String::new(), current: None }
    }

    pub(super) fn into_sink(self) -> Sink {
        self.sink
    }

    /// Number of the next line, the header being 1.
    pub(super) fn next_line(&self) -> u64 {
        self.sink.lines() + 1
    }

    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        self.sink.line(line)
    }

    pub(super) fn foreign_line(&mut self, line: &str) -> io::Result<()> {
        self.sink.foreign_line(line)
    }

    /// A row as it should be.
    pub(super) fn sound(&mut self, slice: &Slice, row: &Row) -> io::Result<()> {
        let key = (slice.day, slice.zone, slice.provenance, slice.categorie.nom);
        if self.current != Some(key) {
            self.prefix = self.template.prefix(slice);
            self.current = Some(key);
        }
        self.template.push_line(self.sink.text(), &self.prefix, row);
        self.sink.end_line()
    }
}
