#!/bin/bash
# install.sh LIST...: install the Debian packages of tests/setup/packages-LIST.txt that are not there yet.
#
# A newcomer's machine stays as it was: nothing that is installed here starts now (policy-rc.d says no while apt runs) or at
# the next boot (links for it that appear in the boot directories are taken away again). Links that were there before, also
# those of packages that get upgraded, stay. Nothing is stopped: what runs was running before, or is named at the end.
#
# Environment, for tests: LOTSE_SETUP_ROOT, a directory that stands for / (boot links and policy-rc.d are looked for below
# it), and LOTSE_SETUP_LISTS, where the lists lie. LOTSE_NO_INSTALL=1: nothing is looked for or installed.
set -u -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=${LOTSE_SETUP_ROOT:-}
lists=${LOTSE_SETUP_LISTS:-$here}
policy=$root/usr/sbin/policy-rc.d
work=

say() { printf '%s\n' "$*" >&2; }
die() { say "install.sh: $*"; exit 1; }

as_root() {
	if [ "$(id -u)" -eq 0 ] || [ -n "$root" ]; then "$@"; else sudo "$@"; fi
}

# ---------------------------------------------------------------------------- what is wanted, what is missing

wanted() {
	local list
	for list in "$@"; do
		[ -r "$lists/packages-$list.txt" ] || die "there is no list $lists/packages-$list.txt"
		sed 's/#.*//' "$lists/packages-$list.txt"
	done | tr -s ' \t' '\n' | sed '/^$/d' | sort -u
}

missing() {
	local package
	while read -r package; do
		case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
		*' ok installed') ;;
		*) printf '%s\n' "$package" ;;
		esac
	done
}

# ---------------------------------------------------------------------------- boot links

# Every link by which something is started at boot, at log-in, by a timer or by a socket: "path<TAB>target" lines.
boot_links() {
	local tops=() top
	for top in "$root"/etc/systemd/system "$root"/etc/systemd/user "$root"/etc/rc?.d "$root"/etc/rcS.d; do
		[ -d "$top" ] && tops+=("$top")
	done
	[ ${#tops[@]} -eq 0 ] || find "${tops[@]}" -type l -printf '%p\t%l\n' | LC_ALL=C sort -u
}

# Paths of the links that are in the second list and have no counterpart in the first. The order numbers of System V links
# (S01knot, S02knot) are no difference: insserv counts anew when a service joins.
new_links() {
	awk -F '\t' '
		function key(path) {
			if (path ~ /\/rc.\.d\/[SK][0-9][0-9][^\/]*$/)
				path = gensub_number(path)
			return path
		}
		function gensub_number(path,   at) {
			at = match(path, /[SK][0-9][0-9][^\/]*$/)
			return substr(path, 1, at) substr(path, at + 3)
		}
		NR == FNR { before[key($1)] = 1; next }
		!(key($1) in before) { print $1 }
	' "$1" "$2"
}

# What a link starts: the unit for systemd's, the script for System V's.
unit_of() {
	case $1 in
	*/rc?.d/*) basename "$1" | sed 's/^[SK][0-9][0-9]//' ;;
	*) basename "$1" ;;
	esac
}

# Take new links away, first in the words of dpkg's own tools so that their notes agree and a later upgrade does not bring the
# links back. A unit that has old links as well was there before: of it only the new links go, by hand.
disable_new_links() {
	local link unit links=$1
	while read -r link; do
		unit=$(unit_of "$link")
		[ -z "$root" ] || continue
		case $link in
		*/rc?.d/*)
			had_links_before "$unit" || as_root update-rc.d "$unit" disable >/dev/null 2>&1
			;;
		*/etc/systemd/user/*)
			had_links_before "$unit" || as_root deb-systemd-helper --user disable "$unit" >/dev/null 2>&1
			;;
		*)
			had_links_before "$unit" || as_root deb-systemd-helper disable "$unit" >/dev/null 2>&1
			;;
		esac
	done <"$links"
	# `update-rc.d disable` leaves K links, which stop what does not run: they are no way to start, and what it expects.
	boot_links >"$work/left"
	new_links "$work/before" "$work/left" | while read -r link; do
		case $link in
		*/rc?.d/K*) ;;
		*) as_root rm -f -- "$link" && drop_empty "$(dirname "$link")" ;;
		esac
	done
}

had_links_before() {
	cut -f 1 "$work/before" | sed 's#.*/##; s/^[SK][0-9][0-9]//' | grep -xF -- "$1" >/dev/null
}

# A directory of wants that was made for a link goes with it.
drop_empty() {
	grep -qxF -- "$1" "$work/dirs" || as_root rmdir -- "$1" 2>/dev/null || true
}

links_that_start() {
	boot_links >"$work/after"
	new_links "$work/before" "$work/after" | grep -vE '/rc.\.d/K[0-9][0-9][^/]*$'
}

