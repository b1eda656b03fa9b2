//! `users`, the accounts of the portal, as the PHP portal keeps them: its versions name the columns differently. What is in the
//! column of the password is a hash; whoever checks or makes one is not here.

mod check;

pub use check::{Survey, check};

use mysql::Value;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::error::{Error, Result};
use crate::ledger::sessions;

/// Names that these columns have in the versions of the portal.
const ROLE: &[&str] = &["role", "user_role", "is_admin", "type"];
/// Of the state of an account.
const ACTIVE: &[&str] = &["active", "is_active", "actif", "enabled", "status", "statut"];
/// Of the hash of its password.
const PASSWORD: &[&str] = &["password", "password_hash", "mot_de_passe", "hash"];
const ID: &[&str] = &["id", "id_user", "user_id"];
const NAME: &[&str] = &["username", "login", "identifiant", "nom_utilisateur"];
const LAST_LOGIN: &[&str] = &["last_login", "last_login_at", "derniere_connexion"];

const READING: &str = "lecture de users";
const WRITING: &str = "écriture de users";

/// The table of an observatory that had no PHP portal.
const DDL: &str = "CREATE TABLE IF NOT EXISTS users (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, \
    username VARCHAR(191) NOT NULL, password VARCHAR(255) NOT NULL, role VARCHAR(32) NOT NULL DEFAULT 'user', \
    active TINYINT(1) NOT NULL DEFAULT 1, last_login DATETIME NULL DEFAULT NULL, \
    created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE KEY uk_username (username)) \
    ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci";

/// A row of `users`, under whatever names the portal's version gives its columns.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Account {
    /// Key of the row; sessions refer to it.
    pub id: u64,
    /// Name that is typed to log in, as stored.
    pub username: String,
    /// Hash of its password.
    #[serde(skip)]
    pub hash: String,
    /// As stored; empty where the table knows no roles.
    pub role: String,
    /// Whether it is of administrators.
    pub admin: bool,
    /// Whether it may log in.
    pub active: bool,
    /// Last login, by the server's clock.
    pub last_login: Option<String>,
}

impl Account {
    /// As one that was just added would be, but for its number.
    fn new(name: &str, role: &str) -> Self {
        let mut account = Self {
            id: 0,
            username: name.into(),
            hash: String::new(),
            role: String::new(),
            admin: false,
            active: true,
            last_login: None,
        };
        account.give_role(role);
        account
    }

    /// As it would be with another role.
    fn give_role(&mut self, role: &str) {
        (self.role, self.admin) = (role.into(), is_admin("role", role));
    }
}

