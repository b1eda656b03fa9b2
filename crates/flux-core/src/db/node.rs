//! The servers that a run may work on: one, or the nodes of a cluster. A run stays on its node and goes to the next when that fails.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, Opts, OptsBuilder};
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::room::Room;
use crate::db::{Database, Flavour, NETWORK, Session, handshake, watch};
use crate::error::{Error, Result};
use crate::report::{number, plural};
use crate::settings::{Connection, TlsMode};

/// Which kind of cluster a node belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Cluster {
    /// MariaDB Galera Cluster, Percona XtraDB Cluster.
    Galera,
    /// MySQL Group Replication.
    Group,
}

/// Undoes a limit that the server sets for everybody.
const UNCUT: &str = "SESSION sql_select_limit = 18446744073709551615";

/// What a row of ours takes in a write set at most, the row that it replaces included.
const BYTES_PER_ROW: u64 = 150;

/// What a server says of itself as a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// `None` for a server by itself.
    pub(crate) cluster: Option<Cluster>,
    /// Its name in the cluster, and its state there, as the cluster calls it.
    pub(crate) name: String,
    pub(crate) state: String,
    /// Whether it has caught up and takes part.
    pub(crate) ready: bool,
    pub(crate) writable: bool,
    /// Nodes that the cluster counts; 0 where the account may not see them.
    pub(crate) size: u64,
    /// The largest transaction that the cluster takes, in bytes; `None` without a limit.
    pub(crate) most_bytes: Option<u64>,
    /// Whether a transaction can be replicated in fragments.
    fragments: bool,
    /// Whether a transaction fails on rows that were changed since its snapshot.
    strict_snapshots: bool,
    /// Whether the binary log takes statements, of which replicas may make other rows.
    logs_statements: bool,
}

impl State {
    /// # Errors
    /// Those of the connection. What the account may not see counts as in order.
    pub(crate) fn read(conn: &mut Conn) -> mysql::Result<Self> {
        let mut values = pairs(
            conn,
            "SHOW GLOBAL VARIABLES WHERE variable_name IN ('hostname', 'read_only', 'super_read_only', 'innodb_read_only', \
             'transaction_read_only', 'tx_read_only', 'wsrep_on', 'wsrep_node_name', 'wsrep_max_ws_size', \
             'wsrep_trx_fragment_size', 'group_replication_group_name', 'group_replication_transaction_size_limit', \
             'innodb_snapshot_isolation', 'log_bin', 'binlog_format')",
        )?;
        // `innodb_read_only` tells a reader of Aurora; `tx_read_only` is what MariaDB calls the one before.
        let read_only = ["read_only", "super_read_only", "innodb_read_only", "transaction_read_only", "tx_read_only"];
        let is_on = |values: &HashMap<String, String>, name: &str| {
            values.get(name).is_some_and(|value| !["OFF", "0", ""].contains(&value.as_str()))
        };
        let mut state = Self {
            name: values.get("hostname").cloned().unwrap_or_default(),
            ready: true,
            writable: !read_only.iter().any(|name| is_on(&values, name)),
            size: 1,
            strict_snapshots: values.contains_key("innodb_snapshot_isolation"),
            fragments: values.contains_key("wsrep_trx_fragment_size"),
            logs_statements: is_on(&values, "log_bin") && values.get("binlog_format").is_some_and(|f| f == "STATEMENT"),
            ..Self::default()
        };
        if is_on(&values, "wsrep_on") {
            state.cluster = Some(Cluster::Galera);
            values.extend(pairs(
                conn,
                "SHOW GLOBAL STATUS WHERE variable_name IN ('wsrep_ready', 'wsrep_local_state', 'wsrep_local_state_comment', \
                 'wsrep_cluster_size', 'wsrep_cluster_status')",
            )?);
            let text = |name: &str| values.get(name).cloned().unwrap_or_default();
            state.name = text("wsrep_node_name");
            state.state = format!("{}, {}", text("wsrep_local_state_comment"), text("wsrep_cluster_status"));
            // 4 is Synced; a donor that is not blocked has caught up as well, but lags when it pleases.
            state.ready = text("wsrep_ready") == "ON" && text("wsrep_local_state") == "4";
            state.size = text("wsrep_cluster_size").parse().unwrap_or(1);
            state.most_bytes = text("wsrep_max_ws_size").parse().ok().filter(|most| *most > 0);
        } else if is_on(&values, "group_replication_group_name") {
            state.read_group(conn, &values);
        }
        Ok(state)
    }

