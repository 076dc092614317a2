#!/bin/sh
# Runs deploy/check.py in a virtual environment of its own under .build; exit 77 = it cannot be made here.
set -eu
cd "$(dirname "$0")/.."
venv=${THALWEG_VENV:-.build/deploy-venv}
if [ ! -x "$venv/bin/kubernetes-validate" ]; then
  if ! python3 -m venv "$venv" || ! "$venv/bin/pip" install -q kubernetes-validate==1.37.0 "grafana-foundation-sdk==1769699998!10.1.0" PyYAML==6.0.4; then
    echo "skipped: python3-venv or its packages cannot be installed here"
    exit 77
  fi
fi
exec "$venv/bin/python" deploy/check.py