# ---------------------------------------------------------------------------- policy-rc.d

forbid_starting() {
	as_root mkdir -p "$(dirname "$policy")" || return 1
	if [ -e "$policy" ] || [ -L "$policy" ]; then
		as_root mv -f "$policy" "$policy.before-lotse" || return 1
	fi
	printf '#!/bin/sh\n# Put here by tests/setup/install.sh of Lotse while it installs packages, and removed by it.\nexit 101\n' \
		>"$work/policy"
	as_root install -m 755 "$work/policy" "$policy"
}

# Also after a run that was killed outright and left its own file behind.
allow_starting() {
	if [ -e "$policy" ] && grep -q 'tests/setup/install.sh of Lotse' "$policy" 2>/dev/null; then
		as_root rm -f "$policy"
	fi
	if [ -e "$policy.before-lotse" ] || [ -L "$policy.before-lotse" ]; then
		as_root mv -f "$policy.before-lotse" "$policy"
	fi
}

# ---------------------------------------------------------------------------- installing

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1 \
		apt-get -y -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
		-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

have_package_lists() {
	compgen -G "$root/var/lib/apt/lists/*_Packages*" >/dev/null
}

install_packages() {
	if have_package_lists && apt install --no-install-recommends "$@" >"$work/apt.log" 2>&1; then
		return 0
	fi
	say "install.sh: fetching the package lists"
	as_root dpkg --configure -a >/dev/null 2>&1 # an earlier run may have been interrupted
	if ! apt update >"$work/update.log" 2>&1; then
		tail -n 20 "$work/update.log" >&2
	fi
	apt install --no-install-recommends "$@" >"$work/apt.log" 2>&1 && return 0
	tail -n 20 "$work/apt.log" >&2
	return 1
}

installed() {
	dpkg-query -W -f '${Package}\n' 2>/dev/null | LC_ALL=C sort -u
}

finish() {
	trap - EXIT INT TERM HUP
	allow_starting
	if [ -e "$work/before" ]; then
		boot_links >"$work/after"
		new_links "$work/before" "$work/after" >"$work/new"
		[ ! -s "$work/new" ] || disable_new_links "$work/new"
	fi
	rm -rf "$work"
}

# Programs of the newly installed packages that run although policy-rc.d said no.
tell_what_runs() {
	local process program
	installed | LC_ALL=C comm -13 "$work/packages" - | xargs -r dpkg -L 2>/dev/null | sort -u >"$work/files"
	for process in /proc/[0-9]*; do
		program=$(as_root readlink "$process/exe" 2>/dev/null) || continue
		if grep -qxF -- "$program" "$work/files"; then
			say "install.sh: $program (process ${process#/proc/}) runs now, although starting was forbidden"
		fi
	done
}

elsewhere() {
	say "This is not Debian, so these have to be installed by hand (names of Debian 12's packages):"
	say
	wanted "$@" | sed 's/^/    /' >&2
	say
	say "With all of them in place: make ... LOTSE_NO_INSTALL=1"
	exit 1
}

main() {
	local packages left
	[ $# -gt 0 ] || die "usage: install.sh LIST...   (build, demo, test)"
	[ -z "${LOTSE_NO_INSTALL:-}" ] || return 0
	command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || elsewhere "$@"
	wanted "$@" >/dev/null || exit 1
	packages=$(wanted "$@" | missing)
	[ -n "$packages" ] || return 0
	if [ "$(id -u)" -ne 0 ] && [ -z "$root" ] && ! command -v sudo >/dev/null; then
		die "missing: $(tr '\n' ' ' <<<"$packages"); be root, or have sudo"
	fi
	exec 9<"$0" && flock 9 # one at a time: policy-rc.d is put aside and back
	packages=$(wanted "$@" | missing)
	[ -n "$packages" ] || return 0
	say "install.sh: installing $(tr '\n' ' ' <<<"$packages")"
	work=$(mktemp -d)
	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	allow_starting
	boot_links >"$work/before"
	installed >"$work/packages"
	find "$root/etc/systemd" -type d 2>/dev/null >"$work/dirs"
	forbid_starting || die "cannot write $policy, which keeps services from starting"
	# shellcheck disable=SC2086  # a list of words
	install_packages $packages || die "apt-get could not install: $(tr '\n' ' ' <<<"$packages"). Is there a network?
All that is needed (names of Debian 12's packages): $(wanted "$@" | tr '\n' ' ')"
	boot_links >"$work/after"
	new_links "$work/before" "$work/after" >"$work/new"
	tell_what_runs
	disable_new_links "$work/new"
	left=$(links_that_start)
	[ -z "$left" ] || die "these would start something at the next boot, and could not be removed:
$left"
}

main "$@"
