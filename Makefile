# Two commands do everything on a fresh Debian 12 machine with Swift 6.3, git and make:
#   make demo            the whole system embedded in one process, with a live picture
#   make test            every test
# ARGS go to the program: make demo ARGS="--for 30s --output json"

PACKAGES := librdkafka-dev libhiredis-dev libsqlite3-dev libyaml-dev libssl-dev zlib1g-dev libxxhash-dev \
            libjemalloc-dev redis-server kcat openssl python3 python3-venv python3-redis
# Programs that tests hold our output against: a scraper, a browser, a judge of units. The real Kafka of the library
# runs on Java.
TEST_PACKAGES := prometheus chromium-headless-shell systemd curl \
                 $(if $(wildcard ../shared/kafka),openjdk-17-jre-headless)
missing = $(shell for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done)
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PROGRAM := .build/release/thalweg

.PHONY: demo test deps test-deps build deb check-deb lint clean

demo: build
	@$(PROGRAM) demo $(ARGS)

# A few tests at a time: many start brokers and servers of their own and measure nothing, but wait for answers.
test: deps test-deps
	SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4 swift test $(ARGS)

build: deps
	@swift build -c release --product thalweg

deps:
	@$(call install,$(call missing,$(PACKAGES)))

# One at a time: what Debian cannot install here is named, and the tests that need it are skipped.
test-deps:
	@$(foreach p,$(call missing,$(TEST_PACKAGES)),$(call install,$(p)) || echo "cannot install $(p) here: its tests are skipped";)

define install
if [ -n "$(1)" ]; then \
  echo "installing $(1)"; \
  $(SUDO) apt-get update -q && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -q --no-install-recommends $(1); \
fi
endef

# A Debian package in .build/deb.
deb: deps
	@$(call install,$(call missing,dpkg-dev binutils))
	@deploy/deb/build.sh

# The same package installed, started, upgraded, removed and purged in a Debian of its own; as root.
check-deb: deb
	@$(call install,$(call missing,debootstrap))
	@deploy/deb/check.sh

lint:
	swift format lint --strict --recursive --parallel Sources Tests Package.swift

clean:
	rm -rf .build
