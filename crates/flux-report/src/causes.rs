//! Findings by cause: one thing that goes wrong three hundred times is one thing to read.

use super::{Code, Finding, Verdict, number, some_of};

/// Findings of one code told each for itself; more of them are counted.
const EACH: usize = 2;

/// Places of one message that are named where lines are short.
pub(super) const PLACES: usize = 4;

/// All findings of one code and severity.
#[derive(Debug)]
pub(super) struct Cause<'a> {
    pub(super) severity: Verdict,
    pub(super) code: Code,
    pub(super) findings: Vec<&'a Finding>,
}

/// What several findings say alike, and where.
struct Alike<'a> {
    first: &'a Finding,
    places: Vec<String>,
}

/// Findings by cause, the worst first, otherwise in the order of their first finding.
pub(super) fn by_cause(findings: &[Finding]) -> Vec<Cause<'_>> {
    let mut causes: Vec<Cause<'_>> = Vec::new();
    for finding in findings {
        match causes.iter_mut().find(|cause| (cause.severity, cause.code) == (finding.severity, finding.code)) {
            Some(cause) => cause.findings.push(finding),
            None => causes.push(Cause { severity: finding.severity, code: finding.code, findings: vec![finding] }),
        }
    }
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.severity));
    causes
}

/// In one line: how many findings, and of what.
pub(super) fn summary(causes: &[Cause<'_>]) -> String {
    let count: usize = causes.iter().map(|cause| cause.findings.len()).sum();
    if let ([cause], 1) = (causes, count) {
        return format!("un point à vérifier : {}", cause.code.meaning());
    }
    let named: Vec<String> = causes
        .iter()
        .map(|cause| format!("{} ({})", cause.code.meaning(), number(cause.findings.len() as u64)))
        .collect();
    format!("{} points à vérifier : {}", number(count as u64), some_of(&named, 3))
}

impl Cause<'_> {
    /// What to do about it, where its findings say.
    pub(super) fn action(&self) -> Option<&str> {
        self.findings.iter().find_map(|finding| finding.action.as_deref())
    }

    /// What to do about each of its findings, where they all say the same.
    pub(super) fn common_action(&self) -> Option<&str> {
        self.action().filter(|first| self.findings.iter().all(|finding| finding.action.as_deref() == Some(*first)))
    }

    /// Its lines: what it is and how often, then up to `examples` of what is said differently, each with up to `places`, and how many are
    /// left.
    pub(super) fn lines(&self, examples: usize, places: usize) -> Vec<String> {
        let sign = self.severity.sign();
        if self.findings.len() <= EACH {
            return self
                .findings
                .iter()
                .flat_map(|finding| {
                    let said = format!("{sign} {} : {}", finding.place, finding.message);
                    std::iter::once(said).chain(finding.action.iter().map(|action| format!("  → {action}")))
                })
                .collect();
        }
        let alike = self.alike();
        let mut lines = vec![format!("{sign} {} : {} fois", self.code.meaning(), number(self.findings.len() as u64))];
        let action = self.common_action();
        // To say that one is left takes as much room as to tell it.
        let examples = if alike.len() == examples.saturating_add(1) { alike.len() } else { examples };
        for group in alike.iter().take(examples) {
            lines.push(format!("    {} : {}", some_of(&group.places, places), group.first.message));
            if let (None, Some(own)) = (action, &group.first.action) {
                lines.push(format!("      → {own}"));
            }
        }
        let left: usize = alike.iter().skip(examples).map(|group| group.places.len()).sum();
        if left > 0 {
            let others = if left == 1 { "autre" } else { "autres" };
            lines.push(format!("    … et {} {others} (tout : -v, --json ou le journal)", number(left as u64)));
        }
        lines.extend(action.map(|action| format!("  → {action}")));
        lines
    }

    fn alike(&self) -> Vec<Alike<'_>> {
        let mut groups: Vec<Alike<'_>> = Vec::new();
        for finding in &self.findings {
            let same = |group: &&mut Alike<'_>| {
                (&group.first.message, &group.first.action) == (&finding.message, &finding.action)
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.places.push(finding.place.clone()),
                None => groups.push(Alike { first: finding, places: vec![finding.place.clone()] }),
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Page;

    fn vanished(count: usize) -> Vec<Finding> {
        let zone =
            |n| Finding::attention(Code::ZoneVanished, format!("zone {n}"), format!("{n} dates")).action("rappelez");
        (1..=count).map(zone).collect()
    }

    fn shown(findings: &[Finding], page: Page) -> String {
        let mut page = page;
        findings.iter().for_each(|finding| page.finding(finding));
        page.text()
    }

    #[test]
    fn three_hundred_findings_of_one_cause_are_a_few_lines_and_all_of_them_in_the_log() {
        let findings = vanished(322);
        let text = shown(&findings, Page::new(80));
        // verdict on two lines, next step, an empty line, the cause, three examples, the rest, the next step
        assert_eq!(text.lines().count(), 9, "{text}");
        assert!(
            text.contains("322") && text.contains("319") && text.contains("zone 3 ") && !text.contains("zone 4 "),
            "{text}"
        );
        assert!(
            text.lines().next().unwrap().starts_with('⚠') && text.lines().nth(1).unwrap() == "  → rappelez",
            "{text}"
        );
        let log = shown(&findings, Page::for_log());
        assert!((1..=322).all(|n| log.contains(&format!("zone {n} : {n} dates"))), "{log}");
    }

    #[test]
    fn the_last_one_that_is_left_is_told_too() {
        let text = shown(&vanished(4), Page::new(80));
        assert!(text.contains("zone 4 : 4 dates") && !text.contains('…'), "{text}");
    }

    #[test]
    fn what_is_said_alike_is_said_once_with_its_places() {
        let missing = |place: &str| Finding::attention(Code::FileMissing, place, "absent");
        let findings = ["a", "b", "c", "d", "e", "f"].map(missing);
        assert!(shown(&findings, Page::new(80)).contains("    a, b, c, d … et 2 de plus : absent\n"));
        assert!(shown(&findings, Page::for_log()).contains("    a, b, c, d, e, f : absent\n"));
    }

    #[test]
    fn few_stay_as_they_are_and_the_worst_stands_first() {
        let findings =
            [vanished(2), vec![Finding::error(Code::Io, "x.csv", "illisible").action("rendez-le lisible")]].concat();
        let text = shown(&findings, Page::new(160));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("✗ 3 points") && lines[1] == "  → rendez-le lisible", "{text}");
        assert_eq!(lines[2..5], ["", "✗ x.csv : illisible", "  → rendez-le lisible"]);
        assert_eq!(lines[5..7], ["⚠ zone 1 : 1 dates", "  → rappelez"]);
    }
}
