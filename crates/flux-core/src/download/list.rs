//! The list that the supplier serves: one entry a file, and which of them are wanted.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use serde_json::{Map, Value};

use crate::domain::names::fold;
use crate::download::DownloadOptions;
use crate::download::names::{fits, split};
use crate::error::{Error, Result};
use crate::files::is_heavy_json;
use crate::report::{Code, Finding, some_of};

/// Files of one name that are told apart.
const MOST_TWINS: u32 = 100;

/// A file that can be had.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) study_code: String,
    pub(crate) study: String,
    pub(crate) delivery_code: String,
    pub(crate) delivery: String,
    /// As the supplier calls it.
    pub(crate) file_name: String,
    /// When it was changed last, as one text for one moment; empty where the supplier does not say.
    pub(crate) modified: String,
    pub(crate) moment: Option<DateTime<Utc>>,
    pub(crate) url: String,
    /// Which one it is of those that nothing but their addresses tells apart.
    twin: u32,
}

/// The list, and how many entries of it are no files.
pub(crate) struct Listing {
    pub(crate) files: Vec<Listed>,
    pub(crate) unusable: u64,
}

impl Listed {
    /// What names the file for good: its name alone is not unique.
    pub(crate) fn key(&self) -> String {
        let twin = if self.twin == 0 { String::new() } else { format!("#{}", self.twin) };
        format!("{}/{}/{}{twin}", self.study_code, self.delivery_code, self.file_name)
    }

    /// The year of the delivery's name, else that of the date.
    pub(crate) fn year(&self) -> Option<i32> {
        let digits = |text: &str| text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        let words = self.delivery.split(|c: char| !c.is_ascii_digit());
        let mut named = words.filter(|word| digits(word)).filter_map(|word| word.parse().ok());
        named.rfind(|year| (2000..2100).contains(year)).or_else(|| Some(self.moment?.year()))
    }

    /// Whether it is of a study, by its folded code or a part of its folded name.
    fn is_of(&self, study: &str) -> bool {
        fold(&self.study_code) == study || fold(&self.study).contains(study)
    }

    /// Whether it is data: an archive or a table.
    pub(crate) fn is_data(&self) -> bool {
        [".zip", ".csv"].iter().any(|known| split(self.file_name.trim()).1.eq_ignore_ascii_case(known))
    }
}

/// Reads the list, whatever is wrong with single entries.
///
/// # Errors
/// [`Error::Remote`] when it is no list.
pub(crate) fn parse(body: &[u8]) -> Result<Listing> {
    let bad = |what: String| Error::Remote {
        answered: true,
        message: format!("la réponse n'est pas la liste attendue : {what}"),
        hint: "vérifiez FLUX_VISION_URL et FLUX_VISION_ORGA, ou réessayez plus tard".into(),
    };
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if is_heavy_json(body) {
        return Err(bad("elle a plus d'éléments qu'une liste de livraisons".into()));
    }
    let text = match std::str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(body).0.into_owned(),
    };
    if text.trim_start().starts_with('<') {
        return Err(bad("c'est une page HTML".into()));
    }
    // A control character or half a letter in a name would make the whole list unreadable.
    let text = whole_letters(&text.replace(|c: char| c.is_ascii_control(), " "));
    let value: Value = serde_json::from_str(&text).map_err(|error| bad(format!("JSON illisible ({error})")))?;
    let Value::Array(entries) = value else { return Err(bad("ce n'est pas une liste JSON".into())) };
    let mut unusable = 0;
    let mut offered = Offered::default();
    for entry in &entries {
        let taken = entry.as_object().and_then(file).is_some_and(|file| offered.take(file));
        unusable += u64::from(!taken);
    }
    Ok(Listing { files: offered.files, unusable })
}

/// The files of a list, each once.
#[derive(Default)]
struct Offered {
    files: Vec<Listed>,
    by_key: HashMap<String, usize>,
}

