//! Whoever has no mouse, or no scripts, logs in, asks, and takes a file along, in a real browser.

use std::path::Path;
use std::time::{Duration, Instant};

use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use flux_test::TestDb;
use support::browser::{Look, downloads};
use support::served::database;

use crate::pages::{PASSWORD, arrive, driver, look_in, press, script, tab_to, tempfile_folder, url_with, with_account};

/// The file of this name, once it is there as a whole.
fn downloaded(profile: &Path, name: &str) -> String {
    let path = downloads(profile).join(name);
    let until = Instant::now() + Duration::from_secs(20);
    while !path.exists() {
        assert!(Instant::now() < until, "{} is not downloaded", path.display());
        std::thread::sleep(Duration::from_millis(100));
    }
    std::fs::read_to_string(path).unwrap()
}

/// Nights of French tourists from a département in the summer of 2025, in the zone that has two rows.
fn nights(db: &TestDb, departement: u32) -> String {
    db.scalar(&format!(
        "SELECT SUM(volume) FROM fact_nuitees_departements WHERE date BETWEEN '2025-07-05' AND '2025-08-31' AND id_zone IN (2, 4) \
         AND id_categorie = 1 AND id_provenance = 2 AND id_departement = {departement}"
    ))
}

async fn log_in_by_keyboard(client: &Client) {
    let (tab, enter) = (char::from(Key::Tab), char::from(Key::Enter));
    press(client, &format!("anne{tab}")).await;
    press(client, &format!("{PASSWORD}{enter}")).await;
}

/// Goes by Tab to the element that `is` says, in terms of `e`.
async fn tab_until(client: &Client, is: &str) {
    for _ in 0..200 {
        if script(client, &format!("const e = document.activeElement; return Boolean({is})")).await == true {
            return;
        }
        press(client, &char::from(Key::Tab).to_string()).await;
    }
    panic!("{is} is not reached by keyboard");
}

#[test]
fn a_list_is_compared_and_downloaded_by_keyboard_alone() {
    let Some(driver) = driver() else { return };
    let db = database();
    let served = with_account(&db);
    let profile = tempfile_folder();
    let base = served.base();
    look_in(&driver, Look::wide(1_400), &profile, move |client| async move {
        let enter = char::from(Key::Enter).to_string();
        let address = "/dashboard?annee=2025&periode=vacances_ete&zone=CABA";
        client.goto(&format!("{base}{address}")).await.unwrap();
        arrive(&client, "/login").await;
        log_in_by_keyboard(&client).await;
        // Back to what was asked for.
        url_with(&client, "periode=vacances_ete").await;
        client.wait().for_element(Locator::Id("departements")).await.unwrap();
        // The first stop leads past everything that stands before the content.
        press(&client, &char::from(Key::Tab).to_string()).await;
        assert_eq!(script(&client, "return document.activeElement.className").await, "saut");
        press(&client, &enter).await;
        tab_until(&client, "e.closest('#departements') && e.matches('summary')").await;
        press(&client, &enter).await;
        assert_eq!(script(&client, "return document.querySelector('#departements > details').open").await, true);
        tab_until(&client, "e.closest('#departements') && e.href && e.href.includes('format=csv')").await;
        let seen = "const o = getComputedStyle(document.activeElement); return o.outlineStyle !== 'none' && parseFloat(o.outlineWidth) >= 2";
        assert_eq!(script(&client, seen).await, true, "the focus is not seen");
        press(&client, &enter).await;
        // The other view, and its form.
        client.goto(&format!("{base}{address}")).await.unwrap();
        tab_until(&client, "e.textContent === 'Comparer' && e.href").await;
        press(&client, &enter).await;
        url_with(&client, "onglet=comparer").await;
        tab_to(&client, "zone_b").await;
        press(&client, "Cantal").await;
        tab_until(&client, "e.type === 'submit' && e.textContent === 'Comparer'").await;
        press(&client, &enter).await;
        url_with(&client, "zone_b=CANTAL").await;
        let about = client.find(Locator::Css(".apropos")).await.unwrap().text().await.unwrap();
        assert!(about.contains("B : Cantal"), "{about}");
    });
    let csv = downloaded(&profile, "infographie_departements_touristes.csv");
    // PARIS, and no CUMUL.
    let row = csv.lines().find(|line| line.starts_with("PARIS;")).unwrap_or_else(|| panic!("{csv}"));
    assert_eq!(row.split(';').nth(1), Some(nights(&db, 2).as_str()), "{csv}");
    assert!(!csv.contains("CUMUL"), "{csv}");
    let _ = std::fs::remove_dir_all(profile);
}

#[test]
fn somebody_without_scripts_logs_in_filters_compares_and_logs_out() {
    let Some(driver) = driver() else { return };
    let db = database();
    let served = with_account(&db);
    let base = served.base();
    let profile = tempfile_folder();
    look_in(&driver, Look { width: 360, dark: false, script: false }, &profile, move |client| async move {
        let click = async |css: &str| client.find(Locator::Css(css)).await.unwrap().click().await.unwrap();
        let choose = async |id: &str, value: &str| {
            client.find(Locator::Id(id)).await.unwrap().select_by_value(value).await.unwrap();
        };
        client.goto(&format!("{base}/infographie")).await.unwrap();
        arrive(&client, "/login").await;
        assert_eq!(script(&client, "return typeof document.querySelector('form').elements").await, "object");
        for (id, text) in [("username", "anne"), ("password", PASSWORD)] {
            client.find(Locator::Id(id)).await.unwrap().send_keys(text).await.unwrap();
        }
        click(".connexion button").await;
        arrive(&client, "/infographie").await;
        // What only a script does is not offered.
        assert!(client.find(Locator::Css(".fichiers button")).await.is_err());
        choose("annee", "2024").await;
        choose("periode", "vacances_ete").await;
        choose("zone", "CANTAL").await;
        click(".filtres button").await;
        url_with(&client, "annee=2024").await;
        let about = client.find(Locator::Css(".apropos")).await.unwrap().text().await.unwrap();
        assert!(about.contains("Cantal") && about.contains("6 juillet au 30 août 2024"), "{about}");
        client.goto(&format!("{base}/dashboard?onglet=comparer")).await.unwrap();
        choose("annee_b", "2021").await;
        choose("visiteurs", "excursionnistes").await;
        click(".filtres button").await;
        url_with(&client, "annee_b=2021").await;
        let heading = client.find(Locator::Css("h1")).await.unwrap().text().await.unwrap();
        assert_eq!(heading, "Comparer · excursionnistes");
        click("header form button").await;
        arrive(&client, "/login").await;
    });
    let _ = std::fs::remove_dir_all(profile);
}
