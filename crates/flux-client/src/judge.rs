//! Is an answer what its endpoint promises? Status, content type, JSON, fields, data.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::endpoints::{Endpoint, Field, Kind, Shape};
use crate::http::{Answer, Client, Exchange};
use flux_core::files::is_heavy_json;
use flux_report::{Code, Finding, bytes, plural};

/// Characters of the portal's own text that a message quotes.
const EXCERPT: usize = 160;
/// Rows looked at one by one for their fields.
const ROWS_CHECKED: usize = 1000;

/// What an exchange is worth.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) findings: Vec<Finding>,
    /// The document, where it could be read.
    pub(super) document: Option<Value>,
    /// Rows of data in it.
    pub(super) rows: Option<usize>,
}

/// Judges an exchange against its endpoint.
pub(super) fn judge(client: &Client, endpoint: &Endpoint, exchange: &Exchange) -> Judgement {
    let mut judgement = Judgement { findings: Vec::new(), document: None, rows: None };
    let place = endpoint.name();
    let answer = match &exchange.result {
        Ok(answer) => answer,
        Err(failure) => {
            judgement
                .findings
                .push(Finding::error(Code::PortalUnreachable, place, &failure.message).action(failure.action));
            return judgement;
        }
    };
    if let Some(finding) = status_finding(client, place, exchange, answer) {
        judgement.findings.push(finding);
        return judgement;
    }
    let document = match read_json(client, place, answer) {
        Ok(document) => document,
        Err(finding) => {
            judgement.findings.push(*finding);
            return judgement;
        }
    };
    if answer.content_type != "application/json" {
        let shown = if answer.content_type.is_empty() { "absent" } else { &answer.content_type };
        judgement.findings.push(
            Finding::attention(Code::ContentTypeWrong, place, format!("du JSON, mais annoncé comme « {shown} »"))
                .action("le script doit envoyer Content-Type: application/json"),
        );
    }
    if let Some(message) = own_error(&document) {
        let message = excerpt(&client.without_token(&message));
        judgement.findings.push(
            Finding::error(Code::PortalError, place, format!("statut 200, mais l'API signale une erreur : {message}"))
                .action("regardez api/database/storage/logs/ et les paramètres de l'appel"),
        );
        return judgement;
    }
    let mut problems = Problems::default();
    judgement.rows = match endpoint.shape {
        Shape::Object(fields) => object(&document, fields, "", &mut problems),
        Shape::Rows(fields) => match document.as_array().or_else(|| document.get("data").and_then(Value::as_array)) {
            Some(rows) => Some(each_row(rows, fields, "", &mut problems)),
            None => {
                problems.wrong.push(format!("une liste est attendue, pas {}", kind_name(&document)));
                None
            }
        },
    };
    let Problems { wrong: problems, unknown, errors } = problems;
    if let Some(message) = errors.first() {
        let message = excerpt(&client.without_token(message));
        judgement.findings.push(
            Finding::error(
                Code::PortalError,
                place,
                format!("une ligne de données est une erreur du portail : « {message} »"),
            )
            .action("regardez les journaux de PHP : le script a échoué et l'a écrit à la place des données"),
        );
    }
    for (field, rows) in unknown {
        let message = format!("{} sans {field}", plural(rows, "ligne", "lignes"));
        judgement.findings.push(
            Finding::attention(Code::FieldWrong, place, message)
                .action("la base ne les connaît pas : `check-zones` et `ensure-schema --seed` les complètent"),
        );
    }
    if judgement.rows == Some(0) && problems.is_empty() && errors.is_empty() {
        judgement.findings.push(Finding::attention(Code::AnswerEmpty, place, "réponse correcte mais vide").action(
            "vérifiez année, période et zone ; `diagnostic-mobility` et `check-zones` disent ce que la base contient",
        ));
    }
    let action = "comparez avec la version du portail en service ; les tableaux de bord lisent ces champs";
    judgement
        .findings
        .extend(problems.into_iter().map(|problem| Finding::error(Code::FieldWrong, place, problem).action(action)));
    judgement.document = Some(document);
    judgement
}

