"""Checks the Kubernetes manifests and the Grafana dashboard with other people's readers.

Runs in a virtual environment with kubernetes-validate, grafana-foundation-sdk and PyYAML (deploy/check.sh makes one).
"""

import json
import pathlib
import sys

import kubernetes_validate
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

here = pathlib.Path(__file__).parent
count = 0
for document in yaml.safe_load_all((here / "kubernetes/thalweg.yaml").read_text()):
    kubernetes_validate.validate(document, "1.29", strict=True)
    count += 1
print(f"kubernetes: {count} objects valid")

scaled = yaml.safe_load((here / "kubernetes/keda.yaml").read_text())
known = {
    "bootstrapServers", "consumerGroup", "topic", "lagThreshold", "activationLagThreshold", "offsetResetPolicy",
    "allowIdleConsumers", "excludePersistentLag", "limitToPartitionsWithLag",
}  # fmt: skip
trigger = scaled["spec"]["triggers"][0]
assert trigger["type"] == "kafka" and set(trigger["metadata"]) <= known, trigger
assert all(isinstance(value, str) for value in trigger["metadata"].values()), "KEDA takes text only"
print("keda: trigger valid")

written = json.loads((here / "grafana/thalweg.json").read_text())
again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(written)))


def lost(before, after, path=""):
    """Everything that went in and did not come out."""
    if isinstance(before, dict):
        for key, value in before.items():
            if not isinstance(after, dict) or key not in after:
                yield f"{path}.{key}"
            else:
                yield from lost(value, after[key], f"{path}.{key}")
    elif isinstance(before, list):
        for index, value in enumerate(before):
            if not isinstance(after, list) or index >= len(after):
                yield f"{path}[{index}]"
            else:
                yield from lost(value, after[index], f"{path}[{index}]")
    elif before != after:
        yield f"{path}: {before} -> {after}"


gone = list(lost(written, again))
print("grafana:", "round trip keeps everything" if not gone else gone[:10])
sys.exit(1 if gone else 0)
