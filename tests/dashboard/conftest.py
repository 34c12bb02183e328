"""Services and browsers of the tests."""

import os

import pytest
from playwright.sync_api import sync_playwright

from service import Service


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        # Chromium's sandbox does not start as root.
        launched = playwright.chromium.launch(executable_path=os.environ["OPTIN_DASHBOARD_CHROMIUM"], args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    """A service on loopback, which requires no API key."""
    started = Service(tmp_path_factory.mktemp("open"))
    yield started
    started.stop()


@pytest.fixture(scope="session")
def idle(tmp_path_factory):
    """The same without workers: its jobs stay queued."""
    started = Service(tmp_path_factory.mktemp("idle"), "--workers", "0")
    yield started
    started.stop()


@pytest.fixture(scope="session")
def finished(service):
    """A job with a result, and a label that is long."""
    created = service.create(labels={"a-long-name-of-a-label": "and-its-value-without-any-space-in-it"})
    service.wait(created, "succeeded")
    return created


class Window:
    """Pages of one service, which must not ask other origins, break the policy or throw errors."""

    def __init__(self, browser, url, **options):
        self.context = browser.new_context(base_url=url, **options)
        self.context.set_default_timeout(60_000)
        self.page = self.context.new_page()
        self.foreign, self.errors = [], []
        self.expected = ()
        self.context.on("request", lambda request: self._note(request.url, url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("dialog", lambda dialog: self.errors.append(f"a script opened a dialog: {dialog.message}"))

    def _note(self, requested, own):
        if not requested.startswith((own + "/", "blob:" + own, "data:")):
            self.foreign.append(requested)

    def close(self):
        self.context.close()
        assert not self.foreign, self.foreign
        unexpected = [error for error in self.errors if not any(text in error for text in self.expected)]
        assert not unexpected, unexpected


@pytest.fixture
def window(browser):
    """Opens a window on a service."""
    opened = []

    def open_window(service, **options):
        opened.append(Window(browser, service.url, **options))
        return opened[-1]

    yield open_window
    for one in opened:
        one.close()
