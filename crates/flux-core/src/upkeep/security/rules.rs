//! What a secret in a line looks like: known forms, assignments to telling names, and strings too random to be anything else.
//!
//! A rule never gives the secret away: a [`Hit`] says which rule, which name, how long.

use std::path::Path;

use regex::Regex;

use crate::error::{Error, Result};

/// A rule that has matched a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) rule: String,
    /// In words, without the secret.
    pub(crate) what: String,
}

/// Known forms: name, what it is, pattern. A first group, where there is one, is the secret.
#[rustfmt::skip]
const FORMS: &[(&str, &str, &str)] = &[
    ("cle-privee", "clé privée", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    ("cle-aws", "clé d'accès AWS", r"\b((?:AKIA|ASIA)[0-9A-Z]{16})\b"),
    ("jeton-github", "jeton GitHub", r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b"),
    ("jeton-gitlab", "jeton GitLab", r"\b(glpat-[A-Za-z0-9_-]{20,})"),
    ("jeton-slack", "jeton Slack", r"\b(xox[abeoprs]-[A-Za-z0-9-]{10,})"),
    ("cle-google", "clé d'API Google", r"\b(AIza[0-9A-Za-z_-]{35})\b"),
    ("cle-stripe", "clé Stripe", r"\b([sr]k_live_[0-9A-Za-z]{20,})\b"),
    ("jeton-jwt", "jeton JWT", r"\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})"),
    ("url-identifiants", "identifiants dans une URL", r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s/:@'\x22<>{}$]+:([^\s/@'\x22<>{}]{3,})@[A-Za-z0-9\[]"),
    ("connexion", "mot de passe dans un appel de connexion", r#"(?i)\b(?:mysqli(?:_connect|_real_connect)?|mysql_p?connect|ftp_login|ssh2_auth_password|imap_open|(?:pymysql|MySQLdb)\.connect)\s*\(\s*[^,()]+,\s*[^,()]+,\s*['"]([^'"]{3,})['"]"#),
    ("connexion", "mot de passe dans un appel de connexion", r#"(?i)\bnew\s+\\?PDO\s*\(.*,\s*['"][^'"]+['"]\s*,\s*['"]([^'"]{3,})['"]"#),
    ("connexion", "mot de passe dans un appel de connexion", r#"(?:\bauth\s*=\s*|HTTPBasicAuth\s*)\(\s*['"][^'"]+['"]\s*,\s*['"]([^'"]{3,})['"]"#),
    ("connexion", "mot de passe dans un appel de connexion", r#"\bCURLOPT_USERPWD\b\W{1,6}['"][^'":$]+:([^'"$]{3,})['"]"#),
    ("connexion", "mot de passe dans une chaîne de connexion", r#"(?i)[;'"](?:password|passwd|pwd)=([^;'"\s${<]{4,})[;'"]"#),
    ("compte-sql", "mot de passe d'un compte dans une requête", r#"(?i)\bidentified\s+(?:with\s+\S+\s+)?by\s+(?:password\s+)?['"]([^'"]{4,})['"]"#),
    ("compte-sql", "mot de passe d'un compte dans une requête", r#"(?i)\bset\s+password\b[^=]*=\s*(?:password\s*\(\s*)?['"]([^'"]{4,})['"]"#),
    ("ligne-de-commande", "mot de passe sur une ligne de commande", r#"\b(?:MYSQL_PWD|PGPASSWORD)=['"]?([^\s'"$;<{]{4,})"#),
    ("ligne-de-commande", "mot de passe sur une ligne de commande", r#"\b(?:lftp\s(?:[^|;&]*\s)?-u\s*[^\s,]+,|sshpass\s+-p\s*)['"]?([^\s'"$<{][^\s'"]{3,})"#),
    ("ligne-de-commande", "mot de passe sur une ligne de commande", r#"\b(?:mysql|mariadb|mysqldump|mariadb-dump|mysqladmin)\s(?:[^|;&]*\s)?(?:-p|--password=)['"]?([^\s'"$|;&<>{%-][^\s'"|;&]{2,})"#),
    ("ligne-de-commande", "mot de passe sur une ligne de commande", r#"\b(?:curl|wget)\s(?:[^|;&]*\s)?(?:-u|--user)[= ]?['"]?[^\s:'"$]+:([^\s'"$|;&<>{%][^\s'"|;&]{2,})"#),
    ("comparaison", "clé comparée à ce que l'appelant envoie", r#"\$_(?:GET|POST|REQUEST|COOKIE|SERVER)\[['"](?i:[a-z_]*(?:key|cle|token|jeton|secret|passw?o?r?d?|pwd|mdp|auth))['"]\][^=!;]{0,20}[!=]==?\s*['"]([^'"]{4,})['"]"#),
    ("comparaison", "clé comparée à ce que l'appelant envoie", r#"['"]([^'"]{4,})['"]\s*[!=]==?\s*\(?\$_(?:GET|POST|REQUEST|COOKIE|SERVER)\[['"](?i:[a-z_]*(?:key|cle|token|jeton|secret|passw?o?r?d?|pwd|mdp|auth))['"]\]"#),
    ("comparaison-nommee", "clé comparée à ce que l'appelant envoie", r#"\$(?i:key|cle|token|jeton|secret|pass|pwd|mdp)\s*[!=]==?\s*['"]([^'"]{6,})['"]"#),
    ("comparaison", "empreinte d'un mot de passe dans le code", r#"\b(?i:md5|sha1|hash\s*\(\s*['"]\w+['"]\s*,)\s*\(?[^;=!]*(?i:pass|pwd|mdp|token|jeton|secret|cle\b|key|\$_(?:POST|GET|REQUEST|COOKIE))[^;=!]*\)\s*[!=]==?\s*['"]([0-9a-fA-F]{32,128})['"]"#),
    ("comparaison", "clé comparée à ce que l'appelant envoie", r#"\bhash_equals\s*\(\s*['"]([^'"]{4,})['"]"#),
    ("chiffrement", "clé de chiffrement dans un appel", r#"\b(?:hash_hmac\s*\([^,]+,[^,]+,|openssl_(?:en|de)crypt\s*\([^,]+,[^,]+,|sodium_crypto_secretbox\s*\([^,]+,[^,]+,)\s*['"]([^'"]{6,})['"]"#),
    ("en-tete-nomme", "jeton dans un en-tête", r#"(?i)\bx-(?:api-?key|auth-?token|access-?token|secret|token)['"]?\s*[:=]\s*['"`]?([A-Z0-9._~+/=!-]{8,})"#),
    ("adresse", "jeton dans une adresse", r#"(?i)[?&](?:token|jeton|api_?key|key|cle|secret|access_token|password|pwd|mdp)=([A-Z0-9._~%!-]{8,})"#),
    ("en-tete", "mot de passe dans un en-tête d'autorisation", r#"(?i)\bbasic\b['"\s.+]{0,6}(?:base64_encode|btoa|(?:base64\.)?b64encode)\s*\(\s*b?['"][^'":$]+:([^'"$]{3,})['"]"#),
    ("en-tete", "jeton dans un en-tête d'autorisation", r#"(?i)\bauthorization['"]?(?:\s*[:=]\s*|\s+)['"]?(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{12,})"#),
];

/// Names that hold secrets.
const NAME: &str = r"(?:[A-Za-z0-9_.-]*(?:passw(?:or)?d|passwd|pwd|mot_?de_?passe|mdp|secret|token|jeton|api_?key|apikey|cle_?api|(?:private|access|encryption|auth|secure|valid|expected|explorer|admin|master|crypt|crypto|hmac|signing|signature|session|internal|debug|app|maintenance|cron|purge)_?key|cle_?(?:secrete|interne|admin)|pass_?phrase|salt)[A-Za-z0-9_]*|(?:[A-Za-z0-9_.-]*[_.-]|db|sql|mysql|ftp|smtp|mail|admin|root|user)?pass)";

/// Ends of names that speak about a secret without holding one.
const ABOUT: &[&str] = &[
    "file",
    "path",
    "url",
    "uri",
    "name",
    "nom",
    "field",
    "champ",
    "length",
    "len",
    "min",
    "max",
    "id",
    "type",
    "label",
    "regex",
    "pattern",
    "header",
    "hash",
    "expiry",
    "expires",
    "expiration",
    "ttl",
    "endpoint",
    "placeholder",
    "error",
    "message",
    "policy",
    "reset",
    "count",
    "limit",
    "size",
    "column",
    "table",
    "class",
    "prefix",
    "lifetime",
    "hint",
    "title",
    "text",
    "required",
    "ok",
    "algo",
    "algorithm",
];

/// All rules, compiled once.
#[derive(Debug)]
pub(crate) struct Rules {
    forms: Vec<(String, String, Regex)>,
    quoted: Regex,
    defined: Regex,
    tagged: Regex,
    plain: Regex,
    strings: Regex,
    harmless: Regex,
    checksum: Regex,
    keys: Regex,
    files: Regex,
}

impl Rules {
    /// The built-in rules and those of a file: one per line, `name = pattern`.
    ///
    /// # Errors
    /// [`Error::Config`] for a pattern that cannot be compiled, with its line.
    pub(crate) fn new(extra: Option<&Path>) -> Result<Self> {
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| Error::Invariant(error.to_string()));
        let mut forms = Vec::new();
        for (name, what, pattern) in FORMS {
            forms.push(((*name).to_owned(), (*what).to_owned(), compile(pattern)?));
        }
        if let Some(path) = extra {
            let text = std::fs::read_to_string(path).map_err(Error::io("lecture des règles", path))?;
            for (index, line) in text.lines().enumerate() {
                let line = line.trim();
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let bad = |reason: String| Error::Config {
                    message: format!("{}, ligne {} : {reason}", path.display(), index + 1),
                    hint: "écrivez une règle par ligne : nom = expression rationnelle".into(),
                };
                let (name, pattern) = line.split_once('=').ok_or_else(|| bad("pas de signe =".into()))?;
                let regex = Regex::new(pattern.trim()).map_err(|_| bad("expression rationnelle incorrecte".into()))?;
                forms.push((name.trim().to_owned(), format!("règle {}", name.trim()), regex));
            }
        }
        Ok(Self {
            forms,
            quoted: compile(&format!(
                r#"(?i)(?:^|[^A-Za-z0-9_.-])['"]?({NAME})['"\]]*\s*(?::=|=>|=|:)\s*[bru]?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`([^`]*)`)"#
            ))?,
            defined: compile(&format!(
                r#"(?i)\b(?:define|putenv|setenv|set|const)\s*\(\s*['"]({NAME})(?:['"]\s*,\s*|=)(?:'([^']*)'|"([^"]*)"|([^'"]*)['"])"#
            ))?,
            tagged: compile(&format!(r"(?i)<({NAME})>([^<>]+)</"))?,
            plain: compile(&format!(r"(?i)^\s*(?:export\s+|-\s+)?({NAME})\s*[=:]\s*([^\s'\x22#;].*?)\s*$"))?,
            strings: compile(r#"['"]([A-Za-z0-9+/=_-]{24,120})['"]"#)?,
            harmless: compile(
                r"(?ix)^(?: | [x*.•_-]+ | .*\*{3,}.* | .*(?:masqu|redact|caché|hidden|omis).* | null | none | nil | true | false | undefined | (?:.*[^a-z])?(?:change|remplace)[rz]?(?:[\s_-]?(?:me|moi|it|this|ceci))?(?:[^a-z0-9].*)?
                   | [^0-9]*\b(?:votre|your|my|mon|ma|some|un|le)[_-][^0-9]* | .*(?:example|exemple|placeholder|a_definir|a_remplir|xxxx).* | .*\b(?:dummy|fake|sample|todo)\b.*
                   | (?:password|passwd|pwd|secret|token|jeton|mdp|mot[\s_-]?de[\s_-]?passe|api_?key|text|hidden|string|required|optional|bearer|basic|csrf|bcrypt|argon2id?|sha256|admin_token)
                   | [<\[{(].*[>\]})] | .*\$\{.* | \$[A-Za-z_].* | .*\{\{.* | %\(?[A-Za-z_]*\)?s? | \?+ | :[a-z_]+
                   | (?:https?:/)?/.* | .*\b(?:getenv|environ|process\.env|env|config|secrets?)\s*[.(\[].* | .*\brequired\b.*[|].* | ![a-z_:]*(?:\s.*)? )$",
            )?,
            keys: compile(r"(?i)crypt|hmac|\bkey|[_a-z]key\b|secret|token|jeton|sign|auth|\bcl[eé]\b|passw|mdp")?,
            files: compile(
                r"(?i)[\w./-]+\.(?:php|inc|js|css|json|html?|py|sh|csv|sql|md|txt|xml|ya?ml|svg|png|zip)\b",
            )?,
            checksum: compile(
                r"(?i)sha-?\d|md5|hash|integrity|checksum|digest|etag|uuid|guid|commit|fingerprint|somme|crc|base64,|data:|charset|alphabet|sourcemap|cipher|license",
            )?,
        })
    }

    /// What a line holds. `settings`: values are written without quotes, as in `.env`, `.ini` and `.yml`.
    pub(crate) fn look(&self, line: &str, settings: bool) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::new();
        for (rule, what, regex) in &self.forms {
            let Some(found) = regex.captures(line) else { continue };
            let secret = found.get(1).map(|group| group.as_str());
            let weak = |secret: &str| match rule.as_str() {
                "adresse" | "en-tete-nomme" => !is_mixed(secret),
                "comparaison-nommee" => !is_no_name(secret),
                _ => false,
            };
            if secret.is_some_and(|secret| self.harmless.is_match(secret) || weak(secret)) {
                continue;
            }
            let length = secret.map_or_else(String::new, |secret| format!(" ({})", characters(secret)));
            hits.push(Hit { rule: rule.clone(), what: format!("{what}{length}") });
        }
        if hits.is_empty() {
            hits.extend(self.assignment(line, settings));
        }
        if hits.is_empty() {
            hits.extend(self.random(line));
        }
        hits.dedup();
        hits
    }

    fn assignment(&self, line: &str, settings: bool) -> Option<Hit> {
        let candidates = self.quoted.captures_iter(line).chain(self.defined.captures_iter(line));
        let candidates = candidates.chain(self.tagged.captures_iter(line));
        let plain = if settings { self.plain.captures(line) } else { None };
        for found in candidates.chain(plain) {
            let name = found.get(1).map_or("", |group| group.as_str());
            let value = (2..found.len()).find_map(|group| found.get(group)).map_or("", |group| group.as_str());
            if self.is_secret(name, value) {
                let what = format!("valeur en clair de {name} ({})", characters(value));
                return Some(Hit { rule: "affectation".into(), what });
            }
        }
        None
    }

    fn is_secret(&self, name: &str, value: &str) -> bool {
        let lower = name.to_lowercase();
        let last = lower.rsplit(['_', '.', '-']).next().unwrap_or_default();
        // tokenUrl, passwordField: the same without separators.
        let camel = |end: &&str| {
            let mut capital = (*end).to_owned();
            capital.get_mut(..1).map(str::make_ascii_uppercase);
            name.ends_with(&capital)
        };
        if (ABOUT.contains(&last) && last != lower) || ABOUT.iter().any(|end| end.len() > 1 && camel(end)) {
            return false;
        }
        let value = value.trim();
        if value.chars().count() < 4 || self.harmless.is_match(value) {
            return false;
        }
        // Words for people; names of fields, classes, translations and routes.
        let sentence = value.contains(' ') && !value.chars().any(|c| c.is_ascii_digit());
        let identifier = value.chars().all(|c| c.is_ascii_alphabetic() || "_-.:".contains(c))
            && ["pass", "pwd", "secret", "token", "jeton", "key", "mdp", "auth", "input", "field"]
                .iter()
                .any(|word| value.to_lowercase().contains(word))
            && (value.contains(['_', '-', '.', ':']) || value.chars().skip(1).any(|c| c.is_ascii_uppercase()));
        !sentence && !identifier
    }

    /// A string too random for a word, a name or a path, on a line that does not call it a checksum.
    fn random(&self, line: &str) -> Option<Hit> {
        // Minified code and embedded images are full of them.
        if line.len() > 1000 || self.checksum.is_match(line) {
            return None;
        }
        self.strings.captures_iter(line).filter_map(|found| found.get(1)).find_map(|found| {
            let text = found.as_str();
            let has = |test: fn(&char) -> bool| text.chars().any(|c| test(&c));
            let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
            // As long as a digest: of a file, unless the line says that it is a key.
            if hex
                && [32, 40, 48, 56, 64, 96, 128].contains(&text.len())
                && !self.keys.is_match(&self.files.replace_all(line, ""))
            {
                return None;
            }
            let mixed = has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit);
            let random = if hex { text.len() >= 32 && entropy(text) > 3.0 } else { mixed && entropy(text) > 4.2 };
            let harmless = self.harmless.is_match(text) || text.matches(['/', '-', '_']).count() * 6 > text.len();
            (random && !harmless).then(|| Hit {
                rule: "entropie".into(),
                what: format!("chaîne aléatoire, peut-être une clé ({})", characters(text)),
            })
        })
    }
}

/// Whether letters and digits stand among each other, as in a token: not a word, a number, nor a word that ends with one
/// (`annee_2025`).
fn is_mixed(text: &str) -> bool {
    let word = text.trim_end_matches(|c: char| c.is_ascii_digit() || "_-".contains(c));
    let has = |test: fn(&char) -> bool| text.chars().any(|c| test(&c));
    has(char::is_ascii_digit)
        && has(char::is_ascii_alphabetic)
        && (word.chars().any(|c| c.is_ascii_digit()) || has(char::is_ascii_uppercase))
}

/// Whether a text can hardly be the name of a field or of a key on the keyboard: `Volcan15!`, not `annee_2025`, `Enter`.
fn is_no_name(text: &str) -> bool {
    let odd = |c: char| c.is_ascii_uppercase() || !(c.is_ascii_alphanumeric() || "_- .".contains(c));
    !text.contains('_') && text.bytes().any(|byte| byte.is_ascii_digit()) && text.chars().any(odd)
}

fn characters(text: &str) -> String {
    format!("{} caractères", text.chars().count())
}

/// Shannon entropy, in bits per character.
pub(crate) fn entropy(text: &str) -> f64 {
    let mut counts = [0u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = text.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length).map(|p| -p * p.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_of_known_strings() {
        assert!((entropy("aaaa") - 0.0).abs() < 1e-9);
        assert!((entropy("abab") - 1.0).abs() < 1e-9);
        assert!((entropy("0123456789abcdef") - 4.0).abs() < 1e-9);
    }

    #[test]
    fn a_hit_never_holds_the_secret() {
        let rules = Rules::new(None).unwrap();
        for line in
            ["$password = 'Tr0ub4dor&3';", "mysql://flux:Tr0ub4dor&3@db/flux", "mysql -u root -pTr0ub4dor&3 base"]
        {
            let hits = rules.look(line, false);
            assert_eq!(hits.len(), 1, "{line}");
            assert!(!format!("{hits:?}").contains("Tr0ub4dor"), "{hits:?}");
        }
    }
}
