"""HtmlPage finds the links, forms and alerts of a page."""

from __future__ import annotations

from pciops.demo.check import HtmlPage

HTML = """
<title>Sign in</title>
<p class="message" role="alert"><span>✗</span> Keystone   refused &lt;this&gt;.</p>
<form action="/search/"><input name="q"></form>
<form method="post">
  <input type="hidden" name="csrfmiddlewaretoken" value="abc">
  <textarea name="reason"></textarea>
  <select name="identity"><option value="ticket">Ticket</option></select>
  <button>Go</button>
</form>
<a href="/accounts/1/"><bdi>O&#x27;Brien &lt;ops&gt;</bdi></a> <a href="/accounts/2/">
  nova</a>
"""


def test_links_have_their_text() -> None:
    links = HtmlPage(HTML).links

    assert links == [("/accounts/1/", "O'Brien <ops>"), ("/accounts/2/", "nova")]


def test_form_with_finds_a_form_with_its_initial_values() -> None:
    form = HtmlPage(HTML).form_with("reason")

    assert form is not None
    assert form.action == ""
    assert form.fields == {"csrfmiddlewaretoken": "abc", "reason": "", "identity": ""}
    assert HtmlPage(HTML).form_with("password") is None


def test_complaint_is_the_alert_or_the_beginning_of_the_page() -> None:
    assert HtmlPage(HTML).complaint() == "✗ Keystone refused <this>."
    assert HtmlPage("<h1>Not found</h1>\n<p>Search.</p>").complaint() == "Not found Search."
