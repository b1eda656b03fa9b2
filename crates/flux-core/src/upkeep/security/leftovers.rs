//! Files that were left behind, by their names: explorers, debug pages, copies, exports.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// Beginnings of scripts that show a database to whoever calls them.
const EXPLORERS: &[&str] =
    &["adminer", "phpminiadmin", "phpmyadmin", "phpliteadmin", "sqlbuddy", "dbkiss", "mysqldumper", "bigdump"];
/// Scripts that help whoever mends the site, and whoever attacks it.
const DEBUG: &[&str] = &[
    "info.php",
    "pi.php",
    "test.php",
    "phptest.php",
    "test_db.php",
    "test_connexion.php",
    "test_connection.php",
    "connexion_test.php",
    "db_test.php",
    "testdb.php",
    "eval-stdin.php",
    "console.php",
    "shell.php",
    "cmd.php",
];
/// Ends of copies that a web server gives to read as they are.
const COPIES: &[&str] = &[
    ".bak",
    ".old",
    ".orig",
    ".save",
    ".swp",
    ".swo",
    "~",
    ".php.txt",
    ".copy",
    ".bck",
    ".sav",
    ".disabled",
    ".backup",
];
/// Where clients keep what they sign in with.
const CREDENTIALS: &[&str] = &[".git-credentials", ".netrc", "_netrc", ".pgpass"];
const EXPORTS: &[&str] =
    &[".sql", ".sql.gz", ".sql.zip", ".sql.bz2", ".sql.xz", ".sql.zst", ".sql.7z", ".sql.tar", ".dump"];

/// Patterns that are compiled once; none where one of them is wrong, which a test excludes.
struct Patterns {
    /// `db_explorer.php`, `remote_db_explorer_secure.php`, `explorateur-sql.php`.
    explorer: Regex,
    /// `debug.php`, `debug_env.php`, `comparison_debug.php`.
    debug: Regex,
    /// `php_info.php`, `phpinfo2.php`.
    info: Regex,
    /// What a program had in memory when it fell: `core`, `core.4711`.
    core: Regex,
    /// A whole site: `www.tar.gz`, `sauvegarde-portail_2024.zip`.
    archive: Regex,
    /// `index.php.backup.2024-01-15`, `app.js.old2`, `config.php.20240115`, `config.bak.php`, `auth_old.php`.
    copy: Regex,
    /// `filters_backup.php`, `index-backup-2024-01-15.php`: what it is of, and its date.
    backup: Regex,
    /// What of [`Patterns::backup`] is a page and no tool that saves or restores.
    page: Regex,
    /// `restore_backup.php`, though `restore.php` stands beside it.
    tool: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let compile = |pattern: &str| Regex::new(pattern).ok();
    Some(Patterns {
        explorer: compile(
            r"(?:^|[._-])(?:db|sql|database|bdd|base|mysql|table)s?[._-]?(?:explorer|explorateur|browser|viewer|admin)[a-z0-9._-]*\.php$|(?:^|[._-])explorateur[a-z0-9._-]*\.php$|^(?:(?:exec|execute|run|requete|query)s?[._-]?)?sql[0-9]*\.php$",
        )?,
        debug: compile(r"^(?:debug|dump)(?:[._-][a-z0-9._-]*)?\.php$|[._-]debug\.php$")?,
        info: compile(r"^php[._-]?(?:info|version)[0-9]*\.php$")?,
        core: compile(r"^core(?:\.[0-9]+)?$")?,
        archive: compile(
            r"(?:^|[._-])(?:backup|sauvegarde|save|site|www|web|htdocs|public_html|portail|dump|bdd|database)s?(?:[._-].*)?\.(?:zip|rar|7z|tar|tgz|tar\.(?:gz|bz2|xz|zst))$",
        )?,
        copy: compile(
            r"\.(?:php|inc|phtml|js|css|html?|json|sql|py|sh|ini|ya?ml|env|htaccess)(?:[._-](?:backup|bak|bck|old|orig|save|sauvegarde|copy|copie|avant|prev|new)[._-]?[0-9]*(?:[._th-][0-9]+)*|[._-]?[0-9]{6,}(?:[._th-][0-9]+)*|\.[0-9]{1,2}|[._-][0-9]{4}-[0-9]{2}-[0-9]{2}(?:[._th-][0-9]+)*)$|\.(?:backup|bak|old|orig|copie|copy)[._-]?[0-9]*\.php$|_(?:bak|old|orig|copie)[._-]?[0-9]*\.php$| ?\((?:copie|[0-9])\)\.php$| - copie(?: \([0-9]+\))?\.[a-z]+$|^#.*#$",
        )?,
        backup: compile(
            r"(?i)^(.+?)[_-](?:backup|sauvegarde)[._-]?([0-9]*(?:[._th-][0-9]+)*)(\.(?:php|inc|phtml|js|html?))$",
        )?,
        page: compile(
            r"(?i)^(?:index|config|configuration|settings|parametres|login|auth|connexion|connect|header|footer|functions|fonctions|init|bootstrap)$",
        )?,
        tool: compile(
            r"(?i)^(?:restore|restaurer?|create|make|run|list|download|delete|clean|cleanup|verify|check|upload|send|schedule)$",
        )?,
    })
});

