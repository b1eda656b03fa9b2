//! `portal-users`: the accounts of the portal.

use flux_core::accounts::{self, Account, Change};
use flux_core::db::{Database, Session};
use flux_core::error::{Error, Result};
use flux_report::{Code, Done, Finding, Page, Report, Table, Verdict, local_time, plural, verdict};
use schemars::JsonSchema;
use serde::Serialize;

use crate::password;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A new account, with the role `user` unless told otherwise.
    Add {
        /// Its role, as the table will store it.
        role: Option<String>,
    },
    /// Shows all accounts; changes nothing.
    List,
    /// Replaces the password, and ends the account's sessions.
    Password,
    /// May no longer log in.
    Disable,
    /// May log in again.
    Enable,
    /// Replaces the role, as the table stores it.
    Role(String),
}

impl Action {
    /// Whether a password is to be asked for.
    pub fn needs_password(&self) -> bool {
        matches!(self, Self::Add { .. } | Self::Password)
    }
}

/// What was done, and the accounts as they are then.
#[derive(Debug, Serialize, JsonSchema)]
struct UsersReport {
    /// `add`, `list` …
    action: &'static str,
    username: Option<String>,
    #[serde(rename = "dry_run")]
    done: Done,
    /// Sessions that were ended.
    sessions_ended: u64,
    accounts: Vec<Account>,
    findings: Vec<Finding>,
}

/// Does it. `name` and `password` are there where the action needs them.
///
/// # Errors
/// [`Error::Usage`] for an account that is not there, or is there already, a name or a password that will not do; those of the database.
pub fn administer(
    database: &Database,
    action: &Action,
    name: Option<&str>,
    password: Option<&str>,
    dry_run: bool,
) -> Result<impl Report + use<>> {
    let mut session = database.session()?;
    let mut report = UsersReport {
        action: action_name(action),
        username: name.map(str::to_owned),
        done: Done::unless(dry_run),
        sessions_ended: 0,
        accounts: Vec::new(),
        findings: Vec::new(),
    };
    let would = change(&mut session, action, (name, password), &mut report)?;
    report.accounts = match accounts::all(&mut session) {
        // In a dry run: the first account would make the table.
        Err(Error::MissingTable { .. }) if matches!(action, Action::Add { .. }) => Vec::new(),
        all => all?,
    };
    if let Some(would) = would.filter(|_| dry_run) {
        report.accounts.retain(|account| account.id != would.id);
        let place = report.accounts.partition_point(|account| account.username < would.username);
        report.accounts.insert(place, would);
    }
    if !report.accounts.iter().any(|account| account.admin && account.active) {
        let finding = Finding::attention(Code::NoAdministrator, "users", "aucun administrateur actif");
        report.findings.push(finding.action("`portal-users role NOM --role admin`, ou `portal-users enable NOM`"));
    }
    Ok(report)
}

fn action_name(action: &Action) -> &'static str {
    match action {
        Action::Add { .. } => "add",
        Action::List => "list",
        Action::Password => "passwd",
        Action::Disable => "disable",
        Action::Enable => "enable",
        Action::Role(_) => "role",
    }
}

/// Changes the account, unless this is a dry run; gives it as it then is, or would be.
fn change(
    session: &mut Session,
    action: &Action,
    (name, password): (Option<&str>, Option<&str>),
    report: &mut UsersReport,
) -> Result<Option<Account>> {
    let name = || name.ok_or_else(|| Error::Usage("le nom du compte manque".into()));
    let really = report.done.really();
    let hash = || password::hash(password.unwrap_or_default());
    let (account, ended) = match action {
        Action::Add { role } => {
            let role = checked_role(role.as_deref().unwrap_or("user"))?;
            (accounts::add(session, checked_name(name()?)?, &hash()?, role, really)?, 0)
        }
        Action::Password => accounts::change(session, name()?, Change::Hash(&hash()?), really)?,
        Action::Role(role) => accounts::change(session, name()?, Change::Role(checked_role(role)?), really)?,
        Action::Disable => accounts::change(session, name()?, Change::Active(false), really)?,
        Action::Enable => accounts::change(session, name()?, Change::Active(true), really)?,
        Action::List => return Ok(None),
    };
    report.sessions_ended = ended;
    Ok(Some(account))
}

fn checked_name(name: &str) -> Result<&str> {
    let plain = |c: char| c.is_alphanumeric() || ".-_@+".contains(c);
    if !name.is_empty() && name.chars().count() <= 100 && name.chars().all(plain) {
        return Ok(name);
    }
    Err(Error::Usage("un nom de compte a de 1 à 100 lettres, chiffres, ou . - _ @ +".into()))
}

fn checked_role(role: &str) -> Result<&str> {
    if !role.is_empty() && role.len() <= 32 && role.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
        return Ok(role);
    }
    Err(Error::Usage("un rôle a de 1 à 32 lettres ou chiffres : user, admin".into()))
}

impl Report for UsersReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["compte", "rôle", "actif", "dernière connexion"]);
        for account in &self.accounts {
            table.row([
                account.username.clone(),
                account.role.clone(),
                if account.active { "oui" } else { "non" }.into(),
                account.last_login.as_deref().map_or_else(|| "–".into(), local_time),
            ]);
        }
        if !table.is_empty() {
            page.table(&table);
            page.gap();
        }
        for finding in &self.findings {
            page.finding(finding);
        }
        if self.findings.is_empty() {
            let ended = plural(self.sessions_ended, "session fermée", "sessions fermées");
            page.conclude(
                Verdict::Ok,
                match (self.action, self.sessions_ended) {
                    ("list", _) => plural(self.accounts.len() as u64, "compte", "comptes"),
                    (_, 0) => self.done.say("fait", "rien ne s'y oppose").into(),
                    _ => format!("fait, {ended}"),
                },
            );
        }
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.findings)
    }

    fn done(&self) -> Done {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_roles() {
        assert!(checked_name("anne.dupont@exemple.fr").is_ok() && checked_name("Hélène").is_ok());
        for wrong in ["", "a b", "a;b", "a\n", &"x".repeat(101)] {
            assert!(checked_name(wrong).is_err(), "{wrong}");
        }
        assert!(checked_role("admin").is_ok() && checked_role("").is_err() && checked_role("a b").is_err());
    }
}