impl Offered {
    /// Of versions the newest counts; what has the same date and another address is another file. Whether it is kept or known.
    fn take(&mut self, mut file: Listed) -> bool {
        while file.twin < MOST_TWINS {
            let Some(at) = self.by_key.get(&file.key()) else {
                self.by_key.insert(file.key(), self.files.len());
                self.files.push(file);
                return true;
            };
            let known = &mut self.files[*at];
            if known.moment != file.moment || known.url == file.url {
                if known.moment < file.moment {
                    *known = Listed { twin: known.twin, ..file };
                }
                return true;
            }
            file.twin += 1;
        }
        false
    }
}

/// JSON in which no escape stands for half a letter: so write some servers the bytes of a damaged name.
fn whole_letters(json: &str) -> String {
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let mut sound = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        sound.push_str(&rest[..at]);
        rest = &rest[at..];
        let pair = unit(rest).zip(rest.get(6..).and_then(unit));
        let (written, length) = match unit(rest) {
            Some(0xd800..=0xdbff) if pair.is_some_and(|(_, low)| (0xdc00..=0xdfff).contains(&low)) => (&rest[..12], 12),
            Some(0xd800..=0xdfff) => ("\u{fffd}", 6),
            Some(_) => (&rest[..6], 6),
            // With the sign that it is of.
            None => {
                let length = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                (&rest[..length], length)
            }
        };
        sound.push_str(written);
        rest = &rest[length..];
    }
    sound + rest
}

fn file(entry: &Map<String, Value>) -> Option<Listed> {
    let text = |name: &str| match entry.get(name) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let (file_name, url) = (text("file_name"), text("url"));
    if file_name.is_empty() || url.is_empty() {
        return None;
    }
    let raw = text("file_last_modified_date");
    let moment = moment(&raw);
    // The same moment may be written with another offset after a change of the clocks.
    let modified = moment.map_or(raw, |moment| moment.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    Some(Listed {
        study_code: text("study_code_ref"),
        study: text("study_name"),
        delivery_code: text("delivery_code_ref"),
        delivery: text("delivery_name"),
        file_name,
        modified,
        moment,
        url,
        twin: 0,
    })
}

/// ISO 8601 with an offset in either form, without one (taken for UTC), or a date alone.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.to_utc());
    }
    if let Ok(moment) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z") {
        return Some(moment.to_utc());
    }
    let plain = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
    let plain = plain.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let plain = plain.or_else(|| text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0));
    plain.map(|moment| moment.and_utc())
}

/// What no run will ever find in this list: it is empty, or has nothing of the study that is asked for. A year may be yet to come.
pub(crate) fn nothing_offered(files: &[Listed], options: &DownloadOptions) -> Option<Finding> {
    let finding = |place: String, message: &str| Finding::attention(Code::NothingOffered, place, message);
    if files.is_empty() {
        return Some(
            finding("liste".into(), "le fournisseur ne propose aucun fichier")
                .action("vérifiez FLUX_VISION_ORGA, et sur le portail d'Orange les droits de ce compte"),
        );
    }
    let asked = options.study.as_deref()?;
    let study = fold(asked);
    let of_study: Vec<&Listed> = files.iter().filter(|file| file.is_of(&study)).collect();
    if of_study.iter().any(|file| options.all_kinds || file.is_data()) {
        return None;
    }
    let place = format!("étude « {asked} »");
    if !of_study.is_empty() {
        return Some(
            finding(place, "elle n'a que des fichiers d'un autre genre que zip et csv").action("--all-kinds les prend"),
        );
    }
    let named = |file: &Listed| match file.study.as_str() {
        "" => file.study_code.clone(),
        name => format!("{} ({name})", file.study_code),
    };
    let offered: BTreeSet<String> = files.iter().map(named).collect();
    let offered: Vec<String> = offered.into_iter().collect();
    Some(
        finding(place, "aucun fichier de la liste n'en est")
            .action(format!("corrigez --study ; études proposées : {}", some_of(&offered, 8))),
    )
}