    fn read_group(&mut self, conn: &mut Conn, values: &HashMap<String, String>) {
        let most = values.get("group_replication_transaction_size_limit").and_then(|text| text.parse().ok());
        self.most_bytes = most.filter(|most: &u64| *most > 0);
        let sql = "SELECT member_state, member_role, member_id = @@server_uuid FROM performance_schema.replication_group_members \
                   WHERE member_id <> ''";
        let Ok(members) = conn.query_opt::<(String, String, bool), _>(sql) else {
            // An ordinary account may not see the members: a member that is out of its group takes no writes, which shows.
            self.cluster = Some(Cluster::Group);
            self.size = 0;
            return;
        };
        let members: Vec<(String, String, bool)> = members.into_iter().flatten().collect();
        let Some((state, role, _)) = members.iter().find(|(_, _, own)| *own) else { return };
        // A member that was never started, or has left, is a server by itself.
        if state == "OFFLINE" {
            return;
        }
        self.cluster = Some(Cluster::Group);
        let outvoted = watch::are_outvoted(members.iter().map(|(state, ..)| state.as_str()));
        self.state = format!("{state}, {role}{}", if outvoted { ", sans majorité" } else { "" });
        self.ready = state == "ONLINE" && !outvoted;
        self.size = members.iter().filter(|(state, ..)| state == "ONLINE").count() as u64;
    }

    /// Rows that one transaction may write, where the cluster limits it and cannot replicate it in fragments.
    fn most_rows(&self) -> Option<usize> {
        let limited = self.most_bytes.filter(|_| self.cluster.is_some() && !self.fragments)?;
        usize::try_from(limited / BYTES_PER_ROW).ok()
    }

    /// What a session on this node sets for itself: reads see what was committed before, on whichever node.
    fn settings(&self) -> Vec<&'static str> {
        let mut settings = Vec::new();
        match self.cluster {
            Some(Cluster::Galera) => {
                settings.push("SET SESSION wsrep_sync_wait = 15");
                if self.fragments {
                    settings.push(
                        "SET SESSION wsrep_trx_fragment_unit = 'bytes', SESSION wsrep_trx_fragment_size = 268435456",
                    );
                }
            }
            Some(Cluster::Group) => settings.push("SET SESSION group_replication_consistency = 'BEFORE'"),
            None => {}
        }
        // What is changed is counted and proved; a row of the ledger that another transaction has changed meanwhile is no failure.
        if self.strict_snapshots {
            settings.push("SET SESSION innodb_snapshot_isolation = OFF");
        }
        // An account that may not is told by the checks of the server.
        if self.logs_statements {
            settings.push("SET SESSION binlog_format = 'ROW'");
        }
        settings
    }
}

fn pairs(conn: &mut Conn, sql: &str) -> mysql::Result<HashMap<String, String>> {
    // Neither a value that does not fit nor a NULL is a reason to panic, as the plain `query` would.
    let rows = conn.query_opt::<(String, String), _>(sql)?;
    Ok(rows.into_iter().flatten().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
}

/// The node that a run is on.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it stands in the list.
    pub(super) at: usize,
    pub(super) opts: Opts,
    pub(super) target: String,
    pub(super) version: String,
    pub(super) flavour: Flavour,
    pub(super) packet: usize,
    pub(super) cluster: Option<Cluster>,
    most_rows: Option<usize>,
    settings: Vec<&'static str>,
}

/// The nodes that `DB_HOST` names, and the one that is in use.
#[derive(Debug)]
pub(super) struct Nodes {
    connections: Vec<Connection>,
    /// What an answer may take, for a program that answers others.
    limit: Option<Duration>,
    current: RwLock<Arc<Node>>,
    /// What the account may hold of connections, on whichever node.
    pub(super) room: Room,
}

impl Nodes {
    /// The first node that is up, has caught up and takes writes; of one server alone, only that it is up. Where none takes writes, one
    /// that can be read.
    ///
    /// # Errors
    /// [`Error::Connect`] for the last one that could not be reached.
    pub(super) fn open(connections: Vec<Connection>, limit: Option<Duration>) -> Result<Self> {
        let room = Room::default();
        let (mut fit, mut second, mut failed) = (None, None, None);
        for at in 0..connections.len() {
            match open(&connections, at, limit, &room) {
                Ok((node, true)) => {
                    fit = Some(node);
                    break;
                }
                Ok((node, false)) => second = second.or(Some(node)),
                Err(error) => {
                    if connections.len() > 1 {
                        log::warn!("{error}");
                    }
                    failed = Some(error);
                }
            }
        }
        match (fit.or(second), failed) {
            (Some(node), _) => Ok(Self { connections, limit, current: RwLock::new(Arc::new(node)), room }),
            (None, Some(error)) => Err(error),
            (None, None) => Err(Error::Config {
                message: "DB_HOST ne nomme aucun serveur".into(),
                hint: "donnez DB_HOST, ou retirez-le".into(),
            }),
        }
    }

