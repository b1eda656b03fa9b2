//! `test-api-simple`: three calls, the third only with a token.

#[path = "support/portal.rs"]
mod support;

use flux_test::Home;
use support::{Portal, html, sound};

#[test]
fn three_calls_with_a_token_from_a_file() {
    let portal = Portal::new(|request, _| sound(request));
    let home = Home::without_db();
    home.write("jeton.txt", "abc123\n");
    home.write(".env", format!("PORTAL_BASE_URL={}/\n", portal.base));
    home.tool("test-api-simple")
        .args(["--token-file", "jeton.txt"])
        .run()
        .expect_code(0)
        .expect_stdout("3 appels corrects sur 3");
    let paths: Vec<String> = portal.requests().into_iter().map(|request| request.path).collect();
    let expected = [
        "/api/infographie/infographie_periodes.php",
        "/api/infographie/infographie_indicateurs_cles.php",
        "/api/database/tables_info.php",
    ];
    assert_eq!(paths, expected);
    assert!(portal.requests().iter().all(|request| request.head.contains("abc123")));
}

#[test]
fn without_a_token_the_inventory_is_not_called() {
    let portal = Portal::new(|request, _| sound(request));
    let home = Home::without_db();
    let run = home.tool("test-api-simple").args(["--base-url", &portal.base, "--json"]).run().expect_code(3).json();
    assert_eq!(run["calls"].as_array().unwrap().len(), 2);
    assert!(run["findings"][0]["message"].as_str().unwrap().contains("jeton"));
    assert!(portal.requests().iter().all(|request| !request.has_token()));
}

#[test]
fn quiet_says_nothing_when_all_is_well_and_all_when_not() {
    let portal = Portal::new(|request, _| sound(request));
    let home = Home::without_db();
    let tool =
        |base: &str| home.tool("test-api-simple").args(["-q", "--base-url", base]).env("API_TOKEN", "abc123").run();
    let run = tool(&portal.base).expect_code(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    tool(&Portal::always(html(200, "<p>maintenance</p>")).base).expect_code(3).expect_stdout("maintenance");
}
