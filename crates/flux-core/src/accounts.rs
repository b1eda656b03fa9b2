//! `users`, the accounts of the portal, as the PHP portal keeps them: its versions name the columns differently. What is in the
//! column of the password is a hash; whoever checks or makes one is not here.

mod check;

pub use check::{Survey, check};

use mysql::Value;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::error::{Error, Result};

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
    pub fn new(name: &str, role: &str) -> Self {
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
    pub fn give_role(&mut self, role: &str) {
        (self.role, self.admin) = (role.into(), is_admin("role", role));
    }
}

/// The table, with the names that its columns have here.
#[derive(Debug, Clone)]
pub struct Accounts {
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
    /// Creates the table where there is none.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn create(session: &mut Session) -> Result<()> {
        session.exec("création de users", DDL, ())?;
        Ok(())
    }

    /// Looks at the columns.
    ///
    /// # Errors
    /// [`Error::MissingTable`]; [`Error::MissingColumn`] without a name or a password; [`Error::Sql`].
    pub fn open(session: &mut Session) -> Result<Self> {
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

    /// The account of a name, by the collation of the column.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn by_name(&self, session: &mut Session, name: &str) -> Result<Option<Account>> {
        Ok(self.select(session, &format!("WHERE `{}` = ?", self.name), vec![name.into()])?.into_iter().next())
    }

    /// The hash of an account that has nothing to do with `name`, always the same for one name: what is compared with it takes as long
    /// as with an account that there is. `None` without accounts.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn hash_of_somebody(&self, session: &mut Session, name: &str) -> Result<Option<String>> {
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

    /// The account of an id.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn by_id(&self, session: &mut Session, id: u64) -> Result<Option<Account>> {
        Ok(self.select(session, &format!("WHERE `{}` = ?", self.id), vec![id.into()])?.into_iter().next())
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn all(&self, session: &mut Session) -> Result<Vec<Account>> {
        self.select(session, &format!("ORDER BY `{}`", self.name), Vec::new())
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
    ///
    /// # Errors
    /// Those of [`Accounts::add`].
    pub fn may_add(&self, session: &mut Session, name: &str) -> Result<()> {
        if self.by_name(session, name)?.is_some() {
            return Err(Error::Usage(format!("le compte {name} existe déjà")));
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

    /// Adds an account that may log in.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is taken; [`Error::Config`] where the table wants more than is known here; [`Error::Sql`].
    pub fn add(&self, session: &mut Session, name: &str, hash: &str, role: &str) -> Result<()> {
        self.may_add(session, name)?;
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

    /// Replaces the hash of a password.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn set_hash(&self, session: &mut Session, id: u64, hash: &str) -> Result<()> {
        self.set(session, id, self.password, hash.into())
    }

    /// Lets an account log in, or no longer.
    ///
    /// # Errors
    /// [`Error::MissingColumn`] where the table knows no states; [`Error::Sql`].
    pub fn set_active(&self, session: &mut Session, id: u64, active: bool) -> Result<()> {
        let column = self.active.ok_or_else(|| missing("active"))?;
        self.set(session, id, column, active_value(column, active))
    }

    /// Gives an account a role.
    ///
    /// # Errors
    /// [`Error::MissingColumn`] where the table knows no roles; [`Error::Sql`].
    pub fn set_role(&self, session: &mut Session, id: u64, role: &str) -> Result<()> {
        let column = self.role.ok_or_else(|| missing("role"))?;
        self.set(session, id, column, role_value(column, role))
    }

    /// Remembers a login.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn logged_in(&self, session: &mut Session, id: u64) -> Result<()> {
        let Some(column) = self.last_login else { return Ok(()) };
        let sql = format!("UPDATE users SET `{column}` = UTC_TIMESTAMP() WHERE `{}` = ?", self.id);
        session.exec(WRITING, &sql, (id,))?;
        Ok(())
    }

    fn set(&self, session: &mut Session, id: u64, column: &str, value: Value) -> Result<()> {
        let sql = format!("UPDATE users SET `{column}` = ? WHERE `{}` = ?", self.id);
        session.exec(WRITING, &sql, vec![value, id.into()])?;
        Ok(())
    }
}

fn missing(column: &str) -> Error {
    Error::MissingColumn { table: "users".into(), column: column.into() }
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
