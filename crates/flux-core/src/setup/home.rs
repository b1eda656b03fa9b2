//! `flux init`: a new home for an observatory: its folders, `.env`, `reference/zones.csv` begun from its deliveries.
//!
//! What is there is left as it is, and told; so a second run is safe, and completes what is missing.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::reference::{self, Departement, ZoneGroup};
use crate::error::{Error, Result};
use crate::files;
use crate::inspect::{self, ZoneNames};
use crate::report::{Code, Done, Finding, Page, Report, Verdict, plural, worst};
use crate::settings::Settings;
use crate::task::{Context, Task};

/// What every home has, beside what the tools make when they need it.
const FOLDERS: &[&str] = &[
    "data/data_temp",
    "data/data_extracted",
    "data/archive",
    "data/backups",
    "ftp_downloads",
    "temp",
    "cache",
    "logs/rejets",
    "reference",
];

/// The settings that operators know, each explained.
const TEMPLATE: &str = include_str!("../../../../.env.example");

/// What `flux init` is asked for.
#[derive(Debug)]
pub struct HomeOptions {
    /// The observatory's own département.
    pub departement: &'static Departement,
    /// What `.env` is to say, by key, of a home that has none yet; a key without a value stays a comment.
    pub env: Option<Vec<(&'static str, Option<String>)>>,
    /// Folders whose CSVs name the zones; the home's own deliveries where there are none.
    pub from: Vec<PathBuf>,
    /// Only tell what would be made.
    pub dry_run: bool,
}

/// Report of `flux init`, without what the doctor says.
#[derive(Debug, Serialize, JsonSchema)]
struct HomeReport {
    home: String,
    dry_run: bool,
    departement: &'static str,
    /// Paths within the home that were made.
    created: Vec<String>,
    /// Those that were there and are as they were.
    kept: Vec<String>,
    /// Zones of `reference/zones.csv`, or of the file that would be written.
    zones: Vec<String>,
    /// Those that no reference knows: zones of their own, or other names of some.
    #[serde(skip)]
    new_zones: Vec<String>,
    csv_files: u64,
    findings: Vec<Finding>,
}

impl Task for HomeOptions {
    /// Makes what the home lacks.
    ///
    /// # Errors
    /// [`Error::Io`]; what was made until then stays, and the next run goes on. [`Error::Usage`] for a value that `.env` cannot hold.
    fn run(self, context: &Context) -> Result<impl Report> {
        home(&context.settings, &self)
    }
}

fn home(settings: &Settings, options: &HomeOptions) -> Result<HomeReport> {
    let root = &settings.home.root;
    // Refused before anything is made.
    if let Some(missing) = options.from.iter().find(|folder| !folder.is_dir()) {
        return Err(Error::Usage(format!("le dossier {} n'existe pas (--from)", missing.display())));
    }
    let env = options.env.as_deref().map(env_text).transpose()?;
    let mut made = Made { root, dry_run: options.dry_run, created: Vec::new(), kept: Vec::new() };
    made.folder("")?;
    FOLDERS.iter().try_for_each(|folder| made.folder(folder))?;
    match &env {
        Some(text) => made.file(".env", text.as_bytes(), true)?,
        None => made.kept.push(".env".into()),
    }
    let mut findings = env_findings(settings, options);
    let (zones, new_zones, csv_files) = made.zones(settings, options, &mut findings)?;
    Ok(HomeReport {
        home: fs::canonicalize(root).unwrap_or_else(|_| root.to_owned()).display().to_string(),
        dry_run: options.dry_run,
        departement: options.departement.code,
        created: made.created,
        kept: made.kept,
        zones,
        new_zones,
        csv_files,
        findings,
    })
}

/// A `.env` that was there may be another observatory's.
fn env_findings(settings: &Settings, options: &HomeOptions) -> Vec<Finding> {
    let (asked, stored) = (options.departement, settings.departement());
    if options.env.is_some() || asked.code == stored {
        return Vec::new();
    }
    let message = format!("le département y est {stored}, pas {} ({})", asked.code, asked.nom);
    let finding = Finding::attention(Code::SettingDoubtful, ".env", message);
    vec![
        finding
            .action(format!("écrivez OBSERVATOIRE_DEPARTEMENT={} dans .env, que flux init ne change pas", asked.code)),
    ]
}

/// What is made, and where.
struct Made<'a> {
    root: &'a Path,
    dry_run: bool,
    created: Vec<String>,
    kept: Vec<String>,
}