/// Whether a file is a copy of another, by what stands before `_backup` in its name: tools that save and restore are named so too. A copy
/// has its original beside it, a date, or the name of a page.
fn is_backup(path: &Path, patterns: &Patterns) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(parts) = patterns.backup.captures(&name) else { return false };
    let (of, date, ending) = (&parts[1], &parts[2], &parts[3]);
    let beside = || path.with_file_name(format!("{of}{ending}")).is_file() && !patterns.tool.is_match(of);
    patterns.page.is_match(of) || date.len() >= 6 || beside()
}

/// What a file is that should not be there, and what to do with it: `relative` is its path below the folder, `path` where it lies.
pub(super) fn of((relative, path): (&str, &Path), size: u64) -> Option<(&'static str, &'static str)> {
    let name = super::file_name(relative);
    let (ends, matches) = (
        |ends: &[&str]| ends.iter().any(|end| name.ends_with(end)),
        |pattern: fn(&Patterns) -> &Regex| PATTERNS.as_ref().is_some_and(|patterns| pattern(patterns).is_match(&name)),
    );
    let template = [".env.example", ".env.dist", ".env.sample", ".env.template"].contains(&name.as_str());
    if (name.starts_with(".env.") && !template) || name == "env.txt" {
        return Some(("copie de .env", "supprimez-la, ou gardez-la hors du dossier du site"));
    }
    let backup = || PATTERNS.as_ref().is_some_and(|patterns| is_backup(path, patterns));
    if size > 0 && (ends(COPIES) || matches(|patterns| &patterns.copy) || backup()) {
        return Some(("copie de travail, que le serveur web donne à lire ou à exécuter", "supprimez-la"));
    }
    // By their own names, or as the start page of a folder of theirs.
    let folder = relative.rsplit('/').nth(1).unwrap_or_default().to_lowercase();
    let is_explorer = |name: &str| EXPLORERS.iter().any(|explorer| name.starts_with(explorer)) || name == "pma";
    let explorer = name.ends_with(".php") && (is_explorer(&name) || (name == "index.php" && is_explorer(&folder)));
    if explorer || matches(|patterns| &patterns.explorer) {
        return Some(("explorateur de base de données accessible par le web", "supprimez-le"));
    }
    let is_debug = DEBUG.contains(&name.as_str()) || (name == "index.php" && folder == "debug");
    if is_debug || matches(|patterns| &patterns.debug) || matches(|patterns| &patterns.info) {
        return Some(("page de débogage laissée en place", "supprimez-la"));
    }
    // PHP writes there what goes wrong, with paths and at times what it was asked.
    if name == "error_log" {
        return Some(("journal d'erreurs de PHP dans le site", "fixez error_log hors du site, puis supprimez-le"));
    }
    if name == "nohup.out" {
        return Some(("sortie d'un programme lancé à la main", "supprimez-la"));
    }
    if CREDENTIALS.contains(&name.as_str()) {
        return Some((
            "identifiants d'un client (git, curl, psql)",
            "déplacez-le hors du dossier du site et changez le mot de passe",
        ));
    }
    if size > 0 && matches(|patterns| &patterns.core) {
        return Some(("mémoire d'un programme tombé, mots de passe compris", "supprimez-la"));
    }
    // Deliveries have their folders.
    if size > 0 && matches(|patterns| &patterns.archive) && !relative.starts_with("data/") {
        return Some(("archive qui peut contenir tout le site", "déplacez-la hors du dossier du site"));
    }
    if size > 0 && ends(EXPORTS) && !relative.starts_with("data/backups/") {
        return Some(("export de base de données hors de data/backups/", "déplacez-le ou supprimez-le"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        assert!(PATTERNS.is_some());
    }
}
