#!/usr/bin/env bash
# Builds a program that we did not write, once, for tests against an independent implementation, and prints its path.
#
#   deploy/test/foreign.sh sing-box
#
# The result lies in .cache/foreign/<name>-<version>, which git ignores; another version is another folder. Nothing of these
# programs is linked into ours: they are built outside of our module and only run.
set -euo pipefail

usage() {
    echo "usage: $0 NAME   (one of: sing-box, sing-box-wireguard, wireguard-go, xray, mihomo)" >&2
    exit 2
}

[ $# -eq 1 ] || usage
name=$1
source= # the module, where "go install" does not do: its folder is copied and built
case $name in
sing-box)
    version=v1.14.1
    package=github.com/sagernet/sing-box/cmd/sing-box
    tags=with_quic,with_utls
    made=sing-box
    ;;
sing-box-wireguard)
    # The newest whose WireGuard is to be had.
    version=v1.13.14
    package=github.com/sagernet/sing-box/cmd/sing-box
    tags=with_quic,with_utls,with_gvisor,with_wireguard
    made=sing-box
    ;;
wireguard-go)
    version=v0.0.0-20260522210424-ecfc5a8d5446
    package=golang.zx2c4.com/wireguard
    tags=
    made=wireguard
    ;;
xray)
    version=v1.260327.0
    package=github.com/xtls/xray-core/main
    tags=
    made=main
    ;;
mihomo)
    # Its list of versions is not to be had, which "go install" asks for even when it is told a version. 1.19.24 has no entry
    # in the checksum database.
    version=v1.19.23
    source=github.com/metacubex/mihomo
    tags=with_gvisor
    made=mihomo
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
    # Outside of our module, so that neither go.mod is read nor changed; the program's own go.sum decides.
    export GOWORK=off GOBIN="$away/bin" CGO_ENABLED=0
    unset GOFLAGS
    cd "$away"
    if [ -n "$source" ]; then
        go mod download -json "$source@$version" >about
        cp -r "$(sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p' about)" src # the module cache cannot be written to, and is no place to build in
        chmod -R u+w src
        (cd src && go build -trimpath -ldflags=-s -tags "$tags" -o "$GOBIN/$made" .) >&2
    else
        go install -trimpath -ldflags=-s -tags "$tags" "$package@$version" >&2
    fi
    mkdir -p "$dir"
    mv "$away/bin/$made" "$dir/$name.new"
    mv "$dir/$name.new" "$dir/$name" # whole or not at all
fi
echo "$dir/$name"
