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
  chain_page >"$pages/man/import-hebdo.1"
  for name in "$pages"/man/*.1; do
    gzip -9n "$name"
    put "$name.gz" "$root" "$prefix/share/man/man1/${name##*/}.gz" 644
  done
  for name in flux $("$from/flux" list --names); do
    put "$pages/bash/$name" "$root" "$prefix/share/bash-completion/completions/$name" 644
    put "$pages/zsh/_$name" "$root" "$prefix/share/zsh/${ZSH_FOLDER:-site-functions}/_$name" 644
    put "$pages/fish/$name.fish" "$root" "$prefix/share/fish/vendor_completions.d/$name.fish" 644
  done
  put scripts/import-hebdo "$root" "$prefix/bin/import-hebdo" 755
}

# chain_page: the man page of import-hebdo, which is a script: its own help under the headings of the tools' pages.
chain_page() {
  printf '.TH IMPORT-HEBDO 1 "" "" "Outils Flux Vision"\n.nh\n.ad l\n.SH NOM\nimport\\-hebdo \\- la semaine de Flux Vision d'"'"'une traite\n'
  scripts/import-hebdo --help | sed 's/\\/\\e/g; s/-/\\-/g; s/^[.'"'"']/\\\&&/' | awk '
    function section(title) { part = title; print ".SH " title }
    part == "" && !/^usage : / { about = about "\n" $0; next }
    /^usage : / { section("SYNOPSIS"); $0 = substr($0, 9) }
    part == "SYNOPSIS" && /^ *\\-/ { section("OPTIONS") }
    # Two blanks or more stand between an option and what it does.
    part == "OPTIONS" && match($0, /[^ ]   *[^ ]/) && /^  \\-/ {
      print ".TP\n\\fB" substr($0, 3, RSTART - 2) "\\fR"
      $0 = substr($0, RSTART + 1)
    }
    part == "OPTIONS" && /^$/ { section("DESCRIPTION"); sub(/\n+$/, "", about); $0 = substr(about, 2) "\n.PP" }
    /^Codes de sortie : / { section("CODES DE SORTIE"); $0 = substr($0, 19) }
    /^Exemples :/ { section("EXEMPLES"); next }
    part == "EXEMPLES" && /^  [^ ]/ { $0 = ".TP\n\\fB" substr($0, 3) "\\fR" }
    part == "DESCRIPTION" && /^$/ { $0 = ".PP" }
    /^$/ { next }
    { sub(/^ +/, ""); print }'
  cat <<'PAGE'
.SH FICHIERS
Sous le dossier de travail :
.TP
\fBdata/data_temp/\fR
livraison de la semaine
.TP
\fBlogs/import\-hebdo_<date>.txt\fR
rapport entier de chaque exécution, gardé 90 jours
.TP
\fBlogs/import\-hebdo.lock\fR
verrou : deux exécutions ne se croisent pas
.SH ENVIRONNEMENT
.TP
\fBFLUX_HOME\fR
dossier de travail
.TP
\fBFLUX_BIN\fR
dossier des outils
.TP
\fBIMPORT_HEBDO_OPTIONS\fR
options de la tâche planifiée (crontab, fluxvision.env)
.SH VOIR AUSSI
\fBflux\fR(1)
PAGE
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
