//! The portal's `users` table: is there an active administrator, and how are the passwords kept? No password is ever shown.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::accounts::{ACTIVE, ID, PASSWORD, ROLE, is_active, is_admin};
use crate::db::{Database, Session};
use crate::error::Result;
use crate::report::{Code, Finding, plural};

/// Accounts named one by one.
const LISTED: usize = 20;
/// Rounds of bcrypt (2^n) below which a hash is too quick to guess.
const BCRYPT_COST: u32 = 10;

/// What the table holds.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Survey {
    users: u64,
    administrators: u64,
    active_administrators: u64,
    weak_passwords: u64,
    /// What was found wrong.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// How a password is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    Strong,
    Weak(&'static str),
    Clear,
    Empty,
}

/// Looks at `users`. Reads only.
///
/// # Errors
/// Those of the connection; a table or a column that is missing is a finding.
pub fn check(database: &Database) -> Result<Survey> {
    let mut session = database.session()?;
    let mut accounts = Survey::default();
    let columns = columns(&mut session)?;
    if columns.is_empty() {
        accounts.findings.push(
            Finding::error(Code::AccountsTableMissing, "users", "la table des comptes n'existe pas dans cette base")
                .action("vérifiez que DB_DATABASE est bien la base du portail"),
        );
        return Ok(accounts);
    }
    let pick = |names: &[&'static str]| names.iter().find(|name| columns.iter().any(|column| column == *name)).copied();
    let id = pick(ID);
    let (role, active, password) = (pick(ROLE), pick(ACTIVE), pick(PASSWORD));
    for (column, what) in [(role, "de rôle"), (password, "de mot de passe")] {
        if column.is_none() {
            let finding = Finding::error(
                Code::AccountsColumnMissing,
                "users",
                format!("aucune colonne {what} reconnue ({})", columns.join(", ")),
            );
            accounts.findings.push(finding.action("vérifiez la version du portail"));
        }
    }
    // Names come from the constants above, never from the server.
    let text = |column: Option<&str>| {
        column.map_or_else(|| "''".to_owned(), |column| format!("COALESCE(CAST(`{column}` AS CHAR), '')"))
    };
    let sql = format!("SELECT {}, {}, {}, {} FROM users", text(id), text(role), text(active), text(password));
    let rows: Vec<(String, String, String, String)> = session.rows("lecture de users", &sql, ())?;
    let mut bad: Vec<(String, &'static str)> = Vec::new();
    for (number, (id, user_role, user_active, hash)) in rows.iter().enumerate() {
        accounts.users += 1;
        let account = if id.is_empty() { format!("ligne {}", number + 1) } else { format!("compte {id}") };
        if role.is_some_and(|column| is_admin(column, user_role)) {
            accounts.administrators += 1;
            accounts.active_administrators += u64::from(active.is_none() || is_active(user_active));
        }
        if password.is_some() {
            match classify(hash) {
                Stored::Strong => {}
                Stored::Weak(kind) => bad.push((account, kind)),
                Stored::Clear => bad.push((account, "mot de passe en clair")),
                Stored::Empty => bad.push((account, "mot de passe vide")),
            }
        }
    }
    accounts.weak_passwords = bad.len() as u64;
    if role.is_some() && accounts.active_administrators == 0 {
        accounts.findings.push(
            Finding::error(Code::NoAdministrator, "users", "aucun administrateur actif")
                .action("réactivez un compte administrateur : personne ne peut gérer le portail"),
        );
    }
    for (account, kind) in bad.iter().take(LISTED) {
        accounts.findings.push(Finding::error(Code::WeakPassword, "users", format!("{account} : {kind}")).action(
            "faites changer ce mot de passe ; le portail doit l'écrire par password_hash() (bcrypt ou Argon2id)",
        ));
    }
    if bad.len() > LISTED {
        accounts.findings.push(Finding::attention(
            Code::WeakPassword,
            "users",
            format!("et {}", plural((bad.len() - LISTED) as u64, "autre compte", "autres comptes")),
        ));
    }
    Ok(accounts)
}

/// One line for people.
impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {} dont {}, {}",
            plural(self.users, "compte", "comptes"),
            plural(self.administrators, "administrateur", "administrateurs"),
            plural(self.active_administrators, "actif", "actifs"),
            plural(self.weak_passwords, "mot de passe mal gardé", "mots de passe mal gardés")
        )
    }
}

fn columns(session: &mut Session) -> Result<Vec<String>> {
    let sql = "SELECT LOWER(column_name) AS name FROM information_schema.columns \
               WHERE table_schema = DATABASE() AND table_name = 'users' ORDER BY ordinal_position";
    session.rows("structure de users", sql, ())
}

fn classify(hash: &str) -> Stored {
    let hash = hash.trim_end();
    if hash.is_empty() {
        return Stored::Empty;
    }
    if let Some(rest) = ["$2y$", "$2a$", "$2b$"].iter().find_map(|prefix| hash.strip_prefix(prefix)) {
        let cost: Option<u32> = rest.get(..2).and_then(|cost| cost.parse().ok());
        return match cost {
            _ if hash.len() != 60 => Stored::Weak("empreinte bcrypt tronquée"),
            Some(cost) if cost >= BCRYPT_COST => Stored::Strong,
            _ => Stored::Weak("bcrypt au coût trop faible"),
        };
    }
    if hash.starts_with("$1$") || hash.starts_with("$apr1$") {
        return Stored::Weak("empreinte MD5");
    }
    if ["$argon2i$", "$argon2d$", "$argon2id$", "$scrypt$", "$7$", "$y$", "$pbkdf2"]
        .iter()
        .any(|prefix| hash.starts_with(prefix))
    {
        return Stored::Strong;
    }
    if hash.starts_with("$5$") || hash.starts_with("$6$") {
        return Stored::Strong;
    }
    let hexadecimal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match hash.len() {
        41 if hash.starts_with('*') && hexadecimal(&hash[1..]) => Stored::Weak("empreinte PASSWORD() de MySQL"),
        16 if hexadecimal(hash) => Stored::Weak("ancienne empreinte de MySQL"),
        32 if hexadecimal(hash) => Stored::Weak("empreinte MD5"),
        40 if hexadecimal(hash) => Stored::Weak("empreinte SHA-1"),
        64 if hexadecimal(hash) => Stored::Weak("empreinte SHA-256 rapide"),
        128 if hexadecimal(hash) => Stored::Weak("empreinte SHA-512 rapide"),
        _ => Stored::Clear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_told_by_their_form() {
        let bcrypt = format!("$2y$12${}", "a".repeat(53));
        assert_eq!(classify(&bcrypt), Stored::Strong);
        assert_eq!(classify(&bcrypt[..50]), Stored::Weak("empreinte bcrypt tronquée"));
        assert_eq!(classify(&format!("$2y$04${}", "a".repeat(53))), Stored::Weak("bcrypt au coût trop faible"));
        assert_eq!(classify("$argon2id$v=19$m=65536,t=4,p=1$c2Fs$aGFzaA"), Stored::Strong);
        // MD5, SHA-1 and MySQL's PASSWORD() of the word "password", as everybody knows them
        assert_eq!(classify("5f4dcc3b5aa765d61d8327deb882cf99"), Stored::Weak("empreinte MD5"));
        assert_eq!(classify("5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"), Stored::Weak("empreinte SHA-1"));
        assert_eq!(
            classify("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"),
            Stored::Weak("empreinte PASSWORD() de MySQL")
        );
        assert_eq!(classify("Cantal2024!"), Stored::Clear);
        assert_eq!(classify("  "), Stored::Empty);
    }
}
