#!/usr/bin/env bash
# Runs the README's first commands where nothing is: on a Debian 12 of minimal size,
# with Go, make and git alone, and a clone of the last commit. What they install
# comes from where this machine has it from. Needs root, a network and 8 GB of disk.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ "$(id -u)" = 0 ] || { echo "make test-fresh makes a root directory, so run it as root" >&2; exit 1; }
command -v mmdebstrap >/dev/null || { apt-get update -q; DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends mmdebstrap; }
[ -z "$(git status --porcelain)" ] || echo "What is not committed is not tested."

root=$(mktemp -d "${TMPDIR:-/var/tmp}/passbook-fresh.XXXXXX")
inside=
cleanup() {
	# The first process of the namespace takes all others, and all mounts, with it.
	[ -z "$inside" ] || { kill -KILL "$inside" 2>/dev/null || true; wait "$inside" 2>/dev/null || true; }
	rm -rf --one-file-system "$root"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The settings are handed over in files, and none of them is in the project.
settings=$root.settings
trap 'rm -rf "$settings"; cleanup' EXIT
mkdir "$settings"
# Where packages of this Debian come from, and how apt fetches them.
grep -lsE '(^|[[:space:]])bookworm([[:space:]]|$)' /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} >"$settings/sources" || true
apt-config dump --format '%F "%v";%n' Acquire | grep -E '^Acquire::(http|https|Check-Date|Check-Valid-Until|ForceIPv4|Retries)' >"$settings/apt" || true
# Where modules and npm's packages come from, and which certificates they have.
{
	for name in $(compgen -e | grep -E '^(https?|ftp|all|no)_proxy$|^(HTTPS?|FTP|ALL|NO)_PROXY$|^(npm|NPM)_(config|CONFIG)_|^SSL_CERT_|^NODE_EXTRA_CA_CERTS$|^CURL_CA_BUNDLE$|^GIT_SSL_CAINFO$|^CI$'); do
		printf 'export %s=%q\n' "$name" "${!name}"
	done
	for name in GOPROXY GONOPROXY GOPRIVATE GOSUMDB GONOSUMDB GOINSECURE GOFLAGS; do
		printf 'export %s=%q\n' "$name" "$(go env "$name")"
	done
	if command -v npm >/dev/null; then
		printf 'export npm_config_registry=%q npm_config_cafile=%q\n' "$(npm config get registry)" "$(npm config get cafile | sed 's/^null$//')"
	fi
} >"$settings/environment"
# The commands of the README's first block.
awk '/^```/ {n++} n == 1 && sub(/^\$ /, "")' README.md | sed 's/ *#.*//' >"$settings/commands"
[ "$(wc -l <"$settings/commands")" -ge 2 ] || { echo "README.md has no commands in its first block" >&2; exit 1; }

# All that follows is in namespaces of its own for mounts and processes.
in_root() {
	mapfile -t sources <"$settings/sources"
	mmdebstrap --quiet --variant=minbase --include=ca-certificates,make,git bookworm "$root" "${sources[@]}"
	cp "$settings/apt" "$root/etc/apt/apt.conf.d/99machine"
	cp -L /etc/resolv.conf "$root/etc/resolv.conf"
	cp -L /etc/hosts "$root/etc/hosts"
	cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
	mkdir -p "$root/usr/local/go"
	mount --bind "$(go env GOROOT)" "$root/usr/local/go"
	mount --rbind /dev "$root/dev"
	mount --rbind /sys "$root/sys"
	mount -t proc proc "$root/proc"
	git clone --quiet --no-hardlinks . "$root/root/passbook"
	cp "$settings/environment" "$settings/commands" "$root/root/"
	chroot "$root" /usr/bin/env -i HOME=/root TERM=dumb LANG=C.UTF-8 \
		PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		/bin/bash -euo pipefail -c '
			. /root/environment
			cd /root/passbook
			echo "$(git log -1 --format="%h %s"), on Debian $(cat /etc/debian_version) with $(go version)"
			while read -r command <&3; do
				echo "\$ $command"
				SECONDS=0
				eval "$command" </dev/null
				echo "That took $((SECONDS / 60)) min $((SECONDS % 60)) s; $(du -shx / | cut -f1) are in use."
			done 3</root/commands
			[ -z "$(git status --porcelain)" ] || { git status --short; echo "the commands changed the clone" >&2; exit 1; }'
}
export root settings
export -f in_root
unshare --mount --pid --fork --kill-child --mount-proc bash -euo pipefail -c in_root </dev/null &
inside=$!
wait "$inside"
inside=
echo "The README's first commands run on a bare Debian."