/// The files that are wanted, the newest first, and how many of another kind were left out.
pub(crate) fn choose(files: Vec<Listed>, options: &DownloadOptions) -> (Vec<Listed>, Vec<Listed>) {
    let study = options.study.as_deref().map(fold);
    let wanted = |file: &Listed| {
        study.as_ref().is_none_or(|study| file.is_of(study))
            && options.year.is_none_or(|year| file.year() == Some(year))
            && (options.only.is_empty() || options.only.iter().any(|pattern| fits(pattern, &file.file_name)))
    };
    let (mut chosen, mut others): (Vec<Listed>, Vec<Listed>) =
        files.into_iter().filter(wanted).partition(|file| options.all_kinds || file.is_data());
    chosen.sort_by(|a, b| b.moment.cmp(&a.moment).then_with(|| a.key().cmp(&b.key())));
    if let Some(count) = options.latest {
        let mut deliveries: Vec<(&str, &str)> = Vec::new();
        for file in &chosen {
            let delivery = (file.study_code.as_str(), file.delivery_code.as_str());
            if !deliveries.contains(&delivery) {
                deliveries.push(delivery);
            }
        }
        deliveries.truncate(count);
        let kept = |file: &Listed| {
            deliveries.iter().any(|(study, delivery)| *study == file.study_code && *delivery == file.delivery_code)
        };
        let keep: Vec<bool> = chosen.iter().map(kept).collect();
        let keep_other: Vec<bool> = others.iter().map(kept).collect();
        let mut keep = keep.into_iter();
        chosen.retain(|_| keep.next().unwrap_or(false));
        let mut keep = keep_other.into_iter();
        others.retain(|_| keep.next().unwrap_or(false));
    }
    (chosen, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_is_one_text_whatever_its_offset() {
        let texts = ["2025-08-15T10:30:00+02:00", "2025-08-15T08:30:00Z", "2025-08-15T10:30:00.000+0200"];
        let moments: Vec<_> = texts.iter().map(|text| moment(text).unwrap().timestamp()).collect();
        // 2025-08-15 08:30 UTC, by `date -u -d … +%s`
        assert_eq!(moments, [1_755_246_600; 3]);
        assert!(moment("bientôt").is_none());
    }

    #[test]
    fn the_year_is_that_of_the_deliverys_name_else_of_the_date() {
        let named = |delivery: &str, date: &str| {
            let entry = serde_json::json!({"file_name": "a.zip", "url": "/a", "delivery_name": delivery, "file_last_modified_date": date});
            file(entry.as_object().unwrap()).unwrap().year()
        };
        assert_eq!(named("B1 2019", "2020-01-05T00:00:00Z"), Some(2019));
        assert_eq!(named("Livraison 12", "2020-01-05T00:00:00Z"), Some(2020));
        assert_eq!(named("20190", "demain"), None);
    }

    #[test]
    fn damaged_entries_do_not_spoil_the_list() {
        let listing = parse(b"[{\"file_name\":\"Ch\xe2t\n.zip\",\"url\":\"/x\"},{\"file_name\":\"a\"},12]").unwrap();
        assert_eq!((listing.files.len(), listing.unusable), (1, 2));
        assert_eq!(listing.files[0].file_name, "Chât .zip");
        // Half a letter, as Python writes a byte that it cannot read; a whole one of two halves; a sign that only looks like one.
        let listing = parse(
            br#"[{"file_name":"Ch\udce9t\ud83d\ude00.zip","url":"/x"},{"file_name":"\\ud800\ud83d","url":"/y"}]"#,
        )
        .unwrap();
        let names: Vec<&str> = listing.files.iter().map(|file| file.file_name.as_str()).collect();
        assert_eq!(names, ["Ch\u{fffd}t\u{1f600}.zip", "\\ud800\u{fffd}"]);
        for bad in [&b"<html>"[..], b"{}", b"", b"[{]", b"[\"\\", b"[\"\\u12"] {
            assert!(parse(bad).is_err());
        }
    }
}
