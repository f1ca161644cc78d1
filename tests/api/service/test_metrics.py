"""Numbers about the service: requests by resource and status, durations, jobs by status."""

from prometheus_client.parser import text_string_to_metric_families


def read(served, headers):
    answer = served.client.get("/metrics", headers=headers)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_and_jobs_are_counted(served):
    root, ann = served.headers("administrator"), served.headers("analyst")
    for _ in range(3):
        served.client.get("/v1/scenarios", headers=ann)
    served.client.get("/v1/scenarios/nothing", headers=ann)
    served.client.get("/v1/no/such/place", headers=ann)
    sent = served.client.post("/v1/runs", json={"scenario": "blmk"}, headers={**ann, "Idempotency-Key": "k"})
    assert sent.status_code == 202
    found = read(served, root)
    assert found["capitation_requests_total", "200", "GET", "scenarios"] == 3
    assert found["capitation_requests_total", "404", "GET", "scenarios"] == 1
    assert found["capitation_requests_total", "404", "GET", "other"] == 1
    assert found["capitation_request_seconds_count", "scenarios"] == 4
    assert found["capitation_jobs", "queued"] == 1
    assert found["capitation_jobs", "done"] == 0


def test_words_that_callers_make_up_make_no_new_series(served):
    root = served.headers("administrator")

    def make_up(words):
        for n in words:
            served.client.get(f"/v1/made-up-{n}", headers=root)
            served.client.request(f"VERB{n}", "/v1/runs", headers=root)

    make_up(range(1))
    read(served, root)
    before = set(read(served, root))
    make_up(range(1, 20))
    assert set(read(served, root)) == before
