"""From the first job to its result and a second target."""

import re

from service import EXAMPLE, job


def test_a_new_user_makes_a_job_watches_it_and_prunes_to_another_target(service, window):
    view = window(service)
    page = view.page
    page.goto("/")
    page.get_by_role("link", name="New job").first.click()
    # What a dataset holds is shown before there is a model.
    page.get_by_label("Calibration data", exact=True).fill((EXAMPLE / "calibration.tsv").as_uri())
    page.get_by_label("Model", exact=True).focus()
    sample = page.locator("[id='calibration.uri-found'] table")
    sample.wait_for()
    assert sample.locator("tbody tr").count() == 3
    first = (EXAMPLE / "calibration.tsv").read_text().splitlines()[:2]
    assert sample.locator("th").first.inner_text() == first[0].split("\t")[0]
    assert sample.locator("td").first.inner_text()[:20] == first[1].split("\t")[0][:20]
    page.get_by_label("Model", exact=True).fill((EXAMPLE / "model").as_uri())
    # The check starts by itself when the sources are known.
    page.get_by_label("Evaluation data", exact=True).focus()
    page.get_by_text("The model and the data can be used.").wait_for()
    assert page.get_by_text("bert", exact=True).is_visible()
    slider = page.get_by_role("slider")
    slider.fill("50")
    assert page.locator("input[name='target.value']").input_value() == "50"
    page.get_by_text(re.compile("at most .* MACs per row, at best 2.00 times as fast")).wait_for()
    page.get_by_text("Settings", exact=True).click()
    page.locator("[name='calibration.max_samples']").fill("128")
    page.get_by_text("curl", exact=True).click()
    page.get_by_role("button", name="Create job").click()
    # The page follows the job without a reload by the reader, up to its result.
    page.wait_for_url("**/jobs/job_*")
    page.locator(".head .state.succeeded").wait_for(timeout=300_000)
    page.get_by_role("heading", name="Quality", exact=True).wait_for()
    first = page.url
    usage = page.locator("#usage")
    for library, code in (("transformers", "AutoModelForSequenceClassification.from_pretrained"), ("ONNX Runtime", "onnxruntime.InferenceSession")):
        assert usage.get_by_role("heading", name=library).is_visible()
        block = usage.locator(".code", has_text=code)
        assert block.get_by_role("button", name="Copy").is_visible()
    assert page.locator(".keepmap path.on").count() > 0
    with page.expect_download() as download:
        page.get_by_role("link", name="report.json").click()
    assert download.value.suggested_filename == "report.json"
    # Drag the point of the chart, then the same with the keyboard.
    chart = page.locator("svg.chart")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    field = page.locator("#percent")
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 40, steps=4)
    page.mouse.up()
    dragged = float(field.input_value())
    assert 70 < dragged < 90, dragged
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert float(field.input_value()) == dragged - 1
    field.fill("40")
    assert "importance" in page.locator("output").inner_text()
    page.get_by_role("button", name="Prune to this target").click()
    page.wait_for_url(lambda url: "/jobs/job_" in url and url != first)
    assert page.get_by_role("link", name="another job").is_visible()
    page.locator(".head .state.succeeded").wait_for(timeout=300_000)
    assert page.locator("h1").inner_text().endswith("40%")
    page.get_by_role("heading", name="Quality", exact=True).wait_for()
    # Both side by side.
    page.goto("/")
    for box in page.get_by_role("checkbox").all()[:2]:
        box.check()
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("heading", name="Compare 2 jobs").wait_for()
    assert page.locator("svg .dot").count() == 2


def test_a_failure_shows_its_remedy_and_the_edited_request_runs(service, window):
    failed = service.create(calibration={"uri": (EXAMPLE / "README.md").as_uri()})
    service.wait(failed, "failed")
    view = window(service)
    # The form checks the request that has failed before it is edited.
    view.expected = ("422",)
    page = view.page
    page.goto(f"/jobs/{failed}")
    notice = page.get_by_role("alert")
    assert notice.get_by_role("heading").inner_text().startswith("Correct the data file")
    assert "README.md" in notice.inner_text()
    page.get_by_role("link", name="Edit and run").click()
    page.get_by_label("Calibration data", exact=True).fill((EXAMPLE / "calibration.tsv").as_uri())
    page.get_by_role("button", name="Create job").click()
    page.wait_for_url("**/jobs/job_*")
    page.get_by_role("button", name="Cancel").click()
    page.locator(".head .state.canceled").wait_for(timeout=120_000)


def test_what_is_wrong_with_a_form_stands_at_its_field(service, window):
    view = window(service)
    view.expected = ("422",)
    page = view.page
    page.goto("/new")
    page.get_by_label("Model", exact=True).fill("file:///etc")
    page.get_by_label("Calibration data", exact=True).fill((EXAMPLE / "calibration.tsv").as_uri())
    page.get_by_role("button", name="Check").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_label("Model", exact=True).input_value() == "file:///etc"


