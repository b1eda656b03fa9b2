//! The pages in a real browser: somebody logs in, filters, reads figures that SQL here works out, downloads; on a phone, without scripts,
//! by keyboard alone, in the dark; and what axe-core says of it.

use std::future::Future;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fantoccini::key::Key;
use fantoccini::wd::{PrintConfiguration, PrintSize, TimeoutConfiguration};
use fantoccini::{Client, ClientBuilder, Locator};
use flux_test::{Home, TestDb, skip};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::Value;
use support::browser::{Driver, Look, axe};
use support::served::{Served, TOKEN, database, encoded, shared};
use support::weekly::{Sane, World};

pub(crate) const PASSWORD: &str = "un mot de passe assez long";
/// The zone that has two rows, in summer.
const SUMMER: &str = "annee=2025&periode=vacances_ete&zone=PAYS%20D%27AURILLAC";
const PAGES: [&str; 7] = [
    "/dashboard",
    "/dashboard?onglet=excursionnistes",
    "/dashboard?onglet=comparer",
    "/infographie",
    "/tables",
    "/methodologie",
    "/etat",
];

/// What the pages show in other cases: provisional data and unequal spans, two zones and two years face to face, a zone without data, a
/// question that is refused, an address that is none.
const CASES: [&str; 9] = [
    "/tdb_comparaison?annee=2025&periode=vacances_ete&zone=PAYS%20D%27AURILLAC",
    "/dashboard?onglet=excursionnistes&debut=2025-07-01&fin=2025-08-31&compare_annee=2021&zone=CABA",
    "/dashboard?onglet=comparer&annee_a=2025&periode_a=vacances_ete&zone_a=CABA&annee_b=2024&periode_b=vacances_ete&zone_b=CANTAL",
    "/dashboard?onglet=comparer&visiteurs=excursionnistes&annee_a=2025&periode_a=vacances_ete&zone_a=CANTAL&annee_b=2022&periode_b=annee_complete&zone_b=CABA",
    "/dashboard?annee=2025&periode=vacances_ete&zone=CH%C3%82TAIGNERAIE",
    "/infographie?annee=2025&periode=vacances_ete&zone=PAYS%20D%27AURILLAC",
    "/tables?annee=2025&periode=vacances_ete&zone=PAYS%20D%27AURILLAC",
    "/dashboard?annee=2025&periode=inconnue&zone=CABA",
    "/nulle-part",
];

/// Runs `work` in a browser that looks so, and ends the browser whatever comes of it.
pub(crate) fn look<F: Future<Output = ()> + Send + 'static>(
    driver: &Driver,
    look: Look,
    work: impl FnOnce(Client) -> F,
) {
    let profile = tempfile_folder();
    look_in(driver, look, &profile, work);
    let _ = std::fs::remove_dir_all(profile);
}

/// The same with a folder of the browser's that is there for longer.
pub(crate) fn look_in<F: Future<Output = ()> + Send + 'static>(
    driver: &Driver,
    look: Look,
    profile: &Path,
    work: impl FnOnce(Client) -> F,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(look.capabilities(profile));
        let client = builder.connect(&driver.url).await.expect("a browser");
        // The usual half minute for a script is not enough for axe on a long page of a busy machine.
        let long = Some(Duration::from_secs(180));
        client.update_timeouts(TimeoutConfiguration::new(long, long, Some(Duration::ZERO))).await.unwrap();
        let ended = tokio::spawn(work(client.clone())).await;
        client.close().await.expect("the browser ends");
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    });
}

pub(crate) fn tempfile_folder() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("flux-browser-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn driver() -> Option<Driver> {
    let driver = Driver::start();
    if driver.is_none() {
        skip("chromium-driver is not installed");
    }
    driver
}

pub(crate) async fn script(client: &Client, code: &str) -> Value {
    client.execute(code, Vec::new()).await.unwrap()
}

async fn path(client: &Client) -> String {
    client.current_url().await.unwrap().path().to_owned()
}