impl Made<'_> {
    fn folder(&mut self, folder: &str) -> Result<()> {
        let path = self.root.join(folder);
        if path.is_dir() {
            return Ok(());
        }
        if !self.dry_run {
            let made = fs::DirBuilder::new().recursive(true).mode(0o750).create(&path);
            made.map_err(Error::io("création du dossier", &path))?;
        }
        if !folder.is_empty() {
            self.created.push(format!("{folder}/"));
        }
        Ok(())
    }

    fn file(&mut self, name: &str, content: &[u8], private: bool) -> Result<()> {
        let path = self.root.join(name);
        let is_there = fs::symlink_metadata(&path).is_ok();
        let kept = is_there || (!self.dry_run && !files::create(&path, content, private)?);
        if kept {
            self.kept.push(name.to_owned())
        } else {
            self.created.push(name.to_owned())
        }
        Ok(())
    }

    /// The zones that the deliveries name, in a file that does not exist yet; else what that file lacks.
    fn zones(
        &mut self,
        settings: &Settings,
        options: &HomeOptions,
        findings: &mut Vec<Finding>,
    ) -> Result<(Vec<String>, Vec<String>, u64)> {
        let file = "reference/zones.csv";
        let usual = [settings.home.deliveries(), settings.home.extracted()];
        let folders = if options.from.is_empty() { &usual[..] } else { &options.from };
        let own = fs::symlink_metadata(self.root.join(file)).is_ok();
        let mut groups = if own { reference::zones().to_vec() } else { reference::zones_of(options.departement.code) };
        let found = inspect::zone_names(folders, &groups)?;
        findings.extend(found.findings());
        let shown = |groups: &[ZoneGroup]| groups.iter().map(|group| group.zone.to_owned()).collect();
        if own {
            self.kept.push(file.into());
            findings.extend(found.unknown.iter().map(|name| {
                Finding::attention(Code::NameUnknown, format!("zone « {name} »"), "absente de reference/zones.csv")
                    .action("ajoutez-y une ligne, ou ce nom aux équivalents de sa zone")
            }));
            return Ok((shown(&groups), Vec::new(), found.files));
        }
        let ZoneNames { unknown, files, .. } = found;
        let new = unknown.clone();
        groups.extend(unknown.into_iter().map(|name| ZoneGroup {
            // They live as long as the program, as the built-in ones do.
            zone: &*name.leak(),
            equivalents: Vec::new(),
            visible: true,
        }));
        if !new.is_empty() {
            self.file(file, zones_text(&groups)?.as_bytes(), false)?;
        }
        Ok((shown(&groups), new, files))
    }
}

