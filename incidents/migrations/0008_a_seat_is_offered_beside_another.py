"""Stored states are read as they are until the next act folds them anew, so the one offer they knew takes its new place."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def _rewrite(apps: Apps, editor: BaseDatabaseSchemaEditor, change: Any) -> None:
    """Write every state again in which `change` has found something to do; the fold's version stays, so acts refold.

    One short transaction for each, under the lock that acts take: none waits long, and none is written over.
    """
    rows = apps.get_model("incidents", "Incident").objects.using(editor.connection.alias)
    for pk in list(rows.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic(using=editor.connection.alias):
            incident = rows.select_for_update(no_key=True).only("state").get(pk=pk)
            if change(incident.state):
                incident.save(update_fields=["state"])


def _by_seat(state: dict[str, Any]) -> bool:
    if "offer" not in state:
        return False
    one = state.pop("offer")
    state["offers"] = {one["seat"]: {"to": one["to"], "by": one["by"], "seq": one["seq"]}} if one else {}
    return True


def _only_one(state: dict[str, Any]) -> bool:
    if "offers" not in state:
        return False
    several = state.pop("offers")
    seat = max(several, key=lambda each: several[each]["seq"], default=None)
    state["offer"] = {"seat": seat, **several[seat]} if seat else None
    return True


def forth(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """One offer becomes an offer by seat."""
    _rewrite(apps, editor, _by_seat)


def back(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """The newest offer becomes the only one."""
    _rewrite(apps, editor, _only_one)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("incidents", "0007_a_state_is_kept_as_its_text")]
    operations = [migrations.RunPython(forth, back)]
