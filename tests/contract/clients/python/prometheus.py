"""Reads /metrics with Prometheus's own parser of the text format."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from journey import API_KEY, URL, step

with step("get /metrics"):
    request = urllib.request.Request(f"{URL}/metrics", headers={"Authorization": f"Bearer {API_KEY}"})
    with urllib.request.urlopen(request) as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4"), response.headers
        text = response.read().decode()

with step("parse it"):
    families = {family.name: family for family in text_string_to_metric_families(text)}

with step("find the metrics that the README names"):
    assert families["optin_stage_flops"].type == "counter", families.keys()
    assert families["optin_stage_duration_seconds"].type == "histogram", families.keys()

with step("find a help text and a type for every metric"):
    bare = [name for name, family in families.items() if not family.documentation or family.type == "unknown"]
    assert not bare, bare
