//! The first exchange with a server, whoever it is: the password goes to nobody who has not proved himself, and nothing that comes back
//! ends the program.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use mysql::{Conn, DriverError, MySqlError, Opts, SslOpts};

use crate::db::clear;
use crate::error::codes;

/// A connection.
///
/// # Errors
/// Those of the driver. What MySQL's own clients number is an error of that number: a server that asks for the password itself and has
/// not proved who it is, a kind of account that the driver does not know, an answer that is none.
pub(super) fn connect(opts: Opts) -> mysql::Result<Conn> {
    let is_watched = clear::watch();
    if !opts.get_ssl_opts().is_some_and(is_unproved_tls) {
        return login(opts);
    }
    let password = opts.get_pass().map(str::to_owned);
    let (result, asked) = clear::withholding(password.as_deref(), || login(opts));
    if asked || !is_watched { Err(unproved()) } else { result }
}

/// Whether this is TLS with somebody who shows any certificate.
fn is_unproved_tls(ssl: &SslOpts) -> bool {
    // Whose name is not looked at either: on this machine it is not the certificate that is relied on (`Connection::opts`).
    ssl.accept_invalid_certs() && ssl.skip_domain_validation()
}

fn unproved() -> mysql::Error {
    let (code, message) = (codes::SERVER_UNPROVED, "Authentication requires secure connection.".to_owned());
    mysql::Error::MySqlError(MySqlError { state: "HY000".to_owned(), message, code })
}

fn login(opts: Opts) -> mysql::Result<Conn> {
    let is_open_line = opts.get_ssl_opts().is_none();
    // The driver takes for granted that a server keeps to the protocol.
    let result =
        guarded(|| Conn::new(opts)).unwrap_or_else(|_| Err(mysql::Error::DriverError(DriverError::UnexpectedPacket)));
    result.map_err(|error| {
        let (code, message) = match &error {
            // The key for an open line is read from no file but the one that was named (`Connection::opts`).
            mysql::Error::IoError(io) if is_open_line && io.kind() == std::io::ErrorKind::NotADirectory => {
                return unproved();
            }
            mysql::Error::DriverError(DriverError::UnknownAuthPlugin(plugin)) => {
                (codes::AUTH_UNSUPPORTED, plugin.clone())
            }
            mysql::Error::DriverError(DriverError::OldMysqlPasswordDisabled) => {
                (codes::AUTH_UNSUPPORTED, "mysql_old_password".to_owned())
            }
            mysql::Error::DriverError(DriverError::CleartextPluginDisabled) => {
                (codes::AUTH_UNSUPPORTED, "mysql_clear_password".to_owned())
            }
            mysql::Error::DriverError(
                DriverError::UnexpectedPacket | DriverError::InvalidParsecSalt | DriverError::CouldNotParseVersion,
            ) => (codes::MALFORMED_PACKET, "Malformed packet".to_owned()),
            _ => return error,
        };
        mysql::Error::MySqlError(MySqlError { state: "HY000".to_owned(), message, code })
    })
}

/// Whether the server asked for the password itself and had not proved who it is.
pub(super) fn is_unproved(error: &mysql::Error) -> bool {
    matches!(error, mysql::Error::MySqlError(error) if error.code == codes::SERVER_UNPROVED)
}

thread_local! {
    /// Whether this thread is in [`guarded`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// What `work` gives. Where it panics, what it says, which nobody else is shown.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| match GUARDED.try_with(Cell::get) {
            Ok(true) => log::debug!("connexion : {panic}"),
            _ => usual(panic),
        }));
    });
    GUARDED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(false);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_no_result_and_ends_nothing() {
        assert!(guarded(|| [1, 2][std::hint::black_box(5)]).unwrap_err().contains("out of bounds"));
        assert_eq!(guarded(|| 7), Ok(7));
    }
}
