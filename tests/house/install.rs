//! `scripts/install` and `scripts/package-deb`: what they put in place, and that it goes away again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use flux_test::{Home, Outcome, Tool, profile_dir, repository};

fn script(home: &Home, name: &str) -> Tool {
    let target = profile_dir().parent().unwrap().to_owned();
    let profile = if profile_dir().ends_with("release") { "release" } else { "debug" };
    Tool::program(repository().join("scripts").join(name))
        .args(["--no-build", "--profile", profile])
        .env("CARGO_TARGET_DIR", target)
        .env("HOME", home.path())
        .current_dir(repository())
        .limit(Duration::from_secs(300))
}

fn files(folder: &Path) -> Vec<String> {
    let output = Command::new("find")
        .arg(folder)
        .args(["(", "-type", "f", "-o", "-type", "l", ")", "-printf", "%P\n"])
        .output()
        .unwrap();
    let mut files: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    files.sort();
    files
}

fn run(program: &Path, arguments: &[&str]) -> Outcome {
    Tool::program(program).args(arguments).run()
}

/// Debug builds, and only they, have the places where tests kill a tool.
fn has_fail_points(program: &Path) -> bool {
    Command::new("grep").args(["-q", "FLUX_FAILPOINT"]).arg(program).status().unwrap().success()
}

#[test]
fn a_release_with_fail_points_is_neither_installed_nor_packaged() {
    let home = Home::without_db();
    // A target folder whose release is what was built for the tests, which are in debug unless told otherwise.
    let target = home.join("target");
    fs::create_dir_all(target.join("release")).unwrap();
    fs::copy(profile_dir().join("flux"), target.join("release/flux")).unwrap();
    let code = i32::from(cfg!(debug_assertions));
    for (name, option, place) in [("install", "--prefix", "prefix"), ("package-deb", "--output", "out")] {
        if name == "package-deb" && Command::new("dpkg-deb").arg("--version").output().is_err() {
            continue;
        }
        let run = script(&home, name).args(["--profile", "release", option]).arg(home.join(place));
        let outcome = run.env("CARGO_TARGET_DIR", &target).run();
        assert_eq!((outcome.code, home.join(place).exists()), (code, code == 0), "{outcome}");
        assert_eq!(outcome.stderr.contains("FLUX_FAILPOINT"), code == 1, "{outcome}");
    }
}

#[test]
fn installed_run_from_there_and_removed() {
    let home = Home::without_db();
    let prefix = home.join("préfixe avec espace");
    let foreign = prefix.join("bin/autre-programme");
    fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    fs::write(&foreign, "à d'autres").unwrap();
    let installed =
        script(&home, "install").arg("--prefix").arg(&prefix).run().expect_code(0).expect_stdout("Mio au total");
    let flux = prefix.join("bin/flux");
    run(&flux, &["dev", "simple_test", "--version"]).expect_code(0).expect_stdout("simple-test ");
    run(&flux, &["list"]).expect_code(0);
    assert_eq!(has_fail_points(&flux), cfg!(debug_assertions));
    let all = files(&prefix);
    for file in [
        "bin/update-temp-tables",
        "bin/import-hebdo",
        "share/man/man1/flux.1.gz",
        "share/man/man1/flux-init.1.gz",
        "share/man/man1/import-hebdo.1.gz",
        "share/man/man1/update-temp-tables.1.gz",
        "share/bash-completion/completions/flux",
        "share/zsh/site-functions/_update-temp-tables",
        "share/fish/vendor_completions.d/verify-migration.fish",
    ] {
        assert!(all.iter().any(|known| known == file), "{file} is missing\n{installed}");
    }
    // One program, and names that lead to it wherever the folder goes.
    for name in run(&flux, &["list", "--names"]).expect_code(0).stdout.lines() {
        assert_eq!(fs::read_link(prefix.join("bin").join(name)).unwrap(), Path::new("flux"), "{name}");
    }
    run(&prefix.join("bin/scrap-date"), &["--version"]).expect_code(0).expect_stdout("scrap-date ");
    // Again, over itself.
    script(&home, "install").arg("--prefix").arg(&prefix).run().expect_code(0);
    assert_eq!(files(&prefix), all);
    let uninstall = || script(&home, "install").args(["--uninstall", "--prefix"]).arg(&prefix);
    uninstall().run().expect_code(0);
    assert_eq!(files(&prefix), ["bin/autre-programme"]);
    uninstall().run().expect_code(1).expect_stderr("rien n'est installé");
    script(&home, "install").arg("--prefixe").run().expect_code(2);
}