/// What is changed of an account.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// The hash of its password.
    Hash(&'a str),
    /// Whether it may log in.
    Active(bool),
    /// Its role, as the table will store it.
    Role(&'a str),
}

/// All accounts, by name.
///
/// # Errors
/// [`Error::MissingTable`]; [`Error::MissingColumn`] without an id, a name or a password; [`Error::Sql`].
pub fn all(session: &mut Session) -> Result<Vec<Account>> {
    let accounts = Accounts::open(session)?;
    accounts.select(session, &format!("ORDER BY `{}`", accounts.name), Vec::new())
}

/// Who logs in under `name`: the account of that name, by the collation of the column, else the hash of an account that has nothing to
/// do with it, always the same for one name, so that what is compared with it takes as long; neither without accounts.
///
/// # Errors
/// As [`all`].
pub fn named(session: &mut Session, name: &str) -> Result<(Option<Account>, Option<String>)> {
    let accounts = Accounts::open(session)?;
    let account = accounts.by_name(session, name)?;
    let somebody = if account.is_none() { accounts.hash_of_somebody(session, name)? } else { None };
    Ok((account, somebody))
}

/// Adds an account that may log in, and the table where there is none; gives it as it then is, but for its number. Unless `really`,
/// nothing is written, and all that speaks against it is said.
///
/// # Errors
/// [`Error::Usage`] for a name that is taken; [`Error::Config`] where the table wants more than is known here; those of [`all`].
pub fn add(session: &mut Session, name: &str, hash: &str, role: &str, really: bool) -> Result<Account> {
    let account = Account::new(name, role);
    if really {
        session.exec("création de users", DDL, ())?;
    }
    let accounts = match Accounts::open(session) {
        // The first account would make the table.
        Err(Error::MissingTable { .. }) if !really => return Ok(account),
        opened => opened?,
    };
    accounts.may_add(session, name)?;
    if really {
        accounts.insert(session, name, hash, role)?;
    }
    Ok(account)
}

/// Changes the account `name`; gives it as it then is, and how many of its sessions were ended: what was opened with the old password or
/// the old rights is closed. Unless `really`, nothing is written.
///
/// # Errors
/// [`Error::Usage`] where there is no such account; [`Error::MissingColumn`] where the table knows no roles, or no states; those of [`all`].
pub fn change(session: &mut Session, name: &str, change: Change<'_>, really: bool) -> Result<(Account, u64)> {
    let accounts = Accounts::open(session)?;
    let unknown = || Error::Usage(format!("le compte {name} n'existe pas (`portal-users list`)"));
    let mut account = accounts.by_name(session, name)?.ok_or_else(unknown)?;
    match change {
        Change::Hash(hash) => hash.clone_into(&mut account.hash),
        Change::Active(active) => account.active = active,
        Change::Role(role) => account.give_role(role),
    }
    if !really {
        return Ok((account, 0));
    }
    accounts.set(session, account.id, change)?;
    if matches!(change, Change::Active(true)) {
        return Ok((account, 0));
    }
    match sessions::end_all(session, account.id) {
        Err(Error::MissingTable { .. }) => Ok((account, 0)),
        ended => Ok((account, ended?)),
    }
}

/// Begins a session of the account `id`, of whose secret `hash` is; `before` is that of the session that it takes the place of.
///
/// # Errors
/// [`Error::MissingTable`], [`Error::Sql`].
pub fn log_in(session: &mut Session, before: Option<&str>, hash: &str, id: u64) -> Result<()> {
    if let Some(before) = before {
        sessions::end(session, before)?;
    }
    sessions::begin(session, hash, id)?;
    // Not a reason to keep somebody out.
    if let Err(error) = Accounts::open(session).and_then(|accounts| accounts.logged_in(session, id)) {
        log::warn!("dernière connexion non notée : {error}");
    }
    Ok(())
}

/// The account whose session this is, while the session lasts and the account may log in; the request counts as the session's last one.
///
/// # Errors
/// Those of [`all`].
pub fn of_session(session: &mut Session, hash: &str) -> Result<Option<Account>> {
    let Some(user) = sessions::user_of(session, hash)? else { return Ok(None) };
    let account = Accounts::open(session)?.by_id(session, user)?;
    Ok(account.filter(|account| account.active))
}

/// Ends a session.
///
/// # Errors
/// [`Error::MissingTable`], [`Error::Sql`].
pub fn log_out(session: &mut Session, hash: &str) -> Result<()> {
    sessions::end(session, hash)
}

/// The table, with the names that its columns have here.
#[derive(Debug, Clone)]
struct Accounts {
    id: &'static str,
    name: &'static str,
    password: &'static str,
    role: Option<&'static str>,
    active: Option<&'static str>,
    last_login: Option<&'static str>,
    /// Columns that want a value and are none of ours.
    others: Vec<String>,
}

/// Whether a role is one of administrators. `column` says what its value means.
fn is_admin(column: &str, value: &str) -> bool {
    let value = value.trim().to_lowercase();
    if column == "is_admin" { value == "1" } else { value.contains("admin") }
}

/// Whether a state lets log in.
fn is_active(value: &str) -> bool {
    matches!(value.trim().to_lowercase().as_str(), "1" | "active" | "actif" | "enabled" | "yes" | "oui" | "true")
}

impl Accounts {
    /// Looks at the columns.
    ///
    /// # Errors
    /// [`Error::MissingTable`]; [`Error::MissingColumn`] without a name or a password; [`Error::Sql`].
    fn open(session: &mut Session) -> Result<Self> {
        type Column = (String, Option<String>, String, String);
        let columns: Vec<Column> = session.rows(
            "structure de users",
            "SELECT LOWER(column_name) AS name, column_default AS preset, is_nullable AS nullable, LOWER(extra) AS extra \
             FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'users' \
             ORDER BY ordinal_position",
            (),
        )?;
        if columns.is_empty() {
            return Err(Error::MissingTable { table: "users".into() });
        }
        let pick =
            |names: &[&'static str]| names.iter().find(|name| columns.iter().any(|column| column.0 == **name)).copied();
        let needed = |names: &[&'static str]| {
            let missing = || Error::MissingColumn { table: "users".into(), column: names[0].into() };
            pick(names).ok_or_else(missing)
        };
        let (id, name, password) = (needed(ID)?, needed(NAME)?, needed(PASSWORD)?);
        let (role, active, last_login) = (pick(ROLE), pick(ACTIVE), pick(LAST_LOGIN));
        let ours = [Some(id), Some(name), Some(password), role, active, last_login];
        let wants_value = |(column, preset, nullable, extra): &Column| {
            let unset = preset.is_none() && nullable == "NO" && !extra.contains("auto_increment");
            unset && !ours.contains(&Some(column.as_str()))
        };
        let others = columns.iter().filter(|column| wants_value(column)).map(|column| column.0.clone()).collect();
        Ok(Self { id, name, password, role, active, last_login, others })
    }

    fn by_name(&self, session: &mut Session, name: &str) -> Result<Option<Account>> {
        Ok(self.select(session, &format!("WHERE `{}` = ?", self.name), vec![name.into()])?.into_iter().next())
    }

    fn by_id(&self, session: &mut Session, id: u64) -> Result<Option<Account>> {
        Ok(self.select(session, &format!("WHERE `{}` = ?", self.id), vec![id.into()])?.into_iter().next())
    }

    fn hash_of_somebody(&self, session: &mut Session, name: &str) -> Result<Option<String>> {
        let count: u64 = session.first(READING, "SELECT COUNT(*) FROM users", ())?.unwrap_or_default();
        let number =
            blake3::hash(name.as_bytes()).as_bytes().iter().take(4).fold(0, |n, byte| n << 8 | u64::from(*byte));
        let Some(place) = number.checked_rem(count) else { return Ok(None) };
        let sql = format!(
            "SELECT COALESCE(`{}`, '') FROM users ORDER BY `{}` LIMIT 1 OFFSET {place}",
            self.password, self.id
        );
        session.first(READING, &sql, ())
    }

    fn select(&self, session: &mut Session, rest: &str, params: Vec<Value>) -> Result<Vec<Account>> {
        // Names come from the constants above, never from the server.
        let text = |column: Option<&str>| {
            column.map_or_else(|| "''".to_owned(), |column| format!("COALESCE(CAST(`{column}` AS CHAR), '')"))
        };
        let last_login =
            self.last_login.map_or_else(|| "NULL".to_owned(), |column| format!("CAST(`{column}` AS CHAR)"));
        let sql = format!(
            "SELECT `{}`, {}, {}, {}, {}, {last_login} FROM users {rest}",
            self.id,
            text(Some(self.name)),
            text(Some(self.password)),
            text(self.role),
            text(self.active)
        );
        type Row = (u64, String, String, String, String, Option<String>);
        let rows: Vec<Row> =
            if params.is_empty() { session.rows(READING, &sql, ())? } else { session.rows(READING, &sql, params)? };
        let account = |(id, username, hash, role, active, last_login): Row| Account {
            id,
            username,
            hash,
            admin: self.role.is_some_and(|column| is_admin(column, &role)),
            role,
            active: self.active.is_none() || is_active(&active),
            last_login,
        };
        Ok(rows.into_iter().map(account).collect())
    }

    /// Whether an account of this name can be added.
    fn may_add(&self, session: &mut Session, name: &str) -> Result<()> {
        if self.by_name(session, name)?.is_some() {
            return Err(Error::Usage(format!(
                "le compte {name} existe déjà (`portal-users passwd {name}` change son mot de passe)"
            )));
        }
        if let Some(column) = self.others.first() {
            return Err(Error::Config {
                message: format!("la table users demande une valeur pour {column}"),
                hint: format!(
                    "donnez à la colonne {column} une valeur par défaut, ou créez le compte dans l'ancien portail"
                ),
            });
        }
        Ok(())
    }

    fn insert(&self, session: &mut Session, name: &str, hash: &str, role: &str) -> Result<()> {
        let mut columns = vec![self.name, self.password];
        let mut params: Vec<Value> = vec![name.into(), hash.into()];
        if let Some(column) = self.role {
            columns.push(column);
            params.push(role_value(column, role));
        }
        if let Some(column) = self.active {
            columns.push(column);
            params.push(active_value(column, true));
        }
        let marks = vec!["?"; columns.len()].join(", ");
        let sql = format!("INSERT INTO users (`{}`) VALUES ({marks})", columns.join("`, `"));
        session.exec(WRITING, &sql, params)?;
        Ok(())
    }

    /// Remembers a login, where the table has a place for it.
    fn logged_in(&self, session: &mut Session, id: u64) -> Result<()> {
        let Some(column) = self.last_login else { return Ok(()) };
        let sql = format!("UPDATE users SET `{column}` = UTC_TIMESTAMP() WHERE `{}` = ?", self.id);
        session.exec(WRITING, &sql, (id,))?;
        Ok(())
    }

    fn set(&self, session: &mut Session, id: u64, change: Change<'_>) -> Result<()> {
        let missing = |column: &str| Error::MissingColumn { table: "users".into(), column: column.into() };
        let (column, value) = match change {
            Change::Hash(hash) => (self.password, hash.into()),
            Change::Active(active) => {
                let column = self.active.ok_or_else(|| missing("active"))?;
                (column, active_value(column, active))
            }
            Change::Role(role) => {
                let column = self.role.ok_or_else(|| missing("role"))?;
                (column, role_value(column, role))
            }
        };
        let sql = format!("UPDATE users SET `{column}` = ? WHERE `{}` = ?", self.id);
        session.exec(WRITING, &sql, vec![value, id.into()])?;
        Ok(())
    }
}

fn role_value(column: &str, role: &str) -> Value {
    if column == "is_admin" { u8::from(is_admin("role", role)).into() } else { role.into() }
}

fn active_value(column: &str, active: bool) -> Value {
    match column {
        "status" => (if active { "active" } else { "inactive" }).into(),
        "statut" => (if active { "actif" } else { "inactif" }).into(),
        _ => u8::from(active).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_states() {
        assert!(is_admin("role", "Administrateur") && is_admin("is_admin", "1"));
        assert!(!is_admin("is_admin", "0") && !is_admin("role", "user"));
        assert!(is_active("1") && is_active("Actif") && !is_active("0") && !is_active("inactive") && !is_active(""));
        for column in ["active", "status", "statut"] {
            let text = |active| match active_value(column, active) {
                Value::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
                Value::UInt(number) => number.to_string(),
                Value::Int(number) => number.to_string(),
                other => panic!("{other:?}"),
            };
            assert!(is_active(&text(true)) && !is_active(&text(false)), "{column}");
        }
    }
}
