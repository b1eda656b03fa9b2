//! How a name of a CSV meets a row of a dimension: four steps, the first that finds exactly one row wins, nothing is guessed.
//!
//! Source: `domain.md` §3. The rows come from the database, the equivalences from the reference data.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use crate::domain::catalogue::Dim;
use crate::domain::communes;
use crate::domain::reference;
pub(crate) use crate::domain::spelling::saint;

pub use crate::domain::spelling::fold;
pub(crate) use crate::domain::spelling::{alphabetical, nights, normalise, without_accents};

/// Names longer than the column of any dimension are unknown without a further look.
const MAX_NAME: usize = 255;

/// What a name resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// Exactly one row, by its position in [`Resolver::rows`].
    Found(u32),
    Unknown,
    /// Several rows; at most five of their names, for the message.
    Ambiguous(Vec<String>),
}

/// One row of a dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its id in the database; `None` while the row is still to be created.
    pub id: Option<u32>,
    /// Its name as stored.
    pub name: String,
    /// For communes: code of the département, where known.
    pub departement: Option<String>,
    /// For communes: id of the EPCI, 0 where not known.
    pub epci: u32,
    /// For communes: INSEE code, where known.
    pub insee: Option<String>,
}

impl Row {
    /// A row that is still to be created.
    pub(crate) fn to_create(name: String) -> Self {
        Self { id: None, name, departement: None, epci: 0, insee: None }
    }

    /// A row of a dimension that is not `dim_communes`.
    pub(crate) fn new(id: u32, name: impl Into<String>) -> Self {
        Self { id: Some(id), name: name.into(), departement: None, epci: 0, insee: None }
    }
}

/// Where the observatory is: decides between communes of the same name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Locality {
    /// Code of its own département.
    pub own: String,
    /// Codes of the neighbouring ones.
    pub neighbours: Vec<String>,
}

/// Names of one group: the first is the preferred one.
pub(crate) type Group = Vec<String>;

/// Rows that a normalised name leads to.
#[derive(Debug, Clone)]
enum Hits {
    One(u32),
    Many(Vec<u32>),
}

impl Hits {
    fn add(&mut self, row: u32) {
        match self {
            Hits::One(other) if *other == row => {}
            Hits::One(other) => *self = Hits::Many(vec![*other, row]),
            Hits::Many(rows) if rows.contains(&row) => {}
            Hits::Many(rows) => rows.push(row),
        }
    }

    fn rows(&self) -> &[u32] {
        match self {
            Hits::One(row) => std::slice::from_ref(row),
            Hits::Many(rows) => rows,
        }
    }
}

type Index = Map<Hits>;

/// Seeded at random: names of a hostile file cannot prepare collisions.
type Map<T> = HashMap<Box<str>, T, foldhash::fast::RandomState>;

fn add(index: &mut Index, name: String, row: u32) {
    index.entry(name.into_boxed_str()).and_modify(|hits| hits.add(row)).or_insert(Hits::One(row));
}

/// Resolves names against the rows of one dimension.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    dim: Dim,
    rows: Vec<Row>,
    locality: Locality,
    groups: Vec<Group>,
    /// For communes: by INSEE code.
    codes: Map<u32>,
    /// Step 1: upper case.
    exact: Index,
    equivalent: Index,
    /// Step 3: accents, hyphens, apostrophes and spaces folded away.
    folded: Index,
    digest: OnceLock<u128>,
}

/// Hash of one stored row of a dimension.
pub(crate) fn digest_of(id: u32, row: &Row) -> u128 {
    digest(&[&id.to_le_bytes(), row.name.as_bytes(), row.insee.as_deref().unwrap_or_default().as_bytes()])
}

fn digest(parts: &[&[u8]]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&part.len().to_le_bytes()).update(part);
    }
    let hash = hasher.finalize();
    let (half, _) = hash.as_bytes().split_at(16);
    half.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