/// What is wrong with a status other than 200.
pub(super) fn status_finding(client: &Client, place: &str, exchange: &Exchange, answer: &Answer) -> Option<Finding> {
    let error =
        |message: String, action: &str| Some(Finding::error(Code::PortalRefused, place, message).action(action));
    match answer.status {
        200 => None,
        300..=399 => {
            let to = answer.location.as_deref().unwrap_or("une adresse non précisée");
            error(
                format!("redirection {} vers {to}, non suivie", answer.status),
                "donnez la bonne adresse (https, dossier) ; vers une page de connexion, c'est le jeton qui n'est pas accepté",
            )
        }
        401 | 403 if exchange.authenticated => error(
            format!("accès refusé ({}) malgré le jeton", answer.status),
            "vérifiez API_TOKEN et l'allowlist d'adresses du portail",
        ),
        401 | 403 => error(
            format!("accès refusé ({}) sans jeton", answer.status),
            "donnez le jeton par API_TOKEN ou --token-file",
        ),
        404 => error("introuvable (404)".into(), "vérifiez l'adresse du portail et que ce script est déployé"),
        405 => error("méthode GET refusée (405)".into(), "vérifiez la version du portail"),
        429 => {
            let wait = match answer.retry_after {
                Some(wait) => format!("le portail demande d'attendre {} s", wait.as_secs()),
                None => "sans durée d'attente annoncée".into(),
            };
            let message = format!("limite de débit atteinte (429), {wait}");
            let action = "relancez après l'attente (--max-wait pour la laisser faire), ou relevez API_RATE_LIMIT";
            Some(Finding::attention(Code::PortalRefused, place, message).action(action))
        }
        503 => {
            let wait =
                answer.retry_after.map_or_else(String::new, |wait| format!(", attente demandée {} s", wait.as_secs()));
            error(format!("service indisponible (503){wait}"), "le portail est arrêté ou en maintenance")
        }
        500..=599 => {
            let text = String::from_utf8_lossy(&answer.body);
            let text = excerpt(&client.without_token(&text_of(beginning(&text))));
            let text = if text.is_empty() { text } else { format!(" : {text}") };
            error(
                format!("erreur du serveur ({}){text}", answer.status),
                "regardez les journaux de PHP et api/database/storage/logs/",
            )
        }
        status => error(format!("statut {status} inattendu"), "vérifiez l'adresse et la version du portail"),
    }
}

/// The JSON of a body, or why it is none.
pub(super) fn read_json(client: &Client, place: &str, answer: &Answer) -> Result<Value, Box<Finding>> {
    let body = answer.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&answer.body);
    if body.iter().all(u8::is_ascii_whitespace) {
        let finding = Finding::error(Code::AnswerEmpty, place, "réponse vide (statut 200)");
        return Err(Box::new(finding.action("le script s'est arrêté sans rien dire : regardez les journaux de PHP")));
    }
    if is_heavy_json(body) {
        let message = format!(
            "réponse de {}, avec plus d'éléments qu'aucun appel n'en a : elle n'est pas lue",
            bytes(body.len() as u64)
        );
        let finding = Finding::error(Code::AnswerTooLarge, place, message);
        return Err(Box::new(finding.action("baissez --limit, ou regardez ce que ce script renvoie")));
    }
    let reason = match serde_json::from_slice(body) {
        Ok(document) => return Ok(client.document_without_token(document)),
        Err(reason) => reason,
    };
    let text = String::from_utf8_lossy(body);
    let quoted = |text: &str| excerpt(&client.without_token(&text_of(beginning(text))));
    let looks_html = answer.content_type.contains("html") || text.trim_start().starts_with('<');
    // A PHP warning printed before the document.
    let start = text.char_indices().filter(|(_, c)| matches!(c, '{' | '['));
    let embedded =
        start.take(50).any(|(at, _)| at > 0 && serde_json::from_str::<IgnoredAny>(text[at..].trim()).is_ok());
    let finding = if embedded {
        Finding::error(Code::NotJson, place, format!("du texte précède le JSON : {}", quoted(&text)))
            .action("coupez display_errors en production et corrigez l'avertissement de PHP")
    } else if looks_html {
        Finding::error(
            Code::NotJson,
            place,
            format!("page HTML au lieu de JSON, avec le statut 200 : {}", quoted(&text)),
        )
        .action("c'est une page d'erreur ou de connexion : regardez les journaux de PHP, ou vérifiez le jeton")
    } else {
        let where_ = format!("ligne {}, colonne {}", reason.line(), reason.column());
        let cut = if reason.is_eof() { "JSON coupé avant la fin" } else { "JSON invalide" };
        Finding::error(Code::NotJson, place, format!("{cut} ({where_}) : {}", quoted(&text)))
            .action("regardez les journaux de PHP")
    };
    Err(Box::new(finding))
}

