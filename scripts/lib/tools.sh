# shellcheck shell=bash
# The program, the names of its tools, and where cargo puts it; sourced after common.sh.

# binaries_dir PROFILE: debug or release.
binaries_dir() { printf '%s/%s\n' "${CARGO_TARGET_DIR:-target}" "$1"; }

# build_tools PROFILE
build_tools() {
  need_rust
  case $1 in
    release) cargo build --release -p flux ;;
    debug) cargo build -p flux ;;
    *) die "profil inconnu : $1 (release ou debug)" ;;
  esac
}

# refuse_fail_points PROFILE PROGRAM: what is installed for operators must not die where an environment variable says.
refuse_fail_points() {
  [[ $1 != release ]] || ! grep -q FLUX_FAILPOINT "$2" ||
    die "$2 contient les points de panne des tests (FLUX_FAILPOINT) : recompilez avec cargo build --release"
}

# link_tools PROFILE: prints a folder with flux and a link to it per tool, for scripts that call them by name.
link_tools() {
  local from folder name
  from=$(cd "$(binaries_dir "$1")" && pwd)
  folder=$from/outils
  mkdir -p "$folder"
  for name in flux $("$from/flux" list --names); do ln -sfn ../flux "$folder/$name"; done
  printf '%s\n' "$folder"
}

# install_files FROM ROOT PREFIX: the program stripped, a link per tool, man pages, completions, import-hebdo; prints each file
# installed, relative to ROOT.
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
  put "$from/flux" "$root" "$prefix/bin/flux" 755
  ! command -v strip >/dev/null || strip "$root$prefix/bin/flux"
  for name in $("$from/flux" list --names); do
    ln -sfn flux "$root$prefix/bin/$name"
    printf '%s\n' "$prefix/bin/$name"
  done
  for name in flux $("$from/flux" list --names); do
    gzip -9n "$pages/man/$name.1"
    put "$pages/man/$name.1.gz" "$root" "$prefix/share/man/man1/$name.1.gz" 644
    put "$pages/bash/$name" "$root" "$prefix/share/bash-completion/completions/$name" 644
    put "$pages/zsh/_$name" "$root" "$prefix/share/zsh/${ZSH_FOLDER:-site-functions}/_$name" 644
    put "$pages/fish/$name.fish" "$root" "$prefix/share/fish/vendor_completions.d/$name.fish" 644
  done
  put scripts/import-hebdo "$root" "$prefix/bin/import-hebdo" 755
  chain_page | gzip -9n >"$pages/import-hebdo.1.gz"
  put "$pages/import-hebdo.1.gz" "$root" "$prefix/share/man/man1/import-hebdo.1.gz" 644
}

# chain_page: the man page of import-hebdo, which is a script: its own help.
chain_page() {
  printf '.TH import-hebdo 1\n.SH NOM\nimport\\-hebdo \\- la semaine de Flux Vision d'"'"'une traite\n.SH DESCRIPTION\n.nf\n'
  scripts/import-hebdo --help | sed 's/\\/\\e/g; s/-/\\-/g; s/^[.'"'"']/\\\&&/'
  printf '.fi\n'
}

# install_documents ROOT PREFIX: what operators read beside the program; prints each file installed. Links between them stay alive.
install_documents() {
  local root=$1 place=$2/share/doc/fluxvision-outils file
  while IFS= read -r file; do put "$file" "$root" "$place/$file" 644; done < <(find docs -name '*.md' -type f | sort)
  for file in CHANGELOG.md LICENSE-MIT LICENSE-APACHE; do put "$file" "$root" "$place/$file" 644; done
  for file in .env.example scripts/crontab.example; do put "$file" "$root" "$place/examples/${file##*/}" 644; done
}

# put FILE ROOT TARGET MODE
put() {
  install -D -m "$4" "$1" "$2$3"
  printf '%s\n' "$3"
}