impl Resolver {
    /// Prepares `rows` (sorted by id by the caller) with the equivalences of `groups`.
    pub(crate) fn new(dim: Dim, rows: Vec<Row>, groups: &[Group], locality: Locality) -> Self {
        let code = |(row, index): (&Row, u32)| Some((row.insee.as_deref()?.into(), index));
        let codes = rows.iter().zip(0..).filter_map(code).collect();
        let index = || Index::with_capacity_and_hasher(rows.len(), <_>::default());
        let (exact, folded) = (index(), index());
        let mut resolver = Self {
            dim,
            rows,
            locality,
            groups: groups.to_vec(),
            codes,
            exact,
            equivalent: Index::default(),
            folded,
            digest: OnceLock::new(),
        };
        let group_of_name: HashMap<String, usize> = groups
            .iter()
            .enumerate()
            .flat_map(|(index, group)| group.iter().map(move |name| (fold(&normalise(dim, name)), index)))
            .collect();
        let mut members: HashMap<usize, Vec<u32>> = HashMap::new();
        for index in 0..resolver.rows.len() as u32 {
            let name = normalise(dim, &resolver.rows[index as usize].name);
            let group = if groups.is_empty() { None } else { group_of_name.get(&fold(&name)) };
            match group {
                Some(group) => members.entry(*group).or_default().push(index),
                None => resolver.insert(&name, index),
            }
            resolver.insert_names_of_code(index);
        }
        for (group, rows) in members {
            resolver.insert_group(&groups[group], &rows);
        }
        resolver
    }

    /// Where several members of a group are stored, all names lead to the one that the group names first.
    fn insert_group(&mut self, group: &Group, rows: &[u32]) {
        let dim = self.dim;
        let rank = |row: u32| {
            let name = normalise(dim, &self.rows[row as usize].name);
            let exact = group.iter().position(|member| normalise(dim, member) == name);
            let folded = group.iter().position(|member| fold(&normalise(dim, member)) == fold(&name));
            (exact.or(folded).unwrap_or(usize::MAX), row)
        };
        let Some(best) = rows.iter().copied().min_by_key(|row| rank(*row)) else { return };
        for row in rows {
            let name = normalise(dim, &self.rows[*row as usize].name);
            self.insert(&name, best);
        }
        for member in group {
            let name = normalise(dim, member);
            add(&mut self.folded, fold(&name), best);
            if !self.exact.contains_key(name.as_str()) {
                add(&mut self.equivalent, name, best);
            }
        }
    }

    /// A commune answers to the names that its code bears and bore, whatever name is stored.
    fn insert_names_of_code(&mut self, row: u32) {
        let code = self.rows[row as usize].insee.clone();
        for name in code.iter().flat_map(|code| communes::names_of(code)) {
            let name = normalise(self.dim, name);
            // Most are stored under the name of their code.
            if self.exact.get(name.as_str()).is_none_or(|hits| !hits.rows().contains(&row)) {
                add(&mut self.folded, communes::key(&name), row);
            }
        }
    }

    fn insert(&mut self, name: &str, row: u32) {
        // An older base may hold communes of which it knows the code only.
        if name.is_empty() {
            return;
        }
        add(&mut self.exact, name.to_owned(), row);
        let equivalent = self.equivalent_of(name);
        add(&mut self.folded, fold(equivalent.as_deref().unwrap_or(name)), row);
        if let Some(equivalent) = equivalent {
            add(&mut self.equivalent, equivalent, row);
        }
    }

    /// The rule-based equivalence of communes; the others are groups.
    fn equivalent_of(&self, name: &str) -> Option<String> {
        if self.dim == Dim::Commune { saint(name) } else { None }
    }

    /// Hash of all that decides what a name leads to: the sum of [`digest_of`] over the stored rows, the same in any order, to which
    /// rows that are created later add, with the equivalences and the place of the observatory.
    pub(crate) fn digest(&self) -> u128 {
        *self.digest.get_or_init(|| {
            let stored = self.rows.iter().filter_map(|row| Some(digest_of(row.id?, row)));
            let groups = self.groups.iter().flatten().map(|name| digest(&[name.as_bytes()]));
            let own = digest(&[self.locality.own.as_bytes()]);
            let orange = if self.dim == Dim::Commune { communes::orange() } else { &[] };
            let orange = orange.iter().map(|commune| digest(&[commune.code_insee.as_bytes(), commune.nom.as_bytes()]));
            stored.chain(groups).chain(orange).fold(own, u128::wrapping_add)
        })
    }

    /// All rows, those still to be created last.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Resolves one name as a CSV writes it.
    pub(crate) fn resolve(&self, raw: &str) -> Resolution {
        self.choose(&self.hits(raw), raw)
    }

    /// Whether the name may stand for the row.
    pub(crate) fn answers_to(&self, row: u32, name: &str) -> bool {
        self.hits(name).contains(&row)
    }

