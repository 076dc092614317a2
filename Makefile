# Two commands do everything on a fresh Debian 12 machine with Swift 6.3, git and make:
#   make demo            the whole system embedded in one process, with a live picture
#   make test            every test
# ARGS go to the program: make demo ARGS="--for 30s --output json"

PACKAGES := librdkafka-dev libhiredis-dev libsqlite3-dev libyaml-dev libssl-dev zlib1g-dev libxxhash-dev \
            libjemalloc-dev redis-server kafkacat openssl python3 python3-venv python3-redis
# The real Kafka of the library runs on Java.
PACKAGES += $(if $(wildcard ../shared/kafka),openjdk-17-jre-headless)
MISSING = $(shell for p in $(PACKAGES); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done)
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PROGRAM := .build/release/thalweg

.PHONY: demo test deps build deb lint clean

demo: build
	@$(PROGRAM) demo $(ARGS)

# A few tests at a time: many start brokers and servers of their own and measure nothing, but wait for answers.
test: deps
	SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4 swift test $(ARGS)

build: deps
	@swift build -c release --product thalweg

deps:
	@if [ -n "$(MISSING)" ]; then \
	  echo "installing $(MISSING)"; \
	  $(SUDO) apt-get update -q && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -q --no-install-recommends $(MISSING); \
	fi

# A Debian package in .build/deb.
deb: deps
	@deploy/deb/build.sh

lint:
	swift format lint --strict --recursive --parallel Sources Tests Package.swift

clean:
	rm -rf .build
