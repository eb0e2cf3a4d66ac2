# Sourced by bootstrap.sh: what has to come from apt. Uses its `say`, `fail` and `logged`.
# Each need is tested by what the program later does, not by package names, so that a machine that has it
# from elsewhere is left alone. What only some tests need (chromium, gdal-bin, python3-qgis, Citus) is left to
# whoever wants these tests: without it they are skipped, and say so.

# The newest PostgreSQL server that has PostGIS, as sharding/pg_programs.py looks for it.
have_postgis() {
    local bindir sharedir
    for bindir in "$(pg_config --bindir 2>/dev/null)" /usr/lib/postgresql/*/bin; do
        [ -x "$bindir/initdb" ] || continue
        sharedir=$("$bindir/pg_config" --sharedir 2>/dev/null) ||
            sharedir=/usr/share/postgresql/$(basename "$(dirname "$bindir")")
        [ -f "$sharedir/extension/postgis.control" ] && return 0
    done
    return 1
}

# GeoDjango loads the C libraries of GDAL and GEOS by these names.
have_library() { python3 -c 'import ctypes.util, sys; sys.exit(ctypes.util.find_library(sys.argv[1]) is None)' "$1"; }

# Labels in Chinese need a font that has the characters; the drawing takes the first of these that is there.
have_chinese_font() {
    local file
    [ -f "${GRIDGIS_MAP_FONT:-}" ] && return
    while read -r file; do [ -f "$file" ] && return; done <layers/raster/chinese_fonts.txt
    return 1
}

have_venv() { [ -x .venv/bin/python ] || python3 -c 'import ensurepip, venv' 2>/dev/null; }

# Major version of the PostgreSQL to install: the one that is there already, else the distribution's own.
server_version() {
    local installed
    installed=$(find /usr/lib/postgresql -maxdepth 3 -name initdb 2>/dev/null | sort -V | tail -n 1 | cut -d/ -f5)
    [ -n "$installed" ] ||
        installed=$(apt-cache show postgresql 2>/dev/null | sed -nE 's/^Depends:.*postgresql-([0-9]+).*/\1/p' | head -n 1)
    printf '%s' "$installed"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Root, or sudo that answers: asks for the password once, and only on a terminal.
may_become_root() {
    [ "$(id -u)" = 0 ] && return
    command -v sudo >/dev/null || return
    if [ -t 0 ]; then sudo -v; else sudo -n true 2>/dev/null; fi
}

# apt may wait for another apt; it never asks anything.
apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300 "$@"
}

# Debian makes and starts a cluster of its own when a server package arrives. Nobody asked for that one: say no
# for the time of the installation, through the directory meant for it, and leave the machine's files alone.
install_without_main_cluster() {
    local directory=/etc/postgresql-common/createcluster.d file status=0
    file=$directory/gridgis-setup.conf
    as_root mkdir -p "$directory"
    printf 'create_main_cluster = false\n' | as_root tee "$file" >/dev/null
    apt_get install --no-install-recommends "$@" || status=$?
    as_root rm -f "$file"
    return $status
}

install_system_packages() {
    local needs=()
    have_postgis || needs+=(postgis)
    have_library gdal || needs+=(gdal)
    have_library geos_c || needs+=(geos)
    have_venv || needs+=(venv)
    if ! have_chinese_font; then
        # nothing else fails without it
        if [ ${#needs[@]} -gt 0 ] || { command -v apt-get >/dev/null && may_become_root; }; then
            needs+=(font)
        else
            say "no font with Chinese characters is found: maps will show boxes in their place (fonts-droid-fallback)"
        fi
    fi
    [ ${#needs[@]} -eq 0 ] && return

    command -v apt-get >/dev/null ||
        fail "needed and not found: ${needs[*]}; install them with this machine's package manager, then repeat"
    may_become_root || fail "as root, run 'apt-get install $(package_names "${needs[@]}")', then repeat this"
    say "apt-get update"
    logged "apt-get update" apt_get update
    local packages
    packages=$(package_names "${needs[@]}")
    say "installing system packages: $packages"
    # shellcheck disable=SC2086  # one word per package
    logged "installing system packages" install_without_main_cluster $packages
    have_postgis || fail "PostGIS is still not found after installing $packages; see $log"
}

# Package names of Debian and its kin for needs found missing. libgdal's name carries a version that differs
# between releases, so it comes along with PostGIS, or with gdal-bin where PostGIS is there already.
package_names() {
    local need version names=()
    version=$(server_version)
    for need in "$@"; do
        case $need in
            postgis) names+=("postgresql-${version:-15}" "postgresql-${version:-15}-postgis-3") ;;
            gdal) [[ " $* " = *" postgis "* ]] || names+=(gdal-bin) ;;
            geos) [[ " $* " = *" postgis "* ]] || names+=(libgeos-c1v5) ;;
            venv) names+=(python3-venv) ;;
            font) names+=(fonts-droid-fallback) ;;
        esac
    done
    printf '%s' "${names[*]}"
}
