"""Sign-in, keyboard, screen readers, and hostile texts."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from service import Service, job

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\"'"


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A service that requires API keys."""
    folder = tmp_path_factory.mktemp("closed")
    tenants = ("research", "other", "team")
    started = Service(folder, "--keys", "required", "--workers", "0", tenants=tenants)
    yield started
    started.stop()


def sign_in(page, key):
    page.goto("/")
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Jobs", exact=True).wait_for()


def test_a_session_ends_with_its_key(closed, window):
    admin = closed.keys["research"]
    view = window(closed)
    view.expected = ("403", "401")
    page = view.page
    page.goto("/")
    assert page.url.endswith("/sign-in")
    page.get_by_label("API key").fill("optk_wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("This API key is not valid.").wait_for()
    sign_in(page, admin)
    # Scripts cannot read the session, and no page contains the key.
    assert page.evaluate("document.cookie") == ""
    assert admin not in page.content()
    created = closed.create(admin)
    page.goto(f"/jobs/{created}")
    page.locator(".head .state.queued").wait_for()
    # Another tenant does not see the job.
    other = window(closed)
    other.expected = ("404",)
    sign_in(other.page, closed.keys["other"])
    other.page.goto(f"/jobs/{created}")
    other.page.get_by_role("heading", name="Not Found").wait_for()
    # The open page leaves as soon as the key is revoked.
    closed.call("DELETE", f"/v1/keys/{admin.split('_')[1]}", key=admin)
    page.get_by_text("Your session has ended").wait_for()


def test_operations_show_a_new_key_once_and_revoke_it(closed, window):
    page = window(closed).page
    sign_in(page, closed.keys["team"])
    page.get_by_role("link", name="Operations").click()
    page.get_by_text("Create a key").click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_label("Scope").select_option("read")
    page.get_by_role("button", name="Create", exact=True).click()
    key = page.locator("#new-key").inner_text()
    assert closed.call("GET", "/v1/jobs", key=key)["data"] == []
    page.goto("/operations")
    assert key not in page.content()
    row = page.get_by_role("row", name="laptop")
    row.get_by_text("Revoke").first.click()
    row.get_by_role("button", name="Revoke laptop").click()
    page.get_by_role("row", name="laptop").get_by_text("revoked").wait_for()


def test_a_webhook_is_created_with_its_events_and_deleted(closed, window):
    key = closed.keys["team"]
    view = window(closed)
    view.expected = ("422",)
    page = view.page
    sign_in(page, key)
    page.get_by_role("link", name="Operations").click()
    page.get_by_text("Create a webhook").click()
    create = page.get_by_role("button", name="Create webhook")
    page.get_by_label("URL").fill("https://127.0.0.1/hook")
    create.click()
    # A private address is rejected at the form, which keeps the URL.
    page.locator("#create-webhook").get_by_role("alert").wait_for()
    assert page.get_by_label("URL").input_value() == "https://127.0.0.1/hook"
    page.get_by_label("URL").fill("https://receiver.example/hook")
    page.get_by_label("job.expired").uncheck()
    page.get_by_label("job.started").check()
    create.click()
    secret = page.locator("#new-secret").inner_text()
    assert secret.startswith("whsec_")
    hook = closed.call("GET", "/v1/webhooks", key=key)["data"][0]
    assert hook["events"] == ["job.started", "job.succeeded", "job.failed", "job.canceled"]
    page.get_by_role("link", name="Back to operations").click()
    assert secret not in page.content()
    page.get_by_text("Delete", exact=True).click()
    # The page is read again every five seconds, and what was opened stays open.
    page.wait_for_timeout(6_000)
    page.get_by_role("button", name="Delete this webhook").click()
    page.get_by_text("A webhook sends the events of jobs to a URL.").wait_for()
    assert closed.call("GET", "/v1/webhooks", key=key)["data"] == []


def test_hostile_texts_do_nothing(idle, window):
    labels = {HOSTILE[:60]: HOSTILE[:60]}
    created = idle.create(model={"uri": job()["model"]["uri"]}, labels=labels)
    page = window(idle).page
    for path in ("/", f"/jobs/{created}", f"/new?from={created}", "/?model=" + "%3Cscript%3Ealert(1)%3C/script%3E"):
        page.goto(path)
        page.wait_for_timeout(300)
        assert page.locator("img, script:not([src])").count() == 0
    page.goto(f"/jobs/{created}")
    assert page.get_by_text(HOSTILE[:30]).first.is_visible()


def test_everything_works_with_the_keyboard(idle, window):
    created = idle.create(labels={"keyboard": "yes"})
    page = window(idle).page
    page.goto("/?label=keyboard%3Ayes")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")

    def until(test, most=60):
        for _ in range(most):
            page.keyboard.press("Tab")
            if page.evaluate(test):
                return
        raise AssertionError(f"the keyboard does not reach {test}")

    until("document.activeElement.matches('td a.main')")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/jobs/{created}")
    until("document.activeElement.textContent === 'Cancel'")
    page.keyboard.press("Enter")
    page.locator(".head .state.canceled").wait_for()
    until("document.activeElement.textContent === 'Delete this job'")
    page.keyboard.press("Enter")
    until("document.activeElement.textContent === 'Delete permanently'")
    page.keyboard.press("Enter")
    page.wait_for_url(idle.url + "/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(service, idle, finished, window, scheme):
    queued = idle.create()
    pages = [
        (service, ["/", f"/jobs/{finished}", "/new", "/operations", f"/compare?job={finished}&job={finished}", "/sign-in"]),
        (idle, [f"/jobs/{queued}", "/?state=failed"]),
    ]
    found = []
    for own, paths in pages:
        page = window(own, color_scheme=scheme).page
        for path in paths:
            page.goto(path)
            for details in page.locator("details").all():
                details.evaluate("element => { element.open = true; }")
            results = Axe().run(page)
            for violation in results.response["violations"]:
                if violation["impact"] in ("serious", "critical"):
                    nodes = [node["html"][:160] for node in violation["nodes"][:4]]
                    found.append((path, violation["id"], nodes))
    assert not found, found


@pytest.mark.parametrize("width", [400, 1400])
def test_no_page_is_wider_than_the_window(service, finished, window, width):
    page = window(service, viewport={"width": width, "height": 800}).page
    for path in ("/", f"/jobs/{finished}", f"/new?from={finished}", "/operations", f"/compare?job={finished}&job={finished}"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
