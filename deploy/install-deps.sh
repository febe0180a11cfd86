#!/bin/bash
# Installs what `make run` and `make test` need on Debian or Ubuntu, and only what is missing:
# PostgreSQL and Redis (Culvert starts private ones itself), curl, certificates, a C compiler (race detector), make, PHP
# with curl (billing systems' clients are tested in their own language), and shadowsocks-libev (its client is a test peer;
# its service stays off), and Chromium. Node for the web app is deploy/node.sh's.
# Makes the system account "culvert", which those servers run as when Culvert is started by root.
# Says what it does; a second run does nothing.
set -euo pipefail

say() { echo "install-deps: $*"; }

find_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }

missing=()
find_postgres                                     || missing+=(postgresql)
command -v redis-server >/dev/null                || missing+=(redis-server)
command -v curl >/dev/null                        || missing+=(curl)
command -v gcc  >/dev/null                        || missing+=(gcc libc6-dev)
command -v make >/dev/null                        || missing+=(make)
command -v openssl >/dev/null                     || missing+=(openssl) # deploy/node.sh checks what it fetches
[ -e /etc/ssl/certs/ca-certificates.crt ]         || missing+=(ca-certificates)

if [ "${1:-test}" != run ]; then # what only tests need: clients that we did not write, and network namespaces for them
	php -r 'exit((int) !extension_loaded("curl"));' >/dev/null 2>&1 || missing+=(php-cli php-curl)
	command -v ss-local >/dev/null                    || missing+=(shadowsocks-libev)
	command -v wg-quick >/dev/null || missing+=(wireguard-tools)
	command -v nft >/dev/null      || missing+=(nftables)
	command -v ip >/dev/null       || missing+=(iproute2)
	command -v chromium >/dev/null || missing+=(chromium fonts-noto-cjk) # the web app's tests click through it
fi

as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi

need_root() {
	if [ "${#as_root[@]}" -gt 0 ] && ! command -v sudo >/dev/null; then
		say "as root, run: $*"
		exit 1
	fi
}

# Packages start their servers on installation. Ours are private, so keep these from starting, and from
# taking port 5432 and 6379: policy-rc.d is Debian's switch for that. An existing one is left alone.
policy=/usr/sbin/policy-rc.d
policy_made=no
restore() { if [ "$policy_made" = yes ]; then "${as_root[@]}" rm -f "$policy"; fi; }
trap restore EXIT

if [ "${#missing[@]}" -gt 0 ]; then
	if ! command -v apt-get >/dev/null; then
		say "no apt-get here; install by hand: ${missing[*]}"
		exit 1
	fi
	need_root "apt-get install -y ${missing[*]}"
	say "installing: ${missing[*]}"
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
		"${as_root[@]}" chmod 755 "$policy"
		policy_made=yes
	fi
	export DEBIAN_FRONTEND=noninteractive
	"${as_root[@]}" apt-get update -q
	# postgresql-common would make and start a cluster "main"; we make our own.
	if [[ " ${missing[*]} " == *" postgresql "* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		"${as_root[@]}" mkdir -p /etc/postgresql-common
		echo "create_main_cluster = false" | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
	fi
	# shadowsocks-libev would start a server now and at every boot; tests need its client only.
	if [[ " ${missing[*]} " == *" shadowsocks-libev "* ]] && [ ! -e /etc/systemd/system/shadowsocks-libev.service ]; then
		"${as_root[@]}" mkdir -p /etc/systemd/system
		"${as_root[@]}" ln -s /dev/null /etc/systemd/system/shadowsocks-libev.service # as systemctl mask does
	fi
	"${as_root[@]}" apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}"
else
	say "everything is installed"
fi

if [ "$(id -u)" = 0 ] && ! getent passwd culvert >/dev/null; then
	say "making the system account culvert"
	useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin culvert
fi

if ! command -v go >/dev/null; then
	say "Go 1.26 or newer is needed and is not in PATH: https://go.dev/doc/install"
	exit 1
fi
