//! A real browser: Debian's chromium and its driver, one session for each way of looking.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Pixels of CSS.
    pub width: u32,
    pub dark: bool,
    pub script: bool,
}

impl Look {
    /// Light, with scripts.
    pub fn wide(width: u32) -> Self {
        Self { width, dark: false, script: true }
    }

    /// What the driver is asked for; `profile` is a folder of its own.
    pub fn capabilities(self, profile: &Path) -> serde_json::Map<String, Value> {
        let scheme = if self.dark {
            "--blink-settings=preferredColorScheme=0"
        } else {
            "--blink-settings=preferredColorScheme=1"
        };
        let scripts = if self.script { 1 } else { 2 };
        let options = json!({
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                "--no-first-run", "--window-size=1400,1000", scheme, format!("--user-data-dir={}", profile.display()),
            ],
            "mobileEmulation": {"deviceMetrics": {"width": self.width, "height": 900, "pixelRatio": 1.0, "mobile": false, "touch": false}},
            "prefs": {
                "profile.managed_default_content_settings.javascript": scripts,
                "download.default_directory": downloads(profile),
            },
        });
        serde_json::Map::from_iter([("goog:chromeOptions".to_owned(), options)])
    }
}

/// Where a browser with this profile saves files.
pub fn downloads(profile: &Path) -> PathBuf {
    profile.join("telechargements")
}

/// The driver, which starts and ends the browsers.
pub struct Driver {
    process: Child,
    pub url: String,
}

impl Driver {
    /// None where there is no driver here.
    pub fn start() -> Option<Self> {
        // The port that it finds free on one address may be taken on the other one: then it gives up, and finds another port next time.
        let mut tries = (0..5).map_while(|_| Self::try_start());
        tries.find_map(|(process, port)| Some(Self { process, url: format!("http://127.0.0.1:{}", port?) }))
    }

    /// The driver, and its port once it listens.
    fn try_start() -> Option<(Child, Option<u16>)> {
        let program = ["chromedriver", "/usr/lib/chromium/chromedriver"];
        let start =
            |name: &&str| Command::new(name).arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok();
        let mut process = program.iter().find_map(start)?;
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let text = line.split("started successfully on port ").nth(1)?.trim_end_matches('.').to_owned();
            text.parse::<u16>().ok()
        });
        if port.is_none() {
            let _ = process.wait();
        }
        Some((process, port))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The script of axe-core, where `scripts/test` has put it.
pub fn axe() -> Option<String> {
    let target = flux_test::profile_dir().parent()?.to_path_buf();
    let folders: [PathBuf; 2] = [target.join("flux-test/axe"), target.join("axe")];
    folders.iter().find_map(|folder| std::fs::read_to_string(folder.join("node_modules/axe-core/axe.min.js")).ok())
}
