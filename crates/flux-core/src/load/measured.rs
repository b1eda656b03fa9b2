//! An import with what it cost, for `import-optimized`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Result;
use crate::load::{self, ImportOptions, ImportReport};
use crate::report::{Done, Page, Report, Verdict, bytes, number};
use crate::task::{Context, Task};

/// An import with what it cost.
#[derive(Debug, Serialize, JsonSchema)]
struct MeasuredImport {
    #[serde(flatten)]
    import: ImportReport,
    /// Lines read per second, over the whole run.
    lines_per_s: u64,
    /// Largest resident memory of this process; absent where the system does not tell.
    peak_memory_bytes: Option<u64>,
}

/// `import-optimized`: an import, with the lines that it read per second and the memory that it took.
#[derive(Debug, Clone)]
pub struct Measured(pub ImportOptions);

impl Task for Measured {
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let started = std::time::Instant::now();
        let import = load::run(context, database, &self.0)?;
        let seconds = started.elapsed().as_secs_f64().max(0.001);
        let lines_per_s = (import.totals.lines_read as f64 / seconds) as u64;
        Ok(MeasuredImport { import, lines_per_s, peak_memory_bytes: peak_memory() })
    }
}

fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

impl Report for MeasuredImport {
    fn render(&self, page: &mut Page) {
        self.import.render(page);
        let memory = self.peak_memory_bytes.map_or("inconnue".into(), bytes);
        page.line(format!("  {} lignes/s, mémoire maximale {memory}", number(self.lines_per_s)));
    }

    fn verdict(&self) -> Verdict {
        self.import.verdict()
    }

    fn done(&self) -> Done {
        self.import.done()
    }
}
