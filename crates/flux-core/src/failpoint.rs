//! Places where a test makes a tool die, wait or lose its connection: what a crash leaves is then tested at a chosen place, again and
//! again, and not at a moment of the clock. Release builds have none of it.
//!
//! `FLUX_FAILPOINT=<name>[:<n>]=kill|pause|error` acts when the place is passed for the n-th time (the first by default): `kill` is
//! SIGKILL, `pause` is SIGSTOP (SIGCONT goes on), `error` is a connection that is lost there. One thread (`--jobs 1`) makes n exact.
//!
//! | name | place |
//! |---|---|
//! | `db.dress` | between a login and the first words on its connection |
//! | `db.read` | before a query that reads |
//! | `db.statement` | before a statement that changes something |
//! | `db.changed` | after a change of structure, before its answer is believed |
//! | `db.commit` | before a COMMIT |
//! | `db.committed` | after a COMMIT, before its answer is believed |
//! | `load.rows` | before a piece of the rows goes to the server |
//! | `backup.table` | before the rows of a table are read for a backup |
//! | `file.remove` | before a file of a cache is removed |
//! | `file.publish` | before a finished file or folder gets its name |

use crate::error::Result;

/// Does nothing.
///
/// # Errors
/// None.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) fn hit(_name: &str) -> Result<()> {
    Ok(())
}

/// Does what `FLUX_FAILPOINT` asks for at this place.
///
/// # Errors
/// A lost connection, when it asks for one; [`crate::error::Error::Config`] when it cannot be read.
#[cfg(debug_assertions)]
pub(crate) fn hit(name: &str) -> Result<()> {
    debug::hit(name)
}

#[cfg(debug_assertions)]
mod debug {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use signal_hook::consts::{SIGKILL, SIGSTOP};
    use signal_hook::low_level::raise;

    use crate::error::{Error, Result};

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Action {
        Kill,
        Pause,
        Error,
    }

    #[derive(Debug, PartialEq, Eq)]
    struct Wanted {
        name: String,
        passage: u32,
        action: Action,
    }

    fn parse(text: &str) -> Option<Wanted> {
        let (place, action) = text.split_once('=')?;
        let (name, passage) = place.split_once(':').unwrap_or((place, "1"));
        let action = match action {
            "kill" => Action::Kill,
            "pause" => Action::Pause,
            "error" => Action::Error,
            _ => return None,
        };
        Some(Wanted { name: name.into(), passage: passage.parse().ok()?, action })
    }

    pub(super) fn hit(name: &str) -> Result<()> {
        static WANTED: OnceLock<Option<std::result::Result<Wanted, String>>> = OnceLock::new();
        static PASSAGES: AtomicU32 = AtomicU32::new(0);
        let wanted = WANTED.get_or_init(|| {
            let text = std::env::var("FLUX_FAILPOINT").ok()?;
            Some(parse(&text).ok_or(text))
        });
        let wanted = match wanted {
            None => return Ok(()),
            Some(Ok(wanted)) => wanted,
            Some(Err(text)) => {
                return Err(Error::Config {
                    message: format!("FLUX_FAILPOINT={text}"),
                    hint: "écrivez nom[:n]=kill|pause|error".into(),
                });
            }
        };
        if wanted.name != name || PASSAGES.fetch_add(1, Ordering::SeqCst) + 1 != wanted.passage {
            return Ok(());
        }
        let lost =
            |error| Error::Sql { doing: format!("point {name}"), source: Box::new(mysql::Error::IoError(error)) };
        match wanted.action {
            Action::Kill => raise(SIGKILL).map_err(lost),
            Action::Pause => {
                raise(SIGSTOP).map_err(lost)?;
                // A signal that came meanwhile is seen by its thread first.
                std::thread::sleep(Duration::from_millis(50));
                Ok(())
            }
            Action::Error => Err(lost(std::io::ErrorKind::ConnectionReset.into())),
        }
    }

    #[test]
    fn a_place_a_passage_and_an_action() {
        let wanted = |name: &str, passage, action| Some(Wanted { name: name.into(), passage, action });
        assert_eq!(parse("db.commit=kill"), wanted("db.commit", 1, Action::Kill));
        assert_eq!(parse("db.commit:3=pause"), wanted("db.commit", 3, Action::Pause));
        for bad in ["", "db.commit", "db.commit:x=kill", "db.commit=die"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
