//! Text for people, as wide as their terminal.

use std::borrow::Cow;

use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table as Grid, TableStyle, Width,
};

use super::wrap::wrap;
use super::{Done, Finding, Verdict, causes};

/// Whether a character shows nothing of itself and changes what is around it: control characters, breaks of a line, marks that take no room or
/// turn the direction of writing.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// One line without hidden characters: what a name may hold of them would forge a line of a log, move the cursor, colour the terminal or
/// make the name look like another one.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(is_hidden) {
        Cow::Owned(text.trim_end().replace(is_hidden, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A message as wide as the terminal on which stderr is shown, else as `COLUMNS` says, for mails; without either it stays on its line.
pub fn message(text: &str) -> String {
    let line = one_line(text);
    match stderr_width() {
        Some(width) => wrap(&line, width).join("\n"),
        None => line.into_owned(),
    }
}

/// A question on stderr, ready for the answer: behind it, or on a line of its own where the terminal leaves little room.
pub fn question(text: &str) -> String {
    let asked = message(text);
    let last = asked.lines().last().map_or(0, |line| line.chars().count());
    let below = stderr_width().is_some_and(|width| last + ANSWER > width);
    asked + if below { "\n" } else { " " }
}

fn stderr_width() -> Option<usize> {
    let terminal = terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0));
    terminal.or_else(columns).map(|width| width.max(NARROWEST))
}

/// How wide what is no terminal is said to be.
fn columns() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok()
}

