# shellcheck shell=bash
# What the benchmarks share; sourced after common.sh and tools.sh.

# begin_bench PROFILE: builds the program and puts its tools in `bin`, starts the server of dev-db, forgets the settings of the caller.
begin_bench() {
  local name connection
  need_rust
  scripts/dev-db start >/dev/null
  cargo build --profile "$1" --quiet -p flux
  bin=$(link_tools "${1/dev/debug}")
  for name in $(compgen -v | grep -E '^(DB_|API_|PORTAL_|APP_ENV$|FLUX_)'); do unset "$name"; done
  # The client's connection, under names that the tools do not look at.
  connection=$(eval "$(scripts/dev-db env)"; printf '%q %q %q' "$DB_SOCKET" "$DB_USERNAME" "$DB_PASSWORD")
  eval "set -- $connection"
  export BENCH_SOCKET=$1 BENCH_USER=$2 MYSQL_PWD=$3
}

# server ARGUMENTS…: the server's own client.
server() {
  mariadb --no-defaults --local-infile=1 --protocol=socket --socket="$BENCH_SOCKET" --user="$BENCH_USER" -N -B "$@"
}
export -f server

# new_home FOLDER DATABASE: an empty home with its deliveries' folders, for that database.
new_home() {
  rm -rf "$1"
  mkdir -p "$1/data/data_temp" "$1/data/data_extracted"
  (umask 077; sed "s/^DB_DATABASE=.*/DB_DATABASE=$2/" .dev/env >"$1/.env")
}

# new_database NAME
new_database() {
  server -e "DROP DATABASE IF EXISTS $1; CREATE DATABASE $1 CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
}

# tool NAME ARGUMENTS…: a tool in the `home` of the benchmark.
tool() { local name=$1; shift; (cd "$home" && "$bin/$name" "$@" </dev/null); }

now() { date +%s.%N; }
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
# calc FORMAT EXPRESSION
calc() { awk "BEGIN { printf \"$1\", $2 }"; }