/// The message of an `error` field, as the portal sends it with status 200.
pub(super) fn own_error(document: &Value) -> Option<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let none = |error: &Value| match error {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    let error = document.get("error").filter(|error| !none(error));
    let failed = document.get("status").is_some_and(|status| status == "error")
        || document.get("success").is_some_and(|success| success == false);
    match error {
        Some(error) => match document.get("message") {
            Some(message) => Some(format!("{} ({})", text(error), text(message))),
            None => Some(text(error)),
        },
        None if failed => Some(document.get("message").map_or_else(|| "sans message".into(), text)),
        None => None,
    }
}

/// Words of a refusal, in whatever answer.
const REFUSED: [&str; 9] = [
    "accès refusé",
    "accès réservé",
    "accès interdit",
    "non autorisé",
    "non authentifié",
    "authentification requise",
    "unauthorized",
    "forbidden",
    "access denied",
];

/// Whether a text says that the caller may not come in.
pub(super) fn says_refused(text: &str) -> bool {
    let text = text.to_lowercase();
    REFUSED.iter().any(|words| text.contains(words))
}

/// Whether a document is a refusal, though it names no error.
pub(super) fn is_refusal(document: &Value) -> bool {
    let is = |key: &str, test: &dyn Fn(&Value) -> bool| document.get(key).is_some_and(test);
    ["authenticated", "authorized", "logged_in"].iter().any(|key| is(key, &|value| value == false))
        || ["code", "status"].iter().any(|key| is(key, &|value| value == 401 || value == 403))
        || ["message", "erreur", "detail"].iter().any(|key| is(key, &|value| value.as_str().is_some_and(says_refused)))
}

/// Most characters of a page that is nothing but a refusal.
const SHORT: usize = 300;

/// Whether a page is nothing but a refusal.
pub(super) fn is_refusing_page(body: &[u8]) -> bool {
    let text = text_of(beginning(&String::from_utf8_lossy(body)));
    text.chars().count() <= SHORT && says_refused(&text)
}

/// What is wrong with the fields of an answer.
#[derive(Debug, Default)]
struct Problems {
    wrong: Vec<String>,
    /// Rows that lack a value which the portal may not know, by field.
    unknown: BTreeMap<&'static str, u64>,
    /// Messages that stand in the place of data.
    errors: Vec<String>,
}

/// Checks the fields of an object; returns the number of rows in its lists, where it has any.
fn object(value: &Value, fields: &[Field], path: &str, problems: &mut Problems) -> Option<usize> {
    if !value.is_object() {
        problems.wrong.push(format!("{}un objet est attendu, pas {}", prefix(path), kind_name(value)));
        return None;
    }
    let missing: Vec<&str> = fields.iter().map(|field| field.name).filter(|name| value.get(name).is_none()).collect();
    if !missing.is_empty() {
        let many = if missing.len() > 1 { "champs absents" } else { "champ absent" };
        problems.wrong.push(format!("{}{many} : {}", prefix(path), missing.join(", ")));
    }
    let mut rows = None;
    for field in fields {
        let Some(found) = value.get(field.name) else { continue };
        let name = if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
        match field.kind {
            Kind::Rows(inner) => match found.as_array() {
                Some(list) => rows = Some(rows.unwrap_or(0) + each_row(list, inner, &name, problems)),
                None => problems.wrong.push(format!("{name} : une liste est attendue, pas {}", kind_name(found))),
            },
            Kind::Map => match found.as_object() {
                Some(map) => rows = Some(rows.unwrap_or(0) + map.len()),
                None if found.as_array().is_some_and(Vec::is_empty) => rows = Some(rows.unwrap_or(0)),
                None => problems.wrong.push(format!("{name} : un objet est attendu, pas {}", kind_name(found))),
            },
            Kind::Known if found.is_null() || found.as_str().is_some_and(|text| text.trim().is_empty()) => {
                *problems.unknown.entry(field.name).or_default() += 1;
            }
            kind => {
                if let Some(expected) = mismatch(found, kind) {
                    problems.wrong.push(format!("{name} : {expected} attendu, pas {}", kind_name(found)));
                }
            }
        }
    }
    rows
}

