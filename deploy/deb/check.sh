#!/bin/bash
# Installs, starts, upgrades, removes and purges the package in a Debian 12 made by debootstrap. As root; needs
# debootstrap, python3 and a Debian mirror; two to three minutes, of which the folder below is kept for the next time.
#
#   deploy/deb/check.sh [PACKAGE.deb]   THALWEG_DEB_BASE=FOLDER (default .build/deb/base), MIRROR=URL
#
# The program runs as an ordinary user under a listener on NOTIFY_SOCKET; systemctl is a script that writes down how it
# was called, as no systemd runs in a folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
package=$(realpath "${1:-$(ls -t .build/deb/thalweg_*.deb | head -1)}")
base=${THALWEG_DEB_BASE:-.build/deb/base}
work=$(mktemp -d "${TMPDIR:-/tmp}/thalweg-deb.XXXXXX")
root=$work/root
listener=
cleanup() {
  [ -z "$listener" ] || kill "$listener" 2> /dev/null || true
  for place in proc dev; do umount "$root/$place" 2> /dev/null || true; done
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
step() { echo "deb: $*"; }
fail() { echo "deb: FAILED: $*" >&2; exit 1; }
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C DEBIAN_FRONTEND=noninteractive "$@"; }

if [ ! -e "$base/whole" ]; then
  step "making a Debian in $base"
  rm -rf "$base"
  mkdir -p "$base"
  debootstrap --variant=minbase bookworm "$(realpath "$base")" "${MIRROR:-http://deb.debian.org/debian}" > "$work/debootstrap.log" ||
    { tail -5 "$work/debootstrap.log" >&2; fail "debootstrap"; }
  touch "$base/whole"
fi
cp -a "$base" "$root"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/resolv.conf"
cat > "$root/usr/bin/systemctl" << 'SYSTEMCTL'
#!/bin/sh
echo "$*" >> /var/log/systemctl.log
SYSTEMCTL
chmod 755 "$root/usr/bin/systemctl"
mkdir -p "$root/run/systemd/system"
called() { grep -qx -- "$1" "$root/var/log/systemctl.log" || fail "systemctl $1 was not called"; }
# Everything of ours on that system, the package lists and logs of others aside.
ours() { (cd "$root" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./var/log -o -path ./tmp \) -prune -o -iname '*thalweg*' -print); }

step "install"
cp "$package" "$root/tmp/one.deb"
inside apt-get update -q > "$work/apt.log" 2>&1 || { tail -3 "$work/apt.log" >&2; fail "apt-get update"; }
inside apt-get install -y -q --no-install-recommends /tmp/one.deb >> "$work/apt.log" 2>&1 || { tail -8 "$work/apt.log" >&2; fail "install"; }
[ -z "$(inside dpkg --verify thalweg)" ] || fail "dpkg --verify: $(inside dpkg --verify thalweg)"
[ "$(inside dpkg-query -W -f '${Conffiles}' thalweg | awk 'NF { print $1 }')" = /etc/thalweg/worker.yaml ] || fail "conffiles"
if grep -q ' etc/' "$root/var/lib/dpkg/info/thalweg.md5sums"; then fail "md5sums lists a conffile"; fi
if grep -q 'enable' "$root/var/log/systemctl.log"; then fail "it enables itself"; fi
for file in usr/bin/thalweg lib/systemd/system/thalweg.service usr/share/man/man1/thalweg.1.gz usr/share/doc/thalweg/OPERATING.md; do
  [ -s "$root/$file" ] || [ "${file#usr/share}" != "$file" ] || fail "$file is missing"
done
inside sh -c '[ "$(ls /usr/share/thalweg/topics | wc -l)" -gt 10 ]' || fail "no topic declarations"
inside thalweg config check --config /etc/thalweg/worker.yaml > /dev/null || fail "the settings that ship do not pass their own check"

step "start as an ordinary user under a listener on NOTIFY_SOCKET"
cat > "$work/listen.py" << 'LISTEN'
import os, socket, sys
path, log = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(path)
os.chmod(path, 0o777)
with open(log, "w", buffering=1) as out:
    while True:
        out.write(listener.recv(4096).decode() + "\n")
