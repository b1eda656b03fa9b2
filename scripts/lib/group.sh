# shellcheck shell=bash
# Three private members of MySQL Group Replication, for scripts/test-cluster, which sources this: `place`, `base`, `engine` and `as_account`
# are its own. With `group` one member is the primary, with `multi` each of them takes writes.
#
# FLUX_TEST_MYSQLD names the server, a program and its first arguments (.ci/run shows how); its plugins lie in `lib/mysql/plugin` beside it,
# or where FLUX_CLUSTER_PLUGINS says.

causal="SET SESSION group_replication_consistency = 'BEFORE'"
read -ra mysqld <<<"${FLUX_TEST_MYSQLD:-mysqld}"
plugins=${FLUX_CLUSTER_PLUGINS:-$(dirname "${mysqld[-1]}")/../lib/mysql/plugin}

# What the doctor says of the primary, and of the limit.
member='ONLINE, PRIMARY'
limit=group_replication_transaction_size_limit
primaries=()
[[ $engine != multi ]] || primaries=(--loose-group-replication-single-primary-mode=OFF --loose-group-replication-enforce-update-everywhere-checks=ON)
# The account asks for its password; all members have the key of the first.
further="DB_SERVER_PUBLIC_KEY=$place/n1/public_key.pem"

# Where this account may make networks (root), each member is a host of its own, with one network that the group talks over, which can be
# cut, and one that the tools come by; else all are on this machine's 127.0.0.1.
can_cut() { [[ $EUID -eq 0 ]] && command -v ip >/dev/null; }
network=flux$base
within() { if can_cut; then echo ip netns exec "$network-$1"; fi; }
# host NODE, peer NODE: as the tools, and as the other members, know it.
host() { if can_cut; then echo "10.87.$1.2"; else echo 127.0.0.1; fi; }
peer() { if can_cut; then echo "10.87.0.$1"; else echo 127.0.0.1; fi; }

bound() { if can_cut; then echo '*'; else echo 127.0.0.1; fi; }

# link_member NODE ADDRESS NAME [MORE…]: a cable from this machine to the member, whose end there is NAME.
link_member() {
  local n=$1 address=$2 name=$3
  shift 3
  ip link add "$network$name$n" type veth peer name "$name" netns "$network-$n"
  ip -n "$network-$n" addr add "$address" dev "$name"
  ip -n "$network-$n" link set dev "$name" up
  ip link set dev "$network$name$n" up "$@"
}

make_networks() {
  local n
  ip link add "$network" type bridge
  ip link set "$network" up
  for n in 1 2 3; do
    ip netns add "$network-$n"
    ip -n "$network-$n" link set lo up
    link_member "$n" "$(peer "$n")/24" peers master "$network"
    link_member "$n" "$(host "$n")/30" tools
    ip addr add "10.87.$n.1/30" dev "${network}tools$n"
  done
}

stop_engine() {
  local n
  can_cut || return 0
  for n in 1 2 3; do ip netns del "$network-$n" 2>/dev/null || true; done
  ip link del "$network" 2>/dev/null || true
}

# cut_off NODE, mend NODE: the network between it and the others.
cut_off() { ip link set dev "${network}peers$1" down; }
mend() { ip link set dev "${network}peers$1" up; }

install_engine() {
  scripts/dev-db install
  "${mysqld[@]}" --no-defaults --version >/dev/null 2>&1 || die "FLUX_TEST_MYSQLD ne nomme pas de mysqld"
}

sql() { local node=$1; shift; mariadb --no-defaults -uroot -S "$place/$node.sock" -Nse "$*"; }

# start_node NUMBER: returns once it answers; it takes part after `join`.
start_node() {
  local n=$1 turn group inside
  group=$(peer 1):$((base + 11)),$(peer 2):$((base + 12)),$(peer 3):$((base + 13))
  read -ra inside <<<"$(within "$n")"
  "${inside[@]}" "${mysqld[@]}" --no-defaults "${as_account[@]}" --datadir="$place/n$n" --port=$((base + n)) --bind-address="$(bound)" \
    --socket="$place/n$n.sock" --pid-file="$place/n$n.pid" --log-error="$place/n$n.err" --mysqlx=OFF --secure-file-priv=NULL --local-infile=ON \
    --innodb-flush-log-at-trx-commit=2 --sync-binlog=0 --innodb-buffer-pool-size=128M --innodb-redo-log-capacity=96M --server-id="$n" \
    --gtid-mode=ON --enforce-gtid-consistency=ON --log-bin=journal --report-host="$(peer "$n")" --report-port=$((base + n)) \
    --log-bin-trust-function-creators=ON --plugin-dir="$plugins" --plugin-load-add=group_replication.so \
    --loose-group-replication-group-name=6f3f1a52-0d55-4b8c-9a53-000000000001 --loose-group-replication-start-on-boot=OFF \
    --loose-group-replication-local-address="$(peer "$n"):$((base + 10 + n))" --loose-group-replication-group-seeds="$group" \
    --loose-group-replication-recovery-get-public-key=ON --loose-group-replication-member-expel-timeout=0 "${primaries[@]}" >"$place/n$n.out" 2>&1 &
  echo $! >"$place/n$n.id"
  disown
  for ((turn = 0; turn < 300; turn++)); do
    [[ $(sql "n$n" "SELECT 1" 2>/dev/null) != 1 ]] || return 0
    kill -0 "$(pid "n$n")" 2>/dev/null || break
    sleep 0.2
  done
  tail -20 "$place/n$n.err" >&2
  die "le membre n$n ne démarre pas"
}

