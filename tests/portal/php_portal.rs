//! The portal in service, a PHP site, answers in its own ways; each of them is judged for what it is, by code and severity.

use flux_test::Home;
use serde_json::Value;
use support::portal::{Portal, Reply, html, json, sound, status};

const INDICATEURS: &str = "indicateurs_cles";

/// One answer of one API and the findings that it deserves: codes with their severity.
struct Case {
    name: &'static str,
    api: &'static str,
    reply: fn() -> Reply,
    findings: &'static [(&'static str, &'static str)],
    rows: Option<u64>,
}

fn indicators(rows: &str) -> Reply {
    json(format!(
        r#"{{"zone_observation":"CANTAL","annee":"2025","periode":"vacances_ete","debut":"2025-07-05 00:00:00",
        "fin":"2025-08-31 23:59:59","bloc_a":[{rows}],"status":"success"}}"#
    ))
}

fn communes(rows: &str, total: u32) -> Reply {
    json(format!(
        r#"{{"zone_observation":"CANTAL","annee":2025,"periode":"vacances_ete","debut_periode":"2025-07-05",
        "fin_periode":"2025-08-31","destinations":[{rows}],"total_destinations":{total},"status":"success"}}"#
    ))
}

const CASES: &[Case] = &[
    Case {
        name: "the indicator between 15 and 16, as a number and as text, and a year without data",
        api: INDICATEURS,
        reply: || {
            indicators(
                r#"{"numero":15,"indicateur":"Excursionnistes français","N":12,"N_1":10},
                {"numero":15.5,"indicateur":"Excursionnistes internationaux","N":3,"N_1":2},
                {"numero":"15.5","indicateur":"Excursionnistes internationaux","N":null,"N_1":2}"#,
            )
        },
        findings: &[],
        rows: Some(3),
    },
    Case {
        name: "a number of an indicator that is none",
        api: INDICATEURS,
        reply: || indicators(r#"{"numero":"quinze","indicateur":"x","N":12,"N_1":10}"#),
        findings: &[("field-wrong", "error")],
        rows: Some(1),
    },
    Case {
        name: "an indicator in the place of which PHP says that it failed",
        api: INDICATEURS,
        reply: || indicators(r#"{"numero":1,"indicateur":"Erreur système","N":0,"N_1":0}"#),
        findings: &[("portal-error", "error")],
        rows: Some(0),
    },
    Case {
        name: "a ranking whose only row is a failure",
        api: "pays_touristes",
        reply: || {
            json(r#"[{"nom_pays":"Erreur système","n_nuitees":0,"n_nuitees_n1":0,"delta_pct":null,"part_pct":0}]"#)
        },
        findings: &[("portal-error", "error")],
        rows: Some(0),
    },
    Case {
        name: "a ranking whose only row says that there is nothing",
        api: "pays_touristes",
        reply: || {
            json(r#"[{"nom_pays":"Aucune donnée","n_nuitees":0,"n_nuitees_n1":0,"delta_pct":null,"part_pct":0}]"#)
        },
        findings: &[("answer-empty", "attention")],
        rows: Some(0),
    },
    Case {
        name: "communes that the base knows without their code",
        api: "communes_excursion",
        reply: || {
            communes(
                r#"{"nom_commune":"AURILLAC","code_insee":"15014","total_visiteurs":12,"total_visiteurs_n1":10,"evolution_pct":20},
                {"nom_commune":"MAURIAC","code_insee":null,"total_visiteurs":8,"total_visiteurs_n1":0,"evolution_pct":null},
                {"nom_commune":"MURAT","code_insee":"","total_visiteurs":"7","total_visiteurs_n1":null,"evolution_pct":null}"#,
                3,
            )
        },
        findings: &[("field-wrong", "attention")],
        rows: Some(3),
    },
    Case {
        name: "codes of communes that PHP has made numbers of",
        api: "communes_excursion",
        reply: || {
            communes(
                r#"{"nom_commune":"AURILLAC","code_insee":15014,"total_visiteurs":12,"total_visiteurs_n1":10,"evolution_pct":20}"#,
                1,
            )
        },
        findings: &[],
        rows: Some(1),
    },
    Case {
        name: "communes of which the base knows only the code, or nothing any more",
        api: "communes_excursion",
        reply: || {
            communes(
                r#"{"nom_commune":"","code_insee":"15187","total_visiteurs":12,"total_visiteurs_n1":10,"evolution_pct":20},
                {"nom_commune":null,"code_insee":"15120","total_visiteurs":8,"total_visiteurs_n1":0,"evolution_pct":null}"#,
                2,
            )
        },
        findings: &[("field-wrong", "attention")],
        rows: Some(2),
    },
    Case {
        name: "remarks on data that begin like the rows which stand in for none",
        api: INDICATEURS,
        reply: || {
            indicators(
                r#"{"numero":3,"indicateur":"Nuitées internationales","N":12,"N_1":null,"remarque":"Pas de données en 2024"},
                {"numero":10,"indicateur":"Pic d'excursionnistes","N":7,"N_1":5,"remarque":"Erreur de comptage corrigée"}"#,
            )
        },
        findings: &[],
        rows: Some(2),
    },
    Case {
        name: "the error of the API with status 200",
        api: "regions_touristes",
        reply: || json(r#"{"error":"Paramètres manquants"}"#),
        findings: &[("portal-error", "error")],
        rows: None,
    },
    Case {
        name: "the failed connection as PHP reports it",
        api: "regions_touristes",
        reply: || json(r#"{"success":false,"message":"SQLSTATE[HY000] [2002] Connection refused"}"#),
        findings: &[("portal-error", "error")],
        rows: None,
    },
    Case {
        name: "a warning of PHP before the document",
        api: "periodes",
        reply: || json("<br />\n<b>Warning</b>: Undefined array key\n{\"periode\":{\"x\":{}}}"),
        findings: &[("not-json", "error")],
        rows: None,
    },
    Case {
        name: "the login page with status 200",
        api: "periodes",
        reply: || html(200, "<form><input type=\"password\"></form>"),
        findings: &[("not-json", "error")],
        rows: None,
    },
    Case {
        name: "a redirection to the login page",
        api: "periodes",
        reply: || status(302, &[("Location", "/login?redirect=/x")]),
        findings: &[("portal-refused", "error")],
        rows: None,
    },
    Case {
        name: "a fatal error",
        api: "periodes",
        reply: || html(500, "<b>Fatal error</b>: Uncaught PDOException"),
        findings: &[("portal-refused", "error")],
        rows: None,
    },
    Case {
        name: "a script that stopped without a word",
        api: "duree_sejour",
        reply: || json(""),
        findings: &[("answer-empty", "error")],
        rows: None,
    },
    Case {
        name: "JSON announced as a page, as some scripts do",
        api: "periodes",
        reply: || html(200, r#"{"periode":{"Année complète":{"2025":{"debut":"01/01/2025","fin":"31/12/2025"}}}}"#),
        findings: &[("content-type-wrong", "attention")],
        rows: Some(1),
    },
];

/// legacy.md, 7.
#[test]
fn each_answer_is_judged_for_what_it_is() {
    for case in CASES {
        let reply = case.reply;
        let portal = Portal::new(move |_, _| reply());
        let home = Home::without_db();
        let run = home
            .tool("test-infographie-apis")
            .args(["--json", "--only", case.api, "--base-url", &portal.base, "--year", "2025"])
            .run();
        let json = run.json();
        let found: Vec<(&str, &str)> = json["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| (finding["code"].as_str().unwrap(), finding["severity"].as_str().unwrap()))
            .collect();
        assert_eq!(found, case.findings, "{}\n{json:#}", case.name);
        assert_eq!(json["calls"][0]["rows"], case.rows.map_or(Value::Null, Value::from), "{}\n{json:#}", case.name);
        assert_eq!(json["exit_code"], if case.findings.is_empty() { 0 } else { 3 }, "{}", case.name);
    }
    // The cases would prove nothing if a sound answer were judged wrong as well.
    let portal = Portal::new(|request, _| sound(request));
    Home::without_db().tool("test-infographie-apis").args(["--base-url", &portal.base]).run().expect_code(0);
}