#[test]
fn the_package_is_installed_and_removed() {
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        return flux_test::skip("dpkg-deb is not installed");
    }
    let home = Home::without_db();
    script(&home, "package-deb").args(["--compression", "none", "--output"]).arg(home.join("out")).run().expect_code(0);
    let package = home.join("out").join(&home.list("out")[0]);
    let system = home.join("système");
    for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"] {
        fs::create_dir_all(system.join(folder)).unwrap();
    }
    fs::write(system.join("var/lib/dpkg/status"), "").unwrap();
    let dpkg = |action: &str, what: &Path| {
        Tool::program("dpkg")
            .arg(format!("--root={}", system.display()))
            .args(["--force-not-root", "--force-depends", "--force-script-chrootless", "--force-bad-path", action])
            .arg(what)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .limit(Duration::from_secs(300))
            .run()
            .expect_code(0)
    };
    dpkg("-i", &package);
    run(&system.join("usr/bin/flux"), &["dev", "simple_test", "--version"]).expect_code(0);
    assert_eq!(has_fail_points(&system.join("usr/bin/flux")), cfg!(debug_assertions));
    run(&system.join("usr/bin/simple-test"), &["--version"]).expect_code(0).expect_stdout("simple-test ");
    for file in
        ["etc/fluxvision/fluxvision.env", "etc/logrotate.d/fluxvision", "lib/systemd/system/fluxvision-import.timer"]
    {
        assert!(system.join(file).is_file(), "{file}");
    }
    assert!(system.join("usr/bin/import-hebdo").is_file());
    // Documents lead to one another where they lie, and what administrators are told to read is among them.
    let documents = system.join("usr/share/doc/fluxvision-outils");
    assert!(documents.join("docs/installation.md").is_file() && documents.join("copyright").is_file());
    Tool::program(repository().join("scripts/check-links")).arg(&documents).run().expect_code(0);
    // Timers are there and not enabled.
    assert!(!system.join("etc/systemd").exists());
    assert!(system.join("var/lib/fluxvision/data/data_temp").is_dir());
    fs::write(system.join("var/lib/fluxvision/data/data_temp/livraison.csv"), "à garder").unwrap();
    dpkg("-r", Path::new("fluxvision-outils"));
    assert!(!system.join("usr/bin/flux").exists() && system.join("etc/fluxvision/fluxvision.env").is_file());
    dpkg("-P", Path::new("fluxvision-outils"));
    assert!(!system.join("etc/fluxvision").exists());
    // What operators put there stays.
    assert_eq!(files(&system.join("var/lib/fluxvision")), ["data/data_temp/livraison.csv"]);
}

#[test]
fn the_package_names_every_licence_that_is_admitted() {
    let read = |name: &str| fs::read_to_string(repository().join(name)).unwrap();
    let (rules, copyright) = (read("deny.toml"), read("packaging/debian/copyright"));
    let allowed = rules.split("\nallow = [").nth(1).and_then(|list| list.split(']').next()).unwrap();
    let names: Vec<&str> = allowed.lines().filter_map(|line| line.split('"').nth(1)).collect();
    let comment = copyright.split("\n\n").next().unwrap();
    let words: Vec<&str> = comment.split([' ', '\n', ',', ';']).collect();
    assert!(names.len() > 5, "{allowed}");
    for name in names {
        assert!(words.contains(&name), "{name} is not in packaging/debian/copyright");
    }
}