state() { sql "n$1" "SELECT member_state FROM performance_schema.replication_group_members WHERE member_id = @@server_uuid" 2>/dev/null; }

# taken_for NODE STATE BY: what another member holds it for; itself it may not know yet that it was put out.
taken_for() {
  local sql="SELECT 1 FROM performance_schema.replication_group_members WHERE member_port = $((base + $1)) AND member_state = '$2'"
  [[ $(sql "n$3" "$sql" 2>/dev/null) == 1 ]]
}

# join_group NODE: takes part, with what it has missed.
join_group() { sql "n$1" "START GROUP_REPLICATION"; reached "$1" "$1"; }

# reached NODE [BY]: once it takes part again, as another member sees it too; one that was put out asks to come back.
reached() {
  local turn by=${2:-$(($1 % 3 + 1))}
  for ((turn = 0; turn < 200; turn++)); do
    case $(state "$1") in
      ONLINE) ! taken_for "$1" ONLINE "$by" || return 0 ;;
      ERROR | OFFLINE) sql "n$1" "STOP GROUP_REPLICATION; START GROUP_REPLICATION" 2>/dev/null ;;
    esac
    sleep 0.3
  done
  say "le membre n$1 ne revient pas : $(state "$1")"
}

start_nodes() {
  local n
  rm -rf "$place"/n[123]
  ! can_cut || make_networks
  "${mysqld[@]}" --no-defaults "${as_account[@]}" --initialize-insecure --datadir="$place/n1" --log-error="$place/install.log"
  start_node 1
  sql n1 "SET SESSION sql_log_bin = 0; CREATE USER flux@'%' IDENTIFIED BY 'flux'; GRANT ALL ON flux.* TO flux@'%';
    GRANT SELECT ON performance_schema.replication_group_members TO flux@'%';
    CREATE USER copie@'%' IDENTIFIED BY 'copie'; GRANT REPLICATION SLAVE, BACKUP_ADMIN, CONNECTION_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO copie@'%';
    CHANGE REPLICATION SOURCE TO SOURCE_USER = 'copie', SOURCE_PASSWORD = 'copie' FOR CHANNEL 'group_replication_recovery';
    RESET BINARY LOGS AND GTIDS; SHUTDOWN"
  ended "$(pid n1)"
  for n in 2 3; do cp -a "$place/n1" "$place/n$n"; rm -f "$place/n$n/auto.cnf"; done
  for n in 1 2 3; do start_node "$n"; done
  sql n1 "SET GLOBAL group_replication_bootstrap_group = ON; START GROUP_REPLICATION; SET GLOBAL group_replication_bootstrap_group = OFF"
  reached 1 1
  join_group 2
  join_group 3
  sql n1 "CREATE DATABASE flux"
}

# Tools at two places work through the one primary; where each member is one, through their own.
through() {
  local n=$1
  if [[ $engine == multi ]]; then named "$n"; return; fi
  echo "$(named "$n"),$(named $((n % 3 + 1))),$(named $(((n + 1) % 3 + 1)))"
}

# The primary, as a member sees it; where each is one, the first that the tools ask.
writer() {
  local n port
  if [[ $engine == multi ]]; then echo 1; return; fi
  for n in 1 2 3; do
    port=$(sql "n$n" "SELECT member_port FROM performance_schema.replication_group_members WHERE member_role = 'PRIMARY'" 2>/dev/null)
    [[ -z $port ]] || { echo $((port - base)); return; }
  done
}

# allow_transactions BYTES: no larger ones.
allow_transactions() { local n; for n in 1 2 3; do sql "n$n" "SET GLOBAL group_replication_transaction_size_limit = $1"; done; }

# rejoin NODE: one that was killed.
rejoin() { start_node "$1"; join_group "$1"; }