/// Waits until the page is at `wanted`.
pub(crate) async fn arrive(client: &Client, wanted: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    while path(client).await != wanted {
        assert!(Instant::now() < until, "at {} instead of {wanted}", path(client).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Presses a key where the focus is.
pub(crate) async fn press(client: &Client, keys: &str) {
    client.active_element().await.unwrap().send_keys(keys).await.unwrap();
}

/// Goes by Tab to the element of this id.
pub(crate) async fn tab_to(client: &Client, id: &str) {
    for _ in 0..60 {
        if script(client, "return document.activeElement.id").await == id {
            return;
        }
        press(client, &char::from(Key::Tab).to_string()).await;
    }
    panic!("{id} is not reached by keyboard");
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

pub(crate) fn with_account(db: &TestDb) -> Served {
    let home = Home::new(db);
    home.tool("portal-users")
        .args(["add", "anne", "--role", "admin"])
        .stdin(format!("{PASSWORD}\n"))
        .run()
        .expect_code(0);
    Served::at(home, &[], &[])
}

/// Nights of the summer of 2025 and of 2024, by the dates that the calendar of the test has.
fn nights(db: &TestDb, from: &str, to: &str) -> String {
    db.scalar(&format!(
        "SELECT SUM(volume) FROM fact_nuitees WHERE date BETWEEN '{from}' AND '{to}' AND id_zone IN (2, 4) \
         AND id_categorie = 1 AND id_provenance IN (2, 3)"
    ))
}

#[test]
fn somebody_logs_in_and_filters_by_keyboard_alone() {
    let Some(driver) = driver() else { return };
    let db = database();
    let served = with_account(&db);
    let (now, before) = (nights(&db, "2025-07-05", "2025-08-31"), nights(&db, "2024-07-06", "2024-08-30"));
    let base = served.base();
    look(&driver, Look::wide(1_400), move |client| async move {
        client.goto(&format!("{base}/dashboard")).await.unwrap();
        arrive(&client, "/login").await;
        // The form has the focus, and says what is wrong.
        let (tab, enter) = (char::from(Key::Tab), char::from(Key::Enter));
        press(&client, &format!("anne{tab}")).await;
        press(&client, &format!("faux{enter}")).await;
        client.wait().for_element(Locator::Css("[role=alert]")).await.unwrap();
        tab_to(&client, "username").await;
        press(&client, &format!("anne{tab}")).await;
        press(&client, &format!("{PASSWORD}{enter}")).await;
        arrive(&client, "/dashboard").await;
        tab_to(&client, "zone").await;
        press(&client, "Pays").await;
        tab_to(&client, "periode").await;
        press(&client, "Vacances").await;
        press(&client, &enter.to_string()).await;
        if !client.current_url().await.unwrap().query().unwrap_or_default().contains("vacances_ete") {
            let to_button = "return document.activeElement.type";
            while script(&client, to_button).await != "submit" {
                press(&client, &tab.to_string()).await;
            }
            press(&client, &enter.to_string()).await;
        }
        client.wait().for_element(Locator::Css("#nuitees_total")).await.unwrap();
        let query = client.current_url().await.unwrap().query().unwrap_or_default().to_owned();
        assert!(query.contains("periode=vacances_ete") && query.contains("zone=PAYS"), "{query}");
        let card = client.find(Locator::Css("#nuitees_total")).await.unwrap();
        let value = card.find(Locator::Css(".valeur")).await.unwrap().text().await.unwrap();
        assert_eq!(digits(&value), now, "{value}");
        let text = card.text().await.unwrap();
        let line = text.lines().find(|line| line.contains("2024 :")).unwrap();
        assert!(digits(line.split("2024 :").nth(1).unwrap()).starts_with(&before), "{line} instead of {before}");
        let about = client.find(Locator::Css(".apropos")).await.unwrap().text().await.unwrap();
        assert!(about.contains("58 jours sur 58") && about.contains("Données provisoires"), "{about}");
        // 58 days against 56.
        assert!(about.contains("⚠ Les évolutions comparent 58 jours avec données à 56 jours"), "{about}");
        client.find(Locator::Css("header form button")).await.unwrap().send_keys(&enter.to_string()).await.unwrap();
        arrive(&client, "/login").await;
    });
}

/// What begins a line with a mark that belongs to the one before.
const ASTRAY: &str = r"
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), astray = [];
    while (walk.nextNode()) {
        const text = walk.currentNode, block = text.parentElement.closest('p, li, td, th, h1, h2, h3, summary, caption, legend');
        if (!block || text.parentElement.closest('svg, select')) continue;
        for (const found of text.data.matchAll(/[:;!?%]/g)) {
            const range = document.createRange(), look = getComputedStyle(block);
            range.setStart(text, found.index);
            range.setEnd(text, found.index + 1);
            const mark = range.getClientRects()[0];
            const left = block.getBoundingClientRect().left + parseFloat(look.paddingLeft) + parseFloat(look.borderLeftWidth);
            if (mark && mark.width && Math.abs(mark.left - left) < 2) astray.push(block.textContent);
        }
    }
    return astray";

/// Captions that one must scroll their table to read.
const WIDE: &str = "return [...document.querySelectorAll('caption')].filter(caption => {
    if (getComputedStyle(caption).position === 'absolute') return false;
    const range = document.createRange();
    range.selectNodeContents(caption);
    return [...range.getClientRects()].some(box => box.right > document.documentElement.clientWidth);
}).map(caption => caption.textContent)";

#[test]
fn every_page_fits_a_phone_a_tablet_and_a_desk_with_and_without_scripts() {
    let Some(driver) = driver() else { return };
    let db = shared();
    let served = Served::new(db, &[("PORTAL_PUBLIC", "1")], &[]);
    for (width, scripts) in [(360, false), (800, true), (1_400, true)] {
        let base = served.base();
        let how = Look { width, dark: false, script: scripts };
        look(&driver, how, move |client| async move {
            for page in PAGES.iter().chain(&CASES).chain(&["/login", "/infographie?embed=1"]) {
                client.goto(&format!("{base}{page}")).await.unwrap();
                for more in ["", "for (const d of document.querySelectorAll('details')) d.open = true;"] {
                    let ask = "const e = document.documentElement; return [e.scrollWidth, e.clientWidth, innerWidth]";
                    let sizes = script(&client, &format!("{more}{ask}")).await;
                    assert_eq!(sizes[2], width, "{page}");
                    assert!(sizes[0].as_u64() <= sizes[1].as_u64(), "{page} at {width}: {sizes} {more}");
                }
                assert_eq!(script(&client, ASTRAY).await, serde_json::json!([]), "{page} at {width}");
                assert_eq!(script(&client, WIDE).await, serde_json::json!([]), "{page} at {width}");
                let heading = script(&client, "return document.querySelectorAll('main h1').length").await;
                assert_eq!(heading, 1, "{page}");
            }
            client.goto(&format!("{base}/dashboard?{SUMMER}")).await.unwrap();
            let chart = "return [...document.querySelectorAll('#jours svg')].filter(s => s.getBoundingClientRect().width > 0).length";
            assert_eq!(script(&client, chart).await, 1);
            if !scripts {
                // The form works without a script.
                let year = client.find(Locator::Id("annee")).await.unwrap();
                year.select_by_value("2024").await.unwrap();
                client.find(Locator::Css(".filtres button")).await.unwrap().click().await.unwrap();
                url_with(&client, "annee=2024").await;
                let about = client.find(Locator::Css(".apropos")).await.unwrap().text().await.unwrap();
                assert!(about.contains("2024"), "{about}");
            }
        });
    }
}

#[test]
fn a_zone_without_data_is_told_so_in_place_of_empty_charts() {
    let db = shared();
    let served = Served::new(db, &[], &[]);
    let nowhere = "annee=2025&periode=vacances_ete&zone=CH%C3%82TAIGNERAIE";
    let told = |path: &str| {
        served.api(&format!("{path}{nowhere}")).expect(200).text().matches(">Aucune donnée</text>").count()
    };
    // Parts, days (wide and narrow), stays, départements, regions, countries, communes.
    assert_eq!((told("/dashboard?"), told("/dashboard?onglet=excursionnistes&")), (8, 6));
    // Days, départements, countries, communes, stays.
    assert_eq!(told("/infographie.svg?"), 5);
    for chart in ["jours", "departements", "regions", "pays", "communes", "sejours", "provenances"] {
        assert_eq!(told(&format!("/graphiques/{chart}.svg?")), 1, "{chart}");
    }
    let page = served.api(&format!("/dashboard?{nowhere}")).expect(200).text();
    assert!(page.contains("⚠ Aucune donnée de cette zone pour cette période.") && !page.contains("week-end</text>"));
    let page = served.api(&format!("/dashboard?{SUMMER}")).expect(200).text();
    assert!(!page.contains("Aucune donnée") && page.contains("week-end</text>"), "{page}");
}

/// The dates of the page that stand on more than one line.
const BROKEN: &str = r"
    for (const d of document.querySelectorAll('details')) d.open = true;
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), broken = [];
    let dates = 0;
    while (walk.nextNode()) {
        if (walk.currentNode.parentElement.closest('svg')) continue;
        for (const found of walk.currentNode.data.matchAll(/\d{4}-\d\d-\d\d|\d\d[/]\d\d[/]\d{4}/g)) {
            const range = document.createRange();
            range.setStart(walk.currentNode, found.index);
            range.setEnd(walk.currentNode, found.index + found[0].length);
            dates += 1;
            if (new Set([...range.getClientRects()].map(r => Math.round(r.top))).size > 1) broken.push(found[0]);
        }
    }
    return [dates, broken, document.documentElement.scrollWidth - document.documentElement.clientWidth]";

