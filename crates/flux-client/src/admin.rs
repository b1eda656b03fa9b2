//! Are the protected endpoints closed to strangers and to ordinary accounts? And the accounts themselves? Only GET is ever sent.

use serde::Serialize;

use crate::accounts::{self, Accounts};
use crate::endpoints::{Access, Endpoint, SHARED_SPACES, TABLES_INFO};
use crate::http::{Client, ClientOptions, Exchange};
use crate::{Call, clear_token, judge, overall};
use flux_core::db::Database;
use flux_core::error::Result;
use flux_core::report::{Code, Finding, Page, Report, Table, Verdict, worst};
use flux_core::settings::Settings;
use flux_core::signals;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Caller {
    Anonymous,
    Ordinary,
}

impl Caller {
    fn name(self) -> &'static str {
        match self {
            Caller::Anonymous => "anonyme",
            Caller::Ordinary => "non-administrateur",
        }
    }
}

#[derive(Debug, Serialize)]
struct Attempt {
    caller: Caller,
    refused: bool,
    #[serde(flatten)]
    call: Call,
}

/// Report of `test-admin-restrictions`.
#[derive(Debug, Serialize)]
pub struct AdminReport {
    base_url: String,
    attempts: Vec<Attempt>,
    users: Option<Accounts>,
    findings: Vec<Finding>,
}

/// Calls as a stranger and, where there is a token, as an ordinary account; then looks at the accounts.
///
/// # Errors
/// Those of the portal's settings. A database that cannot be reached is a finding: the calls still tell something.
pub fn check(settings: &Settings, options: &ClientOptions) -> Result<AdminReport> {
    let client = Client::new(settings, options)?;
    let mut findings = clear_token(&client);
    let mut attempts = Vec::new();
    for endpoint in SHARED_SPACES.iter().chain([&TABLES_INFO]) {
        for caller in [Caller::Anonymous, Caller::Ordinary] {
            // An ordinary token may read the inventory.
            let allowed = caller == Caller::Ordinary && (endpoint.access == Access::Token || !client.has_token());
            if allowed {
                continue;
            }
            signals::check()?;
            let exchange = client.get(endpoint.path, &[], caller == Caller::Ordinary);
            let (refused, found) = judged(&client, endpoint, caller, &exchange);
            let verdict = worst(&found);
            attempts.push(Attempt { caller, refused, call: Call::new(endpoint, &exchange, None, verdict) });
            findings.extend(found);
        }
    }
    if !client.has_token() {
        findings.push(
            Finding::attention(
                Code::CheckNotDone,
                "API_TOKEN",
                "appels d'un compte non-administrateur non faits : pas de jeton",
            )
            .action("donnez par API_TOKEN ou --token-file un jeton sans droits d'administration"),
        );
    }
    let users =
        match Database::connect(settings, "test-admin-restrictions").and_then(|database| accounts::check(&database)) {
            Ok(mut users) => {
                findings.append(&mut users.findings);
                Some(users)
            }
            Err(error) => {
                let finding = Finding::error(Code::CheckNotDone, "users", format!("comptes non contrôlés : {error}"));
                findings.push(error.hint().into_iter().fold(finding, Finding::action));
                None
            }
        };
    Ok(AdminReport { base_url: client.base().to_owned(), attempts, users, findings })
}

fn judged(client: &Client, endpoint: &Endpoint, caller: Caller, exchange: &Exchange) -> (bool, Option<Finding>) {
    let place = endpoint.name();
    let answer = match &exchange.result {
        Ok(answer) => answer,
        Err(failure) => {
            return (
                false,
                Some(Finding::error(Code::PortalUnreachable, place, &failure.message).action(failure.action)),
            );
        }
    };
    let inconclusive = |message: String| {
        (
            false,
            Some(
                Finding::attention(
                    Code::RefusalUnproved,
                    place,
                    format!("appel {} : {message}, rien n'est prouvé", caller.name()),
                )
                .action("vérifiez l'adresse du portail et la version déployée"),
            ),
        )
    };
    match answer.status {
        401 | 403 => (true, None),
        300..=399 => {
            let to = answer.location.as_deref().unwrap_or_default().to_lowercase();
            if ["login", "connexion", "auth"].iter().any(|word| to.contains(word)) {
                (true, None)
            } else {
                inconclusive(format!("redirection {} vers {to}", answer.status))
            }
        }
        200..=299 => {
            let open = |message: String| {
                (false, Some(Finding::error(Code::EndpointOpen, place, format!("ouvert à un appel {} : {message}", caller.name()))
                    .action("ajoutez le contrôle Auth::requireAdmin() avant toute réponse, et regardez les journaux d'accès")))
            };
            match judge::read_json(client, place, answer) {
                Ok(document) => match judge::own_error(&document) {
                    Some(_) => (
                        true,
                        Some(
                            Finding::attention(
                                Code::RefusalUnproved,
                                place,
                                format!("appel {} refusé, mais avec le statut {}", caller.name(), answer.status),
                            )
                            .action("le script doit répondre 401 ou 403"),
                        ),
                    ),
                    None => open(format!("statut {}, {} octets de données", answer.status, answer.body.len())),
                },
                Err(_) if looks_like_login(&answer.body) => (
                    true,
                    Some(
                        Finding::attention(
                            Code::RefusalUnproved,
                            place,
                            format!("appel {} : page de connexion avec le statut {}", caller.name(), answer.status),
                        )
                        .action("le script doit répondre 401 ou 403"),
                    ),
                ),
                Err(_) if answer.body.iter().all(u8::is_ascii_whitespace) => {
                    inconclusive(format!("réponse vide ({})", answer.status))
                }
                Err(_) => {
                    open(format!("statut {}, {} octets qui ne sont pas du JSON", answer.status, answer.body.len()))
                }
            }
        }
        status => match judge::status_finding(client, place, exchange, answer) {
            Some(finding) if status >= 500 => (false, Some(finding)),
            Some(finding) => inconclusive(finding.message),
            None => inconclusive(format!("statut {status}")),
        },
    }
}

fn looks_like_login(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    text.contains("type=\"password\"") || text.contains("type='password'")
}

impl Report for AdminReport {
    fn render(&self, page: &mut Page) {
        page.line(format!("Portail {}", self.base_url));
        let mut table = Table::new(&["appel", "appelant", ">statut", "refusé"]);
        for attempt in &self.attempts {
            let [name, status, ..] = attempt.call.row();
            table.row([name, attempt.caller.name().into(), status, if attempt.refused { "oui" } else { "non" }.into()]);
        }
        page.gap();
        page.table(&table);
        page.gap();
        if let Some(users) = &self.users {
            page.line(format!("Comptes : {}", users.summary()));
            page.gap();
        }
        for finding in &self.findings {
            page.finding(finding);
        }
        if self.findings.is_empty() {
            page.verdict(Verdict::Ok, "les appels protégés sont refusés, les comptes sont en ordre");
        }
    }

    fn verdict(&self) -> Verdict {
        let unanswered = !self.attempts.is_empty() && self.attempts.iter().all(|attempt| !attempt.call.answered());
        if unanswered { Verdict::Error } else { overall(&[], &self.findings) }
    }
}