/// What a row says when it stands where data should.
enum StandIn {
    Nothing,
    Error(String),
}

/// How the portal begins what it says in the place of data: that there are none, that it failed.
const NOTHING: [&str; 9] = [
    "aucune donnée",
    "aucun résultat",
    "aucun enregistrement",
    "pas de donnée",
    "données indisponibles",
    "données non disponibles",
    "non disponible",
    "no data",
    "no result",
];
const FAILURE: [&str; 8] =
    ["erreur", "sqlstate", "error:", "exception", "fatal error", "table manquante", "connexion impossible", "échec de"];

/// The portal stands in for nothing, and for a failure, with a row of such a name. What else a row says is a remark on data.
fn stand_in(row: &Value, fields: &[Field]) -> Option<StandIn> {
    let row = row.as_object()?;
    let names = fields.iter().filter(|field| matches!(field.kind, Kind::Text | Kind::Known)).map(|field| field.name);
    let mut named: Vec<&Value> = names.filter_map(|name| row.get(name)).collect();
    if named.is_empty() {
        named = row.values().collect();
    }
    named.into_iter().filter_map(Value::as_str).find_map(|text| match text.trim().to_lowercase() {
        folded if NOTHING.iter().any(|words| folded.starts_with(words)) => Some(StandIn::Nothing),
        folded if FAILURE.iter().any(|words| folded.starts_with(words)) => Some(StandIn::Error(text.trim().to_owned())),
        _ => None,
    })
}

fn each_row(rows: &[Value], fields: &[Field], path: &str, problems: &mut Problems) -> usize {
    let mut data = 0;
    let mut sound = true;
    for (index, row) in rows.iter().enumerate() {
        match stand_in(row, fields) {
            Some(StandIn::Nothing) => continue,
            Some(StandIn::Error(message)) => {
                problems.errors.push(message);
                continue;
            }
            None => data += 1,
        }
        // One bad row says it all: the script that wrote it wrote the others.
        if sound && index < ROWS_CHECKED {
            let before = problems.wrong.len();
            object(row, fields, &format!("{path}[{index}]"), problems);
            sound = problems.wrong.len() == before;
        }
    }
    data
}

fn mismatch(value: &Value, kind: Kind) -> Option<&'static str> {
    let number = || value.as_f64().or_else(|| value.as_str()?.trim().parse::<f64>().ok()).filter(|n| n.is_finite());
    let is_count = || number().is_some_and(|n| n >= 0.0 && n.fract() == 0.0);
    let is_text = || value.as_str().is_some_and(|text| !text.trim().is_empty()) || value.is_boolean();
    let (fits, expected) = match kind {
        Kind::Text => (is_text(), "un texte"),
        // PHP makes a number of the text of a code, where it is told to (JSON_NUMERIC_CHECK).
        Kind::Known => (value.is_string() || value.is_u64(), "un texte"),
        Kind::Count => (is_count(), "un nombre entier positif ou nul"),
        Kind::CountOrNull => (value.is_null() || is_count(), "un nombre entier positif ou nul, ou null"),
        Kind::Positive => (number().is_some_and(|n| n >= 0.0), "un nombre positif ou nul"),
        Kind::NumberOrNull => (value.is_null() || number().is_some(), "un nombre ou null"),
        Kind::Date => (value.as_str().is_some_and(is_date), "une date AAAA-MM-JJ"),
        Kind::Map | Kind::Rows(_) => (true, ""),
    };
    (!fits).then_some(expected)
}

fn is_date(text: &str) -> bool {
    text.get(..10).is_some_and(|day| day.parse::<chrono::NaiveDate>().is_ok())
}

fn prefix(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path} : ") }
}

fn kind_name(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("« {} »", excerpt(text)),
        Value::Array(_) => "une liste".into(),
        Value::Object(_) => "un objet".into(),
    }
}

