"""The list of incidents: found by words, narrowed by filters, turned page by page at the same cost."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from desk import search
from desk.search import Asked
from incidentdesk.kernel import clock
from incidents.models import Incident
from people.models import User
from tests.desk.doors import signed_in
from tests.factories import T0, commander, make_client, make_incident, make_service, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db


def listed(user: User, **query: Any) -> str:
    response = signed_in(user).get("/incidents/", query)
    assert response.status_code == 200
    return str(response.content.decode())


def keys(html: str) -> list[str]:
    return re.findall(r'<a href="/incidents/([A-Z0-9-]+)/(?:summary/)?" data-row>', html)


def found(**asked: Any) -> list[str]:
    return [row.key for row in search.page(Asked(**asked))[0]]


def copies(many: int) -> None:
    """Many incidents, a minute apart, made by the database: what is measured is reading them."""
    first = make_incident(declared_at=T0)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO incidents_incident (uid, key, kind, time, title, severity, presumed, status, protocol_id,
              fold_version, state, seq, rev, head_hash, opened_at, alert_fired_at, resolved_at, waiting, unanswered, words)
            SELECT gen_random_uuid(), 'INC-2025-' || lpad(n::text, 6, '0'), 'live', 'wall', 'Old trouble ' || n,
              1 + n %% 4, 1, CASE WHEN n %% 1000 = 0 THEN 'monitoring' ELSE 'closed' END, protocol_id, fold_version, state, seq, rev,
              head_hash, %s - n * interval '1 minute', %s - n * interval '1 minute', %s - n * interval '1 minute',
              0, false, to_tsvector('english', 'Old trouble ' || n)
            FROM incidents_incident, generate_series(1, %s) n WHERE key = %s""",
            [T0, T0, T0, many, first.key],
        )
        cursor.execute("ANALYZE incidents_incident")


def test_the_newest_stand_first_with_services_impact_and_time_to_resolve() -> None:
    sarah = commander()
    old = make_incident(by=sarah, declared_at=clock.now() - timedelta(days=2))
    new = make_incident(by=sarah, declared_at=clock.now(), service=make_service("Checkout"))
    Incident.objects.filter(pk=old.pk).update(status="resolved", resolved_at=old.alert_fired_at + minutes(43))

    html = listed(sarah)

    assert keys(html) == [new.key, old.key]
    assert "Checkout" in html
    assert "43 min" in html


@pytest.mark.parametrize(
    "q",
    [
        "disk",
        "Checkout",
        "checko",
        "kestrel",
        "replic fail",
        '"replication failed"',
        "INC-2026-0001",
        "inc-2026-0001",
    ],
)
def test_words_find_by_title_service_client_symptom_key_and_by_how_they_begin(q: str) -> None:
    wanted = make_incident(
        declared_at=T0, service=make_service("Checkout"), title="Disk is full", clients=[make_client().slug],
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE incidents_incident SET words = words || to_tsvector('english', 'replication failed, it fails over') WHERE id = %s",
            [wanted.pk],
        )
    make_incident(declared_at=T0, service=make_service("Ledger"), title="Login is slow")

    assert found(q=q) == [wanted.key]


@pytest.mark.parametrize(
    "q", ["'; DROP TABLE x; --", "& | ! :* <->", '"', "\u202e", "a" * 5000, "OR -", "%", "\\"]
)
def test_any_words_are_answered(q: str) -> None:
    make_incident(declared_at=T0)

    html = listed(commander(), q=q)

    assert "Incidents" in html


def test_filters_narrow_it_and_an_unknown_word_in_the_address_is_none() -> None:
    sarah = commander()
    one = make_incident(by=sarah, severity=1, declared_at=T0)
    three = make_incident(by=sarah, severity=3, declared_at=T0 + minutes(1))
    drill = make_incident(by=sarah, severity=1, declared_at=T0 + minutes(2))
    Incident.objects.filter(pk=drill.pk).update(kind="drill", key="DRILL-0018")
    Incident.objects.filter(pk=one.pk).update(status="closed")

    assert keys(listed(sarah, severity="1")) == ["DRILL-0018", one.key]
    assert keys(listed(sarah, state="closed")) == [one.key]
    assert keys(listed(sarah, state="open", kind="live")) == [three.key]
    assert keys(listed(sarah, state="<b>", severity="9", kind="x", after="nonsense")) == [
        "DRILL-0018",
        three.key,
        one.key,
    ]
    assert "No incident like that." in listed(sarah, severity="4")
    assert "No incident matches “wombat”." in listed(sarah, q="wombat")


