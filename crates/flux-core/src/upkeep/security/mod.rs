//! `security-cleanup-check`: secrets in files, rights, leftovers, `.env`. Reads only, and never shows a secret.

mod leftovers;
mod rules;

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::files::{self, Entry};
use crate::report::{Code, Finding, Page, Report, Table, Verdict, number, plural};
use crate::task::{Context, Task};
use rules::Rules;

/// Allowlist of a folder: lines `rule path`, with `*` in either.
pub(crate) const ALLOWLIST: &str = ".flux-security-allow";
/// Larger files are data, not code or settings.
const LARGEST: u64 = 2 << 20;
/// Folders that hold other people's code, data or history.
const SKIPPED: &[&str] =
    &[".git", "target", "node_modules", "vendor", "cache", "data_temp", "data_extracted", "archive", "__pycache__"];
/// Keys that `.env` should have, each given by its alternatives.
const KEYS: &[&[&str]] = &[
    &["APP_ENV"],
    &["DB_DATABASE", "DB_NAME", "DB_NAME_LOCAL", "DB_NAME_PROD"],
    &["DB_USERNAME", "DB_USER", "DB_USER_LOCAL", "DB_USER_PROD"],
    &["DB_PASSWORD", "DB_PASSWORD_LOCAL", "DB_PASSWORD_PROD"],
    &["API_RATE_LIMIT"],
    &["API_IP_ALLOWLIST", "API_ALLOWLIST", "API_RATE_LIMIT_ALLOWLIST", "IP_ALLOWLIST"],
];

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct SecurityOptions {
    /// Folder, the home folder if `None`.
    pub path: Option<PathBuf>,
    /// File with more rules.
    pub rules: Option<PathBuf>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SecurityReport {
    #[serde(serialize_with = "crate::report::path_text")]
    #[schemars(with = "String")]
    path: PathBuf,
    files: u64,
    skipped: u64,
    allowed: u64,
    counts: BTreeMap<String, u64>,
    findings: Vec<Problem>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Problem {
    rule: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(flatten)]
    finding: Finding,
}

impl Task for SecurityOptions {
    /// Looks at everything under the folder; links are not followed.
    ///
    /// # Errors
    /// [`Error::Config`] for bad rules, [`Error::Io`] when the folder cannot be read.
    fn run(self, context: &Context) -> Result<impl Report> {
        let home = &context.settings.home.root;
        let root = self.path.as_deref().unwrap_or(home);
        fs::read_dir(root).map_err(Error::io("lecture de", root))?;
        let rules = Rules::new(self.rules.as_deref())?;
        let allow = Allowlist::read(&root.join(ALLOWLIST))?;
        let mut report = SecurityReport {
            path: root.to_owned(),
            files: 0,
            skipped: 0,
            allowed: 0,
            counts: BTreeMap::new(),
            findings: Vec::new(),
        };
        let enter = |path: &Path| !path.file_name().is_some_and(|name| SKIPPED.iter().any(|skipped| name == *skipped));
        let mut found = Vec::new();
        files::walk(root, &enter, &mut |entry| {
            match entry {
                Entry::File(path, metadata) => {
                    report.files += 1;
                    let relative = relative(root, &path);
                    names((&relative, &path), &metadata, &mut found);
                    let secrets = contents(&path, &relative, &metadata, &rules, &mut report.skipped, &mut found);
                    rights(&relative, &metadata, secrets, &mut found);
                }
                Entry::Folder(path, metadata) => rights(&relative(root, &path), &metadata, false, &mut found),
                Entry::Closed(_) => {}
                Entry::Other(_) => report.skipped += 1,
                Entry::Unreadable(path, error) => {
                    let finding =
                        Finding::attention(Code::FileUnreadable, relative(root, &path), format!("illisible : {error}"));
                    found.push(problem("illisible", finding));
                }
            }
            Ok(())
        })?;
        if self.path.is_none() || root == home {
            environment(root, &mut found);
            found.extend(context.settings.doubts.iter().map(|doubt| problem("env", doubt.clone())));
        }
        for problem in found {
            if allow.covers(&problem.rule, &problem.finding.place) {
                report.allowed += 1;
            } else {
                *report.counts.entry(problem.rule.clone()).or_default() += 1;
                report.findings.push(problem);
            }
        }
        Ok(report)
    }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

fn problem(rule: &str, finding: Finding) -> Problem {
    Problem { rule: rule.into(), line: None, finding }
}

/// Whether a file is the one place where secrets belong.
fn is_env(relative: &str) -> bool {
    relative == ".env"
}

/// Files of these tools, full of hashes: checkpoint, memory of the extractions, manifests, this check's own allowlist.
fn is_ours(relative: &str) -> bool {
    let name = relative.rsplit('/').next().unwrap_or_default();
    ["etl_checkpoint.json", ".extractions.json", ALLOWLIST].contains(&name) || relative.starts_with("data/backups/")
}

fn file_name(relative: &str) -> String {
    relative.rsplit('/').next().unwrap_or_default().to_lowercase()
}

/// Whether a file writes values without quotes.
fn is_settings(name: &str) -> bool {
    let ends = [".ini", ".cnf", ".conf", ".yml", ".yaml", ".properties", ".sh", ".toml", ".txt", ".cfg"];
    name.contains(".env") || ends.iter().any(|end| name.ends_with(end))
}

fn names((relative, path): (&str, &Path), metadata: &Metadata, found: &mut Vec<Problem>) {
    if let Some((what, action)) = leftovers::of((relative, path), metadata.len()) {
        found.push(problem("reste", Finding::attention(Code::LeftoverFile, relative, what).action(action)));
    }
}

/// Rights that let others read secrets or change anything.
fn rights(relative: &str, metadata: &Metadata, secrets: bool, found: &mut Vec<Problem>) {
    let mode = metadata.permissions().mode() & 0o7777;
    let sticky = metadata.is_dir() && mode & 0o1000 != 0;
    if mode & 0o002 != 0 && !sticky {
        let what = format!("modifiable par tous ({mode:04o})");
        found.push(problem(
            "droits",
            Finding::attention(Code::PermissionsTooWide, relative, what).action(format!("chmod o-w '{relative}'")),
        ));
    }
    let name = file_name(relative);
    let sensitive = name.starts_with(".env") && !name.ends_with("example")
        || [".pem", ".key", ".p12", ".pfx", ".cnf"].iter().any(|end| name.ends_with(end))
        || name == "id_rsa"
        || name == "id_ed25519"
        || relative.starts_with("data/backups")
        || (secrets && is_settings(&name));
    // The web server's group may read `.env`, not change it.
    let too_wide = if is_env(relative) { 0o035 } else { 0o005 };
    if sensitive && mode & too_wide != 0 {
        let what = format!("lisible par d'autres que son propriétaire ({mode:04o})");
        found.push(problem(
            "droits",
            Finding::attention(Code::PermissionsTooWide, relative, what).action(format!("chmod go-rwx '{relative}'")),
        ));
    }
}

/// Secrets and debug settings in a text file; whether there were secrets.
fn contents(
    path: &Path,
    relative: &str,
    metadata: &Metadata,
    rules: &Rules,
    skipped: &mut u64,
    found: &mut Vec<Problem>,
) -> bool {
    if is_env(relative) || metadata.len() == 0 || is_ours(relative) {
        return false;
    }
    if metadata.len() > LARGEST {
        *skipped += 1;
        return false;
    }
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    if let Err(error) = read {
        found.push(problem(
            "illisible",
            Finding::attention(Code::FileUnreadable, relative, format!("illisible : {error}")),
        ));
        return false;
    }
    if bytes.iter().take(8192).any(|byte| *byte == 0) {
        *skipped += 1;
        return false;
    }
    let text = String::from_utf8_lossy(&bytes);
    let name = file_name(relative);
    let settings = is_settings(&name);
    let mut secrets = false;
    for (index, line) in text.lines().enumerate() {
        let mut push = |rule: &str, what: String, action: &str| {
            let finding = Finding::attention(Code::SecretInFile, relative, format!("ligne {} : {what}", index + 1))
                .action(action);
            found.push(Problem { rule: rule.into(), line: Some(index as u64 + 1), finding });
        };
        for hit in rules.look(line, settings) {
            secrets = true;
            push(&hit.rule, hit.what, "mettez-la dans .env, et changez-la : elle a pu être lue");
        }
        if name.ends_with(".php") && !line.trim_start().starts_with(['/', '*', '#']) {
            let squeezed: String = line.chars().filter(|c| !c.is_whitespace() && *c != '"' && *c != '\'').collect();
            if squeezed.contains("phpinfo(") {
                push("debogage", "appel de phpinfo()".into(), "retirez-le");
            } else if ["ini_set(display_errors,1", "ini_set(display_errors,On", "ini_set(display_errors,true"]
                .iter()
                .any(|call| squeezed.contains(call))
            {
                push(
                    "debogage",
                    "erreurs affichées aux visiteurs".into(),
                    "retirez display_errors, lisez les journaux",
                );
            }
        }
    }
    secrets
}

/// `.env` of the home folder: there, private, complete, sound.
fn environment(root: &Path, found: &mut Vec<Problem>) {
    let path = root.join(".env");
    if !path.is_file() {
        let finding = Finding::attention(Code::SettingMissing, ".env", "le fichier n'existe pas");
        found.push(problem("env", finding.action("copiez .env.example en .env, puis chmod 600 .env")));
        return;
    }
    let Ok(text) = fs::read_to_string(&path) else {
        found.push(problem("env", Finding::attention(Code::FileUnreadable, ".env", "illisible")));
        return;
    };
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some((key, value)) = line.split_once('=') {
            let key = key.trim().trim_start_matches("export ").trim().to_owned();
            values.insert(key, value.trim().trim_matches(['"', '\'']).to_owned());
        }
    }
    for names in KEYS {
        if !names.iter().any(|name| values.get(*name).is_some_and(|value| !value.is_empty())) {
            let finding =
                Finding::attention(Code::SettingMissing, ".env", format!("la clé {} manque ou est vide", names[0]));
            let (example, note) = match names[0] {
                "API_RATE_LIMIT" => ("600/60", ""),
                "API_IP_ALLOWLIST" => ("0.0.0.0/0,::/0", " (toutes les adresses, ou celles que vous choisissez)"),
                _ => ("…", ""),
            };
            found.push(problem("env", finding.action(format!("ajoutez {}={example} à .env{note}", names[0]))));
        }
    }
    let weak = |value: &str, user: Option<&String>| {
        let common =
            ["root", "admin", "password", "motdepasse", "changeme", "secret", "flux", "fluxvision", "123456", "azerty"];
        value.chars().count() < 8
            || common.contains(&value.to_lowercase().as_str())
            || user.is_some_and(|user| user == value)
    };
    for (key, value) in values.iter().filter(|(key, value)| key.starts_with("DB_PASSWORD") && !value.is_empty()) {
        let user = ["DB_USERNAME", "DB_USER"].iter().find_map(|name| values.get(*name));
        if weak(value, user) {
            let finding = Finding::attention(Code::SecretWeak, ".env", format!("{key} est trop facile à deviner"));
            found.push(problem("env", finding.action("choisissez au moins 12 caractères au hasard")));
        }
    }
    let production = values.get("APP_ENV").is_some_and(|value| value.eq_ignore_ascii_case("production"));
    let debug =
        values.get("APP_DEBUG").is_some_and(|value| ["true", "1", "on"].contains(&value.to_lowercase().as_str()));
    if production && debug {
        let finding = Finding::attention(Code::DebugInProduction, ".env", "APP_DEBUG est actif en production");
        found.push(problem("env", finding.action("mettez APP_DEBUG=false")));
    }
}

/// Findings that somebody has looked at and accepted.
struct Allowlist {
    entries: Vec<(String, String)>,
}

impl Allowlist {
    fn read(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::io("lecture de", path)(error)),
        };
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (rule, place) = line.split_once(char::is_whitespace).ok_or_else(|| Error::Config {
                message: format!("{}, ligne {} : il manque la règle ou le chemin", path.display(), index + 1),
                hint: "écrivez : règle chemin, où * vaut n'importe quoi (exemple : affectation tests/*)".into(),
            })?;
            entries.push((rule.to_owned(), place.trim().to_owned()));
        }
        Ok(Self { entries })
    }

    fn covers(&self, rule: &str, place: &str) -> bool {
        self.entries.iter().any(|(rules, places)| matches(rules, rule) && matches(places, place))
    }
}

