//! `scripts/crontab.example` and `scripts/systemd/`: every entry's command runs, silent when all is well.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use flux_test::{Home, TestDb, Tool, bin_dir};
use support::weekly::World;

fn scripts() -> PathBuf {
    flux_test::repository().join("scripts")
}

/// Time fields and command of each entry of the crontab.
fn crontab() -> Vec<(String, String)> {
    let text = fs::read_to_string(scripts().join("crontab.example")).unwrap();
    let entries = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit() || c == '*'));
    let split = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields[..5].join(" "), fields[5..].join(" "))
    };
    entries.map(split).collect()
}

/// Name and text of each unit with this ending.
fn units(ending: &str) -> Vec<(String, String)> {
    let mut units: Vec<(String, String)> = fs::read_dir(scripts().join("systemd"))
        .unwrap()
        .flatten()
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path()).unwrap()))
        .filter(|(name, _)| name.ends_with(ending))
        .collect();
    units.sort();
    units
}

fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(key)).collect()
}

/// A home in order, with its database, as an installation has it.
fn installed() -> (TestDb, Home) {
    let World { home, db } = World::seeded();
    let env = "APP_ENV=local\nDB_DATABASE=flux\nDB_USERNAME=flux_web\nDB_PASSWORD='k7#Wq!mZ-2vT9'\nAPI_RATE_LIMIT=60\nAPI_ALLOWLIST=127.0.0.1\n";
    let path = home.write(".env", env);
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    (db, home)
}

/// Runs a command as cron does: by sh, with little in the environment.
#[track_caller]
fn runs_silently(home: &Home, command: &str) {
    let path = format!("{}:{}:/usr/bin:/bin", bin_dir().display(), scripts().display());
    let run = Tool::program("/bin/sh").home(home).args(["-c", command]).env("PATH", path).env("FLUX_HOME", home.path());
    let run = run.limit(Duration::from_secs(120)).run().expect_code(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""), "{command}\n{run}");
}

#[test]
fn every_row_of_the_guide_has_an_entry_in_both() {
    let rows = [
        ("import-hebdo", "30 5 * * 1"),
        ("clear-cache-midnight", "5 0 * * *"),
        ("update-saisons", "15 4 1 1,4,7,10 *"),
        ("backup-critical", "30 0 * * *"),
        ("rotate-logs", "50 0 * * *"),
        ("security-cleanup-check", "15 3 2 * *"),
        ("check-status", "45 6 * * *"),
    ];
    let entries = crontab();
    assert_eq!(entries.len(), rows.len());
    let services = units(".service");
    for (tool, times) in rows {
        let found = entries.iter().find(|(_, command)| command.starts_with(tool)).unwrap_or_else(|| panic!("{tool}"));
        assert_eq!(found.0, times, "{tool}");
        assert!(services.iter().any(|(_, text)| text.contains(&format!("/usr/bin/{tool} -q"))), "{tool}");
    }
    let names = |ending: &str| -> BTreeSet<String> {
        units(ending).into_iter().map(|(name, _)| name.trim_end_matches(ending).to_owned()).collect()
    };
    assert_eq!(names(".service"), names(".timer"));
}

#[test]
fn the_commands_of_the_crontab_run_and_are_silent() {
    let (_db, home) = installed();
    for (_, command) in crontab() {
        runs_silently(&home, &command);
    }
}

#[test]
fn the_commands_of_the_units_run_and_are_silent() {
    let (_db, home) = installed();
    for (name, text) in units(".service") {
        let commands = values(&text, "ExecStart=");
        assert!(!commands.is_empty(), "{name}");
        for command in commands {
            runs_silently(&home, &as_systemd(command));
        }
    }
}

/// A command of a unit as systemd hands it on, with the programs of this build.
fn as_systemd(command: &str) -> String {
    command.replace("/usr/bin/", "").replace("$$", "$").replace("\\\\", "\\")
}

