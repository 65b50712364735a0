"""Reads a text of metrics as Prometheus' own client does; prints the families as JSON.

Fails on what breaks OpenMetrics, and where a histogram does not add up.
"""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families


def check_histogram(family):
    """The buckets of each histogram grow, and the last one is its count."""
    last, counts = {}, {}
    for sample in family.samples:
        labels = dict(sample.labels)
        bound = labels.pop("le", None)
        key = tuple(sorted(labels.items()))
        if sample.name.endswith("_bucket"):
            assert sample.value >= last.get(key, 0), (sample, bound)
            last[key] = sample.value
        elif sample.name.endswith("_count"):
            counts[key] = sample.value
    assert last == counts, (family.name, last, counts)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        families = list(text_string_to_metric_families(file.read()))
    for family in families:
        if family.type == "histogram":
            check_histogram(family)
    print(json.dumps({family.name: family.type for family in families}))


if __name__ == "__main__":
    main()