/// Submitting a form as it stands asks the same question again: a year without data, a zone under another of its names.
#[test]
fn a_form_shows_what_the_address_asks() {
    let db = shared();
    let served = Served::new(db, &[], &[]);
    let page = served.api("/dashboard?annee=2025&periode=vacances_ete&compare_annee=2022&zone=caba").expect(200).text();
    let chosen = |page: &str, id: &str| {
        let select = page.split(&format!("<select id=\"{id}\"")).nth(1).unwrap().split("</select>").next().unwrap();
        let options = select.split("<option value=\"").filter(|option| option.contains(" selected"));
        options.map(|option| option.split('"').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(chosen(&page, "compare_annee"), ["2022"]);
    assert_eq!(chosen(&page, "zone"), ["PAYS D'AURILLAC"]);
    // The script of the form takes back a period that the year does not have: this one is shown, of a year without data.
    let page = served.api("/dashboard?annee=2022&periode=annee_complete&zone=CANTAL").expect(200).text();
    assert_eq!(["annee", "periode"].map(|id| chosen(&page, id).concat()), ["2022", "annee_complete"]);
    let option = page.split("<option value=\"annee_complete\" selected data-annees=\"").nth(1).unwrap();
    let years = option.split('"').next().unwrap();
    assert!(years.split(' ').any(|year| year == "2022"), "{years}");
    // Dates win: their year is shown, and no period beside them.
    let both = "debut_a=2025-06-01&fin_a=2025-06-30&zone_a=CANTAL&debut_b=2023-06-01&fin_b=2023-06-30&zone_b=CABA";
    let page = served.api(&format!("/dashboard?onglet=comparer&{both}")).expect(200).text();
    assert_eq!(
        ["annee_a", "periode_a", "annee_b", "periode_b"].map(|id| chosen(&page, id).concat()),
        ["2025", "", "2023", ""]
    );
    let page = served
        .api("/tables?annee=2025&periode=vacances_ete&debut=2024-05-01&fin=2024-05-31&zone=CABA")
        .expect(200)
        .text();
    assert_eq!(["annee", "periode"].map(|id| chosen(&page, id).concat()), ["2024", ""]);
    // What such a form sends.
    let sent = "annee=2024&compare_annee=&periode=&debut=2024-05-01&fin=2024-05-31&zone=CABA";
    assert!(served.api(&format!("/dashboard?{sent}")).expect(200).text().contains("du 1er mai au 31 mai 2024"));
}

/// A database that nothing was ever imported into.
#[test]
fn a_page_without_any_data_says_what_to_do_and_where_one_is() {
    let db = TestDb::new();
    Home::new(&db).tool("ensure-schema").run().expect_code(0);
    let served = Served::new(&db, &[], &[]);
    for path in ["/dashboard", "/dashboard?onglet=comparer", "/infographie", "/tables"] {
        let page = served.api(path).expect(200).text();
        assert!(page.contains("Aucune donnée") && page.contains("<code>update-temp-tables</code>"), "{path}: {page}");
        let here = page.split(" aria-current=\"page\"").next().unwrap().rsplit("href=\"").next().unwrap();
        assert_eq!(here.trim_end_matches('"'), path.split('?').next().unwrap());
    }
    for path in ["/infographie.pdf", "/tables.csv", "/api/infographie/infographie_indicateurs_cles"] {
        served.api(&format!("{path}?annee=2025&periode=annee_complete&zone=CANTAL")).expect(404);
    }
    let page = served.api("/etat").expect(200).text();
    assert!(page.contains("<strong>Aucune donnée</strong>") && !page.contains("Données jusqu'au <strong>"), "{page}");
}

#[test]
fn no_date_breaks_in_the_reports_that_are_files_and_they_fit_a_phone() {
    let Some(driver) = driver() else { return };
    let world = World::seeded();
    let sample = ["--from", "2025-02-03", "--days", "7", "--scale", "0.2", "--dates", "fr"];
    let defects = ["--defect", "30-fevrier:3@export_mobilite.csv,volume-textuel:3@frequentation_nuitee.csv"];
    world.tool("generate-sample-data").args(sample).args(defects).run().sane().expect_code(0);
    world.tool("update-temp-tables").run().sane().expect_code(3);
    world.tool("validation-complete-import").args(["--html", "import.html"]).run().sane().expect_code(3);
    let from = ["--from", "2025-02-03", "--to", "2025-02-09", "--html", "mobilite.html"];
    world.tool("compare-mobility-2024-2023").args(from).run().sane().expect_code(3);
    let pages = ["import.html", "mobilite.html"].map(|page| format!("file://{}", world.home.join(page).display()));
    look(&driver, Look::wide(360), move |client| async move {
        for page in pages {
            client.goto(&page).await.unwrap();
            let found = script(&client, BROKEN).await;
            assert!(found[0].as_u64().unwrap() > 3, "{page}: {found}");
            assert_eq!((&found[1], &found[2]), (&serde_json::json!([]), &serde_json::json!(0)), "{page}");
        }
    });
}

/// The address, once it holds this.
pub(crate) async fn url_with(client: &Client, part: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let url = client.current_url().await.unwrap();
        if url.as_str().contains(part) {
            return;
        }
        assert!(Instant::now() < until, "{url} without {part}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn axe_finds_nothing_on_any_page_in_the_light() {
    axe_finds_nothing(false);
}

#[test]
fn axe_finds_nothing_on_any_page_in_the_dark() {
    axe_finds_nothing(true);
}

#[track_caller]
fn axe_finds_nothing(dark: bool) {
    let Some(driver) = driver() else { return };
    let Some(axe) = axe() else { return skip("axe-core is not there: scripts/test installs it") };
    let db = shared();
    let served = Served::new(db, &[("PORTAL_PUBLIC", "1")], &[]);
    let base = served.base();
    look(&driver, Look { width: 1_400, dark, script: true }, move |client| async move {
        for page in PAGES.iter().chain(&CASES).chain(&["/login", "/infographie?embed=1"]) {
            client.goto(&format!("{base}{page}")).await.unwrap();
            let scheme = script(&client, "return matchMedia('(prefers-color-scheme: dark)').matches").await;
            assert_eq!(scheme, dark, "{page}");
            script(&client, "for (const d of document.querySelectorAll('details')) d.open = true").await;
            let run = format!(
                    "{axe}; const done = arguments[arguments.length - 1];
                     axe.run(document, {{resultTypes: ['violations']}}).then(r => done(r.violations.map(v =>
                         v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | '))), e => done([String(e)]))"
                );
            let found = client.execute_async(&run, Vec::new()).await.unwrap();
            assert_eq!(found, serde_json::json!([]), "{page}, dark: {dark}");
        }
    });
}

async fn pdf(client: &Client) -> Vec<u8> {
    let asked = PrintConfiguration::builder().size(PrintSize::A4).background(true).build().unwrap();
    client.print(asked).await.unwrap()
}

/// Pages of what a browser prints on A4, and their sizes in points.
async fn printed(client: &Client) -> Vec<String> {
    let bytes = pdf(client).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.starts_with("%PDF"));
    let pages = text.split("/Type /Page").skip(1).filter(|rest| !rest.starts_with('s'));
    pages.map(|page| page.split("/MediaBox [").nth(1).unwrap().split(']').next().unwrap().to_owned()).collect()
}

#[test]
fn the_infographic_prints_on_one_page_and_the_dashboard_in_light_colours_with_what_it_is_of() {
    let Some(driver) = driver() else { return };
    let db = shared();
    let served = Served::new(db, &[("PORTAL_PUBLIC", "1")], &[]);
    let base = served.base();
    look(&driver, Look { width: 1_400, dark: true, script: true }, move |client| async move {
        client.goto(&format!("{base}/infographie?{SUMMER}")).await.unwrap();
        let pages = printed(&client).await;
        assert_eq!(pages.len(), 1, "{pages:?}");
        let sides: Vec<f64> = pages[0].split(' ').filter_map(|side| side.parse().ok()).collect();
        assert!((sides[2] - 595.0).abs() < 2.0 && (sides[3] - 842.0).abs() < 2.0, "{sides:?}");
        client.goto(&format!("{base}/dashboard?{SUMMER}")).await.unwrap();
        let pages = printed(&client).await;
        assert!((2..=5).contains(&pages.len()), "{pages:?}");
        // What the paper shows of the rules: those of print, where the variables of the dark theme do not hold.
        let rules = "const said = [...document.styleSheets].flatMap(s => [...s.cssRules]).filter(r => r.media); \
            return [said.some(r => r.media.mediaText.includes('dark') && !r.media.mediaText.includes('screen')), \
                    document.querySelector('.apropos .sujet').textContent]";
        let said = script(&client, rules).await;
        assert_eq!(said[0], false);
        assert!(said[1].as_str().unwrap().contains("Aurillac"), "{said}");
    });
}

/// How far down each sheet there is something, in percent of its height; none without poppler's `pdftoppm`.
fn used(pdf: &[u8]) -> Option<Vec<usize>> {
    let folder = tempfile_folder();
    std::fs::write(folder.join("a.pdf"), pdf).unwrap();
    let drawn = Command::new("pdftoppm").args(["-r", "20", "-gray", "a.pdf", "p"]).current_dir(&folder).status();
    let mut sheets: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    sheets.retain(|path| path.extension().is_some_and(|kind| kind == "pgm"));
    sheets.sort();
    let percent = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let head: Vec<&[u8]> = bytes.splitn(4, |byte| byte.is_ascii_whitespace()).collect();
        let number = |at: usize| std::str::from_utf8(head[at]).unwrap().parse::<usize>().unwrap();
        let (width, height) = (number(1), number(2));
        let dots = &bytes[bytes.len() - width * height..];
        let last = dots.chunks(width).rposition(|row| row.iter().any(|dot| *dot < 200)).unwrap_or(0);
        last * 100 / height
    };
    let used = sheets.iter().map(percent).collect();
    std::fs::remove_dir_all(folder).unwrap();
    drawn.is_ok_and(|status| status.success()).then_some(used)
}

#[test]
fn sheets_are_filled_before_the_next_one_begins_however_long_a_ranking_is() {
    let Some(driver) = driver() else { return };
    let db = database();
    // Fifteen départements of each year that the other has not: a ranking of thirty.
    for number in 100..130 {
        let year = if number < 115 { 2025 } else { 2024 };
        db.exec(&format!(
            "INSERT INTO dim_departements (id_departement, nom_departement) VALUES ({number}, 'DEPARTEMENT {number}');
             INSERT INTO fact_nuitees_departements (date, is_provisional, id_zone, id_provenance, id_categorie, id_departement, volume) \
             VALUES ('{year}-07-10', 0, 2, 2, 1, {number}, {})",
            900_000 - number
        ));
    }
    let served = Served::new(&db, &[("PORTAL_PUBLIC", "1")], &[]);
    let base = served.base();
    let a = "annee_a=2025&periode_a=vacances_ete&zone_a=CABA";
    look(&driver, Look::wide(1_400), move |client| async move {
        for question in [
            format!("onglet=comparer&{a}&annee_b=2024&periode_b=vacances_ete&zone_b=CABA"),
            format!("onglet=comparer&{a}&annee_b=2024&periode_b=annee_complete&zone_b=CABA"),
            SUMMER.to_owned(),
        ] {
            client.goto(&format!("{base}/dashboard?{question}")).await.unwrap();
            let page = client.source().await.unwrap();
            assert!(page.contains("Departement 100") && page.contains("Departement 129"), "{page}");
            let Some(used) = used(&pdf(&client).await) else {
                return skip("pdftoppm (poppler-utils) is not installed");
            };
            let (_, full) = used.split_last().unwrap();
            assert!(!full.is_empty() && full.iter().all(|percent| *percent >= 60), "{question}: {used:?}");
        }
    });
}

/// What stands in the parts of a workbook.
fn workbook(bytes: &[u8]) -> (String, String) {
    let mut book = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut part = |name: &str| {
        let mut text = String::new();
        book.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    };
    (part("xl/sharedStrings.xml"), part("xl/worksheets/sheet1.xml"))
}

#[test]
fn files_hold_what_is_shown_and_no_name_is_a_formula() {
    let db = database();
    db.exec(
        "INSERT INTO dim_departements (id_departement, nom_departement, nom_region, nom_nouvelle_region) \
         VALUES (70, '=CMD(\"x\")', 'X', '<script>alert(1)</script>');
         INSERT INTO fact_nuitees_departements (date, is_provisional, id_zone, id_provenance, id_categorie, id_departement, volume) \
         VALUES ('2025-07-10', 0, 2, 2, 1, 70, 98765432)",
    );
    let served = Served::new(&db, &[], &[]);
    let list = "/api/infographie/infographie_departements_touristes";
    let csv = served.api(&format!("{list}?{SUMMER}&format=csv")).expect(200);
    assert!(
        csv.text().starts_with('\u{feff}') && csv.text().contains("\"'=CMD(\"\"x\"\")\";98765432;"),
        "{}",
        csv.text()
    );
    for path in [format!("{list}?{SUMMER}&format=xlsx"), format!("/tables.xlsx?{SUMMER}")] {
        let answer = served.api(&path).expect(200);
        assert!(answer.header("content-type").unwrap().contains("spreadsheetml"));
        assert!(answer.header("content-disposition").unwrap().starts_with("attachment"));
        let (texts, sheet) = workbook(&answer.body);
        assert!(texts.contains("=CMD(&quot;x&quot;)") || texts.contains("=CMD(\"x\")"), "{texts}");
        assert!(sheet.contains("<v>98765432</v>") && !sheet.contains("<f>"), "{sheet}");
    }
    let all = served.api(&format!("/tables.csv?{SUMMER}")).expect(200).text();
    let total = nights(&db, "2025-07-05", "2025-08-31");
    assert!(all.contains(&format!("Indicateurs;Nuitées totales;{total};")), "{all}");
    for chart in ["jours", "departements", "regions", "pays", "communes", "sejours", "provenances"] {
        let answer = served.api(&format!("/graphiques/{chart}.svg?{SUMMER}")).expect(200);
        assert_eq!(answer.header("content-type").as_deref(), Some("image/svg+xml"));
        assert!(answer.text().starts_with("<svg ") && !answer.text().contains("<script"), "{chart}");
    }
    let two = "annee_a=2025&periode_a=vacances_ete&zone_a=CABA&annee_b=2024&periode_b=vacances_ete&zone_b=CANTAL";
    for chart in ["jours", "departements", "regions", "pays", "communes"] {
        let answer = served.api(&format!("/graphiques/comparer_{chart}.svg?{two}")).expect(200);
        assert!(answer.text().starts_with("<svg ") && answer.text().contains("Cantal, 2024"), "{chart}");
        assert!(!answer.text().contains("<script"), "{chart}");
    }
    let faced = served.api(&format!("/dashboard?onglet=comparer&{two}")).expect(200).text();
    for list in ["departements", "regions", "pays", "communes", "series"] {
        let list = format!("/api/analytics/comparison_{list}?");
        let at = faced.find(&list).unwrap_or_else(|| panic!("{list} in {faced}"));
        let address = faced[at..].split('"').next().unwrap().replace("&amp;", "&");
        assert!(served.api(&address).expect(200).header("content-type").unwrap().starts_with("text/csv"), "{address}");
    }
    // 58 days against 56: every change says so.
    assert!(faced.contains("A : 58 jours sur 58 avec données ; B : 56 jours sur 56 avec données. ⚠"), "{faced}");
    let page = served.api(&format!("/dashboard?{SUMMER}")).expect(200).text();
    assert!(page.contains("98\u{202f}765\u{202f}432") && !page.contains("<script>alert"));
    assert!(
        !page.contains(" style=") && !page.contains("<style") && !page.contains(" onclick"),
        "the policy forbids it"
    );
    // Nobody knows the stranger: the files are as closed as the pages.
    for path in ["/infographie.pdf", "/tables.xlsx", "/graphiques/jours.svg"] {
        let to = served.get(path).expect(303).header("location").unwrap();
        assert_eq!(to, format!("/login?redirect={}", encoded(path)));
    }
    assert_eq!(
        served.get("/static/portail.css").expect(200).header("content-type").as_deref(),
        Some("text/css; charset=utf-8")
    );
}

#[test]
fn the_infographic_is_one_drawing_in_three_formats_and_frames_only_where_it_may() {
    let db = shared();
    let home = Home::new(db);
    std::fs::create_dir_all(home.path().join("portail")).unwrap();
    let logo = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"60\" height=\"30\"><rect width=\"60\" height=\"30\" fill=\"#123456\"/><script>x()</script></svg>";
    std::fs::write(home.path().join("portail/logo.svg"), logo).unwrap();
    let variables =
        [("OBSERVATOIRE_NOM", "Observatoire d'<essai>"), ("PORTAL_FRAME_ANCESTORS", "https://www.exemple.fr")];
    let served = Served::at(home, &variables, &[]);
    let svg = served.api(&format!("/infographie.svg?{SUMMER}")).expect(200).text();
    assert!(
        svg.contains("Pays d&#39;Aurillac")
            && svg.contains("Observatoire d&#39;&lt;essai&gt;")
            && svg.contains("#123456"),
        "{svg}"
    );
    assert!(!svg.contains("<script"), "{svg}");
    let peak = db.scalar(
        "SELECT CONCAT(DAY(date), IF(MONTH(date) = 7, ' juillet', ' août')) FROM fact_diurnes WHERE date BETWEEN '2025-07-05' AND \
         '2025-08-31' AND id_zone IN (2, 4) AND id_categorie = 2 AND id_provenance IN (2, 3) GROUP BY date \
         ORDER BY SUM(volume) DESC, date LIMIT 1",
    );
    assert!(svg.contains(&format!("Pic d&#39;excursionnistes, {peak}<")), "{peak}: {svg}");
    let png = served.api(&format!("/infographie.png?{SUMMER}")).expect(200);
    let side = |at: usize| u32::from_be_bytes(png.body[at..at + 4].try_into().unwrap());
    // 794 by 1 123 at two dots each
    assert_eq!((&png.body[1..4], side(16), side(20)), (&b"PNG"[..], 1_588, 2_246));
    let pdf = served.api(&format!("/infographie.pdf?{SUMMER}")).expect(200);
    assert_eq!(pdf.header("content-type").as_deref(), Some("application/pdf"));
    let text = String::from_utf8_lossy(&pdf.body).into_owned();
    // A4 is 595 by 842 points
    assert!(
        pdf.body.starts_with(b"%PDF") && text.contains("/Count 1") && text.contains("/MediaBox [0 0 595.5 842.25]"),
        "{}",
        &text[..2_000]
    );
    // A window and a list of files name it by these.
    assert!(text.contains("/Title ") && text.contains("/Lang (fr)"));
    let head = |path: &str| served.send("GET", path, &[("Authorization", &format!("Bearer {TOKEN}"))], "").expect(200);
    let framed = head(&format!("/infographie?embed=1&{SUMMER}"));
    assert!(framed.header("content-security-policy").unwrap().ends_with("frame-ancestors https://www.exemple.fr"));
    assert!(!framed.text().contains("<header") && framed.text().contains("<main"));
    assert!(head("/infographie").header("content-security-policy").unwrap().ends_with("frame-ancestors 'none'"));
}