/// Whether `text` fits `pattern`, in which `*` is anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = pattern.split('*').skip(1).last() else { return rest.is_empty() };
    let middle: Vec<&str> = parts.collect();
    for part in &middle[..middle.len() - 1] {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

impl Report for SecurityReport {
    fn render(&self, page: &mut Page) {
        for problem in &self.findings {
            page.verdict(
                Verdict::Attention,
                format!("[{}] {} : {}", problem.rule, problem.finding.place, problem.finding.message),
            );
            if let Some(action) = &problem.finding.action {
                page.action(action);
            }
        }
        if !self.counts.is_empty() {
            let mut table = Table::new(&["règle", ">constats"]);
            self.counts.iter().for_each(|(rule, count)| table.row([rule.clone(), number(*count)]));
            page.gap();
            page.table(&table);
            page.gap();
        }
        let mut line = plural(self.files, "fichier examiné", "fichiers examinés");
        if self.skipped > 0 {
            line += &format!(", {} (binaires, liens ou trop grands)", plural(self.skipped, "écarté", "écartés"));
        }
        if self.allowed > 0 {
            line += &format!(", {}", plural(self.allowed, "constat accepté", "constats acceptés"));
        }
        let count = self.findings.len() as u64;
        page.conclude(self.verdict(), format!("{}, {line}", plural(count, "constat", "constats")));
        if let Some(action) = self.findings.first().and_then(|problem| problem.finding.action.as_deref()) {
            page.action(action);
        }
        if count > 0 {
            page.action(&format!("un constat examiné et accepté se note dans {ALLOWLIST} : règle chemin"));
        }
    }

    fn verdict(&self) -> Verdict {
        if self.findings.is_empty() { Verdict::Ok } else { Verdict::Attention }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, fits) in [
            ("tests/*", "tests/a/b.php", true),
            ("tests/*", "src/tests/a", false),
            ("*.php", "a.php", true),
            ("*.php", "a.php.txt", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "ac", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
