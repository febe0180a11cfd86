#!/bin/bash
# Runs a command of the web app's toolchain (npm, node, npx) with a fitting Node: `deploy/node.sh npm run build`, in web/.
# Where the machine has none, or one that is too old (Debian 12 has 18), it fetches one into .cache: the binary that the
# npm registry carries, checked against the hash below. Installs web/node_modules when package-lock.json is newer.
set -euo pipefail

node_version=22.23.3
npm_version=10.9.4
declare -A node_hash=(
	[x64]='qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng=='
	[arm64]='l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA=='
)
npm_hash='OnUG836FwboQIbqtefDNlyR0gTHzIfwRfE3DuiNewBvnMnWEpB0VEXwBlFVgqpNzIgYo/MHh3d2Hel/pszapAA=='
registry=${npm_config_registry:-https://registry.npmjs.org}

root=$(cd "$(dirname "$0")/.." && pwd)
say() { echo "node: $*" >&2; }

# Node 20.19 or newer, as vite asks (package.json, engines). CULVERT_NODE=fetch ignores the machine's own.
fits() {
	[ "${CULVERT_NODE:-}" != fetch ] && command -v npm >/dev/null && command -v node >/dev/null &&
		node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>20||(a===20&&b>=19)?0:1)' 2>/dev/null
}

# fetch URL HASH DIRECTORY: an npm package, unpacked only if it is the one we know
fetch() {
	local file
	file=$(mktemp)
	curl -fsSL --retry 3 -o "$file" "$1" || { say "cannot fetch $1; install Node 20.19 or newer by hand"; exit 1; }
	if [ "$(openssl dgst -sha512 -binary "$file" | base64 -w0)" != "$2" ]; then
		rm -f "$file"
		say "$1 is not the file that this tree knows: not used"
		exit 1
	fi
	mkdir -p "$3"
	tar -xzf "$file" -C "$3" --strip-components=1
	rm -f "$file"
}

if ! fits; then
	case "$(uname -s)-$(uname -m)" in
	Linux-x86_64) arch=x64 ;;
	Linux-aarch64) arch=arm64 ;;
	*)
		say "Node 20.19 or newer is needed and is not in PATH; this script knows Linux on x86-64 and arm64 only: https://nodejs.org"
		exit 1
		;;
	esac
	home=$root/.cache/node-$node_version
	if [ ! -x "$home/bin/npm" ]; then
		say "fetching Node $node_version and npm $npm_version into ${home#"$root"/}"
		made=$(mktemp -d "$root/.cache/node-XXXXXX")
		fetch "$registry/node-linux-$arch/-/node-linux-$arch-$node_version.tgz" "${node_hash[$arch]}" "$made"
		fetch "$registry/npm/-/npm-$npm_version.tgz" "$npm_hash" "$made/lib/node_modules/npm"
		for tool in npm npx; do
			printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/%s-cli.js" "$@"\n' "$home" "$home" "$tool" >"$made/bin/$tool"
			chmod 755 "$made/bin/$tool"
		done
		chmod 755 "$made" "$made/bin/node"
		rm -rf "$home"
		mv "$made" "$home"
	fi
	export PATH="$home/bin:$PATH"
fi

cd "$root/web"
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
	say "installing web/node_modules"
	npm ci --no-audit --no-fund --loglevel=error >&2
	touch node_modules/.package-lock.json
fi
exec "$@"
