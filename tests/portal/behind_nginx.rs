//! The nginx of Debian in front of the portal, set up with the lines that `docs/portail.md` gives whoever installs.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flux_test::{Home, repository};
use support::served::{Served, TOKEN, shared};

/// The examples of the page, in their order.
fn examples() -> Vec<String> {
    let page = std::fs::read_to_string(repository().join("docs/portail.md")).unwrap();
    page.split("```nginx\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

struct Nginx {
    process: Child,
    port: u16,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it.
        let _ = Command::new("kill").args(["-QUIT", &self.process.id().to_string()]).status();
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until && matches!(self.process.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts it with these lines; none where it is not installed.
fn nginx(home: &Home, served: &Served, server: &str) -> Option<Nginx> {
    let program =
        ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].into_iter().find(|path| std::path::Path::new(path).exists())?;
    let folder = home.join("nginx");
    std::fs::create_dir_all(folder.join("tmp")).unwrap();
    // Its workers may be another account, which must find their way.
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (at, port) = (folder.display(), TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let key = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-keyout", &format!("{at}/cle.pem"), "-out", &format!("{at}/chaine.pem")])
        .output()
        .unwrap();
    assert!(key.status.success(), "{key:?}");
    let server = server
        .replace("listen 443 ssl;", &format!("listen 127.0.0.1:{port} ssl;"))
        .replace("/etc/ssl/observatoire", &at.to_string())
        .replace("http://127.0.0.1:8080", &served.base());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {at}/tmp/{kind};\n"))
        .concat();
    let user = if std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0) {
        "user root;\n"
    } else {
        ""
    };
    let text = format!(
        "{user}pid {at}/pid;\nerror_log {at}/error.log;\ndaemon off;\nworker_processes 1;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{server}\n}}\n"
    );
    std::fs::write(folder.join("nginx.conf"), text).unwrap();
    let mut process = Command::new(program)
        .args(["-p", &at.to_string(), "-e", &format!("{at}/error.log"), "-c", &format!("{at}/nginx.conf")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let log = std::fs::read_to_string(folder.join("error.log")).unwrap_or_default();
        assert!(Instant::now() < until && matches!(process.try_wait(), Ok(None)), "nginx does not start\n{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(Nginx { process, port })
}

/// Head and body, over TLS, as a browser at another address would ask.
fn ask(home: &Home, nginx: &Nginx, path: &str, further: &[&str]) -> (u16, String) {
    let run = Command::new("curl")
        .args(["-sS", "-i", "--cacert"])
        .arg(home.join("nginx/chaine.pem"))
        .args(["--resolve", &format!("localhost:{}:127.0.0.1", nginx.port)])
        .args(further)
        .arg(format!("https://localhost:{}{path}", nginx.port))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    assert!(status > 0, "{path}: {text}\n{}", String::from_utf8_lossy(&run.stderr));
    (status, text.to_lowercase())
}

#[test]
fn the_example_ends_tls_says_who_asks_and_limits_the_rate() {
    let db = shared();
    let served = Served::new(db, &[("API_TRUST_PROXY", "127.0.0.1")], &[]);
    let home = Home::without_db();
    let Some(nginx) = nginx(&home, &served, &examples()[0]) else {
        return flux_test::skip("nginx is not installed");
    };
    let (status, login) = ask(&home, &nginx, "/login", &[]);
    assert_eq!(status, 200, "{login}");
    // The portal knows that it is spoken to over TLS.
    assert!(
        login.contains("set-cookie: __host-flux_formulaire=") && login.contains("strict-transport-security:"),
        "{login}"
    );
    let key = format!("X-Api-Key: {TOKEN}");
    let figures = "/api/infographie/infographie_indicateurs_cles?annee=2025&periode=vacances_ete&zone=CABA";
    // What a caller claims of itself is one more address behind the one that nginx saw.
    let (status, answer) = ask(&home, &nginx, figures, &["-H", &key, "-H", "X-Forwarded-For: 203.0.113.9"]);
    assert!(status == 200 && answer.contains("\"status\":\"success\""), "{answer}");
    let body = home.write("10M", "a".repeat(10 << 20));
    let upload = format!("@{}", body.display());
    assert_eq!(ask(&home, &nginx, "/login", &["-H", "Expect:", "--data-binary", &upload]).0, 413);
    // 20 a second, 40 more at once: four hundred are too many, unless they take eighteen seconds.
    let all = format!("{}?[1-400]", "/healthz");
    let (_, answers) = ask(&home, &nginx, &all, &["--parallel", "--parallel-immediate", "--parallel-max", "50"]);
    let count = |status: &str| answers.matches(&format!("http/1.1 {status} ")).count();
    assert!(
        count("200") >= 40 && count("429") > 0 && count("200") + count("429") == 400,
        "{} {}",
        count("200"),
        count("429")
    );
}

#[test]
fn the_example_below_a_path() {
    let db = shared();
    let served = Served::new(db, &[("API_TRUST_PROXY", "127.0.0.1")], &["--base-path", "/portail"]);
    let home = Home::without_db();
    let server = format!(
        "server {{\nlisten 443 ssl;\nssl_certificate /etc/ssl/observatoire/chaine.pem;\nssl_certificate_key /etc/ssl/observatoire/cle.pem;\n\
         location / {{ return 204; }}\n{}\n}}",
        examples()[1]
    );
    let Some(nginx) = nginx(&home, &served, &server) else {
        return flux_test::skip("nginx is not installed");
    };
    assert_eq!(ask(&home, &nginx, "/", &[]).0, 204, "the other site");
    let (status, answer) = ask(&home, &nginx, "/portail/dashboard", &[]);
    assert!(status == 303 && answer.contains("location: /portail/login?redirect=%2fdashboard"), "{answer}");
    let (status, page) = ask(&home, &nginx, "/portail/dashboard", &["-H", &format!("X-Api-Key: {TOKEN}")]);
    assert!(status == 200 && page.contains("href=\"/portail/static/portail.css?v="), "{page}");
    let (_, login) = ask(&home, &nginx, "/portail/login", &[]);
    assert!(login.contains("path=/portail;") && login.contains("; secure"), "{login}");
}
