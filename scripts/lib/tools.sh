# shellcheck shell=bash
# The binaries of the workspace and where cargo puts them; sourced after common.sh.

# tool_names: one per line, from the manifests, the launcher first.
tool_names() {
  echo flux
  awk '/^\[/ {bin = ($0 == "[[bin]]")} bin && /^name *=/ {gsub(/^name *= *"|".*$/, ""); print}' tools/*/Cargo.toml | sort
}

# binaries_dir PROFILE: debug or release.
binaries_dir() { printf '%s/%s\n' "${CARGO_TARGET_DIR:-target}" "$1"; }

# build_tools PROFILE
build_tools() {
  need_rust
  case $1 in
    release) cargo build --release --workspace --bins ;;
    debug) cargo build --workspace --bins ;;
    *) die "profil inconnu : $1 (release ou debug)" ;;
  esac
}

# install_files FROM ROOT PREFIX: binaries stripped, man pages, completions, import-hebdo; prints each file installed, relative to ROOT.
install_files() {
  local from=$1 root=$2 prefix=$3 pages name
  pages=$(mktemp -d)
  # Expanded now: the variable is gone when the trap runs.
  # shellcheck disable=SC2064
  trap "rm -rf '$pages'" RETURN
  "$from/flux" man "$pages/man" >/dev/null
  "$from/flux" completions bash --dir "$pages/bash" >/dev/null
  "$from/flux" completions zsh --dir "$pages/zsh" >/dev/null
  "$from/flux" completions fish --dir "$pages/fish" >/dev/null
  for name in $(tool_names); do
    put "$from/$name" "$root" "$prefix/bin/$name" 755
    ! command -v strip >/dev/null || strip "$root$prefix/bin/$name"
    gzip -9n "$pages/man/$name.1"
    put "$pages/man/$name.1.gz" "$root" "$prefix/share/man/man1/$name.1.gz" 644
    put "$pages/bash/$name" "$root" "$prefix/share/bash-completion/completions/$name" 644
    put "$pages/zsh/_$name" "$root" "$prefix/share/zsh/${ZSH_FOLDER:-site-functions}/_$name" 644
    put "$pages/fish/$name.fish" "$root" "$prefix/share/fish/vendor_completions.d/$name.fish" 644
  done
  put scripts/import-hebdo "$root" "$prefix/bin/import-hebdo" 755
}

# put FILE ROOT TARGET MODE
put() {
  install -D -m "$4" "$1" "$2$3"
  printf '%s\n' "$3"
}

# size_of_binaries DIR: of all tools there, in bytes.
size_of_binaries() {
  local name total=0
  for name in $(tool_names); do total=$((total + $(stat -c %s "$1/$name"))); done
  echo "$total"
}
