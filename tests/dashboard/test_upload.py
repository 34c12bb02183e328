"""Uploads that break and go on."""

import re

from service import EXAMPLE


def test_a_folder_and_a_file_are_uploaded(service, window):
    page = window(service).page
    page.goto("/new")
    page.locator("input[type=file][data-for='model.uri']").set_input_files(EXAMPLE / "model")
    page.get_by_text("uploaded model.tar").wait_for(timeout=180_000)
    page.locator("input[type=file][data-for='calibration.uri']").set_input_files(EXAMPLE / "calibration.tsv")
    page.get_by_text("uploaded calibration.tsv").wait_for(timeout=180_000)
    assert page.get_by_label("Model", exact=True).input_value().startswith("upload://upl_")
    page.get_by_text("The model and the data can be used.").wait_for(timeout=180_000)


def test_an_upload_that_breaks_goes_on_after_the_last_part(service, window, tmp_path):
    # Three parts; the rows are those of the example, again and again.
    rows = (EXAMPLE / "calibration.tsv").read_bytes()
    header, rest = rows.split(b"\n", 1)
    large = tmp_path / "large.tsv"
    with large.open("wb") as file:
        file.write(header + b"\n")
        while file.tell() < 20 << 20:
            file.write(rest)
    view = window(service)
    view.expected = ("Failed to load resource",)
    page = view.page
    state = {"broken": False, "put": []}

    def part(route):
        number = int(route.request.url.split("?")[0].rsplit("/", 1)[1])
        if state["broken"]:
            route.abort("connectionreset")
        else:
            state["put"].append(number)
            route.continue_()
            state["broken"] = len(state["put"]) == 1

    page.route(re.compile("/v1/blobs/upload-parts/"), part)
    # No need to wait as long as a reader would.
    page.add_init_script("{ const real = setTimeout; window.setTimeout = (call, ms, ...rest) => real(call, Math.min(ms, 50), ...rest); }")
    page.goto("/new")
    page.locator("input[type=file][data-for='calibration.uri']").set_input_files(large)
    page.get_by_text("The upload stopped").wait_for(timeout=180_000)
    assert page.get_by_role("button", name="Resume").is_visible()
    state["broken"] = None
    page.unroute(re.compile("/v1/blobs/upload-parts/"))
    sent = []
    page.on("request", lambda request: request.method == "PUT" and sent.append(request.url))
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("uploaded large.tsv").wait_for(timeout=180_000)
    first = state["put"][0]
    assert sent and not any(url.split("?")[0].endswith(f"/{first}") for url in sent), (first, sent)
