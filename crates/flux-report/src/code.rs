//! What kind of thing a finding is, for programs: the `code` of every finding in every tool's JSON, listed in `docs/json.md`.

use schemars::JsonSchema;
use serde::Serialize;

/// A list of codes: variant, its name in JSON (kebab case), what it means to an operator.
macro_rules! codes {
    ($($variant:ident = $name:literal : $meaning:literal),+ $(,)?) => {
        /// The kind of a finding. A kind has one code, whichever tool finds it; names are part of the contract and do not change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
        #[allow(missing_docs, reason = "the meaning is beside each name below")]
        pub enum Code { $(#[serde(rename = $name)] $variant),+ }

        impl Code {
            /// Every code with its name in JSON and its meaning in French, in the order of the documentation.
            pub const ALL: &[(Code, &str, &str)] = &[$((Code::$variant, $name, $meaning)),+];

            /// Its name in JSON.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name),+ }
            }

            /// What it means to an operator.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$variant => $meaning),+ }
            }
        }
    };
}

codes! {
    FileMissing = "file-missing": "un fichier attendu est absent",
    FileUnreadable = "file-unreadable": "un fichier ne peut pas être lu",
    FileUnusable = "file-unusable": "un CSV ne peut pas être utilisé tel quel",
    FileEmpty = "file-empty": "un CSV n'a pas de ligne après l'en-tête",
    FileTruncated = "file-truncated": "la dernière ligne d'un CSV est coupée",
    FileRepeated = "file-repeated": "deux fichiers attendus ont le même contenu",
    FileUnexpected = "file-unexpected": "un fichier du dossier des livraisons n'est pas de ceux que l'import prend",
    FolderFilling = "folder-filling": "un dossier de passage garde de vieux fichiers",
    DeliveryOverdue = "delivery-overdue": "la dernière livraison est plus ancienne que permis",
    FileNotImported = "file-not-imported": "un fichier n'a pas été importé, ou pas dans cette version",
    ColumnMissing = "column-missing": "une colonne nécessaire manque dans l'en-tête",
    ImportFailed = "import-failed": "le dernier import d'un fichier a échoué",
    RejectedLines = "rejected-lines": "des lignes ont été ou seraient rejetées",
    ConflictingLines = "conflicting-lines": "des lignes de même clé se contredisent",
    LinesUnaccounted = "lines-unaccounted": "les lignes lues ne sont pas toutes retrouvées",
    RowsUnrecorded = "rows-unrecorded": "une table contient des lignes que l'historique n'explique pas",
    DaysMissing = "days-missing": "des jours manquent dans une livraison",
    PeriodDiffers = "period-differs": "un fichier couvre une autre période que les autres",
    PeriodUnexpected = "period-unexpected": "la période d'une livraison n'est pas celle qui devait suivre",
    DateShrunk = "date-shrunk": "une date a perdu beaucoup de lignes",
    WithdrawalSuspended = "withdrawal-suspended": "des lignes absentes d'une livraison sont gardées, car des lignes de leur date n'ont pas pu être lues",
    WithdrawalPending = "withdrawal-pending": "des lignes absentes d'une livraison attendent la migration qui les retire",
    BreakdownMissing = "breakdown-missing": "des lignes n'ont pas leur ventilation (département, pays, durée)",
    UndoRefused = "undo-refused": "une migration ne peut pas être annulée : ses lignes ont changé depuis",
    ArchiveDiffers = "archive-differs": "une table principale diffère des CSV archivés",
    ZoneVanished = "zone-vanished": "une zone a disparu de dates déjà en base",
    CategoryVanished = "category-vanished": "une catégorie ou une provenance a disparu de dates déjà en base",
    NothingStored = "nothing-stored": "un fichier a été lu et aucune de ses lignes n'est en base",
    CoverageIncomplete = "coverage-incomplete": "des dates × zones × catégories manquent",
    VolumeUnusual = "volume-unusual": "un volume s'écarte de l'habitude",
    VolumeScaled = "volume-scaled": "des volumes changent d'échelle",
    LoadUndone = "load-undone": "un chargement a été annulé : ses lignes ne sont plus en base",
    TablesEmpty = "tables-empty": "une table est vide alors qu'elle ne devrait pas l'être",
    NameUnknown = "name-unknown": "un nom ne mène à aucune ligne de sa dimension",
    NameAmbiguous = "name-ambiguous": "un nom mène à plusieurs lignes de sa dimension",
    ZoneMissing = "zone-missing": "des zones de la référence sont absentes de la base",
    ZoneSplit = "zone-split": "une zone est répartie sur plusieurs lignes",
    ZoneWithoutData = "zone-without-data": "une zone n'a pas de données, ou pas pour une année",
    OrphanRows = "orphan-rows": "des faits désignent une ligne de dimension qui n'existe pas",
    DimensionEmpty = "dimension-empty": "une dimension est vide",
    MergeBlocked = "merge-blocked": "une fusion ne peut pas se faire sans choix",
    ProvisionalPending = "provisional-pending": "des lignes provisoires retirées attendent encore dans une table temporaire",
    TableMissing = "table-missing": "une table n'existe pas",
    SchemaIncomplete = "schema-incomplete": "une table n'a pas les colonnes, index ou clés attendus",
    SchemaVersion = "schema-version": "la base est d'une version du schéma plus récente que ces outils",
    EngineUnsafe = "engine-unsafe": "le moteur d'une table ne connaît pas les transactions",
    NotAdopted = "not-adopted": "une base née d'anciens scripts n'a pas été adoptée",
    ColumnRefuses = "column-refuses": "une colonne refuse des lignes que les outils écrivent, ou laisse NULL dans une clé",
    DateImpossible = "date-impossible": "des lignes portent une date qui n'est aucun jour",
    ColumnUnfit = "column-unfit": "une colonne n'a pas le type que les outils attendent",
    TableUnfit = "table-unfit": "une table ne peut pas servir telle quelle : vue, partition hors de la clé, nom en d'autres capitales",
    KeyRefuses = "key-refuses": "une clé étrangère ou unique refuse des lignes que les outils écrivent",
    CheckRefuses = "check-refuses": "une contrainte CHECK refuse des lignes que les outils écrivent",
    TriggerActs = "trigger-acts": "un déclencheur agit sur les lignes que les outils écrivent",
    PartitionRefused = "partition-refused": "une table ne peut pas être partitionnée par année telle qu'elle est",
    DuplicateKeys = "duplicate-keys": "des clés sont plusieurs fois dans une table",
    DefinitiveMarked = "definitive-marked": "des lignes définitives portent la marque des provisoires",
    NameDamaged = "name-damaged": "un nom est abîmé dans la base",
    NameEmpty = "name-empty": "une ligne de dimension n'a pas de nom",
    EpciDoubled = "epci-doubled": "les lignes d'une même commune, du même jour, sont sous plusieurs EPCI",
    DimensionTwins = "dimension-twins": "une chose est en plusieurs lignes dans sa dimension",
    NumberReusable = "number-reusable": "un nouveau nom pourrait prendre le numéro de faits orphelins",
    NumberUnfit = "number-unfit": "une ligne de dimension porte un numéro que les outils n'emploient pas : 0 ou moins, ou celui d'une autre",
    CommuneUnplaced = "commune-unplaced": "une commune n'a pas son code INSEE ou son département",
    CollationUnsafe = "collation-unsafe": "l'interclassement d'une table peut perdre les accents",
    IndexMissing = "index-missing": "un index utile aux tableaux de bord manque",
    BackupOpen = "backup-open": "une clé étrangère lie une table sauvegardée à une qui ne l'est pas",
    TriggerLeft = "trigger-left": "un déclencheur est resté sur l'ancienne table",
    RightMissing = "right-missing": "un droit manque à l'utilisateur de la base",
    ServerTooOld = "server-too-old": "le serveur est plus ancien que ceux qui sont éprouvés",
    ServerReadOnly = "server-read-only": "le serveur est en lecture seule",
    NodeNotReady = "node-not-ready": "un nœud du groupe n'est pas à jour ou n'accepte pas d'écriture",
    WritersMany = "writers-many": "plusieurs machines ont écrit ces derniers jours dans une base répartie",
    ServerSetting = "server-setting": "un réglage du serveur gêne les outils",
    SettingMissing = "setting-missing": "un réglage manque",
    SettingDoubtful = "setting-doubtful": "une ligne ou une clé de .env est sans effet, ou ne dit pas ce qu'elle semble dire",
    HomeDoubtful = "home-doubtful": "le dossier de travail n'est peut-être pas le bon",
    FolderMissing = "folder-missing": "un dossier n'existe pas",
    FolderNotWritable = "folder-not-writable": "un dossier ne peut pas être lu ou écrit",
    ToolMissing = "tool-missing": "un outil n'est pas installé",
    ToolForeign = "tool-foreign": "le nom d'un outil est celui d'un autre programme",
    LinkNotFollowed = "link-not-followed": "un lien ou fichier spécial n'a pas été suivi",
    NothingOffered = "nothing-offered": "le fournisseur ne propose rien, ou rien de l'étude demandée",
    DeliveryNotFetched = "delivery-not-fetched": "un fichier proposé par le fournisseur n'a pas été téléchargé en entier",
    DeliveryChanged = "delivery-changed": "un fichier déjà téléchargé a changé chez le fournisseur",
    CacheDamaged = "cache-damaged": "un fichier de cache n'est pas du JSON entier",
    SeasonMissing = "season-missing": "une saison manque",
    SeasonWrong = "season-wrong": "les dates ou la durée d'une saison sont fausses",
    SeasonGap = "season-gap": "deux saisons ne se suivent pas",
    PeriodMissing = "period-missing": "une période calculée manque",
    PeriodInvalid = "period-invalid": "une période n'a pas deux dates dans l'ordre",
    PeriodLink = "period-link": "une période n'est pas liée à la bonne saison",
    SchoolCalendarShort = "school-calendar-short": "le calendrier scolaire connu s'arrête trop tôt",
    CalendarWrong = "calendar-wrong": "dim_dates diffère du calendrier ou est incomplète",
    QueryEmpty = "query-empty": "une condition ne laisse aucune ligne",
    PeriodEmpty = "period-empty": "une période n'a aucun visiteur",
    PeriodIncomplete = "period-incomplete": "des jours sans données rendent des totaux incomparables",
    PeriodLengthDiffers = "period-length-differs": "deux périodes comparées n'ont pas le même nombre de jours",
    FigureUnexplained = "figure-unexplained": "rien n'explique une valeur en base, ou son absence",
    FigureSuperseded = "figure-superseded": "une livraison plus récente dit autre chose que la base",
    FigureDiffers = "figure-differs": "le portail et la base donnent deux chiffres",
    CheckNotDone = "check-not-done": "un contrôle n'a pas pu être fait",
    PortalUnreachable = "portal-unreachable": "le portail ne répond pas",
    PortalRefused = "portal-refused": "le portail a répondu par un refus ou une erreur HTTP",
    PortalError = "portal-error": "le portail signale une erreur dans une réponse 200",
    PortalSlow = "portal-slow": "une réponse du portail est lente",
    NotJson = "not-json": "une réponse n'est pas du JSON entier",
    ContentTypeWrong = "content-type-wrong": "une réponse n'est pas annoncée comme du JSON",
    FieldWrong = "field-wrong": "un champ d'une réponse manque ou n'a pas la forme attendue",
    AnswerTooLarge = "answer-too-large": "une réponse est plus grande qu'aucune ne doit l'être",
    AnswerEmpty = "answer-empty": "une réponse est vide",
    DimensionKept = "dimension-kept": "des lignes de dimension plus récentes que la sauvegarde sont restées",
    RowsWrittenSince = "rows-written-since": "une table a été écrite depuis sa restauration",
    BackupDamaged = "backup-damaged": "une sauvegarde n'est pas ce que dit son manifeste",
    BackupDoubtful = "backup-doubtful": "une sauvegarde a une date ou un contenu douteux",
    EndpointOpen = "endpoint-open": "une adresse protégée répond à qui ne devrait pas y accéder",
    RefusalUnproved = "refusal-unproved": "un refus ne prouve rien, ou a la mauvaise forme",
    TokenInClear = "token-in-clear": "un jeton part sans chiffrement",
    AccountsTableMissing = "accounts-table-missing": "la table des comptes n'existe pas",
    AccountsColumnMissing = "accounts-column-missing": "la table des comptes n'a pas une colonne attendue",
    NoAdministrator = "no-administrator": "aucun administrateur actif",
    WeakPassword = "weak-password": "un mot de passe est en clair, vide ou d'empreinte faible",
    LeftoverFile = "leftover-file": "un fichier de mise au point ou de sauvegarde est resté",
    PermissionsTooWide = "permissions-too-wide": "des droits laissent d'autres lire ou changer un fichier",
    SecretInFile = "secret-in-file": "un secret est écrit dans un fichier",
    SecretWeak = "secret-weak": "un secret est trop facile à deviner",
    DebugInProduction = "debug-in-production": "le mode de mise au point est actif en production",
    Usage = "usage": "les arguments n'ont pas de sens",
    Config = "config": "un réglage manque ou est illisible",
    Connect = "connect": "le serveur de base de données ne répond pas ou refuse la connexion",
    ConnectionsExhausted = "connections-exhausted": "le compte tient toutes les connexions auxquelles il a droit",
    QuotaExhausted = "quota-exhausted": "le compte a épuisé ce que l'hébergeur lui accorde par heure",
    PasswordExpired = "password-expired": "le mot de passe du compte a expiré",
    AccountLocked = "account-locked": "le compte est verrouillé",
    BinlogStatement = "binlog-statement": "le journal binaire du serveur n'accepte pas les écritures des outils",
    AuthUnsupported = "auth-unsupported": "le compte s'authentifie d'une façon que les outils ne connaissent pas",
    ServerUnproved = "server-unproved": "le serveur demande le mot de passe lui-même sans prouver qui il est",
    Sql = "sql": "une requête a échoué",
    TableBusy = "table-busy": "une table est utilisée par d'autres sans relâche",
    Locked = "locked": "une autre exécution est en cours",
    LockLost = "lock-lost": "une autre exécution a pris le verrou de celle-ci, qui ne donnait plus signe de vie",
    Io = "io": "un fichier ou un dossier n'a pas pu être lu ou écrit",
    FileChanged = "file-changed": "un fichier a changé pendant la lecture",
    TooManyRejects = "too-many-rejects": "trop de lignes rejetées, rien n'a été chargé",
    Invariant = "invariant": "un contrôle interne n'est pas satisfait, rien n'a été enregistré",
    Interrupted = "interrupted": "l'exécution a été interrompue à la demande",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_kebab_case_and_unique() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|(_, name, _)| *name).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')), "{names:?}");
        for (code, name, meaning) in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), *name);
            assert!(!meaning.is_empty() && !meaning.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn the_documentation_lists_every_code_with_its_meaning_and_no_other() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/json.md")).unwrap();
        let table = text.split("<!-- codes -->").nth(1).unwrap();
        let listed: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
        let expected: Vec<String> =
            Code::ALL.iter().map(|(_, name, meaning)| format!("| `{name}` | {meaning} |")).collect();
        assert_eq!(listed, expected);
    }
}