/// What ends in a mail is 80 columns wide: reports and what is said on stderr.
#[test]
fn mails_are_as_wide_as_mail_programs_show_them() {
    assert!(fs::read_to_string(scripts().join("crontab.example")).unwrap().contains("\nCOLUMNS=80\n"));
    for (name, text) in units(".service") {
        assert!(values(&text, "Environment=").iter().any(|value| value.ends_with(" COLUMNS=80")), "{name}");
    }
    let home = Home::without_db();
    let unreachable = ["--host", "127.0.0.1", "--port", "9", "--user", "u", "--database", "d"];
    let said =
        home.tool("check-status").arg("-q").args(unreachable).env("COLUMNS", "80").run().expect_code(1).stderr.clone();
    assert!(said.contains("DB_HOST") && said.lines().all(|line| line.chars().count() <= 80), "{said}");
    // Without it, a log has each message on its line.
    let plain = home.tool("check-status").arg("-q").args(unreachable).run().expect_code(1).stderr.clone();
    assert_eq!(plain.lines().count(), 2, "{plain}");
}

/// systemd takes a backslash and an apostrophe within a value out of an `EnvironmentFile=`, and the environment wins over `.env`: the timers
/// would be refused with a password that is right everywhere else.
#[test]
fn units_leave_the_settings_to_the_tools_and_take_their_own_options() {
    let portal = flux_test::repository().join("packaging/systemd/fluxvision-portail.service");
    for (name, text) in units(".service").into_iter().chain([("portail".into(), fs::read_to_string(portal).unwrap())]) {
        assert!(values(&text, "EnvironmentFile=").is_empty(), "{name}");
    }
    let home = Home::without_db();
    home.write("bin/import-hebdo", "#!/bin/sh\nprintf '%s|' \"$@\"\n");
    fs::set_permissions(home.join("bin/import-hebdo"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let command = units(".service").into_iter().find(|(name, _)| name == "fluxvision-import.service").unwrap().1;
    let command = as_systemd(values(&command, "ExecStart=")[0]);
    let path = format!("{}:/usr/bin:/bin", home.join("bin").display());
    for (line, expected) in [
        ("", "-q|"),
        ("IMPORT_HEBDO_OPTIONS=--fetch --only *.csv\n", "-q|--fetch|--only|*.csv|"),
        ("DB_PASSWORD=l'\\été\nIMPORT_HEBDO_OPTIONS='--latest 2'\n", "-q|--latest|2|"),
        ("# IMPORT_HEBDO_OPTIONS=--fetch\n", "-q|"),
    ] {
        home.write(".env", line);
        let run = Tool::program("/bin/sh").home(&home).args(["-c", &command]).env("PATH", &path).run().expect_code(0);
        assert_eq!(run.stdout, expected, "{line}");
    }
}

#[test]
fn something_wrong_is_not_silent() {
    let (_db, home) = installed();
    home.write("adminer.php", "x");
    let run = home.tool("security-cleanup-check").arg("-q").run().expect_code(3);
    assert!(run.stdout.contains("adminer.php"), "{run}");
}

#[test]
fn calendars_and_units_are_what_systemd_understands() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return flux_test::skip("systemd-analyze is not installed");
    }
    for (name, text) in units(".timer") {
        for calendar in values(&text, "OnCalendar=") {
            let output = Command::new("systemd-analyze").args(["calendar", calendar]).output().unwrap();
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    for (name, text) in units(".service") {
        for section in ["[Unit]", "[Service]"] {
            assert_eq!(text.matches(section).count(), 1, "{name}");
        }
    }
}

/// Every unit, the portal's and the one that sends mail too, may do little: 3 of 10 at the most by systemd's own count.
#[test]
fn units_are_closed_to_what_they_do_not_need() {
    let judge = |unit: &str| {
        Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=30", unit]).output()
    };
    let mut judged = 0;
    for folder in ["scripts/systemd", "packaging/systemd"] {
        for entry in fs::read_dir(flux_test::repository().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "service") {
                let Ok(output) = judge(path.to_str().unwrap()) else {
                    return flux_test::skip("systemd-analyze is not installed");
                };
                let text = String::from_utf8_lossy(&output.stdout);
                assert!(output.status.success() && text.contains("OK"), "{}: {text}", path.display());
                judged += 1;
            }
        }
    }
    assert_eq!(judged, 9, "seven entries of the schedule, the portal and the mail");
}
