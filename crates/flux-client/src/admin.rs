//! Are the portal's doors closed to strangers and to ordinary accounts? And the accounts themselves? Only GET is ever sent.
//!
//! A refusal proves something only about a caller that is let in elsewhere: a token that no script reads is refused everywhere.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::doors::{self, Door, Key};
use crate::http::{Answer, Client, ClientOptions, Exchange};
use crate::{Call, clear_token, judge, overall};
use flux_core::accounts::{self, Survey};
use flux_core::db::Database;
use flux_core::error::Result;
use flux_core::settings::Settings;
use flux_core::signals;
use flux_report::{Code, Finding, Page, Report, Table, Verdict, bytes, plural, worst};

/// An address that no portal has: what it answers tells a page for everything from an open door.
const NOWHERE: &str = "flux-controle-adresse-inexistante";

/// What `test-admin-restrictions` is told.
#[derive(Debug, Clone, Default)]
pub struct AdminOptions {
    /// How to reach the portal.
    pub client: ClientOptions,
    /// File with more doors.
    pub doors: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
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

/// What an answer says of a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// Known and turned away (403), or a stranger sent to the login.
    Refused,
    /// Treated as a stranger: 401, or the login page.
    NotRecognized,
    /// Let in.
    Open,
    /// There is nothing.
    Absent,
    /// Neither shown.
    Unclear,
}

impl Outcome {
    fn closed(self) -> bool {
        matches!(self, Outcome::Refused | Outcome::NotRecognized)
    }

    fn name(self) -> &'static str {
        match self {
            Outcome::Refused | Outcome::NotRecognized => "oui",
            Outcome::Open => "non",
            Outcome::Absent => "absent",
            Outcome::Unclear => "?",
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Attempt {
    caller: Caller,
    /// Whether this caller may come in.
    allowed: bool,
    refused: bool,
    /// Whether the refusal says something about this caller.
    proved: bool,
    outcome: Outcome,
    /// Whether an address that no portal has is refused in the same words: by what stands before the portal.
    #[serde(skip)]
    refused_anywhere: bool,
    #[serde(flatten)]
    call: Call,
}

/// Report of `test-admin-restrictions`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AdminReport {
    base_url: String,
    /// Whether the portal let the credential in anywhere; null without one.
    credential_accepted: Option<bool>,
    attempts: Vec<Attempt>,
    users: Option<Survey>,
    findings: Vec<Finding>,
}

/// Calls as a stranger and, where there is a credential, as an ordinary account; then looks at the accounts.
///
/// # Errors
/// Those of the portal's settings and of the doors. A database that cannot be reached is a finding: the calls still tell something.
pub fn check(settings: &Settings, options: &AdminOptions) -> Result<AdminReport> {
    let client = Client::new(settings, &options.client)?;
    let doors = doors::all(&settings.home.root, options.doors.as_deref())?;
    let mut report = AdminReport {
        base_url: client.base().to_owned(),
        credential_accepted: None,
        attempts: Vec::new(),
        users: None,
        findings: clear_token(&client),
    };
    let anywhere = Anywhere::of(&client.get(NOWHERE, &[], false));
    for door in &doors {
        signals::check()?;
        report.knock(&client, door, Caller::Anonymous, anywhere.as_ref());
    }
    if client.has_credential() {
        let anywhere = Anywhere::of(&client.get(NOWHERE, &[], true));
        for door in doors.iter().filter(|door| door.key != Key::Nobody) {
            signals::check()?;
            report.knock(&client, door, Caller::Ordinary, anywhere.as_ref());
        }
        report.prove();
    } else {
        report.findings.push(
            Finding::attention(
                Code::CheckNotDone,
                "API_TOKEN",
                "appels d'un compte non-administrateur non faits : ni jeton ni session",
            )
            .action(
                "donnez par API_TOKEN ou --token-file un jeton, ou par PORTAL_SESSION ou --session-file la session, \
                 d'un compte sans droits d'administration",
            ),
        );
    }
    report.tell_proxies();
    report.look_at_accounts(settings);
    Ok(report)
}

impl AdminReport {
    fn knock(&mut self, client: &Client, door: &Door, caller: Caller, anywhere: Option<&Anywhere>) {
        let exchange = client.get(&door.address, &[], caller == Caller::Ordinary);
        let allowed = caller == Caller::Ordinary && door.key == Key::Credential;
        let (outcome, mut found) = judged(client, door, caller, &exchange, anywhere);
        if allowed && found.as_ref().is_some_and(|finding| finding.code != Code::PortalUnreachable) {
            found = None;
        }
        let call = Call::of((door.path().to_owned().into(), door.role.clone().into()), &exchange, None, worst(&found));
        let refused_anywhere = outcome == Outcome::Refused && anywhere.is_some_and(|page| page.is(door, &exchange));
        // A stranger needs no proof of who he is.
        let proved = caller == Caller::Anonymous && outcome.closed() && !refused_anywhere;
        let refused = outcome.closed();
        self.attempts.push(Attempt { caller, allowed, refused, proved, outcome, refused_anywhere, call });
        self.findings.extend(found);
    }