def test_pages_follow_each_other_without_gap_or_overlap_and_keep_the_filters() -> None:
    copies(120)
    sarah = commander()
    seen: list[str] = []
    path = "/incidents/?kind=live"
    pages = 0

    while path:
        html = signed_in(sarah).get(path).content.decode()
        seen += keys(html)
        pages += 1
        older = re.search(r'href="([^"]+)" rel="next"', html)
        path = older[1].replace("&amp;", "&") if older else ""
        assert not path or "kind=live" in path

    assert (pages, len(seen), len(set(seen))) == (3, 121, 121)


def test_a_page_far_down_touches_no_more_rows_than_the_first() -> None:
    copies(20_000)
    last = "INC-2025-018000"

    first, deep = _buffers(Asked()), _buffers(Asked(after=last))

    assert deep["rows"] <= first["rows"] + 2  # and the row that the address names, looked up twice
    assert deep["blocks"] <= first["blocks"] * 1.3 + 8


def _buffers(asked: Asked) -> dict[str, int]:
    """Rows and blocks that the statement of a page touches."""
    ran: list[tuple[str, Any]] = []
    with connection.execute_wrapper(
        lambda run, sql, values, many, context: (ran.append((sql, values)), run(sql, values, many, context))[
            1
        ]
    ):
        search.page(asked)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {ran[0][0]}", ran[0][1])
        plan = cursor.fetchone()[0][0]["Plan"]
    return {"rows": _rows(plan), "blocks": plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]}


def _rows(plan: dict[str, Any]) -> int:
    removed = int(plan.get("Rows Removed by Filter", 0))
    own = int(plan["Actual Rows"]) + removed if plan.get("Relation Name") == "incidents_incident" else 0
    return own + sum(_rows(each) for each in plan.get("Plans", ()))


def test_a_page_costs_the_same_number_of_statements_however_many_rows() -> None:
    sarah = commander()
    browser = signed_in(sarah)
    make_incident(by=sarah, declared_at=T0)
    browser.get("/incidents/")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get("/incidents/")
        assert not any("count(" in query["sql"].lower() for query in queries)
        return len(queries)

    one = cost()
    copies(80)

    assert cost() == one
    assert one <= 6


def test_a_rare_word_is_found_by_the_index_and_a_common_one_page_by_page() -> None:
    copies(3_000)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE incidents_incident SET words = to_tsvector('english', 'wombat') WHERE key = 'INC-2025-002999'"
        )

    first, more = search.page(Asked(q="trouble"))
    second, _ = search.page(Asked(q="trouble", after=first[-1].key))

    assert found(q="wombat") == ["INC-2025-002999"]
    assert found(q="wombat", state="open") == []
    assert (len(first), more, len({row.key for row in [*first, *second]})) == (50, True, 100)


def test_people_outside_the_room_get_summaries_and_find_by_title_alone() -> None:
    marcus = make_user("Marcus", roles=["executive"])
    incident = make_incident(
        declared_at=T0,
        service=make_service("Secretive"),
        title="Login fails",
        clients=[make_client("Kestrel").slug],
    )

    html = listed(marcus)

    assert keys(html) == [incident.key]
    assert f"/incidents/{incident.key}/summary/" in html
    assert "Secretive" not in html
    assert keys(listed(marcus, q="login")) == [incident.key]
    assert keys(listed(marcus, q="logi")) == [incident.key]
    assert keys(listed(marcus, q="kestrel")) == []
    assert keys(listed(marcus, q="secretive")) == []
    assert keys(listed(make_user("Cleo", roles=["client_contact"]))) == []


def test_the_list_is_called_what_it_holds_and_every_page_leads_to_it_and_to_declaring() -> None:
    sarah = commander("Sarah")
    browser = signed_in(sarah)

    whole = {path: browser.get(path).content.decode() for path in ("/incidents/", "/runbooks/", "/account/")}

    assert "<title>Incidents: " in whole["/incidents/"]
    for path, html in whole.items():
        assert "Past incidents" not in html
        assert '<a class="btn btn--primary wide-only" href="/declare/"' in html, path
        assert html.count('data-key="/"') == 1, path  # a link to the search, or on the list the search itself
