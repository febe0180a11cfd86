#!/usr/bin/env bash
# Builds a program that we did not write, once, for tests against an independent implementation, and prints its path.
#
#   deploy/test/foreign.sh sing-box
#
# The result lies in .cache/foreign/<name>-<version>, which git ignores; a new version is a new folder. Nothing of these
# programs is linked into ours: they are built outside of our module and only run.
set -euo pipefail

usage() {
    echo "usage: $0 NAME   (one of: sing-box, wireguard-go)" >&2
    exit 2
}

[ $# -eq 1 ] || usage
name=$1
case $name in
sing-box)
    version=v1.14.1
    package=github.com/sagernet/sing-box/cmd/sing-box
    tags=with_quic,with_utls
    made=sing-box
    ;;
wireguard-go)
    version=v0.0.0-20260522210424-ecfc5a8d5446
    package=golang.zx2c4.com/wireguard
    tags=
    made=wireguard
    ;;
*) usage ;;
esac

root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$root/.cache/foreign/$name-${version#v}
if [ -x "$dir/$name" ]; then
    echo "$dir/$name"
    exit 0
fi

# Several tests may ask at once: one builds, the others wait for it.
mkdir -p "$root/.cache/foreign"
exec 9>"$root/.cache/foreign/.$name.lock"
flock 9
if [ ! -x "$dir/$name" ]; then
    echo "building $name $version, once (some minutes)" >&2
    away=$(mktemp -d)
    trap 'rm -rf "$away"' EXIT
    # Outside of any module, so that neither go.mod is read nor changed; the program's own go.sum decides.
    (cd "$away" && env -u GOFLAGS GOWORK=off GOBIN="$away/bin" CGO_ENABLED=0 \
        go install -trimpath -ldflags=-s -tags "$tags" "$package@$version") >&2
    mkdir -p "$dir"
    mv "$away/bin/$made" "$dir/$name.new"
    mv "$dir/$name.new" "$dir/$name" # whole or not at all
fi
echo "$dir/$name"