    /// Whether an answer may take only so long.
    pub(super) fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    pub(super) fn current(&self) -> Arc<Node> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether the server is fit for writing beside it.
fn open(connections: &[Connection], at: usize, limit: Option<Duration>, room: &Room) -> Result<(Node, bool)> {
    let connection = &connections[at];
    let (opts, mut conn) = link(connection, room)?;
    let wrap = |source| Error::Connect { target: connection.target.clone(), source: Box::new(source) };
    // What the server says of itself is not to be cut off either.
    conn.query_drop(format!("SET {UNCUT}")).map_err(wrap)?;
    let state = State::read(&mut conn).map_err(wrap)?;
    let (version, packet): (String, usize) =
        conn.query_first("SELECT VERSION(), @@max_allowed_packet").map_err(wrap)?.unwrap_or_default();
    let flavour = if version.to_ascii_lowercase().contains("mariadb") { Flavour::MariaDb } else { Flavour::MySql };
    let fit = state.ready && state.writable;
    if fit || connections.len() == 1 {
        log::debug!("connecté à {}, serveur {version} {}", connection.target, state.state);
    } else {
        log::info!(
            "{} laissé de côté : {}{}",
            connection.target,
            if state.writable { "" } else { "en lecture seule " },
            state.state
        );
    }
    let opts = limit.map_or(opts.clone(), |limit| limited(opts, flavour, limit));
    let (target, settings, most_rows) = (connection.target.clone(), state.settings(), state.most_rows());
    Ok((Node { at, opts, target, version, flavour, packet, cluster: state.cluster, most_rows, settings }, fit))
}

/// The server ends a read after `limit`, and an answer that never comes is not waited for.
fn limited(opts: Opts, flavour: Flavour, limit: Duration) -> Opts {
    let session = match flavour {
        // Statistics of tables are otherwise those of a day ago, and the state of the data is read from them.
        Flavour::MySql => format!(
            "SET SESSION max_execution_time = {}, SESSION information_schema_stats_expiry = 0",
            limit.as_millis()
        ),
        Flavour::MariaDb => format!("SET SESSION max_statement_time = {}", limit.as_secs_f64()),
    };
    OptsBuilder::from_opts(opts)
        .init(vec![session])
        .read_timeout(Some(limit + NETWORK))
        .write_timeout(Some(limit + NETWORK))
        .into()
}

/// Whether the server takes a connection within TLS.
pub(crate) fn offers_tls(connection: &Connection) -> bool {
    watch::connect(connection.opts(true)).is_ok()
}

fn link(connection: &Connection, room: &Room) -> Result<(Opts, Conn)> {
    let wrap = |source| Error::Connect { target: connection.target.clone(), source: Box::new(source) };
    // A server may accept connections and answer none: the first one has a time limit for answers too. The others have none, for a
    // statement may take its time.
    let connect = |opts: &Opts| {
        let limit = opts.get_tcp_connect_timeout();
        let limited = OptsBuilder::from_opts(opts.clone()).read_timeout(limit).write_timeout(limit);
        room.connect(|| None, || handshake::connect(limited.clone().into()))
    };
    let (open, opts) = (connection.opts(false), connection.opts(true));
    match connection.tls {
        TlsMode::Disabled => return Ok((open.clone(), connect(&open).map_err(wrap)?)),
        TlsMode::OnDemand => {
            let unproved = match connect(&open) {
                Err(error) if handshake::is_unproved(&error) => error,
                result => return Ok((open, result.map_err(wrap)?)),
            };
            let secure = match connect(&opts) {
                Err(mysql::Error::DriverError(mysql::DriverError::TlsNotSupported)) => return Err(wrap(unproved)),
                result => result.map_err(wrap)?,
            };
            // The server now knows the account, and asks for a proof alone; an open line is faster.
            return Ok(connect(&open).map_or((opts, secure), |again| (open, again)));
        }
        _ => {}
    }
    match connect(&opts) {
        Ok(conn) => Ok((opts, conn)),
        // Nobody asked for a proof; who can give one may have the password.
        Err(error) if handshake::is_unproved(&error) => {
            let opts = connection.proved().opts(true);
            let conn = connect(&opts).map_err(|why| {
                log::debug!("{} : {why}", connection.target);
                wrap(error)
            })?;
            Ok((opts, conn))
        }
        Err(mysql::Error::DriverError(mysql::DriverError::TlsNotSupported)) if connection.tls == TlsMode::Preferred => {
            log::warn!("le serveur ne propose pas TLS : connexion en clair (DB_SSL_MODE=REQUIRED pour l'interdire)");
            Ok((open.clone(), connect(&open).map_err(wrap)?))
        }
        Err(source) => Err(wrap(source)),
    }
}

impl Node {
    /// Our settings on a connection to this node.
    pub(super) fn dress(&self, conn: &mut Conn) -> mysql::Result<()> {
        conn.query_drop(format!(
            "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci, SESSION time_zone = '+00:00', SESSION autocommit = 1, \
             SESSION completion_type = 'NO_CHAIN', {UNCUT}, \
             SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,\
             NO_ENGINE_SUBSTITUTION'"
        ))?;
        // Proofs read one snapshot, whatever the server's default is. The variable of this name is not the same on every server.
        conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
        for sql in &self.settings {
            // An older release may not know one; a member that has left its group has nothing to wait for.
            if let Err(mysql::Error::MySqlError(error)) = conn.query_drop(sql) {
                log::debug!("{sql} : {error}");
            }
        }
        Ok(())
    }
}

impl Database {
    /// Which of the nodes the run is on.
    pub(super) fn node(&self) -> usize {
        self.nodes.current().at
    }