LISTEN
python3 "$work/listen.py" "$root/run/notify" "$work/notify.log" &
listener=$!
mkfifo "$work/hold"
inside thalweg __mock-broker --topics events.watch:2,dlq.events:1,alerts.drift:1 < "$work/hold" > "$work/broker" &
exec 7> "$work/hold"
for _ in $(seq 100); do [ -s "$work/broker" ] && [ -S "$root/run/notify" ] && break; sleep 0.1; done
install -d -o 65534 -g 65534 -m 700 "$root/var/lib/thalweg"
chroot --userspec=65534:65534 "$root" env -i PATH=/usr/bin NOTIFY_SOCKET=/run/notify WATCHDOG_USEC=2000000 \
  thalweg worker --config /etc/thalweg/worker.yaml --set "kafka.brokers=$(cat "$work/broker")" \
  --set store.kind=sqlite --set admin.port=0 2> "$work/worker.log" &
worker=$!
for _ in $(seq 300); do grep -q WATCHDOG=1 "$work/notify.log" && break; sleep 0.1; done
sleep 3
[ "$(head -1 "$work/notify.log")" = READY=1 ] || { tail -3 "$work/worker.log" >&2; fail "no READY=1"; }
[ "$(grep -c WATCHDOG=1 "$work/notify.log")" -ge 3 ] || fail "the watchdog hears too little: $(cat "$work/notify.log")"
grep -q '^STATUS=.*events' "$work/notify.log" || fail "no STATUS="
kill -TERM "$worker"
code=0
wait "$worker" || code=$?
[ "$code" = 0 ] || { tail -3 "$work/worker.log" >&2; fail "it ended with $code"; }
grep -q STOPPING=1 "$work/notify.log" || fail "no STOPPING=1"
[ -s "$root/var/lib/thalweg/state.db" ] || fail "no state was kept"
exec 7>&-

step "upgrade: changed settings and the state stay, a worker that ran is restarted"
echo "# mine" >> "$root/etc/thalweg/worker.yaml"
dpkg-deb -R "$package" "$work/two"
sed -i 's/^Version: .*/&+check1/' "$work/two/DEBIAN/control"
dpkg-deb --root-owner-group -b "$work/two" "$root/tmp/two.deb" > /dev/null
: > "$root/var/log/systemctl.log"
inside apt-get install -y -q /tmp/two.deb >> "$work/apt.log" 2>&1 || { tail -8 "$work/apt.log" >&2; fail "upgrade"; }
inside dpkg-query -W -f '${Version}' thalweg | grep -q check1 || fail "the version did not change"
[ "$(tail -1 "$root/etc/thalweg/worker.yaml")" = "# mine" ] || fail "changed settings were overwritten"
called daemon-reload
called 'try-restart thalweg.service'
step "and back"
inside apt-get install -y -q --allow-downgrades /tmp/one.deb >> "$work/apt.log" 2>&1 || fail "downgrade"
[ -s "$root/var/lib/thalweg/state.db" ] || fail "the state is gone"

step "remove: settings and state stay"
: > "$root/var/log/systemctl.log"
inside apt-get remove -y -q thalweg >> "$work/apt.log" 2>&1 || fail "remove"
called 'disable --now thalweg.service'
[ ! -e "$root/usr/bin/thalweg" ] && [ ! -e "$root/lib/systemd/system/thalweg.service" ] || fail "remove left the program"
[ -s "$root/etc/thalweg/worker.yaml" ] && [ -s "$root/var/lib/thalweg/state.db" ] || fail "remove took settings or state"

step "purge: nothing stays"
echo THALWEG_REDIS__PASSWORD=x > "$root/etc/thalweg/secrets.env"
inside apt-get purge -y -q thalweg >> "$work/apt.log" 2>&1 || fail "purge"
rm "$root"/tmp/*.deb
left=$(ours)
[ -z "$left" ] || fail "left behind: $left"
if inside dpkg-query -W thalweg > /dev/null 2>&1; then fail "dpkg still knows it"; fi
step "good"