    /// The rows that the first successful step finds.
    fn hits(&self, raw: &str) -> Cow<'_, [u32]> {
        if raw.len() > 4 * MAX_NAME {
            return Cow::Borrowed(&[]);
        }
        let name = normalise(self.dim, raw);
        if name.is_empty() || name.chars().count() > MAX_NAME {
            return Cow::Borrowed(&[]);
        }
        // Where a commune lies counts before the step that finds it: see `choose_commune`.
        let exact = if self.dim == Dim::Commune { None } else { self.exact.get(name.as_str()) };
        if let Some(hits) = exact {
            return Cow::Borrowed(hits.rows());
        }
        let name = self.equivalent_of(&name).unwrap_or(name);
        let equivalent = || self.equivalent.get(name.as_str()).or_else(|| self.exact.get(name.as_str()));
        if let Some(hits) = if self.dim == Dim::Commune { None } else { equivalent() } {
            return Cow::Borrowed(hits.rows());
        }
        let folded = fold(&name);
        if let Some(hits) = self.folded.get(folded.as_str()) {
            return Cow::Borrowed(hits.rows());
        }
        Cow::Owned(if is_damaged(&folded) { self.matching(&folded) } else { Vec::new() })
    }

    /// Resolves a commune by what a raw export says of it: the INSEE code decides where it is known; a stored row of that name
    /// without a code is the same commune unless their départements differ; without a code the name decides, within the
    /// département where one is given.
    pub(crate) fn resolve_commune(&self, insee: Option<&str>, name: &str, departement: Option<&str>) -> Resolution {
        if let Some(row) = insee.and_then(|code| self.codes.get(code)) {
            return Resolution::Found(*row);
        }
        let hits = self.hits(name);
        let row_of = |row: &u32| &self.rows[*row as usize];
        let possible = |row: &&u32| {
            let row = row_of(row);
            let same_code = insee.is_none() || row.insee.is_none();
            let same_departement =
                departement.is_none() || row.departement.is_none() || row.departement.as_deref() == departement;
            same_code && same_departement
        };
        let rows: Vec<u32> = hits.iter().filter(possible).copied().collect();
        let certain: Vec<u32> = rows
            .iter()
            .filter(|row| departement.is_some() && row_of(row).departement.as_deref() == departement)
            .copied()
            .collect();
        // Where the file says which commune it means, its namesakes do not matter.
        if insee.is_some() || departement.is_some() {
            let rows = if certain.is_empty() { rows } else { certain };
            return match self.best(&rows, &normalise(self.dim, name)).as_slice() {
                [] => Resolution::Unknown,
                [row] => Resolution::Found(*row),
                several => self.ambiguous(several),
            };
        }
        self.choose(&rows, name)
    }

    /// Rows whose folded name matches a damaged one.
    fn matching(&self, folded: &str) -> Vec<u32> {
        let pattern: Vec<char> = folded.chars().collect();
        // A name that is mostly damage says nothing.
        let letters = pattern.iter().filter(|c| !is_damage(**c)).count();
        if letters == 0 {
            return Vec::new();
        }
        let mut rows = Vec::new();
        for (name, hits) in &self.folded {
            let length = name.chars().count();
            if length >= letters && length <= 2 * pattern.len() - letters && matches(&pattern, name) {
                rows.extend_from_slice(hits.rows());
            }
        }
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    fn choose(&self, rows: &[u32], raw: &str) -> Resolution {
        match rows {
            [] => Resolution::Unknown,
            _ if self.dim == Dim::Commune => self.choose_commune(rows, raw),
            [row] => Resolution::Found(*row),
            _ => self.ambiguous(rows),
        }
    }

    /// The observatory's own département decides, then the only one of its neighbours; a commune farther away is taken only where no other
    /// one of the country bears the name, or ever did.
    fn choose_commune(&self, rows: &[u32], raw: &str) -> Resolution {
        let name = normalise(self.dim, raw);
        let key = communes::key(&name);
        let Locality { own, neighbours } = &self.locality;
        let within = |codes: &[String]| {
            let lies =
                |row: &&u32| self.rows[**row as usize].departement.as_ref().is_some_and(|code| codes.contains(code));
            self.best(&rows.iter().filter(lies).copied().collect::<Vec<_>>(), &name)
        };
        match within(std::slice::from_ref(own)).as_slice() {
            // The base lacks the commune that is meant; its namesakes are others.
            [] if communes::is_borne_in(&key, own) => return Resolution::Unknown,
            [] => {}
            [row] => return Resolution::Found(*row),
            several => return self.ambiguous(several),
        }
        match within(neighbours).as_slice() {
            [] => {}
            [row] if self.has_twin_beside(*row, &key) => return Resolution::Unknown,
            [row] => return Resolution::Found(*row),
            several => return self.ambiguous(several),
        }
        match self.best(rows, &name).as_slice() {
            [row] if self.is_alone(*row, &key) => Resolution::Found(*row),
            rows => self.ambiguous(rows),
        }
    }

    /// Whether another neighbouring département has a commune of that name, which the base lacks, so that nothing says which one is meant. A
    /// former name of it counts only where it is one of this commune as well.
    fn has_twin_beside(&self, row: u32, key: &str) -> bool {
        let Row { departement: Some(here), insee: Some(code), .. } = &self.rows[row as usize] else { return false };
        let is_named = |code: &str| communes::name_of(code).is_some_and(|name| communes::key(name) == key);
        let is_other = |code: &&&str| {
            let departement = reference::departement_of_insee(code);
            let is_beside = departement != here && self.locality.neighbours.iter().any(|known| known == departement);
            is_beside && !self.codes.contains_key(**code)
        };
        let by_former_name = !is_named(code);
        communes::bearers(key).iter().filter(is_other).any(|code| by_former_name || is_named(code))
    }

    /// Whether no other commune of the country bears the name. A row that says neither code nor département is taken as it is.
    fn is_alone(&self, row: u32, key: &str) -> bool {
        let row = &self.rows[row as usize];
        row.departement.is_none() || {
            let today = row.insee.as_deref().map(communes::today);
            communes::bearers(key).iter().all(|code| Some(communes::today(code)) == today)
        }
    }

    /// Of communes equally near: those of just that name before those whose code bears it, these before those that only fold to it;
    /// then, within a département, the living before those that are gone.
    fn best(&self, rows: &[u32], name: &str) -> Vec<u32> {
        if rows.len() < 2 {
            return rows.to_vec();
        }
        let long = self.equivalent_of(name);
        let long = long.as_deref().unwrap_or(name);
        let row_of = |row: &u32| &self.rows[*row as usize];
        let step = |row: &u32| {
            let row = row_of(row);
            let stored = normalise(self.dim, &row.name);
            let mut names = row.insee.iter().flat_map(|code| communes::names_of(code));
            if stored == name {
                0
            } else if stored == long || names.any(|other| normalise(self.dim, other) == long) {
                1
            } else {
                2
            }
        };
        let Some(best) = rows.iter().map(step).min() else { return Vec::new() };
        let mut rows: Vec<u32> = rows.iter().filter(|row| step(row) == best).copied().collect();
        let is_gone = |row: &u32| row_of(row).insee.as_deref().is_some_and(communes::is_gone);
        let living: Vec<&Option<String>> =
            rows.iter().filter(|row| !is_gone(row)).map(|row| &row_of(row).departement).collect();
        rows.retain(|row| !is_gone(row) || !living.contains(&&row_of(row).departement));
        rows
    }

    /// Département of a commune that is neither in the observatory's own nor in a neighbouring one.
    pub(crate) fn far(&self, row: u32) -> Option<&str> {
        let departement = self.rows[row as usize].departement.as_ref()?;
        let near = departement == &self.locality.own || self.locality.neighbours.contains(departement);
        (!near).then_some(departement)
    }

    fn ambiguous(&self, rows: &[u32]) -> Resolution {
        let describe = |row: &u32| {
            let row = &self.rows[*row as usize];
            match &row.departement {
                Some(code) => format!("{} ({code})", row.name),
                None => row.name.clone(),
            }
        };
        Resolution::Ambiguous(rows.iter().take(5).map(describe).collect())
    }

    /// The name under which an unknown name would be created: upper case with its accents. `None` for a name that must not be
    /// created: empty, damaged, too long for its column, or (stays) without a number of nights.
    pub(crate) fn creatable(&self, raw: &str) -> Option<String> {
        let name = normalise(self.dim, raw);
        let limit = if self.dim == Dim::Duree { 50 } else { MAX_NAME };
        let fits = !name.is_empty() && name.chars().count() <= limit && !is_damaged(&name);
        let printable = !name.chars().any(char::is_control);
        (fits && printable && (self.dim != Dim::Duree || nights(&name).is_some())).then_some(name)
    }

    /// Adds a row, with the equivalents of its name; returns its position.
    pub(crate) fn push_row(&mut self, row: Row) -> u32 {
        let index = self.rows.len() as u32;
        let name = normalise(self.dim, &row.name);
        if let Some(code) = &row.insee {
            self.codes.insert(code.as_str().into(), index);
        }
        if row.id.is_some() {
            self.digest.take();
        }
        self.rows.push(row);
        let folded = fold(&name);
        let group = self.groups.iter().find(|group| group.iter().any(|m| fold(&normalise(self.dim, m)) == folded));
        match group.cloned() {
            Some(group) => self.insert_group(&group, &[index]),
            None => self.insert(&name, index),
        }
        self.insert_names_of_code(index);
        index
    }

    /// Gives communes the EPCIs under which they are stored, by the id of the commune.
    pub(crate) fn set_epcis(&mut self, epcis: &HashMap<u32, u32>) {
        for row in &mut self.rows {
            if let Some(epci) = row.id.and_then(|id| epcis.get(&id)) {
                row.epci = *epci;
            }
        }
    }

    /// Remembers the INSEE code of a commune that was stored without.
    pub(crate) fn learn_code(&mut self, row: u32, code: &str) {
        self.codes.insert(code.into(), row);
        self.rows[row as usize].insee = Some(code.to_owned());
        self.insert_names_of_code(row);
    }

    /// The preferred row of the group that a row is a member of. A name that two rows share leads to neither: each is then a group of its own.
    pub(crate) fn leader<'a>(&'a self, row: &'a Row) -> &'a Row {
        match self.resolve(&row.name) {
            Resolution::Found(at) => &self.rows[at as usize],
            Resolution::Unknown | Resolution::Ambiguous(_) => row,
        }
    }

    /// Names of the rows nearest to an unknown one, for the message.
    pub(crate) fn nearest(&self, raw: &str, count: usize) -> Vec<&str> {
        let name: Vec<char> = fold(&normalise(self.dim, raw)).chars().collect();
        let most = name.len() / 2;
        let mut scored: Vec<(usize, &str)> = self
            .rows
            .iter()
            .filter_map(|row| {
                let other: Vec<char> = fold(&row.name).chars().collect();
                (name.len().abs_diff(other.len()) <= most).then(|| (distance(&name, &other), row.name.as_str()))
            })
            .filter(|(distance, _)| *distance <= most)
            .collect();
        scored.sort_unstable();
        scored.into_iter().take(count).map(|(_, name)| name).collect()
    }
}

