from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0004_every_token_ends")]

    operations = [
        migrations.AlterField(
            model_name="apitoken",
            name="expires_at",
            field=models.DateTimeField(),
        ),
        migrations.RemoveConstraint(model_name="apitoken", name="token_expires_after_it_was_made"),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("created_at"))),
                name="token_expires_after_it_was_made",
            ),
        ),
    ]
