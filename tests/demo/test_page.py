"""What the demo's check reads from a page."""

from __future__ import annotations

from pciops.demo.page import Page

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
    links = Page(HTML).links

    assert links == [("/accounts/1/", "O'Brien <ops>"), ("/accounts/2/", "nova")]


def test_the_form_with_a_field_is_found_with_what_it_holds() -> None:
    form = Page(HTML).form_with("reason")

    assert form is not None
    assert form.action == ""
    assert form.fields == {"csrfmiddlewaretoken": "abc", "reason": "", "identity": ""}


def test_no_form_has_an_unknown_field() -> None:
    assert Page(HTML).form_with("password") is None


def test_the_complaint_is_the_alert() -> None:
    assert Page(HTML).complaint() == "✗ Keystone refused <this>."


def test_the_complaint_of_a_page_without_an_alert_is_how_it_begins() -> None:
    assert Page("<h1>Not found</h1>\n<p>Search.</p>").complaint() == "Not found Search."