    /// Whether the server was a node of a cluster when it was connected to.
    pub(crate) fn is_clustered(&self) -> bool {
        self.nodes.current().cluster.is_some()
    }

    /// Rows that one transaction may write; `None` without a limit.
    pub(crate) fn most_rows(&self) -> Option<usize> {
        self.nodes.current().most_rows
    }

    /// Says of a transaction that is not divided, before it writes, that the cluster may not take it.
    pub(crate) fn announce(&self, what: &str, rows: u64) {
        let Some(most) = self.most_rows().map(|most| most as u64).filter(|most| rows > *most) else { return };
        log::warn!(
            "{what} : {} en une transaction, et le groupe en prend environ {} ; s'il la refuse, rien n'est changé : relevez sa limite \
             (`flux doctor` la montre), ou travaillez par périodes",
            plural(rows, "ligne", "lignes"),
            number(most)
        );
    }

    /// What makes a session answer at once, though its node may lag behind the others.
    pub(crate) fn behind(&self) -> Option<&'static str> {
        self.nodes.current().cluster.map(|cluster| match cluster {
            Cluster::Galera => "SET SESSION wsrep_sync_wait = 0",
            Cluster::Group => "SET SESSION group_replication_consistency = 'EVENTUAL'",
        })
    }

    /// What the server says of itself as a node of a cluster.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub(crate) fn state(&self, session: &mut Session) -> Result<State> {
        State::read(session.conn()).map_err(Error::sql("état du serveur dans son groupe"))
    }

    /// Whether a failure may pass within a minute: another node takes over, or an election ends.
    pub(super) fn may_move(&self) -> bool {
        self.nodes.connections.len() > 1 || self.nodes.current().cluster.is_some()
    }

    /// Whether a node takes part in its group and takes writes.
    pub(super) fn is_fit(&self, at: usize) -> bool {
        let nodes = &self.nodes;
        open(&nodes.connections, at, nodes.limit, &nodes.room).is_ok_and(|(_, fit)| fit)
    }

    /// Leaves a node that failed for the next one that is fit, itself the last to be asked; `false` where there is none. Another thread may
    /// have left it already.
    pub(super) fn leave(&self, failed: usize) -> bool {
        let from = self.nodes.current();
        let count = self.nodes.connections.len();
        if count == 1 || from.at != failed {
            return count > 1;
        }
        for step in 1..=count {
            let at = (from.at + step) % count;
            let Ok((node, true)) = open(&self.nodes.connections, at, self.nodes.limit, &self.nodes.room) else {
                continue;
            };
            if at != from.at {
                log::warn!("{} ne répond plus comme il faut : la suite sur {}", from.target, node.target);
            }
            let mut current = self.nodes.current.write().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&current, &from) {
                *current = Arc::new(node);
                self.idle().clear();
            }
            return true;
        }
        false
    }
}