/// `zones.csv` with the mark by which a spreadsheet reads its accents.
fn zones_text(groups: &[ZoneGroup]) -> Result<String> {
    let wrong = |error: String| Error::Invariant(format!("zones.csv : {error}"));
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(["zone", "noms_equivalents", "visible"]).map_err(|error| wrong(error.to_string()))?;
    for group in groups {
        let visible = if group.visible { "oui" } else { "non" };
        let record = [group.zone, &group.equivalents.join("|"), visible];
        writer.write_record(record).map_err(|error| wrong(error.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|error| wrong(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))
}

/// The template with these values in the place of its own.
fn env_text(values: &[(&'static str, Option<String>)]) -> Result<String> {
    let mut text = "# Réglages des outils Flux Vision, commencés par `flux init`. Droits 600 : ce fichier contient des mots de passe.\n".to_owned();
    for line in TEMPLATE.lines().skip(1) {
        let key = line.trim_start_matches("# ").split_once('=').map_or("", |(key, _)| key);
        match values.iter().find(|(known, _)| *known == key) {
            Some((key, Some(value))) => _ = writeln!(text, "{key}={}", quoted(key, value)?),
            Some((key, None)) => _ = writeln!(text, "# {key}="),
            None => _ = writeln!(text, "{line}"),
        }
    }
    Ok(text)
}

/// A value as `.env` holds it: quotation marks around it are taken off, nothing else in it means anything.
fn quoted(key: &str, value: &str) -> Result<String> {
    let odd = value.chars().any(char::is_control) || value.starts_with(['"', '\'']) || value.ends_with(['"', '\'']);
    if odd {
        return Err(Error::Usage(format!(
            "la valeur de {key} commence ou finit par un guillemet ou une apostrophe, ou tient plus d'une ligne : .env ne peut pas la contenir"
        )));
    }
    let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./:@".contains(&byte));
    Ok(if plain { value.to_owned() } else { format!("'{value}'") })
}

impl Report for HomeReport {
    fn render(&self, page: &mut Page) {
        let done = self.done();
        page.line(format!("Dossier de travail {}, département {}", self.home, self.departement));
        for path in &self.created {
            page.line(format!("  {} {path}", done.say("créé  ", "serait créé  ")));
        }
        for path in &self.kept {
            page.line(format!("  gardé   {path}"));
        }
        let files = plural(self.csv_files, "CSV lu", "CSV lus");
        page.line(format!(
            "  {} ({files}) : {}",
            plural(self.zones.len() as u64, "zone", "zones"),
            self.zones.join(", ")
        ));
        if self.csv_files == 0 {
            page.line("  sans livraison, pas de reference/zones.csv : relancez `flux init` quand la première sera là");
        } else if !self.new_zones.is_empty() {
            page.line(format!(
                "  relisez reference/zones.csv : {} y est une zone de plus ; si c'est un autre nom d'une zone ci-dessus, mettez-le à ses noms \
                 équivalents et ôtez sa ligne",
                self.new_zones.join(", ")
            ));
        } else if !self.kept.iter().any(|path| path.ends_with("zones.csv")) {
            page.line("  pas de reference/zones.csv : les zones intégrées ont déjà chaque nom de ces CSV");
        }
        self.findings.iter().for_each(|finding| page.finding(finding));
    }

    fn verdict(&self) -> Verdict {
        worst(&self.findings)
    }

    fn done(&self) -> Done {
        Done::unless(self.dry_run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_holds_every_key_once_and_values_are_read_back() {
        let keys = [
            "DB_HOST",
            "DB_PORT",
            "DB_SOCKET",
            "DB_DATABASE",
            "DB_USERNAME",
            "DB_PASSWORD",
            "OBSERVATOIRE_DEPARTEMENT",
            "OBSERVATOIRE_NOM",
        ];
        let values: Vec<_> = keys.map(|key| (key, Some(format!("valeur de #{key} l'$\\ été")))).into();
        let text = env_text(&values).unwrap();
        for (key, value) in &values {
            let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(&format!("{key}="))).collect();
            assert_eq!(lines, [format!("{key}='{}'", value.as_deref().unwrap())]);
        }
        assert!(env_text(&[("DB_PORT", None)]).unwrap().lines().all(|line| !line.starts_with("DB_PORT=")));
        for odd in ["'a", "a\"", "a\nb"] {
            assert!(env_text(&[("DB_PASSWORD", Some(odd.into()))]).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_departement_is_known_by_code_and_name() {
        for text in ["48", " Lozère ", "LOZERE"] {
            assert_eq!(text.parse::<&Departement>().unwrap().code, "48", "{text}");
        }
        assert_eq!("2a".parse::<&Departement>().unwrap().code, "2A");
        assert!("96".parse::<&Departement>().is_err() && "".parse::<&Departement>().is_err());
    }
}
