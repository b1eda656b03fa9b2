//! A portal of the test's own: a real HTTP server on a free port, which answers as the test says and keeps what it was asked.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection};

/// What came in.
#[derive(Debug, Clone)]
pub struct Request {
    /// Path without the query.
    pub path: String,
    /// Query as sent.
    pub query: String,
    /// The head as sent.
    pub head: String,
}

impl Request {
    /// Whether the token was sent.
    pub fn has_token(&self) -> bool {
        self.head.to_lowercase().contains("authorization: bearer ")
    }
}

/// What goes out.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Status line's code, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// These bytes, then the connection closes.
    Raw(Vec<u8>),
    /// Nothing for so long.
    Silence(Duration),
    /// These bytes, then nothing for so long.
    Stall(Vec<u8>, Duration),
    /// So many bytes of these at once, the others one by one, each after so long.
    Drip(Vec<u8>, usize, Duration),
}

/// `application/json` with status 200.
pub fn json(body: impl Into<String>) -> Reply {
    Reply::Answer(200, vec![("Content-Type", "application/json; charset=utf-8".into())], body.into())
}

/// `text/html` with any status.
pub fn html(status: u16, body: &str) -> Reply {
    Reply::Answer(status, vec![("Content-Type", "text/html".into())], body.into())
}

/// A status with headers and no body.
pub fn status(code: u16, headers: &[(&'static str, &str)]) -> Reply {
    Reply::Answer(code, headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(), String::new())
}

/// The server; its threads end with the test process.
pub struct Portal {
    pub base: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Portal {
    pub fn new(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::over("http", answer, |stream, answer, log| serve(stream, answer, log))
    }

    /// The same behind TLS.
    pub fn secure(tls: Arc<ServerConfig>, answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::over("https", answer, move |stream, answer, log| {
            let mut connection = ServerConnection::new(tls.clone()).expect("a TLS server");
            let mut stream = stream;
            serve(rustls::Stream::new(&mut connection, &mut stream), answer, log);
            connection.send_close_notify();
            let _ = connection.write_tls(&mut stream);
        })
    }

    fn over(
        scheme: &str,
        answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
        serve: impl Fn(TcpStream, &Answering, &Mutex<Vec<Request>>) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = format!("{scheme}://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log, serve) = (Arc::new(answer), seen.clone(), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, log, serve) = (answer.clone(), log.clone(), serve.clone());
                thread::spawn(move || serve(stream, &*answer, &log));
            }
        });
        Self { base, seen }
    }

    /// Always the same answer.
    pub fn always(reply: Reply) -> Self {
        Self::new(move |_, _| reply.clone())
    }

    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

type Answering = dyn Fn(&Request, usize) -> Reply + Sync;

fn serve(mut stream: impl Read + Write, answer: &Answering, log: &Mutex<Vec<Request>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            // A TLS handshake: answered as web servers do on their plain port.
            Ok(1) if head.is_empty() && byte[0] == 0x16 => {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
                return;
            }
            Ok(1) if head.len() < 65_536 => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let allowed = ["GET ", "CONNECT "].iter().any(|method| head.starts_with(method));
    assert!(allowed, "only GET is allowed, and what a proxy is asked: {head}");
    let target = head.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request { path: path.into(), query: query.into(), head: head.clone() };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len()
    };
    match answer(&request, number) {
        Reply::Answer(code, headers, body) => {
            let mut text = format!("HTTP/1.1 {code} Test\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
            for (name, value) in headers {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            let _ = stream.write_all(format!("{text}\r\n{body}").as_bytes());
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Reply::Silence(time) => thread::sleep(time),
        Reply::Stall(bytes, time) => {
            let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
            thread::sleep(time);
        }
        Reply::Drip(bytes, at_once, time) => {
            let pieces = std::iter::once(&bytes[..at_once]).chain(bytes[at_once..].chunks(1));
            let _ = pieces.into_iter().try_for_each(|piece| {
                thread::sleep(time);
                stream.write_all(piece).and_then(|()| stream.flush())
            });
        }
    }
}

/// A ranking of one row, as the portal's list endpoints give it.
pub fn ranking(name: &str, volume: &str) -> String {
    format!(r#"[{{"{name}":"X","{volume}":12,"{volume}_n1":10,"delta_pct":20.0,"part_pct":100}}]"#)
}

/// A right answer of each infographics endpoint and of the inventory.
pub fn sound(request: &Request) -> Reply {
    let file = request.path.rsplit('/').next().unwrap_or_default();
    json(match file.trim_start_matches("infographie_") {
        "indicateurs_cles.php" => r#"{"zone_observation":"CANTAL","annee":"2025","periode":"vacances_ete","debut":"2025-07-05 00:00:00",
            "fin":"2025-08-31 23:59:59","bloc_a":[{"numero":1,"indicateur":"1. Nuitées","N":12,"N_1":10}],"status":"success"}"#.into(),
        "departements_touristes.php" => ranking("nom_departement", "n_nuitees"),
        "departements_excursionnistes.php" => ranking("nom_departement", "n_presences"),
        "regions_touristes.php" => ranking("nom_region", "n_nuitees"),
        "regions_excursionnistes.php" => ranking("nom_region", "n_presences"),
        "pays_touristes.php" => ranking("nom_pays", "n_nuitees"),
        "pays_excursionnistes.php" => ranking("nom_pays", "n_presences"),
        "communes_excursion.php" => r#"{"zone_observation":"CANTAL","annee":2025,"periode":"vacances_ete","debut_periode":"2025-07-05",
            "fin_periode":"2025-08-31","destinations":[{"nom_commune":"AURILLAC","code_insee":"15014","total_visiteurs":12,
            "total_visiteurs_n1":10,"evolution_pct":20.0}],"total_destinations":1,"status":"success"}"#.into(),
        "duree_sejour.php" => r#"{"annee":2025,"periode":"vacances_ete","zone":"CANTAL","stay_distribution_fr":[{"duree":"1 NUIT",
            "nb_nuits":1,"volume":5,"volume_n1":0,"part_pct":100,"delta_pct":null}],"stay_distribution_intl":[]}"#.into(),
        "periodes.php" => r#"{"periode":{"Année complète":{"2025":{"debut":"01/01/2025","fin":"31/12/2025"}}}}"#.into(),
        "tables_info.php" => r#"{"success":true,"tables":[{"table_name":"dim_pays"}],"count":1,"next_offset":null}"#.into(),
        other => panic!("unexpected call of {other}"),
    })
}
