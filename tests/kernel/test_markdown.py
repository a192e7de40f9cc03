"""Markdown shows, and cannot act (S25, S27)."""

import pytest

from incidentdesk.kernel.markdown import render


def test_ordinary_markdown_becomes_html_in_one_container_that_htmx_leaves_alone() -> None:
    shown = render(
        "# Restart\n\n1. *Stop* the **pool**\n2. see [the page](https://wiki.example/pool)\n\n`make it so`"
    )

    assert shown.startswith('<div class="prose" dir="auto" hx-disable>')
    assert shown.endswith("</div>")
    assert "<h3>Restart</h3>" in shown
    assert "<em>Stop</em>" in shown
    assert 'href="https://wiki.example/pool"' in shown
    assert 'rel="noopener noreferrer nofollow"' in shown


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '<div hx-get="/incidents/" hx-trigger="load">x</div>',
        "<a hx-on:click='alert(1)' data-hx-post='/x'>x</a>",
        "<svg><animate onbegin=alert(1)></svg>",
        "<math><mtext></mtext></math>",
        "</div><form action='https://evil.example'>",
        "<style>*{display:none}</style>",
    ],
)
def test_raw_html_is_text(hostile: str) -> None:
    inside = render(hostile).removeprefix('<div class="prose" dir="auto" hx-disable>').removesuffix("</div>")

    for tag in ("<script", "<img", "<div", "</div", "<a ", "<svg", "<math", "<form", "<style"):
        assert tag not in inside


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "jav&#9;ascript:alert(1)",
        "jav&#x0A;ascript:alert(1)",
        "&#x6A;avascript:alert(1)",
        "data:text/html;base64,PHNjcmlwdD4=",
        "vbscript:x",
        "//evil.example/x",
        "\\\\evil.example",
        "file:///etc/passwd",
    ],
)
def test_a_link_that_leads_elsewhere_than_it_may_loses_its_address(address: str) -> None:
    shown = render(f"[press](<{address}>) [press][1]\n\n[1]: <{address}>")

    assert "href=" not in shown
    assert "press" in shown


def test_a_picture_is_no_request_to_another_host() -> None:
    shown = render("![x](https://elsewhere.example/pixel.png)")

    assert "<img" not in shown
    assert "src=" not in shown


def test_links_to_this_desk_and_to_mail_stay() -> None:
    shown = render("[a](/incidents/INC-2026-0042/) [b](mailto:desk@example.com)")

    assert 'href="/incidents/INC-2026-0042/"' in shown
    assert 'href="mailto:desk@example.com"' in shown


def test_direction_overrides_do_not_reach_the_page() -> None:
    assert "\u202e" not in render("abc \u202e def")