/// Text without tags, spaces collapsed.
fn text_of(html: &str) -> String {
    let mut text = String::with_capacity(html.len().min(4096));
    let mut in_tag = false;
    for c in html.chars().take(20_000) {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                text.push(' ');
            }
            c if !in_tag => text.push(if c.is_control() { ' ' } else { c }),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As much of a text as can matter to an excerpt, markup included.
fn beginning(text: &str) -> &str {
    const MOST: usize = 64 << 10;
    let end = (0..=text.len().min(MOST)).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

fn excerpt(text: &str) -> String {
    if text.chars().count() <= EXCERPT { text.to_owned() } else { text.chars().take(EXCERPT).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::{COMMUNES_EXCURSION, PERIODES};
    use serde_json::json;

    fn problems(endpoint: &Endpoint, document: Value) -> Vec<String> {
        let mut problems = Problems::default();
        let Shape::Object(fields) = endpoint.shape else { panic!("an object") };
        object(&document, fields, "", &mut problems);
        problems.wrong
    }

    fn mobility() -> Value {
        json!({"zone_observation": "CANTAL", "annee": "2025", "periode": "vacances_ete", "debut_periode": "2025-07-05 00:00:00",
            "fin_periode": "2025-08-31 23:59:59", "total_destinations": 1, "status": "success", "destinations": [
            {"nom_commune": "AURILLAC", "code_insee": "15014", "total_visiteurs": 12, "total_visiteurs_n1": 10, "evolution_pct": 20}]})
    }

    #[test]
    fn a_right_answer_has_no_problem_even_with_numbers_as_text() {
        assert_eq!(problems(&COMMUNES_EXCURSION, mobility()), Vec::<String>::new());
    }

    #[test]
    fn missing_and_wrong_fields_are_named_with_their_place() {
        let mut answer = mobility();
        answer.as_object_mut().unwrap().remove("status");
        answer["destinations"][0]["total_visiteurs"] = json!(-3);
        answer["fin_periode"] = json!("31/08/2025");
        let found = problems(&COMMUNES_EXCURSION, answer);
        assert!(found.contains(&"champ absent : status".to_owned()), "{found:?}");
        assert!(found.iter().any(|p| p.starts_with("destinations[0].total_visiteurs : un nombre entier")), "{found:?}");
        assert!(found.iter().any(|p| p.starts_with("fin_periode : une date")), "{found:?}");
        assert_eq!(problems(&PERIODES, json!({"periode": 3})), ["periode : un objet est attendu, pas 3"]);
    }

    #[test]
    fn what_stands_in_the_place_of_data_is_none() {
        let rows = |name: &str| {
            let mut problems = Problems::default();
            let row = json!({"nom_commune": name, "total_visiteurs": 0});
            let data = each_row(&[row], &[Field { name: "nom_commune", kind: Kind::Text }], "", &mut problems);
            (data, problems.errors.len())
        };
        for nothing in
            ["Aucune donnée disponible", "Pas de données pour cette période", " aucune donnée ", "Aucun résultat"]
        {
            assert_eq!(rows(nothing), (0, 0), "{nothing}");
        }
        for failure in [
            "Erreur de connexion",
            "SQLSTATE[42S02]: Base table or view not found",
            "Exception : timeout",
            "Table manquante",
        ] {
            assert_eq!(rows(failure), (0, 1), "{failure}");
        }
        assert_eq!(rows("AUCUN"), (1, 0), "the name of a commune may begin like that");
    }

    #[test]
    fn the_portal_says_errors_with_status_200() {
        assert_eq!(own_error(&json!({"error": "Paramètres manquants"})).as_deref(), Some("Paramètres manquants"));
        assert_eq!(own_error(&json!({"status": "error", "message": "SQL"})).as_deref(), Some("SQL"));
        assert_eq!(own_error(&json!({"status": "success"})), None);
        assert_eq!(own_error(&json!({"error": "", "data": [1]})), None);
        assert_eq!(own_error(&json!({"error": [], "data": [1]})), None);
        assert_eq!(own_error(&json!([{"error": 1}])), None);
    }

    #[test]
    fn html_is_quoted_without_its_tags() {
        assert_eq!(text_of("<html><title>Erreur</title>\n<b>Fatal error</b>: x"), "Erreur Fatal error : x");
    }
}
