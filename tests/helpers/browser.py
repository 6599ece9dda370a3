"""Chromium, driven by playwright, for tests of pages."""

import contextlib
import shutil
from pathlib import Path

PLACES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# `make browser` puts it there; its version stands in the Makefile
AXE = Path(__file__).parents[2] / ".browser" / "node_modules" / "axe-core" / "axe.min.js"


def why_not():
    """Why no page can be opened here, "" where one can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: pip install playwright"
    return "" if program() else "there is no Chromium: apt-get install chromium"


def program():
    """The path of the browser, None without one."""
    return next((path for path in map(shutil.which, PLACES) if path), None)


@contextlib.contextmanager
def chromium():
    """A browser with a new profile."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=program(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page opened from its file: what it logged, and what it asked the network for."""

    def __init__(self, browser, path, *, width=1280, scheme="light", scripts=True):
        self.context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            java_script_enabled=scripts,
            offline=True,
        )
        self.page = self.context.new_page()
        self.messages, self.requests = [], []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", self._note)
        self.page.goto(path.as_uri())

    def _note(self, request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.requests.append(request.url)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()

    def overflow(self):
        """By how many pixels the page is wider than the window."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )

    def serious_findings(self):
        """What axe-core finds that is serious or critical: its rule, and where."""
        self.page.add_script_tag(path=str(AXE))
        found = self.page.evaluate("axe.run()")
        return [
            (rule["id"], node["html"][:120])
            for rule in found["violations"]
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"][:3]
        ]
