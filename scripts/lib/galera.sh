# shellcheck shell=bash
# Three private nodes of MariaDB Galera, for scripts/test-cluster, which sources this: `place`, `base` and `as_account` are its own.
#
# MariaDB is installed as scripts/dev-db does it; the provider of Debian's package galera-4 is unpacked where it is not installed. A node gets
# its state as a copied folder and the rest from the others, so that no transfer of states is needed.

# What a session reads with to see what any node has committed.
causal='SET wsrep_sync_wait = 15'

sql() { local node=$1; shift; mariadb --no-defaults -uroot -S "$place/$node.sock" -Nse "$*"; }

# What the doctor says of a node, and of the limit.
member='Synced, Primary'
limit=wsrep_max_ws_size
further=

provider() {
  local file
  for file in /usr/lib/galera/libgalera_smm.so /usr/lib64/galera-4/libgalera_smm.so "$place"/root/usr/lib/galera/libgalera_smm.so; do
    [[ ! -r $file ]] || { echo "$file"; return; }
  done
  return 1
}

install_engine() {
  scripts/dev-db install
  ! provider >/dev/null || return 0
  say "galera-4 (apt-get download)…"
  mkdir -p "$place/deb"
  cd "$place/deb"
  apt-get -q download galera-4 >&2 || { apt_get update; apt-get -q download galera-4 >&2; }
  dpkg -x galera-4_*.deb "$place/root"
  cd "$OLDPWD"
  provider >/dev/null || die "le paquet galera-4 n'a pas libgalera_smm.so"
}

# start_node NUMBER [OPTION…]: returns once it is synced.
start_node() {
  local n=$1 turn library; shift
  library=$(provider)
  local ist=$((base + 20 + n)) group=$((base + 10 + n))
  PATH=$place/bin:$PATH mariadbd --no-defaults "${as_account[@]}" --datadir="$place/n$n" --port=$((base + n)) --bind-address=127.0.0.1 \
    --socket="$place/n$n.sock" --pid-file="$place/n$n.pid" --log-error="$place/n$n.err" --binlog-format=ROW --innodb-autoinc-lock-mode=2 \
    --innodb-flush-log-at-trx-commit=2 --innodb-buffer-pool-size=128M --local-infile=ON --wsrep-on=ON --wsrep-provider="$library" \
    --wsrep-cluster-name=flux --wsrep-cluster-address="gcomm://127.0.0.1:$((base + 11)),127.0.0.1:$((base + 12)),127.0.0.1:$((base + 13))" \
    --wsrep-node-name="n$n" --wsrep-node-address="127.0.0.1:$group" --wsrep-sst-method=copie \
    --wsrep-provider-options="gmcast.listen_addr=tcp://127.0.0.1:$group;ist.recv_addr=127.0.0.1:$ist;gcache.size=256M;pc.recovery=false" \
    "$@" >"$place/n$n.out" 2>&1 &
  echo $! >"$place/n$n.id"
  # That it is killed is no news.
  disown
  for ((turn = 0; turn < 300; turn++)); do
    [[ $(sql "n$n" "SHOW STATUS LIKE 'wsrep_local_state'" 2>/dev/null) != *4 ]] || return 0
    kill -0 "$(pid "n$n")" 2>/dev/null || break
    sleep 0.2
  done
  tail -20 "$place/n$n.err" >&2
  die "le nœud n$n ne se joint pas aux autres"
}

# cut_off NODE, mend NODE: the network between it and the others.
cut_off() { sql "n$1" "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'"; }
mend() { sql "n$1" "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'"; }

# reached NODE: once it takes part again, as another node sees it too: one that has just woken up does not know yet that it was put out.
reached() {
  local turn by=n$(($1 % 3 + 1)) size="SHOW STATUS LIKE 'wsrep_cluster_size'"
  for ((turn = 0; turn < 200; turn++)); do
    [[ $(sql "$by" "$size") != *3 || $(sql "n$1" "$size" 2>/dev/null) != *3 ||
      $(sql "n$1" "SHOW STATUS LIKE 'wsrep_local_state'" 2>/dev/null) != *4 ]] || return 0
    sleep 0.3
  done
  say "le nœud n$1 ne revient pas"
}

stop_node() { sql "$1" SHUTDOWN; ended "$(pid "$1")" || die "le nœud $1 ne s'arrête pas"; }

# The state of a stopped node; what came since, its cache of the group apart, the others hold.
copy_state() { rm -rf "${place:?}/$2"; cp -a "$place/$1" "$place/$2"; rm -f "$place/$2/galera.cache"; }

# What the servers run to hand a state over: here only its position.
write_handover() {
  mkdir -p "$place/bin" "$place/mail"
  cat >"$place/bin/wsrep_sst_copie" <<'END'
#!/usr/bin/env bash
set -u
role=; address=; gtid=; bypass=
while (($#)); do
  case $1 in --role) role=$2; shift ;; --address) address=$2; shift ;; --gtid) gtid=$2; shift ;; --bypass) bypass=1 ;; esac
  shift
done
mail=$(dirname "$0")/../mail
if [[ $role == joiner ]]; then
  echo "ready 127.0.0.1:$$/copie"
  for ((turn = 0; turn < 600; turn++)); do
    [[ ! -s $mail/$$ ]] || { cat "$mail/$$"; rm -f "$mail/$$"; exit 0; }
    sleep 0.1
  done
  exit 110
fi
[[ -n $bypass ]] || exit 93
number=${address##*:}; number=${number%%/*}
echo "$gtid" >"$mail/$number.new" && mv "$mail/$number.new" "$mail/$number"
echo "done $gtid"
END
  chmod +x "$place/bin/wsrep_sst_copie"
}

start_nodes() {
  write_handover
  rm -rf "$place"/n[123]
  mariadb-install-db --no-defaults "${as_account[@]}" --datadir="$place/n1" --auth-root-authentication-method=normal --skip-test-db >"$place/install.log" 2>&1
  start_node 1 --wsrep-new-cluster
  sql n1 "CREATE DATABASE flux; CREATE USER flux@'%' IDENTIFIED BY 'flux'; GRANT ALL ON flux.* TO flux@'%'"
  stop_node n1
  copy_state n1 n2
  copy_state n1 n3
  start_node 1 --wsrep-new-cluster
  start_node 2
  start_node 3
}

# A tool through this node, and no other.
through() { named "$1"; }
host() { echo 127.0.0.1; }
can_cut() { true; }
stop_engine() { true; }

# The node that the tools write through: every one takes writes, and the first of their list is the first that they ask.
writer() { echo 1; }

# rejoin NODE: one that was killed, with the state of another that is stopped for it.
rejoin() {
  local from=$(($1 % 3 + 1)) turn
  # The others must have noticed first: with one gone without a word and one stopped, the third would have no quorum.
  for ((turn = 0; turn < 150; turn++)); do
    [[ $(sql "n$from" "SHOW STATUS WHERE variable_name = 'wsrep_cluster_size'") != *2 ]] || break
    sleep 0.2
  done
  stop_node "n$from"
  copy_state "n$from" "n$1"
  start_node "$from"
  start_node "$1"
}
