#!/bin/sh
# Installs the Culvert node agent on this machine and enrols it. As root:
#
#   sh culvert-agent.sh GATEWAY CA_PIN TOKEN [--foreground]
#
# With systemd the agent becomes a service; without, or with --foreground, it runs here until interrupted. Run again with a
# new token, it updates the program and enrols anew.
set -eu

panel='{{.Panel}}'
sum='{{.Sum}}'
arch='{{.Arch}}'
program=/usr/local/bin/culvert-agent
state=/var/lib/culvert-agent
settings=/etc/culvert-agent.env
user=culvert-agent

say() { echo "culvert-agent: $*"; }
die() {
	echo "culvert-agent: $*" >&2
	exit 1
}

fetch() {
	if command -v curl >/dev/null 2>&1; then
		curl -fsSk --retry 3 -o "$2" "$1"
	elif command -v wget >/dev/null 2>&1; then
		wget -q --no-check-certificate -O "$2" "$1"
	else
		die "curl or wget is needed: apt-get install curl"
	fi
}

[ $# -ge 3 ] || die "usage: sh culvert-agent.sh GATEWAY CA_PIN TOKEN [--foreground]"
gateway=$1 pin=$2 token=$3
case ${4-} in
'') foreground= ;;
--foreground) foreground=yes ;;
*) die "there is no option $4" ;;
esac
[ "$(id -u)" = 0 ] || die "must be run as root (sudo sh ...)"
case $(uname -s)/$(uname -m) in
Linux/x86_64) have=amd64 ;;
Linux/aarch64) have=arm64 ;;
*) die "there is no agent for $(uname -s) on $(uname -m)" ;;
esac
[ "$have" = "$arch" ] || die "the panel has the agent for $arch, and this machine is $have: build it there (make build) and run culvert-agent run"
for tool in sha256sum setpriv useradd install mktemp; do
	command -v $tool >/dev/null 2>&1 || die "$tool is needed: apt-get install coreutils util-linux passwd"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say "fetching the agent from $panel"
fetch "$panel/install/culvert-agent" "$work/culvert-agent" || die "the panel does not give it out: is $panel reachable from here?"
echo "$sum  $work/culvert-agent" | sha256sum -c --status - || die "what came is not what the panel announced; nothing was changed"
install -m 0755 "$work/culvert-agent" "$program.new"
mv -f "$program.new" "$program"
say "installed $program ($("$program" version))"

getent passwd $user >/dev/null || useradd --system --user-group --home-dir $state --no-create-home --shell /usr/sbin/nologin $user
install -d -m 0700 -o $user -g $user $state

# The token is handed over in the environment: a command line can be read by everybody on the machine.
export CULVERT_AGENT_GATEWAY="$gateway" CULVERT_AGENT_CA_PIN="$pin" CULVERT_AGENT_DATA_DIR=$state
as_user() { setpriv --reuid=$user --regid=$user --clear-groups "$@"; }
say "enrolling at $gateway"
CULVERT_AGENT_TOKEN="$token" as_user "$program" enrol || die "enrolment failed; the lines above say why"
(
	umask 077
	printf '%s\n' "CULVERT_AGENT_GATEWAY=$gateway" "CULVERT_AGENT_CA_PIN=$pin" "CULVERT_AGENT_DATA_DIR=$state" >$settings.new
)
mv -f $settings.new $settings

if [ -z "$foreground" ] && [ -d /run/systemd/system ]; then
	cat >/etc/systemd/system/culvert-agent.service <<-UNIT
		[Unit]
		Description=Culvert node agent
		Wants=network-online.target
		After=network-online.target

		[Service]
		User=$user
		EnvironmentFile=$settings
		ExecStart=$program run
		Restart=always
		RestartSec=2
		TimeoutStopSec=40
		LimitNOFILE=1048576
		StateDirectory=culvert-agent
		StateDirectoryMode=0700
		AmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_ADMIN
		CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_NET_ADMIN
		NoNewPrivileges=yes
		ProtectSystem=strict
		ProtectHome=yes
		PrivateTmp=yes
		ProtectKernelTunables=yes
		ProtectKernelModules=yes
		ProtectControlGroups=yes
		RestrictSUIDSGID=yes
		LockPersonality=yes

		[Install]
		WantedBy=multi-user.target
	UNIT
	systemctl daemon-reload
	systemctl enable -q culvert-agent
	systemctl restart culvert-agent
	say "running; its log: journalctl -u culvert-agent -f"
	exit 0
fi

say "there is no systemd in charge here, or you asked for it: running in the foreground until interrupted"
rm -rf "$work"
ulimit -n 1048576 2>/dev/null || ulimit -n "$(ulimit -Hn)"
exec setpriv --reuid=$user --regid=$user --clear-groups --bounding-set=-all,+net_bind_service,+net_admin \
	--inh-caps=-all,+net_bind_service,+net_admin --ambient-caps=-all,+net_bind_service,+net_admin "$program" run
