//! What a run of `download-deliveries` found and did.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::download::DownloadOptions;
use crate::download::list::Listed;
use crate::report::{Code, Done, Finding, Page, Report, Table, Verdict, bytes, number, plural, some_of, verdict};

/// What became of a file, or would.
#[derive(Debug)]
pub(crate) enum Outcome {
    Known {
        file: String,
        bytes: u64,
    },
    /// To be fetched; `replaces` is the earlier version that is here, `begun` what an earlier run has fetched of it.
    Offered {
        replaces: Option<String>,
        begun: u64,
    },
    /// Fetched. `replaces` is the earlier version, which is still here.
    Fetched {
        file: String,
        bytes: u64,
        resumed: u64,
        blake3: String,
        replaces: Option<String>,
    },
    /// Not fetched, or not to its end.
    Failed {
        message: String,
        action: String,
    },
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FileReport {
    study_code_ref: String,
    study: String,
    delivery_code_ref: String,
    delivery: String,
    year: Option<i32>,
    /// As the supplier calls it.
    file_name: String,
    modified: String,
    status: &'static str,
    file: Option<String>,
    bytes: Option<u64>,
    /// Bytes of an earlier run.
    resumed_from: Option<u64>,
    blake3: Option<String>,
    /// The file of the earlier version that is still here.
    replaces: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip)]
    action: Option<String>,
}

impl FileReport {
    pub(crate) fn new(listed: &Listed, outcome: Outcome) -> Self {
        let mut report = Self {
            study_code_ref: listed.study_code.clone(),
            study: listed.study.clone(),
            delivery_code_ref: listed.delivery_code.clone(),
            delivery: listed.delivery.clone(),
            year: listed.year(),
            file_name: listed.file_name.clone(),
            modified: listed.modified.clone(),
            status: "known",
            file: None,
            bytes: None,
            resumed_from: None,
            blake3: None,
            replaces: None,
            code: None,
            error: None,
            action: None,
        };
        match outcome {
            Outcome::Known { file, bytes } => (report.file, report.bytes) = (Some(file), Some(bytes)),
            Outcome::Offered { replaces, begun } => {
                report.status = if replaces.is_some() { "changed" } else { "new" };
                report.replaces = replaces;
                report.resumed_from = (begun > 0).then_some(begun);
            }
            Outcome::Fetched { file, bytes, resumed, blake3, replaces } => {
                report.status = "fetched";
                (report.file, report.bytes) = (Some(file), Some(bytes));
                report.resumed_from = (resumed > 0).then_some(resumed);
                (report.blake3, report.replaces) = (Some(blake3), replaces);
            }
            Outcome::Failed { message, action } => {
                report.status = "failed";
                report.code = Some(Code::DeliveryNotFetched);
                (report.error, report.action) = (Some(message), Some(action));
            }
        }
        report
    }
}

/// Report of `download-deliveries`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DownloadReport {
    url: String,
    #[serde(serialize_with = "crate::report::path_text")]
    #[schemars(with = "String")]
    folder: PathBuf,
    list_only: bool,
    #[serde(rename = "dry_run")]
    done: Done,
    /// Files of the whole list.
    pub(crate) listed: u64,
    /// Entries of the list that name no file.
    pub(crate) unusable: u64,
    /// Names of files that were left out as no data.
    pub(crate) other_kinds: Vec<String>,
    pub(crate) files: Vec<FileReport>,
    totals: Totals,
    pub(crate) findings: Vec<Finding>,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
struct Totals {
    known: u64,
    /// Neither here nor fetched: on a list or a dry run.
    new: u64,
    changed: u64,
    fetched: u64,
    failed: u64,
    fetched_bytes: u64,
}

impl DownloadReport {
    pub(crate) fn new(url: &str, folder: PathBuf, options: &DownloadOptions) -> Self {
        Self {
            url: url.to_owned(),
            folder,
            list_only: options.list,
            done: Done::unless(options.dry_run),
            listed: 0,
            unusable: 0,
            other_kinds: Vec::new(),
            files: Vec::new(),
            totals: Totals::default(),
            findings: Vec::new(),
        }
    }