/// Changed, missing and added letters between two names. What they begin and end with alike costs nothing: invented names are long and
/// differ in a number.
fn distance(a: &[char], b: &[char]) -> usize {
    let shorter = a.len().min(b.len());
    let begins = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let ends = a.iter().rev().zip(b.iter().rev()).take(shorter - begins).take_while(|(a, b)| a == b).count();
    let middle = |name: &[char]| name[begins..name.len() - ends].iter().collect::<String>();
    strsim::levenshtein(&middle(a), &middle(b))
}

fn is_damage(c: char) -> bool {
    c == '?' || c == char::REPLACEMENT_CHARACTER
}

pub(crate) fn is_damaged(name: &str) -> bool {
    name.contains(is_damage)
}

/// Step 4: a damaged character matches any one letter, or none. « Œ » and « Æ » are one letter, which folding has spelled out.
fn matches(pattern: &[char], name: &str) -> bool {
    // reached[i]: the pattern's first i characters can match what was read of the name so far; begun[i]: the one after them is a
    // ligature of which the first half was read.
    let mut reached = vec![false; pattern.len() + 1];
    let mut begun = vec![false; pattern.len()];
    reached[0] = true;
    let skip_damage = |reached: &mut [bool]| {
        for i in 0..pattern.len() {
            if reached[i] && is_damage(pattern[i]) {
                reached[i + 1] = true;
            }
        }
    };
    skip_damage(&mut reached);
    for c in name.chars() {
        let mut next = vec![false; pattern.len() + 1];
        for i in 0..pattern.len() {
            let ends = begun[i] && c == 'E';
            begun[i] = reached[i] && is_damage(pattern[i]) && matches!(c, 'O' | 'A');
            next[i + 1] = ends || reached[i] && if is_damage(pattern[i]) { c.is_alphabetic() } else { pattern[i] == c };
        }
        skip_damage(&mut next);
        reached = next;
    }
    reached[pattern.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zones(names: &[&str]) -> Resolver {
        let rows = names.iter().enumerate().map(|(i, name)| Row::new(i as u32 + 1, *name)).collect();
        let groups = [
            vec!["PAYS D'AURILLAC", "CABA", "CA DU BASSIN D'AURILLAC", "PAYS D AURILLAC", "PAYS DAURILLAC"],
            vec!["CHÂTAIGNERAIE", "CHATAIGNERAIE"],
            vec!["HAUT CANTAL", "GENTIANE", "HAUT-CANTAL", "HAUTCANTAL"],
            vec!["VAL TRUYÈRE", "VAL TRUYERE", "VALLEE DE LA TRUYERE"],
        ];
        let groups: Vec<Group> = groups.iter().map(|g| g.iter().map(|s| (*s).to_owned()).collect()).collect();
        Resolver::new(Dim::Zone, rows, &groups, Locality::default())
    }

    fn name_of(resolver: &Resolver, raw: &str) -> Option<String> {
        match resolver.resolve(raw) {
            Resolution::Found(row) => Some(resolver.rows()[row as usize].name.clone()),
            _ => None,
        }
    }

    #[test]
    fn what_two_names_share_at_their_ends_does_not_change_their_distance() {
        for (a, b, expected) in [
            ("", "", 0),
            ("AAA", "AA", 1),
            ("ABAB", "AB", 2),
            ("AB", "ABCAB", 3),
            ("AURILLAC", "ORILLAC", 2),
            ("ALLANCHE", "AVRANCHES", 3),
        ] {
            let [a, b]: [Vec<char>; 2] = [a, b].map(|name| name.chars().collect());
            assert_eq!((distance(&a, &b), distance(&b, &a)), (expected, expected), "{a:?} {b:?}");
        }
    }

    #[test]
    fn typography_case_spaces_and_quotes_do_not_matter() {
        let resolver = zones(&["PAYS D'AURILLAC", "CHÂTAIGNERAIE"]);
        for raw in [
            "Pays d'Aurillac",
            " pays  d’aurillac ",
            "\"Pays d`Aurillac\"",
            "Pays\u{a0}d'Aurillac",
            "«\u{202f}PAYS D'AURILLAC\u{202f}»",
        ] {
            assert_eq!(name_of(&resolver, raw).as_deref(), Some("PAYS D'AURILLAC"), "{raw}");
        }
        assert_eq!(name_of(&resolver, "cha\u{302}taigneraie").as_deref(), Some("CHÂTAIGNERAIE"));
    }

    /// « é », « ô », « ë » and « É » of a DOS file as Windows-1252 shows them; the names without that letter are others.
    #[test]
    fn quotation_marks_of_a_wrong_code_page_are_not_folded_away() {
        let resolver = zones(&["PINAY", "CTES", "MONTLUN", "NOL"]);
        for raw in ["\u{201a}pinay", "C\u{201c}tes", "Montlu\u{2030}n", "No\u{2030}l", "\u{90}pinay"] {
            assert_eq!(name_of(&resolver, raw), None, "{raw}");
        }
        assert_eq!(name_of(&resolver, "\u{2018}Pinay\u{2019}").as_deref(), Some("PINAY"));
    }

    #[test]
    fn the_database_decides_which_member_of_a_group_is_stored() {
        let older = zones(&["CABA", "GENTIANE"]);
        for raw in ["CABA", "Pays d'Aurillac", "CA du Bassin d’Aurillac", "Pays dAurillac"] {
            assert_eq!(name_of(&older, raw).as_deref(), Some("CABA"), "{raw}");
        }
        assert_eq!(name_of(&older, "haut-cantal").as_deref(), Some("GENTIANE"));
        let newer = zones(&["HAUT CANTAL", "PAYS D'AURILLAC"]);
        assert_eq!(name_of(&newer, "caba").as_deref(), Some("PAYS D'AURILLAC"));
    }

    #[test]
    fn of_a_split_group_the_first_name_wins_for_all_spellings() {
        let split = zones(&["CABA", "PAYS D'AURILLAC"]);
        assert_eq!(name_of(&split, "CABA").as_deref(), Some("PAYS D'AURILLAC"));
        assert_eq!(name_of(&split, "Pays d'Aurillac").as_deref(), Some("PAYS D'AURILLAC"));
    }

    #[test]
    fn a_damaged_character_stands_for_one_letter_or_none() {
        let resolver = zones(&["CHÂTAIGNERAIE", "VAL TRUYÈRE", "PAYS D'AURILLAC"]);
        for (raw, expected) in [
            ("Ch\u{fffd}taigneraie", "CHÂTAIGNERAIE"),
            ("Ch\u{fffd}\u{fffd}taigneraie", "CHÂTAIGNERAIE"),
            ("Val Truy?re", "VAL TRUYÈRE"),
            ("Pays d?Aurillac", "PAYS D'AURILLAC"),
            ("Pays dAurillac", "PAYS D'AURILLAC"),
        ] {
            assert_eq!(name_of(&resolver, raw).as_deref(), Some(expected), "{raw}");
        }
        assert_eq!(resolver.resolve("????"), Resolution::Unknown);
        assert_eq!(resolver.resolve("Val Truy??xre"), Resolution::Unknown);
    }

    #[test]
    fn a_damaged_ligature_is_one_letter_however_it_is_spelled() {
        let resolver = zones(&["CŒUR DE LOZÈRE", "MONTBEL", "ÆGIR-LES-BAINS", "BOEUFS"]);
        for (raw, expected) in [
            ("C?ur de Loz?re", "CŒUR DE LOZÈRE"),
            ("C\u{fffd}\u{fffd}ur de Lozère", "CŒUR DE LOZÈRE"),
            ("?gir-les-Bains", "ÆGIR-LES-BAINS"),
            ("B?ufs", "BOEUFS"),
        ] {
            assert_eq!(name_of(&resolver, raw).as_deref(), Some(expected), "{raw}");
        }
        // Two letters that are no ligature are two.
        for raw in ["Mo?bel", "C?r de Lozère", "Cou?de Lozère"] {
            assert_eq!(resolver.resolve(raw), Resolution::Unknown, "{raw}");
        }
    }

    #[test]
    fn two_rows_at_one_step_are_ambiguous() {
        let resolver = zones(&["LOIRE", "LOIRÉ"]);
        assert!(matches!(resolver.resolve("LOIR?"), Resolution::Ambiguous(_)));
        assert_eq!(name_of(&resolver, "loiré").as_deref(), Some("LOIRÉ"));
    }

    fn communes(rows: &[(&str, &str)]) -> Resolver {
        let rows = rows
            .iter()
            .enumerate()
            .map(|(i, (name, dep))| Row { departement: Some((*dep).into()), ..Row::new(i as u32 + 1, *name) })
            .collect();
        let near = Locality { own: "15".into(), neighbours: vec!["12".into(), "63".into()] };
        Resolver::new(Dim::Commune, rows, &[], near)
    }

    #[test]
    fn among_homonyms_the_own_departement_wins_then_a_single_neighbour() {
        let resolver = communes(&[
            ("SAINT-GEORGES", "15"),
            ("SAINT-GEORGES", "63"),
            // Names that no commune of the Cantal bears or bore.
            ("SAINT-AFFRIQUE", "12"),
            ("SAINT-AFFRIQUE", "02"),
            ("SAINT-PARGOIRE", "12"),
            ("SAINT-PARGOIRE", "63"),
            ("SAINTE-COLOMBE", "05"),
            ("SAINTE-COLOMBE", "35"),
        ]);
        assert_eq!(resolver.resolve("St Georges"), Resolution::Found(0));
        assert_eq!(resolver.resolve("ST-AFFRIQUE"), Resolution::Found(2));
        assert!(matches!(resolver.resolve("Saint-Pargoire"), Resolution::Ambiguous(names) if names.len() == 2));
        assert!(matches!(resolver.resolve("Ste-Colombe"), Resolution::Ambiguous(_)));
    }

    #[test]
    fn semicolons_of_countries_are_commas() {
        let rows = vec![Row::new(1, "CORÉE, RÉPUBLIQUE DE")];
        let resolver = Resolver::new(Dim::Pays, rows, &[], Locality::default());
        assert_eq!(resolver.resolve("Corée; République de"), Resolution::Found(0));
    }

    #[test]
    fn a_capital_that_brings_an_apostrophe_gets_a_plain_one() {
        assert_eq!(normalise(Dim::Zone, "\u{149}dole"), "'NDOLE");
    }

    /// Codes and names by hand, from the INSEE's lists.
    fn coded(rows: &[(&str, &str)]) -> Resolver {
        let row = |(i, (name, code)): (usize, &(&str, &str))| Row {
            departement: Some(code[..2].into()),
            insee: Some((*code).into()),
            ..Row::new(i as u32 + 1, *name)
        };
        let near = Locality { own: "15".into(), neighbours: vec!["12".into(), "63".into()] };
        Resolver::new(Dim::Commune, rows.iter().enumerate().map(row).collect(), &[], near)
    }

    #[test]
    fn a_commune_answers_to_the_names_of_its_code_whatever_name_is_stored() {
        // Known by code only; under today's name; under a former one.
        let resolver =
            coded(&[("", "15120"), ("NEUSSARGUES-MOISSAC", "15141"), ("LE ROUGET", "15268"), ("MAURIAC", "33278")]);
        for (name, row) in [
            ("Mauriac", 0),
            ("Neussargues en Pinatelle", 1),
            ("Neussargues-Moissac", 1),
            ("Le Rouget-Pers", 2),
            ("LE ROUGET", 2),
        ] {
            assert_eq!(resolver.resolve(name), Resolution::Found(row), "{name}");
        }
    }

    #[test]
    fn a_namesake_elsewhere_does_not_stand_in_for_a_commune_that_the_base_lacks() {
        // Murat is in the Cantal (15138), in the Allier (03191) and in the Tarn's Murat-sur-Vèbre, which is another name.
        let resolver = coded(&[("MURAT", "03191"), ("PARIS", "75056"), ("SAINT-JUST", "63390"), ("CHASTEL", "43070")]);
        assert_eq!(resolver.resolve("Murat"), Resolution::Unknown);
        assert_eq!(resolver.resolve("Paris"), Resolution::Found(1));
        assert_eq!(resolver.far(1), Some("75"));
        // A commune of the Cantal until 2015: its neighbour of that name is another one.
        assert_eq!(resolver.resolve("Saint-Just"), Resolution::Unknown);
    }

    #[test]
    fn a_commune_far_away_is_taken_only_where_no_other_bears_its_name() {
        let resolver = coded(&[("SAINTE-COLOMBE", "05135"), ("GAP", "05061")]);
        assert_eq!(resolver.resolve("Gap"), Resolution::Found(1));
        assert!(matches!(resolver.resolve("Sainte-Colombe"), Resolution::Ambiguous(_)));
    }

    #[test]
    fn within_a_departement_the_living_wins_over_the_gone_and_the_stored_name_over_the_former_one() {
        // Les Trois Lacs: 27676 today, 27058 until 2022.
        let near = Locality { own: "27".into(), neighbours: Vec::new() };
        let row = |id, code: &str| Row {
            departement: Some("27".into()),
            insee: Some(code.into()),
            ..Row::new(id, "LES TROIS LACS")
        };
        let resolver = Resolver::new(Dim::Commune, vec![row(1, "27058"), row(2, "27676")], &[], near);
        assert_eq!(resolver.resolve("Les Trois Lacs"), Resolution::Found(1));
    }

    /// Codes and names of communes.csv and communes_historiques.csv.
    #[test]
    fn a_neighbours_commune_is_taken_only_where_it_is_the_single_one() {
        let near = Locality { own: "15".into(), neighbours: ["12", "19", "46", "48"].map(str::to_owned).into() };
        let of = |rows: &[(&str, &str)]| {
            let row = |(i, (name, code)): (usize, &(&str, &str))| Row {
                departement: Some(code[..2].into()),
                insee: Some((*code).into()),
                ..Row::new(i as u32 + 1, *name)
            };
            Resolver::new(Dim::Commune, rows.iter().enumerate().map(row).collect(), &[], near.clone())
        };
        // Montbrun lives in the Lot (46198) and was a commune of the Lozère (48101) until 2016: the living one wins within its département only.
        let both = of(&[("MONTBRUN", "46198"), ("MONTBRUN", "48101")]);
        assert!(matches!(both.resolve("Montbrun"), Resolution::Ambiguous(names) if names.len() == 2));
        // The base lacks one of the two: its namesake does not stand in for it.
        for only in [("MONTBRUN", "46198"), ("MONTBRUN", "48101")] {
            assert_eq!(of(&[only]).resolve("Montbrun"), Resolution::Unknown, "{only:?}");
        }
        // Naussac (12170) bears the name, 48105 bore it: its own name comes first, whatever the base knows of the other.
        for rows in [&[("NAUSSAC", "12170"), ("NAUSSAC-FONTANES", "48105")][..], &[("NAUSSAC", "12170")]] {
            assert_eq!(of(rows).resolve("Naussac"), Resolution::Found(0), "{rows:?}");
        }
        assert_eq!(of(&[("NAUSSAC-FONTANES", "48105")]).resolve("Naussac"), Resolution::Unknown);
        // Only one neighbour bears this one, however many do elsewhere.
        assert_eq!(of(&[("RIGNAC", "12199")]).resolve("Rignac"), Resolution::Unknown);
        assert_eq!(of(&[("TULLE", "19272")]).resolve("Tulle"), Resolution::Found(0));
    }

    proptest! {
        #[test]
        fn any_text_is_resolved_without_panic_and_normalising_twice_changes_nothing(raw in "\\PC{0,40}") {
            let resolver = zones(&["CABA", "VAL TRUYÈRE"]);
            let _ = resolver.resolve(&raw);
            let once = normalise(Dim::Zone, &raw);
            prop_assert_eq!(normalise(Dim::Zone, &once), once);
        }

        #[test]
        fn a_name_with_one_letter_lost_still_finds_its_row(position in 0usize..13, lost in "[?\u{fffd}]") {
            let resolver = zones(&["CHÂTAIGNERAIE", "PAYS SALERS"]);
            let mut letters: Vec<char> = "CHÂTAIGNERAIE".chars().collect();
            letters[position] = lost.chars().next().unwrap();
            let raw: String = letters.into_iter().collect();
            prop_assert_eq!(resolver.resolve(&raw), Resolution::Found(0));
        }
    }
}