/// What `cargo deny check licenses` would say, where it is not installed: by cargo's own list of what is compiled here.
#[test]
fn the_licence_of_every_dependency_is_admitted() {
    let rules = fs::read_to_string(repository().join("deny.toml")).unwrap();
    let quoted = |text: &str| text.split('"').nth(1).unwrap_or_default().to_owned();
    let list = |text: &str| text.split("allow = [").nth(1).unwrap().split(']').next().unwrap().to_owned();
    let admitted: Vec<String> = list(&rules).lines().map(quoted).filter(|name| !name.is_empty()).collect();
    let apart: Vec<(String, String)> = rules
        .split("\n[[licenses.")
        .skip(1)
        .map(|part| (quoted(part), quoted(part.split_once("\nexpression").or(part.split_once("\nallow")).unwrap().1)))
        .collect();
    let run = Tool::program(env!("CARGO")).args(["metadata", "--locked", "--format-version", "1", "--all-features"]);
    let run = run.args(["--offline", "--filter-platform", "x86_64-unknown-linux-gnu"]).current_dir(repository());
    let run = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var(name).ok()?)))
        .fold(run, |run, (name, value)| run.env(name, value));
    let metadata: serde_json::Value =
        serde_json::from_str(&run.limit(Duration::from_secs(120)).run().expect_code(0).stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let mut judged = 0;
    for package in packages.iter().filter(|package| package["source"].is_string()) {
        let name = package["name"].as_str().unwrap();
        // One choice of those that it leaves, with all that this one asks for.
        let says = package["license"].as_str().unwrap_or("none").replace(['(', ')'], "").replace('/', " OR ");
        let fits = says
            .split(" OR ")
            .any(|choice| choice.split(" AND ").all(|licence| admitted.iter().any(|known| known == licence.trim())));
        let exception = apart.iter().find(|(known, _)| known == name);
        let fits = fits || exception.is_some_and(|(_, licence)| says == *licence || says == "none");
        assert!(fits, "{name}: {says} is not in deny.toml");
        judged += 1;
    }
    assert!(judged > 100, "{judged} packages");
}

#[test]
fn the_package_has_nothing_that_debian_warns_of() {
    if Command::new("lintian").arg("--version").output().is_err() {
        return flux_test::skip("lintian is not installed");
    }
    let home = Home::without_db();
    script(&home, "package-deb").args(["--compression", "none", "--output"]).arg(home.join("out")).run().expect_code(0);
    let package = home.join("out").join(&home.list("out")[0]);
    // Compressing is what takes time, and what users get is compressed.
    let here = "uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball";
    // Nor the words that chance makes in a program's bytes: half of the time, for tags that are neither errors nor warnings.
    let run = Tool::program("lintian").args(["--no-cfg", "--fail-on", "error,warning", "--suppress-tags", here]);
    let run = run.args(["--dont-check-part", "binaries/spelling"]).arg(package);
    let run = run.env("PATH", "/usr/bin:/bin").limit(Duration::from_secs(300)).run().expect_code(0);
    assert!(!run.stdout.contains("E: ") && !run.stdout.contains("W: "), "{run}");
}

/// The mail of a failed unit, with programs of our own in the place of those that systemd and the mail transport bring.
#[test]
fn a_failed_unit_sends_what_it_wrote() {
    let home = Home::without_db();
    let program = |name: &str, text: &str| {
        let path = home.write(format!("bin/{name}"), format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    };
    program("journalctl", "echo \"12 lignes rejetées ($*)\"");
    program("uname", "echo serveur");
    let alert = || {
        let path = format!("{}:/usr/bin:/bin", home.join("bin").display());
        let run = Tool::program(repository().join("packaging/alerte")).arg("fluxvision-import.service");
        let run = run.env("PATH", path).env("MONITOR_EXIT_STATUS", "3").env("MONITOR_INVOCATION_ID", "abc");
        run.env("FLUX_ALERT_TO", "exploitation@example.org").run()
    };
    if !Path::new("/usr/sbin/sendmail").exists() {
        alert().expect_code(1).expect_stderr("msmtp-mta");
    }
    program(
        "sendmail",
        &format!("echo \"$*\" >'{}'; cat >'{}'", home.join("mots").display(), home.join("courrier").display()),
    );
    alert().expect_code(0);
    // Delivered before it ends: what a transport leaves behind is stopped with the unit.
    assert_eq!(home.read("mots"), "-odi -t\n");
    let mail = home.read("courrier");
    let (head, body) = mail.split_once("\n\n").unwrap();
    // « Flux Vision, fluxvision-import : à regarder », by base64 of coreutils.
    let subject = "Rmx1eCBWaXNpb24sIGZsdXh2aXNpb24taW1wb3J0IDogw6AgcmVnYXJkZXI=";
    assert!(
        head.contains(&format!("Subject: =?utf-8?B?{subject}?=")) && head.starts_with("To: exploitation@example.org\n")
    );
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "fluxvision-import sur serveur",
            "⚠ fait, mais à regarder",
            "  → lisez la suite ; relancer : systemctl start fluxvision-import.service",
            ""
        ],
        "{body}"
    );
    assert!(body.contains("12 lignes rejetées (--no-pager --output=cat _SYSTEMD_INVOCATION_ID=abc)"), "{body}");
}
