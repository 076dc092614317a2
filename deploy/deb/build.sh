#!/bin/sh
# Builds thalweg_VERSION_ARCH.deb into the folder given (default: .build/deb).
#
#   deploy/deb/build.sh [FOLDER]        THALWEG_PROGRAM=FILE takes a program that is built already
#
# The Swift runtime is linked in; the C libraries are Debian's own, with versions from dpkg-shlibdeps.
set -eu
cd "$(dirname "$0")/../.."
out=${1:-.build/deb}
version=$(sed -n 's/^public let version = "\(.*\)"$/\1/p' Sources/App/Program.swift)
[ -n "$version" ] || { echo "no version in Sources/App/Program.swift" >&2; exit 1; }
arch=$(dpkg --print-architecture)

program=${THALWEG_PROGRAM:-}
if [ -z "$program" ]; then
  swift build -c release --static-swift-stdlib --product thalweg --scratch-path .build/static
  program=.build/static/release/thalweg
fi

root=$out/root
rm -rf "$root" && mkdir -p "$root/DEBIAN"
install -D -m 755 "$program" "$root/usr/bin/thalweg"
strip --strip-unneeded "$root/usr/bin/thalweg"
install -D -m 644 deploy/systemd/thalweg.service "$root/lib/systemd/system/thalweg.service"
# State stands where the unit may write, also for a doctor or a replay called by hand.
sed 's|^state_dir: .*|state_dir: /var/lib/thalweg|' configs/worker.yaml > "$out/worker.yaml"
grep -q '^state_dir: /var/lib/thalweg$' "$out/worker.yaml"
install -D -m 644 "$out/worker.yaml" "$root/etc/thalweg/worker.yaml"
install -d "$root/usr/share/thalweg/topics"
install -m 644 topics/*.json "$root/usr/share/thalweg/topics/"
doc=$root/usr/share/doc/thalweg
for file in docs/OPERATING.md docs/CONFIG.md; do
  if [ -f "$file" ]; then install -D -m 644 "$file" "$doc/${file##*/}"; fi
done
install -D -m 644 deploy/prometheus/thalweg.rules.yaml "$doc/prometheus/thalweg.rules.yaml"
install -D -m 644 deploy/grafana/thalweg.json "$doc/grafana/thalweg.json"
{
  echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
  printf '\nFiles: *\nCopyright: The Thalweg authors\nLicense: Apache-2.0\n On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0.\n'
} > "$doc/copyright"
printf 'thalweg (%s) unstable; urgency=medium\n\n  * See docs/CHANGELOG.md of the source.\n\n -- The Thalweg authors <thalweg@localhost>  Thu, 01 Jan 2026 00:00:00 +0000\n' \
  "$version" | gzip -9n > "$doc/changelog.Debian.gz"
if "$program" man > "$out/thalweg.1" 2> "$out/man.log"; then
  mkdir -p "$root/usr/share/man/man1"
  gzip -9nc "$out/thalweg.1" > "$root/usr/share/man/man1/thalweg.1.gz"
else
  cat "$out/man.log" >&2 && exit 1
fi
for shell in bash zsh fish; do
  case $shell in
    bash) place=usr/share/bash-completion/completions/thalweg ;;
    zsh) place=usr/share/zsh/vendor-completions/_thalweg ;;
    fish) place=usr/share/fish/vendor_completions.d/thalweg.fish ;;
  esac
  mkdir -p "$root/${place%/*}"
  "$program" completion "$shell" > "$root/$place"
done

# dpkg-shlibdeps wants a source tree to stand in.
mkdir -p "$out/tree/debian"
printf 'Source: thalweg\n\nPackage: thalweg\nArchitecture: any\n' > "$out/tree/debian/control"
binary=$(realpath "$root/usr/bin/thalweg")
depends=$(cd "$out/tree" && dpkg-shlibdeps ${THALWEG_SHLIBDEPS:-} -O "$binary" 2> ../shlibdeps.log | sed -n 's/^shlibs:Depends=//p') || true
[ -n "$depends" ] || { cat "$out/shlibdeps.log" >&2; exit 1; }

cat > "$root/DEBIAN/control" <<CONTROL
Package: thalweg
Version: $version
Architecture: $arch
Maintainer: The Thalweg authors <thalweg@localhost>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $depends
Recommends: systemd
Suggests: redis-server, prometheus
Section: database
Priority: optional
Description: online learning from Kafka topics, features in Redis
 Thalweg reads event topics as they pass, learns profiles, trust scores and
 trends from them, publishes the features to Redis and raises an alert when a
 metric leaves its own past.
CONTROL
echo /etc/thalweg/worker.yaml > "$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 755 "deploy/deb/$script" "$root/DEBIAN/$script"; done
find "$root" -type d -exec chmod 755 {} +
(cd "$root" && find usr lib -type f -exec md5sum {} + | sort -k2) > "$root/DEBIAN/md5sums"

package=$out/thalweg_${version}_$arch.deb
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600} dpkg-deb --root-owner-group --build "$root" "$package" > /dev/null
echo "$package"
