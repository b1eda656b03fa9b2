//! Orange's download portal of the test's own: a list, files behind HTTP Basic, and the ways in which they fail.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use flux_test::{Home, Tool};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};

use crate::archive::zip_of;
use crate::portal::{Portal, Reply, Request};

pub const USER: &str = "observatoire";
pub const PASSWORD: &str = "s3cret-d0range";
/// `observatoire:s3cret-d0range`, by `base64`.
pub const BASIC: &str = "Basic b2JzZXJ2YXRvaXJlOnMzY3JldC1kMHJhbmdl";

/// An entry of the list, of the delivery « B1 2024 ».
pub fn entry(file_name: &str, url: &str, modified: &str) -> Value {
    json!({
        "study_code_ref": "E1", "study_name": "Cantal tourisme", "delivery_code_ref": "L7", "delivery_name": "B1 2024",
        "orga_code_ref": "O1", "orga_name": "CDT", "file_name": file_name, "file_last_modified_date": modified, "url": url
    })
}

/// The same with other fields.
pub fn entry_with(file_name: &str, url: &str, fields: Value) -> Value {
    let mut entry = entry(file_name, url, "2025-08-15T10:30:00+02:00");
    for (name, value) in fields.as_object().unwrap() {
        entry[name] = value.clone();
    }
    entry
}

/// A zip of one file of so many bytes that do not compress.
pub fn zip(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    let content: Vec<u8> = (0..bytes).map(|_| next()).collect();
    zip_of([("Nuitee_2024B1_x.csv", content)])
}

/// A version of a file as a server sends it.
#[derive(Clone)]
pub struct Served<'a> {
    pub content: &'a [u8],
    /// With its quotes; none where empty.
    pub etag: &'a str,
    /// Whether `Range` is understood.
    pub ranges: bool,
    /// Whether `If-Range` is looked at.
    pub honest: bool,
}

pub fn served(content: &[u8]) -> Served<'_> {
    Served { content, etag: "\"v1\"", ranges: true, honest: true }
}

pub fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let line =
        request.head.lines().find(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())))?;
    Some(line.split_once(':')?.1.trim())
}

pub fn range_from(request: &Request) -> Option<usize> {
    header(request, "range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

impl Served<'_> {
    /// Head and body of the answer, as RFC 9110 says for a range and its condition.
    pub fn answer(&self, request: &Request) -> (String, Vec<u8>) {
        let total = self.content.len();
        let same = !self.honest || header(request, "if-range").is_none_or(|tag| tag == self.etag);
        let from = range_from(request).filter(|_| self.ranges && same);
        let tag = if self.etag.is_empty() { String::new() } else { format!("ETag: {}\r\n", self.etag) };
        let common = "Content-Type: application/octet-stream\r\nConnection: close\r\n";
        match from {
            Some(from) if from >= total => (
                format!("HTTP/1.1 416 Range\r\nContent-Range: bytes */{total}\r\nContent-Length: 0\r\n{common}\r\n"),
                vec![],
            ),
            Some(from) => (
                format!(
                    "HTTP/1.1 206 Partial\r\nContent-Range: bytes {from}-{}/{total}\r\nContent-Length: {}\r\n{tag}{common}\r\n",
                    total - 1,
                    total - from
                ),
                self.content[from..].to_vec(),
            ),
            None => (format!("HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n{tag}{common}\r\n"), self.content.to_vec()),
        }
    }

    /// All of it.
    pub fn whole(&self, request: &Request) -> Reply {
        self.cut(request, usize::MAX)
    }

    /// The head, and so many bytes of the body.
    pub fn cut(&self, request: &Request, bytes: usize) -> Reply {
        let (head, body) = self.answer(request);
        Reply::Raw([head.as_bytes(), &body[..body.len().min(bytes)]].concat())
    }

    /// The same, then silence.
    pub fn stall(&self, request: &Request, bytes: usize, time: std::time::Duration) -> Reply {
        match self.cut(request, bytes) {
            Reply::Raw(bytes) => Reply::Stall(bytes, time),
            other => other,
        }
    }
}

/// A list as the portal serves it, behind its credentials.
pub fn list(request: &Request, entries: &[Value]) -> Reply {
    if header(request, "authorization") != Some(BASIC) {
        return crate::portal::status(401, &[]);
    }
    crate::portal::json(Value::from(entries.to_vec()).to_string())
}

/// The variables by which a tool finds this portal, with its credentials.
pub fn env(portal: &Portal) -> [(&'static str, String); 4] {
    [
        ("FLUX_VISION_URL", format!("{}/api_file/v1", portal.base)),
        ("FLUX_VISION_ORGA", "CDT15".into()),
        ("FLUX_VISION_USER", USER.into()),
        ("FLUX_VISION_PASSWORD", PASSWORD.into()),
    ]
}

/// The tool, with them.
pub fn asking(tool: Tool, portal: &Portal) -> Tool {
    env(portal).into_iter().fold(tool, |tool, (name, value)| tool.env(name, value))
}

/// `download-deliveries`, with them.
pub fn tool(home: &Home, portal: &Portal) -> Tool {
    asking(home.tool("download-deliveries").arg("--json"), portal)
}

/// Path of the list, as [`tool`] asks for it.
pub const LIST: &str = "/api_file/v1/CDT15/";

/// A TLS server for 127.0.0.1 with a certificate signed by the authority that is written to `ca`; None without `openssl`.
pub fn tls(ca: &Path) -> Option<Arc<ServerConfig>> {
    let folder = ca.parent().unwrap();
    let openssl = |arguments: &str| {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().ok()?;
        assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
        Some(())
    };
    let name = ca.file_name().unwrap().to_str().unwrap();
    std::fs::write(folder.join("leaf.ext"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    openssl(&format!("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=Essai -keyout ca.key -out {name}"))?;
    openssl("req -newkey rsa:2048 -nodes -subj /CN=portail -keyout leaf.key -out leaf.csr")?;
    openssl(&format!(
        "x509 -req -in leaf.csr -CA {name} -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.ext -out leaf.pem"
    ))?;
    let certificate = CertificateDer::from_pem_file(folder.join("leaf.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("leaf.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Some(Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap()))
}
