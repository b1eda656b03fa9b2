//! Messages on stderr for the operator, and with their time in `logs/<tool>.log`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

use env_logger::{Builder, Target};
use log::{Level, LevelFilter, Log, Metadata, Record};

use flux_core::error::{Error, Result};
use flux_core::files;
use flux_core::progress::Progress;
use flux_report::{message, one_line, plural};

struct Both {
    stderr: env_logger::Logger,
    file: Option<env_logger::Logger>,
    progress: Progress,
}

static LOGGER: OnceLock<Both> = OnceLock::new();

impl Log for Both {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.stderr.enabled(metadata) || self.file.as_ref().is_some_and(|file| file.enabled(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        if self.stderr.matches(record) {
            self.progress.suspend(|| self.stderr.log(record));
        }
        if let Some(file) = &self.file {
            file.log(record);
        }
    }

    fn flush(&self) {
        if let Some(file) = &self.file {
            file.flush();
        }
    }
}

/// Installs the logger. Without a usable folder there is no log file, which is said once and stops nothing.
pub(super) fn install(
    tool: &'static str,
    log: &str,
    folder: Option<&Path>,
    quiet: bool,
    verbose: u8,
    progress: &Progress,
) {
    let on_stderr = match (quiet, verbose) {
        (true, _) => LevelFilter::Error,
        (_, 0) => LevelFilter::Warn,
        (_, 1) => LevelFilter::Info,
        _ => LevelFilter::Debug,
    };
    let in_file = if verbose > 0 { LevelFilter::Debug } else { LevelFilter::Info };
    let stderr = builder(on_stderr)
        .target(Target::Stderr)
        .format(move |buffer, record| {
            let sign = match record.level() {
                Level::Error => "✗ ",
                Level::Warn => "⚠ ",
                _ => "",
            };
            writeln!(buffer, "{}", message(&format!("{tool} : {sign}{}", record.args())))
        })
        .build();
    let opened = folder.map(|folder| open(folder, log));
    let (file, problem) = match opened {
        Some(Ok(file)) => (Some(file), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let file = file.map(|file| {
        builder(in_file)
            .target(Target::Pipe(Box::new(file)))
            .format(|buffer, record| {
                let now = chrono::Local::now().format("%Y-%m-%dT%H:%M:%S%:z");
                let line = record.args().to_string();
                writeln!(buffer, "{now} [{}] {} {}", std::process::id(), record.level(), one_line(&line))
            })
            .build()
    });
    let most = file.as_ref().map_or(on_stderr, |file| file.filter().max(on_stderr));
    let logger = LOGGER.get_or_init(|| Both { stderr, file, progress: progress.clone() });
    if log::set_logger(logger).is_ok() {
        log::set_max_level(most);
    }
    if let Some(error) = problem {
        let hint = error.hint().map(|hint| format!(" → {hint}")).unwrap_or_default();
        log::warn!("pas de journal : {error}{hint}");
    }
}

/// Most lines of a report that go into the log.
const MOST_LINES: usize = 5_000;

/// Writes a report into the log as people read it: verdict, numbers of each table, findings. `text` is asked for only where there is one.
pub(super) fn report(text: impl FnOnce() -> String) {
    if LOGGER.get().is_none_or(|logger| logger.file.is_none()) {
        return;
    }
    let text = text();
    let ruled = |line: &&str| !line.chars().all(|c| matches!(c, ' ' | '─'));
    let mut lines = text.lines().filter(ruled);
    lines.by_ref().take(MOST_LINES).for_each(|line| to_file_only(Level::Info, line.trim_end()));
    let left = lines.count();
    if left > 0 {
        to_file_only(Level::Info, &format!("… et {} de plus dans le rapport", plural(left as u64, "ligne", "lignes")));
    }
}

/// Writes to the log file what stderr shows in another form.
pub(super) fn to_file_only(level: Level, message: &str) {
    if let Some(file) = LOGGER.get().and_then(|logger| logger.file.as_ref()) {
        file.log(&Record::builder().level(level).target("flux_core").args(format_args!("{message}")).build());
    }
}

fn builder(level: LevelFilter) -> Builder {
    let mut builder = Builder::new();
    // The drivers' own messages are of no use to an operator, and could hold what no log may hold.
    builder.filter_level(LevelFilter::Off).filter_module("flux", level);
    builder
}

fn open(folder: &Path, log: &str) -> Result<File> {
    std::fs::create_dir_all(folder).map_err(Error::io("création du dossier", folder))?;
    let path = folder.join(format!("{log}.log"));
    files::append(&path).map_err(Error::io("écriture de", path))
}
