"""People's addresses in the one form that sign-in compares: the domain in its own script, whichever way it was typed."""

from typing import Any

from django.db import migrations

from incidentdesk.kernel.host_names import known_mail


def in_one_form(apps: Any, schema_editor: Any) -> None:
    users = apps.get_model("people", "User")
    for pk, email in users.objects.values_list("pk", "email"):
        wanted = known_mail(email)
        if wanted != email and not users.objects.filter(email=wanted).exists():
            users.objects.filter(pk=pk).update(email=wanted)


class Migration(migrations.Migration):
    dependencies = [("people", "0007_a_link_to_set_a_password")]

    operations = [migrations.RunPython(in_one_form, migrations.RunPython.noop)]
