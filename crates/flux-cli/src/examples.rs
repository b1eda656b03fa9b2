//! Examples of each tool, for its help, its man page and its page of the documentation: a command, and what it does.

/// A command line and what it is for.
pub type Example = (&'static str, &'static str);

/// The examples of a tool; none for a name that is not in the table.
pub fn of(tool: &str) -> impl Iterator<Item = Example> + use<'_> {
    let typed = typed(tool);
    let is_of =
        move |command: &str| command.strip_prefix(&*typed).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    EXAMPLES.iter().filter(move |(command, _)| is_of(command)).copied()
}

/// What an operator types for a tool: `flux-init` is two words.
pub(crate) fn typed(tool: &str) -> String {
    tool.replacen("flux-", "flux ", 1)
}

/// The paragraph of the help: nothing where there are no examples.
pub(crate) fn text(tool: &str) -> String {
    let mut text = String::new();
    for (command, purpose) in of(tool) {
        text.push_str(&format!("\n  {command}\n      {purpose}"));
    }
    if text.is_empty() { text } else { format!("\n\nExemples :{text}") }
}

#[rustfmt::skip]
const EXAMPLES: &[Example] = &[
    ("check-import-progress", "où en est l'import qui tourne, ou l'issue du dernier"),
    ("check-import-progress --json", "la même chose pour un programme de surveillance"),
    ("import-optimized", "tout importer de nouveau, avec le débit et la mémoire"),
    ("import-sejours-duree-fr --dry-run", "contrôler ce fichier sans rien écrire"),
    ("import-sejours-duree-int", "importer les durées de séjour des visiteurs étrangers"),
    ("update-temp-tables --dry-run", "lire et contrôler la livraison sans rien écrire"),
    ("update-temp-tables --year 2025 --skip-large 100M", "une seule année, sans les fichiers de plus de 100 Mio"),
    ("update-temp-tables -q", "pour une tâche planifiée : silencieux si tout va bien"),
    ("adopt-database", "contrôler une base qui existait déjà, sans rien y écrire"),
    ("ensure-schema --dry-run", "voir ce qui manque à la base"),
    ("ensure-schema --seed", "créer ce qui manque et remplir les dimensions"),
    ("ensure-schema --test", "créer les tables _test"),
    ("ensure-schema --partition-by-year", "le plan d'un partage des tables principales par année"),
    ("migrate-optimized --dry-run", "le plan de la migration de la mobilité, lot par lot"),
    ("migrate-sejours-duree", "migrer les trois tables de durées de séjour"),
    ("migrate-temp-to-main --dry-run", "le plan de la migration : ajouts, changements, retraits"),
    ("migrate-temp-to-main", "migrer les dix tables, chacune prouvée"),
    ("migrate-temp-to-main --test", "s'exercer sur les tables _test"),
    ("merge-dimension --dim pays", "le plan de la réunion des pays qui sont en plusieurs lignes"),
    ("analyse-zones-csv", "les zones des CSV et celles de la base où elles mènent"),
    ("cache-admin", "l'état des caches, catégorie par catégorie"),
    ("cache-admin cleanup --category infographie", "retirer les fichiers périmés des infographies"),
    ("cache-admin purge --dry-run", "ce qu'une purge retirerait"),
    ("check-status", "où en est chaque table, et que faire maintenant"),
    ("check-status --max-age 10j", "et la livraison qui tarde est signalée"),
    ("check-zones", "la couverture des zones, table par table"),
    ("cleanup-old-cache --older-than 7j", "retirer les caches de plus d'une semaine"),
    ("compare-mobility-2024-2023 --year 2024 --reference 2023 --period vacances_ete --limit 20", "les communes qui gagnent et qui perdent"),
    ("diagnostic-migration", "ce qui manque pour migrer, avec la commande qui y remédie"),
    ("diagnostic-mobility --year 2025 --period annee_complete", "pourquoi une requête de mobilité est vide, condition par condition"),
    ("etat-csv-complet", "l'état de chaque fichier attendu, même sans base"),
    ("explain-volume --table fact_nuitees --date 2025-07-14 --zone \"HAUTE VALLÉE\" --categorie TOURISTE --provenance NONLOCAL", "d'où vient un chiffre : table, date, zone…"),
    ("historique --since 2025-07-01", "ce qui est arrivé à la base depuis cette date"),
    ("historique --table fact_nuitees --json", "les imports, migrations et restaurations d'une table, pour un programme"),
    ("tables-info --type fact --stats", "les tables de faits, avec lignes et tailles"),
    ("test-admin-restrictions --base-url https://observatoire.exemple.fr", "les portes du portail sont-elles fermées ?"),
    ("test-admin-restrictions --doors portes.csv", "avec des adresses propres à l'observatoire"),
    ("test-api-mobilite-directe --year 2025", "comparer la mobilité du portail avec la base"),
    ("test-api-simple --base-url https://observatoire.exemple.fr", "le portail répond-il ?"),
    ("test-infographie-apis --only pays_touristes", "un seul appel d'infographie"),
    ("test-zone-mapping-api-production", "chaque nom de zone mène-t-il à des données ?"),
    ("test-zone-mapping-api-production --base-url https://observatoire.exemple.fr --zone \"HAUTE VALLÉE\"", "ce que le portail en dit"),
    ("validation-complete-import --html validation.html", "la synthèse avant migration, avec une page à garder"),
    ("verify-migration --limit 20", "prouver la migration, au plus 20 clés par écart"),
    ("add-missing-zones --dry-run", "les zones de la référence qui manquent à la base"),
    ("archive-csv --dry-run", "les CSV qui seraient archivés"),
    ("backup-critical --keep 7", "sauvegarder et garder les sept dernières"),
    ("cleanup-temp --dry-run", "les tables temporaires qui peuvent être vidées"),
    ("cleanup-temp", "vider celles dont chaque ligne est prouvée migrée"),
    ("clear-cache-midnight -q", "pour la tâche de minuit"),
    ("clear-cache-midnight --older-than 24h", "seulement ce qui a plus d'un jour"),
    ("improve-response", "les index qui manquent aux tableaux de bord"),
    ("improve-response --apply", "les créer"),
    ("merge-zones --from \"ANCIEN NOM\" --into \"NOUVEAU NOM\"", "le plan de la réunion de deux zones"),
    ("restore-critical --list", "les sauvegardes qui sont là"),
    ("restore-critical", "ce que la restauration de la dernière changerait"),
    ("rotate-logs --dry-run", "les journaux qui seraient tournés"),
    ("security-cleanup-check", "secrets, droits et fichiers oubliés du dossier de travail"),
    ("security-cleanup-check --path /var/www/portail", "la même chose pour le site"),
    ("withdraw-provisional --from 2025-07-01 --to 2025-07-31", "le plan du retrait des lignes provisoires d'un mois"),
    ("reset-saisons", "ce qui serait effacé des saisons et périodes"),
    ("scrap-date --from 2019 --to 2030", "équinoxes et solstices de douze ans"),
    ("status-saisons", "les saisons et périodes de la base"),
    ("update-saisons --from 2024 --to 2026 --dry-run", "ce qui serait écrit pour trois ans"),
    ("verifier-saisons", "contrôler saisons et périodes"),
    ("manage-periodes list", "les périodes saisies à la main"),
    ("cleanup-year --year 2023", "le plan de la suppression d'une année"),
    ("download-deliveries --list", "les livraisons que le fournisseur tient prêtes"),
    ("extract-only --dry-run", "les archives qui seraient ouvertes"),
    ("populate-facts-full-production --dry-run", "ce que l'ETL chargerait"),
    ("populate-facts-full-production --test-mode", "charger dans les tables _test"),
    ("populate-facts-optimized --dry-run", "ce que l'ETL chargerait"),
    ("generate-sample-data --seed 1", "une livraison d'essai, toujours la même"),
    ("simple-test", "la connexion, les droits et les réglages du serveur"),
    ("simple-test --env-file .env.essai", "avec d'autres réglages"),
    ("serve-portal --listen 127.0.0.1:8080", "le portail derrière un serveur web"),
    ("flux list", "les outils par catégorie"),
    ("flux import update_temp_tables.php --year=2025", "un outil sous son nom d'hier"),
    ("flux doctor", "ce qui manque à l'installation, et ce qui y remédie"),
    ("flux doctor --json", "la même chose pour un programme de surveillance"),
    ("flux completions bash --dir /usr/local/share/bash-completion/completions", "les complétions de tous les outils"),
    ("flux init --home /var/lib/fluxvision --from /media/livraison", "un nouvel observatoire : le reste est demandé"),
    ("flux init --departement 48 --user flux --database lozere --password-file secret", "la même chose sans terminal"),
    ("flux init", "compléter le dossier courant quand arrive la première livraison"),
    ("portal-users list", "les comptes du portail"),
];