    /// Settles what the refusals of the credential are worth: something only where it is let in, and is told from a stranger.
    fn prove(&mut self) {
        let stranger_refused = |endpoint: &str| {
            self.attempts.iter().any(|attempt| {
                attempt.caller == Caller::Anonymous && attempt.call.endpoint == endpoint && attempt.refused
            })
        };
        let accepted = self.attempts.iter().any(|attempt| {
            attempt.allowed && attempt.outcome == Outcome::Open && stranger_refused(&attempt.call.endpoint)
        });
        self.credential_accepted = Some(accepted);
        let (mut unproved, mut unread) = (0, 0);
        for attempt in &mut self.attempts {
            if attempt.caller != Caller::Ordinary || attempt.allowed || !attempt.refused {
                continue;
            }
            attempt.proved = accepted && attempt.outcome == Outcome::Refused && !attempt.refused_anywhere;
            if !accepted {
                unproved += 1;
            } else if attempt.outcome == Outcome::NotRecognized {
                unread += 1;
            }
        }
        if unproved > 0 || !accepted {
            let message = format!(
                "le portail n'accepte nulle part le jeton ou la session : {} d'un compte non-administrateur ne prouvent rien",
                plural(unproved, "refus", "refus")
            );
            self.findings.push(Finding::attention(Code::RefusalUnproved, "API_TOKEN", message).action(
                "donnez un jeton ou une session que l'inventaire (api/database/tables_info.php) accepte, puis relancez",
            ));
        }
        if unread > 0 {
            let message = format!(
                "{} comme à un inconnu (401) : le jeton, accepté ailleurs, n'y est pas lu ; un compte non-administrateur \
                 n'y est donc pas essayé",
                plural(unread, "adresse répond", "adresses répondent")
            );
            self.findings.push(Finding::attention(Code::RefusalUnproved, "API_TOKEN", message).action(
                "donnez par PORTAL_SESSION ou --session-file la session (cookie) d'un compte sans droits d'administration",
            ));
        }
    }

    /// Refusals that come from before the portal: it was never asked.
    fn tell_proxies(&mut self) {
        let refused = self.attempts.iter().filter(|attempt| attempt.refused_anywhere).count() as u64;
        if refused == 0 {
            return;
        }
        let message = format!(
            "{} (403) dans les mêmes termes qu'une adresse qui n'existe pas : c'est un pare-feu ou un mandataire qui répond, pas le \
             portail, et rien n'est prouvé",
            plural(refused, "appel est refusé", "appels sont refusés")
        );
        self.findings.push(Finding::attention(Code::RefusalUnproved, &self.base_url, message).action(
            "lancez ce contrôle d'une machine qu'il laisse passer, ou faites-y admettre celle-ci le temps du contrôle",
        ));
    }

