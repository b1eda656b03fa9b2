# shellcheck shell=bash
# What the scripts share; sourced, after `set -euo pipefail`.

# Ordinary users often lack these, and mariadbd lies there.
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$*" >&2; }
# What takes its time is told to whoever looks on.
doing() { [[ ! -t 2 ]] || say "$*…"; }
die() { say "$(basename "$0") : $*"; exit 1; }

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "sudo est absent ; lancez en root : $*"
  fi
}

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$@" </dev/null >&2; }

# apt_install PACKAGE…: the first package that each alternative `a|b` offers here.
apt_install() {
  command -v apt-get >/dev/null || die "apt-get est absent : installez vous-même $*"
  apt_get update
  local choice package packages=()
  for choice in "$@"; do
    for package in ${choice//|/ }; do
      [[ -z $(apt-cache show "$package" 2>/dev/null) ]] || break
    done
    packages+=("$package")
  done
  say "Installation de ${packages[*]} (apt-get)…"
  apt_get install --no-install-recommends "${packages[@]}"
}

# Rust must be there; the C compiler that two crates need is installed.
need_rust() {
  if ! command -v cargo >/dev/null && [[ -r $HOME/.cargo/env ]]; then
    # shellcheck source=/dev/null
    . "$HOME/.cargo/env"
  fi
  command -v cargo >/dev/null || die "cargo est absent : installez Rust (https://rustup.rs)"
  command -v cc >/dev/null || apt_install build-essential
}