def test_hostile_rows_of_a_dataset_do_nothing(service, window):
    folder = service.sources
    texts = ["<script>alert(1)</script><img src=x onerror=alert(2)>", "\x1b[2J\u202eright to left", "long " * 100_000]
    rows = "".join(f"{text}\t<b>{number}</b>\n" for number, text in enumerate(texts))
    (folder / "hostile.tsv").write_text(f"text\t</table><script>alert(3)</script>\n{rows}")
    for scheme in ("light", "dark"):
        page = window(service, color_scheme=scheme, viewport={"width": 400, "height": 800}).page
        page.goto("/new")
        page.get_by_label("Calibration data", exact=True).fill((folder / "hostile.tsv").as_uri())
        page.get_by_label("Model", exact=True).focus()
        sample = page.locator("[id='calibration.uri-found']")
        sample.locator("tbody tr").nth(2).wait_for()
        assert sample.get_by_text("3 rows").is_visible()
        assert "<script>alert(1)</script>" in sample.inner_text() and "\x1b" not in page.content()
        assert sample.bounding_box()["height"] < 600
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # A file without a column that a job reads still shows its columns, beside what is missing.
    (folder / "unnamed.csv").write_text("body,stars\na,1\nb,2\n")
    view = window(service)
    view.expected = ("422",)
    page = view.page
    page.goto("/new")
    page.get_by_label("Model", exact=True).fill((EXAMPLE / "model").as_uri())
    page.get_by_label("Calibration data", exact=True).fill((folder / "unnamed.csv").as_uri())
    page.get_by_label("Evaluation data", exact=True).focus()
    page.get_by_role("alert").get_by_text("name the column in mapping").wait_for()
    assert page.get_by_role("columnheader", name="body").is_visible()
    page.get_by_text("Settings", exact=True).click()
    page.locator("[name='calibration.mapping.text']").fill("body")
    page.locator("[name='calibration.mapping.label']").focus()
    page.get_by_text("The model and the data can be used.").wait_for()
    assert page.get_by_text("The job reads body.").is_visible()


def test_a_job_is_deleted_after_its_consequences_were_told(idle, window):
    created = idle.create()
    idle.call("POST", f"/v1/jobs/{created}/cancel")
    page = window(idle).page
    page.goto(f"/jobs/{created}")
    page.get_by_text("Delete this job").click()
    assert page.get_by_text("This cannot be undone").is_visible()
    page.get_by_role("button", name="Delete permanently").click()
    page.wait_for_url(idle.url + "/")
    assert page.locator(f"input[value='{created}']").count() == 0


def test_pages_are_read_without_javascript(service, window):
    view = window(service, java_script_enabled=False)
    page = view.page
    page.goto("/new")
    page.get_by_label("Model", exact=True).fill((EXAMPLE / "model").as_uri())
    page.get_by_label("Calibration data", exact=True).fill((EXAMPLE / "calibration.tsv").as_uri())
    page.get_by_role("button", name="Check").click()
    page.get_by_text("The model and the data can be used.").wait_for()
    page.get_by_role("button", name="Create job").click()
    page.wait_for_url("**/jobs/job_*")
    page.get_by_role("button", name="Cancel").click()
    assert page.locator(".head .state").inner_text() in ("Canceling", "Canceled")


def test_the_list_changes_while_it_is_looked_at_and_keeps_the_selection(idle, window):
    first = idle.create(labels={"live": "yes"})
    page = window(idle).page
    page.goto("/?label=live%3Ayes")
    page.locator(f"input[value='{first}']").check()
    second = idle.create(labels={"live": "yes"})
    page.locator(f"input[value='{second}']").wait_for()
    assert page.locator(f"input[value='{first}']").is_checked()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("heading", name="Canceled 1 job").wait_for()
    assert idle.call("GET", f"/v1/jobs/{second}")["state"] == "queued"


def test_a_hidden_tab_asks_nothing(idle, window):
    created = idle.create()
    view = window(idle)
    page = view.page
    page.goto(f"/jobs/{created}")
    page.wait_for_timeout(500)
    page.evaluate("""() => {
        Object.defineProperty(document, "hidden", { get: () => true, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }""")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(5_000)
    assert asked == []
    page.evaluate("""() => {
        Object.defineProperty(document, "hidden", { get: () => false, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }""")
    page.wait_for_timeout(1_000)
    assert asked


def test_thousands_of_jobs_are_found_and_paged(idle, window):
    """5,000 jobs are created by the API, one after another on one connection."""
    import http.client
    import json
    import time
    from urllib.parse import urlsplit

    connection = http.client.HTTPConnection(urlsplit(idle.url).netloc)
    body = json.dumps(job(labels={"many": "yes"}))
    for _ in range(5_000):
        connection.request("POST", "/v1/jobs", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert response.status == 202, response.read()
        response.read()
    connection.close()
    page = window(idle).page
    page.goto("/?label=many%3Ayes")
    assert page.get_by_role("link", name="All 5,000").is_visible()
    assert page.locator("tbody tr").count() == 50
    seen = set()
    for _ in range(3):
        seen.update(box.get_attribute("value") for box in page.get_by_role("checkbox").all())
        page.get_by_role("link", name="Older").click()
        page.wait_for_load_state()
    assert len(seen) == 150
    paths = ["/", "/?state=queued", "/?label=many%3Ayes", "/new", "/operations"]
    for path in paths:
        times = []
        for _ in range(5):
            start = time.monotonic()
            idle_page = page.request.get(path)
            times.append(time.monotonic() - start)
            assert idle_page.ok
        # A bound for a slow machine without optimization. The measured times stand in the guide.
        assert min(times) < 1.0, (path, times)
        print(f"{path}: {min(times) * 1e3:.0f} ms")