/// The same of several lines.
fn plain(text: &str) -> Cow<'_, str> {
    let bad = |c: char| is_hidden(c) && c != '\n';
    if text.contains(bad) { Cow::Owned(text.replace(bad, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// Text for people, as wide as their terminal: first what was done, the verdict and the next step, then the details.
#[derive(Debug)]
pub struct Page {
    /// What was done, in one line.
    subject: String,
    /// Verdicts of the whole and their next steps.
    head: String,
    /// Whether the last thing written was the verdict of the whole, whose next step comes now.
    concluding: bool,
    text: String,
    /// All findings so far, and how many of them stand in the text; below the others nothing stands yet.
    found: Vec<Finding>,
    settled: usize,
    width: usize,
    /// Whether lines are kept to the width, as tables are.
    wraps: bool,
    /// Examples of each cause; the rest is counted.
    examples: usize,
}

impl Page {
    /// As wide as the terminal, else as `COLUMNS` says. Without either, tables take 160 columns and lines stay whole, so that names and
    /// sentences do in logs and mails.
    pub fn for_stdout() -> Self {
        let terminal = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
        match terminal.or_else(columns) {
            Some(width) => Self::new(width),
            None => Self { wraps: false, ..Self::new(160) },
        }
    }

    /// For a log: as where neither is known, with every finding.
    pub fn for_log() -> Self {
        Self { wraps: false, ..Self::new(160) }.exhaustive()
    }

    /// With every finding, where a page for people shows a few of each cause.
    pub fn exhaustive(self) -> Self {
        Self { examples: usize::MAX, ..self }
    }

    /// With a given width.
    pub fn new(width: usize) -> Self {
        Self {
            subject: String::new(),
            head: String::new(),
            concluding: false,
            text: String::new(),
            found: Vec::new(),
            settled: 0,
            width: width.max(NARROWEST),
            wraps: true,
            examples: EXAMPLES,
        }
    }

    /// The text so far, lines ended by `\n`: what was done, the verdict and the next step above all else.
    pub fn text(&self) -> String {
        let mut details = self.text.clone();
        self.write_causes(&mut details);
        let mut head = self.head.clone();
        let told = causes::by_cause(&self.found);
        if head.is_empty() && !told.is_empty() {
            let worst = super::worst(&self.found);
            self.write(&mut head, &format!("{} {}", worst.sign(), causes::summary(&told)));
        }
        if !head.contains('→')
            && let Some(action) = told.iter().find_map(causes::Cause::action)
        {
            self.write(&mut head, &format!("  → {action}"));
        }
        let mut text = String::new();
        let is_long = !head.is_empty() && !details.is_empty();
        if !self.subject.is_empty() && (self.is_simulation() || is_long) {
            self.write(&mut text, self.fitting_subject());
        }
        if head.is_empty() {
            return text + &details;
        }
        let details = details.trim_matches('\n');
        if details.is_empty() { text + &head } else { format!("{text}{head}\n{details}\n") }
    }

    /// Whether everything is wanted.
    pub fn is_exhaustive(&self) -> bool {
        self.examples == usize::MAX
    }

    /// Places that are named of each message: where lines stay whole, all of them go into one.
    fn places(&self) -> usize {
        if self.wraps && !self.is_exhaustive() { causes::PLACES } else { usize::MAX }
    }

    /// That nothing was written is said of the shortest report too.
    fn is_simulation(&self) -> bool {
        self.subject == Done::SIMULATION
    }

    /// What was done, without the details that would not fit on one line.
    fn fitting_subject(&self) -> &str {
        let fits = |text: &str| text.chars().count() <= self.width;
        if !self.wraps || fits(&self.subject) {
            return &self.subject;
        }
        let name = self.subject.find(" : ").map_or(0, |at| at + 1);
        let ends = self.subject.rmatch_indices([':', ';']).map(|(at, _)| self.subject[..at].trim_end());
        ends.filter(|text| text.len() > name).find(|text| fits(text)).unwrap_or(&self.subject)
    }

    /// What the report is about; shown where it has a verdict and details.
    pub(super) fn subject(&mut self, subject: &str) {
        subject.clone_into(&mut self.subject);
    }

    /// Writes a line, wrapped between words where it is too wide; control characters, which a terminal would obey, are shown.
    pub fn line(&mut self, line: impl AsRef<str>) {
        self.settle();
        let mut text = std::mem::take(&mut self.text);
        self.write(&mut text, line.as_ref());
        self.text = text;
    }

    fn write(&self, text: &mut String, line: &str) {
        let line = one_line(line);
        let parts = if self.wraps { wrap(&line, self.width) } else { vec![plain(&line).into_owned()] };
        for part in parts {
            text.push_str(&part);
            text.push('\n');
        }
    }

    /// Puts the findings that wait below what stands there.
    fn settle(&mut self) {
        self.concluding = false;
        let mut text = std::mem::take(&mut self.text);
        self.write_causes(&mut text);
        self.text = text;
        self.settled = self.found.len();
    }

    fn write_causes(&self, text: &mut String) {
        for cause in causes::by_cause(&self.found[self.settled..]) {
            cause.lines(self.examples, self.places()).iter().for_each(|line| self.write(text, line));
        }
    }

    /// A line that stays as it is, for programs.
    pub fn verbatim(&mut self, line: impl AsRef<str>) {
        self.settle();
        self.text.push_str(&plain(line.as_ref()));
        self.text.push('\n');
    }

    /// Leaves one empty line, unless there is one or nothing stands above.
    pub fn gap(&mut self) {
        self.settle();
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Writes a heading, an empty line above it.
    pub fn title(&mut self, title: &str) {
        self.gap();
        self.line(title);
    }

    /// ✓, ⚠ or ✗ and a line.
    pub fn verdict(&mut self, verdict: Verdict, line: impl AsRef<str>) {
        self.line(format!("{} {}", verdict.sign(), line.as_ref()));
    }

    /// The verdict of the whole: it stands above everything else, with the next step that is written behind it.
    pub fn conclude(&mut self, verdict: Verdict, line: impl AsRef<str>) {
        self.settle();
        let mut head = std::mem::take(&mut self.head);
        self.write(&mut head, &format!("{} {}", verdict.sign(), line.as_ref()));
        self.head = head;
        self.concluding = true;
    }

    /// A finding, with its next step: those that follow each other are told by cause.
    pub fn finding(&mut self, finding: &Finding) {
        self.concluding = false;
        self.found.push(finding.clone());
    }

    /// What was found about the line above, by cause.
    pub fn findings_below(&mut self, findings: &[Finding]) {
        for cause in causes::by_cause(findings) {
            cause.lines(self.examples, self.places()).iter().for_each(|line| self.line(format!("    {line}")));
        }
    }

    /// How to go on from the plan of a tool that destroys, `before` being what is worth doing first.
    pub fn confirm(&mut self, before: Option<&str>) {
        let first = before.map_or_else(String::new, |before| format!("{before}, puis "));
        self.action(&format!("{first}relancez avec --yes"));
    }

    /// What to do next.
    pub fn action(&mut self, action: &str) {
        if self.concluding {
            let mut head = std::mem::take(&mut self.head);
            self.write(&mut head, &format!("  → {action}"));
            self.head = head;
        } else {
            self.line(format!("  → {action}"));
        }
    }

    /// A table. Where it is too wide, columns that say nothing (0 or – in every row) are left out, then those that the table can do
    /// without, before anything wraps; where not even that is enough, each row is told by itself. No word is ever cut.
    pub fn table(&mut self, table: &Table) {
        let mut shown: Vec<usize> = (0..table.head.len()).collect();
        while table.width(&shown, WIDE) > self.width {
            let nothing = shown.iter().rposition(|column| table.says_nothing(*column));
            let spare = |level: u8| shown.iter().position(|column| table.head[*column].spare == level);
            match nothing.or_else(|| spare(2)).or_else(|| spare(1)) {
                Some(at) => shown.remove(at),
                None => break,
            };
        }
        let fits = |padding: &u16| table.least(&shown, *padding, self.width) <= self.width;
        match [WIDE, NARROW].into_iter().find(fits) {
            Some(padding) => self.verbatim(table.grid(&shown, padding, self.width).trim_fmt().replace(GLUE, " ")),
            None => self.row_by_row(table),
        }
    }

    /// What each row is about, and below it all that it says.
    fn row_by_row(&mut self, table: &Table) {
        let told: Vec<usize> = (1..table.head.len()).filter(|column| !table.says_nothing(*column)).collect();
        for row in &table.rows {
            self.line(format!(" {}", row.first().map_or("", String::as_str)));
            let cells = told.iter().filter_map(|column| Some((&table.head[*column].title, row.get(*column)?)));
            // A chart has no title, and only repeats a number.
            let cells = cells.filter(|(title, cell)| !title.is_empty() && !cell.is_empty());
            let cells: Vec<String> = cells.map(|(title, cell)| format!("{title} {cell}")).collect();
            if !cells.is_empty() {
                self.line(format!("   {}", cells.join(", ")));
            }
        }
    }
}

/// Between a sign and its word, while a table is laid out.
const GLUE: &str = "\u{a0}";

/// Longest state, as `✓ remise en place`.
const STATE: usize = 18;

/// Blanks of a cell, on both sides or before it.
const WIDE: u16 = 2;
const NARROW: u16 = 1;

/// Room for an answer, the blank before it included.
const ANSWER: usize = 20;

/// Narrower terminals break what they are given by themselves.
const NARROWEST: usize = 40;

/// Examples of each cause, where not every finding is wanted.
const EXAMPLES: usize = 3;

/// One rule under the header, nothing else.
const RULED: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

#[derive(Debug)]
struct Column {
    title: String,
    right: bool,
    /// How readily it is left out: 0 never.
    spare: u8,
}

/// A table for people.
#[derive(Debug)]
pub struct Table {
    head: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Column titles; those that begin with `>` hold numbers and stand to the right; a `?`, after it, marks those that may be left
    /// out where the terminal is narrow, the first of them first, and those with `??` before all others.
    pub fn new(titles: &[&str]) -> Self {
        let column = |title: &&str| {
            let (right, rest) = title.strip_prefix('>').map_or((false, *title), |rest| (true, rest));
            let title = rest.trim_start_matches('?');
            // A chart, which has no title, only repeats a number.
            let spare = if title.is_empty() { 1 } else { (rest.len() - title.len()).min(2) as u8 };
            Column { title: title.to_owned(), right, spare }
        };
        Self { head: titles.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row, one cell for each title.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| one_line(&cell).into_owned()).collect());
    }

    /// Columns that the table takes when nothing wraps, with the blanks of each cell and one between two.
    fn width(&self, shown: &[usize], padding: u16) -> usize {
        Self::sum(shown.iter().map(|column| self.widest(*column)), padding)
    }

    fn sum(columns: impl ExactSizeIterator<Item = usize>, padding: u16) -> usize {
        let (count, padding) = (columns.len(), usize::from(padding));
        columns.map(|width| width + padding).sum::<usize>() + count.saturating_sub(1)
    }

    fn widest(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(self.head[column].title.chars().count())
    }

    /// Columns that the table takes when every cell that may wrap does.
    fn least(&self, shown: &[usize], padding: u16, most: usize) -> usize {
        let least = |(index, column): (usize, &usize)| match self.stays_whole(index, shown, most) {
            true => self.widest(*column),
            false => self.longest_word(*column),
        };
        Self::sum(shown.iter().enumerate().map(least), padding)
    }

    /// What a row is about stays in one piece, and so do numbers; the others wrap.
    fn stays_whole(&self, index: usize, shown: &[usize], most: usize) -> bool {
        let subject = index == 0 && shown.len() > 1 && self.width(&shown[..1], WIDE) <= most / 2;
        subject || self.head[shown[index]].right
    }

    /// Laid out in at most `most` columns.
    fn grid(&self, shown: &[usize], padding: u16, most: usize) -> Grid {
        let mut grid = Grid::new();
        grid.load_style(RULED);
        grid.set_content_arrangement(ContentArrangement::Dynamic);
        grid.set_width(u16::try_from(most).unwrap_or(u16::MAX));
        grid.set_header(shown.iter().map(|column| self.head[*column].title.as_str()));
        for row in &self.rows {
            grid.add_row(shown.iter().map(|column| Cell::new(glued(row.get(*column).map_or("", String::as_str)))));
        }
        for (index, column) in shown.iter().enumerate() {
            let whole = self.stays_whole(index, shown, most);
            let word = u16::try_from(self.longest_word(*column)).unwrap_or(u16::MAX);
            let Some(cells) = grid.column_mut(index) else { continue };
            cells.set_padding((1, padding - 1));
            cells.set_constraint(match whole {
                true => ColumnConstraint::ContentWidth,
                false => ColumnConstraint::LowerBoundary(Width::Fixed(word.saturating_add(padding))),
            });
            if self.head[*column].right {
                cells.set_cell_alignment(CellAlignment::Right);
            }
        }
        grid
    }

    fn longest_word(&self, column: usize) -> usize {
        let texts = self.rows.iter().filter_map(|row| row.get(column)).chain([&self.head[column].title]);
        let longest = |text: &String| glued(text).split(' ').map(|word| word.chars().count()).max();
        texts.filter_map(longest).max().unwrap_or(0)
    }

    fn says_nothing(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| row.get(column));
        self.head[column].right && cells.all(|cell| cell == "0" || cell == "–")
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// A state, a sign with a few words, stays in one piece; a sign before more stays with the first of them.
fn glued(cell: &str) -> String {
    let parts = if cell.chars().count() <= STATE { usize::MAX } else { 1 };
    if ["✓ ", "⚠ ", "✗ "].iter().any(|sign| cell.starts_with(sign)) {
        cell.replacen(' ', GLUE, parts)
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number;

    #[test]
    fn a_table_keeps_to_the_width() {
        let mut table = Table::new(&["fichier", ">lignes"]);
        table.row([
            "frequentation_nuitee_fr.csv et un texte bien long qui doit passer à la ligne".into(),
            number(1234u64),
        ]);
        let mut page = Page::new(40);
        page.table(&table);
        assert!(page.text().lines().all(|line| line.chars().count() <= 40), "{}", page.text());
        assert!(page.text().contains("1 234"));
    }

    #[test]
    fn columns_that_can_be_done_without_give_way_before_names_wrap() {
        let mut table = Table::new(&["fichier", ">?taille", "?écrit le", ">lignes"]);
        let cells = ["frequentation_nuitee", "12,3 Mio", "2025-07-07 06:30", "12"];
        table.row(cells.map(str::to_owned));
        let mut page = Page::new(50);
        page.table(&table);
        // 22 + 10 + 18 + 8 and three between = 61; without the size 50.
        assert!(!page.text().contains("taille") && page.text().contains("2025-07-07 06:30"), "{}", page.text());
        let mut page = Page::new(40);
        page.table(&table);
        assert!(page.text().contains("frequentation_nuitee") && !page.text().contains("2025"), "{}", page.text());
    }

    #[test]
    fn a_table_that_fits_nowhere_is_told_row_by_row_and_no_word_is_cut() {
        let mut table = Table::new(&["table", ">lignes", ">rejets", "gardée sous"]);
        let kept = "fact_sejours_duree_departements__avant";
        table.row(["fact_sejours_duree_departements", "1 234", "0", kept].map(str::to_owned));
        let mut page = Page::new(60);
        page.table(&table);
        let expected = format!(" fact_sejours_duree_departements\n   lignes 1 234, gardée sous\n   {kept}\n");
        assert_eq!(page.text(), expected);
        // 31 + 6 + 38 with one blank before each and one between two: 80.
        let mut page = Page::new(80);
        page.table(&table);
        let text = page.text();
        assert!(text.lines().count() == 3 && text.contains(kept), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let mut page = Page::new(80);
        page.line("a\u{1b}[31mb\nc\r");
        page.line("evil\u{202e}gpj.zip\u{2028}✓ 1\u{202f}234 été");
        assert_eq!(page.text(), "a\u{fffd}[31mb\u{fffd}c\nevil\u{fffd}gpj.zip\u{fffd}✓ 1\u{202f}234 été\n");
    }

    #[test]
    fn columns_of_zeros_give_way_first() {
        let mut table = Table::new(&["fichier", ">lues", ">rejets", ">doublons enregistrés"]);
        table.row(["frequentation_nuitee".into(), "12".into(), "3".into(), "0".into()]);
        let mut wide = Page::new(80);
        wide.table(&table);
        assert!(wide.text().contains("doublons"));
        let mut narrow = Page::new(50);
        narrow.table(&table);
        assert!(!narrow.text().contains("doublons") && narrow.text().contains("rejets"), "{}", narrow.text());
        assert!(narrow.text().contains("frequentation_nuitee"), "{}", narrow.text());
    }
}