    fn look_at_accounts(&mut self, settings: &Settings) {
        let database = Database::connect(settings, "test-admin-restrictions", None);
        match database.and_then(|database| accounts::check(&database)) {
            Ok(mut users) => {
                self.findings.append(&mut users.findings);
                self.users = Some(users);
            }
            Err(error) => {
                let finding = Finding::error(Code::CheckNotDone, "users", format!("comptes non contrôlés : {error}"));
                self.findings.push(error.hint().into_iter().fold(finding, Finding::action));
            }
        }
    }
}

/// What the portal, or what stands before it, answers to an address that nobody has.
struct Anywhere {
    status: u16,
    text: String,
}

impl Anywhere {
    /// The page for everything (200), or the refusal of everything (403).
    fn of(exchange: &Exchange) -> Option<Self> {
        let answer = exchange.result.as_ref().ok().filter(|answer| [200, 403].contains(&answer.status))?;
        Some(Self { status: answer.status, text: constant(&answer.body, NOWHERE) })
    }

    fn is(&self, door: &Door, exchange: &Exchange) -> bool {
        exchange
            .result
            .as_ref()
            .is_ok_and(|answer| answer.status == self.status && constant(&answer.body, door.path()) == self.text)
    }
}

/// What a page says each time: without its own address, and without words that hold digits, as tokens and times do.
fn constant(body: &[u8], address: &str) -> String {
    let path = address.split('?').next().unwrap_or(address);
    let text = String::from_utf8_lossy(body).replace(address, "").replace(path, "");
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-+/=%:.".contains(c);
    let words = text.split_inclusive(|c| !is_part(c));
    words.filter(|word| !word.bytes().any(|byte| byte.is_ascii_digit())).collect()
}

/// Where a finding about a door points: the path, which several doors with one file name need.
fn judged(
    client: &Client,
    door: &Door,
    caller: Caller,
    exchange: &Exchange,
    anywhere: Option<&Anywhere>,
) -> (Outcome, Option<Finding>) {
    let place = door.path();
    let unclear = |message: String| {
        let message = format!("appel {} : {message}, rien n'est prouvé", caller.name());
        let finding = Finding::attention(Code::RefusalUnproved, place, message);
        (Outcome::Unclear, Some(finding.action("vérifiez l'adresse du portail et la version déployée")))
    };
    let answer = match &exchange.result {
        Ok(answer) => answer,
        Err(failure) => {
            let finding = Finding::error(Code::PortalUnreachable, place, &failure.message).action(failure.action);
            return (Outcome::Unclear, Some(finding));
        }
    };
    match answer.status {
        401 => (Outcome::NotRecognized, None),
        403 => (Outcome::Refused, None),
        404 | 410 if door.may_be_absent => (Outcome::Absent, None),
        300..=399 => {
            let to = answer.location.as_deref().unwrap_or_default().to_lowercase();
            // Not what it asks for, but where it leads: `/menu?retour=login` is no login.
            let page = to.split(['?', '#']).next().unwrap_or_default();
            if ["login", "connexion", "auth"].iter().any(|word| page.contains(word)) {
                (Outcome::NotRecognized, None)
            } else {
                unclear(format!("redirection {} vers {to}", answer.status))
            }
        }
        200..=299 if anywhere.is_some_and(|page| page.is(door, exchange)) => {
            if door.may_be_absent {
                return (Outcome::Absent, None);
            }
            // A login for everything is one here as well.
            if looks_like_login(&answer.body) {
                return let_in(client, door, caller, answer);
            }
            unclear("le portail donne la même page qu'à une adresse qui n'existe pas".into())
        }
        200..=299 => let_in(client, door, caller, answer),
        status => match judge::status_finding(client, place, exchange, answer) {
            Some(finding) if status >= 500 => (Outcome::Unclear, Some(finding)),
            Some(finding) => unclear(finding.message),
            None => unclear(format!("statut {status}")),
        },
    }
}

/// An answer 2xx: data, or a refusal that only says so in its text.
fn let_in(client: &Client, door: &Door, caller: Caller, answer: &Answer) -> (Outcome, Option<Finding>) {
    let place = door.path();
    let open = |message: String| {
        let message = format!("ouvert à un appel {} ({}) : {message}", caller.name(), door.role);
        let action = match door.key {
            Key::Nobody => {
                "fermez ce dossier ou ce script dans le serveur web, ou sortez-le du site ; regardez les journaux d'accès"
            }
            _ => "ajoutez le contrôle Auth::requireAdmin() avant toute réponse, et regardez les journaux d'accès",
        };
        (Outcome::Open, Some(Finding::error(Code::EndpointOpen, place, message).action(action)))
    };
    let badly_refused = |message: String| {
        let finding = Finding::attention(Code::RefusalUnproved, place, message);
        (Outcome::NotRecognized, Some(finding.action("le script doit répondre 401 ou 403")))
    };
    match judge::read_json(client, place, answer) {
        Ok(document) => match judge::own_error(&document) {
            None if !judge::is_refusal(&document) => {
                open(format!("statut {}, {} de données", answer.status, bytes(answer.body.len() as u64)))
            }
            _ => badly_refused(format!("appel {} refusé, mais avec le statut {}", caller.name(), answer.status)),
        },
        // A login of its own: what stands behind it is on the web all the same.
        Err(_) if door.key == Key::Nobody && is_explorer(&answer.body) => {
            open(format!("statut {}, un explorateur de bases qui demande un mot de passe", answer.status))
        }
        Err(_) if looks_like_login(&answer.body) => {
            badly_refused(format!("appel {} : page de connexion avec le statut {}", caller.name(), answer.status))
        }
        Err(_) if judge::is_refusing_page(&answer.body) => {
            badly_refused(format!("appel {} refusé par une page, mais avec le statut {}", caller.name(), answer.status))
        }
        Err(_) if answer.body.iter().all(u8::is_ascii_whitespace) => {
            let message = format!("appel {} : réponse vide ({}), rien n'est prouvé", caller.name(), answer.status);
            let finding = Finding::attention(Code::RefusalUnproved, place, message);
            (Outcome::Unclear, Some(finding.action("le script doit répondre 401 ou 403")))
        }
        Err(_) => {
            open(format!("statut {}, {} qui ne sont pas du JSON", answer.status, bytes(answer.body.len() as u64)))
        }
    }
}

fn looks_like_login(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    ["type=\"password\"", "type='password'", "type=password"].iter().any(|field| text.contains(field))
}

/// Whether a login page is that of Adminer or phpMyAdmin, by the fields of their forms.
fn is_explorer(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    ["auth[driver]", "auth[server]", "pma_username", "pma_password"].iter().any(|field| text.contains(field))
}

impl Report for AdminReport {
    fn render(&self, page: &mut Page) {
        page.line(format!("Portail {}", self.base_url));
        let mut table = Table::new(&["adresse", "appelant", ">statut", "refusé"]);
        for attempt in self.attempts.iter().filter(|attempt| attempt.outcome != Outcome::Absent) {
            let [_, status, ..] = attempt.call.row();
            let refused = match attempt.outcome {
                _ if attempt.allowed => {
                    if attempt.outcome == Outcome::Open {
                        "admis"
                    } else {
                        "non admis"
                    }
                }
                outcome if outcome.closed() && !attempt.proved => "non prouvé",
                outcome => outcome.name(),
            };
            let name = format!("{} {}", attempt.call.verdict.sign(), attempt.call.endpoint);
            table.row([name, attempt.caller.name().into(), status, refused.into()]);
        }
        page.gap();
        page.table(&table);
        let absent = self.attempts.iter().filter(|attempt| attempt.outcome == Outcome::Absent).count() as u64;
        if absent > 0 {
            page.line(format!(
                "  {} de ce portail, ce qui est bien",
                plural(absent, "adresse absente", "adresses absentes")
            ));
        }
        page.gap();
        if let Some(users) = &self.users {
            page.line(format!("Comptes : {users}"));
            page.gap();
        }
        for finding in &self.findings {
            page.finding(finding);
        }
        if self.findings.is_empty() {
            page.conclude(Verdict::Ok, "les appels protégés sont refusés, les comptes sont en ordre");
        }
    }

    fn verdict(&self) -> Verdict {
        let unanswered = !self.attempts.is_empty() && self.attempts.iter().all(|attempt| !attempt.call.answered());
        if unanswered { Verdict::Error } else { overall(&[], &self.findings) }
    }
}