    /// Counts, and says what needs a look.
    pub(crate) fn conclude(&mut self) {
        let count = |status: &str| self.files.iter().filter(|file| file.status == status).count() as u64;
        let fetched = self.files.iter().filter(|file| file.status == "fetched");
        self.totals = Totals {
            known: count("known"),
            new: count("new"),
            changed: count("changed"),
            fetched: count("fetched"),
            failed: count("failed"),
            fetched_bytes: fetched.filter_map(|file| file.bytes).sum(),
        };
        for file in &self.files {
            if let Some(error) = &file.error {
                let finding = Finding::attention(Code::DeliveryNotFetched, &file.file_name, error);
                self.findings.push(finding.action(file.action.clone().unwrap_or_else(|| "relancez".into())));
            }
            if let (Some(older), Some(newer)) = (&file.replaces, &file.file) {
                let message =
                    format!("le fournisseur l'a changé le {} : la nouvelle version est {newer}", file.modified);
                let finding = Finding::attention(Code::DeliveryChanged, older, message);
                self.findings.push(finding.action("gardez la nouvelle et retirez l'ancienne avant `extract-only`"));
            }
        }
        if self.unusable > 0 {
            let what = plural(self.unusable, "entrée de la liste ne nomme", "entrées de la liste ne nomment");
            let finding = Finding::attention(Code::DeliveryNotFetched, "liste", format!("{what} aucun fichier"));
            self.findings.push(finding.action("regardez sur le portail d'Orange ce qui manque"));
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&["fichier", "?étude", "livraison", "?modifié le", "état", ">taille"]);
        for file in &self.files {
            let (verdict, state) = match file.status {
                "known" => (Verdict::Ok, "déjà là".to_owned()),
                "new" => match file.resumed_from {
                    Some(begun) => (Verdict::Attention, format!("commencé ({})", bytes(begun))),
                    None => (Verdict::Attention, "nouveau".into()),
                },
                "changed" => (Verdict::Attention, "changé".into()),
                "fetched" if file.replaces.is_some() => (Verdict::Attention, "téléchargé à côté".into()),
                "fetched" if file.resumed_from.is_some() => (Verdict::Ok, "repris et terminé".into()),
                "fetched" => (Verdict::Ok, "téléchargé".into()),
                _ => (Verdict::Error, "pas en entier".into()),
            };
            let date = file.modified.get(..16).unwrap_or(&file.modified).replace('T', " ");
            let state = format!("{} {state}", verdict.sign());
            let size = file.bytes.map_or_else(String::new, bytes);
            table.row([file.file_name.clone(), file.study.clone(), file.delivery.clone(), date, state, size]);
        }
        table
    }
}

impl Report for DownloadReport {
    fn render(&self, page: &mut Page) {
        let table = self.table();
        if !table.is_empty() {
            page.table(&table);
            page.gap();
        }
        if !self.other_kinds.is_empty() {
            let count = plural(
                self.other_kinds.len() as u64,
                "fichier d'un autre genre laissé",
                "fichiers d'un autre genre laissés",
            );
            page.line(format!("{count} (--all-kinds les prend) : {}", some_of(&self.other_kinds, 5)));
        }
        for finding in &self.findings {
            page.finding(finding);
        }
        let totals = &self.totals;
        let line = if self.list_only || !self.done.really() {
            let fetched = totals.new + totals.changed;
            format!(
                "{} sur {} proposés, {}",
                plural(self.files.len() as u64, "fichier retenu", "fichiers retenus"),
                number(self.listed),
                plural(fetched, "à télécharger", "à télécharger")
            )
        } else {
            format!(
                "{} ({}), {} déjà là, {}, dans {}",
                plural(totals.fetched, "fichier téléchargé", "fichiers téléchargés"),
                bytes(totals.fetched_bytes),
                number(totals.known),
                plural(totals.failed, "non téléchargé", "non téléchargés"),
                self.folder.display()
            )
        };
        page.conclude(self.verdict(), line);
        // Where something asks for a look, that comes first.
        if totals.fetched > 0 && self.findings.is_empty() {
            page.action("`extract-only` décompresse les archives");
        }
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.findings)
    }

    fn done(&self) -> Done {
        self.done
    }
}
